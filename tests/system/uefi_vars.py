# SPDX-License-Identifier: Apache-2.0
"""Puts a machine's own Secure Boot keys into the empty store of variables that OVMF comes with, as its set-up menu would.

The store: after the header of the flash volume a header with its size, then one authenticated variable after the other, each at a multiple of
four bytes; free space is all ones."""
import struct
import uuid

GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
IMAGE_SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
STORE = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792")
START, ADDED = 0x55AA, 0x3F
NON_VOLATILE, BOOT, RUN_TIME, AUTHENTICATED = 1, 2, 4, 0x20
STAMP = struct.pack("<HBBBBBBIhBB", 2001, 9, 9, 1, 46, 40, 0, 0, 0, 0, 0)
STORE_HEADER = 28


def variable(name, vendor, data):
    text = name.encode("utf-16-le") + bytes(2)
    attributes = NON_VOLATILE | BOOT | RUN_TIME | AUTHENTICATED
    head = struct.pack("<HBBIQ", START, ADDED, 0, attributes, 0) + STAMP + struct.pack("<III", 0, len(text), len(data)) + vendor.bytes_le
    whole = head + text + data
    return whole + b"\xff" * (-len(whole) % 4)


def enrolled(empty, keys):
    """`empty`: the bytes of OVMF_VARS; `keys`: the folder of keys. The platform is owned afterwards: OVMF enforces signatures from then on."""
    volume = struct.unpack_from("<H", empty, 48)[0]  # length of the volume's header
    assert empty[volume : volume + 16] == STORE.bytes_le
    lists = [("db", IMAGE_SECURITY), ("KEK", GLOBAL), ("PK", GLOBAL)]
    data = b"".join(variable(name, vendor, (keys / f"{name}.esl").read_bytes()) for name, vendor in lists)
    start = volume + STORE_HEADER
    assert empty[start : start + len(data)] == b"\xff" * len(data)
    return empty[:start] + data + empty[start + len(data) :]
