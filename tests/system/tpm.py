# SPDX-License-Identifier: Apache-2.0
"""A TPM 2.0 played by swtpm, for one machine at a time; its registers can be read, and commands given to it, while no machine has it."""
import array
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

SET_DATA = struct.pack(">I", 0x10)  # swtpm's control channel: the descriptor that comes along is for commands
INIT = struct.pack(">II", 2, 0)  # the power comes
NO_SESSIONS, SESSIONS, PCR_READ, STARTUP, SHA256 = 0x8001, 0x8002, 0x17E, 0x144, 0x000B
PCRS = 24
DEFINE, UNDEFINE, INCREMENT, OWNER, PASSWORD = 0x12A, 0x122, 0x134, 0x40000001, struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)
COUNTER, COUNTER_ATTRIBUTES = 0x01804248, 0x02040014  # as pvdrivers/tpm_counter.h has them


class Tpm:
    def __init__(self, folder, device="tpm-crb"):
        self.device, self.control = device, pathlib.Path(folder) / "control"
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
        return ["-chardev", f"socket,id=tpm,path={self.control}", "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", f"{self.device},tpmdev=tpm0"]

    def command(self, tag, code, body):
        """For a while nobody else has it: power on, this command, power off. The answer's code."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(20)
            control.connect(str(self.control))
            ours, its = socket.socketpair()
            ours.settimeout(20)
            control.sendmsg([SET_DATA], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [its.fileno()]))])
            assert control.recv(64)[:4] == bytes(4)
            control.sendall(INIT)
            assert control.recv(64)[:4] == bytes(4)
            with ours, its:
                codes = []
                for words in (NO_SESSIONS, STARTUP, bytes(2)), (tag, code, body):
                    ours.sendall(struct.pack(">HII", words[0], 10 + len(words[2]), words[1]) + words[2])
                    codes.append(struct.unpack_from(">I", ours.recv(4096), 6)[0])
                assert codes[0] == 0, codes
                return codes[1]

    def count(self, times):
        """A new counter, and so many steps of it."""
        public = struct.pack(">IHIHH", COUNTER, SHA256, COUNTER_ATTRIBUTES, 0, 8)
        assert self.command(SESSIONS, DEFINE, struct.pack(">I", OWNER) + PASSWORD + struct.pack(">HH", 0, len(public)) + public) == 0
        for _ in range(times):
            assert self.command(SESSIONS, INCREMENT, struct.pack(">II", COUNTER, COUNTER) + PASSWORD) == 0

    def forget(self):
        """Its owner takes the counter away."""
        assert self.command(SESSIONS, UNDEFINE, struct.pack(">II", OWNER, COUNTER) + PASSWORD) == 0

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
