# SPDX-License-Identifier: Apache-2.0
"""Partitions that hang, crash, exit and restart, as their tables say, while others go on."""
import re

import pytest

from lib import CORES, Machine

LIFE = "tests/system/products/life"


@pytest.fixture(scope="module")
def shared():
    with Machine(LIFE) as machine:
        machine.running()
        machine.seen(r"worker\| worker: life 1, .* watchdog 5000 ms", r"frail\| frail: life 1, .* watchdog 5000 ms")
        yield machine


@pytest.fixture
def machine(shared):
    shared.attention("a")
    return shared


def state(machine, name):
    """The partition's line of the list."""
    return machine.key("l", rf"\d {name} +\S+ .*started \d+ times.*")[0]


def keeper_lives(machine, word):
    """The neighbour answers, and has never been restarted."""
    machine.keyboard("keeper")
    machine.type(f"{word}\r", rf"\] keeper\| you said: {word}")
    assert re.search(r"running .* started 1 times", state(machine, "keeper"))


def restarted(name, life):
    return rf"partition {name}: running, life {life},", rf"\] {name}\| {name}: life {life}"


def restart(machine, name, life):
    """By hand."""
    machine.keyboard(name)
    machine.key("r", *restarted(name, life))


def test_partition_that_waits_is_started_by_hand(machine):
    assert "partition spare: not started: its table says so" in machine.text
    assert "created" in state(machine, "spare")
    machine.keyboard("spare")
    machine.key("r", "partition spare: running, life 1", "spare: life 1, one cycle each 2000 us, no watchdog")


def test_sep4_hang_is_ended_by_the_watchdog_while_others_go_on(machine):
    machine.keyboard("worker")
    place = machine.place()
    machine.type("hang\r", r"worker\| hanging")
    machine.keyboard("keeper")
    machine.type("meanwhile\r", "you said: meanwhile")
    assert "running" in state(machine, "worker")  # its period is 5 s
    machine.since(place, r"partition worker: watchdog, .* at 0x[0-9a-f]+; action: restart")
    keeper_lives(machine, "unharmed")
    machine.since(place, *restarted("worker", 2))


def test_sep4_crash_is_recorded_and_restarted_after_the_back_off(machine):
    machine.keyboard("worker")
    place = machine.place()
    record = machine.type("crash\r", r"worker\| crashing",
                          r"worker: trap, value 0x([0-9a-f]+), address 0x([0-9a-f]+), vcpu 0 at 0x([0-9a-f]+); action: restart")
    assert int(record[1], 16) == 14  # page fault
    assert 0x100000 <= int(record[2], 16) < 0x200000 and 0x100000 <= int(record[3], 16) < 0x200000  # instruction, last call
    machine.since(place, "unexpected #PF on core 0", "cr2 0000000000000008")
    assert "back-off" in state(machine, "worker")
    keeper_lives(machine, "unshaken")
    machine.since(place, *restarted("worker", 3))


def test_restart_limit(machine):
    """Two restarts are used up; the table allows three in ten minutes."""
    machine.keyboard("worker")
    machine.type("crash\r", *restarted("worker", 4))
    place = machine.place()
    machine.type("crash\r", "partition worker: stopped: 3 restarts within 600000 ms are the table's limit")
    machine.drain(4)
    assert "partition worker: running" not in machine.text[place:]
    assert re.search(r"stopped .*stopped by: trap", state(machine, "worker"))
    keeper_lives(machine, "undeterred")
    restart(machine, "worker", 5)  # a person is not limited


def test_exit_status_and_stop(machine):
    machine.keyboard("worker")
    machine.type("exit 99\r", r"partition worker: exit, value 0x63,.* action: stop", "partition worker: stopped")
    assert re.search(r"stopped .*stopped by: exit", state(machine, "worker"))
    restart(machine, "worker", 6)


