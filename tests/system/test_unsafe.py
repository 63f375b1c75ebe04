# SPDX-License-Identifier: Apache-2.0
"""A board without an IOMMU that says unsafe_dma (SEP-6): devices work, and the log says what is given up; and who is refused."""
import hashlib
import json
import re
import urllib.request

import pytest

from lib import PATIENCE, ROOT, Machine, make
from test_lab import Probe
from test_net import free_port, pattern

PRODUCT = "tests/system/products/unsafe"

pytestmark = pytest.mark.qemu


def board_made(folder, unsafe=True):
    """qemu-q35-amd without its AMD-Vi."""
    text, made = (ROOT / "board/qemu-q35-amd/board.c").read_text(), folder / "q35-plain"
    for old, new in [(r'\.name = "[^"]*"', '.name = "q35-plain"'), (r"\{\.device = 0x01, [^}]*\}, /\* IOMMU \*/\n", ""), (r"\.function_count = 10", ".function_count = 9"),
                     (r"\.iommu = \{.*\},\n", f".iommu = {{.kind = IOMMU_NONE}}, .unsafe_dma = {str(unsafe).lower()},\n")]:
        text, count = re.subn(old, new, text)
        assert count == 1, old
    rules = (ROOT / "board/qemu-q35-amd/board.mk").read_text()
    assert "IOMMU := amdvi\n" in rules and "-device amd-iommu,intremap=on " in rules
    made.mkdir()
    (made / "board.c").write_text(text)
    (made / "board.mk").write_text(rules.replace("IOMMU := amdvi\n", "IOMMU := none\n").replace("-device amd-iommu,intremap=on ", ""))
    return made


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return board_made(tmp_path_factory.mktemp("board"))


def findings(product, board, verb="check-config"):
    status, output = make(f"PRODUCT={product}", f"BOARD={board}", verb)
    assert status != 0, output
    return set(re.findall(r"CFG-\d+", output))


def test_sep6_refused_unless_the_board_says_it(tmp_path):
    assert findings(PRODUCT, board_made(tmp_path, unsafe=False)) == {"CFG-819"}


def test_sep6_refused_in_a_release_image(board):
    assert "CFG-820" in findings(PRODUCT, board, "image")


def test_sep6_refused_to_a_linux(board):
    assert findings("demo", board) == {"CFG-821"}  # its Linux has a function of the disk


@pytest.mark.limit(600)
def test_sep6_devices_work_and_the_log_says_what_is_given_up(board):
    """Interrupts and DMA both ways of the network card, also in its second life; DMA of `edu` to its owner's memory, and, which is what
    unsafe_dma says, to anybody's."""
    port, size = free_port(), 1_000_000
    forward = f"user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:80"

    def get(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60 * PATIENCE) as answer:
            return answer.read()

    with Machine(PRODUCT, board, change_command=lambda words: [word.replace("user,id=net0", forward) for word in words]) as machine:
        machine.seen(r"UNSAFE: the board says unsafe_dma: each of 2 devices given away can read and write all memory and interrupt any core",
                     r"audit: .*: 0 findings", r"httpd\| httpd: IPv4 10\.0\.2\.15/24", r"probe\| probe: life 1", timeout=90)
        assert hashlib.sha256(get(f"/pattern/{size}")).digest() == hashlib.sha256(pattern(size)).digest()
        assert json.loads(get("/status.json"))["net"]["interrupts"] > 2
        offsets = [int(value, 16) for value in re.findall(r"\.dma_offset = (0x[0-9a-f]+)", (machine.build.folder / "plan.c").read_text())]
        assert all(offsets) and offsets[0] != offsets[1]
        machine.keyboard("probe")
        probe = Probe(machine)
        probe.ask("poke 1000000 1122334455667788 64", "= 0x1122334455667788")
        assert probe.value(f"dma {offsets[1] + 0x1000000:x} 8") == 0x1122334455667788
        assert probe.values(f"dma {offsets[1] + 0x1000000:x} 8 77") == [0x7777777777777777]
        assert probe.value("peek 1000000 64") == 0x7777777777777777
        word = machine.monitor("xp /1xg 0x100000").split(":", 1)[1]
        assert probe.value("dma 100000 8") == int(word, 16) != 0  # the hypervisor
        machine.keyboard("httpd")
        machine.attention("r")
        machine.seen("partition httpd: running, life 2,", timeout=60)
        machine.since(machine.text.index("partition httpd: running, life 2,"), r"httpd\| httpd: IPv4 10\.0\.2\.15/24", timeout=90)
        assert hashlib.sha256(get(f"/pattern/{size}")).digest() == hashlib.sha256(pattern(size)).digest()
        machine.key("v", r"audit: .*: 0 findings")
