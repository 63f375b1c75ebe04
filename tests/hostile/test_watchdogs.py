# SPDX-License-Identifier: Apache-2.0
"""AC-46: halting, spinning, petting for others, restarting without end, and too many denied accesses. Only the author is
stopped, as its table says."""
import time

import pytest

from rig import OURS, Rig, said_by


@pytest.fixture(scope="module")
def rig():
    with Rig("tests/hostile/products/watchdogs", "halts", "spins", "pets") as rig:
        yield rig


def test_sep4_halted_core_is_stopped_by_its_watchdog(rig):
    rig.end("halt", r"watchdog, .* at 0x[0-9a-f]+; action: stop", 60, "halts")
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
    """Whatever `pets` writes, `halts` dies of its own silence."""
    rig.begin("spin", "halts")
    place = rig.place()
    rig.keys_to("pets")
    rig.type("watchdog-pets\r", said_by("pets", "attack watchdog-pets: .*: PASS"), timeout=60)
    rig.since(place, OURS + r"partition halts: watchdog, .* action: stop")
    time.sleep(6)  # longer than the period: petting goes on at the prompt
    rig.state("pets", "running .*started 1 times")
    rig.nobody_noticed()


def test_sep4_too_many_denied_accesses(rig):
    rig.end("ports", "too many denied accesses, value 0x0, .*action: stop", who="pets")
    rig.nobody_noticed()
    rig.state("pets", "stopped .*stopped by: too many denied accesses")
