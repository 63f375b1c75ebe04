# SPDX-License-Identifier: Apache-2.0
"""The disk image: what is in it, that its bytes depend on the sources alone, that it starts, counts and falls back."""
import errno
import hashlib
import json
import lzma
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import uuid

import pytest

from lib import DEFAULT_BOARD, Machine, ROOT, build_product, make

import bmap
import diskimage
import gpt

PRODUCT = ROOT / "tests/system/products/disk"
MIB = 1 << 20
ENVIRONMENT = {"ORDER": "A B", "A_OK": "1", "A_TRY": "0", "B_OK": "1", "B_TRY": "0"}
BOOT = 60  # seconds to GRUB's first line


@pytest.fixture(scope="module")
def image():
    """disk.img in its folder, with all that belongs to it beside it."""
    status, output = make(f"PRODUCT={PRODUCT}", f"BOARD={DEFAULT_BOARD}", "disk-image")
    assert status == 0, output
    return build_product(PRODUCT).folder / "disk.img"


def partitions(image):
    with open(image, "rb") as file:
        return {partition.name: partition for partition in gpt.read(file)}


def tool(*command, **more):
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=120, env={**os.environ, "PATH": path}, **more).stdout


class Disk:
    """A copy of the image that may be written to."""

    def __init__(self, image, folder):
        self.path = folder / "disk.img"
        tool("cp", "--sparse=always", image, self.path)
        self.places = partitions(image)

    def at(self, partition):
        return f"{self.path}@@{self.places[partition].start}"

    def read(self, partition, file):
        return tool("mtype", "-i", self.at(partition), f"::{file}")

    def write(self, partition, file, data):
        """Over the file, in its own clusters where the size is the same: as a program that has the partition would."""
        tool("mcopy", "-o", "-D", "o", "-i", self.at(partition), "-", f"::{file}", input=data)

    def environment(self):
        lines = self.read("esp", "grub/grubenv").decode().splitlines()
        return dict(line.split("=", 1) for line in lines if not line.startswith("#"))

    def set(self, tmp_path, **values):
        """By the tool that GRUB has for it."""
        block = tmp_path / "grubenv"
        block.write_bytes(self.read("esp", "grub/grubenv"))
        tool("grub-editenv", block, "set", *(f"{name}={value}" for name, value in values.items()))
        self.write("esp", "grub/grubenv", block.read_bytes())


