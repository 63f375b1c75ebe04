#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""From power on to all partitions running, in instructions: the firmware's share, the boot loader's and ours. QEMU under -icount, with a
debugger that stops where one hands over to the next and has the processor read its TSC there; it is 0 at power on.

    bench_start.py --command FILE --image ISO --elf BULKHEAD.ELF --started "NAME..." --json FILE

For boards that SeaBIOS starts: it enters a boot sector at 0x7c00."""
import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

from bench import Console, counted
from qemu import Qemu

BOOT_SECTOR = 0x7C00
LIMIT = 300  # seconds

# RDTSC is put where the processor stopped, executed there, and then all is as it was.
READ = """
thbreak *{at}
continue
set $code = *(unsigned short *){at}
set $a = $rax
set $d = $rdx
set *(unsigned short *){at} = 0x310f
stepi
printf "=%lu\\n", ($rdx << 32) + $rax
set *(unsigned short *){at} = $code
set $rax = $a
set $rdx = $d
set $rip = {at}
"""


def entry_of(elf):
    header = subprocess.run(["readelf", "-h", elf], check=True, capture_output=True, text=True, timeout=60).stdout
    return int(re.search(r"Entry point address:\s+(0x[0-9a-f]+)", header)[1], 16)


def hand_overs(socket, folder, addresses):
    """The TSC at each of these, in this order; the machine goes on after the last."""
    script = folder / "commands"
    script.write_text("set confirm off\n" + f"target remote {socket}\n" + "".join(READ.format(at=f"{at:#x}") for at in addresses) + "detach\n")
    run = subprocess.run(["gdb", "--nx", "--batch", "-x", script], capture_output=True, text=True, timeout=LIMIT, check=False)
    values = [int(value) for value in re.findall(r"^=(\d+)$", run.stdout, re.M)]
    if len(values) != len(addresses):
        sys.exit(f"bench_start: the debugger did not get there:\n{run.stdout}{run.stderr}")
    return values


def measure(options, folder):
    socket = folder / "gdb"
    words = [*counted(shlex.split(options.command.read_text())), "-S", "-chardev", f"socket,id=gdb,path={socket},server=on,wait=off", "-gdb", "chardev:gdb"]
    qemu = Qemu(words, options.image)
    try:
        console = Console(qemu)
        qemu.qmp("query-status")  # it has made its sockets
        firmware, entry = hand_overs(socket, folder, [BOOT_SECTOR, entry_of(options.elf)])
        running = max(float(console.until(rf"\[ *([\d.]+)\] bulkhead\| partition {name}: running")[1]) for name in options.started.split())
        console.send(b"\x1dq")
    finally:
        qemu.stop()
    return {
        "power on to the boot sector, firmware": firmware,
        "boot sector to the hypervisor's entry, GRUB": entry - firmware,
        "entry to all partitions running": round(running * 1e9),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in "command", "elf", "json":
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    for name in "image", "started":
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, pathlib.Path(folder))
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    for name, value in figures.items():
        print(f"{name:52}{value:30,}")


if __name__ == "__main__":
    main()
