# SPDX-License-Identifier: Apache-2.0
"""From GRUB to running partitions, and everything for which the launch is refused: the wrong machine, the wrong payloads."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

from faults import HALT, code_change
from lib import CORES, DEFAULT_BOARD, ROOT, Machine, build_product, make_iso


def changed_command(**options):
    """A QEMU command with other values: cpu="EPYC" replaces the word after -cpu; none=("-device", ...) takes words away."""
    without = options.pop("without", ())

    def change(command):
        for name, value in options.items():
            at = command.index(f"-{name}") + 1
            command[at] = value(command[at]) if callable(value) else value
        for word in without:
            at = command.index(word)
            del command[at - 1 : at + 1]
        return command

    return change


def nothing_runs(machine):
    machine.drain(1)
    assert "running" not in machine.text
    assert machine.emulator.running(), "a refusal stays on the screen"


def test_minimal_boots():
    """First line, measured facts, and the end by the console."""
    with Machine("minimal") as machine:
        machine.running()
        first = machine.text.split("bulkhead| ", 1)[1].splitlines()[0]
        assert re.fullmatch(rf"Bulkhead \S+, development image: product minimal on board {Path(DEFAULT_BOARD).name}", first)
        assert "refused" not in machine.text and "crash record" not in machine.text and "does not answer" not in machine.text
        machine.seen(r"hello\| argument 1: minimal", r"loop\| loop: life 1, one cycle each 1000 us")
        machine.attention("q")
        machine.ours("power off by the console")
        machine.ours(r"core \d, hello/0: \d+ us in the hypervisor")
        assert machine.powered_off() == 0


@pytest.mark.qemu
def test_sep3_audit_at_boot_sees_the_pins():
    """VT-d's units remap them: tick and UART."""
    with Machine("minimal", "qemu-q35-vtd") as machine:
        machine.running()
        machine.seen("audit: 65536 PCI requesters, 0 leaves of DMA, 2 interrupts compared with the plan")
        machine.attention("q")  # the UART's pin works
        machine.ours("power off by the console")


def test_sep1_sep7_audit_and_seal_at_boot():
    with Machine("minimal") as machine:
        machine.running()
        seen = re.search(rf"audit: 2 partitions, {CORES} cores, (\d+) leaves, (\d+) pages, (\d+) ports, (\d+) MSRs .*: (\d+) findings",
                         machine.text)
        leaves, pages, ports, msrs, findings = map(int, seen.groups())
        # 16 MiB, in 2 MiB leaves where the CPU may be trusted with them, and 9 ABI pages each, and the page of the parking guest
        vmx = ".virt = VIRT_VMX" in (ROOT / "board" / DEFAULT_BOARD / "board.c").read_text()
        assert leaves == 2 * (8 + 9) + 1 or vmx and leaves == pages
        assert pages == 2 * (4096 + 9) + 1
        assert ports == 65536 and msrs == (2 if vmx else 3) * 8192 * 2 and findings == 0
        sealed = re.search(r"memory: (\d+) of (\d+) pool pages used, sealed", machine.text)
        assert 0 < int(sealed[1]) <= int(sealed[2])
        assert sealed.start() < machine.text.index(": running")


WRONG = {
    "less-memory": (changed_command(m="64"), "CFG-900", [r"CFG-904 loop: expected usable RAM at \w+\.\.\w+, found none at"]),
    "fewer-cores": (changed_command(smp="2"), "CFG-900", ["CFG-905 core 2: expected APIC id 2", "CFG-905 core 4: expected APIC id 4"]),
    "core-not-enabled": (changed_command(smp="4,maxcpus=5"), "CFG-900", ["CFG-905 core 4: expected APIC id 4"]),
    "no-watchdog": (changed_command(without=["i6300esb,addr=05.0"]), "CFG-900", ["CFG-910 board watchdog"]),
    "two-differences": (changed_command(smp="4", without=["i6300esb,addr=05.0"]), "CFG-900", ["CFG-905 core 4", "CFG-910"]),
    "intel": (changed_command(cpu="Nehalem"), "CFG-900", ["CFG-909 processor: expected one with SVM, found GenuineIntel"]),
    "other-firmware": (changed_command(machine="q35,acpi=off"), "CFG-900", ["CFG-908 port of the PM timer: expected 0x608, found 0x"]),
    "no-svm": (changed_command(cpu=lambda cpu: cpu.replace("+svm", "-svm")), "VIRT-1", []),
    "no-nested-paging": (changed_command(cpu=lambda cpu: cpu + ",-npt"), "VIRT-3", []),
}


