# SPDX-License-Identifier: Apache-2.0
"""Slices of a disk: what a client was told is stable stays, however often the server starts again; nobody reaches another's sectors."""
import re

import pytest

from lib import EACH_QEMU, Machine
from seed import drawn

SLICES = "tests/system/products/slices"
CLIENTS = "books", "tills"
PLACES = 1024  # of a ledger: what was safe before is written over after so many
LOOKED = r"ledger: server met (\d+) times, found (\d+) entries up to (\d+), lost (\d+)"

pytestmark = [pytest.mark.qemu, pytest.mark.limit(600)]


class Rig:
    def __init__(self, board):
        self.machine = Machine(SLICES, board)
        self.life = 1
        self.machine.seen(r"storage\| storage: serves 3 slices on namespace 1",
                          *(rf"{name}\| ledger: slice {name}, {PLACES} places, found 0\s" for name in CLIENTS), timeout=60)

    def acknowledged(self, name, text=None):
        """The newest number that a ledger has said to be safe."""
        said = re.findall(rf"{name}\| ledger: acknowledged (\d+)\s", text if text is not None else self.machine.text)
        return int(said[-1]) if said else 0

    def reach(self, name, number, timeout=60):
        """Until its ledger has acknowledged that many."""
        for _ in range(timeout * 10):
            if self.acknowledged(name) >= number:
                return
            self.machine.drain(0.1)
        raise AssertionError(f"{name} does not come from {self.acknowledged(name)} to {number}:\n{self.machine.text[-2000:]}")

    def command(self, name, line, *patterns, timeout=60):
        """Typed on its console; after the last pattern its load goes on."""
        self.machine.keyboard(name)
        return self.machine.type(line + "\r", *(rf"{name}\| {pattern}" for pattern in patterns), timeout=timeout)

    def verify(self, name):
        seen = self.command(name, "verify", r"ledger: verified (\d+) entries up to (\d+), lost (\d+)")
        assert seen[3] == "0", self.machine.text[-3000:]
        return int(seen[2])

    def kill_server(self, draw, by_operator):
        """At a request that `draw` draws: the server ends when the disk has done so many more, and has answered neither that one nor those
        under way. Or by the operator, after that many entries of a ledger, wherever the server is then. Before a ledger goes on it looks
        whether all that it has said to be safe is there."""
        self.machine.keyboard("storage")
        place = self.machine.place()
        before = {name: self.acknowledged(name) for name in CLIENTS}
        if by_operator:
            name = draw.choice(CLIENTS)
            self.reach(name, self.acknowledged(name) + draw.randrange(1, 400))
            self.machine.attention("r")
        else:
            self.machine.send(f"die {draw.randrange(1, 800)}\r")
            self.machine.since(place, r"storage\| storage: dies, as it was told", timeout=60)
        self.life += 1
        self.machine.since(place, rf"partition storage: running, life {self.life},", r"storage\| storage: serves 3 slices",
                           *(rf"{name}\| {LOOKED}" for name in CLIENTS), timeout=60)
        for name in CLIENTS:
            looked = re.findall(rf"{name}\| {LOOKED}", self.machine.text[place:])
            assert [lost for _, _, _, lost in looked] == ["0"], self.machine.text[place:][-3000:]
            found, upto = map(int, looked[0][1:3])
            assert upto >= self.acknowledged(name, self.machine.text[:place]) >= before[name] and found == min(upto, PLACES)
            self.reach(name, upto + 20)

    def batches(self):
        """Of both ledgers in this life of theirs."""
        return sum(int(self.command(name, "status", r"ledger: (\d+) batches, a flush each")[1]) for name in CLIENTS)

    def flushes_from_now_on(self, log):
        """A function that says how many the emulator's controller has done since; it does not count them among its blocks' statistics."""
        self.machine.monitor(f"logfile {log}")
        self.machine.qmp("trace-event-set-state", name="pci_nvme_flush_ns", enable=True)
        return lambda: log.read_text().count("pci_nvme_flush_ns")

    def nothing_lost(self):
        for name in CLIENTS:
            safe = self.acknowledged(name)
            assert self.verify(name) >= safe
            seen = self.command(name, "status", r"ledger: acknowledged \d+, server met (\d+) times, (\d+) requests sent again, (\d+) strange answers, (\d+) times")
            assert int(seen[2]) > 0, seen[0]

    def good(self):
        bad = re.findall(r"^.*(?:\| error:|AUDIT|refused: address|cut off|cannot start|witness BAD|strangers=[1-9]).*$", self.machine.text, re.M)
        assert not bad, bad