def test_contents(image):
    """Two tables that agree, GRUB's core, ESP, two slots alike, ext4; digests in the slots."""
    assert "No errors detected" in tool("sfdisk", "--verify", image, text=True)
    places = partitions(image)
    assert list(places) == ["bios", "esp", "slot-a", "slot-b", "data"]
    assert [places[name].size // MIB for name in ("bios", "esp", "data")] == [1, 64, 32]
    assert len({partition.guid for partition in places.values()}) == 5
    for slot in "slot-a", "slot-b":
        names = tool("mdir", "-/", "-b", "-i", f"{image}@@{places[slot].start}", "::", text=True).split()
        assert sorted(names) == ["::/boot/", "::/boot/SHA256SUMS", "::/boot/bulkhead.elf", "::/boot/grub/", "::/boot/grub/grub.cfg", "::/boot/hello.img"]
        for line in tool("mtype", "-i", f"{image}@@{places[slot].start}", "::boot/SHA256SUMS", text=True).splitlines():
            digest, name = line.split("  ")
            data = tool("mtype", "-i", f"{image}@@{places[slot].start}", f"::boot/{name}")
            assert hashlib.sha256(data).hexdigest() == digest
    loader = tool("mtype", "-i", f"{image}@@{places['esp'].start}", "::EFI/BOOT/BOOTX64.EFI")
    assert loader[:2] == b"MZ"


def test_companions(image):
    """What unpacks from .xz is the image; the manifest has the digests that are so, versions and the report."""
    data = image.read_bytes()
    assert lzma.decompress(image.with_name("disk.img.xz").read_bytes()) == data
    manifest = json.loads(image.with_name("disk.json").read_text())
    assert (manifest["product"], manifest["board"], manifest["kind"]) == ("disk", DEFAULT_BOARD, "development")
    for name, facts in manifest["files"].items():
        file = image.with_name(name).read_bytes()
        assert (facts["size"], facts["sha256"]) == (len(file), hashlib.sha256(file).hexdigest()), name
    assert manifest["slot"]["hello.img"] == hashlib.sha256((image.parent / "payloads/hello.img").read_bytes()).hexdigest()
    assert manifest["packages"]["gcc"] and "hello" in manifest["report"]
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", manifest["commit"]) and manifest["sources"] == {}
    assert [uuid.UUID(row["guid"]) for row in manifest["partitions"]] == [place.guid for place in partitions(image).values()]


def test_map_is_enough(image, tmp_path):
    """Written by bmaptool over a disk full of something else: both tables, file systems and slots are whole."""
    target = tmp_path / "disk.img"
    target.write_bytes(b"\xff" * image.stat().st_size)
    os.truncate(target, image.stat().st_size)
    tool("bmaptool", "-q", "copy", "--bmap", image.with_name("disk.img.bmap"), image, target)
    size, ranges = bmap.read(image.with_name("disk.img.bmap").read_text())
    assert size == image.stat().st_size and sum(last + 1 - first for first, last, _ in ranges) * bmap.BLOCK < size
    assert "No errors detected" in tool("sfdisk", "--verify", target, text=True)
    place = partitions(target)["data"]
    with open(target, "rb") as file:
        file.seek(place.start)
        (tmp_path / "data").write_bytes(file.read(place.size))
    tool("e2fsck", "-f", "-n", tmp_path / "data")
    with open(target, "rb") as written, open(image, "rb") as wanted:
        assert written.read(place.start) == wanted.read(place.start)


def test_a_map_that_was_changed_is_refused(image):
    text = image.with_name("disk.img.bmap").read_text()
    with pytest.raises(bmap.Damaged):
        bmap.read(text.replace("0-", "1-", 1))


def test_same_bytes_from_another_folder(image, tmp_path):
    """The whole tree but newlib built again elsewhere, in another time zone, with other rights for new files."""
    tree = tmp_path / "elsewhere"
    files = tool("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT, text=True).splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    for name in "newlib", "lwip":
        shutil.copytree(ROOT / "build" / name, tree / "build" / name, symlinks=True)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key not in ("MFLAGS", "BUILD_CLAIM")}
    run = subprocess.run(["sh", "-c", f"umask 077; exec make -j2 PRODUCT=tests/system/products/disk BOARD={DEFAULT_BOARD} disk-image"], cwd=tree,
                         env={**clean, "TZ": "Pacific/Auckland"}, capture_output=True, text=True, timeout=280)  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    there = tree / "build" / DEFAULT_BOARD / "disk"
    for name in "disk.img", "disk.img.xz", "disk.img.bmap":
        assert (there / name).read_bytes() == image.with_name(name).read_bytes(), name
    manifests = [json.loads((folder / "disk.json").read_text()) for folder in (there, image.parent)]
    assert [manifest.pop("commit") for manifest in manifests][0] == ""  # no git in the copy
    assert manifests[0] == manifests[1]


def making(image, folder):
    """The words that make the image once more, in a folder of its own."""
    shutil.copytree(image.parent / "payloads", folder / "payloads")
    for name in "bulkhead.elf", "grub.cfg":
        shutil.copy(image.with_name(name), folder / name)
    return ["diskimage.py", "--folder", str(folder), "--product", "disk", "--board", DEFAULT_BOARD, "--data", str(32 * MIB), "--report",
            str(image.parent / "report/report.txt")]  # fmt: skip


def test_a_full_disk_below_the_build(image, tmp_path):
    """One line says what and what to do; what was there before is as it was, and nothing half made lies beside it."""
    words = making(image, tmp_path)
    (tmp_path / "disk.img").write_text("the one before")
    small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100 * MIB, 100 * MIB))
    run = subprocess.run([ROOT / "config/tool" / words[0], *words[1:]], capture_output=True, text=True, timeout=120, preexec_fn=small)
    assert run.returncode == 1 and re.fullmatch(r"diskimage: .*: File too large: make room for it .*\n", run.stderr), run.stderr
    assert (tmp_path / "disk.img").read_text() == "the one before" and not list(tmp_path.glob("disk.img?*"))


