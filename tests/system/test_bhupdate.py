# SPDX-License-Identifier: Apache-2.0
"""Updates from Linux: bhupdate on a file that stands for the disk, and in QEMU on the slice that bundles come in."""
import ctypes
import fcntl
import gzip
import os
import random
import re
import signal
import struct
import subprocess
import time

import pytest

from lib import DEFAULT_BOARD, ROOT, make
from test_linux import Shell, booted
from test_update import Box, SECTOR, bad_bundles, built

BHUPDATE = ROOT / "build/bhupdate/bhupdate"
BLOCK = b"# GRUB Environment Block\n"
CHUNK = 128 * SECTOR  # the beginning of a slot, written twice
WRITE, FLUSH = 18, 75  # pwrite64, fdatasync

pytestmark = pytest.mark.limit(300)


@pytest.fixture(scope="module")
def made():
    """(disk image, bundle of version 2, update.trust of version 1)."""
    status, output = make("bhupdate")
    assert status == 0, output
    folder = built("update", "disk-image")
    return folder / "disk.img", (built("update-next", "update-bundle") / "update.bundle").read_bytes(), folder / "update/update.trust"


class Disk(Box):
    """A copy of the image whose slot A has started and is confirmed, and bhupdate on it."""

    def __init__(self, made, folder):
        super().__init__(made[0], folder)
        self.good, self.trust, self.bundle = made[1], made[2], folder / "update.bundle"
        self.bundle.write_bytes(self.good)
        self.size = len(self.good) - SECTOR
        self.old = {slot: self.slot(slot, self.size) for slot in "AB"}
        self.sector = self.places["esp"].start + self.read(self.places["esp"].start, 8 << 20).index(self.grubenv())
        self.first_state()

    def first_state(self):
        self.write(self.places["slot-b"].start, self.old["B"])
        self.block(ORDER="A B", A_OK=1, A_TRY=0, A_VERSION=1, B_OK=1, B_TRY=0, STARTED="A")

    def block(self, **values):
        """GRUB's block has these variables."""
        self.write(self.sector, (BLOCK + b"".join(f"{name}={value}\n".encode() for name, value in values.items())).ljust(SECTOR, b"#"))

    def words(self, *words):
        return [str(word) for word in (BHUPDATE, "--disk", self.path, "--trust", self.trust, *words)]

    def run(self, *words):
        run = subprocess.run(self.words(*words), capture_output=True, text=True, timeout=60)
        return run.returncode, run.stdout, run.stderr

    def refused(self, why, *words):
        """And nothing was written to the file. `why` ends what is said."""
        os.utime(self.path, ns=(1, 1))
        status, _, error = self.run(*(words or [self.bundle]))
        assert (status, error.count("\n")) == (1, 1) and error.endswith(f": {why}\n"), error
        assert self.path.stat().st_mtime_ns == 1

    def starts(self):
        """What GRUB would start, as config/tool/slots.cfg has it."""
        block = self.environment()
        return next(slot for slot in block["ORDER"].split() if block[f"{slot}_OK"] == "1" and int(block[f"{slot}_TRY"]) < 3)

    def whole(self, slot):
        """The old version in A, the new one in B."""
        return self.slot(slot, self.size) == (self.good[SECTOR:] if slot == "B" else self.old["A"])


@pytest.fixture
def disk(made, tmp_path):
    return Disk(made, tmp_path)


