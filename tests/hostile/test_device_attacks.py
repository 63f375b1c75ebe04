# SPDX-License-Identifier: Apache-2.0
"""Attacks by the owner of a device that goes where it is told, QEMU's edu: configuration space, DMA, messages (AC-19 to AC-21, AC-27,
AC-30, AC-32 to AC-37). Meanwhile a neighbour reads and writes its disk; the machine's registers and memory are looked at from outside."""
import re

import lib
import pytest

from device_rig import COMMAND_MASTER, PATTERN, DeviceRig, refused
from rig import OURS

pytestmark = [pytest.mark.qemu, pytest.mark.limit(400)]
ROLE = "edu0"


@pytest.fixture(scope="module")
def rig():
    with DeviceRig("tests/hostile/products/devices") as rig:
        yield rig


def watched(rig, words, timeout=60):
    """An attack that must leave the machine's registers as they are."""
    before = rig.spaces()
    seen = rig.attack(words, timeout)
    rig.same_spaces(before, ROLE)
    return seen


def test_sep5_functions_of_others_are_absent(rig):
    assert re.search("2 visible of 65536", watched(rig, "pci-scan", 120))


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


def test_sep3_sep5_what_others_may_not_either(rig):
    """AC-19, AC-20: IO-APIC, timers and the other cores are no nearer to a partition with functions."""
    for name in "fetch", "svm", "icr":
        watched(rig, name, 180)


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
