#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a disk image to a disk, or to a file to practise on, and reads it back.

    flash.py IMAGE DEV
    flash.py --look DEV         only whether it may be written to at all, before an image is built for it

IMAGE.bmap says which blocks to write, and their digests. Nothing is written before the target was shown and its name typed. Refused are disks
in use, write-protected ones, too small ones, and ones whose sectors are not of 512 bytes. Status 0: what was read back is the image."""
import argparse
import errno
import fcntl
import os
import pathlib
import re
import stat
import sys
import time

import bmap
import gpt

SECTOR = 512
CHUNK = 1 << 20
SYNC = 32 << 20  # bytes between two waits for the disk, so that the progress shown is the disk's
BLKRRPART, BLKFLSBUF = 0x125F, 0x1261  # linux/fs.h
SYSTEM = {"/", "/boot", "/boot/efi", "/usr", "/var", "/home", "[SWAP]"}


class Refused(Exception):
    """A cause, and what to do about it."""


def human(size):
    for unit, shift in ("GiB", 30), ("MiB", 20), ("KiB", 10):
        if size >= 1 << shift:
            return f"{size / (1 << shift):.1f} {unit}"
    return f"{size} bytes"


class System:
    """What /sys and /proc say of disks. `root`: where these folders are, and dev."""

    def __init__(self, root="/"):
        self.root = pathlib.Path(root)
        self.blocks = self.root / "sys/class/block"

    def fact(self, name, file, default=""):
        try:
            return (self.blocks / name / file).read_text(errors="replace").strip()
        except OSError:
            return default

    def size(self, name):
        return int(self.fact(name, "size", "0")) * SECTOR

    def model(self, name):
        words = [self.fact(name, "device/vendor"), self.fact(name, "device/model") or self.fact(name, "device/name")]
        return " ".join(word for word in words if word and not word.startswith("0x")) or "unknown model"

    def partitions(self, name):
        """Its partitions' names."""
        return sorted((path.name for path in (self.blocks / name).iterdir() if (path / "partition").exists()), key=lambda part: (len(part), part))

    def disks(self):
        paths = self.blocks.iterdir() if self.blocks.is_dir() else []
        return sorted(path.name for path in paths
                      if not (path / "partition").exists() and self.size(path.name) and not re.match(r"(ram|loop|zram|dm-|md|sr|fd)\d", path.name))

    def family(self, name):
        """The disk, its partitions and all that is made of them: encrypted, striped or logical volumes."""
        found, left = [], [name]
        while left:
            one = left.pop()
            if one in found:
                continue
            found.append(one)
            left += self.partitions(one) if (self.blocks / one).is_dir() else []
            holders = self.blocks / one / "holders"
            left += [path.name for path in holders.iterdir()] if holders.is_dir() else []
        return found

    def table(self, file):
        try:
            return [line.split() for line in (self.root / "proc" / file).read_text(errors="replace").splitlines()]
        except OSError:
            return []

    def uses(self, name):
        """Where a disk or a part of it is in use: mount points, and [SWAP]."""
        family = self.family(name)
        numbers = {self.fact(one, "dev") for one in family} - {""}
        paths = {f"/dev/{one}" for one in family}
        found = []
        for words in self.table("self/mountinfo"):
            source = words[words.index("-") + 2] if "-" in words[:-2] else ""
            if words[2] in numbers or source in paths or os.path.realpath(source) in paths:
                found.append(words[4].replace("\\040", " "))
        return found + ["[SWAP]" for words in self.table("swaps") if words and os.path.realpath(words[0]) in paths]


