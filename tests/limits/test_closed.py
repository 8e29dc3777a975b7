"""Paths that a profile closes to its servers."""


def test_what_is_read_only_is_read_and_what_is_hidden_is_not_there(hub, start, measured):
    hub.machine.run("sh", "-euc", "mkdir -p '/srv/a b' /srv/solutions; echo 1 > '/srv/a b/data'; chmod -R 777 /srv; echo x > /srv/solutions/1")
    paths = {"read_only": ["/srv/a b", "/srv/not there"], "hidden": ["/srv/solutions"]}
    server = start("alice", manner=paths)
    assert server.ask("list", path="/srv/a b") == ["data"]
    assert server.ask("reach", path="/srv/a b/data") == "EROFS"
    assert server.ask("reach", path="/srv/solutions/1") in ("EACCES", "ENOENT")
    other = start("bob")
    assert other.ask("reach", path="/srv/a b/data") == "opened"
    server.stop()
    again = start("alice")
    assert again.ask("reach", path="/srv/a b/data") == "opened"
    measured("read_only and hidden", "EROFS and gone for that server, open for the others and for its next start without them")
