# SPDX-License-Identifier: Apache-2.0
"""The console as a person uses it: views, keys, commands. One boot of `minimal` for all tests but the last."""
import re
import time

import pytest

from lib import CORES, DEFAULT_BOARD, ROOT, VMX, Machine

LINE = re.compile(r"\[ *\d+\.\d{6}\] (bulkhead|hello|loop)\| ")


@pytest.fixture(scope="module")
def shared():
    with Machine("minimal") as machine:
        machine.running()
        machine.seen(r"hello\| argument 1: minimal", r"loop\| loop: life 1")
        yield machine


@pytest.fixture
def machine(shared):
    """The shared machine, in the view of all, hello at the keyboard."""
    shared.keyboard("hello")
    return shared


def test_every_line_has_time_and_name(shared):
    text = shared.text[shared.text.index("[    0.000000] bulkhead| ") : shared.text.rindex("\n")]
    for line in text.splitlines():
        assert LINE.match(line), repr(line)
    stamps = [float(stamp) for stamp in re.findall(r"^\[ *(\d+\.\d{6})\] bulkhead", text, re.M)]
    assert stamps == sorted(stamps)


def test_typed_line_is_answered(machine):
    machine.type("good morning\r", r"\] hello\| you said: good morning")
    machine.type("and again\r", r"\] hello\| you said: and again")


def test_line_can_be_corrected(machine):
    machine.type("godd\x7f\x7fod\r", r"you said: good[\r\n]")


def test_focus_gives_keyboard_and_raw_screen(machine):
    machine.key("2", "loop has screen and keyboard")
    machine.type("stats\r", r"^cycles \d+, interval min", r"^  off by < +\d+ us: \d+")  # no time, no name
    machine.key("1", "hello has screen and keyboard")
    machine.type("raw\r", r"^you said: raw")


def test_screen_shows_the_past_of_a_partition(machine):
    machine.key("2", r"^loop: life \d+, one cycle each 1000 us")


def test_focused_screen_hides_other_partitions(machine):
    place = machine.place()
    machine.key("2", "loop has screen and keyboard")
    machine.drain(11)  # hello says each 10 s that it lives
    assert "alive for" not in machine.text[place:]
    machine.key("a", r"hello\| alive for \d+ s", timeout=15)


def test_keys_go_to_the_last_focused_in_the_view_of_all(machine):
    machine.keyboard("loop")
    machine.type("help\r", r"\] loop\| stats   jitter of the loop")


def test_unknown_partition_number(machine):
    for number in "0", "3", "9":
        machine.key(number, f"there is no partition {number}")
    machine.type("still here\r", "you said: still here")


def test_list(machine):
    machine.key("l", r"\* 1 hello +running +1 cores +16 MiB, started \d+ times", r"  2 loop +running +1 cores +16 MiB, started")


def test_counters(machine):
    machine.key("c", r"core \d, hello/0: \d+ us in the hypervisor", r"  kick \d+ ", r"core \d, loop/0: \d+ us in", r"  cpuid \d+  ")


def test_sep1_audit_on_demand(machine):
    machine.key("v", rf"audit: 2 partitions, {CORES} cores, \d+ leaves, .*: 0 findings")


@pytest.mark.parametrize("key", ["?", "x", "\r", "\x00", "\x7f"])
def test_help(machine, key):
    machine.key(key, r"1\.\.2 a partition's screen and keyboard, a the view of all", r"l list .* c exit counters, v audit .* r restart",
                "s its last stops, q power off, . this help; the attention key again sends it")


def test_restart_of_the_focused_partition(machine):
    machine.keyboard("loop")
    machine.key("r", "partition loop: operator,.* action: restart", "partition loop: running, life 2", r"loop\| loop: life 2")
    machine.key("l", r"1 hello +running .* started 1 times", r"2 loop +running .* started 2 times, 0 bytes of output lost")


def test_exit_status_is_shown_and_housekeeping_goes_on(machine):
    """hello's core drives console and tick: it does so, too, while its partition is stopped."""
    machine.type("exit 42\r", r"partition hello: exit, value 0x2a,", "partition hello: stopped")
    machine.key("l", r"1 hello +stopped .*stopped by: exit")
    machine.key("r", "partition hello: running, life 2", r"hello\| hello from hello, life 2")
    machine.type("back\r", "you said: back")


def test_last_stops(machine):
    """Of the partition at the keyboard, newest last, no more than eight; its neighbour's are not among them."""
    machine.type("exit 7\r", "partition hello: stopped")
    machine.key("r", r"hello\| hello from hello")
    machine.key("s", r"partition hello: \d stops?, the last ones?:",
                r"bulkhead\|   life \d, until \d+\.\d{6} s: exit, value 0x7, address 0x0, vcpu 0 at 0x[0-9a-f]+; action: stop")
    machine.keyboard("loop")
    life = int(machine.key("l", r"2 loop +running .* started (\d+) times")[1])
    for i in range(9):
        machine.key("r", rf"partition loop: running, life {life + i + 1},")
    place = machine.place()
    machine.key("s", rf"partition loop: {life + 8} stops, the last ones:", rf"life {life + 8}, until .*\n")
    lines = re.findall(r"bulkhead\|   life (\d+), until [\d.]+ s: (\w+), .* action: restart", machine.text[place:])
    assert lines == [(str(life + i), "operator") for i in range(1, 9)]


def counts(machine, name):
    """The exit counters of a partition of one core."""
    row = machine.key("c", rf"core \d, {name}/0: \d+ us .*\s+\[[^|]*\| +(.*)[\r\n]")[1]
    return {kind.strip(): int(count) for kind, count in re.findall(r"([a-zA-Z_ ]+) (\d+)", row)}


def test_perf1_steady_state_exits(machine):
    """On an xAPIC a running partition still exits for its timer and EOI, which are MSR writes of the x2APIC front end; nothing else
    exits, and nothing at all on an x2APIC (test_steady.py). The housekeeping core is kicked by the tick."""
    timer = set() if VMX else {"msr_write", "of these for the local APIC"}
    before = {name: counts(machine, name) for name in ("hello", "loop")}
    time.sleep(3)
    after = {name: counts(machine, name) for name in ("hello", "loop")}
    for name, allowed in ("loop", timer), ("hello", {*timer, "kick", "hypercall"}):
        grown = {kind for kind in after[name] if after[name][kind] != before[name].get(kind, 0)}
        assert grown <= allowed, f"{name}: {before[name]} -> {after[name]}"
    assert VMX or after["loop"]["msr_write"] > before["loop"]["msr_write"]


def test_board_moves_the_attention_key(tmp_path):
    """Also: a board outside the tree."""
    board = tmp_path / "ctrl-a"
    board.mkdir()
    source = ROOT / "board" / DEFAULT_BOARD
    (board / "board.mk").write_text((source / "board.mk").read_text())
    (board / "board.c").write_text((source / "board.c").read_text().replace("board board = {\n", "board board = {\n    .attention = 1,\n"))
    with Machine("minimal", board, attention=b"\x01") as machine:
        machine.running()
        machine.key("1", "hello has screen and keyboard")
        machine.send("\x1dq\r")  # Ctrl-] is a key like any other
        machine.type("still there\r", "you said: still there")
        machine.attention("q")
        assert machine.powered_off() == 0