def test_crash_without_restart_stops(machine):
    machine.keyboard("frail")
    machine.type("crash\r", r"partition frail: trap, value 0xe, .* action: stop", "partition frail: stopped")
    restart(machine, "frail", 2)


def test_watchdog_without_restart_stops(machine):
    machine.keyboard("frail")
    machine.type("hang\r", r"partition frail: watchdog, .* action: stop", "partition frail: stopped")
    assert re.search(r"stopped .*stopped by: watchdog", state(machine, "frail"))


def lives(machine):
    """How often each partition has started."""
    place = machine.place()
    state(machine, "spare")
    return {name: int(count) for name, count in re.findall(r"\d (\S+) +\S+ +\d+ cores .*started (\d+) times", machine.text[place:])}


def restart_many(machine, count):
    before = lives(machine)
    machine.keyboard("spare")
    for life in range(before["spare"] + 1, before["spare"] + count + 1):
        machine.key("r", rf"partition spare: running, life {life},")
    machine.since(0, rf"spare: life {before['spare'] + count}")
    machine.key("v", rf"audit: 4 partitions, {CORES} cores, .*: 0 findings")
    assert lives(machine) == {**before, "spare": before["spare"] + count}
    keeper_lives(machine, "steady")


def test_sep4_sep7_25_restarts(machine):
    restart_many(machine, 25)


@pytest.mark.long
@pytest.mark.limit(1800)
def test_sep4_sep7_1000_restarts(machine):
    restart_many(machine, 1000)


PRODUCT = """
#include "product.h"
const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "last",
    .description = "one partition",
    .housekeeping = "only",
    .all_stopped = %s,
    .partitions = {{.name = "only", .kind = IMAGE_UNIKERNEL, .program = "hello", .cores = 1, .memory = MIB(16), .on_crash = %s}},
};
"""


def last_product(folder, all_stopped, on_crash="ACTION_STOP"):
    folder = folder / f"last-{all_stopped.lower()}"
    folder.mkdir()
    (folder / "product.c").write_text(PRODUCT % (f"ALL_STOPPED_{all_stopped}", on_crash))
    return folder


def test_all_stopped_power_off(tmp_path):
    with Machine(last_product(tmp_path, "POWEROFF")) as machine:
        machine.seen("hello from only, life 1", timeout=60)
        machine.send("exit 5\r")
        machine.ours("all partitions have stopped: power off")
        assert "partition only: exit, value 0x5" in machine.text
        assert machine.powered_off() == 0


def test_all_stopped_reset_and_crash_that_resets(tmp_path):
    with Machine(last_product(tmp_path, "RESET", "ACTION_RESET")) as machine:
        machine.seen(r"\] only\| hello from only, life 1", timeout=60)
        machine.type("exit 5\r", "all partitions have stopped: reset", "image: product last", r"\] only\| hello from only, life 1", timeout=60)
        machine.type("abort\r", "only: abort,.* action: reset the board", "partition only: its table resets the board",
                     "image: product last", r"\] only\| hello from only, life 1", timeout=60)
        assert "crash record" not in machine.text  # these are no faults of ours


def test_all_stopped_idle(tmp_path):
    with Machine(last_product(tmp_path, "IDLE")) as machine:
        machine.seen("hello from only, life 1", timeout=60)
        machine.type("exit 5\r", "all partitions have stopped: idle")
        machine.drain(3)
        assert machine.text.count("all partitions have stopped") == 1
        machine.key("r", "hello from only, life 2")


def test_unikernel_library_on_two_cores():
    """The library's own tests, run inside a partition; and a stack that overflows is reported as such."""
    with Machine("tests/system/products/selftest") as machine:
        machine.seen(r"partition overflow: trap, value 0x8,", r"overflow\| .*stack overflow", r"library\| libtest core 1: ok",
                     r"library\| libtest: \d+ passed, 0 failed", r"partition library: exit, value 0x0,", timeout=90)
        assert "FAILED" not in machine.text
