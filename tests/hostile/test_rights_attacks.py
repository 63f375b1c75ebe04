# SPDX-License-Identifier: Apache-2.0
"""Rights over others that the table does not give, tried by one that may observe two others, and by one that has none."""
import re

import pytest

from lib import ROOT
from rig import Rig

PRODUCT = ROOT / "tests/hostile/products/rights"


@pytest.fixture(scope="module")
def observer():
    with Rig(PRODUCT) as rig:
        yield rig


def test_sep5_ac51_orders_and_reads_beyond_the_table(observer):
    seen = observer.attack("rights", 120)
    assert int(re.search(r"(\d+) seen", seen)[1]) == 2


def test_sep4_ac46_a_flood_of_orders_and_reads(observer):
    """The others make as many exits as before, and nobody is stopped, started, paused or audited by it."""
    before = observer.counters("witness")
    place = observer.place()
    flood = observer.attack("rights-flood", 120)
    after = observer.counters("witness")
    calls = sum(map(int, re.findall(r"(\d+) (?:calls )?on", flood)))
    kicks = after.get("kick", 0) - before.get("kick", 0)
    assert calls > 5000, flood
    assert kicks < calls / 10, f"{calls} calls woke the witness {kicks} times"
    assert "by order of" not in observer.text[place:]


def test_sep5_ac51_nothing_without_rights():
    with Rig() as rig:
        seen = rig.attack("rights", 120)
        assert int(re.search(r"(\d+) seen", seen)[1]) == 0
