# SPDX-License-Identifier: Apache-2.0
"""A product whose tick is off (`.tick_off`): nobody looks at the console's rings by himself, and yet all text comes out, to its last
byte, with nobody typing. Timers of the partitions would hide a text that is stuck: these have none. That the tick is off, the
exits of the core that keeps the house show; to the last one they are counted in test_steady.py."""
import pathlib
import re
import time

import pytest

import messages
from lib import DEFAULT_BOARD, ROOT, Machine
from test_linux import Shell, booted


def board_without_watchdog(folder):
    """A copy of the board under test: what only the tick can feed is refused (CFG-405)."""
    board = folder / f"{pathlib.Path(DEFAULT_BOARD).name}-unwatched"
    board.mkdir()
    source = ROOT / "board" / DEFAULT_BOARD
    (board / "board.mk").write_text((source / "board.mk").read_text())
    (board / "board.c").write_text(re.sub(r"    \.watchdog = .*\n", "", (source / "board.c").read_text()))
    return board


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return board_without_watchdog(tmp_path_factory.mktemp("board"))


@pytest.fixture(scope="module")
def machine(board):
    with Machine("tests/system/products/quiet", board) as machine:
        machine.running()
        machine.seen(*(rf"{name}\| {name}: ready, life 1" for name in ("keeper", "other", "slow")))
        yield machine


def settled(machine):
    """Nothing more is waiting, and the single ticks have ended: more than the 1.2 s for which they go on."""
    machine.drain(1.6)


@pytest.fixture(params=["keeper", "other"])
def talker(machine, request):
    machine.keyboard(request.param)
    settled(machine)
    return request.param


def kicks_of(machine, seconds):
    """Of the core that keeps the house, between two looks so far apart. The looks cost some, the same each time."""
    rows = rf"core \d+, keeper/0: .*\n(?:{messages.OURS}   .*\n)*?{messages.OURS}   .*  kick (\d+)"
    before = machine.key("c", rows)
    machine.drain(seconds)
    return int(machine.key("c", rows)[1]) - int(before[1])


def test_the_tick_is_off(machine):
    """Six seconds more of silence are no more exits; 50 a second if there were a tick."""
    settled(machine)
    short, long = kicks_of(machine, 2), kicks_of(machine, 8)
    assert long - short < 75, (short, long)


def test_lines(machine, talker):
    machine.type("lines 300\r", *(rf"{talker}\| line {i} of 300[\r\n]" for i in range(1, 301)))


def test_burst(machine, talker):
    """More at once than a look takes, and than a UART's FIFO holds."""
    machine.type("burst 600\r", *(rf"{talker}\| burst {i} of 600[\r\n]" for i in range(1, 601)))


def test_prompt(machine, talker):
    machine.type("prompt\r", rf"{talker}\| what now\? ")


def test_second_line_soon_after_the_first(machine):
    """The first one's call holds back the second one's kick for 5 ms."""
    machine.keyboard("other")
    machine.type("pairs\r", *(rf"other\| second of {ms}[\r\n]" for ms in range(0, 7, 2)), timeout=60)


def test_output_over_the_rate(machine):
    """It waits where the partition has the screen, and what is dropped in the view of all is told, though nothing follows."""
    machine.keyboard("slow")
    machine.key("3", "slow has screen and keyboard")
    settled(machine)
    machine.type("lines 60\r", *(rf"^line {i} of 60[\r\n]" for i in range(1, 61)), timeout=60)
    machine.attention("a")
    settled(machine)
    machine.type("lines 60\r", r"bulkhead\| slow: \d+ bytes of output dropped, more than 256 per second")


def test_stop_and_restart_are_told(machine):
    machine.keyboard("other")
    settled(machine)
    machine.type("abort\r", r"partition other: abort, .* action: restart", "partition other: running, life 2", r"other\| other: ready, life 2")
    settled(machine)
    machine.type("exit\r", r"partition other: exit, value 0x7,", "partition other: stopped")
    machine.key("r", "partition other: running, life 3", r"other\| other: ready, life 3")


def test_denied_accesses_are_told_and_do_not_add_up(machine):
    machine.keyboard("other")
    for _ in range(3):
        settled(machine)
        machine.type("deny\r", r"partition other: 1 denied accesses in the last second, the last one: port 0x99")
    machine.key("l", r"2 other +running ")


def test_nothing_was_lost(machine):
    machine.key("l", r"1 keeper +running .*, 0 bytes of output lost", r"2 other +running .*, 0 bytes of output lost")


LINUX = """#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "quiet-linux",
    .description = "Linux and a console without a tick",
    .housekeeping = "keeper",
    .tick_off = true,
    .partitions = {{.name = "linux", .kind = IMAGE_LINUX, .args = "console=ttyS0", .unpacked = true, .cores = 1, .memory = MIB(256)},
                   {.name = "keeper", .kind = IMAGE_UNIKERNEL, .program = "hello", .cores = 1, .memory = MIB(16)}},
};
"""


@pytest.mark.qemu
def test_linux(board, tmp_path):
    """Its driver waits for room in the ring of output, and makes no calls."""
    product = tmp_path / "quiet-linux"
    product.mkdir()
    (product / "product.c").write_text(LINUX)
    with Machine(product, board) as machine:
        machine.running()
        booted(machine)
        shell = Shell(machine)
        settled(machine)
        assert shell.run("seq 1 6500", 180).split() == [str(i) for i in range(1, 6501)]  # more than its ring
        shell.leave()
        start = time.monotonic()
        machine.type("echo one; sleep 1; echo -n two\r", r"linux\| one[\r\n^]", r"linux\| two|\| .*two")
        assert time.monotonic() - start < 60
