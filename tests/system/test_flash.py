# SPDX-License-Identifier: Apache-2.0
"""`make flash` and the installer's stick: what is shown, what is refused, what is written and read back; on files, and on disks that files
and a made-up /sys play."""
import errno
import hashlib
import lzma
import os
import re
import resource
import subprocess
import sys

import pytest

from lib import ROOT, build_product, make

import bmap
import flash

TOOL = ROOT / "config/tool/flash.py"
MIB = 1 << 20


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A small image of one mapped half, with its map."""
    path = tmp_path_factory.mktemp("image") / "disk.img"
    path.write_bytes(os.urandom(2 * MIB) + bytes(2 * MIB))
    with open(path, "rb") as file:
        path.with_name("disk.img.bmap").write_text(bmap.make(file, 4 * MIB, [(0, 511), (1023, 1023)]))
    return path


def run(image, target, typed="", root=None):
    words = [sys.executable, TOOL, image, target, *(["--root", root] if root else [])]
    done = subprocess.run(words, input=typed, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def refused(result, *parts):
    """One line with a cause and a way out; returns what was shown before."""
    status, output, error = result
    assert status == 1 and len(error.splitlines()) == 1 and error.startswith("flash: "), (status, error)
    for part in parts:
        assert part in error, error
    assert "has the image" not in output
    return output


class Box:
    """A made-up machine: /sys, /proc and /dev in a folder. Its first disk, sda, has the system."""

    def __init__(self, root):
        self.root = root
        (root / "dev").mkdir()
        (root / "proc/self").mkdir(parents=True)
        (root / "sys/class/block").mkdir(parents=True)
        (root / "sys/block").mkdir()
        (root / "proc/swaps").write_text("Filename Type Size Used Priority\n")
        self.mounts = []
        self.disk("sda", 8 * MIB, 0, "ATA", "SYSTEMDISK", {"sda1": MIB, "sda2": 6 * MIB})
        self.mount("8:2", "/", "/dev/sda2")
        self.target = self.disk("sdb", 8 * MIB, 16, "Generic", "Flash Disk", {"sdb1": 7 * MIB})

    def disk(self, name, size, minor, vendor, model, partitions):
        real = self.root / "sys/devices" / name
        for folder in "device", "queue", "holders":
            (real / folder).mkdir(parents=True)
        facts = {"size": size // 512, "ro": 0, "dev": f"8:{minor}", "device/vendor": f"{vendor:8}", "device/model": f"{model:16}", "queue/logical_block_size": 512}
        for file, value in facts.items():
            (real / file).write_text(f"{value}\n")
        self.link(name, real)
        (self.root / "sys/block" / name).symlink_to(real)
        for number, (part, part_size) in enumerate(partitions.items(), 1):
            (real / part / "holders").mkdir(parents=True)
            for file, value in {"size": part_size // 512, "partition": number, "dev": f"8:{minor + number}", "ro": 0}.items():
                (real / part / file).write_text(f"{value}\n")
            self.link(part, real / part)
            (self.root / "dev" / part).write_bytes(b"")
        with open(self.root / "dev" / name, "wb") as file:
            file.truncate(size)
        return self.root / "dev" / name

    def link(self, name, real):
        (self.root / "sys/class/block" / name).symlink_to(real)

    def mount(self, numbers, place, source):
        self.mounts.append(f"20 1 {numbers} / {place} rw shared:1 - ext4 {source} rw\n")
        (self.root / "proc/self/mountinfo").write_text("".join(self.mounts))
        with open(self.root / "proc/mounts", "a", encoding="utf-8") as file:
            file.write(f"{source} {place} ext4 rw 0 0\n")

    def fact(self, file, value):
        (self.root / "sys/devices/sdb" / file).write_text(f"{value}\n")

    def holder(self, name, part, numbers):
        """A logical volume made of a partition."""
        real = self.root / "sys/devices" / name
        (real / "holders").mkdir(parents=True)
        (real / "dev").write_text(f"{numbers}\n")
        self.link(name, real)
        (self.root / "sys/devices/sdb" / part / "holders" / name).symlink_to(real)


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def test_writes_and_reads_back(image, tmp_path):
    """Mapped blocks are the image's, others stay, the end of a larger target, where another's second table may be, is zeros."""
    target = tmp_path / "practise"
    target.write_bytes(b"\xaa" * (6 * MIB))
    status, output, error = run(image, target, "practise\n")
    assert (status, error) == (0, ""), error
    assert re.search(rf"target: {target}, a file, 6.0 MiB .*\n.*no partitions .*\n.*Type practise .*\n(writing: .*\n)+(reading back: .*\n)+", output), output
    assert "writing: 100 %, 2.0 MiB of 2.0 MiB" in output and "reading back: 100 %" in output and "written and read back" in output
    data, wanted = target.read_bytes(), image.read_bytes()
    assert data[: 2 * MIB] == wanted[: 2 * MIB] and data[4 * MIB - bmap.BLOCK : 4 * MIB] == bytes(bmap.BLOCK)
    assert data[2 * MIB : 4 * MIB - bmap.BLOCK] == b"\xaa" * (2 * MIB - bmap.BLOCK)
    assert data[4 * MIB : -33 * 512] == b"\xaa" * (2 * MIB - 33 * 512) and data[-33 * 512 :] == bytes(33 * 512)


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "PRACTISE\n", "practis\n"])
def test_another_word_than_its_name(image, tmp_path, typed):
    target = tmp_path / "practise"
    target.write_bytes(b"\xaa" * (5 * MIB))
    refused(run(image, target, typed), "is not 'practise'", "nothing was written")
    assert target.read_bytes() == b"\xaa" * (5 * MIB)


def test_too_small_or_not_there(image, tmp_path):
    target = tmp_path / "practise"
    target.write_bytes(b"\xaa" * (4 * MIB - 512))
    refused(run(image, target, "practise\n"), "has 4.0 MiB, the image needs 4.0 MiB", "take a larger one")
    assert target.read_bytes() == b"\xaa" * (4 * MIB - 512)
    refused(run(image, tmp_path / "nothing"), "No such file", "truncate -s SIZE FILE")
    refused(run(image, tmp_path), "neither a disk nor a file")
    refused(run(image, image, "disk.img\n"), "is the image itself")


def test_damaged_images(image, tmp_path):
    """Nothing is shown or asked of an image that is not the one of its map."""
    target, copy = tmp_path / "practise", tmp_path / "disk.img"
    target.write_bytes(b"\xaa" * (5 * MIB))
    text, data = image.with_name("disk.img.bmap").read_text(), bytearray(image.read_bytes())
    refused(run(copy, target), "disk.img.bmap: No such file", "make disk-image")
    copy.with_name("disk.img.bmap").write_text(text)
    refused(run(copy, target), "disk.img: No such file", "make disk-image")
    data[MIB] ^= 1
    copy.write_bytes(data)
    assert refused(run(copy, target, "practise\n"), "are not those it was made with") == ""
    copy.write_bytes(data[:-512])
    refused(run(copy, target), "this one has")
    copy.with_name("disk.img.bmap").write_text(text.replace("4194304", "4194305"))
    refused(run(copy, target), "its checksum")
    assert target.read_bytes() == b"\xaa" * (5 * MIB)


def test_a_disk_is_shown_and_written(image, box):
    status, output, error = run(image, box.target, "sdb\n", box.root)
    assert (status, error) == (0, ""), error
    assert f"target: {box.target}, Generic Flash Disk, 8.0 MiB (8388608 bytes)\n    partition 1: sdb1, 7.0 MiB\n    all that is on them is lost" in output
    assert box.target.read_bytes()[: 2 * MIB] == image.read_bytes()[: 2 * MIB]


REFUSALS = {
    "mounted": (lambda box: box.mount("8:17", "/media/my\\040stick", "/dev/sdb1"), ["in use, mounted at /media/my stick", "umount"]),
    "mounted-by-name": (lambda box: box.mount("0:33", "/media/pool", "/dev/sdb1"), ["in use, mounted at /media/pool"]),
    "whole-disk-mounted": (lambda box: box.mount("8:16", "/media/stick", "/dev/sdb"), ["in use, mounted at /media/stick"]),
    "system": (lambda box: box.mount("8:17", "/boot/efi", "/dev/sdb1"), ["is the disk of this system", "/boot/efi"]),
    "logical-volume": (lambda box: (box.holder("dm-0", "sdb1", "254:0"), box.mount("254:0", "/usr", "/dev/mapper/vg-usr")), ["is the disk of this system"]),
    "swap": (lambda box: (box.root / "proc/swaps").write_text("Filename\n/dev/sdb1 partition 1 0 -2\n"), ["is the disk of this system", "[SWAP]"]),
    "read-only": (lambda box: box.fact("ro", 1), ["is write-protected", "switch"]),
    "sectors": (lambda box: box.fact("queue/logical_block_size", 4096), ["has sectors of 4096 bytes"]),
    "small": (lambda box: box.fact("size", 8191), ["has 4.0 MiB, the image needs 4.0 MiB"]),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_disks_that_are_refused(image, box, case):
    """Before anything is asked, and without a change."""
    change, parts = REFUSALS[case]
    change(box)
    assert refused(run(image, box.target, "sdb\n", box.root), *parts) == ""
    assert box.target.read_bytes() == bytes(8 * MIB)


def test_system_disk_and_partitions(image, box):
    refused(run(image, box.root / "dev/sda", "sda\n", box.root), "is the disk of this system (in use as /)", "/dev/sdb (Generic Flash Disk, 8.0 MiB)")
    refused(run(image, box.root / "dev/sdb1", "sdb1\n", box.root), "is partition 1 of sdb", "name /dev/sdb")


def test_looked_at_alone(box, image):
    """What `make flash` asks before it builds: without an image, a question or a change."""
    def look(target):
        done = subprocess.run([sys.executable, TOOL, "--look", target, "--root", box.root], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    assert look(box.target) == (0, "", "") and box.target.read_bytes() == bytes(8 * MIB)
    refused(look(box.root / "dev/sda"), "is the disk of this system")
    refused(look(image.parent), "neither a disk nor a file")


def test_a_link_names_its_disk(image, box):
    """As those in /dev/disk/by-id: its own name has to be typed."""
    link = box.root / "dev/stick"
    link.symlink_to("sdb")
    refused(run(image, link, "stick\n", box.root), "is not 'sdb'")


@pytest.mark.parametrize("place", [5 * bmap.BLOCK + 7, 8 * MIB - 1])
def test_a_disk_that_forgets_is_found(image, box, monkeypatch, capsys, place):
    """What reads back differently, in the image or in the last sectors."""
    true_fsync = os.fsync

    def forget(number):
        true_fsync(number)
        os.pwrite(number, b"\x5a", place)

    monkeypatch.setattr(flash, "confirm", lambda target: None)
    monkeypatch.setattr(os, "fsync", forget)
    with pytest.raises(flash.Refused, match="do not read back as .*defective"):
        flash.flash(image, flash.Target(flash.System(box.root), box.target))
    assert "has the image" not in capsys.readouterr().out


@pytest.mark.parametrize("number, says", [(errno.EIO, "Input/output error while writing: .*does not start now"),
                                          (errno.ENOSPC, "No space left on device: 4.0 MiB are needed; what was written of it is of no use"),
                                          (errno.EDQUOT, "Disk quota exceeded: 4.0 MiB are needed")])  # fmt: skip
def test_a_disk_that_fails_while_writing(image, box, monkeypatch, capsys, number, says):
    def fails(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(flash, "confirm", lambda target: None)
    monkeypatch.setattr(os, "pwrite", fails)
    with pytest.raises(flash.Refused, match=says):
        flash.flash(image, flash.Target(flash.System(box.root), box.target))
    assert "has the image" not in capsys.readouterr().out


def test_a_full_disk_below_the_file(image, tmp_path):
    """A sparse file seems large enough; the system takes only the first half of what is written to it."""
    target = tmp_path / "practise"
    with open(target, "wb") as file:
        file.truncate(6 * MIB)
    small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
    done = subprocess.run([sys.executable, TOOL, image, target], input="practise\n", capture_output=True, text=True, timeout=60, preexec_fn=small)
    refused((done.returncode, done.stdout, done.stderr), "File too large: 4.0 MiB are needed; what was written of it is of no use")


@pytest.fixture
def install(image, box):
    """The installer's script as the stick runs it, in the made-up machine: install(typed) -> (status, what it said)."""
    (box.root / "image").mkdir()
    (box.root / "tmp").mkdir()
    (box.root / "proc/sys/vm").mkdir(parents=True)
    data = image.read_bytes()
    (box.root / "image/facts").write_text(f"mine-on-board {len(data)} {hashlib.sha256(data).hexdigest()}\n")
    (box.root / "image/disk.img.xz").write_bytes(lzma.compress(data, check=lzma.CHECK_CRC32))

    def run_script(typed):
        run = subprocess.run(["/bin/busybox", "sh", ROOT / "config/installer/install"], input=typed, capture_output=True, text=True, timeout=60,
                             env={"PATH": "/bin:/usr/bin:/sbin:/usr/sbin", "ROOT": str(box.root)})  # fmt: skip
        return run.returncode, run.stdout + run.stderr

    return run_script


