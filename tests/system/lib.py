# SPDX-License-Identifier: Apache-2.0
"""The system tests' machine: one image booted in its board's emulator, its serial port to expect on and type into.

    with Machine("demo") as machine:
        machine.running("control")
        machine.focus("control")
        machine.send("stats\\r")
        machine.expect(r"jitter", 30)

The board is TEST_BOARD (default: make's) where a test does not name one; tests marked `qemu` do not run on a board of Bochs. With LG_ENV,
a labgrid environment, the machine is the board there instead of an emulator: `make hil`. Time-outs are generous, and stretched by TEST_PATIENCE (a factor, default 1)
and by a board that is slower than time: the emulator is slow and noisy."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

import pexpect
import pexpect.fdpexpect
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "config/tool"))
import emulator  # noqa: E402
import messages  # noqa: E402
from reader import Reader  # noqa: E402

LOGS = pathlib.Path(os.environ.get("TEST_LOGS", ROOT / "build/test-logs"))
MAKE_BOARD = re.search(r"^BOARD \?= (\S+)$", (ROOT / "Makefile").read_text(), re.M)[1]  # where make is told none
DEFAULT_BOARD = os.environ.get("TEST_BOARD", MAKE_BOARD)
LG_ENV = os.environ.get("LG_ENV")
if LG_ENV:
    sys.path.insert(0, str(ROOT / "tests/hil"))
    import labboard  # noqa: E402
    FEATURES = labboard.features(LG_ENV)
ON_QEMU = DEFAULT_BOARD.startswith("qemu-") and not LG_ENV
X2APIC = "x2apic" in FEATURES if LG_ENV else DEFAULT_BOARD.startswith("bochs-")  # no QEMU emulates one
SHUTDOWN = "shutdown" in FEATURES if LG_ENV else DEFAULT_BOARD != "bochs-svm"  # Bochs does not report a guest's shutdown to SVM: it resets the machine
SHADOW = "shadow" in FEATURES if LG_ENV else not ON_QEMU  # QEMU 7.2 does not load it
VMX = re.search(r"^VIRT := vmx", (ROOT / "board" / DEFAULT_BOARD / "board.mk").read_text(), re.M) is not None
IOMMU = next(iter(re.findall(r"^IOMMU := (\S+)", (ROOT / "board" / DEFAULT_BOARD / "board.mk").read_text(), re.M)), "none")
EACH_QEMU = ["qemu-q35-vtd", pytest.param("qemu-q35-amd", marks=pytest.mark.boards)]  # of tests that name their boards themselves
CORES = (ROOT / "board" / DEFAULT_BOARD / "board.c").read_text().count(".apic_id = ")
PATIENCE = float(os.environ.get("TEST_PATIENCE", "1")) * (2 if DEFAULT_BOARD.startswith("bochs-") else 1)
BOOT = 60  # seconds to the first line of the hypervisor, GRUB included


class BuildFailed(Exception):
    """make refused; str() is its whole output."""


def make(*arguments, timeout=1200):
    """Run make in the tree; returns (status, output). For tests of what the build refuses."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    run = subprocess.run(["make", "--no-print-directory", *arguments], cwd=ROOT, env=clean, timeout=timeout,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return run.returncode, run.stdout


class Build:
    """The folder of a built image."""

    def __init__(self, product, board):
        name = pathlib.Path(product).name, pathlib.Path(board).name
        self.folder = ROOT / "build" / name[1] / name[0]
        self.image = self.folder / "bulkhead.iso"
        self.partitions = []
        self.started = []
        for line in (self.folder / "product.mk").read_text().splitlines():
            if line.startswith("PARTITIONS +="):
                self.partitions.append(line.split()[-1])
            if line.startswith("STARTED +="):
                self.started.append(line.split()[-1])

    @property
    def command(self):
        return shlex.split((self.folder / "run.args").read_text())


_built = {}


def build_product(product="demo", board=DEFAULT_BOARD):
    """Build an image (once per test run) and return its Build. product, board: names or paths."""
    key = str(product), str(board)
    if key not in _built:
        folder = f"build/{pathlib.Path(key[1]).name}/{pathlib.Path(key[0]).name}"
        status, output = make(f"PRODUCT={key[0]}", f"BOARD={key[1]}", "all", f"{folder}/run.args")
        findings = re.findall(r"^CFG-\d+ .*$", output, re.M)
        if status != 0 and LG_ENV and findings:
            pytest.skip(f"product {pathlib.Path(key[0]).name} is refused for this board: {findings[0]}")  # shown in the report
        if status != 0:
            raise BuildFailed(output)
        _built[key] = Build(*key)
    return _built[key]


