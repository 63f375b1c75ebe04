# SPDX-License-Identifier: Apache-2.0
"""A Bochs with its serial port on a socket: the peer of qemu.py, used by run.py and by the system tests."""
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import time

CONNECT = 30  # seconds that Bochs has to connect its serial port
# What the command line needs beside the program, and the Debian package that has it.
FILES = {"/usr/share/bochs/BIOS-bochs-latest": "bochsbios", "/usr/share/vgabios/vgabios.bin": "vgabios"}
PACKAGES = "bochs bochs-term bochsbios vgabios"
# No window, no sound, no port but the serial one, nothing said of what a guest does; a wrong setting ends it at once.
HEADLESS = (
    "config_interface: textconfig", "display_library: term", "sound: driver=dummy", "speaker: enabled=0", "mouse: enabled=0",
    *(f"{kind}: file={file}" for kind, file in zip(("romimage", "vgaromimage"), FILES)),
    "vga: extension=vbe, update_freq=1, realtime=0", "boot: cdrom",
    "panic: action=fatal", "error: action=ignore", "info: action=ignore", "debug: action=ignore",
)  # fmt: skip
POWER_OFF = "ACPI control: soft power off"  # how it says so; its status is 1 then, as for every other end


class Bochs:
    """`command`: the program, then the board's settings, one line of a configuration file each."""

    name = "Bochs"
    farewell = ""  # after stop(): its last words, if it ended by itself and not by a power off

    def __init__(self, command, image, extra=()):
        missing = [package for file, package in FILES.items() if not os.path.exists(file)]
        if not shutil.which(command[0]):
            missing.insert(0, "bochs")
        if missing:
            raise RuntimeError(f"{command[0]} cannot run here: install the Debian packages {' '.join(missing)}")
        self.process = self.serial = None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bochs-"))
        try:
            self.start(command, image, extra)
        except BaseException:
            self.stop()
            raise

    def start(self, command, image, extra):
        # It takes no open socket and no path, so it connects to a port of ours, which is closed again at once.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            settings = (
                *HEADLESS, *command[1:], *extra, f"ata0-master: type=cdrom, path={image}, status=inserted",
                f"com1: enabled=1, mode=socket-client, dev=127.0.0.1:{listener.getsockname()[1]}", f"log: {self.folder}/log",
            )  # fmt: skip
            (self.folder / "settings").write_text("\n".join(settings) + "\n")
            (self.folder / "go").write_text("c\n" * 1000)  # its debugger waits for a command before the first instruction
            arguments = ["setpriv", "--pdeathsig", "KILL",  # it never outlives us, however we end
                         command[0], "-q", "-f", f"{self.folder}/settings", "-rc", f"{self.folder}/go"]  # fmt: skip
            self.command_line = shlex.join([command[0], *settings])
            with open(self.folder / "screen", "wb") as screen:
                self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=screen, stderr=screen,
                                                start_new_session=True, env={**os.environ, "TERM": "dumb"})
            listener.settimeout(0.2)
            end = time.monotonic() + CONNECT
            while not self.serial:
                try:
                    self.serial = listener.accept()[0]
                except TimeoutError:
                    if self.running() and time.monotonic() < end:
                        continue
                    raise RuntimeError(self.wrong_setting(settings) or
                                       f"Bochs did not start; if it is broken: apt-get install --reinstall {PACKAGES}\n"
                                       f"Its last words:\n{self.last_words()}") from None
            self.serial.settimeout(None)

    def wrong_setting(self, settings):
        """Which of them it does not understand, and why, where it says so."""
        said = re.findall(r"/settings:(\d+): (.*)", self.last_words())
        return f'Bochs refuses the setting "{settings[int(said[0][0]) - 1]}" (of the board\'s board.mk): {said[0][1]}' if said else ""

    def last_words(self):
        """The end of what it wrote to its screen and its log."""
        files = [self.folder / name for name in ("screen", "log")]
        return "\n".join(file.read_text(errors="replace")[-1000:] for file in files if file.exists())

    def hung_up(self):
        """Has its end of the serial line been closed, and all of it been read?"""
        try:
            return self.serial is not None and self.serial.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False

    def running(self):
        return self.process.poll() is None

    def status(self):
        """Of one that has ended: 0 after a power off, else 1."""
        return 0 if POWER_OFF in self.last_words() else 1

    def stop(self):
        """End it, whatever state it is in; returns its status, 0 if it was still running."""
        status = 0
        if self.process:
            if self.hung_up():
                try:
                    self.process.wait(5)  # it is about to end, and says why
                except subprocess.TimeoutExpired:
                    pass
            if not self.running():
                status = self.status()
                self.farewell = self.last_words() if status else ""
            self.process.kill()  # a signal that asks is not heard
            self.process.wait()
        if self.serial:
            self.serial.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return status
