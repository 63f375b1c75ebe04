#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/numbers.md: boots the image of product `bench` in QEMU under -icount, where one tick of the TSC is one
executed instruction, so that every figure repeats exactly. Prints a table and writes JSON.

    bench.py --command FILE --image ISO --folder IMAGE_FOLDER --json FILE --lines "COMMAND"

A limit that is missed is marked, and does not change the status; a figure that is missing does."""
import argparse
import json
import pathlib
import re
import select
import shlex
import subprocess
import sys
import time

from qemu import Qemu

PATIENCE = 600  # seconds of wall time for the whole run
LIMITS = {
    "null hypercall round trip": 150,
    "CPUID exit round trip": 150,
    "entry to first partition instruction, own work": 5_000_000,
    "text + rodata + data": 192 << 10,
    "memory kept, without images": 4 << 20,
    "privileged source lines in all, AMD image": 7000,
    "privileged source lines in all, Intel image": 7000,
}
NAMES = {
    "null_hypercall": "null hypercall round trip",
    "cpuid_exit": "CPUID exit round trip",
    "denied_port": "denied port round trip",
    "interrupt_end": "end of interrupt (x2APIC register) round trip",
    "timer_count": "timer count (x2APIC register) round trip",
    "message_write": "write to an MSI-X table",
}


def counted(command):
    """The board's command line with instruction counting in place of parallel emulation."""
    words = list(command)
    words[words.index("-accel") + 1] = "tcg,thread=single"
    return words + ["-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2026-01-01T00:00:00,clock=vm"]


class Console:
    def __init__(self, qemu):
        self.qemu = qemu
        self.text = ""
        self.end = time.monotonic() + PATIENCE

    def until(self, pattern, count=1):
        """Read until the pattern has come `count` times; returns its last match."""
        while len(found := list(re.finditer(pattern, self.text))) < count:
            ready, _, _ = select.select([self.qemu.serial], [], [], max(0.0, self.end - time.monotonic()))
            data = self.qemu.serial.recv(65536) if ready else b""
            if not data:
                sys.exit(f"bench: no line like {pattern!r} within {PATIENCE} s; the last output:\n{self.text[-2000:]}")
            self.text += data.decode("utf-8", "replace")
        return found[count - 1]

    def send(self, keys):
        self.qemu.serial.sendall(keys)


def wait_for(output, pattern):
    """What the file has when the pattern is there."""
    end = time.monotonic() + PATIENCE
    while not re.search(pattern, text := output.read_text("utf-8", "replace") if output.exists() else ""):
        if time.monotonic() > end:
            sys.exit(f"bench: no line like {pattern!r} within {PATIENCE} s; the last output:\n{text[-2000:]}")
        time.sleep(0.2)
    return text


def boot_figures(console):
    phases = dict(re.findall(r" (\w+) (\d+)", console.until(r"launch in ticks:([^\r\n]*)").group(0)))
    figures = {f"launch, {name}": int(ticks) for name, ticks in phases.items()}
    first = int(console.until(r'"entered_after": (\d+)')[1])
    loaded = console.until(r"partition bench: loaded in ticks: scrub (\d+), verify \d+, copy (\d+)\r")
    apart = int(phases["clocks"]) + int(phases["cores"]) + int(phases["hash"]) + int(loaded[1]) + int(loaded[2])
    figures["entry to first partition instruction, all"] = first
    figures["entry to first partition instruction, own work"] = first - apart
    return figures


def restart_figures(console, folder):
    """A restart of control by the operator, by phase; and what a MiB costs."""
    console.send(b"\x1d2\x1dr")
    console.until(r"partition control: running")
    console.send(b"\x1dr")
    loaded = console.until(r"partition control: loaded in ticks: scrub (\d+), verify (\d+), copy (\d+)\r", 2)
    ordered = console.until(r"\[ *([\d.]+)\] bulkhead\| partition control: operator")
    running = console.until(r"\[ *([\d.]+)\] bulkhead\| partition control: running", 2)
    scrub, verify, copy = map(int, loaded.groups())
    payload = (folder / "payloads/control.img").stat().st_size / (1 << 20)
    return {
        "restart of control, all": round((float(running[1]) - float(ordered[1])) * 1e9),
        "restart of control, scrub 16 MiB": scrub,
        "restart of control, verify": verify,
        "restart of control, copy": copy,
        "scrub, per MiB": scrub // 16,
        "SHA-256, per MiB": round(verify / payload),
        "copy, per MiB": round(copy / payload),
    }


def size_figures(folder, lines):
    text = (folder / "sizes.txt").read_text()
    kept = int(re.search(r"memory of the hypervisor\s+([\d,]+)", text)[1].replace(",", ""))
    loaded = int(re.search(r"text \+ rodata \+ data\s+([\d,]+)", text)[1].replace(",", ""))
    counted_lines = subprocess.run(shlex.split(lines), capture_output=True, text=True, check=False).stdout
    figures = {"text + rodata + data": loaded, "memory kept, without images": kept}
    for count, what in re.findall(r"([\d,]+)  (common to both images|\w+'s [\w ]+ only|in all, \w+ image)", counted_lines):
        figures[f"privileged source lines {what}"] = int(count.replace(",", ""))
    return figures


def measure(qemu, folder):
    console = Console(qemu)
    console.until(r'"bench": "end"')
    figures = {NAMES[n]: float(v) for n, v in re.findall(r'"bench": "(\w+)", .*?"ticks_per_round": ([\d.]+)', console.text)}
    missing = set(NAMES.values()) - set(figures) - {NAMES["message_write"]}  # which needs a device
    if missing:
        sys.exit(f"bench: no figure for {', '.join(sorted(missing))}")
    figures.update(boot_figures(console))
    figures.update(restart_figures(console, folder))
    console.send(b"\x1dq")
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", required=True, type=pathlib.Path)
    parser.add_argument("--image", required=True)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--json", required=True, type=pathlib.Path)
    parser.add_argument("--lines", required=True)
    options = parser.parse_args()
    qemu = Qemu(counted(shlex.split(options.command.read_text())), options.image)
    try:
        figures = measure(qemu, options.folder)
    finally:
        qemu.stop()
    figures.update(size_figures(options.folder, options.lines))
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"{'figure':52}{'instructions, bytes or lines':>30}")
    for name, value in figures.items():
        limit = LIMITS.get(name)
        mark = "" if limit is None else f"  at most {limit:,}: {'reached' if value <= limit else 'MISSED'}"
        print(f"{name:52}{value:30,}{mark}")


if __name__ == "__main__":
    main()
