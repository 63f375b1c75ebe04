# SPDX-License-Identifier: Apache-2.0
"""The way to a real board, without one: environments, images for it, what is not run there, the report. tests/tier.py runs tests on a board
that QEMU plays."""
import functools
import os
import re
import subprocess
import sys
import time
import types

import pexpect
import pytest

from lib import ROOT, build_product, make

sys.path.insert(0, str(ROOT / "tests/hil"))
import hil_report  # noqa: E402
import pxe  # noqa: E402

FROM_DOCUMENTS = ["apu2", "firebox-m270"]
PYTHON = "/usr/bin/python3"


def environment(name):
    return {**os.environ, "LG_ENV": str(ROOT / f"tests/hil/{name}.yaml"), "LG_HOST": "127.0.0.1", "LG_WORK": "/nonexistent"}


@pytest.mark.parametrize("name, path", [("board", "/"), ("apu2", "/apu2/"), ("firebox-m270", None)])
def test_environment_has_all_that_the_strategy_needs(name, path):
    show = ("import sys; sys.path.insert(0, 'tests/hil'); import labboard, os; "
            "print('path', labboard.environment(os.environ['LG_ENV']).get_target('main').get_driver('Strategy', activate=False).network_path)")
    run = subprocess.run([PYTHON, "-c", show], cwd=ROOT, env=environment(name), capture_output=True, text=True, timeout=60)
    assert f"path {path}\n" in run.stdout, run.stderr


def test_strategy_needs_a_way_for_the_image(tmp_path):
    (tmp_path / "bench.yaml").write_text("targets: {main: {resources: {RawSerialPort: {port: /dev/null}}, drivers: {SerialDriver: {}, ManualPowerDriver: {}, "
                                         f"BulkheadStrategy: {{}}}}}}}}\nimports: [{ROOT}/tests/hil/strategy.py]\n")
    show = "import sys; sys.path.insert(0, 'tests/hil'); import labboard, os; labboard.environment(os.environ['LG_ENV']).get_target('main')"
    run = subprocess.run([PYTHON, "-c", show], cwd=ROOT, env={**os.environ, "LG_ENV": str(tmp_path / "bench.yaml")}, capture_output=True, text=True, timeout=60)
    assert "no way to bring an image to the board" in run.stderr


class Recorder:
    """A driver that notes what is asked of it."""

    def __init__(self, name, notes):
        self.name, self.notes = name, notes

    def __getattr__(self, verb):
        return lambda *words: self.notes.append(" ".join([self.name, verb, *(getattr(word, "name", str(word)) for word in words)]))


def bench(notes, **parts):
    """The strategy's methods on drivers that only note."""
    import strategy
    made = types.SimpleNamespace(target=Recorder("target", notes), power=Recorder("power", notes), console=Recorder("console", notes), off_seconds=0,
                                 console_last=False, started=False, storage=None, mux=None, tftp=None)
    made.__dict__.update(parts)
    for name in ("off", "boot", "write", "to", "publish"):
        setattr(made, name, functools.partial(getattr(strategy.BulkheadStrategy, name), made))
    return made


def test_stick_is_written_without_power_and_given_to_the_board_before_it_starts():
    notes = []
    bench(notes, storage=Recorder("stick", notes), mux=types.SimpleNamespace(name="mux", set_mode=lambda side: notes.append(f"mux {side}"))).boot("image", [])
    wanted = ["power off", "mux host", "stick write_image image", "mux dut", "target activate console", "power on"]
    assert [note for note in notes if note in wanted] == [*wanted, "target activate console"]


def test_network_boot_offers_the_files_before_there_is_power(tmp_path):
    notes = []
    file = tmp_path / "bulkhead.0"
    file.write_text("x")
    there = tmp_path / "tftp"
    tftp = types.SimpleNamespace(name="tftp", provider=types.SimpleNamespace(internal=str(there)))
    power = types.SimpleNamespace(name="power", off=lambda: notes.append("off"), on=lambda: notes.append(f"on {sorted(path.name for path in there.iterdir())}"))
    bench(notes, tftp=tftp, power=power, console_last=True).boot("image", [file])
    assert [note for note in notes if "console" in note or note[:2] in ("of", "on")] == [
        "target deactivate console", "off", "on ['bulkhead.0']", "target activate console"]


class Console:
    """A console driver of labgrid's kind: what it is to say, None for silence, then its line is gone."""

    def __init__(self, *says):
        self.says, self.typed = list(says), b""

    def read(self, size, timeout):
        if not self.says:
            raise OSError("the line is gone")
        said = self.says.pop(0)
        if said is None:
            time.sleep(timeout)
            raise pexpect.TIMEOUT("nothing")
        return said

    def write(self, data):
        self.typed += data


def test_bytes_go_both_ways_until_the_line_ends():
    import labboard
    board = labboard.LabBoard.__new__(labboard.LabBoard)
    console = Console(b"first ", None, b"\xff second", *[None] * 10)
    board.attach(types.SimpleNamespace(console=console, off=lambda: None))
    board.serial.sendall(b"typed\r")
    board.serial.settimeout(20)
    got = b""
    while data := board.serial.recv(100):
        got += data
    board.pump.join(20)
    assert (got, console.typed, board.running()) == (b"first \xff second", b"typed\r", False)
    assert str(board.error) == "the line is gone"
    board.stop()


