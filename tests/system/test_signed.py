# SPDX-License-Identifier: Apache-2.0
"""Signed boot: what is not signed does not start, says so, and leaves no command line behind."""
import pathlib
import re
import struct
import subprocess

import pytest

from lib import DEFAULT_BOARD, Machine, ROOT, build_product, make
from test_disk_image import BOOT, PRODUCT, Box, Disk, tool
from tpm import Tpm
from uefi_vars import enrolled

import signing

SLOT = ["bulkhead.elf", "grub/grub.cfg", "hello.img"]
UEFI = "qemu-q35-uefi"
EMPTY = pathlib.Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
TOP = 0x7E000000, 0x2000000  # where OVMF keeps its tables and its log, in a machine of 2 GiB
LOG_AREA = 64  # in the ACPI table TPM2: size and address of the log
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


def type_at_grub(machine):
    """As early as can be: by BIOS before it starts. A UEFI firmware would take a key for its own menu, until it says what it starts."""
    if DEFAULT_BOARD == UEFI:
        machine.expect("BdsDxe: starting ", BOOT)
    machine.send(KEYS)


def nothing_answers(machine):
    """GRUB stands still: keys do nothing, are not even echoed."""
    machine.drain(0.5)
    machine.place()
    machine.send(KEYS)
    machine.expect_not(".", 3)


@pytest.mark.qemu
def test_changed_files_and_keys(keys, tmp_path):
    """One boot after the other: as it was made; a changed kernel, beside a block that would switch signatures off; a changed boot menu; a changed
    script of the ESP. Keys are typed all the time."""
    disk = signed(tmp_path, keys)
    with Machine(PRODUCT, image=disk.path) as machine:
        box = Box(machine, disk)
        type_at_grub(machine)
        box.starts("slot A: start 1 of 3")
        machine.running("hello")
        box.again(lambda: (flip(disk, "slot-a", "boot/bulkhead.elf"), disk.set(tmp_path, check_signatures="no", superusers="")))
        type_at_grub(machine)
        box.starts("bad signature", "slot A: damaged, passed over", "slot B: start 1 of 3")
        machine.ours("development image", BOOT)
        box.again(lambda: flip(disk, "slot-b", "boot/grub/grub.cfg"))
        box.starts("slot A: damaged", "bad signature", "slot B: damaged", "no slot can be started: next attempt in one minute")
        nothing_answers(machine)
        box.again(lambda: flip(disk, "esp", "grub/grub.cfg", 5))
        box.starts(STOPPED)
        nothing_answers(machine)
        assert not re.search(SHELL, machine.text)


