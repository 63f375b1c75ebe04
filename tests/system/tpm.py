# SPDX-License-Identifier: Apache-2.0
"""A TPM 2.0 played by swtpm, for one machine; its registers can be read when the machine has been cut off."""
import array
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

SET_DATA = struct.pack(">I", 0x10)  # swtpm's control channel: the descriptor that comes along is for commands
NO_SESSIONS, PCR_READ, SHA256 = 0x8001, 0x17E, 0x000B
PCRS = 24


class Tpm:
    def __init__(self, folder):
        self.control = pathlib.Path(folder) / "control"
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--ctrl",
                                         f"type=unixio,path={self.control}"], stdin=subprocess.DEVNULL)  # fmt: skip
        end = time.monotonic() + 20
        while not self.control.exists():
            assert time.monotonic() < end and self.process.poll() is None, "swtpm did not start"
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    @property
    def words(self):
        """For QEMU."""
        return ["-chardev", f"socket,id=tpm,path={self.control}", "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0"]

    def pcrs(self, machine):
        """The SHA-256 bank, as bytes by number. Ends the machine so that it cannot tell swtpm to end as well."""
        os.kill(machine.emulator.process.pid, signal.SIGKILL)
        machine.emulator.process.wait()
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(20)
            control.connect(str(self.control))
            ours, its = socket.socketpair()
            ours.settimeout(20)
            control.sendmsg([SET_DATA], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [its.fileno()]))])
            assert control.recv(64)[:4] == bytes(4)
            with ours, its:
                return {number: self.pcr(ours, number) for number in range(PCRS)}

    def pcr(self, channel, number):
        chosen = (1 << number).to_bytes(3, "little")
        body = struct.pack(">IHB", 1, SHA256, 3) + chosen
        channel.sendall(struct.pack(">HII", NO_SESSIONS, 10 + len(body), PCR_READ) + body)
        answer = channel.recv(4096)
        assert struct.unpack_from(">I", answer, 6)[0] == 0, answer.hex()
        return answer[-32:]