@pytest.mark.parametrize("late", ["compress", "manifest"])
def test_a_disk_that_fills_up(image, tmp_path, monkeypatch, late):
    """An image without what belongs to it does not stay."""
    words = making(image, tmp_path)

    def fails(path, *_):
        if late == "compress":
            pathlib.Path(f"{path}.xz.new").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(diskimage, "compress", lambda _: None)  # which takes seconds
    monkeypatch.setattr(diskimage, late, fails)
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit, match="^diskimage: .*: No space left on device: make room for it .* then make it again$"):
        diskimage.main()
    assert not list(tmp_path.glob("disk*"))


class Box:
    """A machine that starts from the disk again and again."""

    def __init__(self, machine, disk):
        self.machine, self.disk = machine, disk

    def starts(self, *lines):
        """These lines of GRUB, in this order."""
        for line in lines:
            self.machine.expect(re.escape(line), BOOT)

    def again(self, change=None):
        """Reset; `change` is called while the machine stands still."""
        self.machine.qmp("stop")
        if change:
            change()
        self.machine.qmp("system_reset")
        self.machine.qmp("cont")


@pytest.mark.qemu
def test_counter_and_fallback(image, tmp_path):
    """Three starts without a confirmation, then the other slot's three, then anew; a slot is confirmed by TRY=0."""
    disk = Disk(image, tmp_path)
    assert disk.environment() == ENVIRONMENT
    with Machine(PRODUCT, image=disk.path) as machine:
        box = Box(machine, disk)
        box.starts("slot A: start 1 of 3")
        machine.running("hello")
        assert disk.environment() == {**ENVIRONMENT, "A_TRY": "1", "STARTED": "A"}
        box.again()
        box.starts("slot A: start 2 of 3")
        box.again(lambda: disk.set(tmp_path, A_TRY=0))
        for number in 1, 2, 3:
            box.starts(f"slot A: start {number} of 3")
            box.again()
        for number in 1, 2, 3:
            box.starts("slot A: not confirmed in 3 starts, passed over", f"slot B: start {number} of 3")
            if number == 1:
                machine.ours("development image", BOOT)
            box.again()
        assert disk.environment() == {**ENVIRONMENT, "A_TRY": "3", "B_TRY": "3", "STARTED": "B"}
        box.starts("slot A: not confirmed", "slot B: not confirmed", "no slot has a start left: counting anew", "slot A: start 1 of 3")
        assert disk.environment() == {**ENVIRONMENT, "A_TRY": "1", "STARTED": "A"}


@pytest.mark.qemu
def test_order_and_damage(image, tmp_path):
    """ORDER and OK are obeyed; a block that is none, or whose second sector is, starts slot A, and no start is counted then; a changed byte in a
    slot is found before it starts."""
    disk = Disk(image, tmp_path)
    block = disk.read("esp", "grub/grubenv")
    with Machine(PRODUCT, image=disk.path) as machine:
        box = Box(machine, disk)
        box.starts("slot A: start 1 of 3")
        box.again(lambda: disk.set(tmp_path, ORDER="B A"))
        box.starts("slot B: start 1 of 3")
        box.again(lambda: disk.set(tmp_path, B_OK=0))
        box.starts("slot B: not good, passed over", "slot A: start 2 of 3")
        for damaged, why in (bytes(1024), "invalid environment block"), (block[:512] + b"\xff" * 512, "environment block too small"):
            box.again(lambda: disk.write("esp", "grub/grubenv", damaged))
            box.starts(why, "slot A: start 1 of 3")  # GRUB does not mend it: nothing is counted
            machine.ours("development image", BOOT)
            assert disk.read("esp", "grub/grubenv") == damaged
        payload = bytearray(disk.read("slot-a", "boot/hello.img"))
        payload[-1] ^= 1
        box.again(lambda: (disk.write("slot-a", "boot/hello.img", bytes(payload)), disk.write("esp", "grub/grubenv", block)))
        box.starts("hello.img: HASH MISMATCH", "slot A: damaged, passed over", "slot B: start 1 of 3")
        machine.ours("development image", BOOT)
        assert disk.environment() == {**ENVIRONMENT, "B_TRY": "1", "STARTED": "B"}
        box.again(lambda: tool("mdel", "-i", disk.at("slot-b"), "::boot/SHA256SUMS"))
        box.starts("slot A: damaged", "slot B: damaged", "counting anew", "no slot can be started: next attempt in one minute")


