#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of passed devices in docs/numbers.md: boots the image of product `bench-io` in QEMU and lets `httpd` answer requests and
Linux read its virtual function's disk, then the same kernel alone. Prints a table and writes JSON.

    bench_io.py --command FILE --image ISO --kernel FILE --initrd FILE --costs JSON --json FILE

Exits are counted without instruction counting, where the machine runs as `make run` has it; instructions with it. Requests come through the
host's network, whose timing no two runs share: those figures vary by a few per cent. `--costs` is what bench.py has measured.
A limit that is missed is marked, and does not change the status; a figure that is missing does."""
import argparse
import http.client
import json
import pathlib
import re
import shlex
import socket
import time

import bench
from qemu import Qemu

REQUESTS = 1000
PAGE = "/pattern/700"  # as long as a status page, and asks nobody for the state of others
MB = 100
READ = "for i in 1 2; do dd if=/dev/nvme0n1 of=/dev/null bs=1M count=50 2>/dev/null; echo 1 >/proc/sys/vm/drop_caches; done"
SLEPT = "grep -E 'idle_sleeptime|iowait_sleeptime' /proc/timer_list"
NATIVE = "console=ttyS0 cryptomgr.notests tsc=reliable maxcpus=1 intel_iommu=off"
LIMITS = {
    "share of the hypervisor, httpd": 0.03,
    "the same without the exits for the xAPIC, httpd": 0.001,
    "share of the hypervisor, Linux": 0.03,
    "the same without the exits for the xAPIC, Linux": 0.001,
}
RATIO = "instructions of the same kernel alone / those of Linux on the virtual function"


class Io(bench.Console):
    def counters(self, partition):
        """Microseconds in the hypervisor and exits by kind, so far."""
        before = len(self.text)
        self.send(b"\x1dc")
        pattern = re.compile(rf"core \d+, {partition}/0: (\d+) us in the hypervisor[^\r\n]*\r?\n((?:\[[^\r\n]*bulkhead\|   [^\r\n]*\r?\n)+)\[")
        while not (found := pattern.search(self.text, before)):
            self.until(r"\S\s", len(re.findall(r"\S\s", self.text)) + 1)
        counts = {kind: int(count) for kind, count in re.findall(r"  ([a-z_]+) (\d+)", found[2])}
        return {"us": int(found[1]), **counts}

    def shell(self, line, pattern):
        before = len(self.text)
        self.send(line.encode() + b"\r")
        while not (found := re.compile(pattern).search(self.text, before)):
            self.until(r"\S\s", len(re.findall(r"\S\s", self.text)) + 1)
        return found

    def read(self, counters):
        """Linux reads MB megabytes: its instructions while it was not idle, and what counters() shows before and after."""
        self.shell("dmesg -n 1; echo 1 >/proc/sys/vm/drop_caches; stamp() { echo bench $1 >/dev/kmsg; }; echo re''ady", "ready")
        self.shell(f"echo wa''its; read x; {SLEPT} >/run/a; stamp begin; {READ}; stamp end; {SLEPT} >/run/b; echo do''ne; read x", "waits")
        before = counters()
        self.shell("", "done")
        after = counters()
        self.send(b"\r")
        self.shell("cat /run/a /run/b; echo sh''own", "shown")
        idle = [int(ns) for ns in re.findall(r"sleeptime *: (\d+) nsecs", self.text)[-4:]]
        times = self.shell("dmesg | grep bench", r"\[ *([\d.]+)\] bench begin\s+\[ *([\d.]+)\] bench end")
        return round((float(times[2]) - float(times[1])) * 1e9) - (idle[2] + idle[3] - idle[0] - idle[1]), before, after


def growth(before, after):
    return {kind: after[kind] - before.get(kind, 0) for kind in after if after[kind] != before.get(kind, 0)}


def start(command, image, extra=()):
    qemu = Qemu(command, image, extra)
    return qemu, Io(qemu)


def forwarded(command):
    """The command line with httpd's port at a free one of the host."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return [word.replace("user,id=net0", f"user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:80") for word in command], port


