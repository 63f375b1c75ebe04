# SPDX-License-Identifier: Apache-2.0
"""The host's readers of records and dumps: their layout is that of the hypervisor's headers, and nothing in a file throws them."""
import base64
import contextlib
import io
import random
import re
import struct
import subprocess
import sys

import pytest

from lib import ROOT

sys.path.insert(0, str(ROOT / "config/tool"))
import core  # noqa: E402
import decode  # noqa: E402
import export  # noqa: E402

TOOLS = [("decode.py",), ("core.py", "out"), ("symbolize.py",)]

LAYOUT = """
#include <stdio.h>
#include "recorder_area.h"
int main(void)
{
    printf("%zu %zu %zu %zu %zu %zu %zu %zu %zu\\n", sizeof(struct record_head), sizeof(struct crash_record), sizeof(struct record_block),
           sizeof(struct record_stop), offsetof(struct record_bank, log), offsetof(struct record_bank, partitions),
           sizeof(struct record_partition), sizeof(struct record_bank), sizeof(struct bh_registers));
    printf("%llu %d\\n", (unsigned long long)record_seed(7, 3), MAX_PARTITIONS);
}
"""


def test_layout_is_that_of_the_headers(tmp_path):
    (tmp_path / "layout.c").write_text(LAYOUT)
    folders = [f"-I{ROOT}/{folder}" for folder in ("core/abi", "core/include", "config/include", "board/include")]
    subprocess.run(["gcc", *folders, "-o", tmp_path / "layout", tmp_path / "layout.c"], check=True, timeout=60)
    said = subprocess.run([tmp_path / "layout"], capture_output=True, text=True, check=True).stdout.split()
    assert [int(word) for word in said] == [decode.HEAD.size, decode.CRASH.size, decode.BLOCK.size, decode.STOP.size, decode.LOG_AT,
                                            decode.PARTITIONS_AT, decode.PARTITION, decode.BANK, core.REGISTERS.size, decode.seed(7, 3),
                                            decode.PARTITIONS]


def block(start, number, text):
    value = decode.fnv(decode.fnv(start, struct.pack("<I", number)), text)
    return decode.BLOCK.pack(decode.fnv(value, struct.pack("<I", len(text))), number, len(text), text)


def bank(boot, output=b"some words\r\n\x1b[2J\x9b\n"):
    """A bank with one partition that said something and stopped once."""
    head = decode.HEAD.pack(decode.MAGIC, 1, 1, boot, 1790000000, b"product", b"board", b"pump", 0)[:-8]
    stop = decode.STOP.pack(0, 0, 1500000, 2, 0, 2, 3, 0, 14, 0x100538, *range(0x1000, 0x1000 + 28))[8:]
    data = bytearray(decode.BANK)
    data[0:decode.HEAD.size] = head + struct.pack("<Q", decode.fnv(0, head))
    data[decode.LOG_AT:decode.LOG_AT + 128] = block(decode.seed(boot, decode.OURS), 0, b"[    0.000000] bulkhead| hello\n")
    data[decode.PARTITIONS_AT:decode.PARTITIONS_AT + 128] = block(decode.seed(boot, 0), 0, output)
    at = decode.PARTITIONS_AT + decode.OUTPUT_BLOCKS * decode.BLOCK.size
    data[at:at + decode.STOP.size] = struct.pack("<Q", decode.fnv(decode.seed(boot, decode.OF_STOPS), stop)) + stop
    return bytes(data)


def decoded(data):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        count = decode.decode(data)
    return count, out.getvalue()


def test_decode_prints_what_is_there_by_boot():
    count, text = decoded(b"junk" + bank(9) + b"BHRECORD" + bank(8))
    assert count == 2
    assert text.index("record of boot 8: product product on board board") < text.index("record of boot 9")
    assert "  stop 1, life 2, until 1.500000 s: trap, value 0xe, address 0x100538, vcpu 0 at 0x1000\n" in text
    assert "  | some words\n  | ^[[2J\\x9b\n" in text and "  [    0.000000] bulkhead| hello\n" in text


