"""A class begins: everybody logs in and starts a server within a minute. And what their forgotten tabs do afterwards."""

import collections
import http.client
import os
import pathlib
import re
import threading
import time

import pytest

import crowd
from machine import until
from web import FETCH, PREFIX

STUDENTS = 300
AT_ONCE = 4
DROP_IN = "/run/systemd/system/jupyter@.service.d/crowd.conf"
PROGRAM = "/usr/local/libexec/small-server"


@pytest.fixture(scope="module")
def course(hub):
    """Servers are small ones for a while, and few start at the same time."""
    machine = hub.machine
    crowd.enrol(machine, STUDENTS)
    machine.write(PROGRAM, pathlib.Path(__file__).with_name("small_server.py").read_text(), 0o755)
    machine.write(DROP_IN, f"[Service]\nExecStart=\nExecStart={PROGRAM}\n")
    machine.run("systemctl", "daemon-reload")
    settings = machine.path("/etc/hubgate/hubgate.toml")
    before = settings.read_text()
    settings.write_text(re.sub(r"(?m)^concurrent_spawn_limit *=.*$", f"concurrent_spawn_limit = {AT_ONCE}", before))
    hub.stop_all()
    restart(hub)
    yield hub
    hub.stop_all()
    settings.write_text(before)
    machine.run("rm", DROP_IN)
    machine.run("systemctl", "daemon-reload")
    restart(hub)


def restart(hub):
    hub.machine.run("systemctl", "restart", "hubgate.service")
    until("the login page answers", lambda: hub.browser().get("/hub/login").status == 200, 20)


