# SPDX-License-Identifier: Apache-2.0
"""Started by a UEFI firmware: the same image, on a board whose table leaves alone what the firmware keeps. And a board without a UART."""
import re
import shutil
import time

import pytest

from faults import WILD_WRITE, Physical, symbols
from lib import Machine, PATIENCE, ROOT, build_product, make

BOARD = "qemu-q35-uefi"
SCREEN_BY_UEFI = "screen-uefi"  # made here of qemu-q35-screen's table and qemu-q35-uefi's firmware
SCREEN = "qemu-q35-screen"
PRODUCTS = {  # who has the keyboard, what is typed, what comes
    "minimal": ("loop", "stats\r", r"cycles \d+, interval min"),
    "lab": ("probe", "peek 0x1000000\r", r"probe\| .*0x[0-9a-f]+"),
    "gateway": ("supervisor", "list\r", r"router +running +unikernel"),
    "hostile": ("attacker", "fetch\r", r"attacker\| attack fetch: .*: PASS"),
    "ops": ("supervisor", "list\r", r"control +running +unikernel +1 +16 .* observe, control, dump"),
}


@pytest.mark.qemu
def test_demo_starts_by_uefi():
    """Linux with its disk, the web server with its network card; payloads that GRUB put elsewhere are where the plan wants them."""
    with Machine("demo", BOARD) as machine:
        machine.running()
        assert re.search(r"on board qemu-q35-uefi", machine.text)
        assert "refused" not in machine.text
        machine.seen(r"audit: 4 partitions, .* 0 findings", r"storage: ready", r"httpd: IPv4 10\.0\.2\.15", timeout=60)
        machine.seen(r"disk: /dev/nvme0n1, .* mounted on /disk", timeout=120)


@pytest.mark.qemu
@pytest.mark.boards
@pytest.mark.parametrize("product", PRODUCTS)
def test_product_starts_by_uefi(product):
    """All of it runs, the audit finds nothing, and it answers."""
    name, typed, comes = PRODUCTS[product]
    with Machine(product, BOARD) as machine:
        machine.running()
        machine.seen(rf"product {product} on board qemu-q35-uefi", r"audit: \d partitions, .* 0 findings")
        assert "refused" not in machine.text
        machine.keyboard(name)
        machine.type(typed, comes)


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


class Screen:
    """What a board without a UART shows; nothing can be typed there."""

    def __init__(self, machine, folder):
        self.machine, self.path, self.glyphs = machine, folder / "screen.ppm", font()

    def shows(self, *patterns):
        """Wait until all have come; returns the text, in which a long line is broken."""
        end = time.monotonic() + 60 * PATIENCE
        while True:
            text = screen_text(self.machine, self.path, self.glyphs)
            if all(re.search(pattern, text.replace("\n", "")) for pattern in patterns):
                return text
            assert time.monotonic() < end, text
            time.sleep(1)


@pytest.mark.qemu
def test_without_a_uart_the_console_is_on_the_screen(tmp_path):
    """From the first line to what the partitions say; then a crash of the hypervisor: its line, whole, before the board is reset, and its record
    after that. QEMU stops where the board would be reset."""
    with Machine("minimal", SCREEN) as machine:
        screen = Screen(machine, tmp_path)
        text = screen.shows("hello[|] alive for 10 s", r"audit: 2 partitions, .* 0 findings")
        assert f"bulkhead| Bulkhead 0.1, development image: product minimal on board {SCREEN}" in text
        assert "loop| loop: life 1, one cycle each 1000 us" in text
        machine.qmp("set-action", reboot="shutdown", shutdown="pause")
        with Physical(machine, tmp_path) as memory:
            memory.write(symbols(machine.build.folder / "bulkhead.elf")["housekeeping"], WILD_WRITE)
        crash = r"CRASH on core \d: [^(]*[(]vector 14, error 2, rip [0-9a-f]+, cr2 40[)]"
        screen.shows(crash)
        assert machine.qmp("query-status")["status"] == "shutdown"
        machine.qmp("set-action", reboot="reset")
        machine.qmp("system_reset")
        machine.qmp("cont")
        screen.shows("crash record of boot 1: ", "crash record: core .* vector 14 .* cr2 40", "partition hello: running, life 1", "loop: life 1, one cycle")
        assert "bulkhead|" not in machine.text  # nothing on the serial port, which the board's table does not name


def disk_image(board, folder):
    """A copy of minimal's disk image; this GRUB has no folder of modules, as that of the CD has."""
    status, output = make("PRODUCT=minimal", f"BOARD={board}", "disk-image")
    assert status == 0, output
    return shutil.copy(build_product("minimal", board).folder / "disk.img", folder / "disk.img")


def screen_by_uefi(folder):
    """A board with UEFI and a screen, without a UART."""
    board = folder / SCREEN_BY_UEFI
    board.mkdir()
    lines = (ROOT / "board/qemu-q35-screen/board.c").read_text().replace("../", f"{ROOT}/board/").replace(SCREEN, SCREEN_BY_UEFI)
    (board / "board.c").write_text(lines.replace("#define BOARD_LOAD 0\n", "#define BOARD_LOAD 0x1000000\n"))
    (board / "board.mk").write_text("include board/qemu-q35-uefi/board.mk\nQEMU_FLAGS += -device VGA,addr=01.0\n")
    return board


@pytest.mark.qemu
def test_disk_image_without_a_uart_by_uefi(tmp_path):
    """GRUB's choice of the slot and the hypervisor's first line are on the firmware's screen, and all that comes after them."""
    board = screen_by_uefi(tmp_path)
    with Machine("minimal", board, image=disk_image(board, tmp_path)) as machine:
        text = Screen(machine, tmp_path).shows("hello[|] alive for 10 s", r"audit: 2 partitions, .* 0 findings")
        assert f"bulkhead| Bulkhead 0.1, development image: product minimal on board {SCREEN_BY_UEFI}" in text
        assert "bulkhead|" not in machine.text


@pytest.mark.qemu
def test_without_a_uart_a_refusal_is_on_the_screen(tmp_path):
    """The board is not the one of the table: why, and nothing runs. From the disk image, by BIOS."""
    def change(words):
        return [word for i, word in enumerate(words) if "i6300esb" not in word and "i6300esb" not in " ".join(words[i + 1 : i + 2])]

    with Machine("minimal", SCREEN, image=disk_image(SCREEN, tmp_path), change_command=change) as machine:
        text = Screen(machine, tmp_path).shows("CFG-910 board watchdog", "refused: CFG-900")
        assert "running, life" not in text and "refused" not in machine.text
