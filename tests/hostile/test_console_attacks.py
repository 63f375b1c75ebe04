# SPDX-License-Identifier: Apache-2.0
"""The console as a weapon (AC-44, AC-45): forged lines, terminal escapes, a flood, nonsense in the rings, a terminal that does
not read."""
import re
import time

import pytest

from rig import OURS, STAMPED, Rig, said_by


@pytest.fixture(scope="module")
def rig():
    with Rig() as rig:
        rig.lines_lost = True
        yield rig


def test_sep4_flood_and_forged_lines(rig):
    """All that the attacker wrote stands on its own lines, in printable characters, and no more of it than its rate allows."""
    rig.keys_to("attacker")
    place = rig.place()
    rig.type("flood\r", said_by("attacker", "attack flood: .*: PASS"), timeout=90)
    rig.witness_steady()
    lines = rig.text[place:].split("\r\n")[1:-1]
    assert sum("forged" in line for line in lines) >= 7
    for line in lines:
        where = STAMPED.fullmatch(line)
        assert where and not re.search(r"[^ -~\t]", line), repr(line)
        assert len(line) <= 260
        if "forged" in line or "AAAA" in line:
            assert where[1] == "attacker", repr(line)
    shown = [(float(line[1:13]), line.count("A")) for line in lines if "AAAA" in line]
    seconds = shown[-1][0] - shown[0][0]
    assert 0 < sum(count for _, count in shown) < 65536 * (seconds + 1) + 1000  # a full bucket, then its rate
    rig.nobody_noticed()


def test_sep7_nonsense_indices(rig):
    """The attacker loses output, nobody else does; it can still be talked to."""
    rig.attack("ring", 120)
    rig.attack("calls")
    for name in "witness", "victim":
        rig.state(name, "running .* 0 bytes of output lost")


def test_sep4_terminal_that_does_not_read(rig):
    """The serial line stands still for some seconds during a flood: partitions go on, and so does the console later."""
    rig.keys_to("attacker")
    rig.send("flood\r")
    with rig.reader.pause():
        time.sleep(8)  # meanwhile output is discarded, the attacker's verdict too
    rig.drain(1)
    rig.type("fetch\r", said_by("attacker", "attack fetch: .*: PASS"), timeout=90)
    rig.hypervisor_sound()
    worst = rig.since(rig.place(), said_by("witness", r"witness ok \d+ .*worst=(\d+) us strangers=0 bad=0"))[1]
    assert int(worst) < 6000000
    rig.victim_whole()
    rig.hypervisor_sound()
