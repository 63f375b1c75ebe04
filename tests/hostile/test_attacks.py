# SPDX-License-Identifier: Apache-2.0
"""Attacks that the attacker survives, many in one boot: memory, ports, registers, instructions, interrupts, hypercalls. After each
of them the rig asks witness, victim, audit and hypervisor. SECURITY classes: partitions/attacker/attack_*.c."""
import re

import pytest

from rig import Rig, said_by


@pytest.fixture(scope="module")
def rig():
    with Rig() as rig:
        yield rig


def counted(rig, kind, name, timeout=60):
    """An attack whose attempts the hypervisor must have counted; returns how many."""
    before = rig.counters().get(kind, 0)
    rig.attack(name, timeout)
    return rig.counters().get(kind, 0) - before


@pytest.mark.limit(400)
def test_sep1_every_page_below_4_gib_and_edges_above(rig):
    """32 MiB are ours: 1,040,000 pages are not, each of which must fault and be counted."""
    assert counted(rig, "denied memory", "npt", 350) > 1000000


def test_sep1_memory_without_paging(rig):
    assert counted(rig, "denied memory", "npt-unpaged") > 10000


def paged(rig, name):
    """Its own tables in another mode: swept through them, decoded through them, and changed under the hypervisor."""
    before = rig.counters()
    seen = rig.attack(name, 180)
    after = rig.counters()
    assert int(re.search(r"(\d+) accesses outside refused", seen)[1]) > 40000
    # others: values of control registers that are ours to refuse; some CPUs fault on some of them before they exit
    for kind, least in ("denied memory", 40000), ("cr_write", 500), ("denied others", 20):
        assert after.get(kind, 0) - before.get(kind, 0) > least


def test_sep1_memory_in_32_bit_paged_mode(rig):
    paged(rig, "paged-32")


def test_sep1_memory_in_pae_mode(rig):
    paged(rig, "paged-pae")


def test_sep1_instruction_fetch(rig):
    rig.attack("fetch")


@pytest.mark.limit(400)
def test_sep5_every_port(rig):
    assert counted(rig, "denied ports", "ports", 350) > 3 * 65536


def test_sep5_every_msr(rig):
    assert counted(rig, "denied MSRs", "msrs", 120) > 20000


def test_sep3_interrupt_commands(rig):
    seen = rig.attack("icr", 120)
    assert int(re.search(r"(\d+) commands", seen)[1]) > 50000


@pytest.mark.qemu
@pytest.mark.limit(180)
def test_sep4_audits_while_a_core_is_initialised_in_a_loop(rig):
    """The audit reads what the attacker's core rebuilds at that moment; a finding would end everything. Not on Bochs, where an audit takes
    the witness's core for half a second: one after the other they are longer than its watchdog's patience."""
    rig.keys_to("attacker")
    rig.type("init-loop\r", said_by("attacker", "attack init-loop: 1000 rounds"), timeout=60)
    audits, found = 0, [None]
    while found[0] != "attack init-loop":
        rig.attention("v")
        found = rig.expect(r"audit: [^\r\n]* (\d+) findings|AUDIT [^\r\n]*|CRASH [^\r\n]*|attack init-loop(?=: [^\r\n]*: PASS)", 30)
        assert found[1] in ("0", None) and found[0][0] == "a", rig.drain(1)[-3000:]
        audits += found[1] == "0"
    assert audits > 300, f"{audits} audits"
    rig.nobody_noticed()


def test_sep4_kick_just_before_an_entry(rig):
    assert int(re.search(r"0 lost of (\d+)", rig.attack("kick"))[1]) == 48 * 48


def test_sep5_control_registers(rig):
    rig.attack("cr")


def test_sep5_extended_states(rig):
    rig.attack("xcr")


def test_sep3_interrupt_shadow_around_exits(rig):
    rig.attack("shadow")


@pytest.mark.shadow
def test_sep3_interrupt_shadow_of_an_instruction_that_exits_and_is_executed(rig):
    rig.attack("shadow-kept")


def test_sep1_stale_translations_and_rights(rig):
    rig.attack("stale")


def test_sep5_virtualisation_instructions(rig):
    assert counted(rig, "forbidden", "svm") > 20


def test_sep5_hypercalls(rig):
    rig.attack("calls")


def test_sep3_local_apic(rig):
    rig.attack("apic")


def test_sep3_local_vector_table(rig):
    rig.attack("lvt", 120)


def test_sep4_pets_at_full_speed(rig):
    """The witness's core looks at all partitions: asking it to look as fast as possible must not wake it as often."""
    woken = rig.counters("witness")["kick"]
    seen = rig.attack("watchdog-pets")
    calls, woken = int(re.search(r"(\d+) calls", seen)[1]), rig.counters("witness")["kick"] - woken
    assert woken < calls / 5, f"{calls} calls woke the witness {woken} times"


def test_attacker_was_never_stopped(rig):
    """For nothing of what it tried in the tests before this one, nor for some of it again."""
    for name in "fetch", "svm", "cr", "calls":
        rig.attack(name)
    rig.state("attacker", "running .* started 1 times")


@pytest.mark.long
@pytest.mark.limit(3600)
def test_sep1_sep5_full_sweeps():
    """Without strides: every page for writing too, every port with every value, every hypercall number of 16 bits."""
    with Rig() as rig:
        for name in "calls", "ports", "npt":
            rig.attack(f"full {name}", 1500)
