# SPDX-License-Identifier: Apache-2.0
"""Attacks of a partition that has its local APIC in memory: the page is emulated, instructions are fetched and decoded (AC-17,
AC-18, AC-25)."""
import pytest

from rig import Rig
from test_ends import LOOPS


@pytest.fixture(scope="module")
def rig():
    with Rig("tests/hostile/products/xapic") as rig:
        assert "2 cores, xAPIC" in rig.text
        yield rig


@pytest.mark.parametrize("name", ["apic", "lvt", "icr", "shadow", "fetch", "paged-32", "paged-pae"])
def test_sep3_attack_through_the_page(rig, name):
    rig.attack(name, 180)


@pytest.mark.parametrize("name", ["decode-32", "decode-pae"])
def test_sep1_sep4_code_that_cannot_be_fetched(rig, name):
    """The code page's entry leads outside memory when the hypervisor looks: it reads nothing there, and says so."""
    rig.end(name, "memory access that cannot be answered, value 0x1, address 0xfee00030, vcpu 0 .*action: stop")
    rig.nobody_noticed()
    rig.again()


def test_sep4_delivery_that_faults(rig):
    rig.end("delivery-irq", "memory access that cannot be answered, .*action: stop", astray=LOOPS)
    rig.nobody_noticed()
