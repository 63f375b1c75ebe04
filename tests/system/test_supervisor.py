# SPDX-License-Identifier: Apache-2.0
"""The supervisor's shell as an operator uses it, on its own screen; product `ops`. One boot for all."""
import json
import re
import socket
import time
import urllib.request

import pytest

from lib import PATIENCE, Machine

PROMPT = r"supervisor> "


@pytest.fixture(scope="module")
def shared():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    forward = f"user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:80"
    with Machine("ops", change_command=lambda words: [word.replace("user,id=net0", forward) for word in words]) as machine:
        machine.port = port
        machine.running()
        machine.seen(r"supervisor: life 1; type help")
        machine.key("1", r"supervisor has screen and keyboard")
        yield machine


@pytest.fixture
def shell(shared):
    return Shell(shared)


class Shell:
    def __init__(self, machine):
        self.machine = machine

    def __call__(self, line, *patterns, timeout=30):
        """Type a line; wait for these patterns and the next prompt; returns all that came."""
        place = self.machine.place()
        self.machine.send(line + "\r")
        self.machine.since(place, *patterns, rf"(?s)\n.*{PROMPT}(?=\r|\Z)", timeout=timeout)
        return self.machine.text[place:]

    def state(self, name):
        return re.search(r"\n(\w[\w-]*)\r?\n", self("state " + name))[1]


def test_list_shows_all_and_what_may_be_done_to_them(shell):
    text = shell("list")
    assert re.search(r"NAME +STATE +KIND +CORES +MiB +UP +LIFE +RIGHTS", text)
    assert re.search(r"\ncontrol +running +unikernel +1 +16 +\d+:\d\d +1 +observe, control, dump", text)
    assert re.search(r"\nhello +running +unikernel +1 +16 +\d+:\d\d +1 +observe, control\r?\n", text)
    assert re.search(r"\nguarded +running +unikernel +1 +16 +\d+:\d\d +1 +observe\r?\n", text)
    assert "\nsupervisor " not in text


def test_info_has_counters(shell):
    text = shell("info control")
    assert re.search(r"watchdog +2000 ms, last sign of life \d{1,4} ms ago", text)
    assert re.search(r"exits +\d+: .*cpuid \d+", text)
    assert re.search(r"rights +observe, control, dump", text)


def test_top_shows_rates(shell):
    machine = shell.machine
    place = machine.place()
    machine.send("top 2\rstate guarded\r")  # what is typed ahead neither ends it nor is lost
    machine.since(place, r"\nrunning", rf"state guarded\r?\n(?s:.*){PROMPT}(?=\r|\Z)")
    text = machine.text[place:]
    assert "a partition's own: n/a, nothing samples it" in text
    assert re.search(r"top itself: \d+ us of this core, \d+\.\d{3} %", text)
    assert len(re.findall(r"NAME +STATE +EXITS/s +HV % +DENIED/s +OUTPUT/s +CHANNEL/s +BELL/s +LIFE +RESTARTS +WATCHDOG", text)) == 2
    assert len(re.findall(r"\ncontrol +running +\d+ +\d+\.\d\d +0 +\d+ +0 +0 +1 +0/5 +\d\.\d s", text)) == 2


def test_top_runs_until_a_key(shell):
    machine = shell.machine
    place = machine.place()
    machine.send("top\r")
    machine.since(place, r"(?s)any key ends it.*any key ends it")
    machine.send("x")
    machine.since(place, PROMPT + r"(?=\r|\Z)")
    shell("uptime", r"UTC, the hypervisor is up \d+:\d\d, this partition \d+:\d\d in its life 1")


