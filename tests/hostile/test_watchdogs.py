# SPDX-License-Identifier: Apache-2.0
"""AC-46: halting, spinning, petting for others, restarting without end, and too many denied accesses. Only the author is
stopped, as its table says."""
import pytest

from lib import PATIENCE
from rig import OURS, Rig, said_by

PERIOD = 5  # seconds, of the watchdogs in the product table


@pytest.fixture(scope="module")
def rig():
    with Rig("tests/hostile/products/watchdogs", "halts", "spins", "pets") as rig:
        yield rig


def silent(rig, name):
    """Long enough for any watchdog here; then what has become of the partition, after how many of its own seconds."""
    line = rf"\[ *([\d.]+)\] bulkhead\| .*\d {name} +(\S+) "
    before = rig.key("l", line)
    rig.drain(PERIOD + 3 * PATIENCE)
    after = rig.key("l", line)
    return f"{after[2]} after {float(after[1]) - float(before[1]):.0f} s of silence of {name}"


def test_sep4_halted_core_is_stopped_by_its_watchdog(rig):
    place = rig.place()
    rig.begin("halt", "halts")
    assert "stopped after" in silent(rig, "halts")
    rig.since(place, OURS + r"partition halts: watchdog, .* at 0x[0-9a-f]+; action: stop")
    rig.nobody_noticed()
    rig.state("halts", r"stopped .*stopped by: watchdog")
    rig.again("halts")


def test_sep4_spinning_core_is_restarted_until_its_limit(rig):
    for life in 2, 3:
        rig.keys_to("spins")
        place = rig.place()
        rig.end("spin", "watchdog, .*action: restart", 60, "spins", ": running, life")
        assert rig.lives_again(place, "spins") == life
        rig.nobody_noticed()
    rig.end("spin", "watchdog, .*action: restart", 60, "spins", ": stopped: 2 restarts within 600000 ms are the table's limit")
    place = rig.place()
    assert "partition spins: running" not in rig.drain(3)[place:]
    rig.nobody_noticed()
    rig.state("spins", r"stopped .*stopped by: watchdog")


def test_sep4_pets_reach_only_ones_own(rig):
    """Whatever `pets` writes, `halts` dies of its own silence. Meanwhile and later, at its prompt, `pets` pets itself."""
    rig.begin("spin", "halts")
    place = rig.place()
    rig.keys_to("pets")
    rig.type("watchdog-pets\r", said_by("pets", "attack watchdog-pets: .*: PASS"), timeout=60)
    assert "stopped after" in silent(rig, "halts")
    rig.since(place, OURS + r"partition halts: watchdog, .* action: stop")
    rig.state("pets", "running .*started 1 times")
    rig.nobody_noticed()


def test_sep4_too_many_denied_accesses(rig):
    rig.end("ports", "too many denied accesses, value 0x0, .*action: stop", who="pets", astray=r": running|: \d{3,} denied accesses")
    rig.nobody_noticed()
    rig.state("pets", "stopped .*stopped by: too many denied accesses")
