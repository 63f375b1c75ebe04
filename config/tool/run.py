#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boots an image in its board's emulator with the consoles in this terminal, as `make run` does.

Leaves when the machine powers off, after Ctrl-] q, when the launch is refused, or with --seconds after that time. Status 0 only if
nothing was refused, there was no crash record and each --partition has started; else 1, with the reasons on stderr."""
import argparse
import os
import re
import select
import shlex
import signal
import socket
import sys
import termios
import time
import tty

import emulator
from messages import Verdict

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
FIRST_PORT = 8080  # for port 80
GRACE = 10  # seconds that the hypervisor has to power off after the attention key and q
LAST_LINES = 8  # of an emulator that ended by itself
REASONS = 1  # seconds for what comes after the first line of a refusal


class Keyboard:
    """Terminal input in raw mode; restored at the end, whatever ends us. Without a terminal: standard input as it is."""

    def __init__(self, attention):
        self.attention = attention
        self.fd = sys.stdin.fileno()
        self.saved = termios.tcgetattr(self.fd) if os.isatty(self.fd) else None
        self.armed = False
        self.leaving = None  # time of attention, q

    def __enter__(self):
        if self.saved:
            tty.setraw(self.fd)
        return self

    def __exit__(self, *_):
        if self.saved:
            termios.tcsetattr(self.fd, termios.TCSADRAIN, self.saved)

    def read(self):
        data = os.read(self.fd, 4096)
        for byte in data:
            if self.armed and byte in b"qQ":
                self.leaving = self.leaving or time.monotonic()
            self.armed = byte == self.attention and not self.armed
        return data


def relay(machine, keyboard, verdict, end):
    """Bytes to and fro until the machine ends or it is time to leave."""
    output = sys.stdout.fileno()
    sources = [machine.serial, keyboard.fd] if keyboard.saved or end is None else [machine.serial]
    while True:
        now = time.monotonic()
        if (end and now >= end) or (keyboard.leaving and now >= keyboard.leaving + GRACE):
            return
        ready, _, _ = select.select(sources, [], [], 0.2)
        if machine.serial in ready:
            data = machine.serial.recv(65536)
            if not data:
                return
            verdict.feed(data)
            if verdict.launch_refused:
                end = min(end or now + REASONS, now + REASONS)
            os.write(output, data if keyboard.saved else data.replace(b"\r\n", b"\n"))
        if keyboard.fd in ready:
            data = keyboard.read()
            if data:
                machine.serial.sendall(data)
            else:
                sources.remove(keyboard.fd)


def end_by_signal(*_):
    """Once: a second signal must not interrupt the end of the emulator."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(1)


def key_name(code):
    return f"Ctrl-{chr(code + 64)}" if code < 32 else chr(code)


def free_port(port):
    """The first of this host from there on that nobody has."""
    for number in range(port, 65536):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", number))
                return number
            except OSError:
                continue
    raise SystemExit("make run: no free port on 127.0.0.1")


def forward(command, partition, port):
    """A port of this host that leads to this one of the partition, where the board's card is on QEMU's user network."""
    network = next((index for index, word in enumerate(command) if re.match(r"user,id=\w+$", word)), None)
    if network is not None:
        ours = free_port(port if port >= 1024 else FIRST_PORT - 80 + port)
        command[network] += f",hostfwd=tcp:127.0.0.1:{ours}-:{port}"
        address = f"http://127.0.0.1:{ours}/" if port == 80 else f"127.0.0.1:{ours}"
        print(f"{address} is port {port} of partition {partition}, once it says that it has an address")


def farewell(machine):
    """What the emulator said at its end, where that is not on the terminal already."""
    text = "\n".join(machine.farewell.splitlines()[-LAST_LINES:])
    return ". Its last words:\n" + "".join(c if c.isprintable() or c == "\n" else "?" for c in text) if text else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", required=True, help="file with the board's emulator and its settings")
    parser.add_argument("--image", required=True)
    parser.add_argument("--partition", action="append", default=[], help="must start")
    parser.add_argument("--attention", type=int, default=0x1D, help="code of the attention key")
    parser.add_argument("--seconds", type=float, help="end after this time")
    parser.add_argument("--serves", nargs=2, metavar=("PARTITION", "PORT"), help="has the network card: this port becomes one of this host")
    parser.add_argument("--gdb", metavar="ELF", help="wait for a debugger on port 1234")
    options = parser.parse_args()

    with open(options.command, encoding="utf-8") as file:
        command = shlex.split(file.read())
    print(f"Leave with {key_name(options.attention)} q. {key_name(options.attention)} ? shows the other keys.")
    if options.serves:
        forward(command, options.serves[0], int(options.serves[1]))
    if options.gdb:
        print(f"Waiting for a debugger. In another terminal:\n    gdb {options.gdb} -ex 'target remote :1234'")
    sys.stdout.flush()

    for number in ENDING:
        signal.signal(number, end_by_signal)
    verdict = Verdict(options.partition)
    try:
        machine = emulator.start(command, options.image, ["-s", "-S"] if options.gdb else [])
    except RuntimeError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    try:
        with Keyboard(options.attention) as keyboard:
            relay(machine, keyboard, verdict, time.monotonic() + options.seconds if options.seconds else None)
    finally:
        status = machine.stop()
    if options.seconds and status == 0 and not verdict.launch_refused:
        print(f"make run: ended after {options.seconds:g} s, as RUN_SECONDS says", file=sys.stderr)
    problems = verdict.report() + ([f"{machine.name} ended by itself, with status {status}{farewell(machine)}"] if status > 0 else [])
    if options.seconds and verdict.missing and not verdict.launch_refused and status <= 0:
        problems.append(f"RUN_SECONDS={options.seconds:g} may be too short for this machine: without it the run goes on until the key")
    for problem in problems:
        print(f"make run: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
