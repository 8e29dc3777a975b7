"""What `make install` puts down, and what systemd makes of it."""

import difflib
import os
import pathlib
import re
import subprocess

import pytest

from machine import PROJECT, install

UNITS = ["hubgate.socket", "hubgate.service", "hubgate-spawner.socket", "hubgate-spawner.service", "hubgate-accounts.socket", "hubgate-accounts@1.service", "hubgate-quota@1000-1024.service",
         "jupyter@someone.socket", "jupyter@someone.service", "jupyter-named@someone:gpu.socket", "jupyter-named@someone:gpu.service", "hubgate-service@some.service"]
SNAPSHOT = pathlib.Path(__file__).parent / "snapshot"
PROPERTIES = {
    "socket": "Listen SocketUser SocketGroup SocketMode DirectoryMode RemoveOnStop FlushPending Backlog TriggerLimitIntervalUSec",
    "service": """
        AmbientCapabilities CapabilityBoundingSet CPUWeight DynamicUser Environment EnvironmentFiles
        ExecStart ExecReload IOWeight IPAddressAllow IPAddressDeny InaccessiblePaths KillMode LimitCORE LimitNOFILE LockPersonality
        MemoryDenyWriteExecute MemorySwapMax NoNewPrivileges NotifyAccess OOMPolicy OOMScoreAdjust PAMName PrivateDevices
        PrivateIPC PrivateNetwork PrivateTmp PrivateUsers ProcSubset ProtectClock ProtectControlGroups ProtectHome
        ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem ReadWritePaths
        RemoveIPC Requires Restart RestartUSec RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID
        Slice StandardOutput StartLimitIntervalUSec StateDirectory StateDirectoryMode SystemCallArchitectures
        SystemCallErrorNumber TasksMax TimeoutStartUSec TimeoutStopUSec Type UMask User WatchdogUSec WorkingDirectory""",
}


def properties(machine, unit):
    """The unit's settings as systemd has understood them, without what changes from start to start."""
    text = machine.out("systemctl", "show", unit, *(f"--property={name}" for name in PROPERTIES[unit.rsplit(".", 1)[1]].split()))
    text = re.sub(r" ; start_time=.*?}", " }", text)
    # Whatever a unit does not restrict is this kernel's and this host's own.
    text = re.sub(r"=.*cap_sys_admin.*", "=(all)", text)
    tasks = machine.out("systemctl", "show", "--property=DefaultTasksMax", "--value").strip()
    text = re.sub(rf"(?m)^TasksMax={tasks}$", "TasksMax=(a share of what this host can have)", text)
    # The order inside these changes with a daemon-reload.
    text = re.sub(r"(?m)^(Requires|IPAddressAllow|IPAddressDeny)=(.*)$", lambda found: f"{found[1]}=" + " ".join(sorted(found[2].split())), text)
    text = text.replace("WatchdogUSec=infinity", "WatchdogUSec=0")  # the same: none; which one depends on whether it ever ran
    if unit.startswith("jupyter"):
        text = re.sub(r"(?m)^Limit.*\n?", "", text)
    return "".join(f"{line}\n" for line in sorted(text.splitlines()))


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_means_what_the_stored_snapshot_says(machine, unit):
    stored, now = SNAPSHOT / f"{unit}.txt", properties(machine, unit)
    if os.environ.get("HUBGATE_UPDATE_SNAPSHOT"):
        SNAPSHOT.mkdir(exist_ok=True)
        stored.write_text(now)
    changed = list(difflib.unified_diff(stored.read_text().splitlines(), now.splitlines(), "stored", "now", n=0, lineterm=""))
    assert not changed, "look at the difference, then run once with HUBGATE_UPDATE_SNAPSHOT=1:\n" + "\n".join(changed)


def test_systemd_finds_nothing_to_say_about_the_units(machine):
    done = machine.run("systemd-analyze", "verify", "--man=no", *UNITS, "jupyter.slice", "hubgate.slice", check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "hubgate" in line or "jupyter" in line]
    # An assertion about a running system is no fault of the file.
    assert not said, "\n".join(said)


@pytest.mark.parametrize(("unit", "limit"), [("hubgate.service", 2.0), ("hubgate-spawner.service", 5.0), ("hubgate-accounts@1.service", 5.0), ("hubgate-quota@1000-1024.service", 5.0), ("hubgate-service@some.service", 2.5)])
def test_the_exposure_of_a_service_stays_below_its_ratchet(machine, unit, limit):
    overall = machine.out("systemd-analyze", "security", "--no-pager", unit).splitlines()[-1]
    score = float(re.search(r": ([0-9.]+) ", overall)[1])
    assert score <= limit, overall


def test_the_two_server_templates_differ_only_in_whose_they_are():
    def lines(name):
        text = (PROJECT / "systemd" / name).read_text().replace("jupyter-named@", "jupyter@")
        return {line for line in text.splitlines() if line and not line.startswith(("#", "Description="))}
    assert lines("jupyter@.service") ^ lines("jupyter-named@.service") == {
        "User=%i", "User=nobody", "AssertPathExists=/run/systemd/system/%n.d/50-hubgate.conf"}
    assert lines("jupyter@.socket") ^ lines("jupyter-named@.socket") == {"AssertPathExists=/run/systemd/system/%n.d/50-hubgate.conf"}


