# SPDX-License-Identifier: Apache-2.0
"""Product `lab`: the probe tries the walls by hand, as a reviewer would, and the witness notices nothing. One boot for all."""
import re
import time

import pytest

from lib import ROOT, Machine

ABI = 0xF0000000
VERSION = int(re.search(r"BH_ABI_VERSION (\d+)u", (ROOT / "core/abi/bulkhead_abi.h").read_text())[1])


class Probe:
    """A probe's command line in the view of all."""

    def __init__(self, machine, name="probe"):
        self.machine = machine
        self.name = name

    def ask(self, command, pattern=r"(= 0x|fault #|error: )[^\r\n]*", timeout=30):
        place = self.machine.place()
        self.machine.send(command + "\r")
        return self.machine.since(place, rf"{self.name}\| {pattern}", timeout=timeout)[0].split("| ", 1)[1]

    def values(self, command):
        answer = self.ask(command)
        assert answer.startswith("= "), f"{command}: {answer}"
        return [int(word, 16) for word in answer[2:].split()]

    def value(self, command):
        return self.values(command)[0]


@pytest.fixture(scope="module")
def shared():
    with Machine("lab") as machine:
        machine.running()
        machine.seen(r"probe\| probe: life 1, 32 MiB at 0; type help", r"witness\| witness: life 1")
        yield machine


@pytest.fixture
def probe(shared):
    shared.keyboard("probe")
    return Probe(shared)


def counters(machine):
    """The probe's denied accesses, by kind."""
    place = machine.place()
    machine.key("c", r"core \d, probe/0: \d+ us", r"witness/0: .*\s+\[[^|]*\| +(.*)[\r\n]")
    text = machine.text[place:]
    text = text[text.index("probe/0:") : text.index("witness/0:")]
    return {kind: int(count) for kind, count in re.findall(r"denied (\w+) (\d+)", text)}


def test_prompt_without_newline_is_shown(shared):
    shared.keyboard("probe")
    place = shared.place()
    shared.send("\r")
    shared.since(place, r"probe\| > \Z")  # the last thing on the screen, and no newline


def test_help(probe):
    place = probe.machine.place()
    probe.ask("help", "exit N ")
    for verb in "peek", "poke", "in", "out", "rdmsr", "wrmsr", "cpuid", "cr", "exec", "call", "sti, cli, hlt", "cfg", "bar", "dma":
        assert re.search(rf"probe\| {verb} .*", probe.machine.text[place:]), verb


def test_memory(probe):
    probe.ask("poke 1000000 1122334455667788 64", "= 0x1122334455667788")
    assert probe.value("peek 1000000") == 0x55667788  # 32 bits unless said
    for width, value in ("8", 0x88), ("16", 0x7788), ("32", 0x55667788), ("64", 0x1122334455667788):
        assert probe.value(f"peek 1000000 {width}") == value
    assert probe.ask("peek 1000000 7").startswith("error: the width is 8, 16, 32 or 64")
    assert probe.value(f"peek {ABI:x}") == 0x4B4C5542


def test_sep1_memory_outside_the_partition(probe):
    """Beyond its RAM, up to where an address space ends; the hypervisor at its physical address; devices."""
    before = counters(probe.machine).get("memory", 0)
    addresses = [0x2000000, 0x3FFFFFF8, ABI + 0x9000, 0xFEC00000, 0xFED00000, 0xFEE00000, 0xFFFFFFF0, 1 << 32, 1 << 39, (1 << 40) - 8]
    for address in addresses:
        assert probe.ask(f"peek {address:x}").startswith("fault #GP(0) at 0x"), hex(address)
        assert probe.ask(f"poke {address:x} 1").startswith("fault #GP(0) at 0x"), hex(address)
    assert counters(probe.machine)["memory"] >= before + 2 * len(addresses)


def test_sep1_pages_that_are_only_to_be_read(probe):
    first = probe.value(f"peek {ABI:x}")
    assert probe.ask(f"poke {ABI:x} 0").startswith("fault #")
    assert probe.ask(f"poke {ABI + 0x6000:x} 0").startswith("fault #")
    assert probe.value(f"peek {ABI:x}") == first


def test_sep5_ports_read_ones_and_drop_writes(probe):
    before = counters(probe.machine).get("ports", 0)
    ports = [0x20, 0x60, 0x70, 0x3F8, 0x402, 0x604, 0xCF8, 0xCFC, 0xCF9, 0xFFFF]
    for port in ports:
        assert probe.value(f"in {port:x} 8") == 0xFF
        probe.ask(f"out {port:x} 6 8", "= 0x6")
    assert probe.value("in cfc 16") == 0xFFFF and probe.value("in cfc") == 0xFFFFFFFF
    probe.ask("out 604 2000 16", "= 0x2000")  # would power off QEMU
    assert counters(probe.machine)["ports"] >= before + 2 * len(ports)
    assert probe.ask("in 10000").startswith("error: ports are 0 to ffff")


def test_sep5_msrs(probe):
    """What is not in the table: #GP. SMM, SVM, microcode, machine checks, TSC, debug."""
    for number in 0x79, 0x3B, 0x1D9 + 1, 0xC0010114, 0xC0010117, 0xC0010015 + 1, 0x400, 0xC0010010, 0x12345, 0x40000000:
        assert probe.ask(f"rdmsr {number:x}").startswith("fault #GP(0) at 0x"), hex(number)
        assert probe.ask(f"wrmsr {number:x} 0").startswith("fault #GP(0) at 0x"), hex(number)
    assert probe.ask("wrmsr 10 0").startswith("fault #GP(0)")  # the TSC is everybody's
    assert probe.value("rdmsr c0000080") & 0x1500 == 0x500  # LME, LMA; no SVME
    assert probe.ask("wrmsr c0000080 1501").startswith("fault #GP(0)")  # SVME
    assert probe.value("rdmsr 1b") & 0xC00 == 0xC00  # x2APIC, enabled


