# SPDX-License-Identifier: Apache-2.0
"""Our own faults, real ones: other machine code in the image, or other bits in the tables of a running machine. Each is seen,
named, and ends in a crash record and a reset, never in a machine that goes on (SEP-8)."""
import re
import struct
import time

import pytest

from faults import HANG, WILD_WRITE, Physical, code_change, function_at, symbols
from lib import DEFAULT_BOARD, ON_QEMU, ROOT, Machine, build_product, make_iso
from messages import OURS

FIRST_LINE = "image: product minimal on board"


def restarted(machine, place, timeout=60):
    """The board was reset, GRUB has loaded the image again, and all partitions run."""
    machine.since(place, FIRST_LINE, OURS + "partition hello: running, life 1", OURS + "partition loop: running, life 1", timeout=timeout)


def faulty_image(build, folder, code):
    """An image that has other code in its hypercall `end`: the fault comes when a partition exits."""
    return make_iso(build, folder, code_change(build, call_end=code))


CRASH = r"CRASH on core (\d+): (.*) \(vector (\d+), error ([0-9a-f]+), rip ([0-9a-f]+), cr2 ([0-9a-f]+)\)"


def test_sep8_wild_write_ends_in_a_crash_record_that_the_next_boot_prints(tmp_path):
    build = build_product("minimal")
    with Machine("minimal", image=faulty_image(build, tmp_path, WILD_WRITE)) as machine:
        machine.running()
        machine.keyboard("loop")
        place = machine.place()
        crash = machine.type("exit 0\r", CRASH)
        assert (crash[3], crash[6]) == ("14", "40")
        assert function_at(build.folder / "bulkhead.elf", int(crash[5], 16)) == "call_end"
        restarted(machine, place)
        record = machine.since(place, rf"crash record of boot 1: {re.escape(crash[2])}", r"crash record: regs +0: [0-9a-f]{16} ",
                               r"crash record: stack \+00: [0-9a-f]{16} ",
                               r"crash record: core (\d+) vector (\d+) error ([0-9a-f]+) rip ([0-9a-f]+) rsp [0-9a-f]+ .*cr2 ([0-9a-f]+)")
        assert record.groups() == (crash[1], crash[3], crash[4], crash[5], crash[6])
        # It is printed once: a reset for another reason does not show it again.
        if ON_QEMU:
            place = machine.place()
            machine.qmp("system_reset")
            restarted(machine, place)
            assert "crash record" not in machine.text[place:]
        # The housekeeping core's own fault, in a later boot.
        machine.keyboard("hello")
        machine.type("exit 0\r", r"CRASH on core \d", f"crash record of boot {3 if ON_QEMU else 2}: ", timeout=60)


def test_sep8_text_of_the_hypervisor_is_not_writable(tmp_path):
    """A write to its own first byte from call_end itself: movb $0x90, call_end."""
    build = build_product("minimal")
    address = symbols(build.folder / "bulkhead.elf")["call_end"]
    write = b"\xc6\x04\x25" + struct.pack("<I", address) + b"\x90"
    with Machine("minimal", image=faulty_image(build, tmp_path, write)) as machine:
        machine.running()
        machine.keyboard("loop")
        crash = machine.type("exit 0\r", CRASH)
        assert crash[3] == "14" and int(crash[4], 16) & 3 == 3  # a write, to a page that is there
        assert int(crash[5], 16) == int(crash[6], 16) == address


def watchdog_fired(machine):
    machine.qmp("query-status")  # reads events
    return [event for event in machine.emulator.events if event.get("event") == "WATCHDOG"]


def short_watchdog(folder):
    """The board with a watchdog of 4 s."""
    source = ROOT / "board" / DEFAULT_BOARD
    board = folder / "impatient"
    board.mkdir()
    (board / "board.mk").write_text((source / "board.mk").read_text())
    text = (source / "board.c").read_text()
    assert ".timeout_ms = 20000" in text
    (board / "board.c").write_text(text.replace(".timeout_ms = 20000", ".timeout_ms = 4000"))
    return board


