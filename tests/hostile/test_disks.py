# SPDX-License-Identifier: Apache-2.0
"""Attacks by the owner of a virtual function of a disk, whose physical function and another virtual one are at work for others (AC-27,
AC-31, AC-35, AC-36, AC-38, AC-49)."""
import re

import lib
import pytest

from device_rig import DISK_PATTERN, EXTENDED_SRIOV, DeviceRig, refused
from rig import OURS, said_by

pytestmark = [pytest.mark.qemu, pytest.mark.limit(400)]
ROLE = "disk0.vf2"


@pytest.fixture(scope="module")
def shared():
    with DeviceRig("tests/hostile/products/disks") as rig:
        yield rig


@pytest.fixture(scope="module")
def physical():
    with DeviceRig("tests/hostile/products/physical") as rig:
        yield rig


@pytest.fixture
def rig(shared):
    """The attacker lives, whatever a test before has left."""
    if shared.key("l", OURS + r"\d attacker +(\S+) ")[1] != "running":
        shared.again()
    return shared


def watched(rig, words, timeout=60):
    before = rig.spaces()
    seen = rig.attack(words, timeout)
    rig.same_spaces(before, ROLE)
    return seen


@pytest.mark.parametrize("name", ["pci-own", "pci-bars", "pci-command"])
def test_sep5_configuration_space(rig, name):
    watched(rig, name, 180)


def test_sep3_table_of_messages(rig):
    """AC-36: what the hardware has of it is the hypervisor's, or masked."""
    watched(rig, "msix", 120)
    _, index, bar = rig.function_of(ROLE)
    address, upper, data, control = rig.words(bar + 0x2000, 4)
    assert control & 1, "the attacker had masked it"
    if (address, upper, data) != (0, 0, 0):
        rig.check_message(address, upper, data, index)


def test_sep1_requests_that_name_foreign_memory(rig):
    place = rig.place()
    watched(rig, f"{rig.places()} disk-dma", 240)
    rig.nowhere(DISK_PATTERN)
    if lib.IOMMU == "vtd":
        assert re.search(refused(ROLE), rig.text[place:])


def test_sep1_admin_commands(rig):
    """AC-38: the neighbour's input and output goes on. What this disk grants to everybody: docs/CAVEATS.md."""
    watched(rig, "disk-admin", 240)


@pytest.mark.vtd
def test_sep4_too_many_faults_cut_the_function_off(rig):
    """AC-31. Its owner's table says stop."""
    rig.end("disk-flood", "too many IOMMU faults.*action: stop", timeout=120)
    assert re.search(OURS + r"partition attacker: function disk0\.vf2 \(\S+\) is cut off: more than 10 IOMMU faults", rig.text)
    rig.nobody_noticed()
    rig.again()
    watched(rig, "disk-dma", 240)


@pytest.mark.amdvi
def test_sep4_refused_requests_without_end(rig):
    """AC-31. QEMU's unit logs nothing, and its disk takes a write that the unit refused for done: memory shows it."""
    rig.attack(f"{rig.places()} disk-flood", 120)
    rig.nowhere(DISK_PATTERN)


def test_sep4_storm_of_small_commands_is_ended_from_outside(rig):
    """AC-21."""
    rig.begin("disk-storm")
    rig.drain(6)
    rig.nobody_noticed()
    rig.again()
    rig.nobody_noticed()


def test_sep9_restart_with_requests_under_way(rig):
    """AC-49: nothing is written into the memory of the next life."""
    for _ in range(3):
        place = rig.place()
        rig.end("disk-reboot", "reboot, .*action: restart", then=": running, life")
        rig.lives_again(place)
        assert not rig.words(rig.function_of(ROLE)[2] + 0x14, 1)[0] & 1, "the controller was not reset"
    rig.nobody_noticed()
    watched(rig, "pci-own", 180)


@pytest.mark.parametrize("name", ["pci-own", "pci-bars", "pci-command"])
def test_sep5_what_makes_the_functions_of_others(physical, name):
    """AC-38: SR-IOV's capability is in a function of the attacker's, and none of it."""
    before = physical.spaces()
    space = before[0][physical.function_of("disk0")[0]]
    assert space[physical.extended(space, EXTENDED_SRIOV) // 4 + 2] & 1, "no virtual functions are there"
    physical.attack(name, 180)
    physical.same_spaces(before, "disk0")


@pytest.mark.long
def test_exclusion_what_the_emulated_disk_grants_to_everybody():
    """AC-38: the queues lie in their owners' memory, so that only the disk could refuse this command, and QEMU's does not. If this fails, the
    caveat may go."""
    with DeviceRig("tests/hostile/products/disks") as rig:
        rig.keys_to("attacker")
        rig.type("disk-steal\r", said_by("attacker", r"attack disk-steal: .* [1-9] detached"), said_by("load", "diskcheck BAD"), timeout=60)
        rig.witness_steady()
