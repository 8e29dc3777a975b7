"""People of a directory: Debian's slapd, reached by PAM and NSS through nslcd."""

import time

import pytest

from machine import until

PASSWORD = "directory pass 1"
SLAPD = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile /run/slapd-test.pid
database mdb
suffix "dc=test"
rootdn "cn=admin,dc=test"
directory /var/lib/ldap-test
access to attrs=userPassword by anonymous auth by * none
access to * by * read
"""
PEOPLE = f"""
dn: dc=test
objectClass: dcObject
objectClass: organization
o: test
dc: test

dn: uid=ldapuser,dc=test
objectClass: inetOrgPerson
objectClass: posixAccount
uid: ldapuser
cn: Person of the directory
sn: Person
uidNumber: 20001
gidNumber: 20001
homeDirectory: /home/ldapuser
loginShell: /bin/bash
userPassword: {PASSWORD}

dn: cn=ldapuser,dc=test
objectClass: posixGroup
cn: ldapuser
gidNumber: 20001
"""
# Local people are local: their groups are not looked for in a directory that may not answer.
NSLCD = """
uid nslcd
gid nslcd
uri ldap://127.0.0.1/
base dc=test
bind_timelimit 1
timelimit 1
reconnect_sleeptime 1
reconnect_retrytime 1
nss_initgroups_ignoreusers ALLLOCAL
"""


@pytest.fixture(scope="module")
def directory(hub):
    machine = hub.machine
    switch = machine.path("/etc/nsswitch.conf").read_text()
    machine.write("/etc/ldap/test.conf", SLAPD)
    machine.write("/etc/ldap/test.ldif", PEOPLE.lstrip())
    machine.write("/etc/nslcd.conf", NSLCD, 0o600)
    machine.run("mkdir", "-p", "/var/lib/ldap-test")
    machine.run("slapadd", "-f", "/etc/ldap/test.conf", "-l", "/etc/ldap/test.ldif")
    machine.run("systemd-run", "--unit=directory", "slapd", "-d", "0", "-h", "ldap://127.0.0.1/", "-f", "/etc/ldap/test.conf")
    lines = [line + " ldap" if line.split(":")[0] in ("passwd", "group", "shadow") else line for line in switch.splitlines()]
    machine.write("/etc/nsswitch.conf", "\n".join(lines) + "\n")
    machine.run("pam-auth-update", "--package", "--enable", "ldap")
    machine.run("systemctl", "start", "nslcd")
    until("the directory's person is known", lambda: machine.run("id", "ldapuser", check=False).returncode == 0, 20)
    # A daemon that runs has read the switch before.
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    yield hub
    machine.run("pam-auth-update", "--package", "--remove", "ldap")
    machine.write("/etc/nsswitch.conf", switch)
    machine.run("systemctl", "stop", "nslcd", "directory", "hubgate-spawner.service", check=False)


def test_a_person_of_the_directory_logs_in_and_gets_a_home(directory):
    machine, browser = directory.machine, directory.browser()
    answer = browser.login("ldapuser", PASSWORD)
    assert browser.logged_in, (answer.status, answer.words()[:500])
    machine.run("systemctl", "start", "jupyter@ldapuser", timeout=130)
    try:
        assert machine.out("stat", "-c", "%u", "/home/ldapuser") == "20001"
        pid = machine.pid_of("jupyter@ldapuser.service")
        assert machine.out("stat", "-c", "%u", f"/proc/{pid}") == "20001"
    finally:
        machine.run("systemctl", "stop", "jupyter@ldapuser", check=False)
    assert not (browser := directory.browser()).login("ldapuser", "wrong").status == 302 and not browser.logged_in


@pytest.mark.journal("nslcd|ldap|LDAP server|the user database cannot be read|authenticate user=ldapuser|account user=ldapuser|ldap_result|Can't contact|failed to bind")
def test_a_directory_that_does_not_answer_costs_only_its_own_people(directory):
    machine = directory.machine
    machine.run("systemctl", "kill", "--signal=STOP", "directory")
    try:
        begin = time.monotonic()
        answer = (browser := directory.browser()).login("ldapuser", PASSWORD)
        took = time.monotonic() - begin
        assert not browser.logged_in and took < 10, (answer.status, took)
        assert answer.status == 503, (answer.status, answer.words()[:400])
        begin = time.monotonic()
        directory.visitor("alice")
        assert time.monotonic() - begin < 5
    finally:
        machine.run("systemctl", "kill", "--signal=CONT", "directory")
    until("the directory's person can log in again", lambda: directory.browser().login("ldapuser", PASSWORD).status == 302, 30, 1)
