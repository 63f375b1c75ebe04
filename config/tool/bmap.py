# SPDX-License-Identifier: Apache-2.0
"""Which blocks of a disk image have to be written, with their digests: files as bmaptool (bmap-tools) reads and writes them.

What is not in a map may have any content. Blocks of zeros that a file system relies on are in it."""
import hashlib
import re

BLOCK = 4096
PIECE = (8 << 20) // BLOCK  # blocks of one range at most: a damaged one is found there
TEMPLATE = """<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> {size} </ImageSize>
    <BlockSize> {block} </BlockSize>
    <BlocksCount> {blocks} </BlocksCount>
    <MappedBlocksCount> {mapped} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> {checksum} </BmapFileChecksum>
    <BlockMap>
{ranges}    </BlockMap>
</bmap>
"""


class Damaged(Exception):
    """The map is not one, or not whole."""


def pieces(ranges):
    """Ranges (first block, last block) in order and side by side joined, cut into pieces."""
    joined = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return [(start, min(start + PIECE - 1, last)) for first, last in joined for start in range(first, last + 1, PIECE)]


def digest(file, first, last, size):
    """Of these blocks, the last of which may reach beyond an image of this size."""
    file.seek(first * BLOCK)
    return hashlib.sha256(file.read(min((last + 1) * BLOCK, size) - first * BLOCK)).hexdigest()


def make(file, size, ranges):
    """The text of the map of an open image."""
    if size % BLOCK:
        raise ValueError(f"an image of {size} bytes, which are no whole blocks")
    rows, mapped = "", 0
    for first, last in pieces(ranges):
        mapped += last + 1 - first
        rows += f'        <Range chksum="{digest(file, first, last, size)}"> {first}-{last} </Range>\n'
    text = TEMPLATE.format(size=size, block=BLOCK, blocks=size // BLOCK, mapped=mapped, checksum="0" * 64, ranges=rows)
    return text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest(), 1)


def read(text):
    """(size, [(first block, last block, digest)]) of a map whose own digest is right."""
    checksum = re.search(r"<BmapFileChecksum> ([0-9a-f]{64}) <", text)
    size = re.search(r"<ImageSize> (\d+) <", text)
    if not checksum or not size:
        raise Damaged("it has no checksum or no size")
    if hashlib.sha256(text.replace(checksum[1], "0" * 64, 1).encode()).hexdigest() != checksum[1]:
        raise Damaged("its checksum is not that of its text")
    rows = re.findall(r'<Range chksum="([0-9a-f]{64})"> (\d+)-(\d+) <', text)
    return int(size[1]), [(int(first), int(last), checksum) for checksum, first, last in rows]