def by_bios(command):
    """The command line without the flash that has the UEFI firmware: SeaBIOS starts the same machine."""
    flash = [i for i, word in enumerate(command) if word.startswith("if=pflash,")]
    assert len(flash) == 2 and all(command[i - 1] == "-drive" for i in flash)
    return [word for i, word in enumerate(command) if i not in flash and i + 1 not in flash]


@pytest.mark.qemu
def test_one_disk_starts_by_uefi_and_by_bios(tmp_path):
    """The very same file, started by OVMF and then by SeaBIOS, which goes on counting where the other was; the facts of the board's table hold
    under both."""
    board = "qemu-q35-uefi"
    status, output = make(f"PRODUCT={PRODUCT}", f"BOARD={board}", "disk-image")
    assert status == 0, output
    disk = Disk(build_product(PRODUCT, board).folder / "disk.img", tmp_path)
    for number, uefi, change in (1, True, None), (2, False, by_bios):
        with Machine(PRODUCT, board, image=disk.path, change_command=change) as machine:
            machine.expect(f"slot A: start {number} of 3", BOOT)
            machine.running("hello")
            assert ("BdsDxe: starting" in machine.text) == uefi  # what OVMF says
        assert disk.environment() == {**ENVIRONMENT, "A_TRY": str(number), "STARTED": "A"}


@pytest.mark.qemu
@pytest.mark.long
@pytest.mark.limit(600)
@pytest.mark.parametrize("board", [DEFAULT_BOARD, "qemu-q35-uefi"])
def test_installer_from_a_stick(board, tmp_path):
    """From a USB stick to the internal disk, which then starts by itself; the stick is not offered, a small disk is refused."""
    status, output = make(f"PRODUCT={PRODUCT}", f"BOARD={board}", "image-installer")
    assert status == 0, output
    stick, target, small = (tmp_path / f"{name}.img" for name in ("stick", "target", "small"))
    tool("cp", "--sparse=always", build_product(PRODUCT, board).folder / "installer.img", stick)
    for path, size in (target, 200 * MIB), (small, 20 * MIB):
        with open(path, "wb") as file:
            file.truncate(size)
    extra = ["-drive", f"if=none,id=target,format=raw,file={target}", "-device", "ide-hd,drive=target,bus=ide.0,bootindex=1",
             "-drive", f"if=none,id=small,format=raw,file={small}", "-device", "ide-hd,drive=small,bus=ide.1", "-device", "qemu-xhci,id=usb",
             "-drive", f"if=none,id=image,format=raw,file={stick}", "-device", "usb-storage,id=stick,drive=image,bus=usb.0,bootindex=0"]  # fmt: skip
    with Machine(PRODUCT, board, image="none", extra=extra) as machine:
        machine.expect(r"Install disk-on-\S+: serial port", BOOT)
        machine.send("\r")
        listed = machine.expect("Installer of disk-on-.*, 131 MiB.*or press Enter.*: ", 120)[0]
        assert re.search(r"sd[ab]: .* 20 MiB -- refused, too small: 131 MiB are needed", listed) and listed.count(" MiB\r") == 1
        name = re.search(r"(sd[ab]): ATA QEMU HARDDISK, 200 MiB", listed)[1]  # Linux numbers them as they answer
        machine.send(f"{name}\r")
        machine.expect(f"writing: 100 %.*reading back: 100 %.*is on {name}: written and read back.*press Enter", 120)
        machine.monitor("device_del stick")
        machine.send("\r")
        machine.expect("slot A: start 1 of 3", BOOT)
        machine.ours("development image: product disk", BOOT)
    assert small.read_bytes() == bytes(20 * MIB)
