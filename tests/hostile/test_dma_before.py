# SPDX-License-Identifier: Apache-2.0
"""DMA that somebody has started before us (AC-28, SEP-1, SEP-6): GRUB's own commands set QEMU's edu going, which waits 100 ms and then writes
zeros over the hypervisor. Time is counted in instructions, so that a busy host does not decide who is first."""
import struct

import lib
import pytest

from lib import Machine, build_product, make_iso

pytestmark = pytest.mark.qemu
BAR = 0xC0000000  # the board's window: free until we place BARs there
SIZE = 0x800
DEVICE = "00:02.0"


def by_instructions(command):
    return [word.replace("thread=multi", "thread=single") for word in command] + ["-icount", "shift=5,sleep=off"]


def code(build):
    """(physical address, bytes) of the hypervisor's first segment, which is never written."""
    elf = (build.folder / "bulkhead.elf").read_bytes()
    (table,), (entry_size, count) = struct.unpack_from("<Q", elf, 32), struct.unpack_from("<HH", elf, 54)
    for i in range(count):
        kind, flags, offset, _, physical, size, _, _ = struct.unpack_from("<IIQQQQQQ", elf, table + i * entry_size)
        if kind == 1 and flags & 1:
            return physical, elf[offset : offset + size]
    raise AssertionError("no segment of code")


def start_dma(tree, target):
    """Into the boot menu, as the last thing before the hypervisor runs."""
    menu = tree / "boot/grub/grub.cfg"
    text = menu.read_text()
    assert text.rstrip().endswith("boot")
    words = {0x80: 0x40000, 0x84: 0, 0x88: target, 0x8C: 0, 0x90: SIZE, 0x94: 0}
    lines = ["insmod setpci", "insmod memrw", f"setpci -s {DEVICE} 10.l={BAR:x}", f"setpci -s {DEVICE} 4.w=6"]
    lines += [f"write_dword {BAR + offset:#x} {value:#x}" for offset, value in words.items() if offset % 8 == 0]
    lines += [f"write_dword {BAR + 0x98:#x} 3", "boot"]
    menu.write_text(text.rstrip().removesuffix("boot") + "\n".join(lines) + "\n")


@pytest.mark.limit(400)
def test_sep1_dma_started_by_the_boot_loader(tmp_path):
    build = build_product("minimal", lib.DEFAULT_BOARD)
    physical, text = code(build)
    target = physical + (len(text) // 2 & ~0xFFF)
    assert any(text[target - physical :][:SIZE])
    image = make_iso(build, tmp_path, lambda tree: start_dma(tree, target))
    with Machine("minimal", image=image, change_command=by_instructions) as machine:
        machine.running(timeout=60)
        path = tmp_path / "code"
        machine.monitor(f'pmemsave {physical:#x} {len(text):#x} "{path}"')
        changed = [physical + i for i, (was, now) in enumerate(zip(text, path.read_bytes())) if was != now]
        assert not changed, f"code of the hypervisor changed from {changed[0]:#x} on, {len(changed)} bytes"
        assert machine.text.count("bulkhead| Bulkhead ") == 1
