# SPDX-License-Identifier: Apache-2.0
"""What the persistent record tells after a reset: of partitions, their output and our log."""
import re

import pytest

from lib import Machine

LIFE = "tests/system/products/life"
FIRST_LINE = "image: product life on board"


@pytest.mark.qemu
def test_ac45_record_survives_a_reset_and_is_printed():
    with Machine(LIFE) as machine:
        machine.running()
        assert "record of boot" not in machine.text  # of a cold start nothing is believed
        machine.keyboard("frail")
        stop = machine.type("crash\r", r"partition frail: trap, value (0x[0-9a-f]+), address (0x[0-9a-f]+), vcpu 0 at (0x[0-9a-f]+)",
                            "partition frail: stopped")
        stop = machine.seen(r"partition frail: trap, value (0x[0-9a-f]+), address (0x[0-9a-f]+), vcpu 0 at (0x[0-9a-f]+)")
        machine.keyboard("keeper")
        machine.type("last\x1b]0;words\r", "you said: last")
        place = machine.place()
        machine.qmp("system_reset")
        machine.since(place, FIRST_LINE, "partition keeper: running, life 1", timeout=60)
        machine.since(place, "record of boot 1, product life:", r"record of boot 1: keeper\| .*last",
                      r"record of boot 1: bulkhead\| \[.*\] bulkhead\| ")
        found = machine.since(place, r"record of boot 1: frail had stopped at \d+\.\d{6} s, in life 1, stop 1: trap, "
                                     r"value (0x[0-9a-f]+), address (0x[0-9a-f]+), vcpu 0 at (0x[0-9a-f]+)")
        assert found.groups() == stop.groups()
        assert not re.search(r"\x1b\]0", machine.text[place:])
        place = machine.place()
        machine.qmp("system_reset")
        machine.since(place, FIRST_LINE, "record of boot 2, product life:", "partition keeper: running, life 1", timeout=60)
        assert "frail had stopped" not in machine.text[place:]
