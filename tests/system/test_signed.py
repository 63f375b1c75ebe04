# SPDX-License-Identifier: Apache-2.0
"""Signed boot: what is not signed does not start, says so, and leaves no command line behind."""
import json
import re
import shutil

import pytest

from lib import DEFAULT_BOARD, Machine, ROOT, build_product, make
from test_disk_image import BOOT, PRODUCT, Box, Disk, tool

STOPPED = "grub.cfg: missing, damaged or not signed: next attempt in one minute"
SHELL = r"grub(?: rescue)?> |Enter username|Entering rescue mode"
KEYS = "\x1b\x1b\rce\tls\r\x03\x18c\x1bOP\x1b[3~e"  # all that GRUB listens to: of its menu, editor, command line, terminals


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder of keys, beside those that a developer has."""
    folder = tmp_path_factory.mktemp("keys") / "k"
    status, output = make(f"KEYS={folder}", "keys")
    assert status == 0, output
    return folder


def signed(folder, keys, board=DEFAULT_BOARD):
    """A copy of a signed image, made with these keys."""
    (build_product(PRODUCT, board).folder / "signed/disk.img").unlink(missing_ok=True)
    status, output = make(f"PRODUCT={PRODUCT}", f"BOARD={board}", "SIGNED=y", f"KEYS={keys}", "disk-image")
    assert status == 0, output
    return Disk(build_product(PRODUCT, board).folder / "signed/disk.img", folder)


def flip(disk, partition, file, at=-1):
    """One bit of a file."""
    data = bytearray(disk.read(partition, file))
    data[at] ^= 1
    disk.write(partition, file, bytes(data))


def files(disk, partition, folder):
    """Names of all files below a folder of a partition."""
    listed = tool("mdir", "-/", "-b", "-i", disk.at(partition), f"::{folder}", text=True)
    return [line.split("::/", 1)[1] for line in listed.splitlines() if not line.endswith("/")]


def nothing_answers(machine):
    """GRUB stands still: keys do nothing, are not even echoed."""
    machine.drain(0.5)
    machine.place()
    machine.send(KEYS)
    machine.expect_not(".", 3)


@pytest.mark.qemu
def test_changed_files_and_keys(keys, tmp_path):
    """One boot after the other: as it was made, a changed kernel, a changed boot menu, a changed script of the ESP; keys are typed all the time."""
    disk = signed(tmp_path, keys)
    with Machine(PRODUCT, image=disk.path) as machine:
        box = Box(machine, disk)
        machine.send(KEYS)
        box.starts("slot A: start 1 of 3")
        machine.running("hello")
        box.again(lambda: flip(disk, "slot-a", "boot/bulkhead.elf"))
        machine.send(KEYS)
        box.starts("bad signature", "slot A: damaged, passed over", "slot B: start 1 of 3")
        machine.ours("development image", BOOT)
        box.again(lambda: flip(disk, "slot-b", "boot/grub/grub.cfg"))
        box.starts("slot A: damaged", "bad signature", "slot B: damaged", "no slot can be started: next attempt in one minute")
        nothing_answers(machine)
        box.again(lambda: flip(disk, "esp", "grub/grub.cfg", 5))
        box.starts(STOPPED)
        nothing_answers(machine)
        assert not re.search(SHELL, machine.text)