def test_ac45_damage_is_not_believed_and_throws_nothing():
    sound = bank(3)
    places = [*range(decode.HEAD.size), *range(decode.LOG_AT, decode.LOG_AT + 128), *range(decode.PARTITIONS_AT, decode.PARTITIONS_AT + 128)]
    dice = random.Random(4)
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(dice.choice((1, 1, 5))):
            data[dice.choice(places)] ^= 1 << dice.randrange(8)
        _, text = decoded(bytes(data[:dice.choice((len(data), dice.randrange(len(data))))]))
        assert all(character.isprintable() or character in "\n\t" for character in text)
        for line in text.splitlines():
            assert not line.startswith("  | ") or line in ("  | some words", "  | ^[[2J\\x9b")


def piece(tag, address, data):
    return f"[    1.000000] supervisor| ={tag} {address:x} {base64.b64encode(data).decode()} {export.line_sum(tag, address, data):08x}\r"


def registers(low=0x2000, high=0):
    return core.REGISTERS.pack(low, high, 1, 1, 0x1234, 0x1ff0, 2, *range(6), *range(16))


def log_of(*lines):
    return "\n".join(["noise", "[    1.000000] supervisor| =begin core pump", *lines, f"=end core pump {len(lines)}", "noise"])


def test_lost_and_damaged_lines_are_told(tmp_path):
    lines = [piece("r", 0, registers()), piece("m", 0x1000, b"here"), piece("m", 0x1ffc, b"last")]
    whole = log_of(*lines)
    (found,) = export.exports(whole)
    assert not found.problems
    core.write_core(found, tmp_path / "core")
    assert b"here" in (tmp_path / "core").read_bytes()
    for broken in (whole.replace(lines[1] + "\n", ""), whole.replace("aGVyZQ", "aGVyZg"), whole.replace("=m 1000", "=m 1001"), whole[:-40]):
        (found,) = export.exports(broken)
        assert found.problems
    (found,) = export.exports(log_of(lines[1]))
    for registers_of in ([], [(0, registers(1 << 51))], [(0, registers()[:-8])]):
        found.pieces["r"] = registers_of
        try:
            core.write_core(found, tmp_path / "none")
            raise AssertionError("accepted")
        except ValueError:
            pass


def test_no_text_throws(tmp_path):
    whole = log_of(piece("r", 0, registers()), piece("m", 0x1000, b"here"), piece("b", 0, bank(1)[:96]))
    dice = random.Random(5)
    for _ in range(500):
        text = list(whole)
        for _ in range(dice.randrange(1, 8)):
            text[dice.randrange(len(text))] = chr(dice.choice((10, 32, 48, 61, dice.randrange(256))))
        for found in export.exports("".join(text)):
            found.stream("b")
            with contextlib.suppress(ValueError):
                core.write_core(found, tmp_path / "core")


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool[0])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, tool):
    for path, reason in (tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory"):
        run = subprocess.run([sys.executable, ROOT / "config/tool" / tool[0], path, *tool[1:]], cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 1 and run.stderr.splitlines() == [f"{path}: {reason}: give the file with the saved log"]


def test_symbols_of_another_product_are_told(tmp_path):
    """The log names its product and board; what a partition printed does not count."""
    log = tmp_path / "log"
    log.write_text("[    0.000000] bulkhead| Bulkhead 0.1, development image: product ops on board box\n"
                   "[    0.100000] pump| [    0.000000] bulkhead| Bulkhead 0.1: product liar on board box\n"
                   "[    1.000000] bulkhead| partition pump: trap, value 0xe, address 0x10, vcpu 0 at 0x20; action: stop\n")  # fmt: skip
    for product, warned in ("demo", True), ("ops", False):
        run = subprocess.run([sys.executable, ROOT / "config/tool/symbolize.py", log, "--of", product, "box", "pump=/bin/sh", "other=none"],
                             capture_output=True, text=True)
        assert run.returncode == 0 and re.search(r"at 0x20; action: stop\n    0x10: ", run.stdout) and "liar" not in run.stderr, run.stderr
        assert ("product ops on board box, the symbols are of demo" in run.stderr and "PRODUCT=ops BOARD=box" in run.stderr) == warned, run.stderr
