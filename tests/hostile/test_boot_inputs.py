# SPDX-License-Identifier: Apache-2.0
"""AC-52: what the launch is told by loader, firmware and images, damaged: each is refused with its code, nothing runs, nothing
crashes. Damage of payloads one by one is in tests/system/test_boot.py, parsers on the host in tests/unit and tests/fuzz."""
import random
import re
import struct

import pytest

import messages
from lib import CORES, Machine, build_product, make_iso
from rig import OURS


def test_sep1_sep5_audit_finds_nothing_before_the_first_partition():
    with Machine("hostile") as machine:
        audit = machine.seen(OURS + rf"audit: (\d+) partitions, {CORES} cores, .*: (\d+) findings", timeout=60)
        assert audit[1] == "3" and audit[2] == "0", machine.drain(1)
        assert ": running" not in machine.text[: audit.start()]


def grub(old, new):
    def change(tree):
        menu = tree / "boot/grub/grub.cfg"
        text = menu.read_text()
        assert re.search(old, text)
        menu.write_text(re.sub(old, new, text, count=1))

    return change


def empty_module(tree):
    (tree / "boot/empty.img").write_bytes(b"")
    grub(r"module2 ", "module2 /boot/empty.img empty\nmodule2 ")(tree)


def many_modules(tree):
    (tree / "boot/one.img").write_bytes(b"one")
    grub(r"module2 ", "".join(f"module2 /boot/one.img one{i}\n" for i in range(20)) + "module2 ")(tree)


def large_module(tree):
    """More than the image zone has room for: the loader puts what follows elsewhere."""
    with open(tree / "boot/large.img", "wb") as file:
        file.truncate(96 << 20)
    grub(r"module2 ", "module2 /boot/large.img large\nmodule2 ")(tree)


def damage(seed):
    """Any bytes of any payloads: flipped, cleared, moved, cut off."""

    def change(tree):
        chance = random.Random(seed)
        for path in chance.sample(sorted((tree / "boot").glob("*.img")), chance.randint(1, 3)):
            data = bytearray(path.read_bytes())
            start = chance.randrange(len(data))
            end = min(len(data), start + chance.choice([1, 16, 4096]))
            kind = chance.randrange(4)
            if kind == 0:
                data[start] ^= 1 << chance.randrange(8)
            elif kind == 1:
                data[start:end] = bytes(byte ^ 0xFF for byte in data[start:end])
            elif kind == 2:
                data = data[end:] + data[:end] if end < len(data) else data[:-1]
            else:
                del data[start:]
                data += b"\0" * chance.randrange(1, 9)
            path.write_bytes(data)

    return change


BAD_LOADER = {
    "module-name-too-long": (grub(r"attacker\.img attacker", "attacker.img " + "a" * 80), r"BOOT-4: .*module name"),
    "module-without-bytes": (empty_module, r"BOOT-4: .*module without bytes|CFG-900"),
    "too-many-modules": (many_modules, r"BOOT-4: .*more than 20 modules"),
    "damage-1": (damage(1), "IMG-1|CFG-900"),
    "damage-2": (damage(2), "IMG-1|CFG-900"),
    "damage-3": (damage(3), "IMG-1|CFG-900"),
    "damage-4": (damage(4), "IMG-1|CFG-900"),
}
BAD_TABLES = {
    "two-madts": (b"APIC", struct.pack("<IIBBBBI", 0xFEE00000, 1, 0, 8, 0, 0, 1), "ACPI-1: two MADTs"),
    "short-fadt": (b"FACP", bytes(16), "ACPI-1: FADT too short"),
}


WORSE = r"CRASH.*|partition \w+: running.*|(?s:Bulkhead .*bulkhead\| Bulkhead )"  # crashed, started, or reset


def refused(machine, reason):
    """What is wrong is said, with its code, and that is all: no crash, no reset, nothing started."""
    line = machine.seen(messages.OURS + f"(?:.*refused: .*\r|{WORSE})", timeout=60)[0]  # the whole line
    assert re.search(rf"refused: .*({reason})", line), machine.drain(0.5)
    assert ": running" not in machine.drain(1) and "CRASH" not in machine.text
    assert machine.emulator.running(), "a refusal stays on the screen"


@pytest.mark.parametrize("name", BAD_LOADER)
def test_sep8_bad_boot_information_and_images_are_refused(tmp_path, name):
    change, reason = BAD_LOADER[name]
    with Machine("hostile", image=make_iso(build_product("hostile"), tmp_path, change)) as machine:
        refused(machine, reason)


def test_modules_that_the_loader_puts_elsewhere_are_moved(tmp_path):
    with Machine("hostile", image=make_iso(build_product("hostile"), tmp_path, large_module)) as machine:
        machine.running()
        assert "audit" in machine.text and " 0 findings" in machine.text


@pytest.mark.qemu
@pytest.mark.parametrize("name", BAD_TABLES)
def test_sep8_bad_firmware_tables_are_refused(tmp_path, name):
    signature, body, reason = BAD_TABLES[name]
    file = tmp_path / "table"
    file.write_bytes(body)
    table = f"sig={signature.decode()},rev=1,oem_id=TEST,oem_table_id=TEST,data={file}"
    with Machine("hostile", extra=("-acpitable", table)) as machine:
        refused(machine, reason)


@pytest.mark.long
@pytest.mark.limit(3600)
def test_sep8_200_damaged_images_are_refused(tmp_path):
    for seed in range(100, 300):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with Machine("hostile", image=make_iso(build_product("hostile"), folder, damage(seed))) as machine:
            refused(machine, "IMG-1|CFG-900")