def traced(words, kill=None, output=subprocess.DEVNULL):
    """The writes and flushes of a program, each as (call, sector, sectors); killed as it is to make number `kill` of them, counted from 0."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes, libc.ptrace.restype = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p], ctypes.c_long
    trace_me, peek_user, go_on, options, sysgood = 0, 3, 24, 0x4200, 1
    process = subprocess.Popen(words, stdout=output, stderr=output, preexec_fn=lambda: libc.ptrace(trace_me, 0, None, None))
    assert os.WIFSTOPPED(os.waitpid(process.pid, 0)[1])
    assert libc.ptrace(options, process.pid, None, sysgood) == 0
    calls, entry = [], True
    while True:
        assert libc.ptrace(go_on, process.pid, None, None) == 0
        status = os.waitpid(process.pid, 0)[1]
        if not os.WIFSTOPPED(status):
            process.returncode = os.waitstatus_to_exitcode(status)
            return calls, process.returncode
        assert os.WSTOPSIG(status) == signal.SIGTRAP | 0x80
        call, size, offset = (libc.ptrace(peek_user, process.pid, 8 * register, None) for register in (15, 12, 7))  # orig_rax, rdx, r10
        if entry and call in (WRITE, FLUSH):
            if len(calls) == kill:
                process.kill()
                process.returncode = os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1])
                return calls, process.returncode
            calls.append((call, offset // SECTOR, size // SECTOR) if call == WRITE else (call, 0, 0))
        entry = not entry


def test_applied_and_confirmed(disk):
    """From A to B, by the same writes as in the unikernel; what runs next is confirmed; --status writes nothing."""
    os.utime(disk.path, ns=(1, 1))
    status, output, _ = disk.run("--status")
    assert (status, output.splitlines()[0]) == (0, "slot A: may start, version 1, not confirmed, starts counted: 0")
    assert disk.path.stat().st_mtime_ns == 1
    status, output, _ = disk.run(disk.bundle)
    assert status == 0 and re.fullmatch(
        rf"version 2, {disk.size >> 10} KiB, for slot B\nthe bundle is good\nslot B is marked as not good\nslot B is written but for its beginning\nslot B is written\nslot B is read back\n"
        rf"slot B is the next to start\nversion 2 is in slot B and starts next: {disk.size + CHUNK + 2 * SECTOR} bytes written, \d+ ms\n", output)  # fmt: skip
    assert disk.whole("A") and disk.whole("B") and disk.starts() == "B"
    trust = bytearray(disk.trust.read_bytes())
    struct.pack_into("<2I", trust, 96, 2, 2)  # the version that then runs, and that is the oldest
    disk.trust = disk.bundle.with_name("trust")
    disk.trust.write_bytes(trust)
    disk.block(ORDER="B A", A_OK=1, A_TRY=0, B_OK=1, B_TRY=1, B_VERSION=2, STARTED="B")
    assert disk.run("--started") == (0, "version 2 runs, slot B, not confirmed yet\n", "")
    assert disk.run("--confirm") == (0, "slot B is confirmed, version 2\n", "")
    assert disk.environment() == {"ORDER": "B A", "A_OK": "1", "A_TRY": "0", "B_OK": "1", "B_TRY": "0", "STARTED": "B", "B_VERSION": "2",
                                  "B_CONFIRMED": "2", "MIN_VERSION": "2"}  # fmt: skip
    assert disk.run("--status")[1].splitlines()[1] == "slot B: may start, version 2, confirmed, starts counted: 0"
    os.utime(disk.path, ns=(1, 1))
    assert disk.run("--confirm") == (0, "slot B is confirmed, version 2\n", "") and disk.path.stat().st_mtime_ns == 1
    disk.block(**{**disk.environment(), "B_TRY": "2"})
    assert disk.run("--started") == (0, "version 2 runs, slot B, confirmed\n", "") and disk.environment()["B_TRY"] == "0"
    disk.refused("this version runs already")


def test_refused_and_untouched(disk, made, tmp_path):
    for bundle, why in bad_bundles(disk.good, tmp_path):
        disk.bundle.write_bytes(bundle)
        disk.refused(why)
    disk.bundle.write_bytes(disk.good[:-1])
    disk.refused("the bundle is truncated")
    disk.bundle.write_bytes(disk.good[:100])
    disk.refused("the bundle cannot be read")
    disk.refused("No such file or directory", tmp_path / "none")
    disk.refused("it is neither a disk nor a file", tmp_path)
    disk.bundle.write_bytes(disk.good)
    running = {"ORDER": "A B", "A_OK": 1, "A_TRY": 0, "B_OK": 1, "B_TRY": 0, "STARTED": "A"}
    disk.block(**{**running, "A_TRY": 1})
    disk.refused("what runs is not confirmed yet, and the other slot is what the box falls back to")
    disk.block(**running, MIN_VERSION=3)
    disk.block(**{**running, "B_TRY": 3}, B_VERSION=2)
    disk.refused("this version has been tried, and was never confirmed")
    disk.block(**running, B_VERSION=2)
    disk.refused("this version stands in the other slot already: if it has not started, GRUB has passed over it")
    disk.block(**running, A_VERSION=7)  # started from elsewhere
    disk.refused("the environment block does not say which slot started: start the box again first")
    disk.block(**{name: value for name, value in running.items() if name != "STARTED"})
    disk.refused("the environment block does not say which slot started: start the box again first")
    disk.refused("the environment block does not say which slot started", "--confirm")
    disk.block(**running)
    disk.trust = tmp_path / "short"
    disk.trust.write_bytes(made[2].read_bytes()[:-1])
    disk.refused("it is no update.trust of this form")


def test_other_disks_are_refused(disk):
    with open(disk.path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        disk.refused("somebody else is at work on it")
    table = disk.read(SECTOR, SECTOR)
    disk.write(SECTOR, table[:56] + b"\1" + table[57:])
    disk.refused("the disk's partition table is damaged")
    disk.write(SECTOR, table)
    disk.write(disk.places["esp"].start, bytes(SECTOR))
    disk.refused("the disk's ESP has no grub/grubenv of 1024 bytes")
    disk.refused("the disk's ESP has no grub/grubenv of 1024 bytes", "--status")
    disk.path.write_bytes(bytes(20 * SECTOR))
    disk.refused("the disk's partition table cannot be read")


def test_a_block_that_grub_cannot_write(disk):
    """Both its sectors are mended, wherever they lie; what the first one says stays, but for the slot that has started."""
    unknown = "the environment block does not say which slot started: start the box again first"
    disk.block(ORDER="B A", A_OK=1, A_TRY=0, B_OK=1, B_TRY=0, STARTED="A", MIN_VERSION=1)
    kept = disk.environment()
    disk.grubenv(disk.grubenv()[:SECTOR] + bytes(SECTOR))
    disk.refused("GRUB's block is damaged; the next update or confirmation mends it", "--status")
    status, _, error = disk.run(disk.bundle)
    assert status == 1 and error.endswith(f": {unknown}\n")
    assert disk.environment() == {**kept, "STARTED": ""} and disk.grubenv()[SECTOR:] == b"#" * SECTOR
    disk.refused(unknown)
    disk.grubenv(b"\xff" * 2 * SECTOR)
    assert disk.run("--started")[1] == "version 1 runs, slot ?, unknown: the next start says it\n"
    assert disk.environment() == {"ORDER": "A B", "A_OK": "1", "A_TRY": "0", "B_OK": "1", "B_TRY": "0"} and disk.grubenv()[SECTOR:] == b"#" * SECTOR
    assert disk.run("--status")[0] == 0


def test_two_broken_slots(disk):
    """Neither starts; from a box that was started otherwise the update repairs one. A version too old to run is not confirmed, and makes way for
    a newer one."""
    for slot in "slot-a", "slot-b":
        disk.write(disk.places[slot].start, bytes(1 << 20))
    disk.block(ORDER="A B", A_OK=0, A_TRY=0, B_OK=0, B_TRY=0, STARTED="A")
    status, output, _ = disk.run(disk.bundle)
    assert status == 0 and disk.starts() == "B" and disk.whole("B"), output
    disk.block(ORDER="A B", A_OK=1, A_TRY=1, B_OK=0, B_TRY=0, STARTED="A", MIN_VERSION=2)
    status, _, error = disk.run("--confirm")
    assert status == 1 and error.endswith(": what runs is older than the oldest that this box takes\n")
    assert disk.environment()["A_TRY"] == "1" and disk.run("--started")[1] == "version 1 runs, slot A, too old\n"
    disk.write(disk.places["slot-b"].start, bytes(1 << 20))
    status, output, _ = disk.run(disk.bundle)
    assert status == 0 and disk.starts() == "B" and disk.whole("B"), output


def test_order_of_writes(disk):
    """A flush before and after GRUB's block, which is one sector; between the two all of the slot, zeros first and its beginning last."""
    calls, status = traced(disk.words(disk.bundle))
    assert status == 0
    whole, slot, block = disk.size // SECTOR, disk.places["slot-b"].start // SECTOR, disk.sector // SECTOR
    pieces = [(WRITE, slot + at, min(128, whole - at)) for at in range(0, whole, 128)]
    flush = (FLUSH, 0, 0)
    switch = [flush, (WRITE, block, 1), flush]
    assert calls == [*switch, pieces[0], flush, *pieces[1:], flush, pieces[0], flush, *switch]