class Target:
    """A disk, or a file that plays one."""

    def __init__(self, system, path):
        self.path = pathlib.Path(os.path.realpath(path))
        self.name = self.path.name
        self.system = system
        self.disk = self.path.parent == system.root / "dev" and (system.blocks / self.name).exists()
        try:
            kind = self.path.stat().st_mode
        except OSError as error:
            raise Refused(f"{path}: {error.strerror}; {self.others()}") from None
        if not self.disk and not stat.S_ISREG(kind):
            raise Refused(f"{path} is neither a disk nor a file; {self.others()}")
        self.size = system.size(self.name) if self.disk else self.path.stat().st_size

    def others(self):
        """What could be meant instead."""
        free = [name for name in self.system.disks() if not self.system.uses(name)]
        rows = [f"/dev/{name} ({self.system.model(name)}, {human(self.system.size(name))})" for name in free]
        return "disks not in use: " + (", ".join(rows) or "none") + ". A file to practise on is made by `truncate -s SIZE FILE`"

    def check(self, needed=0):
        """Refuse what must not, or cannot, be written to."""
        if self.disk:
            self.check_disk()
        if self.size < needed:
            raise Refused(f"{self.path} has {human(self.size)}, the image needs {human(needed)}: take a larger one, or a product with a smaller data_size")

    def check_disk(self):
        system, name = self.system, self.name
        if system.fact(name, "partition"):
            parent = (system.blocks / name).resolve().parent.name
            raise Refused(f"{self.path} is partition {system.fact(name, 'partition')} of {parent}: the image is of a whole disk; name /dev/{parent}")
        uses = system.uses(name)
        if SYSTEM & set(uses):
            raise Refused(f"{self.path} is the disk of this system (in use as {', '.join(uses)}): name another one; {self.others()}")
        if uses:
            raise Refused(f"{self.path} is in use, mounted at {', '.join(uses)}: `umount` it first, if that is really the disk to be overwritten")
        if system.fact(name, "ro") == "1":
            raise Refused(f"{self.path} is write-protected: look for a switch on the card or stick, or `blockdev --setrw {self.path}`")
        sector = system.fact(name, "queue/logical_block_size", str(SECTOR))
        if sector != str(SECTOR):
            raise Refused(f"{self.path} has sectors of {sector} bytes, the image is made for {SECTOR}: set the disk to {SECTOR} (nvme format), or take another")

    def open(self):
        """For reading and writing, and nobody else may mount it meanwhile."""
        try:
            return os.fdopen(os.open(self.path, os.O_RDWR | os.O_EXCL), "r+b", buffering=0)
        except PermissionError:
            raise Refused(f"no right to write to {self.path}: run it as root (`sudo make flash ...`)") from None
        except OSError as error:
            busy = "something in this system still uses it: unmount, `swapoff`, or stop what is made of it" if error.errno == errno.EBUSY else "plug it in again"
            raise Refused(f"{self.path}: {error.strerror}: {busy}") from None

    def show(self, file):
        kind = self.system.model(self.name) if self.disk else "a file"
        print(f"target: {self.path}, {kind}, {human(self.size)} ({self.size} bytes)")
        rows = [f"{part.name or '(no name)'}, {human(part.size)}" for part in gpt.read(file)]
        if not rows and self.disk:
            rows = [f"{name}, {human(self.system.size(name))}" for name in self.system.partitions(self.name)]
        for number, row in enumerate(rows, 1):
            print(f"    partition {number}: {row}")
        print(f"    {'all that is on them is lost' if rows else 'no partitions that can be seen; whatever is on it is lost'}")


