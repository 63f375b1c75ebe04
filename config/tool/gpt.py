# SPDX-License-Identifier: Apache-2.0
"""GUID partition tables in plain files: made of a list, and read from a disk or an image."""
import dataclasses
import struct
import uuid
import zlib

SECTOR = 512
ENTRIES = 128
TABLE_SECTORS = ENTRIES * 128 // SECTOR
HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
ENTRY = struct.Struct("<16s16sQQQ72s")
SIGNATURE = b"EFI PART"
BIOS_BOOT = uuid.UUID("21686148-6449-6e6f-744e-656564454649")
ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
BASIC_DATA = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")


@dataclasses.dataclass
class Partition:
    name: str
    kind: uuid.UUID
    guid: uuid.UUID
    start: int  # bytes, as size
    size: int


def header(guid, sectors, here, entries):
    """A header at sector `here`, the first or the last, with its table beside it."""
    other, table = (sectors - 1, 2) if here == 1 else (1, sectors - 1 - TABLE_SECTORS)
    fields = [SIGNATURE, 0x10000, HEADER.size, 0, 0, here, other, 2 + TABLE_SECTORS, sectors - 2 - TABLE_SECTORS, guid.bytes_le, table, ENTRIES,
              ENTRY.size, zlib.crc32(entries)]
    fields[3] = zlib.crc32(HEADER.pack(*fields))
    return HEADER.pack(*fields).ljust(SECTOR, b"\0")


def tables(guid, size, partitions, boot_code=b""):
    """(first sectors, last sectors) of a disk of `size` bytes: protective MBR with boot code, header and table; table and header."""
    sectors = size // SECTOR
    rows = [ENTRY.pack(p.kind.bytes_le, p.guid.bytes_le, p.start // SECTOR, (p.start + p.size) // SECTOR - 1, 0, p.name.encode("utf-16-le"))
            for p in partitions]
    entries = b"".join(rows).ljust(ENTRIES * ENTRY.size, b"\0")
    protective = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, min(sectors - 1, 0xFFFFFFFF))
    mbr = boot_code[:440].ljust(446, b"\0") + protective.ljust(64, b"\0") + b"\x55\xaa"
    return mbr + header(guid, sectors, 1, entries) + entries, entries + header(guid, sectors, sectors - 1, entries)


def read(file):
    """The partitions of an open disk or image; nothing if its first header is none or is damaged."""
    file.seek(SECTOR)
    sector = file.read(SECTOR)
    if len(sector) < SECTOR or not sector.startswith(SIGNATURE):
        return []
    fields = list(HEADER.unpack_from(sector))
    checksum, fields[3] = fields[3], 0
    start, count, size, entries_checksum = fields[10:]
    if zlib.crc32(HEADER.pack(*fields)) != checksum or size != ENTRY.size or count > ENTRIES:
        return []
    file.seek(start * SECTOR)
    entries = file.read(count * size)
    if zlib.crc32(entries) != entries_checksum:
        return []
    rows = [ENTRY.unpack_from(entries, index * size) for index in range(count)]
    return [Partition(name.decode("utf-16-le", "replace").split("\0")[0], uuid.UUID(bytes_le=kind), uuid.UUID(bytes_le=guid), first * SECTOR,
                      (last + 1 - first) * SECTOR)
            for kind, guid, first, last, _, name in rows if any(kind)]  # fmt: skip