def test_killed_anywhere(disk):
    """Before each write and flush: a slot that starts is whole, and the next run comes to its end."""
    calls, _ = traced(disk.words(disk.bundle))
    switched = len(calls) - 2  # the last write
    for number in range(len(calls)):
        disk.first_state()
        assert traced(disk.words(disk.bundle), kill=number) == (calls[:number], -signal.SIGKILL)
        assert disk.starts() == ("B" if number > switched else "A") and disk.whole(disk.starts()) and disk.whole("A")
        assert disk.environment()["B_OK"] == ("0" if 1 < number <= switched else "1")
        if number <= switched:
            status, _, error = disk.run(disk.bundle)
            assert status == 0, error
        else:
            disk.refused("this version stands in the other slot already: if it has not started, GRUB has passed over it")
        assert disk.starts() == "B" and disk.whole("B")


def test_killed_at_any_time(disk):
    """By the clock, so that it may be in the middle of a write."""
    seed = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"TEST_SEED={seed} draws the same points again")
    chance = random.Random(seed)
    for _ in range(20):
        disk.first_state()
        process = subprocess.Popen(disk.words(disk.bundle), stdout=subprocess.DEVNULL)
        time.sleep(chance.random() * 0.05)
        process.kill()
        process.wait()
        assert disk.whole(disk.starts()) and disk.whole("A")
    disk.first_state()
    assert disk.run(disk.bundle)[0] == 0 and disk.whole("B")


