#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The supervisor's `dump NAME`, saved from the console, as an ELF core file for gdb.

    core.py LOG OUT [NAME]      the last whole dump in the log, or the last one of that partition

Memory is at guest-physical addresses: for a unikernel these are the addresses of its program, too."""
import struct
import sys

import export

ET_CORE, EM_X86_64, PT_LOAD, PT_NOTE, NT_PRSTATUS = 4, 62, 1, 4, 1
EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
REGISTERS = struct.Struct("<QQII9Q16Q")  # struct bh_registers
PAGE = 4096
LARGEST = 1 << 40


def prstatus(pid, values):
    """struct elf_prstatus of a vcpu as Linux writes it: pid, then user_regs_struct."""
    rip, rsp, rflags = values[4:7]
    rax, rcx, rdx, rbx, _, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15 = values[13:29]
    user = struct.pack("<27Q", r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, 0xFFFFFFFFFFFFFFFF, rip, 0x33, rflags,
                       rsp, 0x2B, 0, 0, 0, 0, 0, 0)
    status = bytearray(336)
    struct.pack_into("<I", status, 32, pid)
    status[112:112 + len(user)] = user
    return bytes(status)


def note(name, kind, data):
    name = name + b"\0"
    return struct.pack("<III", len(name), len(data), kind) + name.ljust((len(name) + 3) // 4 * 4, b"\0") + data.ljust((len(data) + 3) // 4 * 4, b"\0")


def vcpus(dump):
    """The registers of each, as numbers."""
    found = []
    while True:
        data = b"".join(data for address, data in sorted(dump.pieces["r"]) if address >> 16 == len(found))
        if len(data) != REGISTERS.size:
            return found
        found.append(REGISTERS.unpack(data))


def write_core(dump, path):
    """Raises ValueError where the dump has no registers of its first vcpu, or absurd ones."""
    cpus = vcpus(dump)
    if not cpus:
        raise ValueError("no registers of vcpu 0")
    ranges = [(base, size) for base, size in ((0, cpus[0][0]), (1 << 32, cpus[0][1])) if 0 < size < export.ADDRESS_MAX]
    if sum(size for _, size in ranges) > LARGEST:
        raise ValueError("more memory than a machine has")
    started = [(number, cpu) for number, cpu in enumerate(cpus) if cpu[3] or number == 0]
    notes = b"".join(note(b"CORE", NT_PRSTATUS, prstatus(number + 1, cpu)) for number, cpu in started)
    at = EHDR.size + PHDR.size * (1 + len(ranges))
    headers = PHDR.pack(PT_NOTE, 0, at, 0, 0, len(notes), 0, 4)
    start = at = (at + len(notes) + PAGE - 1) // PAGE * PAGE
    for base, size in ranges:
        headers += PHDR.pack(PT_LOAD, 7, at, base, base, size, size, PAGE)
        at += size
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    with open(path, "wb") as out:
        out.write(EHDR.pack(ident, ET_CORE, EM_X86_64, 1, 0, EHDR.size, 0, 0, EHDR.size, PHDR.size, 1 + len(ranges), 0, 0, 0) + headers + notes)
        out.truncate(at)  # what is not written is zero, and takes no room
        for address, data in dump.pieces["m"]:
            offset = start
            for base, size in ranges:
                if base <= address and address + len(data) <= base + size:
                    out.seek(offset + address - base)
                    out.write(data)
                offset += size
    return started


def main(arguments):
    if len(arguments) not in (2, 3):
        sys.exit(__doc__)
    text = export.read(arguments[0]).decode("utf-8", "replace")
    dumps = [block for block in export.exports(text) if block.kind == "core" and block.name in (arguments[2:] or [block.name])]
    if not dumps:
        sys.exit(f"{arguments[0]}: no dump in it: type `dump NAME` to the supervisor, and save what the console shows")
    dump = dumps[-1]
    for problem in dump.problems:
        print(f"{arguments[0]}: the dump of {dump.name} is not whole: {problem}", file=sys.stderr)
    try:
        started = write_core(dump, arguments[1])
    except ValueError as error:
        sys.exit(f"{arguments[0]}: the dump of {dump.name} cannot be used: {error}")
    where = ", ".join(f"vcpu {number} at {cpu[4]:#x}" for number, cpu in started)
    print(f"{arguments[1]}: {dump.name}, {where}")
    return 1 if dump.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
