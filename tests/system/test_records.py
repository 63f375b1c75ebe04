# SPDX-License-Identifier: Apache-2.0
"""What is kept for those who come after a crash: the record over a reset, and the dump of a partition that has stopped."""
import re
import subprocess

import pytest

from faults import HANG
from lib import DEFAULT_BOARD, ROOT, Machine, build_product, make
from test_faults import faulty_image, short_watchdog, tco_watchdog, watchdog_fired

RECORDS = "tests/system/products/records"
FIRST_LINE = "image: product records on board"
TOOLS = ROOT / "config/tool"


def tool(name, *arguments):
    """Run one of the host's tools: (status, output)."""
    run = subprocess.run([TOOLS / name, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return run.returncode, run.stdout + run.stderr


def saved(machine, folder):
    log = folder / "console.log"
    log.write_text(machine.text, encoding="utf-8")
    return log


def crash_frail(machine):
    """Returns value, address and place of its stop, as our log has them."""
    machine.keyboard("frail")
    place = machine.place()
    machine.send("crash\r")
    machine.since(place, "partition frail: stopped")
    return machine.since(place, r"partition frail: trap, value (0x[0-9a-f]+), address (0x[0-9a-f]+), vcpu 0 at (0x[0-9a-f]+)").groups()


def supervisor(machine, command, *patterns, timeout=60):
    machine.keyboard("supervisor")
    return machine.type(command + "\r", *patterns, timeout=timeout)


def export(machine, command, end):
    """On the screen that the supervisor has to itself: lines of others would break its own where the emulator is slow."""
    machine.focus("supervisor")
    machine.drain(1)
    machine.type(command + "\r", end, timeout=120)
    machine.attention("a")


def reset(machine):
    """The board is reset from outside; returns where in the transcript the next boot begins."""
    place = machine.place()
    machine.qmp("system_reset")
    machine.since(place, FIRST_LINE, r"^\[.*\] bulkhead\| partition supervisor: running, life 1", timeout=60)
    return place


@pytest.mark.qemu
def test_ac45_record_survives_a_reset_is_printed_and_decoded(tmp_path):
    with Machine(RECORDS) as machine:
        machine.running()
        assert "record of boot" not in machine.text  # at a cold start nothing is believed
        supervisor(machine, "record", "there is none")
        stop = crash_frail(machine)
        machine.keyboard("keeper")
        machine.type("last\x1b]0;words\r", "you said: last")
        place = reset(machine)
        found = machine.since(place, r"record of boot 1: frail had stopped at \d+\.\d{6} s, in life 1, stop 1: trap, "
                                     r"value (0x[0-9a-f]+), address (0x[0-9a-f]+), vcpu 0 at (0x[0-9a-f]+)")
        assert found.groups() == stop
        machine.since(place, "record of boot 1, product records:", r"record of boot 1: keeper\| you said: last.*words",
                      r"record of boot 1: bulkhead\| \[.*\] bulkhead\| ")
        assert "\x1b]0" not in machine.text[place:]

        # The same to read: by the supervisor, as text, and in the machine's memory.
        export(machine, "record", r"=end record before \d+")
        status, text = tool("decode.py", saved(machine, tmp_path))
        assert status == 0 and "is not whole" not in text, text
        assert re.search(r"record of boot 1: product records on board \S+, begun 20\d\d-", text)
        assert re.search(rf"partition frail:\n  stop 1, life 1, until .*: trap, value {stop[0]}, address {stop[1]}, vcpu 0 at {stop[2]}\n", text)
        assert "  | you said: last" in text and "unexpected #PF on core 0" in text and "\x1b" not in text
        assert "bulkhead| partition frail: stopped" in text and "bulkhead| memory:" in text
        plan = (machine.build.folder / "plan.c").read_text()
        base, size = (int(re.search(rf"\.{name} = \{{?(0x[0-9a-f]+)", plan)[1], 16) for name in ("crash", "crash_size"))
        image = tmp_path / "memory"
        machine.monitor(f'pmemsave {base:#x} {size:#x} "{image}"')
        status, both = tool("decode.py", image)
        assert status == 0 and "record of boot 2: product records" in both
        assert text in both

        # And functions behind the addresses of that log.
        status, text = make(f"PRODUCT={RECORDS}", f"BOARD={DEFAULT_BOARD}", "symbolize", f"FILE={tmp_path / 'console.log'}")
        assert status == 0 and len(re.findall(r"frail(?: had stopped|: trap).*\n +0x[0-9a-f]+: crash at .*partitions/control/control\.c:\d+\n", text)) >= 2, text

        # What the boot after has of it: nothing any more.
        place = reset(machine)
        machine.since(place, "record of boot 2, product records:")
        assert "frail had stopped" not in machine.text[place:]


@pytest.mark.qemu
@pytest.mark.parametrize("watchdog", [short_watchdog, tco_watchdog], ids=["i6300esb", "tco"])
def test_record_survives_the_watchdog_of_the_board(watchdog, tmp_path):
    """The core of keeper, which is the housekeeping core, hangs in the hypervisor: nobody can write anything any more. Before it the
    watchdog is fed for longer than its time, and does nothing."""
    board = watchdog(tmp_path)
    build = build_product(RECORDS, board)
    with Machine(RECORDS, board, image=faulty_image(build, tmp_path, HANG)) as machine:
        machine.running()
        assert ("board watchdog: TCO timer at port 0x660" in machine.text) == (watchdog is tco_watchdog)
        machine.keyboard("keeper")
        machine.drain(7)
        machine.type("before the end\r", "you said: before the end")
        assert not watchdog_fired(machine)
        place = machine.place()
        machine.send("exit 0\r")
        machine.since(place, FIRST_LINE, r"record of boot 1: keeper\| you said: before the end", timeout=60)
        assert len(watchdog_fired(machine)) == 1


# --- dumps --------------------------------------------------------------------------------------------------------------------------


def core_of(machine, name, folder):
    """The dump of that partition, asked for at the supervisor, as a file for gdb."""
    export(machine, f"dump {name}", rf"=end core {name} \d+")
    status, text = tool("core.py", saved(machine, folder), folder / "core", name)
    assert status == 0, text
    return folder / "core"


def gdb(elf, core, *commands):
    words = [word for command in ("set width 0", *commands) for word in ("-ex", command)]
    run = subprocess.run(["gdb", "-batch", "-nx", *words, elf, core], capture_output=True, text=True, timeout=60, check=False)
    return run.stdout + run.stderr


def test_sep1_dump_of_a_crashed_partition_opens_in_gdb(tmp_path):
    """Only one that has stopped, and that the table names; after a restart nothing of it is left to read."""
    with Machine(RECORDS) as machine:
        machine.running()
        machine.seen(r"\] supervisor\| .*help")
        supervisor(machine, "dump frail", "error: dump: frail is running: only one that has stopped")
        supervisor(machine, "dump keeper", "error: dump: not allowed")
        crash_frail(machine)
        core = core_of(machine, "frail", tmp_path)
        said = gdb(ROOT / "build/programs/control.elf", core, "print period_ns", "backtrace", "frame function crash", "print nowhere")
        assert "$1 = 2000000" in said, said  # its argument, in microseconds
        assert re.search(r"in crash \(\) at \S*control\.c:\d+\n(.*\n)*#\d+ .*\bmain \(argc=.*control\.c:", said), said
        assert "$2 = 8" in said, said  # the address that it wrote to
        supervisor(machine, "restart frail", "frail: running, life 2")
        supervisor(machine, "dump frail", "error: dump: frail is running: only one that has stopped")
        supervisor(machine, "stop frail", "frail: stopped")
        core = core_of(machine, "frail", tmp_path)
        said = gdb(ROOT / "build/programs/control.elf", core, "backtrace", "print started")
        assert re.search(r"bh_wait \(deadline=.*\n(.*\n)*.*\bmain \(", said) and "crash (" not in said, said


# --- the tools, and what they are given ------------------------------------------------------------------------------------------------


def test_tools_say_what_is_wrong_with_their_file(tmp_path):
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    for name, word in (("decode.py", "no record"), ("core.py", "no dump"), ("symbolize.py", "no line")):
        status, text = tool(name, empty, *([tmp_path / "out"] if name == "core.py" else []))
        assert status != 0 and word in text and "Traceback" not in text, text