def make_iso(build, folder, change):
    """Another image from the same build: change(tree) alters its files (tree/boot/...) first. Returns the path."""
    tree = pathlib.Path(folder) / "iso"
    (tree / "boot/grub").mkdir(parents=True)
    shutil.copy(build.folder / "grub.cfg", tree / "boot/grub/grub.cfg")
    shutil.copy(build.folder / "bulkhead.elf", tree / "boot/bulkhead.elf")
    for payload in (build.folder / "payloads").iterdir():
        shutil.copy(payload, tree / "boot" / payload.name)
    change(tree)
    image = pathlib.Path(folder) / "changed.iso"
    subprocess.run(["grub-mkrescue", "-o", image, tree], check=True, capture_output=True, timeout=60)
    return image


class Transcript:
    """What came over the serial port, kept in a file and for the report of a failure."""

    def __init__(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.file = open(path, "w", encoding="utf-8", newline="")
        self.text = ""

    def write(self, text):
        self.file.write(text)
        self.text += text

    def flush(self):
        self.file.flush()

    def close(self):
        self.file.close()


_boots = {}  # of each test in this run: transcripts of earlier runs are overwritten


class NotInTime(AssertionError):
    """What was waited for did not come. A tier tries such a test once more, with nothing beside it: that tells a busy host from a fault."""


class Machine:
    """One boot. Ends the emulator at the end of its `with` block, or by close(), whatever happened."""

    last = None  # for the report of a failure

    def __init__(self, product="demo", board=DEFAULT_BOARD, *, image=None, extra=(), change_command=None, attention=b"\x1d"):
        self.build = build_product(product, board)
        test = re.sub(r"[^\w.-]+", "_", os.environ.get("PYTEST_CURRENT_TEST", "machine").split(" ")[0].split("::", 1)[-1])
        number = _boots[test] = _boots.get(test, 0) + 1
        self.attention_key = attention
        self.transcript = Transcript(LOGS / f"{test}.{number}.log")
        self.emulator = self.start(image, extra, change_command)
        self.transcript.write(f"# {self.emulator.command_line}\n")
        self.reader = Reader(self.emulator.serial)
        self.serial = pexpect.fdpexpect.fdspawn(self.reader.fd, encoding="utf-8", codec_errors="replace", timeout=30)
        self.serial.logfile_read = self.transcript
        Machine.last = self

    def start(self, image, extra, change_command):
        if LG_ENV:
            assert not extra and not change_command, "nobody can give a real machine other words: mark this test `qemu`"
            return labboard.LabBoard(LG_ENV, pathlib.Path(image).parent / "iso" if image else self.build.folder, image or self.build.image)
        command = list(self.build.command)
        return emulator.start(change_command(command) if change_command else command, str(image or self.build.image), extra)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the emulator; keep what it said last. May be called twice."""
        if self.transcript.file.closed:
            return
        try:
            self.drain(0.1)
        except OSError:
            pass
        self.reader.stop()
        self.emulator.stop()
        self.transcript.close()

    # --- serial port ---

    def expect(self, pattern, timeout=30):
        """Wait for a regular expression (or the first of a list); returns the match object. Fails with what was seen instead."""
        patterns = [pattern] if isinstance(pattern, str) else list(pattern)
        try:
            self.serial.expect(patterns, timeout * PATIENCE)
        except pexpect.TIMEOUT:
            raise NotInTime(f"no {pattern!r} within {timeout * PATIENCE:g} s; last:\n{self.serial.before[-2000:]}") from None
        except pexpect.EOF:
            raise AssertionError(f"{self.emulator.name} ended before {pattern!r}; last:\n{self.serial.before[-2000:]}") from None
        return self.serial.match

    def expect_not(self, pattern, seconds):
        """The pattern must not come for that long."""
        try:
            self.serial.expect(pattern, seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        raise AssertionError(f"{pattern!r} came: {self.serial.match[0]!r}")

    def drain(self, seconds=0.5):
        """Read what comes for so long; returns the whole transcript."""
        try:
            self.serial.expect(r"(?!x)x", seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            pass
        return self.transcript.text

    @property
    def text(self):
        return self.transcript.text

    def send(self, data):
        """Type bytes or text, in pieces that the emulated UART's input queue can take."""
        data = data.encode() if isinstance(data, str) else data
        for start in range(0, len(data), 8):
            self.emulator.serial.sendall(data[start : start + 8])

    # --- the hypervisor ---

    def attention(self, key):
        """The attention key, then `key`."""
        self.send(self.attention_key + key.encode())

    # Where several partitions speak at once, lines come in any order: these look at the transcript from a place in it on.

    def place(self):
        """The end of what has come so far; expect() does not look at anything before it any more."""
        self.drain(0.05)
        self.serial.buffer = ""
        self.serial._before = self.serial.buffer_type()  # pexpect looks there first, when it is the longer one
        return len(self.transcript.text)

    def since(self, place, *patterns, timeout=30):
        """Wait until all patterns (per line: `.` is no newline) have come after this place; returns the match of the last one."""
        end = time.monotonic() + timeout * PATIENCE
        settled = False
        while True:
            matches = [re.compile(pattern, re.M).search(self.transcript.text, place) for pattern in patterns]
            if all(matches) and (settled or all(match.end() < len(self.transcript.text) for match in matches)):
                return matches[-1]
            if all(matches):
                settled = True  # one reaches the end of what has come: its line may not be whole
                self.drain(0.2)
                continue
            missing = [pattern for pattern, match in zip(patterns, matches) if not match]
            if time.monotonic() >= end:
                raise NotInTime(f"no {missing} within {timeout * PATIENCE:g} s; last:\n{self.transcript.text[place:][-2000:]}")
            assert self.emulator.running(), f"{self.emulator.name} ended before {missing}; last:\n{self.transcript.text[place:][-2000:]}"
            self.drain(0.1)

    def seen(self, *patterns, timeout=30):
        """Wait until all of these have come, however long ago."""
        return self.since(0, *patterns, timeout=timeout)

    def key(self, key, *patterns, timeout=30):
        """The attention key and `key`; then as since()."""
        place = self.place()
        self.attention(key)
        return self.since(place, *patterns, timeout=timeout)

    def type(self, text, *patterns, timeout=30):
        """Type `text`; then as since()."""
        place = self.place()
        self.send(text)
        return self.since(place, *patterns, timeout=timeout)

    def keyboard(self, partition):
        """Give a partition the keyboard, and stay in the view of all: both keys at once, as lines of others are lost in between."""
        place = self.place()
        self.send(self.attention_key + self.number(partition) + self.attention_key + b"a")
        self.since(place, "has screen and keyboard")
        self.drain(0.3)

    def focus(self, partition):
        """Give a partition the keyboard and the raw screen: by its name or its number from 1."""
        self.send(self.attention_key + self.number(partition))

    def number(self, partition):
        return b"%d" % (partition if isinstance(partition, int) else self.build.partitions.index(partition) + 1)

    def ours(self, pattern, timeout=30):
        """Wait for a line of the hypervisor that has this pattern; returns the match object."""
        return self.expect(messages.OURS + r"[^\r\n]*" + pattern, timeout)

    def line(self, name, pattern, timeout=30):
        """Wait for a line of a partition, in the view of all."""
        return self.expect(messages.STAMP + re.escape(name) + r"\| [^\r\n]*" + pattern, timeout)

    def running(self, *names, timeout=BOOT):
        """Wait until these partitions (default: all that start at boot) run. Any order."""
        for name in names or self.build.started:
            pattern = messages.RUNNING.replace("NAME", re.escape(name))
            if not re.search(pattern, self.transcript.text):
                self.expect(pattern, timeout)

    def refused(self, code, timeout=BOOT):
        """Wait for the refusal with this code; returns its line."""
        return self.expect(messages.OURS + r"[^\r\n]*refused: " + re.escape(code) + r"[^\r\n]*\r", timeout)[0]

    # --- the emulator; qmp(), monitor() and peek(): QEMU's only ---

    def qmp(self, command, **arguments):
        return self.emulator.qmp(command, **arguments)

    def monitor(self, line):
        return self.emulator.monitor(line)

    def peek(self, address, size):
        """Bytes of the machine's physical memory, seen from outside."""
        text = self.monitor(f"xp /{size}xb {address:#x}")
        return bytes(int(word, 16) for line in text.splitlines() for word in line.split(":", 1)[1].split())

    def powered_off(self, timeout=60):
        """Wait until the emulator has ended by itself; returns its status. A real board only becomes silent, for good."""
        if LG_ENV:
            self.drain(3)
            if self.emulator.running():
                place = len(self.text)
                self.send(self.attention_key + b"?")
                assert "this help" not in self.drain(3)[place:], "the console still answers"
            return self.emulator.status()
        try:
            self.serial.expect(pexpect.EOF, timeout * PATIENCE)
        except pexpect.TIMEOUT:
            raise AssertionError(f"still running after {timeout * PATIENCE:g} s; last:\n{self.serial.before[-2000:]}") from None
        self.emulator.process.wait(20)
        return self.emulator.status()