def tco_watchdog(folder):
    """The board with the TCO timer of its chipset for a watchdog, of 6 s."""
    source = ROOT / "board" / DEFAULT_BOARD
    board = folder / "tco"
    board.mkdir()
    (board / "board.mk").write_text((source / "board.mk").read_text() + "QEMU_FLAGS += -global ICH9-LPC.noreboot=false\n")
    table = ".watchdog = {.kind = WATCHDOG_ITCO, .device = 0x1f, .timeout_ms = 6000}"
    text, count = re.subn(r"\.watchdog = \{.kind = WATCHDOG_I6300ESB.*\}", table, (source / "board.c").read_text())
    assert count == 1
    (board / "board.c").write_text(text)
    return board


@pytest.mark.qemu
def test_sep8_board_watchdog_resets_the_board_when_a_core_hangs(tmp_path):
    """First the core of loop hangs in the hypervisor while the housekeeping core goes on, then the housekeeping core."""
    board = short_watchdog(tmp_path)
    build = build_product("minimal", board)
    with Machine("minimal", board, image=faulty_image(build, tmp_path, HANG)) as machine:
        machine.running()
        machine.drain(10)
        assert not watchdog_fired(machine) and machine.text.count(FIRST_LINE) == 1  # quiet while all is well
        machine.keyboard("loop")
        place = machine.place()
        machine.type("exit 0\r", r"core \d does not answer; the board's watchdog is not fed")
        restarted(machine, place)
        assert len(watchdog_fired(machine)) == 1
        machine.keyboard("hello")
        place = machine.place()
        machine.send("exit 0\r")
        restarted(machine, place)
        assert len(watchdog_fired(machine)) == 2


# --- machine checks ------------------------------------------------------------------------------------------------------------

UNCORRECTED = "1 0xb000000000000000 0x5 0 0"  # bank; valid, uncorrected, enabled; a restart is possible, in progress; address; more


def stop_in_guest(machine, core):
    """The machine stands still, and this core not at an exit, where a machine check is the hypervisor's own: the stack says whose code it runs."""
    for _ in range(100):
        machine.qmp("stop")
        if core is None:
            return
        said = machine.qmp("human-monitor-command", **{"command-line": "info registers", "cpu-index": int(core)})
        stack = int(re.search(r"R?SP ?=([0-9a-f]{8,16})", said)[1], 16)
        if stack < 1 << 47:
            return
        machine.qmp("cont")
        time.sleep(0.02)
    raise AssertionError("never in its guest")


@pytest.mark.qemu
def test_ac15_machine_check_in_a_guest_does_not_reset_the_board():
    """In a core that is parked, then in one that runs its guest. QEMU gives it to the guest although we intercept it."""
    with Machine("minimal") as machine:
        machine.running()
        core = machine.key("c", r"core (\d), loop/0: ")[1]
        assert core != "0" and not re.search(r"core 0, \w+/0: ", machine.text)
        for number in "0", core:
            place = machine.place()
            stop_in_guest(machine, number if number == core else None)
            machine.monitor(f"mce {number} {UNCORRECTED}")
            machine.qmp("cont")
            machine.drain(5)
            assert FIRST_LINE not in machine.text[place:], "the board was reset"
        machine.since(place, "partition loop: trap, value 0x12, .*action: stop", "partition loop: stopped")
        machine.key("l", r"1 hello +running ", r"2 loop +stopped ")
        machine.key("v", r"audit: .*: 0 findings")
        assert not re.search("CRASH|does not answer", machine.text)


@pytest.mark.qemu
def test_ac15_machine_check_in_the_hypervisor_is_a_crash(tmp_path):
    build = build_product("minimal")
    with Machine("minimal", image=faulty_image(build, tmp_path, HANG)) as machine:
        machine.running()
        core = machine.key("c", r"core (\d), loop/0: ")[1]
        machine.keyboard("loop")
        place = machine.place()
        machine.send("exit 0\r")
        machine.drain(1)
        machine.monitor(f"mce {core} {UNCORRECTED}")
        crash = machine.since(place, CRASH)
        assert (crash[1], crash[3]) == (core, "18")
        assert function_at(build.folder / "bulkhead.elf", int(crash[5], 16)) == "call_end"
        restarted(machine, place)


# --- the audit ---------------------------------------------------------------------------------------------------------------


