# SPDX-License-Identifier: Apache-2.0
"""Owners of a disk's functions start again while their commands are under way: that of a virtual one alone, that of the physical one
with it."""
import re

import pytest

from lib import EACH_QEMU, Machine

OWNERS = "tests/system/products/owners"
FIRST = {"storage": r"storage\| storage: vf1 online, controller 1,", "diskcheck": r"diskcheck\| diskcheck: life \d+, namespace 2,", "witness": r"witness\| witness ok 1 "}

pytestmark = pytest.mark.qemu


class Rig:
    def __init__(self, board):
        self.machine = Machine(OWNERS, board)
        self.lives = dict.fromkeys(FIRST, 1)

    def up(self, name, place):
        """This life of a partition has done what it does at first."""
        running = self.machine.since(place, rf"partition {name}: running, life {self.lives[name]},", timeout=60)
        self.machine.since(running.end(), FIRST[name], timeout=60)

    def works(self):
        """The load goes on from here, and the one who looks on is not disturbed."""
        place = self.machine.place()
        self.machine.since(place, r"diskcheck\| diskcheck ok \d+ .*(?s:.*?)diskcheck\| diskcheck ok ", r"witness\| witness ok .* strangers=0 bad=0\s", timeout=60)
        bad = re.findall(r"^.*(?:diskcheck BAD|\| error:|AUDIT|refused: address|cut off|cannot start|still pending|witness BAD).*$", self.machine.text, re.M)
        assert not bad, bad

    def restart(self, name, *group):
        """By the operator, in the middle of its work; these others with it."""
        self.machine.keyboard(name)
        place = self.machine.place()
        for other in (name, *group):
            self.lives[other] += 1
        self.machine.attention("r")
        for other in (name, *group):
            self.up(other, place)
        return self.machine.text[place:]

    def lived(self):
        """Each as often as it should have, by the table of the console, and what the tables promise still holds."""
        for name, lives in self.lives.items():
            self.machine.key("l", rf"{name} +running .* started {lives} times")
        self.machine.key("v", r"audit: .*: 0 findings")


@pytest.fixture(scope="module", params=EACH_QEMU)
def rig(request):
    rig = Rig(request.param)
    try:
        for name in FIRST:
            rig.up(name, 0)
        yield rig
    finally:
        rig.machine.close()


@pytest.mark.limit(600)
def test_sep4_restarts_with_commands_under_way(rig):
    """Ten times: its physical function's owner and everybody else go on in their lives."""
    for _ in range(10):
        rig.works()
        rig.restart("diskcheck")
    rig.works()
    rig.lived()


@pytest.mark.limit(600)
def test_sep4_owner_of_a_physical_function_restarts_with_those_of_its_virtual_ones(rig):
    """Three times, in the middle of the other's work. The console says who took whom along: it is stopped before the function is reset, and
    started when its owner runs again."""
    for _ in range(3):
        rig.works()
        text = rig.restart("storage", "diskcheck")
        said = [r"partition storage: operator, .* action: restart",
                r"partition diskcheck: the owner of its device's physical function, .* action: stop until that one runs again",
                r"partition diskcheck: stopped", r"partition storage: running, life", r"partition diskcheck: running, life"]
        places = [re.search(line, text).start() for line in said]
        assert places == sorted(places), text
    rig.works()
    rig.lived()
