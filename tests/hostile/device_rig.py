# SPDX-License-Identifier: Apache-2.0
"""The rig for attacks by the owner of a device: a disk under load beside it, if the product has one, and the machine's configuration spaces, IOMMU registers and
memory as they are seen from outside, before and after."""
import re

import lib
import messages
from rig import OURS, Rig, said_by

LOAD = re.compile(said_by("load", r"diskcheck (\S+) (\d+) rounds=(\d+) .*bad=(\d+) errors=(\d+) failures=(\d+) .*strangers=(\d+)\r"))
# What says where the tables are, and that they are used: VT-d 11.4, AMD IOMMU 3.4.
UNITS = {"vtd": (0xFED90000, (0x1C, 0x20, 0x24, 0xB8, 0xBC)), "amdvi": (0xFED80000, (0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x20, 0x28))}
COMMAND_MASTER = 0x4
STATUS_PIN = 0x00080000  # the device would raise its pin, which is off
CAP_MSI, CAP_MSIX, CAP_EXPRESS = 0x05, 0x11, 0x10
EXTENDED_SRIOV = 0x10
# What attack_dma.c and attack_disk.c write, as much of it as is in no register of the attacker's.
PATTERN = 0x6BA0D3A5C4E10F7D.to_bytes(8, "little") * 8
DISK_PATTERN = 0xD15C0B5E55EDD15C.to_bytes(8, "little") * 8