@pytest.mark.qemu
@pytest.mark.long
@pytest.mark.limit(900)
def test_each_file_of_a_slot(keys, tmp_path):
    """A bit of each file, a bit of each signature, a signature that is missing, one of another key: the other slot starts."""
    disk = signed(tmp_path, keys)
    stranger = tmp_path / "stranger"
    assert make(f"KEYS={stranger}", "keys")[0] == 0
    names = files(disk, "slot-a", "boot")
    assert len(names) == 8 and {name for name in names if not name.endswith(".sig")} == {f"boot/{name}" for name in (*SLOT, "SHA256SUMS")}
    with Machine(PRODUCT, image=disk.path) as machine:
        box = Box(machine, disk)
        box.starts("slot A: start 1 of 3")

        def refused(name, data):
            before = disk.read("slot-a", name)
            box.again(lambda: (disk.set(tmp_path, B_TRY=0), disk.write("slot-a", name, data(before))))
            box.starts("slot A: damaged, passed over", "slot B: start 1 of 3")
            disk.write("slot-a", name, before)

        for name in names:
            refused(name, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
        other = tmp_path / "other"
        other.mkdir()
        (other / "hello.img").write_bytes(disk.read("slot-a", "boot/hello.img"))
        signing.Signer(stranger).sign_tree(other)
        refused("boot/hello.img.sig", lambda _: (other / "hello.img.sig").read_bytes())
        refused("boot/hello.img.sig", lambda _: b"")
        box.again(lambda: tool("mdel", "-i", disk.at("slot-a"), "::boot/hello.img.sig"))
        box.starts("slot A: damaged, passed over", "slot B: start 2 of 3")
        assert not re.search(SHELL, machine.text)


def secured(variables):
    """The board's command line with these variables of the firmware."""
    def change(command):
        assert any(str(EMPTY) in word for word in command)
        return [word.replace(str(EMPTY), str(variables)) for word in command]

    return change


def predicted(image, *words):
    """What pcrs.py says."""
    run = subprocess.run([ROOT / "config/tool/pcrs.py", image, *words], capture_output=True, text=True, timeout=60, check=False)
    return run.returncode, run.stdout + run.stderr


def event_logs(memory):
    """Offsets of logs with digests of all banks that have GRUB's last command."""
    places = [match.start() - 32 for match in re.finditer(b"Spec ID Event03\0", memory)]
    return [place for place in places if memory[place : place + 8] == struct.pack("<II", 0, 3) and memory.find(b"grub_cmd: boot\0", place, place + 0x10000) > 0]


def acpi_log(memory):
    """(size, address) of the log as ACPI's table says."""
    for match in re.finditer(b"TPM2", memory):
        table = memory[match.start() : match.start() + 76]
        if len(table) == 76 and struct.unpack_from("<I", table, 4)[0] == 76 and sum(table) % 256 == 0:
            return struct.unpack_from("<IQ", table, LOG_AREA)
    raise AssertionError("no ACPI table TPM2")


@pytest.mark.qemu
def test_secure_boot_and_measurements(keys, tmp_path):
    """Keys of our own in the firmware: an EFI program without their signature, or with a changed byte, does not start. What is signed starts, and
    the TPM then holds what is computed from the image; the log is left in memory, but ACPI points at an empty place."""
    disk = signed(tmp_path, keys, UEFI)
    built = build_product(PRODUCT, UEFI).folder / "signed"
    first = disk.read("esp", "EFI/BOOT/BOOTX64.EFI")
    changed = bytearray(first)
    changed[len(first) // 2] ^= 1
    bare = tmp_path / "bare.efi"
    bare.write_bytes(first)
    tool("sbattach", "--remove", bare)
    variables, dump = tmp_path / "variables", tmp_path / "memory"
    variables.write_bytes(enrolled(EMPTY.read_bytes(), keys))
    for program in bytes(changed), bare.read_bytes():
        disk.write("esp", "EFI/BOOT/BOOTX64.EFI", program)
        with Machine(PRODUCT, UEFI, image=disk.path, change_command=secured(variables)) as machine:
            machine.expect("BdsDxe: failed to load Boot0001 [^\r]*: Access Denied", BOOT)
            machine.drain(2)
            assert "slot A" not in machine.text
    disk.write("esp", "EFI/BOOT/BOOTX64.EFI", first)
    with Tpm(tmp_path) as tpm, Machine(PRODUCT, UEFI, image=disk.path, change_command=secured(variables), extra=tpm.words) as machine:
        machine.expect("slot A: start 1 of 3", BOOT)
        machine.running("hello")
        machine.qmp("stop")
        machine.qmp("pmemsave", val=TOP[0], size=TOP[1], filename=str(dump))
        held = tpm.pcrs(machine)
    status, text = predicted(built / "disk.img")
    assert (status, text) == (0, "".join(f"PCR {number}  {held[number].hex()}\n" for number in (4, 8, 9)))
    memory = dump.read_bytes()
    assert len(event_logs(memory)) == 1
    size, address = acpi_log(memory)
    assert memory[address - TOP[0] : address - TOP[0] + size] == bytes(size)


def test_prediction_follows_what_starts(keys, tmp_path):
    """Another slot and another count are other commands; an image that is not its manifest's is refused, and one that starts nothing."""
    disk = signed(tmp_path, keys, UEFI)
    disk.path.with_name("disk.json").write_bytes((build_product(PRODUCT, UEFI).folder / "signed/disk.json").read_bytes())
    first, again, other, anew = (predicted(disk.path, *(f"--set={word}" for word in words))[1].splitlines()
                                 for words in ([], ["A_TRY=1"], ["ORDER=B A"], ["A_TRY=3", "B_TRY=3"]))  # fmt: skip
    assert len({text[0] for text in (first, again, other, anew)}) == 1  # one GRUB
    assert len({text[1] for text in (first, again, other, anew)}) == 4
    assert first[2] == other[2]  # both slots have the same files
    assert "8  echo slot B: start 2 of 3 until it is confirmed" in predicted(disk.path, "--set=A_OK=0", "--set=B_TRY=1", "--events")[1]
    assert predicted(disk.path, "--set=A_OK=0", "--set=B_OK=0") == (1, "pcrs: with these variables nothing is started\n")
    flip(disk, "slot-b", "boot/hello.img")
    assert predicted(disk.path) == (1, "pcrs: slot-b: hello.img is not the one of disk.json\n")