@pytest.mark.parametrize(("path", "expected"), [
    ("/run/hubgate/gateway.sock", "660 root www-data socket"),
    ("/run/hubgate/spawner.sock", "600 hubgate hubgate socket"),
    ("/run/hubgate/accounts.sock", "600 root root socket"),
    ("/run/jupyter", "750 root www-data directory"),
    ("/run/hubgate/servers", "700 root root directory"),
    ("/run/hubgate/services", "700 root root directory"),
    ("/var/lib/hubgate", "700 hubgate hubgate directory"),
    ("/var/lib/hubgate/hubgate.key", "600 hubgate hubgate regular file"),
    ("/var/lib/hubgate/hubgate.sqlite", "600 hubgate hubgate regular file"),
    ("/etc/hubgate/hubgate.toml", "640 root hubgate regular file"),
    ("/etc/hubgate/spawner.toml", "600 root root regular file"),
    ("/etc/hubgate/tls/server.key", "600 root root regular file"),
    ("/etc/hubgate/tls/ca.key", "600 root root regular file"),
])
def test_owner_and_mode_of_what_matters(hub, path, expected):
    assert hub.machine.out("stat", "-c", "%a %U %G %F", path) == expected


def test_nothing_installed_can_be_written_by_everybody(machine):
    ours = ["/usr/bin/hubgate", "/usr/libexec", "/usr/share/hubgate", "/etc/hubgate", "/etc/pam.d", "/usr/lib/systemd/system"]
    assert machine.out("find", *ours, "-perm", "-0002", "!", "-type", "l") == ""


OURS = re.compile(r"usr/(bin/hubgate$|libexec/hubgate-|share/(hubgate|man)/|lib/(systemd/system|sysusers\.d|tmpfiles\.d)/|lib/sysctl\.d/50-hubgate\.conf$)"
                  r"|etc/(pam\.d/hubgate|nginx/hubgate/|hubgate/nginx\.options)")


def tree(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_installing_again_changes_nothing_and_uninstalling_leaves_only_the_sites_own_files(machine, tmp_path):
    install(tmp_path)
    once = tree(tmp_path)
    assert [path for path in once if not OURS.match(path)] == []
    texts = {path: content for path, content in once.items() if content[:4] != b"\x7fELF" and not path.endswith("render.sh")}
    assert [path for path, content in texts.items() if re.search(rb"@(PREFIX|NGINX_GROUP)@", content) or bytes(PROJECT) in content] == []
    (tmp_path / "etc/pam.d/hubgate").write_text("# the site's own\n")
    install(tmp_path)
    assert tree(tmp_path) == {**once, "etc/pam.d/hubgate": b"# the site's own\n"}
    subprocess.run(["make", "--no-print-directory", "-C", str(PROJECT), "uninstall", f"DESTDIR={tmp_path}"], check=True, capture_output=True)
    assert sorted(tree(tmp_path)) == ["etc/hubgate/nginx.options", "etc/pam.d/hubgate", "etc/pam.d/hubgate-server"]


@pytest.mark.journal(r"Failed at step USER|Failed to determine user credentials|Failed to start jupyter")
@pytest.mark.parametrize("instance", ["nosuchuser", "0day", "1234567"])
def test_a_name_that_is_no_account_starts_nothing(machine, instance):
    unit = f"jupyter@{instance}.service"
    assert machine.run("systemctl", "start", unit, check=False).returncode != 0
    assert machine.show(unit, "MainPID", "ActiveState")["MainPID"] == "0"
    machine.run("systemctl", "stop", f"jupyter@{instance}.socket")
    machine.run("systemctl", "reset-failed", unit, check=False)


@pytest.mark.journal(r"Assertion failed|asserts? failed|Failed to (start|listen on) [Jj]upyter|Dependency failed for [Jj]upyter")
@pytest.mark.parametrize("kind", ["service", "socket"])
def test_a_named_server_without_the_spawners_drop_ins_does_not_start(machine, kind):
    done = machine.run("systemctl", "start", f"jupyter-named@bob:none.{kind}", check=False)
    assert done.returncode != 0 and re.search("ssert|dependency", done.stderr), done.stderr
    assert not machine.path("/run/jupyter/bob:none.sock").exists()
    machine.run("systemctl", "stop", "jupyter-named@bob:none.socket")


def keys_of(page):
    """The keys that a manual page sets out, with their defaults, as a TOML file."""
    text = (PROJECT / "docs/man" / page).read_text().replace(r"\(dq", '"').replace(r"\-", "-")
    return dict(re.findall(r'^\.BR ([\w.]+) " = (.*)"$', text, re.M))


def test_the_manual_pages_name_every_key_with_its_default(machine):
    sample = dict(re.findall(r"(?m)^(\w+) = (.*)$", machine.out("hubgate", "config")))
    assert keys_of("hubgate.toml.5") == sample
    keys = "".join(f"{key} = {value}\n" for key, value in keys_of("hubgate-spawner.8").items())
    machine.write("/root/spawner.toml", keys, 0o600)
    machine.run("/usr/libexec/hubgate-spawner", "--config", "/root/spawner.toml", "--check")


def test_the_manual_page_names_every_command_and_option(machine):
    page = (PROJECT / "docs/man/hubgate.1").read_text().replace("\\-", "-")
    commands = ["gateway", "check", "config", "init", "cert", "health", "user add", "user passwd", "user del", "user lock", "user unlock", "user list", "user import", "import"]
    for command in commands:
        assert command in page
        options = set(re.findall(r"(?<!\w)--[a-z-]+", machine.out("hubgate", *command.split(), "--help"))) - {"--help"}
        assert not [option for option in options if option not in page], command