def test_installer_shows_and_writes(image, box, install):
    """Whole: what was on the disk is gone, as are the sectors at its end."""
    box.target.write_bytes(b"\xaa" * (8 * MIB))
    status, output = install("sdb\n\n")
    assert status == 0, output
    assert "sda: ATA SYSTEMDISK, 8 MiB -- refused, mounted" in output and "sdb: Generic Flash Disk, 8 MiB\n      sdb1: 7 MiB, lost" in output
    assert "writing: 100 %, 4 of 4 MiB" in output and "mine-on-board is on sdb: written and read back." in output
    data = box.target.read_bytes()
    assert data == image.read_bytes() + b"\xaa" * (4 * MIB - 33 * 512) + bytes(33 * 512)


@pytest.mark.parametrize("typed", ["", "\n", "sdc\n", "sd\n", "sdb1\n", "yes\n", "sda\n", "*\n"])
def test_installer_wants_the_name(box, install, typed):
    status, output = install(typed)
    assert ("nothing was written" in output) == (typed.strip() != "") and status == 1, output
    assert box.target.read_bytes() == bytes(8 * MIB) and (box.root / "dev/sda").read_bytes() == bytes(8 * MIB)


@pytest.mark.parametrize("case, says", [("mounted", "mounted"), ("whole-disk-mounted", "mounted"), ("logical-volume", "in use"), ("read-only", "write-protected"),
                                        ("sectors", "not of 512 bytes"), ("small", "too small: 4 MiB are needed")])  # fmt: skip