def test_sep5_cpuid(probe):
    assert probe.values("cpuid 40000000")[0] >= 0x40000000
    assert probe.values("cpuid 8000000a") == [0, 0, 0, 0]  # no SVM
    assert not probe.values("cpuid 80000001")[2] & 4
    features = probe.values("cpuid 1")
    assert features[2] >> 31 == 1  # a hypervisor is there
    assert not features[2] & (1 << 3 | 1 << 5 | 1 << 6)  # MONITOR, VMX, SMX
    assert features[1] >> 24 == 0  # APIC id: its own count
    for leaf in 2, 0x12, 0x14, 0x8000001D + 8, 0xFFFFFFFF:
        assert len(probe.values(f"cpuid {leaf:x}")) == 4


def test_control_registers(probe):
    assert probe.value("cr 0") & 0x80000001 == 0x80000001
    assert probe.value("cr 4") & 0x20
    assert probe.value("cr 8 5") == 5 and probe.value("cr 8 0") == 0
    assert probe.ask("cr 1").startswith("error: no such register")
    assert probe.ask("cr 4 0").startswith("fault #GP(0)")  # PAE off in long mode


def test_code(probe):
    assert probe.value("exec b82a000000") == 0x2A  # mov $42, %eax
    assert probe.ask("exec 0f0b").startswith("fault #UD at 0x")
    assert probe.ask("exec 0f01d8").startswith("fault #UD")  # VMRUN
    assert probe.ask("exec 0f01dd").startswith("fault #UD")  # CLGI
    assert probe.ask("exec zz").startswith("error: ")
    assert probe.ask("exec 0f09").startswith("= ")  # WBINVD harms nobody


def test_hypercalls(probe):
    assert probe.value("call 0") == VERSION
    assert probe.value("call 4") == (1 << 64) - 22  # it observes nobody
    assert probe.value("call 5") == (1 << 64) - 22  # it has no channel
    assert probe.value("call 6") == (1 << 64) - 22 and probe.value("call 7") == (1 << 64) - 22  # nobody to control or read
    assert probe.value("call 8") == (1 << 64) - 38 and probe.value("call ffffffffffffffff") == (1 << 64) - 38
    assert probe.value("call 1 9") == (1 << 64) - 22  # no such way to end
    assert probe.value("call 3 0 10") == (1 << 64) - 22  # an exception's vector
    assert probe.value("call 3 31 40") == (1 << 64) - 22  # no such source


def test_bad_commands_are_answered(probe):
    assert probe.ask("fly").startswith("error: no command 'fly'")
    assert probe.ask("peek").startswith("error: wrong number of operands")
    assert probe.ask("peek xyz").startswith("error: numbers are hexadecimal")
    assert probe.ask("peek 1 2 3").startswith("error: ")


def test_sep4_neighbour_and_hypervisor_have_noticed_nothing(shared):
    place = shared.place()
    witness = shared.since(place, r"witness\| witness (\w+) (\d+) sum=\w+ .* bad=(\d+)", timeout=30)
    assert (witness[1], witness[3]) == ("ok", "0") and "BAD" not in shared.text
    shared.key("v", r"audit: .*: 0 findings")
    shared.key("l", r"1 probe +running .* started 1 times", r"2 witness +running .* started 1 times")


def test_sep9_next_life_finds_nothing_of_the_last(probe):
    """A mark in RAM, in the shared page and in registers that stay; then a restart."""
    machine = probe.machine
    probe.ask("poke 1800000 feedfacecafebeef 64")
    probe.ask("poke 1fffff8 feedfacecafebeef 64")
    probe.ask(f"poke {ABI + 0x1800:x} feedface")
    probe.ask("wrmsr c0000102 12345678")  # kernel GS base
    probe.ask("wrmsr c0000103 77")
    probe.ask("cr 8 f")
    machine.key("r", "partition probe: running, life 2", r"probe\| probe: life 2")
    assert probe.value("peek 1800000 64") == 0 and probe.value("peek 1fffff8 64") == 0
    assert probe.value(f"peek {ABI + 0x1800:x}") == 0
    assert probe.value("rdmsr c0000102") == 0 and probe.value("rdmsr c0000103") == 0
    assert probe.value("cr 8") == 0


def test_sep4_halt_with_interrupts_off_and_restart(probe):
    """Nothing but the console's r ends this; it does."""
    machine = probe.machine
    machine.send("exec faf4ebfd\r")  # cli; 1: hlt; jmp 1b
    time.sleep(1)
    place = machine.place()
    machine.send("cpuid 0\r")
    machine.drain(2)
    assert "= 0x" not in machine.text[place:]
    machine.key("r", "partition probe: running, life 3", r"probe\| probe: life 3")
    assert probe.value("call 0") == VERSION


@pytest.mark.shutdown
def test_triple_fault_stops_the_partition_only(probe):
    """An empty interrupt table, then an exception: lidt [rip+0]; ud2, with ten bytes of zeros after a jump."""
    machine = probe.machine
    place = machine.place()
    machine.send("exec 0f011d020000000f0b00000000000000000000\r")
    machine.since(place, r"partition probe: triple fault, .* action: stop", "partition probe: stopped")
    machine.key("r", "partition probe: running, life 4", r"probe\| probe: life 4")
    place = machine.place()
    assert machine.since(place, r"witness\| witness (\w+) \d+ sum", timeout=30)[1] == "ok"
