# SPDX-License-Identifier: Apache-2.0
"""Started by a UEFI firmware: the same image, on a board whose table leaves alone what the firmware keeps. And a board without a UART."""
import re
import time

import pytest

from lib import Machine, PATIENCE, ROOT

BOARD = "qemu-q35-uefi"


@pytest.mark.qemu
def test_demo_starts_by_uefi():
    """Linux with its disk, the web server with its network card; payloads that GRUB put elsewhere are where the plan wants them."""
    with Machine("demo", BOARD) as machine:
        machine.running()
        assert re.search(r"on board qemu-q35-uefi", machine.text)
        assert "refused" not in machine.text
        machine.seen(r"audit: 4 partitions, .* 0 findings", r"storage: ready", r"httpd: IPv4 10\.0\.2\.15", timeout=60)
        machine.seen(r"disk: /dev/nvme0n1, .* mounted on /disk", timeout=120)


def font():
    """Glyph by its 16 rows, as the build made them."""
    rows = re.findall(r"^    \{(0x[^}]*)\}", (ROOT / "build/screen_font.c").read_text(), re.M)
    return {tuple(int(word, 16) for word in row.split(", ")): chr(ord(" ") + i) for i, row in enumerate(rows)}


def screen_text(machine, path, glyphs):
    """What stands on the screen, line by line."""
    machine.qmp("screendump", filename=str(path))
    data = path.read_bytes()
    kind, width, height = re.match(rb"(P6)\n(\d+) (\d+)\n255\n", data).groups()
    width, height, pixels = int(width), int(height), data[len(data) - 3 * int(width) * int(height) :]
    ink = [value != 0 for value in pixels[::3]]
    lines = []
    for row in range(height // 16):
        cells = []
        for column in range(width // 8):
            at = [(row * 16 + y) * width + column * 8 for y in range(16)]
            cells.append(glyphs.get(tuple(sum(ink[start + x] << (7 - x) for x in range(8)) for start in at), "?"))
        lines.append("".join(cells))
    return "\n".join(lines).rstrip()


@pytest.mark.qemu
def test_without_a_uart_the_console_is_on_the_screen(tmp_path):
    """From the first line to what the partitions say."""
    with Machine("minimal", "qemu-q35-screen") as machine:
        glyphs, end, text = font(), time.monotonic() + 60 * PATIENCE, ""
        while "hello| alive for 10 s" not in text:
            assert time.monotonic() < end, text
            time.sleep(2)
            text = screen_text(machine, tmp_path / "screen.ppm", glyphs)
        assert "bulkhead| Bulkhead 0.1, development image: product minimal on board qemu-q35-screen" in text
        assert re.search(r"audit: 2 partitions, .* 0 findings", text.replace("\n", ""))  # a long line is broken
        assert "loop| loop: life 1, one cycle each 1000 us" in text
        assert "bulkhead|" not in machine.text  # nothing on the serial port, which the board's table does not name
