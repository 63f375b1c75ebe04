#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Function and line behind each address that a log of the console names of a partition, or of the hypervisor itself.

    symbolize.py LOG NAME=ELF... --of PRODUCT BOARD        the hypervisor's name is "bulkhead"

--of says whose programs these are: it is told when the log is another's. Each line with such an address is printed again, and below it what lies there."""
import argparse
import pathlib
import re
import subprocess
import sys

import export
from messages import OURS

# Where the name of the program is told by the line itself, and where its addresses are.
# A trap that a unikernel reports itself: its address is that of the instruction, and the vcpu is in the report.
AT = r"(?:trap, value 0x[0-9a-f]+, address 0x(?P<trap>[0-9a-f]{1,16}).*)?vcpu \d+ at 0x(?P<at>[0-9a-f]{1,16})"
STOP = re.compile(r"(?:partition |record of boot \d+: )(?P<name>[a-z0-9-]+)(?::| had stopped) .*?" + AT)
CRASH = re.compile(r"(?P<trap>)(?P<name>bulkhead)\| (?:CRASH on core|crash record: core) .*\brip (?P<at>[0-9a-f]{1,16})")
HEAD = re.compile(r"^partition (?P<name>[a-z0-9-]+):$|partition (?P<other>[a-z0-9-]+): \d+ stops?, the last ones:")
BANNER = re.compile(OURS + r"Bulkhead .*: product (?P<product>[\w-]+) on board (?P<board>[\w-]+)")
LATER = re.compile(r"(?:^ {2}stop \d+, life|\bbulkhead\| +life \d+, until) .*?" + AT)


def where(elf, address):
    """For each function, inlined ones too: its name, file and line."""
    run = subprocess.run(["addr2line", "-f", "-i", "-e", elf, f"{address:#x}"], capture_output=True, text=True, check=False)
    out, here = run.stdout.splitlines(), f"{pathlib.Path.cwd()}/"
    return [f"{function} at {place.removeprefix(here)}" for function, place in zip(out[::2], out[1::2])] if run.returncode == 0 and out else ["?"]


def addresses(text):
    """(line, name, address) of each line that has one."""
    name = None
    for line in text.splitlines():
        line = line.rstrip("\r")
        head, later = HEAD.search(line), LATER.search(line)
        match = STOP.search(line) or CRASH.search(line)
        if head:
            name = head["name"] or head["other"]
        if match:
            yield line, match["name"], int(match["trap"] or match["at"], 16)
        elif later and name:
            yield line, name, int(later["trap"] or later["at"], 16)


def others(text, product, board):
    """Products and boards that the log begins with, but for this one."""
    return sorted({(match["product"], match["board"]) for match in BANNER.finditer(text)} - {(product, board)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log")
    parser.add_argument("programs", nargs="*", metavar="NAME=ELF")
    parser.add_argument("--of", nargs=2, metavar=("PRODUCT", "BOARD"))
    options = parser.parse_intermixed_args()
    if not all("=" in word for word in options.programs):
        parser.error("a program is given as NAME=ELF")
    elves = dict(word.split("=", 1) for word in options.programs)
    text = export.read(options.log).decode("utf-8", "replace")
    for product, board in others(text, *options.of) if options.of else []:
        print(f"{options.log} is of product {product} on board {board}, the symbols are of {' on '.join(options.of)}: functions and lines are "
              f"wrong unless PRODUCT={product} BOARD={board}", file=sys.stderr)  # fmt: skip
    found = False
    for line, name, address in addresses(text):
        found = True
        print("".join(c if c.isprintable() else "." for c in line))
        for place in where(elves[name], address) if name in elves else [f"no symbols of {name}"]:
            print(f"    {address:#x}: {place}")
    if not found:
        sys.exit(f"{options.log}: no line in it names an address of a partition that stopped")


if __name__ == "__main__":
    main()