class Progress:
    """One line on a terminal, a line each quarter elsewhere."""

    def __init__(self, what, total):
        self.what, self.total, self.done, self.shown, self.start = what, total, 0, 0, time.monotonic()

    def add(self, size):
        self.done += size
        percent = self.done * 100 // self.total
        if percent == self.shown or (not sys.stdout.isatty() and percent // 25 == self.shown // 25):
            return
        self.shown = percent
        rate = self.done / max(time.monotonic() - self.start, 0.001)
        end = "\r" if sys.stdout.isatty() and percent < 100 else "\n"
        print(f"{self.what}: {percent:3d} %, {human(self.done)} of {human(self.total)}, {human(int(rate))}/s    ", end=end, flush=True)


def load_whole(image):
    """The image of a CD or stick has no map: all of it is written."""
    size = image.stat().st_size
    with open(image, "rb") as file:
        return size, [(first, last, bmap.digest(file, first, last, size)) for first, last in bmap.pieces([(0, (size - 1) // bmap.BLOCK)])]


def load(image):
    """The image's size and ranges, once each was found to be what its map says."""
    try:
        if image.suffix == ".iso" and not os.path.exists(f"{image}.bmap"):
            return load_whole(image)
        size, ranges = bmap.read(pathlib.Path(f"{image}.bmap").read_text())
        if image.stat().st_size != size:
            raise bmap.Damaged(f"it is for an image of {size} bytes, this one has {image.stat().st_size}")
        with open(image, "rb") as file:
            for first, last, digest in ranges:
                if bmap.digest(file, first, last, size) != digest:
                    raise bmap.Damaged(f"blocks {first} to {last} of the image are not those it was made with")
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror}: make it with `make disk-image`") from None
    except bmap.Damaged as error:
        raise Refused(f"{image}.bmap: {error}: make both again with `make disk-image`") from None
    return size, ranges


def confirm(target):
    print(f"Type {target.name} to overwrite it, anything else to leave it as it is: ", end="", flush=True)
    typed = sys.stdin.readline().strip()
    if not sys.stdin.isatty():
        print()
    if typed != target.name:
        raise Refused(f"{typed!r} is not {target.name!r}: nothing was written")


def put(file, offset, data):
    view = memoryview(data)
    while view:
        written = os.pwrite(file.fileno(), view, offset)
        view, offset = view[written:], offset + written


def write(image, file, ranges):
    progress = Progress("writing", sum(last + 1 - first for first, last, _ in ranges) * bmap.BLOCK)
    synced = 0
    with open(image, "rb") as source:
        for first, last, _ in ranges:
            source.seek(first * bmap.BLOCK)
            for offset in range(first * bmap.BLOCK, (last + 1) * bmap.BLOCK, CHUNK):
                data = source.read(min(CHUNK, (last + 1) * bmap.BLOCK - offset))  # less at the end of the image
                put(file, offset, data)
                synced += len(data)
                if synced >= SYNC:
                    os.fdatasync(file.fileno())
                    synced = 0
                progress.add(len(data))
    os.fsync(file.fileno())


def old_table(target, size):
    """Where a larger disk may have another's second table: the range of its last sectors, beyond the image."""
    start = max(size, target.size - (gpt.TABLE_SECTORS + 1) * SECTOR)
    return start, target.size - start


def verify(target, file, ranges, size):
    """From the disk, not from this system's memory."""
    if target.disk and stat.S_ISBLK(os.fstat(file.fileno()).st_mode):
        fcntl.ioctl(file, BLKFLSBUF)
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    progress = Progress("reading back", sum(last + 1 - first for first, last, _ in ranges) * bmap.BLOCK)
    for first, last, digest in ranges:
        if bmap.digest(file, first, last, size) != digest:
            raise Refused(f"{target.path}: blocks {first} to {last} do not read back as written: it is defective, or not of the size it claims. Take another")
        progress.add((last + 1 - first) * bmap.BLOCK)
    start, count = old_table(target, size)
    file.seek(start)
    if file.read(count) != bytes(count):
        raise Refused(f"{target.path}: its last sectors do not read back as zeros: it is defective, or not of the size it claims. Take another")


def flash(image, target):
    size, ranges = load(image)
    if target.path == image.resolve():
        raise Refused(f"{target.path} is the image itself: name a disk; {target.others()}")
    target.check(size)
    with target.open() as file:
        print(f"image:  {image}, {human(size)}")
        target.show(file)
        confirm(target)
        try:
            write(image, file, ranges)
            start, count = old_table(target, size)
            put(file, start, bytes(count))
            os.fsync(file.fileno())
            verify(target, file, ranges, size)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) and not stat.S_ISBLK(os.fstat(file.fileno()).st_mode):
                raise Refused(f"{target.path}: {error.strerror}: {human(size)} are needed; what was written of it is of no use") from None
            raise Refused(f"{target.path}: {error.strerror} while writing: it is defective or was pulled; it does not start now. Flash it again, "
                          "or take another") from None  # fmt: skip
        if stat.S_ISBLK(os.fstat(file.fileno()).st_mode):
            try:
                fcntl.ioctl(file, BLKRRPART)
            except OSError:
                print(f"{target.path}: this system still sees the old partitions until it is plugged in again")
    print(f"{target.path} has the image: written and read back")


def look(target):
    """What can be said without the image: its size is not known yet."""
    target.check()
    target.open().close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=pathlib.Path, nargs="?")
    parser.add_argument("device")
    parser.add_argument("--look", action="store_true", help="write nothing, ask nothing")
    parser.add_argument("--root", default="/", help="where sys, proc and dev are; for tests")
    options = parser.parse_args()
    if not (options.image or options.look):
        parser.error("give IMAGE and DEV")
    try:
        target = Target(System(options.root), options.device)
        look(target) if options.look else flash(options.image, target)
    except Refused as refusal:
        print(f"flash: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nflash: interrupted. If writing had begun, the target does not start now", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