# --- the slice ----------------------------------------------------------------------------------------------------------------------


class Slice:
    """A file for a slice of 8 MiB; who serves it is played here."""

    def __init__(self, made, folder):
        self.path, self.bundle, self.good = folder / "slice", folder / "update.bundle", made[1]
        self.path.write_bytes(bytes(8 << 20))
        self.bundle.write_bytes(self.good)

    def words(self, *words):
        return [str(word) for word in (BHUPDATE, "--staging", self.path, *words)]

    def run(self, *words):
        run = subprocess.run(self.words(*words), capture_output=True, text=True, timeout=60)
        return run.returncode, run.stdout, run.stderr

    def request(self):
        """Its number, 0 if there is none; the rest of it is zero."""
        note = self.path.read_bytes()[:SECTOR]
        assert note[16:] == bytes(SECTOR - 16)
        return struct.unpack("<Q", note[8:16])[0] if note.startswith(b"BHREQEST") else 0

    def answer(self, number, outcome, text):
        with open(self.path, "r+b") as file:
            file.seek(SECTOR)
            file.write(struct.pack("<8sQI108s", b"BHANSWER", number, outcome, text).ljust(SECTOR, b"\0"))


@pytest.fixture
def piece(made, tmp_path):
    return Slice(made, tmp_path)