def test_disks_that_the_installer_refuses(box, install, case, says):
    REFUSALS[case][0](box)
    status, output = install("sdb\n")
    assert status == 1 and re.search(rf"sdb: .* -- refused, .*{says}", output) and "nothing was written" in output, output
    assert box.target.read_bytes() == bytes(8 * MIB)


def test_installer_reads_back(box, install):
    """An image that is not the one whose digest is known is found on the disk."""
    facts = (box.root / "image/facts").read_text().split()
    (box.root / "image/facts").write_text(f"{facts[0]} {facts[1]} {'0' * 64}\n")
    status, output = install("sdb\n")
    assert status == 1 and "does not read back as written" in output and "written and read back" not in output


def test_make_flash(tmp_path):
    """Without a target, before anything is built; then the real image to a file."""
    product = ROOT / "tests/system/products/disk"
    status, output = make(f"PRODUCT={product}", "flash")
    assert status != 0 and re.fullmatch(r"Makefile:\d+: \*\*\* make flash DEV=\.\.\.: name a whole disk .*\n", output), output
    target = tmp_path / "practise"
    status, output = make(f"PRODUCT={product}", f"DEV={target}", "flash")
    assert status != 0 and re.search(r"^flash: .*practise: No such file.*\n.*nothing is built", output) and "CC" not in output, output
    with open(target, "wb") as file:
        file.truncate(256 * MIB)
    build_product(product)
    done = subprocess.run(["make", "-s", f"PRODUCT={product}", "flash", f"DEV={target}"], cwd=ROOT, input="practise\n", capture_output=True, text=True,
                          timeout=300, env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")})  # fmt: skip
    assert done.returncode == 0 and f"{target} has the image: written and read back" in done.stdout, done.stdout + done.stderr
    again = run(ROOT / f"build/{build_product(product).folder.parent.name}/disk/disk.img", target)
    assert "partition 5: data, 32.0 MiB" in refused(again, "nothing was written")