@pytest.mark.long
def test_top_for_a_minute(shell):
    """Drawn each second over itself; what it says of each partition stays what it is doing. A key ends it, and the shell goes on."""
    machine = shell.machine
    place = machine.place()
    machine.send("top\r")
    machine.drain(60)
    machine.send("x")
    machine.since(place, r"top itself: \d+ us of this core, \d+\.\d{3} %\r?\n" + PROMPT + r"(?=\r|\Z)")
    text = machine.text[place:]
    rounds = text.count("any key ends it")
    assert 40 <= rounds <= 61 and text.count("\x1b[H") == rounds + 1, rounds
    for name, least, most in (("control", 200, 3000), ("hello", 0, 100), ("guarded", 200, 3000)):
        rows = re.findall(rf"\n{name} +running +(\d+) +(\d+\.\d\d) +(\d+) +(\d+) +(\d+) +(\d+) +1 +0/(\d) +(\S+)(?: s)?\r?\n", text)
        assert len(rows) == rounds, (name, len(rows), rounds)
        for row in rows:
            assert int(row[0]) < most and float(row[1]) < 10 and row[2] == row[4] == row[5] == "0" and int(row[3]) < 1000, (name, row)
        assert sorted(int(row[0]) for row in rows)[rounds // 2] >= least, name  # fewer in a second in which the emulator had no processor
    shell("uptime", "UTC, the hypervisor")


def test_keys_of_the_line(shell):
    shell("\x01\x0bli\t", r"\ncontrol +running")
    shell("stat\t he\t", r"\nrunning")
    shell("wrong\x15uptime", "UTC, the hypervisor")
    shell("\x1b[A\x1b[A", r"\nrunning")  # the line before the last
    text = shell("info con\t\t\x17\x17list", r"\nguarded +running")
    assert "info control" in text
    shell("virsh domst\te he\t", r"\nrunning")  # one of theirs behind a name of theirs
    shell("xl upt\t", "UTC, the hypervisor")
    text = shell("st\t\x15", PROMPT)
    assert re.search(r"state  .*start  stop", text)
    machine = shell.machine
    place = machine.place()
    machine.send("never\x03")
    machine.since(place, r"\^C\r?\n" + PROMPT)


def test_stop_and_start(shell):
    shell("stop hello", r"\nhello: stopped")
    assert shell.state("hello") == "stopped"
    assert "hello: stop by order of partition supervisor" in shell.machine.text
    shell("info hello", r"stopped, stopped by: operator")
    shell("stop hello", r"error: stop hello: it is stopped")
    shell("start hello", r"\nhello: running, life 2")
    shell("start hello", r"error: start hello: it is running")
    machine = shell.machine
    place = machine.place()
    machine.send("restart hello\rstate hello\r")  # what is typed ahead is not lost
    machine.since(place, r"\nhello: running, life 3", r"\nrunning", rf"state hello\r?\n(?s:.*){PROMPT}(?=\r|\Z)")


def test_pause_and_resume(shell):
    """It does nothing meanwhile, its watchdog waits, and it goes on where it was."""
    machine = shell.machine
    shell("pause control", r"\ncontrol: paused")
    made = re.search(r"msr_write (\d+)", shell("info control"))[1]
    place = machine.place()
    machine.drain(5)  # two periods of its watchdog
    assert "watchdog" not in machine.text[place:]
    assert shell.state("control") == "paused"
    assert re.search(r"msr_write (\d+)", shell("info control"))[1] == made, "it runs while it is paused"
    shell("pause control", r"error: pause control: it is paused")
    shell("resume control", r"\ncontrol: running, life 1")
    machine.drain(3)
    assert shell.state("control") == "running"
    assert re.search(r"life +1, up", shell("info control"))
    shell("pause control", r"\ncontrol: paused")
    shell("restart control", r"\ncontrol: running, life 2")


def test_console_connects(shell):
    machine = shell.machine
    place = machine.place()
    machine.send("console hello\r")
    machine.since(place, r"connected; Ctrl-\\ leaves")
    machine.send("good morning\r")
    machine.since(place, r"you said: good morning")
    machine.send("\x1c")
    machine.since(place, r"hello: disconnected", PROMPT + r"(?=\r|\Z)")


def test_console_of_one_that_may_only_be_looked_at(shell):
    machine = shell.machine
    place = machine.place()
    machine.send("console guarded\r")
    machine.since(place, "to look at only", "one cycle each 1000 us")
    machine.send("crash\r")
    machine.drain(1)
    machine.send("\x1c")
    machine.since(place, "guarded: disconnected", PROMPT + r"(?=\r|\Z)")
    assert shell.state("guarded") == "running"


def test_log_shows_the_end_and_no_control_characters(shell):
    shell("log hello 1", r"\nyou said: good morning")
    machine = shell.machine
    machine.send("console hello\r")
    machine.expect("connected")
    machine.send("line\r")
    machine.expect("you said: line")
    machine.send("\x1c")
    machine.expect("disconnected")
    text = shell("log hello 3")
    assert "\x1b" not in text
    assert len(re.findall(r"you said", shell("log hello 2"))) <= 2
    shell("log hello x", "error: log hello x: how many lines")


def test_what_is_not_allowed_says_how_to_allow_it(shell):
    shell("stop guarded", r"error: stop guarded: not allowed: name guarded in \.controls of this partition")
    shell("restart nobody", r"error: no partition 'nobody' that this one may observe: list shows them")
    shell("supervise", r"error: no command 'supervise': help lists them")


def test_words_too_few_or_too_many(shell):
    shell("stop", r"error: stop: which partition\? stop NAME; list shows them")
    shell("xl create", r"error: create: which partition\? start NAME")
    shell("stop hello now", r"error: stop: 'now' is a word too many: stop NAME")
    shell("trace hello on twice", r"error: trace: 'twice' is a word too many: trace NAME on\|off\|show")
    shell("virsh", r"error: virsh: what is it to do\? virsh list, say")
    text = shell("help nonsense", r"error: no command 'nonsense': help lists them")
    assert "which partition" not in text and "start it" not in text
    shell("help migrate", "error: migrate: there is no such command: a partition has no state")
    assert shell.state("hello") == "running"


def test_names_of_other_tools(shell):
    shell("virsh list --all", r"\ncontrol +running")
    assert "\ncontrol" not in shell("xl list hello", r"\nhello +running")
    shell("virsh suspend hello", r"\nhello: paused")
    shell("xm unpause hello", r"\nhello: running")
    shell("domstate hello", r"\nrunning")
    shell("destroy hello", r"\nhello: stopped")
    shell("reboot hello", r"\nhello: running, life \d+")
    shell("vcpu-info hello", r"kind +unikernel, 1 core")
    assert "\ncontrol" not in shell("virsh list --inactive", r"RIGHTS\r?\n")
    assert "MiB" not in shell("virsh list --name", r"\nhello\r?\n")
    shell("list --title", r"error: list: no option '--title'")
    shell("virsh dump hello FILE", r"there are no files here", r"error: dump: not allowed")
    shell("virsh start --paused hello", r"error: start --paused: it starts running: start NAME, then pause NAME")
    shell("virsh destroy --help", r"\nstop NAME")
    shell("destroy hello --now", r"error: destroy: no option '--now': stop NAME")
    shell("xl pause 3", r"error: 3: partitions have names here and no numbers: list shows them")
    shell("virsh dumpxml hello", r"error: dumpxml: there is no such command: there is no XML: info NAME shows what is")
    assert shell.state("hello") == "running"
    shell("virsh shutdown --mode acpi hello", r"shutdown: it is not asked to shut down: it is stopped at once", r"\nhello: stopped")
    shell("virsh list --inactive", r"\nhello +stopped")
    shell("start hello", r"\nhello: running, life \d+")
    shell("virsh migrate hello", r"error: migrate: there is no such command: a partition has no state outside its memory")
    shell("setmem hello 5", "memory is given out before the start, none is moved")


def test_health_uptime_and_help(shell):
    assert re.search(r"\nhello +running +\d+ +0/0 +- +\d+  operator +none\r?\n", shell("health"))
    text = shell("help")
    for verb in "list top info console log start stop pause resume restart dump record uptime dmesg health audit trace".split():
        assert re.search(rf"\n{verb}\b.* \w", text), verb
    assert "start it" in shell("help start") and "NAME" in shell("help start")
    shell("help top", "CHANNEL/s: as the writers say themselves")


def test_audit(shell):
    shell("audit", r"ordered: its result is in the hypervisor's log", r"bulkhead\| audit: 4 partitions, .*: 0 findings")
    shell("audit", r"error: audit: there was one within the last 5 seconds")


def test_dmesg_is_the_log_of_the_hypervisor(shell):
    text = shell("dmesg", r"bulkhead\| Bulkhead ", r"hello: stop by order of partition supervisor", timeout=60)
    assert "\x1b" not in text


def test_status_page(shell):
    """For looking only; the shell goes on meanwhile."""
    with urllib.request.urlopen(f"http://127.0.0.1:{shell.machine.port}/status.json", timeout=60 * PATIENCE) as answer:
        others = json.loads(answer.read())["partitions"]
    assert [other["name"] for other in others] == ["control", "hello", "guarded"]
    assert {other["state"] for other in others} == {"running"}
    shell("uptime", "UTC, the hypervisor")


@pytest.mark.long
@pytest.mark.limit(600)
def test_top_costs_little():
    """Under instruction counting, where a microsecond is a thousand instructions, others' among them: less than 0.1 % of a core."""
    def counting(words):
        return [word.replace("thread=multi", "thread=single") for word in words] + ["-icount", "shift=0,sleep=off", "-seed", "1"]

    with Machine("ops", change_command=counting) as machine:
        machine.running(timeout=200)
        machine.seen(r"supervisor: life 1; type help", timeout=100)
        machine.key("1", r"supervisor has screen and keyboard")
        place = machine.place()
        machine.send("top 30\r")
        share = machine.since(place, r"top itself: \d+ us of this core, (\d+\.\d+) %", timeout=200)[1]
        assert float(share) < 0.1, share


def test_the_supervisor_can_be_restarted_and_the_others_go_on(shell):
    machine = shell.machine
    before = re.search(r"hello .* (\d+)  observe", shell("list"))[1]
    place = machine.place()
    machine.attention("r")
    machine.since(place, r"supervisor: life 2; type help", PROMPT + r"(?=\r|\Z)")
    assert re.search(rf"hello +running .* {before}  observe", shell("list"))
    time.sleep(0.1)