def ask(port, count, path="/status.json"):
    """Ask for a page; returns the last answer. Under counting time leaps while all rest, so that the server may take this slow host for gone
    and close: then on another connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=bench.PATIENCE)
    left, closed = count, 0
    while left > 0:
        try:
            connection.request("GET", path)
            body = connection.getresponse().read()
            left -= 1
        except (http.client.RemoteDisconnected, ConnectionError):
            connection.close()
            closed += 1
            if closed > count // 10 + 3:
                raise
    return body


def requests(command, image):
    """What httpd's counters and the hypervisor's grow by while it answers."""
    command, port = forwarded(command)
    qemu, console = start(command, image)
    try:
        console.until(r"httpd: IPv4 ")
        console.until(r"linux# ")  # which rests from now on
        ask(port, 10)
        time.sleep(1)
        status = json.loads(ask(port, 1))
        before = console.counters("httpd")
        ask(port, REQUESTS, PAGE)
        after, end = console.counters("httpd"), json.loads(ask(port, 1))
    finally:
        qemu.stop()
    own = {name: end["net"][name] - status["net"][name] for name in ("received", "sent", "interrupts")}
    return growth(before, after), {**own, "busy_ns": (end["busy_us"] - status["busy_us"]) * 1000}


def share(figures, who, grown, busy_ns, costs):
    """The hypervisor's share of `busy_ns` instructions, with and without the exits that an x2APIC would not need."""
    apic = grown.get("msr_write", 0) * max(costs["end of interrupt (x2APIC register) round trip"], costs["timer count (x2APIC register) round trip"])
    own = grown["us"] * 1000
    figures[f"share of the hypervisor, {who}"] = round(own / busy_ns, 5)
    figures[f"the same without the exits for the xAPIC, {who}"] = round(max(0, own - apic) / busy_ns, 5)


def httpd_figures(figures, command, image, costs):
    grown, own = requests(command, image)
    kinds = {kind: count for kind, count in grown.items() if kind != "us"}
    for kind, count in kinds.items():
        figures[f"exits per request, {kind}"] = count / REQUESTS
    for name in ("received", "interrupts"):
        figures[f"exits per {'packet received' if name == 'received' else 'device interrupt'}"] = round(sum(kinds.values()) / own[name], 3)
    _, own = requests(bench.counted(command), image)
    figures["instructions per request, httpd's core"] = own["busy_ns"] // REQUESTS
    # Counted there, not here: under -icount time leaps while a core waits, and brings timer interrupts that no request causes.
    cost = {"msr_write": costs["end of interrupt (x2APIC register) round trip"], "hypercall": costs["null hypercall round trip"]}
    apic = kinds.get("msr_write", 0) * cost["msr_write"]
    us = sum(count * cost.get(kind, costs["CPUID exit round trip"]) for kind, count in kinds.items()) / 1000
    share(figures, "httpd", {"us": us, "msr_write": apic / cost["msr_write"]}, own["busy_ns"], costs)


def linux_figures(figures, command, image, costs):
    qemu, console = start(bench.counted(command), image)
    try:
        console.until(r"httpd: IPv4 ")
        console.send(b"\x1d1\r")
        console.until(r"linux# ")
        busy_ns, before, after = console.read(lambda: console.counters("linux"))
    finally:
        qemu.stop()
    grown = growth(before, after)
    for kind, count in grown.items():
        if kind != "us":
            figures[f"exits while Linux reads {MB} MB, {kind}"] = count
    figures[f"instructions while Linux reads {MB} MB"] = busy_ns
    share(figures, "Linux", grown, busy_ns, costs)


def native_figures(figures, command, kernel, initrd):
    """The namespace belongs to the physical function, and there is as much memory as the partition has."""
    command = [word.replace("detached=on", "detached=off") if "nsid=2" in word else word for word in bench.counted(command)]
    command[command.index("-m") + 1] = "256"
    qemu, console = start(command, "/dev/null", ("-kernel", kernel, "-initrd", initrd, "-append", NATIVE))
    try:
        console.until(r"linux# ")
        busy_ns, _, _ = console.read(dict)
    finally:
        qemu.stop()
    figures[f"instructions of the same kernel alone for {MB} MB"] = busy_ns
    figures[RATIO] = round(busy_ns / figures[f"instructions while Linux reads {MB} MB"], 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("command", "json", "costs"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    for name in ("image", "kernel", "initrd"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    command, costs, figures = shlex.split(options.command.read_text()), json.loads(options.costs.read_text()), {}
    httpd_figures(figures, command, options.image, costs)
    linux_figures(figures, command, options.image, costs)
    native_figures(figures, command, options.kernel, options.initrd)
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    for name, value in figures.items():
        mark = f"  at most {LIMITS[name]:.1%}: {'reached' if value <= LIMITS[name] else 'MISSED'}" if name in LIMITS else ""
        mark = f"  at least 0.95: {'reached' if value >= 0.95 else 'MISSED'}" if name == RATIO else mark
        print(f"{name:82}{value:>16,}{mark}")


if __name__ == "__main__":
    main()
