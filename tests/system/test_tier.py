# SPDX-License-Identifier: Apache-2.0
"""What a tier counts: a test that waited in vain is run once more, and no other."""
import importlib.util
import pathlib
import re

import pytest

TIER = pathlib.Path(__file__).resolve().parents[1] / "tier.py"
HEAD = """import pathlib, pytest
class NotInTime(AssertionError): pass
def first(name):
    place = pathlib.Path(__file__).with_name(name)
    there = place.exists()
    place.touch()
    return not there
"""
LATE_ONCE = HEAD + """
@pytest.fixture
def machine():
    if first("fixture"): raise NotInTime("no boot")
def test_good(): pass
def test_late():
    if first("late"): raise NotInTime("no answer")
def test_late_at_its_beginning(machine): pass
"""
LATE = HEAD + "def test_late(): raise NotInTime('no answer')\n"
WRONG_ONCE = HEAD + "def test_wrong(): assert not first('wrong'), 'another answer'\n"
SKIPPED = HEAD + "def test_skipped(): pytest.skip('no machine')\n"


@pytest.fixture
def tier(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("tier_under_test", TIER)
    tier = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tier)
    (tmp_path / "build").mkdir()
    monkeypatch.setattr(tier, "ROOT", tmp_path)

    def run(*files):
        for number, text in enumerate(files):
            (tmp_path / f"tests{number}").mkdir()
            (tmp_path / f"tests{number}/test_{number}.py").write_text(text)
        tier.pytest("--rootdir", str(tmp_path), *(f"tests{number}" for number in range(len(files))))
        return tier.passed, tier.failed
    return run


def test_late_once(tier, capfd):
    assert tier(LATE_ONCE) == (3, 0)
    said = capfd.readouterr().out
    assert re.search(r"again with nothing beside: tests0/test_0.py::test_late tests0/test_0.py::test_late_at_its_beginning\n", said) and "FAILED tests" not in said.split("again with")[1]


def test_late_twice(tier, capfd):
    assert tier(LATE, LATE_ONCE) == (3, 1)
    assert "FAILED tests0/test_0.py::test_late (failure)\ntest_0.NotInTime: no answer\n" in capfd.readouterr().out


@pytest.mark.parametrize("text", [WRONG_ONCE, SKIPPED], ids=["wrong", "skipped"])
def test_what_is_not_run_again(tier, text, capfd):
    assert tier(text) == (0, 1)
    assert "again with" not in capfd.readouterr().out


def test_late_in_many_files(tier):
    assert tier(*[LATE_ONCE] * 4) == (4, 8)
