# SPDX-License-Identifier: Apache-2.0
"""Attacks by the owner of a network card and of a device that goes where it is told, QEMU's edu: configuration space, DMA, messages (AC-19 to
AC-21, AC-27, AC-29, AC-30, AC-32 to AC-37, AC-39 to AC-41). Meanwhile a neighbour reads and writes its disk; the machine's registers and memory are looked at from outside."""
import re

import lib
import pytest

from device_rig import CAP_EXPRESS, COMMAND_MASTER, PATTERN, DeviceRig, refused
from rig import OURS

pytestmark = [pytest.mark.qemu, pytest.mark.limit(400)]
ROLE, CARD = "edu0", "nic0"
# What the card's emulator can be told to have seen (PCIe 6.2.7): link, completions, requests; fatal, not fatal, corrected.
ERRORS = ["DLP", "SDN", "POISON_TLP", "FCP", "COMP_TIME", "COMP_ABORT", "UNX_COMP", "RX_OVER", "MALF_TLP", "ECRC", "UNSUP", "RCVR", "BAD_TLP",
          "BAD_DLLP", "REP_ROLL", "REP_TIMER", "ADV_NONFATAL"]


def card_named(command):
    return [word.replace("e1000e,", "e1000e,id=nic0,") for word in command]


@pytest.fixture(scope="module")
def rig():
    with DeviceRig("tests/hostile/products/devices", change_command=card_named) as rig:
        yield rig


def watched(rig, words, timeout=60):
    """An attack that must leave the machine's registers as they are."""
    before = rig.spaces()
    seen = rig.attack(words, timeout)
    rig.same_spaces(before, ROLE, CARD)
    return seen


def test_sep5_functions_of_others_are_absent(rig):
    assert re.search("3 visible of 65536", watched(rig, "pci-scan", 120))


def test_sep5_functions_of_others_cannot_be_written(rig):
    before = rig.counters().get("denied PCI", 0)
    watched(rig, "pci-foreign", 240)
    assert rig.counters()["denied PCI"] - before > 10000


def test_sep5_byte_lanes_of_the_configuration_ports(rig):
    watched(rig, "pci-lanes")


def test_sep5_two_cores_and_one_address_register(rig):
    watched(rig, "pci-race", 120)


def test_sep5_every_byte_of_its_own_configuration_space(rig):
    watched(rig, "pci-own", 180)


def test_sep1_bars_and_rom_stay(rig):
    watched(rig, "pci-bars")


def test_sep5_decoding_stays_on(rig):
    watched(rig, "pci-command")


def test_sep3_messages_of_its_own(rig):
    watched(rig, "msi")


def test_sep1_dma_reaches_its_own_memory_alone(rig):
    """AC-27. On AMD-Vi, of which QEMU logs nothing, it is memory that shows it."""
    code, place = rig.hypervisor_code(), rig.place()
    watched(rig, f"{rig.places()} dma", 240)
    assert rig.hypervisor_code() == code
    rig.nowhere(PATTERN)
    if lib.IOMMU == "vtd":
        assert re.search(refused(ROLE), rig.text[place:])
    assert "is cut off" not in rig.text


@pytest.mark.amdvi
def test_sep3_forged_messages(rig):
    """AC-30. Not with QEMU's VT-d, which lets messages of the old format pass."""
    watched(rig, "msi-forge", 180)


@pytest.mark.vtd
def test_sep3_forged_handles(rig):
    watched(rig, "msi-handles", 180)


def test_sep3_sep4_interrupt_storm(rig):
    """AC-21."""
    watched(rig, "irq-storm", 120)


@pytest.mark.parametrize("name", ["apic", "icr", "pages", "ports"])
def test_sep1_sep3_sep5_what_others_may_not_either(rig, name):
    """AC-19, AC-20, AC-39 to AC-41: IO-APIC, timers, other cores, BARs of others, firmware are no nearer to a partition with functions."""
    watched(rig, name, 180)


def test_sep4_errors_of_its_card(rig):
    """AC-33: none is reported to anybody: no register of a port above the card changes. What the emulator changes of the card itself, it records in
    its capabilities: the log of errors, which lies over the serial number there, and what it can do."""
    bdf = rig.function_of(CARD)[0]
    before = rig.spaces()
    express = rig.capability(before[0][bdf], CAP_EXPRESS) // 4
    for error in ERRORS:
        assert rig.monitor(f"pcie_aer_inject_error nic0 {error}").startswith("OK id: nic0 "), error
    assert rig.words(rig.ecam + (bdf << 12) + express * 4 + 8, 1)[0] & 0xF0000 == 0xF0000, "the card knows of no error"
    rig.nobody_noticed()
    rig.same_spaces(before, ROLE, CARD, also=[*range(express, express + 4), *range(0x100 // 4, 0x1000 // 4)])


def test_attacker_was_never_stopped(rig):
    rig.state("attacker", "running .* started 1 times")


def test_sep1_sep9_end_of_a_life_while_its_device_writes(rig):
    """AC-31, AC-49: below the rate that cuts it off. Nothing of it gets through any more; it has no reset, so that there is no further life."""
    rig.begin("dma-loop")
    rig.drain(5)
    rig.nobody_noticed()
    place = rig.place()
    rig.keys_to_silent("attacker")
    rig.attention("r")
    rig.since(place, OURS + r"partition attacker: function edu0 \(\S+\): it has no reset; the partition cannot start again",
              OURS + "partition attacker: stopped")
    rig.nobody_noticed()
    rig.nowhere(PATTERN)
    own, _, _ = rig.function_of(ROLE)
    assert not rig.words(rig.ecam + (own << 12), 2)[1] & COMMAND_MASTER, "its device may still be a bus master"
