# SPDX-License-Identifier: Apache-2.0
"""DMA that somebody has started before us (AC-28, SEP-1, SEP-6): a pre-loader, which the boot loader enters in place of the hypervisor, sets
QEMU's edu devices going. Time is counted in instructions, so that a busy host does not decide who is first."""
import struct
import subprocess

import lib
import pytest

from lib import ROOT, Machine, build_product, make_iso

pytestmark = pytest.mark.qemu
BAR = 0xC0000000  # in the hole for devices, where nobody is yet
FIRST, SECOND = 0x1800, 0x1000  # configuration addresses of 00:03.0 and 00:02.0
SIZE = 16
COLD = "arch_poweroff"  # of the hypervisor's code; nobody calls it
# Nanoseconds after the hypervisor is entered, of which each instruction takes 32: its functions are quiet by then, and no IOMMU works yet.
DELAY = 20_000_000
LOAD, SEGMENT = 1, struct.Struct("<IIQQQQQQ")


def by_instructions(command):
    return [word.replace("thread=multi", "thread=single") for word in command] + ["-icount", "shift=5,sleep=off"]


def address_of(elf, symbol):
    listed = subprocess.run(["nm", elf], check=True, capture_output=True, text=True).stdout
    return next(int(line.split()[0], 16) for line in listed.splitlines() if line.split()[-1] == symbol)


def preloader(folder, place, **symbols):
    """Its bytes, for this address."""
    given = [f"-Wa,--defsym,{name}={value:#x}" for name, value in symbols.items()]
    source = ROOT / "tests/hostile/preloader.S"
    subprocess.run(["gcc", "-m32", *given, "-c", "-o", folder / "preloader.o", source], check=True)
    linked = ["ld", "-m", "elf_i386", f"-Ttext={place:#x}", "-e", f"{place:#x}", "--oformat", "binary"]
    subprocess.run([*linked, "-o", folder / "preloader.bin", folder / "preloader.o"], check=True)
    return (folder / "preloader.bin").read_bytes()


def with_preloader(elf, folder, **symbols):
    """The hypervisor's file with one segment more, at the end of the room that the last one keeps free, which is entered first."""
    data = bytearray(elf.read_bytes())
    (entry, table), (entry_size, count) = struct.unpack_from("<QQ", data, 24), struct.unpack_from("<HH", data, 54)
    at = table + (count - 1) * entry_size
    kind, flags, offset, virtual, physical, size, memory, align = SEGMENT.unpack_from(data, at)
    place = physical + memory - 0x1000
    assert kind == LOAD and size == 0 and memory > 0x1000 and virtual == physical
    SEGMENT.pack_into(data, at, kind, flags, offset, virtual, physical, 0, memory - 0x1000, align)
    code = preloader(folder, place, ENTRY=entry, **symbols)
    assert len(code) < 0x1000 and not any(data[at + entry_size : at + 2 * entry_size])
    offset = (len(data) + 0xFFF) & ~0xFFF
    SEGMENT.pack_into(data, at + entry_size, LOAD, 7, offset, place, place, len(code), 0x1000, align)
    struct.pack_into("<H", data, 56, count + 1)
    struct.pack_into("<Q", data, 24, place)
    return bytes(data).ljust(offset, b"\0") + code


def bytes_at(elf, address):
    """What the file's first segment has there."""
    data = elf.read_bytes()
    _, _, offset, _, physical, size, _, _ = SEGMENT.unpack_from(data, struct.unpack_from("<Q", data, 32)[0])
    assert 0 <= address - physical < size - SIZE
    return data[offset + address - physical :][:SIZE]


@pytest.mark.limit(400)
def test_sep1_sep6_dma_started_before_us(tmp_path):
    build = build_product("minimal", lib.DEFAULT_BOARD)
    elf = build.folder / "bulkhead.elf"
    target = address_of(elf, COLD)
    before = bytes_at(elf, target)
    assert any(before)
    changed = with_preloader(elf, tmp_path, TARGET=target, DELAY=DELAY, BAR=BAR, FIRST=FIRST, SECOND=SECOND)
    image = make_iso(build, tmp_path, lambda tree: (tree / "boot/bulkhead.elf").write_bytes(changed))
    with Machine("minimal", image=image, change_command=by_instructions) as machine:
        machine.running(timeout=60)
        assert machine.text.count("pre-loader: the first device has written") == 1
        assert machine.text.count("bulkhead| Bulkhead ") == 1
        now = machine.peek(target, SIZE)
        assert now == before, f"code of the hypervisor changed at {target:#x}: {before.hex()} -> {now.hex()}"