class Sampler:
    """Something that is looked at again and again while something else happens."""

    def __init__(self, look, every):
        self.seen, self.look, self.every = [], look, every
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.wait(self.every):
            self.seen.append(self.look())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def starting(machine):
    """How many servers systemd is starting."""
    states = ["activating", "start", "start-pre", "start-post"]
    return len(machine.out("systemctl", "list-units", "--no-legend", "--plain", f"--state={','.join(states)}", "jupyter@*.service").splitlines())


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def test_three_hundred_log_in_and_start_within_a_minute_and_each_sees_their_place(course, measured):
    machine = course.machine
    visitor = course.browser()

    def login_page():
        begin = time.monotonic()
        assert visitor.get("/hub/login").status == 200
        return time.monotonic() - begin

    def one(number):
        browser, name = course.browser(), f"student{number:02}"
        answer = browser.login(name, crowd.password(number))
        assert answer.status == 302 and browser.logged_in, (answer.status, answer.words()[:300])
        answer = browser.submit("/hub/home", f"/hub/spawn/{name}")
        assert answer.status == 302 and "/hub/spawn-pending/" in answer.location, (answer.status, answer.words()[:300])
        place = browser.get(f"/hub/spawn-pending/{name}").element("asked")
        return place is not None and "in line" in place[1], browser

    with Sampler(lambda: starting(machine), 0.5) as jobs, Sampler(login_page, 0.1) as pages:
        done = crowd.at_once(STUDENTS, one, within=60, hands=60)
        until("every server runs", lambda: running(machine) == STUDENTS, 180, every=1)
    waited = sum(1 for (place, _), _ in done if place)
    p99 = percentile(pages.seen, 0.99)
    measured("a class of 300 starts within a minute", f"{waited} saw a place in line, at most {max(jobs.seen)} of {AT_ONCE} starts at once, "
             f"login page p99 {p99 * 1000:.0f} ms (100)")
    assert max(jobs.seen) <= AT_ONCE, jobs.seen
    assert waited > 0
    for number in (0, STUDENTS // 2, STUDENTS - 1):
        (_, browser), _ = done[number]
        assert browser.get(f"/user/student{number:02}/").text == f"student{number:02}"
    assert p99 < 0.1, p99


def running(machine):
    return len(machine.out("systemctl", "list-units", "--no-legend", "--plain", "--state=running", "jupyter@*.service").splitlines())


def test_two_hundred_clicks_on_start_are_one_start(course, measured):
    machine, browser = course.machine, course.browser()
    course.stop_all()
    until("nothing runs", lambda: running(machine) == 0, 60)
    browser.login("student00", crowd.password(0))
    token = browser.get("/hub/home").field("_xsrf")
    since = machine.now()

    def click(_):
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://localhost", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
        return browser.request("POST", PREFIX + "/hub/spawn/student00", f"_xsrf={token}", form).status

    assert {status for status, _ in crowd.at_once(200, click, hands=50)} == {302}
    until("it runs", lambda: running(machine) == 1, 30)
    said = machine.journal("--unit=jupyter@student00.service", f"--after-cursor={since}").splitlines()
    started = [line for line in said if "systemd[1]: Started " in line]
    assert len(started) == 1, said
    measured("200 clicks on Start", f"{len(started)} start")


GPUS = {f"GPU-{number}": f"/dev/nvidia{number}" for number in range(4)}


@pytest.fixture
def gpus(course):
    """The host leases four GPUs, and every server needs one."""
    machine = course.machine
    course.stop_all()
    files = [machine.path(path) for path in ("/etc/hubgate/hubgate.toml", "/etc/hubgate/spawner.toml")]
    before = [file.read_text() for file in files]
    table = "".join(f'{gpu} = ["{device}"]\n' for gpu, device in GPUS.items())
    files[0].write_text(before[0].replace("\nprofiles = []\n", "\n") + '[[profiles]]\nname = "gpu"\ngpus = 1\n')
    files[1].write_text(before[1].replace("[gpus.devices]\n", f"[gpus.devices]\n{table}"))
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    restart(course)
    yield course
    course.stop_all()
    for file, text in zip(files, before):
        file.write_text(text)
    machine.run("systemctl", "stop", "hubgate-spawner.service")
    restart(course)


def leased(machine, number):
    """The GPU that a student's server has by its environment, where it may open the device of that one."""
    unit = f"jupyter@student{number:02}.service"
    shown = dict(line.split("=", 1) for line in machine.out("systemctl", "show", unit, "-pActiveState", "-pMainPID", "-pDevicePolicy", "-pDeviceAllow").splitlines())
    if shown["ActiveState"] != "active":
        return None
    words = machine.path(f"/proc/{machine.pid_of(unit)}/environ").read_bytes().split(b"\0")
    gpu = next(word.removeprefix(b"CUDA_VISIBLE_DEVICES=").decode() for word in words if word.startswith(b"CUDA_VISIBLE_DEVICES="))
    assert shown["DevicePolicy"] == "closed"
    assert set(re.findall("/dev/nvidia[0-9]", shown["DeviceAllow"])) == {GPUS[gpu]}, shown
    return gpu


def test_six_ask_for_four_gpus_four_have_one_each_and_two_wait_and_see_their_place(gpus, measured):
    machine, browsers = gpus.machine, [gpus.browser() for _ in range(6)]
    for number, browser in enumerate(browsers):
        browser.login(f"student{number:02}", crowd.password(number))
        answer = browser.submit("/hub/home", f"/hub/spawn/student{number:02}")
        assert answer.status == 302, answer.words()[:300]
    until("four run", lambda: running(machine) == 4, 30)
    assert {leased(machine, number) for number in range(4)} == set(GPUS)
    words = [browsers[number].get(f"/hub/spawn-pending/student{number:02}").element("asked")[1] for number in (4, 5)]
    assert all("in line for a GPU" in said for said in words) and "1" in words[0] and "2" in words[1], words
    machine.run("systemctl", "reload", "hubgate.service")
    until("the next gateway answers", lambda: browsers[5].get("/hub/home").status == 200, 20)
    again = [browsers[number].get(f"/hub/spawn-pending/student{number:02}").element("asked")[1] for number in (4, 5)]
    assert again == words, "a reload keeps the line"
    freed, took = [leased(machine, 0), leased(machine, 1)], []
    for number, end in ((0, ["stop"]), (1, ["kill", "--kill-whom=all", "--signal=KILL"])):
        begin = time.monotonic()
        machine.run("systemctl", *end, f"jupyter@student{number:02}.service")
        until("the next one has it", lambda: leased(machine, number + 4) is not None, 30)
        took.append(time.monotonic() - begin)
        assert leased(machine, number + 4) == freed[number]
    measured("six starts, four GPUs", f"four have one each, two wait at places 1 and 2; ready {took[0]:.1f} s after a stop and {took[1]:.1f} s after a kill (1 s is the server's own)")
    assert max(took) < 5, took


TABS = 500 * 3
HANDS = 20
MINUTES = 10
# JupyterLab's polls wait twice as long after each failure, from 10 s to 5 min. Every third tab is of an application that knows no such patience.
PATIENT = [10, 30, 70, 150, 310, 610]
IMPATIENT = range(10, 60 * MINUTES, 10)
ASKED = ["api/kernels?1", "api/sessions?1", "api/terminals?1"]


def polls():
    """What so many tabs ask in so many minutes, in its order."""
    for tab in range(TABS):
        name = f"student{tab // 5:02}"
        for path, times in zip(ASKED, [IMPATIENT, (), ()] if tab % 3 == 2 else [PATIENT] * 3):
            yield from ((at + tab / TABS * 10, name, path) for at in times if at < 60 * MINUTES)


def test_forgotten_tabs_start_nothing_and_cost_next_to_nothing(course, measured):
    """Ten minutes of polls, asked as fast as they are answered: what they cost is compared with ten minutes."""
    machine = course.machine
    course.stop_all()
    until("nothing runs", lambda: running(machine) == 0, 60)
    browsers = {f"student{number:02}": course.browser() for number in range(STUDENTS)}
    for number, browser in enumerate(browsers.values()):
        browser.login(f"student{number:02}", crowd.password(number))
    asked = [(name, path) for _, name, path in sorted(polls())]
    gateway = machine.pid_of("hubgate.service")
    answers = collections.Counter()

    def ask(polls):
        def hand(number):
            link, seen = Link(course), collections.Counter()
            for name, path in polls[number::HANDS]:
                seen[link.poll(browsers[name], f"/user/{name}/{path}")] += 1
            return seen

        for seen, _ in crowd.at_once(HANDS, hand, hands=HANDS):
            answers.update(seen)

    before, size = cpu_s(machine, gateway), logged(machine)
    # The first tenth opens what nginx keeps open to the gateway, however many tabs there are.
    ask(asked[: len(asked) // 10])
    files = open_files(machine, gateway)
    ask(asked[len(asked) // 10 :])
    used = cpu_s(machine, gateway) - before
    share = used / (60 * MINUTES)
    grown = logged(machine) - size
    measured("1,500 forgotten tabs for ten minutes", f"{len(asked)} polls, no start, gateway {share * 100:.1f} % of a core (5), logs {grown / 1000:.0f} kB (1000), "
             f"open files {files} and {open_files(machine, gateway)}")
    assert running(machine) == 0 and starting(machine) == 0
    assert set(answers) == {424}, answers
    assert share < 0.05
    assert grown < 1_000_000
    until("the gateway has no more files open than before", lambda: open_files(machine, gateway) <= files + 5, 30)


class Link:
    """A connection that stays open, as a browser's does."""

    def __init__(self, hub):
        self.hub, self.connection = hub, None

    def poll(self, browser, path):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("localhost")
            self.connection.sock = browser.open()
        self.connection.request("GET", PREFIX + path, headers=browser.headers(FETCH))
        reply = self.connection.getresponse()
        reply.read()
        if reply.will_close:
            self.connection.close()
            self.connection = None
        return reply.status


def cpu_s(machine, pid):
    """CPU time of a process so far."""
    fields = machine.path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(machine, pid):
    return len(machine.out("ls", f"/proc/{pid}/fd").splitlines())


def logged(machine):
    """Bytes of nginx's logs and of the gateway's own lines."""
    journal = len(machine.journal("--unit=hubgate.service", "--unit=hubgate-spawner.service"))
    return journal + sum(file.stat().st_size for file in machine.path("/var/log/nginx").glob("*.log"))
