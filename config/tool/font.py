#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""font.py FONT.pf2 OUTPUT.c: the printable ASCII of a bitmap font of GRUB's, 8 x 16 pixels a character, as C for the console on a screen."""
import sys

WIDTH, HEIGHT, FIRST, LAST = 8, 16, 0x20, 0x7E


def sections(data):
    """Name and bytes of each; the last, DATA, has the glyphs, which are found by offsets in the file."""
    at = 0
    while at < len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        if name == b"DATA":
            return
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size


def glyph(data, offset, ascent):
    """Rows of 8 bits, from the top."""
    width, height, x, y = (int.from_bytes(data[offset + 2 * i : offset + 2 * i + 2], "big", signed=i > 1) for i in range(4))
    bits = data[offset + 10 : offset + 10 + (width * height + 7) // 8]
    rows = [0] * HEIGHT
    for bit in range(width * height):
        row, column = ascent - y - height + bit // width, x + bit % width
        if bits[bit // 8] >> (7 - bit % 8) & 1 and 0 <= row < HEIGHT and 0 <= column < WIDTH:
            rows[row] |= 0x80 >> column
    return rows


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    parts = dict(sections(data))
    if parts.get(b"FILE") != b"PFF2" or b"CHIX" not in parts:
        sys.exit(f"font.py: {sys.argv[1]} is not a PFF2 font")
    ascent = int.from_bytes(parts[b"ASCE"], "big")
    index = {int.from_bytes(parts[b"CHIX"][at : at + 4], "big"): int.from_bytes(parts[b"CHIX"][at + 5 : at + 9], "big")
             for at in range(0, len(parts[b"CHIX"]), 9)}
    lines = [", ".join(f"0x{row:02x}" for row in glyph(data, index[code], ascent)) for code in range(FIRST, LAST + 1)]
    with open(sys.argv[2], "w", encoding="ascii") as file:
        file.write("/* Made by config/tool/font.py. */\n#include \"screen_font.h\"\n\n"
                   "const uint8_t screen_font[FONT_LAST - FONT_FIRST + 1][FONT_HEIGHT] = {\n")
        file.writelines(f"    {{{line}}},\n" for line in lines)
        file.write("};\n")


if __name__ == "__main__":
    main()
