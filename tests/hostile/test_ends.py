# SPDX-License-Identifier: Apache-2.0
"""Attacks that end the attacker: triple faults, events that cannot be delivered, walks that leave memory, cores that listen to
nobody. Each leaves its stop record, hurts nobody, and the partition starts again with nothing of its earlier life."""
import pytest

from rig import OURS, Rig

LOOPS = r": stopped|: running|: \d+ denied accesses"  # what cannot be answered is not tried again and again
SILENT = 6  # seconds, more than the 4 s after which a core that does not answer is reported


@pytest.fixture(scope="module")
def shared():
    with Rig() as rig:
        yield rig


@pytest.fixture
def rig(shared):
    """The attacker lives, whatever a test before has left."""
    if not shared.key("l", OURS + r"\d attacker +(\S+) ")[1] == "running":
        shared.again()
    return shared


ENDS = {
    "triple-long": "triple fault, .*vcpu 0 at",
    "triple-protected": "triple fault, .*vcpu 0 at",
    "triple-real": "triple fault, .*vcpu 1 at 0x6; ",
    "walk": r"memory access that cannot be answered, value 0x0, address 0x2000000, vcpu 0",
    "walk-32": r"memory access that cannot be answered, value 0x0, address 0x2000914, vcpu 0",
    "walk-pae": r"memory access that cannot be answered, value 0x0, address 0x2000228, vcpu 0",
    "delivery-idt": "memory access that cannot be answered, value 0x0, address 0x2010[0-9a-f]+, vcpu 0",
    "delivery-stack": "memory access that cannot be answered, value 0x0, address 0x20107[0-9a-f]+, vcpu 0",
    "delivery-gdt": "memory access that cannot be answered, value 0x0, address 0x2010[0-9a-f]+, vcpu 0",
    "delivery-irq": "memory access that cannot be answered, value 0x0, address 0x20107[0-9a-f]+, vcpu 0",
    "end-garbage": "exit, value 0xffffffffffffffff, address 0xffffffffffffffff",
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.shutdown) if name.startswith("triple") else name for name in ENDS])
def test_sep4_sep8_end_is_recorded_and_hurts_nobody(rig, name):
    """AC-11, AC-14, AC-50."""
    rig.end(name, ENDS[name] + ".*action: stop", astray=LOOPS)
    rig.nobody_noticed()
    assert rig.again() > 1


def test_sep5_cr3_beyond_the_address_width(rig):
    """#GP, or where the processor tells only at the next entry: stopped."""
    rig.keys_to("attacker")
    record = "partition attacker: illegal processor state, .*action: stop"
    seen = rig.unless_lost("cr3\r", rf"attack cr3: .*: PASS|{record}")
    rig.nobody_noticed()
    if "illegal" in seen[0]:
        rig.again()


@pytest.mark.parametrize("name", ["halt", "spin"])
def test_sep4_core_with_interrupts_off_is_stopped_from_outside(rig, name):
    rig.begin(name)
    rig.drain(SILENT)
    rig.nobody_noticed()
    rig.again()


def test_sep4_core_that_stays_in_its_nmi_handler_is_stopped_from_outside(rig):
    """AC-09: the partition's own NMI, whose handler never returns, must hold none of ours back."""
    rig.attack("nmi-stay")
    rig.keys_to_silent("attacker")
    place = rig.place()
    rig.attention("r")
    rig.since(place, OURS + "partition attacker: running, life", timeout=15)
    rig.lives_again(place)
    rig.nobody_noticed()


def test_sep9_nothing_is_left_of_an_earlier_life(rig):
    """AC-49: memory, vector, debug and general registers full of a pattern, then a reboot."""
    place = rig.place()
    rig.end("residue", "reboot, value 0x0,.*action: restart", then=": running, life")
    rig.lives_again(place)
    rig.nobody_noticed()


def restarts(rig, count):
    for i in range(count):
        rig.end(("triple-long", "triple-protected")[i % 2], "triple fault")
        rig.again()
    rig.nobody_noticed()


@pytest.mark.shutdown
def test_sep4_sep9_restarts_after_triple_faults(rig):
    restarts(rig, 5)


@pytest.mark.long
@pytest.mark.limit(5400)
def test_sep4_sep9_1000_restarts_after_triple_faults(rig):
    restarts(rig, 1000)
