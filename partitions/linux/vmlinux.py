#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The kernel inside a bzImage: the ELF file that it would unpack itself to, bit for bit.

    vmlinux.py BZIMAGE OUT      status 1 with one line that says why, if there is none

Where the compressed part lies stands in the setup header (Linux, Documentation/x86/boot.rst: payload_offset, payload_length).
xz, gzip, lzma and bzip2 are unpacked by Python, zstd and lz4 by the tools of these names, if installed."""
import bz2
import lzma
import os
import struct
import subprocess
import sys
import zlib

MAX = 1 << 30  # unpacked


class Refused(Exception):
    pass


def bounded(decompressor, data):
    """Python's decompressors stop at a size of our choice."""
    out = decompressor.decompress(data, MAX)
    return out, getattr(decompressor, "eof", True)


def tool(name):
    def run(data):
        try:
            result = subprocess.run([name, "-dc"], input=data, capture_output=True, timeout=120)
        except FileNotFoundError as error:
            raise Refused(f"is compressed by {name}: install the package {name}") from error
        return result.stdout, result.stdout != b""  # status: the tool may stumble over what follows the stream
    return run


FORMATS = [
    (b"\xfd7zXZ\0", "xz", lambda data: bounded(lzma.LZMADecompressor(lzma.FORMAT_XZ), data)),
    (b"\x1f\x8b", "gzip", lambda data: bounded(zlib.decompressobj(31), data)),
    (b"\x5d\0\0", "lzma", lambda data: bounded(lzma.LZMADecompressor(lzma.FORMAT_ALONE), data)),
    (b"BZh", "bzip2", lambda data: bounded(bz2.BZ2Decompressor(), data)),
    (b"\x28\xb5\x2f\xfd", "zstd", tool("zstd")),
    (b"\x02\x21\x4c\x18", "lz4", tool("lz4")),
]


def payload(image):
    """The compressed part, with the size it unpacks to behind it."""
    if image[:4] == b"\x7fELF":
        raise Refused("is unpacked already: name it as .kernel, without .unpacked")
    if len(image) < 0x268 or image[0x1fe:0x200] != b"\x55\xaa" or image[0x202:0x206] != b"HdrS":
        raise Refused("is not a bzImage (no Linux setup header)")
    protocol, = struct.unpack_from("<H", image, 0x206)
    if protocol < 0x208:
        raise Refused(f"has boot protocol {protocol >> 8}.{protocol & 255:02}: 2.08 (Linux 2.6.26) and later say where the kernel is")
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = ((image[0x1f1] or 4) + 1) * 512 + offset
    if length < 8 or start + length > len(image):
        raise Refused(f"is cut short: its header promises {length} bytes of kernel at {start:#x}")
    return image[start:start + length]


def unpack(data):
    for magic, name, decompress in FORMATS:
        if not data.startswith(magic):
            continue
        try:
            out, whole = decompress(data if name in ("xz", "gzip", "lzma", "bzip2") else data[:-4])
        except (lzma.LZMAError, zlib.error, OSError, EOFError) as error:
            raise Refused(f"holds damaged {name} data: {error}") from error
        size, = struct.unpack_from("<I", data, len(data) - 4)  # of gzip its own, of the others appended by the kernel's build
        if not whole or len(out) != size:
            raise Refused(f"holds {name} data for {len(out)} bytes, and says {size}")
        return out
    raise Refused(f"is compressed by something unknown (it begins with {data[:4].hex()})")


def elf_only(data):
    """Relocations for the decompressor's address randomisation follow the ELF file, whose section headers are its end."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise Refused("unpacks to something that is not a 64-bit ELF file")
    headers, = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    end = headers + size * count
    return data[:end] if 64 <= end <= len(data) else data


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    source, target = sys.argv[1:]
    try:
        with open(source, "rb") as file:
            kernel = elf_only(unpack(payload(file.read())))
        with open(target + ".new", "wb") as file:
            file.write(kernel)
        os.replace(target + ".new", target)
    except (Refused, OSError) as error:
        print(f"vmlinux: {source}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
