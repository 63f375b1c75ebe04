# SPDX-License-Identifier: Apache-2.0
"""Refusals of an Intel processor. VMX that the firmware has locked off. VM entries that must fail: states that no guest may have, put into the image by other bytes at the places that make a partition's
state. Whether our own check sees it, the CPU, or the instruction itself: the partition stops with the rule or the CPU's number, and the
hypervisor goes on (SEP-8). SDM3 27.2, 27.3, 31.4."""
import re
import struct

import pytest

from faults import SAY_NOTHING, text_change
from lib import Machine, build_product, make_iso

CODE_RIGHTS = struct.pack("<I", 0xC09B)  # of CS at a start: a present code segment of 32 bits
DATA_RIGHTS = struct.pack("<I", 0xC091)  # which even an unrestricted guest cannot have there: read-only data
RIP = struct.pack("<I", 0x681E)
CR3_TARGETS = struct.pack("<I", 0x400A)  # how many: 0; at most 4
pytestmark = pytest.mark.vmx

INJECTIONS = {
    "our-check": (((CODE_RIGHTS, CODE_RIGHTS, DATA_RIGHTS),), {}, "code 0x100000000, .*: CS: not a code segment that was used"),
    "cpu": (((CODE_RIGHTS, CODE_RIGHTS, DATA_RIGHTS),), {"vmx_state_wrong": SAY_NOTHING}, "code 0x80000021, .*: no rule that we know is broken"),
    "instruction": (((CODE_RIGHTS, RIP, CR3_TARGETS),), {}, "code 0x200000007, .*: no rule that we know is broken"),
}


@pytest.mark.parametrize("name", INJECTIONS)
def test_sep8_refused_entry_stops_the_partition_with_its_reason(tmp_path, name):
    places, functions, reason = INJECTIONS[name]
    build = build_product("minimal")
    with Machine("minimal", image=make_iso(build, tmp_path, text_change(build, *places, **functions))) as machine:
        for partition in "hello", "loop":
            said = machine.seen(rf"partition {partition}: vcpu 0 cannot be entered: ([^\r\n]+)\r", timeout=60)
            assert re.match(reason, said[1]), said[0]
            machine.seen(rf"partition {partition}: illegal processor state, value 0x", rf"partition {partition}: stopped")
        machine.key("l", r"1 hello +stopped .*stopped by: illegal processor state", r"2 loop +stopped .*stopped by: illegal processor state")
        machine.key("v", r"audit: 2 partitions, .*: 0 findings")
        machine.keyboard("hello")
        machine.key("r", "partition hello: running, life 2", rf"partition hello: vcpu 0 cannot be entered: {reason}")
        assert "CRASH" not in machine.text


FEATURE_CONTROL = b"\xb9" + struct.pack("<I", 0x3A)  # mov $IA32_FEATURE_CONTROL, %ecx
CR0_FIXED = b"\xb9" + struct.pack("<I", 0x486)  # a register that has bit 0, locked, and not bit 2, VMX


def test_vmx_locked_off_is_refused_with_what_to_set(tmp_path):
    build = build_product("minimal")
    change = text_change(build, ("capabilities_read", FEATURE_CONTROL, CR0_FIXED))
    with Machine("minimal", image=make_iso(build, tmp_path, change)) as machine:
        machine.seen(r"refused: VIRT-6: .*locked VMX off .*in its setup set Intel Virtualization Technology .*\r\n", timeout=60)
        machine.drain(1)
        assert ": running" not in machine.text
