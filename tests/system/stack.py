"""PAM stacks for tests: /etc/pam.d/hubgate with more modules, put back afterwards."""

import contextlib

SERVICE = "/etc/pam.d/hubgate"


@contextlib.contextmanager
def changed(machine, before="", after="", account="", replace=()):
    """Lines around `common-auth`, and in front of the account stack; `replace` names words of the file and what stands for them."""
    text = machine.path(SERVICE).read_text()
    new = text.replace("@include common-auth\n", f"{before}@include common-auth\n{after}", 1)
    new = new.replace("account requisite pam_nologin.so\n", f"{account}account requisite pam_nologin.so\n", 1)
    for old, instead in replace:
        assert old in new, old
        new = new.replace(old, instead)
    machine.path(SERVICE).write_text(new)
    try:
        yield
    finally:
        machine.path(SERVICE).write_text(text)


def answer(machine, connection, reply, *answers):
    """Answers a prompt on the same connection."""
    assert reply["reply"] == "prompt", reply
    return connection.ask("answer", answers=list(answers))


def word(reply):
    """The outcome of a login in one word."""
    assert reply["reply"] == "authenticated", reply
    outcome = reply["outcome"]
    return outcome["reason"]["reason"] if outcome["outcome"] == "refused" else outcome["outcome"]


def asked(reply):
    """The prompts of a reply: style and text of each."""
    assert reply["reply"] == "prompt", reply
    return [(prompt["style"], prompt["text"]) for prompt in reply["prompts"]]