def test_network_boot_folder(tmp_path):
    build = build_product("minimal")
    files = pxe.make(build.folder, tmp_path / "pxe", "/boards/one/")
    assert [path.name for path in files] == ["bulkhead.0", "bulkhead.efi", "bulkhead.elf", "grub.cfg", "hello.img", "loop.img"]
    menu = (tmp_path / "pxe/grub.cfg").read_text()
    assert "multiboot2 /boards/one/bulkhead.elf\n" in menu and "module2 /boards/one/hello.img hello\n" in menu and "/boot/" not in menu
    pxe.make(build.folder, tmp_path / "top")
    assert "multiboot2 /bulkhead.elf\n" in (tmp_path / "top/grub.cfg").read_text()


def test_what_a_board_does_not_run_is_listed_with_its_reason(tmp_path):
    """All tests are there or in the list; what the environment's board can show is not in it."""
    def collected(**env):
        run = subprocess.run([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:labgrid", "--collect-only", "tests/system", "tests/hostile"], cwd=ROOT,
                             env={**os.environ, **env}, capture_output=True, text=True, timeout=120)
        return {line for line in run.stdout.splitlines() if "::" in line}

    chosen = {name: collected(**{**environment(name), "TEST_BOARD": name, "TEST_LOGS": str(tmp_path / name)}) for name in FROM_DOCUMENTS}
    for name in FROM_DOCUMENTS:
        reasons = dict(reversed(line.split("\t")) for line in (tmp_path / name / "not-run.txt").read_text().splitlines())
        assert len(chosen[name]) > 100 and len(reasons) > 100 and not chosen[name] & reasons.keys()
        assert all(reasons.values())
        assert reasons["tests/system/test_boot.py::test_refusal_is_the_status_of_make_run"] == "about how an emulator is run"
        assert any("test_disk_image.py" in test for test in reasons)
    steady = "tests/system/test_steady.py::test_perf1_no_exit_in_ten_seconds"
    assert steady in chosen["firebox-m270"] and steady not in chosen["apu2"]  # x2APIC


@pytest.mark.parametrize("board", FROM_DOCUMENTS)
def test_board_from_documents_says_what_is_not_known_and_is_not_released(board):
    text = (ROOT / f"board/{board}/board.c").read_text()
    blanks = re.findall(r'^\s+(?:\.blanks = \{)?\{"([\w.]+)", "', text, re.M)
    assert len(blanks) >= 9 and ".untested = true" in text
    status, output = make("PRODUCT=minimal", f"BOARD={board}", "check-config")
    assert status == 0, output
    assert re.findall(rf"^board {board}: ([\w.]+) is not known: \S", output, re.M) == blanks
    assert f"board {board}: made from documents, nothing has run on it yet\n" in output
    status, output = make("PRODUCT=minimal", f"BOARD={board}", "image")
    assert status != 0 and re.findall(r"^CFG-730 \S+: ([\w.]+) = ", output, re.M) == blanks
    assert "CFG-734" in output


def test_words_that_are_wrong_are_told():
    assert "name a labgrid environment" in make("hil")[1]
    assert "it still says CHANGE" in make("hil", "BOARD=apu2", "LG_ENV=tests/hil/apu2.yaml")[1]
    assert "no such file: tests/system/test_boots.py" in make("hil", "LG_ENV=tests/hil/board.yaml", "TESTS=tests/system/test_boots.py")[1]
    assert "make hil LG_ENV=/nonexistent.yaml: no such file" in make("hil", "LG_ENV=/nonexistent.yaml")[1]


XML = """<testsuites><testsuite>
<testcase classname="tests.system.test_x" name="test_good[a-b]" time="1.25"/>
<testcase classname="tests.system.test_x" name="test_bad" time="2"><failure message="no &lt;b&gt;">line 1
line 2</failure></testcase>
<testcase classname="tests.system.test_x" name="test_large" time="0"><skipped message="product demo is refused for this board: CFG-101"/></testcase>
</testsuite></testsuites>"""


def test_report_shows_everything_and_runs_nothing(tmp_path):
    """Results, transcripts, what was not run; what a partition writes is text, whatever it is."""
    (tmp_path / "console").mkdir()
    (tmp_path / "report.xml").write_text(XML)
    (tmp_path / "console/test_good_a-b_.1.log").write_text("first\x1b[2J<script>alert(1)</script>\x07\n")
    (tmp_path / "console/test_bad.1.log").write_text("boot one\n")
    (tmp_path / "console/test_bad.2.log").write_text("boot two\n")
    (tmp_path / "console/not-run.txt").write_text("needs QEMU\ttests/a.py::one\nneeds QEMU\ttests/a.py::two\n")
    page = hil_report.write(tmp_path, "a <board>", "bench.yaml").read_text()
    for part in ("1 passed, 1 failed, 1 whose product", "a &lt;board&gt;", "first&lt;script&gt;alert(1)&lt;/script&gt;\n", "boot one", "boot two", "no &lt;b&gt;\nline 1",
                 "CFG-101", "2: needs QEMU", "tests/a.py::two"):
        assert part in page, part
    assert "<script" not in page and "\x1b" not in page and "\x07" not in page
