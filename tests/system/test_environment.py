"""What a person finds in their kernels and terminals: the site's files, their own, PAM's, and what the profile chooses."""

import json

import pytest

import units
from machine import until
from pages import start

SWITCH = "/etc/hubgate/server.env"
SETTINGS, POLICY = "/etc/hubgate/hubgate.toml", "/etc/hubgate/spawner.toml"


def variables(machine, user):
    """The environment of a user's server, which kernels and terminals inherit."""
    raw = machine.path(f"/proc/{machine.pid_of(f'jupyter@{user}.service')}/environ").read_bytes()
    pairs = (pair.partition("=") for pair in raw.decode().split("\0") if pair)
    return {name: value for name, _, value in pairs}


def run(machine, browser, user):
    start(browser, user)
    until(f"{user}'s server runs", lambda: units.phase(machine, user) == "running", 60)


@pytest.fixture
def switched(fresh):
    """The site has servers run with what a login shell sets."""
    machine = fresh.machine
    machine.write(SWITCH, "HUBGATE_LOGIN_SHELL=1\n")
    machine.write("/etc/profile.d/site.sh", "export SITE_LICENCE=27000@licences\n")
    machine.write("/etc/security/pam_env.conf", "FROM_PAM DEFAULT=pam\n")
    yield fresh
    fresh.stop_all()
    machine.run("sh", "-c", f"rm -f {SWITCH} /etc/profile.d/site.sh /home/bob/.bash_profile /home/bob/.bashrc; : > /etc/security/pam_env.conf")


def test_what_the_site_the_person_and_pam_set_is_there(switched):
    machine, browser = switched.machine, switched.visitor("bob")
    machine.write("/home/bob/.bash_profile", "export COURSE=physics\nexport PATH=$HOME/tools:$PATH\n. ~/.bashrc\n")
    machine.write("/home/bob/.bashrc", "export FROM_BASHRC=1\n")
    run(machine, browser, "bob")
    found = variables(machine, "bob")
    wanted = {"SITE_LICENCE": "27000@licences", "COURSE": "physics", "FROM_BASHRC": "1", "FROM_PAM": "pam"}
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["PATH"].split(":")[:2] == ["/opt/hubgate/venv/bin", "/home/bob/tools"]
    kernel = browser.request("GET", "/jupyterhub/user/bob/api/status")
    assert kernel.status == 200


def test_a_shell_that_hangs_delays_nothing_and_lab_says_so(switched):
    machine, browser = switched.machine, switched.visitor("bob")
    machine.write("/home/bob/.bash_profile", "export COURSE=physics\n. ~/.bashrc\n")
    machine.write("/home/bob/.bashrc", "read answer < /dev/zero\n")
    run(machine, browser, "bob")
    assert "COURSE" not in variables(machine, "bob")
    assert "was not ready within 5 s" in machine.journal("-u", "jupyter@bob.service")
    banners = lambda: [banner["id"] for banner in browser.fetch("/hub/notices/bob").json()["banners"]]  # noqa: E731
    until("Lab says so", lambda: "shell" in banners(), 5)


def test_without_the_switch_no_shell_is_asked(fresh):
    machine, browser = fresh.machine, fresh.visitor("bob")
    machine.write("/home/bob/.bash_profile", "export COURSE=physics\n")
    try:
        run(machine, browser, "bob")
        assert "COURSE" not in variables(machine, "bob")
    finally:
        machine.run("rm", "/home/bob/.bash_profile")


@pytest.fixture
def profiles(fresh):
    """A profile with an environment of its own and a module; another names an environment that root's file does not."""
    machine = fresh.machine
    settings, policy = machine.path(SETTINGS), machine.path(POLICY)
    before = settings.read_text(), policy.read_text()
    ml = ('[[profiles]]\nname = "ml"\npython = "ml"\nmodules = ["cuda/12"]\nenvironment = { DATA = "/srv/data" }\n'
          '[[profiles]]\nname = "gone"\npython = "gone"\n'
          '[[profiles]]\nname = "bare"\ncommand = "server"\nmem_limit = "1G"\nread_only_paths = ["/srv"]\n')
    settings.write_text(before[0].replace("\nprofiles = []\n", "\n") + ml)
    policy.write_text(before[1].replace("\nenvironments = {}\n", '\nenvironments = { ml = "/srv/ml" }\n'))
    machine.run("sh", "-euc", "mkdir -p /srv; ln -sfn /opt/hubgate/venv /srv/ml")
    machine.write("/etc/profile.d/modules.sh", 'module() { export LOADED="$2"; }\n')
    machine.run("systemctl", "restart", "hubgate.service")
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    until("the login page answers", lambda: fresh.browser().get("/hub/login").status == 200, 20)
    yield fresh
    fresh.stop_all()
    settings.write_text(before[0])
    policy.write_text(before[1])
    machine.run("rm", "/srv/ml", "/etc/profile.d/modules.sh")
    machine.run("systemctl", "restart", "hubgate.service")
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    until("the login page answers", lambda: fresh.browser().get("/hub/login").status == 200, 20)


@pytest.mark.journal(r"hubgate")
def test_a_profile_chooses_environment_modules_and_variables_and_only_what_root_has_named(profiles):
    machine, browser = profiles.machine, profiles.visitor("bob")
    answer = browser.submit("/hub/home", "/hub/spawn/bob", profile="ml")
    assert answer.status == 302, answer.words()[:300]
    until("bob's server runs", lambda: units.phase(machine, "bob") == "running", 60)
    found = variables(machine, "bob")
    assert (found["LOADED"], found["DATA"]) == ("cuda/12", "/srv/data")
    assert found["PATH"].split(":")[0] == "/srv/ml/bin"
    assert json.loads(browser.get("/user/bob/api/status").text)["kernels"] == 0
    profiles.stop_all()
    until("it is stopped", lambda: units.phase(machine, "bob") == "stopped", 30)
    refused = browser.submit("/hub/home", "/hub/spawn/bob", profile="gone")
    assert refused.status >= 400 and units.phase(machine, "bob") == "stopped", refused.status


@pytest.mark.journal(r"hubgate")
def test_a_profile_chooses_the_program_and_closes_paths_for_its_servers_alone(profiles):
    machine, browser = profiles.machine, profiles.visitor("bob")
    shown = lambda: (machine.path(f"/proc/{machine.pid_of('jupyter@bob.service')}/cmdline").read_bytes(),  # noqa: E731
                     machine.out("systemctl", "show", "jupyter@bob.service", "--property=ReadOnlyPaths", "--value"))
    for profile, program, closed in (("bare", b"server", "/srv"), ("ml", b"lab", "")):
        assert browser.submit("/hub/home", "/hub/spawn/bob", profile=profile).status == 302
        until("bob's server runs", lambda: units.phase(machine, "bob") == "running", 60)
        words, paths = shown()
        assert words.split(b"\0")[1].endswith(b"/jupyter-" + program) and paths.strip().lstrip("-") == closed, (words, paths)
        assert variables(machine, "bob").get("MEM_LIMIT") == ("1073741824" if closed else None)
        assert browser.get("/user/bob/api/status").status == 200
        profiles.stop_all()
        until("it is stopped", lambda: units.phase(machine, "bob") == "stopped", 30)