class Tables:
    """The pool of a running machine: nested tables and permission maps."""

    def __init__(self, machine, memory):
        elf = machine.build.folder / "bulkhead.elf"
        where = symbols(elf)
        plan = (machine.build.folder / "plan.c").read_text()
        pages = int(re.search(r"\.pool_pages = (\d+)", plan)[1])
        self.memory = memory
        self.base = where["plan_pool"]
        self.data = memory.read(self.base, pages * 4096)
        self.ram = [int(base, 16) for base in re.findall(r"\.hpa = \{(0x[0-9a-f]+)\}", plan)]

    def leaf(self, physical, large):
        """Address of the entry that maps this physical page."""
        mask = 0x000F_FFFF_FFFF_F000
        for at in range(0, len(self.data), 8):
            entry = struct.unpack_from("<Q", self.data, at)[0]
            if entry & 0x81 == (0x81 if large else 0x01) and entry & mask == physical and entry & 4:
                return self.base + at
        raise AssertionError(f"no entry maps {physical:#x}")

    def pages(self, test):
        """Addresses of the pool's pages whose bytes pass a test."""
        return [self.base + at for at in range(0, len(self.data), 4096) if test(self.data[at : at + 4096])]


def flip_leaf_address(tables):
    """A leaf of hello leads into loop's memory."""
    at = tables.leaf(tables.ram[0] + 0x200000, True)
    entry = struct.unpack("<Q", tables.memory.read(at, 8))[0]
    tables.memory.write(at, struct.pack("<Q", entry ^ (tables.ram[0] + 0x200000) ^ tables.ram[1]))


def flip_leaf_right(tables):
    """hello's start information gets writable."""
    page = tables.pages(lambda data: data.startswith(struct.pack("<I", 0x4B4C5542)) and b"hello\0" in data)[0]
    at = tables.leaf(page, False)
    entry = struct.unpack("<Q", tables.memory.read(at, 8))[0]
    assert not entry & 2
    tables.memory.write(at, struct.pack("<Q", entry | 2))


def flip_leaf_absent(tables):
    """A page of hello's is taken away."""
    tables.memory.write(tables.leaf(tables.ram[0] + 0x400000, True), bytes(8))


def flip_port(tables):
    """Port 0xcf9, which resets the board, does not exit any more. The port map is pages of ones, 16 KiB with what follows."""
    ones = tables.pages(lambda data: data == b"\xff" * 4096)
    assert ones
    tables.memory.write(ones[0] + 0xCF9 // 8, bytes([0xFF ^ 1 << 0xCF9 % 8]))


def flip_msr(tables):
    """A write of MSR 0xc0000080 (EFER) does not exit any more: two bits per register, 0xc0000000.. from byte 0x800 on."""
    open_rows = bytes([0xFF]) * 4
    maps = tables.pages(lambda data: data[0x1000 - 4 :] == open_rows and data.count(0xFF) > 3900 and data != b"\xff" * 4096)
    assert maps
    at = maps[0] + 0x800 + 0x80 // 4
    byte = tables.memory.read(at, 1)[0]
    assert byte & 3 == 3
    tables.memory.write(at, bytes([byte & ~2]))


FLIPS = {
    flip_leaf_address: r"AUDIT hello: .*expected its own memory, found [0-9a-f]+ of loop",
    flip_leaf_right: r"AUDIT hello: f0000000: expected R, found RW",
    flip_leaf_absent: r"AUDIT hello: .*expected \d+ bytes of RAM, found \d+",
    flip_port: r"AUDIT core \d: ports cf8\.\.cff: expected all to exit, found map byte fd",
    flip_msr: r"AUDIT core \d: MSR c0000080: expected an exit on write, found it open",
}


@pytest.mark.qemu
@pytest.mark.parametrize("flip", FLIPS, ids=lambda flip: flip.__name__)
def test_sep1_sep5_audit_reports_a_flipped_bit(tmp_path, flip):
    with Machine("minimal") as machine:
        machine.running()
        machine.key("v", r"audit: .*: 0 findings")
        with Physical(machine, tmp_path) as memory:
            flip(Tables(machine, memory))
        place = machine.place()
        machine.key("v", FLIPS[flip], r"audit: .*: [1-9]\d* findings", "CRASH on core .*isolation audit")
        restarted(machine, place)
        machine.since(place, "crash record of boot 1: .*isolation audit", r"audit: .*: 0 findings")
