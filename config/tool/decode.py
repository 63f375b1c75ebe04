#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The persistent record for people: what a boot left in reserved RAM.

    decode.py FILE      a log of the console with the supervisor's `record` in it, or an image of the machine's memory that has the record
                        area in it (QEMU: pmemsave; JTAG), as much of it as there is

The layout is that of core/include/recorder_area.h. Nothing is believed whose sum does not fit; control characters are made visible."""
import pathlib
import re
import struct
import sys
import time

import export

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAGIC, CRASH_MAGIC = b"BHRECORD", b"BHCRASHC"
PARTITIONS, OUTPUT_BLOCKS, LOG_BLOCKS, STOPS, TEXT = 16, 40, 160, 8, 112
OURS, OF_STOPS = 0x80, 0x100
HEAD = struct.Struct("<8sIIQQ32s32s256sQ")
CRASH = struct.Struct("<8sIIQ8sQ7Q16Q16Q160sQ")
BLOCK = struct.Struct(f"<QII{TEXT}s")
STOP = struct.Struct("<QQQQIIIIQQ9Q16Q3Q")
PARTITION = OUTPUT_BLOCKS * BLOCK.size + STOPS * STOP.size
LOG_AT = HEAD.size + CRASH.size
PARTITIONS_AT = LOG_AT + LOG_BLOCKS * BLOCK.size
BANK = PARTITIONS_AT + PARTITIONS * PARTITION
REGISTERS = "rax rcx rdx rbx --- rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()


def names_of(prefix):
    """Names of an enumeration that the header has as a list of X(CAUSE_TRAP, "trap")."""
    text = (ROOT / "core/include/partition.h").read_text(encoding="utf-8")
    return re.findall(rf'X\({prefix}_\w+, "([^"]*)"\)', text)


def fnv(value, data):
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def seed(boot, owner):
    return fnv(0xCBF29CE484222325, struct.pack("<QQ", boot, owner))


def visible(data):
    return "".join(chr(b) if 32 <= b < 127 or b == 9 else f"\\x{b:02x}" if b >= 128 else "^" + chr(b ^ 64) for b in data)


def lines(data):
    return [visible(line.rstrip(b"\r")) for line in data.rstrip(b"\n").split(b"\n")] if data else []


def name(data):
    return visible(data.split(b"\0")[0])


def text_of(data, at, count, start):
    """The bytes of a text: of its sound blocks the newest and those before it that are there, gaps told."""
    blocks = {}
    for i in range(count):
        total, number, length, text = BLOCK.unpack_from(data, at + i * BLOCK.size)
        if number % count == i and 0 < length <= TEXT:
            value = fnv(fnv(start, struct.pack("<I", number)), text[:length])
            if fnv(value, struct.pack("<I", length)) == total:
                blocks[number] = text[:length]
    out, last = b"", None
    for number in sorted(blocks):
        if number + count > max(blocks):
            out += (b"\n[bytes are missing here]\n" if last is not None and number != last + 1 else b"") + blocks[number]
            last = number
    return out


def stops_of(data, at, start):
    found = []
    for i in range(STOPS):
        raw = data[at + i * STOP.size:at + (i + 1) * STOP.size]
        values = STOP.unpack(raw)
        if values[0] == fnv(start, raw[8:]) and values[1] % STOPS == i:
            found.append(values)
    return sorted(found, key=lambda values: values[1])


def print_stop(values, causes):
    _, number, us, life, vcpu, cause, _, _, value, address, *rest = values
    cpu, regs, raw = rest[:9], rest[9:25], rest[25:]
    what = causes[cause] if cause < len(causes) else f"cause {cause}"
    print(f"  stop {number + 1}, life {life}, until {us // 1000000}.{us % 1000000:06} s: {what}, value {value:#x}, address {address:#x}, "
          f"vcpu {vcpu} at {cpu[0]:#x}")
    print("    rip {:016x} rsp {:016x} rflags {:x} cr0 {:x} cr2 {:x} cr3 {:x} cr4 {:x} efer {:x}".format(*cpu[:8]))
    for i in range(0, 16, 4):
        print("    " + " ".join(f"{REGISTERS[i + k]:<3} {regs[i + k]:016x}" for k in range(4)))
    print("    exit " + " ".join(f"{word:x}" for word in raw))


def crash_of(data, at):
    """The crash record there, if it is sound and of a crash."""
    if at + CRASH.size > len(data):
        return None
    values = CRASH.unpack_from(data, at)
    total = int.from_bytes(CRASH_MAGIC, "little")
    for byte in data[at:at + CRASH.size - 8]:
        total = ((total << 5 | total >> 59) & 0xFFFFFFFFFFFFFFFF) ^ byte
    return values if values[0] == CRASH_MAGIC == values[4] and values[2] == CRASH.size and values[-1] == total else None


def print_crash(values):
    _, _, _, boot, _, core, *words = values
    state, regs, stack, text = words[:7], words[7:23], words[23:39], words[39]
    print(f"crash of the hypervisor in boot {boot}: {name(text)}")
    print("  core {} vector {} error {:x} rip {:x} rsp {:x} rflags {:x} cr2 {:x} cr3 {:x}".format(core, *state))
    for what, words in (("regs", regs), ("stack", stack)):
        for i in range(0, 16, 4):
            print(f"  {what} {i:2}: " + " ".join(f"{word:016x}" for word in words[i:i + 4]))


def head_of(data, at):
    if at + HEAD.size > len(data):
        return None
    values = HEAD.unpack_from(data, at)
    sound = values[0] == MAGIC and values[1] == 1 and values[2] <= PARTITIONS and values[-1] == fnv(0, data[at:at + HEAD.size - 8])
    return values if sound else None


def print_bank(data, at, head):
    _, _, partitions, boot, wall, product, board, names, _ = head
    data = data[at:at + BANK].ljust(BANK, b"\0")
    causes = names_of("CAUSE")
    began = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(wall)) if wall < 1 << 40 else "?"
    print(f"record of boot {boot}: product {name(product)} on board {name(board)}, begun {began}")
    crash = crash_of(data, HEAD.size)
    if crash:
        print_crash(crash)
    print("log:")
    for line in lines(text_of(data, LOG_AT, LOG_BLOCKS, seed(boot, OURS))):
        print(f"  {line}")
    for i in range(partitions):
        at = PARTITIONS_AT + i * PARTITION
        print(f"partition {name(names[16 * i:16 * i + 16])}:")
        for values in stops_of(data, at + OUTPUT_BLOCKS * BLOCK.size, seed(boot, OF_STOPS + i)):
            print_stop(values, causes)
        for line in lines(text_of(data, at, OUTPUT_BLOCKS, seed(boot, i))):
            print(f"  | {line}")


def places(data, magic):
    at = data.find(magic)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1)


def decode(data):
    """Print all banks in these bytes, by boot, and crash records outside of them. Returns how many there were."""
    banks = sorted(((head, at) for at in places(data, MAGIC) if (head := head_of(data, at))), key=lambda bank: bank[0][3])
    crashes = [crash for at in places(data, CRASH_MAGIC) if not any(at == bank + HEAD.size for _, bank in banks) and (crash := crash_of(data, at))]
    for head, at in banks:
        print_bank(data, at, head)
    for crash in crashes:
        print_crash(crash)
    return len(banks) + len(crashes)


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__)
    data = export.read(arguments[0])
    count = decode(data)
    for block in export.exports(data.decode("utf-8", "replace")) if count == 0 else ():
        if block.kind == "record":
            for problem in block.problems:
                print(f"{arguments[0]}: the record is not whole: {problem}", file=sys.stderr)
            count += decode(block.stream("b"))
    if count == 0:
        sys.exit(f"{arguments[0]}: no record in it. Type `record` to the supervisor after a warm reset, and save what the console shows; or "
                 f"give an image of the machine's memory")


if __name__ == "__main__":
    main(sys.argv[1:])
