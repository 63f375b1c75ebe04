# SPDX-License-Identifier: Apache-2.0
"""A function's ports are its owner's (SEP-1, SEP-5): the network card's registers by its window of ports and by memory are the same; the
ports beside it are denied. And what `cfg` and `bar` of the probe do."""
import pytest

from lib import Machine
from test_lab import Probe, counters

pytestmark = pytest.mark.qemu


def test_sep5_ports_of_a_function_are_its_owners():
    with Machine("tests/system/products/card") as machine:
        machine.seen(r"probe\| probe: life 1")
        machine.keyboard("probe")
        probe = Probe(machine)
        assert probe.value("cfg 1.0 0") == 0x10D38086 and probe.value("cfg 2.0 0") == 0xFFFFFFFF  # the witness's, which is no other's 1.0
        window = probe.value("cfg 1.0 18")
        assert window & 3 == 1 and window >= 0x1000, hex(window)
        window &= ~3
        before = counters(machine).get("ports", 0)
        for register, value in (0x8, None), (0x5400, 0x12345678), (0x38, None):  # status; receive address; Ethernet type of VLANs
            if value is not None:
                probe.ask(f"bar 0 {register:x} {value:x}")
            probe.ask(f"out {window:x} {register:x} 32", f"= {register:#x}")
            assert probe.value(f"in {window + 4:x} 32") == probe.value(f"bar 0 {register:x}") != 0xFFFFFFFF, hex(register)
        probe.ask(f"out {window:x} 5400 32", "= 0x5400")
        probe.ask(f"out {window + 4:x} 55aa55aa 32", "= 0x55aa55aa")
        assert probe.value("bar 0 5400") == 0x55AA55AA
        assert counters(machine).get("ports", 0) == before
        for port, width in (window - 1, 8), (window + 32, 8), (window + 31, 16), (window + 30, 32), (window - 2, 32):
            assert probe.value(f"in {port:x} {width}") == (1 << width) - 1
        assert counters(machine)["ports"] == before + 5
        machine.key("v", r"audit: .*: 0 findings")