@pytest.mark.qemu
@pytest.mark.parametrize("wrong", WRONG)
def test_sep8_wrong_board_is_refused(wrong):
    change, code, differences = WRONG[wrong]
    with Machine("minimal", change_command=change) as machine:
        machine.refused(code)
        for difference in differences:
            assert re.search(difference, machine.text), machine.text
        nothing_runs(machine)


@pytest.mark.qemu
def test_sep8_cpu_without_long_mode_is_refused():
    with Machine("minimal", change_command=changed_command(cpu="qemu32")) as machine:
        machine.refused("BOOT-1")
        nothing_runs(machine)


def test_sep8_core_that_does_not_come_up_is_refused(tmp_path):
    build = build_product("minimal")
    with Machine("minimal", image=make_iso(build, tmp_path, code_change(build, ap_start=HALT))) as machine:
        machine.ours(r"core 1 \(APIC id 1\) does not start")
        machine.refused("CPU-2")
        nothing_runs(machine)


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << at % 8
    path.write_bytes(data)


def grub_menu(tree, old, new):
    menu = tree / "boot/grub/grub.cfg"
    text = menu.read_text()
    assert old in text
    menu.write_text(text.replace(old, new))


def flip_first(tree):
    flip(tree / "boot/hello.img", 0)


def flip_last(tree):
    flip(tree / "boot/hello.img", -1)


def flip_both(tree):
    for name in "hello", "loop":
        flip(tree / f"boot/{name}.img", (tree / f"boot/{name}.img").stat().st_size // 2)


def swap(tree):
    grub_menu(tree, "hello.img hello\nmodule2 /boot/loop.img loop", "loop.img hello\nmodule2 /boot/hello.img loop")


def cut(tree):
    path = tree / "boot/loop.img"
    path.write_bytes(path.read_bytes()[:-4096])


def lengthen(tree):
    path = tree / "boot/loop.img"
    path.write_bytes(path.read_bytes() + b"\0")


def missing(tree):
    grub_menu(tree, "module2 /boot/loop.img loop\n", "")


def twice(tree):
    grub_menu(tree, "loop.img loop\n", "loop.img loop\nmodule2 /boot/hello.img hello\n")


ALTERED = {
    flip_first: ("IMG-1", [r"payload of partition hello \(module hello\)"]),
    flip_last: ("IMG-1", ["payload of partition hello "]),
    flip_both: ("IMG-1", ["payload of partition hello ", "payload of partition loop "]),
    swap: ("CFG-900", ["CFG-912 hello", "CFG-912 loop"]),
    cut: ("CFG-900", ["CFG-912 loop: expected a module of"]),
    lengthen: ("CFG-900", ["CFG-912 loop: expected a module of"]),
    missing: ("CFG-900", ['CFG-911 loop: expected one module named "loop", found 0']),
    twice: ("CFG-900", ['CFG-911 hello: expected one module named "hello", found 2']),
}


@pytest.mark.parametrize("change", ALTERED, ids=lambda change: change.__name__)
def test_sep8_altered_payload_is_refused(tmp_path, change):
    code, reasons = ALTERED[change]
    image = make_iso(build_product("minimal"), tmp_path, change)
    with Machine("minimal", image=image) as machine:
        machine.refused(code)
        for reason in reasons:
            machine.drain(0.5)
            assert re.search(reason, machine.text), machine.text
        nothing_runs(machine)


@pytest.mark.emulator
def test_refusal_is_the_status_of_make_run(tmp_path):
    """What `make run` runs, with an altered image: status 1, and why."""
    build = build_product("minimal")
    image = make_iso(build, tmp_path, flip_first)
    run = subprocess.run([sys.executable, ROOT / "config/tool/run.py", "--command", build.folder / "run.args", "--image", image,
                          "--seconds", "60", "--partition", "hello"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert run.returncode == 1
    assert "refused: IMG-1" in run.stderr and "did not start" not in run.stderr  # of none did that come: nothing else is to be said