def test_brought_and_answered(piece):
    """The bundle is stable before the request is; each request has a new number; the answer is said."""
    assert piece.run("--status") == (0, "no request\n", "")
    for number, outcome, text, said in ((1, 1, b"in its slot", (0, "applied: in its slot\n", "")),
                                        (2, 2, b"it is too old", (1, "", "bhupdate: refused: it is too old\n")),
                                        (3, 2, b"\xff" * 108, None)):  # fmt: skip
        process = subprocess.Popen(piece.words(piece.bundle), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        end = time.monotonic() + 20
        while piece.request() != number and time.monotonic() < end:
            time.sleep(0.02)
        assert piece.request() == number and piece.path.read_bytes()[8 * SECTOR :].startswith(piece.good)
        assert process.poll() is None
        piece.answer(number, outcome, text)
        output, error = process.communicate(timeout=20)
        assert output.startswith(f"request {number}, {len(piece.good) >> 10} KiB: waiting for the owner of the disk")
        if said:
            assert (process.returncode, output.split("\n", 1)[1], error) == said
            status, output, error = piece.run("--status")
            assert (status, output.split("\n", 1), error) == (said[0], [f"request {number}: answered", said[1]], said[2])
    assert process.returncode == 1 and len(error) < 200


def test_order_on_the_slice(piece):
    sectors = len(piece.good) // SECTOR
    calls, status = traced(piece.words("--timeout", "0", piece.bundle))
    pieces = [(WRITE, 8 + at, min(128, sectors - at)) for at in range(0, sectors, 128)]
    assert status == 1 and calls == [*pieces, (FLUSH, 0, 0), (WRITE, 0, 1), (FLUSH, 0, 0)]


def test_nothing_is_brought(piece, tmp_path):
    """Of what is no bundle, is not whole or does not fit, and over a request that has not been answered."""
    for data, why in ((bytes(4096), "this is no bundle"), (piece.good[:-1], "the bundle is truncated"), (b"", "the bundle cannot be read")):
        piece.bundle.write_bytes(data)
        assert piece.run(piece.bundle) == (1, "", f"bhupdate: {piece.bundle}: {why}\n")
    large = piece.good[:16] + struct.pack("<Q", (8 << 20) - 8 * SECTOR) + piece.good[24:SECTOR] + bytes((8 << 20) - 8 * SECTOR)
    piece.bundle.write_bytes(large)
    assert piece.run(piece.bundle) == (1, "", f"bhupdate: {piece.bundle}: the bundle is larger than the slice\n")
    assert piece.path.read_bytes() == bytes(8 << 20)
    piece.bundle.write_bytes(piece.good)
    assert piece.run("--timeout", "0", piece.bundle)[0] == 1 and piece.request() == 1
    before = piece.path.read_bytes()
    piece.bundle.write_bytes(piece.good[:-SECTOR] + bytes(SECTOR))
    status, output, error = piece.run("--timeout", "0", piece.bundle)
    assert (status, output) == (1, "an earlier request has not been answered: waiting\n") and "has not answered" in error
    assert piece.path.read_bytes() == before
    assert piece.run("--status") == (0, "request 1: not answered yet\n", "")
    piece.path.write_bytes(bytes(SECTOR))
    assert piece.run("--status") == (1, "", f"bhupdate: {piece.path}: the slice cannot be read\n")


def test_wrong_words(made):
    for words in ([], ["--disk", "a"], ["--disk", "a", "--staging", "b", "c"], ["--staging", "a", "--confirm"], ["--disk", "a", "b", "c"],
                  ["--disk", "a", "--status", "b"], ["--disk"], ["--nothing"], ["--staging", "a", "--timeout", "1x", "b"]):  # fmt: skip
        run = subprocess.run([BHUPDATE, *words], capture_output=True, text=True)
        assert run.returncode == 2 and run.stdout == "" and "bhupdate --disk DEVICE" in run.stderr, words
    run = subprocess.run([BHUPDATE, "--help"], capture_output=True, text=True)
    assert run.returncode == 0 and run.stderr == "" and "bhupdate --disk DEVICE" in run.stdout


def test_ram_disk_with_further_files(tmp_path):
    """Behind the one that is given, readable by everybody, the same bytes whoever makes it: what they are is in the plan's digest."""
    first, made = tmp_path / "initrd", []
    first.write_bytes(b"the first archive")
    for number, mask in enumerate((0o022, 0o077)):
        tool, trust, out = tmp_path / f"tool{number}", tmp_path / f"trust{number}", tmp_path / f"out{number}"
        tool.write_bytes(b"#!/bin/sh\n")
        trust.write_bytes(b"key")
        os.utime(tool, (number, number))
        subprocess.run([ROOT / "partitions/linux/more.sh", first, out, f"bin/bhupdate={tool}", f"etc/update.trust={trust}"], check=True, umask=mask)
        made.append(out.read_bytes())
    assert made[0] == made[1] and made[0].startswith(first.read_bytes())
    listed = subprocess.run(["cpio", "--quiet", "-itv"], input=gzip.decompress(made[0][first.stat().st_size :]), check=True, capture_output=True).stdout
    lines = [line.split() for line in listed.decode().splitlines()]
    assert [(line[0], line[2], line[-1]) for line in lines] == [
        ("drwxr-xr-x", "root", "bin"), ("-rwxr-xr-x", "root", "bin/bhupdate"),
        ("drwxr-xr-x", "root", "etc"), ("-rw-r--r--", "root", "etc/update.trust")]  # fmt: skip


# --- in a machine -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def box(request, tmp_path):
    """The box of the product that the test names."""
    box = Box(built(request.param, "disk-image") / "disk.img", tmp_path, request.param)
    yield box
    box.cut()


@pytest.mark.qemu
@pytest.mark.long
@pytest.mark.limit(600)
@pytest.mark.parametrize("box", ["update-linux"], indirect=True)
def test_linux_brings_32_mib(box, tmp_path):
    """From its own slice into that of bundles; one that is changed is refused; a slot of 32 MiB is written and starts."""
    folder, bundle, inbox = built("update-linux-next", "update-bundle"), tmp_path / "large.bundle", box.staging + (44 << 20)
    subprocess.run([ROOT / "config/tool/bundle.py", "--folder", folder, "--product", "update", "--board", DEFAULT_BOARD, "--version", "2", "--keys",
                    ROOT / "build/keys", "--size", str(32 << 20), "--output", bundle], check=True)  # fmt: skip
    good = bundle.read_bytes()
    box.write(inbox, good)
    box.write(inbox + (36 << 20), good[:16] + struct.pack("<Q", (1 << 20) - SECTOR) + good[24:SECTOR] + bytes(1 << 20))
    box.on("slot A: start 1 of 3", "update: slot A is confirmed")
    booted(box.machine, "worker")
    shell = Shell(box.machine, 2)
    assert shell.run("cat /sys/block/vda/serial /sys/block/vdb/serial; ls /etc/update.trust").startswith("staginginbox")
    assert shell.run("dd if=/dev/vdb of=/tmp/bad bs=1M skip=36 count=1 2>/dev/null; bhupdate --staging /dev/vda /tmp/bad") == (
        "request 1, 1024 KiB: waiting for the owner of the disk; if it says so, the box starts again\n"
        "bhupdate: refused: the signature is not by this product's update key\n")  # fmt: skip
    assert shell.status == 1
    box.machine.send("(sleep 2; bhupdate --staging /dev/vda /dev/vdb) &\r")
    shell.leave()
    box.says(r"worker\| request 2, 32768 KiB: waiting for the owner of the disk", "update: version 2, 32768 KiB, for slot B", timeout=120)
    box.says(rf"update: version 2 is in slot B and starts next: {(32 << 20) + CHUNK + 2 * SECTOR} bytes written, \d+ ms", timeout=120)
    print(re.findall(r"starts next: .*", box.machine.text)[-1])
    box.says("slot B: start 1 of 3", "update: version 2 runs, slot B, not confirmed yet", "update: slot B is confirmed")
    assert box.slot("B", 32 << 20) == good[SECTOR:]


@pytest.mark.qemu
@pytest.mark.long
@pytest.mark.limit(600)
@pytest.mark.parametrize("box", ["update-owner"], indirect=True)
def test_linux_owns_the_disk(box):
    """It confirms what runs, writes what the data partition brings into the other slot, starts the box again and confirms that."""
    tool = "bhupdate --disk /dev/nvme0n1"
    box.write(box.staging, (built("update-owner-next", "update-bundle") / "update.bundle").read_bytes())
    box.on("slot A: start 1 of 3")
    booted(box.machine)
    shell = Shell(box.machine)
    assert shell.run(tool + " --status").startswith("slot A: may start, version unknown, not confirmed, starts counted: 1\n")
    assert "what runs is not confirmed yet" in shell.run(tool + " /dev/nvme0n1p5 2>&1") and shell.status == 1
    assert shell.run(tool + " --confirm") == "slot A is confirmed, version 1\n"
    in_use = "bhupdate: /dev/nvme0n1: somebody has mounted the ESP or the slot that is to be written\n"
    assert shell.run("mkswap /dev/nvme0n1p4 >/dev/null && swapon /dev/nvme0n1p4 && echo taken") == "taken\n"
    assert shell.run(tool + " /dev/nvme0n1p5 2>&1") == in_use
    shell.run("swapoff /dev/nvme0n1p4")
    output = shell.run(tool + " /dev/nvme0n1p5 | cat", timeout=120)
    assert re.search(r"slot B is read back\nslot B is the next to start\nversion 2 is in slot B and starts next: \d+ bytes written, \d+ ms\n$", output), output
    print(output)
    shell.run("dd if=/dev/nvme0n1p2 of=/tmp/keep bs=64k count=1; mkswap /dev/nvme0n1p2; swapon /dev/nvme0n1p2")
    shell.run(f"dd if=/tmp/keep of=/dev/nvme0n1 bs=64k seek={box.places['esp'].start >> 16} conv=notrunc,fsync")
    assert shell.run(tool + " --started 2>&1") == in_use
    shell.run("swapoff /dev/nvme0n1p2")
    place = box.machine.place()
    box.machine.send("reboot\r")
    box.machine.since(place, "slot B: start 1 of 3", timeout=60)
    booted(box.machine, place=box.machine.place())
    assert Shell(box.machine).run(tool + " --confirm") == "slot B is confirmed, version 2\n"
    box.cut()
    block = box.environment()
    assert (block["ORDER"], block["B_TRY"], block["B_VERSION"], block["MIN_VERSION"]) == ("B A", "0", "2", "2")
