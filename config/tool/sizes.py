#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sizes of an image folder: what is resident, what GRUB loads; status 1 if bulkhead.elf does not fit the room of its plan."""
import os
import re
import subprocess
import sys

TEXT_BUDGET = 192 << 10  # text + rodata + data


def main():
    out = sys.argv[1]
    sections = {}
    for line in subprocess.run(["size", "-A", f"{out}/bulkhead.elf"], check=True, capture_output=True, text=True).stdout.splitlines():
        match = re.match(r"\.(text|rodata|data|bss)\s+(\d+)", line)
        if match:
            sections[match[1]] = int(match[2])
    symbols = {}
    for line in subprocess.run(["nm", "-S", f"{out}/bulkhead.elf"], check=True, capture_output=True, text=True).stdout.splitlines():
        *numbers, _, name = line.split()
        symbols[name] = [int(number, 16) for number in numbers]
    with open(f"{out}/plan.c", encoding="utf-8") as file:
        room = int(re.search(r"\.hypervisor_room = (0x[0-9a-f]+|\d+)", file.read())[1], 0)

    pool = symbols["plan_pool"][1]
    total = symbols["hv_end"][0] - symbols["hv_start"][0]  # the rest of its room is kept so that no module is loaded into it
    loaded = sum(sections.get(name, 0) for name in ("text", "rodata", "data"))
    for name, size in sections.items():
        print(f"{name:24}{size:12,}")
    print(f"{'text + rodata + data':24}{loaded:12,}  of {TEXT_BUDGET:,}")
    print(f"{'pool in bss':24}{pool:12,}")
    print(f"{'memory of the hypervisor':24}{total:12,}  of {room:,} in the plan")
    for name in sorted(os.listdir(f"{out}/payloads")):
        print(f"{'payload ' + name:24}{os.path.getsize(f'{out}/payloads/{name}'):12,}")
    if total > room:
        print(f"bulkhead.elf needs {total:,} bytes but the plan keeps {room:,}: raise HYPERVISOR_IMAGE in plan_layout.h", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
