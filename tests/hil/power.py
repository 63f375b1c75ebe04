#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The power switch of a board that QEMU plays: its serial port is a TCP server like a terminal server's, and it boots from the network.

    power.py on COMMAND TFTP HOST PORT STATE     COMMAND: a file with the emulator's words (make's run.args); TFTP: the folder of its server
    power.py off STATE                           STATE: a file of ours

It waits for the first connection before it begins, so that no line is lost; after a power off its line stays open, and silent, as a real
one does. It ends itself after an hour if nobody switches it off."""
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import time

HOUR = 3600


def words_of(command, tftp):
    """A board that boots from its network card: the card gets its ROM back, and its network a server."""
    words = [word.replace(",romfile=", "") for word in shlex.split(pathlib.Path(command).read_text())]
    if "user,id=net0" not in words:
        sys.exit(f"{command}: no network card on QEMU's user network: this board cannot boot from it")
    bootfile = "bulkhead.0"
    if any("pflash" in word for word in words):  # OVMF goes by the card's number, not by -boot
        bootfile = "bulkhead.efi"
        words = [word.replace("e1000e,", "e1000e,bootindex=0,") for word in words]
    words[words.index("user,id=net0")] = f"user,id=net0,tftp={tftp},bootfile={bootfile}"
    return words


def on(command, tftp, host, port, state):
    off(state)
    listener = socket.create_server((host, int(port)))
    words = ["timeout", "--signal=KILL", str(HOUR), *words_of(command, tftp), "-boot", "n", "-no-shutdown",
             "-chardev", f"socket,id=serial,fd={listener.fileno()},server=on,wait=on", "-serial", "chardev:serial"]  # fmt: skip
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(state + ".log", "wb"),
                               start_new_session=True, pass_fds=(listener.fileno(),))
    time.sleep(0.3)
    if process.poll() is not None:
        sys.exit(f"the board did not start:\n{pathlib.Path(state + '.log').read_text(errors='replace')}")
    pathlib.Path(state).write_text(str(process.pid))


def off(state):
    path = pathlib.Path(state)
    if not path.exists():
        return
    pid = int(path.read_text())
    path.unlink()
    try:
        if b"qemu" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():  # not another one that has its number since
            os.killpg(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return
    while pathlib.Path(f"/proc/{pid}/exe").exists():
        time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1:2] == ["on"] and len(sys.argv) == 7:
        on(*sys.argv[2:])
    elif sys.argv[1:2] == ["off"] and len(sys.argv) == 3:
        off(sys.argv[2])
    else:
        sys.exit(__doc__)