class DeviceRig(Rig):
    def __init__(self, product, **options):
        super().__init__(product, **options)
        self.plan = (self.build.folder / "plan.c").read_text()
        board = (lib.ROOT / "board" / lib.DEFAULT_BOARD / "board.c").read_text()
        self.ecam = int(re.search(r"\.ecam = (0x[0-9a-f]+)", board)[1], 16)
        last_bus = int(re.search(r"\.last_bus = (\d+)", board)[1])
        if "load" in self.build.partitions:
            self.seen(said_by("load", r"diskcheck ok \d+ rounds=[1-9]"), timeout=90)
        owned = {int(found, 16) for found in re.findall(r"\.requester = (0x[0-9a-f]+), /\*.*\n.*\.partition", self.plan)}  # VFs have no ids of their own
        present = {bdf for bdf in range((last_bus + 1) * 256) if self.words(self.ecam + (bdf << 12), 1) != [0xFFFFFFFF]}
        self.functions = sorted(present | owned)

    # --- the plan ---

    def memory_of(self, name):
        """[address, size] of a partition's RAM, in the machine."""
        index = self.build.partitions.index(name)
        found = re.search(rf"ram_{index}\[\] = {{\s*{{\.hpa = {{(0x[0-9a-f]+)}}, \.gpa = {{0x0}}, \.size = (0x[0-9a-f]+)}}", self.plan)
        return int(found[1], 16), int(found[2], 16)

    def hypervisor_memory(self):
        return tuple(int(re.search(rf"\.{name} = {{?(0x[0-9a-f]+)", self.plan)[1], 16) for name in ("hypervisor", "hypervisor_room"))

    def function_of(self, role):
        """(requester id, first of its interrupts, address of BAR 0)"""
        row = re.search(rf'\.role = "{re.escape(role)}",\s*\.requester = (0x[0-9a-f]+).*?\.base = {{(0x[0-9a-f]+)}}.*?\.interrupt = (\d+)', self.plan, re.S)
        return int(row[1], 16), int(row[3]), int(row[2], 16)

    # --- the machine, from outside ---

    def monitor(self, line):
        """Many of these in a row must not keep the serial port waiting: it holds a few hundred bytes, then lines are lost."""
        answer = super().monitor(line)
        self.drain(0.001)
        return answer

    def words(self, address, count):
        text = self.monitor(f"xp /{count}xw {address:#x}")
        return [int(word, 16) for line in text.splitlines() for word in line.split(":", 1)[1].split()]

    def saved(self, address, size):
        """Bytes of physical memory, many of them."""
        path = lib.LOGS / "memory.bin"
        self.monitor(f'pmemsave {address:#x} {size:#x} "{path}"')
        data = path.read_bytes()
        path.unlink()
        assert len(data) == size
        return data

    def spaces(self):
        """Configuration space of every function, 1024 words each, and the IOMMU's registers."""
        seen = {bdf: self.words(self.ecam + (bdf << 12), 1024) for bdf in self.functions}
        base, registers = UNITS[lib.IOMMU]
        return seen, [self.words(base + offset, 1)[0] for offset in registers]

    def capability(self, space, wanted):
        at = space[0x34 // 4] & 0xFC
        while at:
            if space[at // 4] & 0xFF == wanted:
                return at
            at = space[at // 4] >> 8 & 0xFC
        return None

    def extended(self, space, wanted):
        at = 0x100
        while at and space[at // 4] & 0xFFFF != wanted:
            at = space[at // 4] >> 20
        return at or None

    def allowed_bits(self, space):
        """By word: what the owner of this function may change in the hardware."""
        allowed = {0x04 // 4: COMMAND_MASTER | STATUS_PIN}
        msi, msix = self.capability(space, CAP_MSI), self.capability(space, CAP_MSIX)
        if msix:
            allowed[msix // 4] = 0xC0000000
        elif msi:  # its message is looked at apart
            allowed |= {msi // 4: 0x00010000, msi // 4 + 1: 0xFFFFFFFF, msi // 4 + 2: 0xFFFFFFFF, msi // 4 + 3: 0xFFFF}
        return allowed

    def same_spaces(self, before, *roles, also=()):
        """No bit of any function has changed but those that the owner of these roles may change, and what is in these words of them; no
        register of the IOMMU."""
        own = {bdf: index for bdf, index, _ in map(self.function_of, roles)}
        (old, old_unit), (new, new_unit) = before, self.spaces()
        changed = []
        for bdf, space in old.items():
            allowed = {**self.allowed_bits(space), **{word: 0xFFFFFFFF for word in also}} if bdf in own else {}
            express = self.capability(space, CAP_EXPRESS)
            for word, (was, now) in enumerate(zip(space, new[bdf])):
                volatile = 0x00200000 if express and word == (express + 8) // 4 else 0  # requests pending
                if (was ^ now) & ~allowed.get(word, 0) & ~volatile:
                    changed.append(f"physical register {bdf >> 8:02x}:{bdf >> 3 & 31:02x}.{bdf & 7} {word * 4:#x}: {was:#x} -> {now:#x}")
        assert not changed, "\n".join(changed)
        assert old_unit == new_unit, f"IOMMU registers {old_unit} -> {new_unit}"
        for bdf, index in own.items():
            self.message_ours(new[bdf], index)

    def message_ours(self, space, index):
        """The hardware's MSI message: none yet, or the hypervisor's."""
        at = None if self.capability(space, CAP_MSIX) else self.capability(space, CAP_MSI)
        if at is None:
            return
        address, upper, data = space[at // 4 + 1], space[at // 4 + 2], space[at // 4 + 3] & 0xFFFF
        if (address, upper, data) != (0, 0, 0):
            self.check_message(address, upper, data, index)

    def check_message(self, address, upper, data, index):
        assert upper == 0 and address >> 20 == 0xFEE, f"message of the hardware: {upper:#x} {address:#x} {data:#x}"
        if lib.IOMMU == "vtd":  # remappable, the function's own entry: VT-d 5.1.2.2
            assert address & 0x10 and (address >> 5 & 0x7FFF, data) == (index, 0), f"message of the hardware: {address:#x} {data:#x}"

    def nowhere(self, *patterns):
        """None of these bytes in anybody's memory but the attacker's."""
        ranges = {name: self.memory_of(name) for name in self.build.partitions if name != "attacker"}
        ranges["hypervisor"] = self.hypervisor_memory()
        for name, (address, size) in ranges.items():
            data = self.saved(address, size)
            for pattern in patterns:
                at = data.find(pattern)
                assert at < 0, f"memory of {name}: pattern at {address + at:#x}"

    def hypervisor_code(self):
        sizes = (self.build.folder / "sizes.txt").read_text()
        fixed = sum(int(re.search(rf"^{name} +([\d,]+)", sizes, re.M)[1].replace(",", "")) for name in ("text", "rodata"))
        return self.saved(self.hypervisor_memory()[0], fixed)

    def places(self):
        """Words for the attacker: addresses of its neighbours in the machine, beyond its own memory as it sees it."""
        beyond = self.memory_of("attacker")[1]
        listed = []
        for name in self.build.partitions:
            address, size = self.memory_of(name)
            if name != "attacker" and address >= beyond:
                listed += [address, address + 0x100000, address + size // 2, address + size - 0x1000]
        return " ".join(f"at={address:x}" for address in listed[:12])

    # --- after each attack ---

    def nobody_noticed(self):
        super().nobody_noticed()
        if "load" in self.build.partitions:
            self.load_steady()

    def hypervisor_sound(self):
        super().hypervisor_sound()
        for name in "storage", "load":
            assert not re.search(OURS + rf"partition {name}: (?!loaded|running, life 1,)", self.text)

    def load_steady(self):
        """The disk's neighbour goes on, and all that it read was what it had written."""
        before = int(LOAD.findall(self.text)[-1][2])
        place = self.place()
        self.since(place, LOAD.pattern)
        for _ in range(10):
            lines = LOAD.findall(self.text)
            if int(lines[-1][2]) > before:
                break
            self.drain(1)
        assert int(lines[-1][2]) > before, f"the load stands still: {lines[-3:]}"
        assert {(word, *counts) for word, _, _, *counts in lines} == {("ok", "0", "0", "0", "0")}, lines[-5:]


def refused(role):
    """A line of the hypervisor that names a fault of this function."""
    return messages.OURS + rf"partition attacker: function {re.escape(role)} \(\S+\): (?:a read|a write|an interrupt) refused: address 0x[0-9a-f]+, reason \d+"
