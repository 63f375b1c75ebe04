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


@pytest.mark.parametrize("name", ["apic", "lvt", "icr", "fetch"])
def test_sep3_attack_through_the_page(rig, name):
    rig.attack(name, 120)


def test_sep4_delivery_that_faults(rig):
    rig.end("delivery-irq", "memory access that cannot be answered, .*action: stop", astray=LOOPS)
    rig.nobody_noticed()
