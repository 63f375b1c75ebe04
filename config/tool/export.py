# SPDX-License-Identifier: Apache-2.0
"""Bytes that a partition wrote on the console as lines of text (partitions/supervisor/dump.c says how), out of a log of that console.
Lines of others may lie between; what stands before the `=` of a line, such as a time stamp, does not matter."""
import base64
import binascii
import pathlib
import re

BEGIN = re.compile(r"=begin (core|record) (\S+)\s*$")
END = re.compile(r"=end (core|record) (\S+) (\d+)\s*$")
PIECE = re.compile(r"=([rmb]) ([0-9a-f]{1,16}) ([A-Za-z0-9+/]+={0,2}) ([0-9a-f]{8})\s*$")
ANY = re.compile(r"=[rmb] [0-9a-f]+ ")
ADDRESS_MAX = 1 << 52
STREAM_MAX = 1 << 22  # more than a record has


def read(path):
    """The bytes of a file that somebody named; ends the tool, with the reason, if there are none to be had."""
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise SystemExit(f"{path}: {error.strerror}: give the file with the saved log") from None


class Export:
    """One block: pieces[tag] is a list of (address, bytes)."""

    def __init__(self, kind, name):
        self.kind, self.name = kind, name
        self.pieces = {"r": [], "m": [], "b": []}
        self.lines = 0
        self.problems = ["it has no end"]

    def stream(self, tag, start=0):
        """What the pieces say from there on, in one piece of bytes; what none says is zero."""
        pieces = [(address - start, data) for address, data in self.pieces[tag] if 0 <= address - start < STREAM_MAX]
        out = bytearray(max((address + len(data) for address, data in pieces), default=0))
        for address, data in pieces:
            out[address:address + len(data)] = data
        return bytes(out)


def line_sum(tag, address, data):
    value = 0x811C9DC5
    for byte in tag.encode() + address.to_bytes(8, "little") + data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def piece_of(match):
    """(tag, address, bytes), or None where the line is damaged."""
    try:
        data = base64.b64decode(match[3], validate=True)
    except (ValueError, binascii.Error):
        return None
    address = int(match[2], 16)
    if line_sum(match[1], address, data) != int(match[4], 16) or address + len(data) > ADDRESS_MAX:
        return None
    return match[1], address, data


def exports(text):
    """All blocks of a log, in order, also those that are not whole: see their problems."""
    found, now, damaged = [], None, 0
    for line in text.splitlines():
        line = line.rstrip("\r")
        begin, end, match = BEGIN.search(line), END.search(line), PIECE.search(line)
        if begin:
            now, damaged = Export(begin[1], begin[2]), 0
            found.append(now)
        elif now and match:
            piece = piece_of(match)
            if piece:
                now.pieces[piece[0]].append(piece[1:])
                now.lines += 1
            else:
                damaged += 1
        elif now and ANY.search(line):
            damaged += 1
        elif now and end and (end[1], end[2]) == (now.kind, now.name):
            missing = int(end[3]) - now.lines
            now.problems = [f"{missing} of its {end[3]} lines are missing or damaged"] if missing or damaged else []
            now = None
    return found