@pytest.fixture(scope="module", params=EACH_QEMU)
def rig(request):
    rig = Rig(request.param)
    try:
        yield rig
    finally:
        rig.machine.close()


def test_nobody_reaches_another_ones_sectors(rig):
    """By what lies outside its slice, by what wraps, by a write to one that is read-only, by records that make no sense (AC-43, AC-44)."""
    rig.reach("books", 100)
    place = rig.machine.place()
    rig.command("tills", "outside", r"ledger: read before its beginning: .*")
    said = re.findall(r"tills\| ledger: (?:write|read) \w+ .*: (.*?)\s*$", rig.machine.text[place:], re.M)
    assert said == ["refused by the server"] * 8
    rig.command("tills", "other prices", r"ledger: read of the other slice: done", r"ledger: write to the other slice: refused by the server",
                r"ledger: the other slice says that it is prices, read only", timeout=20)
    rig.command("tills", "nonsense", r"ledger: nonsense [1-9]\d* times, answered [1-9]\d* times", timeout=90)
    for name in CLIENTS:
        rig.reach(name, rig.verify(name) + 50)
    rig.good()


def test_sep4_server_killed_under_load_loses_nothing_acknowledged(rig):
    """Six times, at points that the seed draws."""
    draw = drawn("test_sep4_server_killed_under_load_loses_nothing_acknowledged")
    for time in range(6):
        rig.kill_server(draw, by_operator=time % 3 == 2)
    rig.nothing_lost()
    rig.command("storage", "slices", r"slice prices: namespace 1 sector 16384, 1 MiB, read only")
    rig.good()


def test_each_flush_reaches_the_disk(rig, tmp_path):
    """A ledger's batch is safe by a flush of its own: the disk has done as many as there were batches."""
    flushes = rig.flushes_from_now_on(tmp_path / "flushes")
    before = rig.batches()
    for name in CLIENTS:
        rig.reach(name, rig.acknowledged(name) + 200)
    batches = rig.batches() - before
    rig.machine.qmp("trace-event-set-state", name="pci_nvme_flush_ns", enable=False)
    assert 0 < batches <= flushes(), (batches, flushes())


@pytest.mark.long
@pytest.mark.limit(1800)
def test_sep4_a_hundred_lives_of_the_server(rig):
    draw = drawn("test_sep4_a_hundred_lives_of_the_server")
    for _ in range(10):
        for time in range(10):
            rig.kill_server(draw, by_operator=time % 3 == 2)
        rig.nothing_lost()
    rig.good()


def test_sep4_client_and_server_start_again(rig):
    """The client in its next life finds at least what it has said to be safe; its neighbour is not disturbed."""
    draw = drawn("test_sep4_client_and_server_start_again")
    for both in False, True, False:
        rig.machine.keyboard("books")
        rig.reach("books", rig.acknowledged("books") + draw.randrange(1, 200))
        place = rig.machine.place()
        rig.machine.attention("r")
        if both:
            rig.machine.keyboard("storage")
            rig.machine.attention("r")
            rig.life += 1
        found = int(rig.machine.since(place, rf"books\| ledger: slice books, {PLACES} places, found (\d+)\s", timeout=60)[1])
        assert found >= rig.acknowledged("books", rig.machine.text[:place])
        rig.reach("books", found + 20)
        rig.reach("tills", rig.acknowledged("tills") + 20)
    for name in CLIENTS:
        rig.verify(name)
    rig.good()
    rig.machine.key("v", r"audit: .*: 0 findings")
