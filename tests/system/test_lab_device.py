# SPDX-License-Identifier: Apache-2.0
"""Product `lab`: its second probe has QEMU's `edu` device. What it finds in configuration space, in the device's registers, and where the device's
DMA goes, as a reviewer would try it by hand. One boot per board."""
import re

import pytest

from lib import EACH_QEMU, Machine
from test_lab import Probe

ABSENT = 0xFFFFFFFF
EDU = 0x11E81234  # device and vendor
OWN = "1.0"  # as its owner sees it; for the machine it is 00:02.0
FUNCTION = r"partition device: function edu0 \(00:02\.0\): "
LENGTH = 0x20

pytestmark = pytest.mark.qemu


@pytest.fixture(scope="module", params=EACH_QEMU)
def shared(request):
    with Machine("lab", request.param) as machine:
        machine.board = request.param
        machine.running()
        machine.seen(r"device\| device: life 1, 32 MiB at 0; type help", r"witness\| witness: life 1")
        yield machine


@pytest.fixture
def device(shared):
    shared.keyboard("device")
    return Probe(shared, "device")


def ram_of(machine, name):
    """Where a partition's memory begins in the machine."""
    plan = (machine.build.folder / "plan.c").read_text()
    return int(re.search(rf"ram_{machine.build.partitions.index(name)}\[\] = {{\s*{{\.hpa = {{(0x[0-9a-f]+)}}", plan)[1], 16)


def test_sep5_own_function_and_no_other(device):
    """By the numbers that it has here, and by those that the machine's functions really have; then the same from who has none."""
    assert device.value(f"cfg {OWN} 0") == EDU
    assert device.value("cfg 0.0 0") == 0x00081B36  # the bridge that does nothing
    assert device.value(f"cfg {OWN} a 16") == 0x00FF and device.value(f"cfg {OWN} 2 8") == 0xE8
    for other in ["1.1", "1.7", "2.0", "3.0", "4.0", "5.0", "6.0", "8.0", "1f.0", "1f.2", "1f.3", "1:0.0", "1:0.1", "2:0.0", "ff:1f.7"]:
        assert device.value(f"cfg {other} 0") == ABSENT, other
        assert device.ask(f"cfg {other} 4 16 7") == "= 0xffff", other
    device.machine.keyboard("probe")
    for other in OWN, "0.0", "2.0":
        assert Probe(device.machine).value(f"cfg {other} 0") == ABSENT, other


def test_ac33_denied_write_is_named(device):
    """A BAR stays where it is, reserved bits of the command register are dropped; the log names the register."""
    first = device.value(f"cfg {OWN} 10")
    assert device.value(f"cfg {OWN} 4 16 ffff") & ~0x0407 == 0
    machine, place = device.machine, device.machine.place()
    device.ask(f"cfg {OWN} 4 16 ffff", "= ")
    machine.since(place, r"partition device: [1-9]\d* denied accesses in the last second, the last one: PCI 0x8004\b")
    assert device.value(f"cfg {OWN} 10 32 f0000000") & 0xFFF00000 in (first & 0xFFF00000, 0xF0000000)
    device.ask(f"cfg {OWN} 10 32 {first:x}", "= ")
    assert device.value("bar 0 0") & 0xFFFF == 0x00ED  # still there


def test_registers_of_the_device(device):
    device.ask(f"cfg {OWN} 0", "= ")
    assert device.value("bar 0 0") == 0x010000ED  # what it says it is
    assert device.value("bar 0 4 12345678") == 0xEDCBA987  # the complement of what was written
    assert device.ask("bar 1 0").startswith("error: no such BAR")
    assert device.ask("bar 0 fffff").startswith("error: no such BAR")


def test_dma_reaches_own_memory(device):
    device.ask("poke 200000 1122334455667788 64", "= ")
    device.ask("poke 200008 99aabbccddeeff00 64", "= ")
    assert device.values("dma 200000 10") == [0x1122334455667788, 0x99AABBCCDDEEFF00]
    assert device.values("dma 200000 8 ee") == [0xEEEEEEEEEEEEEEEE]
    assert device.value("peek 200000 64") == 0xEEEEEEEEEEEEEEEE
    assert device.value("peek 200008 64") == 0x99AABBCCDDEEFF00
    assert device.ask("dma 200000 1000").startswith("error: the length is")


def test_sep1_dma_to_foreign_memory_is_stopped_and_named(device):
    """The witness's: as it stands in the machine. Nothing is read, nothing changes; VT-d says who wanted what (this AMD-Vi logs nothing)."""
    machine = device.machine
    target = ram_of(machine, "witness") + 0x101000  # its code
    before, place = machine.peek(target, LENGTH), machine.place()
    assert len(set(before)) > 4
    assert device.values(f"dma {target:x} {LENGTH:x}") == [0] * 4  # what this QEMU's devices read where they are refused
    if machine.board == "qemu-q35-vtd":
        machine.since(place, FUNCTION + rf"a read refused: address 0x{target:x}, reason \d+")
    machine.drain(1.2)  # once per second and function
    place = machine.place()
    device.ask(f"dma {target:x} {LENGTH:x} ee", "= ")
    if machine.board == "qemu-q35-vtd":
        machine.since(place, FUNCTION + rf"a write refused: address 0x{target:x}, reason \d+")
    assert machine.peek(target, LENGTH) == before
    assert device.values("dma 200000 8 77") == [0x7777777777777777]  # its own is reached as before


def test_sep4_nobody_has_noticed(shared):
    place = shared.place()
    witness = shared.since(place, r"witness\| witness (\w+) (\d+) sum=\w+ .* bad=(\d+)", timeout=30)
    assert (witness[1], witness[3]) == ("ok", "0") and "BAD" not in shared.text
    shared.key("v", r"audit: .*: 0 findings")
    shared.key("l", r"1 probe +running .* started 1 times", r"2 witness +running .* started 1 times", r"3 device +running .* started 1 times")
