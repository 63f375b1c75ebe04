# SPDX-License-Identifier: Apache-2.0
"""Attacks on a running cable and a running slice, from either end (AC-43, AC-44): `rogue`, a kernel of our own that is a bad driver of virtio
ports, and `attacker` at the channels' end. After each, witness and victim are as they were, and what is honest goes on."""
import re
import subprocess

import pytest

from lib import ROOT
from rig import Rig, said_by

PRODUCTS = ROOT / "tests/hostile/products"
FLAGS = """-m32 -std=gnu11 -O2 -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
-mgeneral-regs-only -fno-strict-aliasing -Wall -Wextra -Wshadow -Werror -nostdlib -static -no-pie -Wl,--build-id=none""".split()
BAD, LAN, TRAP = 0, 1, 2  # ports of product rogue

pytestmark = [pytest.mark.qemu, pytest.mark.limit(400)]


def kernel_make():
    folder, sources = ROOT / "build/rogue", ROOT / "tests/hostile/rogue"
    folder.mkdir(parents=True, exist_ok=True)
    files = [sources / name for name in ("start.S", "machine.c", "driver.c", "rogue.c")]
    subprocess.run(["gcc", *FLAGS, f"-Wl,--no-warn-rwx-segments,-T,{sources}/rogue.lds", "-o", folder / "rogue.elf", *files], check=True)


class Rogue(Rig):
    def __init__(self, name):
        kernel_make()
        super().__init__(PRODUCTS / name)
        self.seen(said_by("rogue", r"rogue: up, \d+ ports"))

    def rogue(self, words, timeout=60, honest=False):
        """One attack of its driver; nobody else may have noticed. What is honest changes nothing for them."""
        self.keys_to("rogue")
        answer = said_by("rogue", rf"(?:attack {words}: (?P<surprises>\d+) surprises of \d+: \w+|rogue: died of exception)")
        seen = self.unless_lost(words + "\r", answer, timeout, *set(self.build.partitions) - {"rogue", "attacker"})
        assert seen["surprises"] == "0", self.text[-3000:]
        if not honest:
            self.nobody_noticed()

    def rogue_again(self):
        self.keys_to("rogue")
        self.key("r", r"partition rogue: running, life 2", said_by("rogue", r"rogue: up, \d+ ports"))


@pytest.fixture(scope="module")
def rig():
    with Rogue("rogue") as rig:
        rig.seen(r"web\| httpd: IPv4 10\.1\.0\.2/24")
        rig.rogue(f"traffic {LAN}", honest=True)
        yield rig


@pytest.fixture(scope="module")
def disk():
    with Rogue("rogue-slice") as rig:
        rig.seen(r"books\| ledger: slice books, \d+ places, found 0\s")
        rig.rogue("traffic 0", honest=True)
        yield rig


def web_goes_on(rig):
    rig.rogue(f"traffic {LAN}", honest=True)
    assert not re.search(r"partition web: (?!loaded|running, life 1,|lost peer)", rig.text)


@pytest.mark.parametrize("name", ["descriptors", "indices", "areas", "registers", "messages", "frames"])
def test_sep1_ac43_driver_of_a_card_that_lies(rig, name):
    rig.rogue(f"{name} {LAN}", 120)
    web_goes_on(rig)


@pytest.mark.parametrize("name", ["ring-scribble", "ring-lies"])
def test_sep1_ac44_end_of_a_cable_and_a_slice_that_lies(rig, name):
    """While it does, the port's owner goes on with its other cable, and what it asks of the liar comes to an end, without breaking its port."""
    rig.keys_to("attacker")
    rig.send(f"{name}\r")
    for port in LAN, BAD, TRAP:
        rig.rogue(f"{'traffic' if port == LAN else 'patience'} {port}", 120, honest=True)
    rig.seen(said_by("attacker", f"attack {name}: .*: PASS"))
    rig.nobody_noticed()
    web_goes_on(rig)


def test_sep3_ac46_doorbells_are_limited(rig):
    """Each channel by itself: `bell` has 1,000 a second, after ten that may come at once."""
    place = rig.place()
    rig.attack("doorbells")
    rung = [int(count) for count in re.findall(r"doorbells: channel \d rung (\d+) times in 4000 ms", rig.text[place:])]
    assert sorted(rung)[:2] == [0, 0] and 100 < sorted(rung)[2] < 4200 and max(rung) < 42000, rung
    web_goes_on(rig)


def test_sep3_ac46_storm_of_notifies(rig):
    """Its peer is rung, and no more often than a cable's 10,000 a second; nobody else notices."""
    rig.keys_to("attacker")
    rig.send("hear\r")
    rig.rogue(f"storm {BAD}", honest=True)  # nobody gets the screen before the attacker has spoken
    assert 10 < int(rig.seen(said_by("attacker", r"attack hear: .* (\d+) doorbells in 4000 ms: PASS"))[1]) < 42000
    rig.nobody_noticed()
    web_goes_on(rig)


def test_sep4_sep9_a_liar_can_be_honest_in_its_next_life(rig):
    """What it has left in the rings is not met again."""
    rig.again()
    rig.send("echo\r")
    rig.rogue(f"traffic {BAD}", honest=True)
    assert int(rig.seen(said_by("attacker", r"attack echo: .* (\d+) frames, .*: PASS"))[1]) >= 10
    rig.rogue_again()
    rig.rogue(f"traffic {LAN}")


@pytest.mark.parametrize("name", ["descriptors", "indices", "areas", "registers", "messages", "requests", "storm"])
def test_sep1_ac43_driver_of_a_disk_that_lies(disk, name):
    """The ledger beside it, on the same disk, goes on and misses nothing."""
    disk.rogue(f"{name} 0", 120)
    disk.rogue("traffic 0", honest=True)
    disk.keys_to("books")
    seen = disk.type("verify\r", said_by("books", r"ledger: verified (\d+) entries up to (\d+), lost (\d+)"), timeout=60)
    assert int(seen[2]) > 0 and seen[3] == "0", disk.text[-2000:]
    assert not re.search(r"partition (books|storage): (?!loaded|running, life 1,|lost peer)", disk.text)
