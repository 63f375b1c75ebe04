# SPDX-License-Identifier: Apache-2.0
"""Faults for the system tests: other machine code at a function of bulkhead.elf before it is booted, and other bits in the
memory of a machine that runs. Nothing of this is in the image that users get."""
import re
import socket
import struct
import subprocess

HANG = b"\xf3\x90\xeb\xfc"  # 1: pause; jmp 1b
HALT = b"\xfa\xf4\xeb\xfd"  # 1: cli; hlt; jmp 1b
SAY_NOTHING = b"\x31\xc0\xc3"  # xor %eax, %eax; ret
WILD_WRITE = b"\xc6\x04\x25\x40\x00\x00\x00\x01"  # movb $1, 0x40


def symbols(elf):
    """Names of an ELF file's symbols, with addresses."""
    lines = subprocess.run(["nm", elf], check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    return {name: int(value, 16) for value, _, name in (line.split() for line in lines if len(line.split()) == 3)}


def function_at(elf, address):
    """The function that has this address."""
    lines = subprocess.run(["nm", elf], check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    code = sorted((int(line.split()[0], 16), line.split()[2]) for line in lines if line.split()[-2].lower() == "t")
    return [name for value, name in code if value <= address][-1]


def file_offset(elf, address):
    """Where in an ELF64 file the bytes of a virtual address lie."""
    data = elf.read_bytes()
    table, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    for i in range(count):
        kind, _, offset, start, _, length = struct.unpack_from("<IIQQQQ", data, table + i * size)
        if kind == 1 and start <= address < start + length:
            return offset + address - start
    raise AssertionError(f"{address:#x} is not in {elf}")


def text_end(data):
    """Where in an ELF64 file its executable bytes end; what follows, debug information among it, may hold any bytes."""
    table, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    segments = (struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count))
    return max(offset + length for kind, flags, offset, _, _, length in segments if kind == 1 and flags & 1)


def code_change(build, **functions):
    """For make_iso(): put these bytes at the beginning of the functions named."""
    where = symbols(build.folder / "bulkhead.elf")

    def change(tree):
        elf = tree / "boot/bulkhead.elf"
        data = bytearray(elf.read_bytes())
        for name, code in functions.items():
            assert name in where, f"{name} has been inlined: use a function whose address is taken"
            start = file_offset(elf, where[name])
            data[start : start + len(code)] = code
        elf.write_bytes(data)

    return change


def text_change(build, *places, **functions):
    """For make_iso(): like code_change(), and other bytes in the text: each place is (mark, old, new), where `old` is the first one
    after the mark: a function's name, or bytes that are in the text once."""
    begin = code_change(build, **functions)
    where = symbols(build.folder / "bulkhead.elf")

    def change(tree):
        elf = tree / "boot/bulkhead.elf"
        for mark, old, new in places:
            data = elf.read_bytes()
            if isinstance(mark, str):
                start = file_offset(elf, where[mark])
            else:
                start = data.index(mark)
                assert data.count(mark, 0, text_end(data)) == 1, f"{mark.hex()} is not in the text, or more than once"
            at = data.index(old, start)
            assert at - start < 400 and len(old) == len(new), "too far away to be meant"
            elf.write_bytes(data[:at] + new + data[at + len(old) :])
        begin(tree)

    return change


class Physical:
    """The physical memory of a running machine, through QEMU's debug port. The machine stands still while this is open."""

    def __init__(self, machine, folder):
        path = folder / "gdb"
        machine.monitor(f"gdbserver unix:{path},server=on,wait=off")
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(20)
        self.link.connect(str(path))
        self.buffer = b""
        assert self.packet("Qqemu.PhyMemMode:1") == "OK"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.packet("D")
        self.link.close()

    def packet(self, text):
        """One packet of the protocol; returns the answer."""
        self.link.sendall(f"${text}#{sum(text.encode()) & 0xFF:02x}".encode())
        while True:
            match = re.search(rb"\$([^#]*)#..", self.buffer)
            if match:
                self.buffer = self.buffer[match.end() :]
                self.link.sendall(b"+")
                if not match[1].startswith(b"T"):  # "stopped", said unasked
                    return match[1].decode()
                continue
            data = self.link.recv(65536)
            assert data, "QEMU closed the debug port"
            self.buffer += data

    def read(self, address, size):
        parts = []
        for start in range(address, address + size, 1024):
            answer = self.packet(f"m{start:x},{min(1024, address + size - start):x}")
            assert not answer.startswith("E"), f"{start:#x} cannot be read"
            parts.append(bytes.fromhex(answer))
        return b"".join(parts)

    def write(self, address, data):
        assert self.packet(f"M{address:x},{len(data):x}:{data.hex()}") == "OK"
