# SPDX-License-Identifier: Apache-2.0
"""Updates of a box that starts from its NVMe disk: applied to the other slot, started, confirmed, given up; what is refused; power cuts."""
import hashlib
import os
import random
import re
import struct
import subprocess

import pytest

from lib import DEFAULT_BOARD, Machine, ROOT, build_product, make

import gpt

PRODUCTS = ROOT / "tests/system/products"
SECTOR = 512
BOOT = 60

pytestmark = [pytest.mark.qemu, pytest.mark.limit(300)]


def built(name, *goals):
    status, output = make(f"PRODUCT={PRODUCTS / name}", f"BOARD={DEFAULT_BOARD}", *goals)
    assert status == 0, output
    return ROOT / "build" / DEFAULT_BOARD / name


@pytest.fixture(scope="module")
def image():
    return built("update", "disk-image") / "disk.img"


@pytest.fixture(scope="module")
def bundles():
    """By version: 2 works, 3 does not."""
    return {number: (built(name, "update-bundle") / "update.bundle").read_bytes() for number, name in ((2, "update-next"), (3, "update-sick"))}


def nvme(path):
    """The board's first NVMe namespace is this file, and the firmware starts from it."""
    def change(words):
        drive = next(i for i, word in enumerate(words) if word.startswith("if=none,id=disk1,"))
        space = next(i for i, word in enumerate(words) if word.startswith("nvme-ns,drive=disk1,"))
        words[drive] = f"if=none,id=disk1,format=raw,file={path}"
        words[space] = words[space].replace("detached=on", "detached=off,bootindex=0")
        return words
    return change


class Box:
    """A box and its disk; the power can be cut."""

    def __init__(self, image, folder):
        self.path, self.machine, self.numbers = folder / "disk.img", None, 0
        subprocess.run(["cp", "--sparse=always", image, self.path], check=True)
        with open(self.path, "rb") as file:
            self.places = {place.name: place for place in gpt.read(file)}

    def on(self, *lines, timeout=BOOT):
        self.machine = Machine(PRODUCTS / "update", image="none", change_command=nvme(self.path))
        self.says(*lines, timeout=timeout)

    def says(self, *lines, timeout=BOOT):
        """In this order."""
        for line in lines:
            self.machine.expect(line, timeout)

    def cut(self):
        """The power goes: what the emulator has not written to the file is lost."""
        if self.machine:
            self.machine.emulator.process.kill()
            self.machine.emulator.process.wait()
            self.machine.close()
            self.machine = None

    def write(self, offset, data):
        with open(self.path, "r+b") as file:
            file.seek(offset)
            file.write(data)

    def read(self, offset, size):
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read(size)

    @property
    def staging(self):
        return self.places["data"].start

    def bring(self, bundle):
        """Put a bundle and a request for it where the owner of the disk looks."""
        self.numbers += 1
        self.write(self.staging + 8 * SECTOR, bundle)
        self.write(self.staging, struct.pack("<8sQ", b"BHREQEST", self.numbers).ljust(SECTOR, b"\0"))

    def answer(self):
        """(outcome, text) of the last request; the first is None if there is none yet."""
        magic, number, outcome, text = struct.unpack("<8sQI108s", self.read(self.staging + SECTOR, 128))
        return (outcome if magic == b"BHANSWER" and number == self.numbers else None), text.split(b"\0")[0].decode()

    def slot(self, letter, size):
        return self.read(self.places[f"slot-{letter.lower()}"].start, size)

    def environment(self):
        text = subprocess.run(["mtype", "-i", f"{self.path}@@{self.places['esp'].start}", "::grub/grubenv"], check=True, capture_output=True)
        return dict(line.split("=", 1) for line in text.stdout.decode().splitlines() if not line.startswith("#"))


@pytest.fixture
def box(image, tmp_path):
    box = Box(image, tmp_path)
    yield box
    if box.machine:
        box.machine.close()


def test_applied_started_confirmed(box, bundles):
    """From A to B and no way back to a version that is older than the box takes; the other slot's bytes stay as they are."""
    before = box.slot("A", 1 << 20)
    box.on("slot A: start 1 of 3", "update: version 1 runs, slot A, not confirmed yet", "update: slot A is confirmed")
    assert box.environment()["A_TRY"] == "0"
    box.machine.emulator.qmp("stop")
    box.bring(bundles[2])
    box.machine.emulator.qmp("cont")
    box.says("update: version 2, 896 KiB, for slot B", r"update: version 2 is in slot B and starts next: \d+ bytes written, \d+ ms")
    assert box.answer() == (1, "in its slot")
    box.says("slot B: start 1 of 3", "update: version 2 runs, slot B, not confirmed yet", "update: slot B is confirmed")
    assert box.slot("A", 1 << 20) == before
    assert hashlib.sha256(box.slot("B", len(bundles[2]) - SECTOR)).digest() == bundles[2][120:152]
    assert box.environment() | {} == {"ORDER": "B A", "A_OK": "1", "A_TRY": "0", "A_VERSION": "1", "B_OK": "1", "B_TRY": "0", "B_VERSION": "2",
                                      "STARTED": "B", "MIN_VERSION": "2"}  # fmt: skip
