# SPDX-License-Identifier: Apache-2.0
"""A QEMU with its serial port on a socket and QMP on another; used by run.py and by the system tests."""
import json
import shlex
import socket
import subprocess


def boot_from(image):
    """Words for a CD, or for a disk image: that is the first disk of the machine, and is written to. "none": the command has its own."""
    if str(image) == "none":
        return []
    if str(image).endswith(".img"):
        return ["-boot", "c", "-drive", f"file={image},format=raw,if=ide,index=0"]
    return ["-boot", "d", "-cdrom", image]


class Qemu:
    """`command`: words of a QEMU command line without serial port, monitor and image. `output`: a file that takes what the serial port says,
    in place of the socket. It makes nobody wait: of bytes, a socket takes some hundreds, and under -icount the machine's clock does not
    wait for who reads them."""

    name = "QEMU"
    farewell = ""  # it says so on our standard error

    def __init__(self, command, image, extra=(), output=None):
        serial, serial_far = socket.socketpair()
        control, control_far = socket.socketpair()
        arguments = [
            "setpriv", "--pdeathsig", "KILL",  # it never outlives us, however we end
            *command,
            "-chardev", f"file,id=serial,path={output}" if output else f"socket,id=serial,fd={serial_far.fileno()}", "-serial", "chardev:serial",
            "-chardev", f"socket,id=control,fd={control_far.fileno()}", "-mon", "chardev=control,mode=control",
            *boot_from(image), *extra,
        ]  # fmt: skip
        self.command_line = shlex.join(arguments)
        self.serial = serial
        self.control = control
        self.events = []
        self.buffer = b""
        try:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, start_new_session=True,
                                            pass_fds=(serial_far.fileno(), control_far.fileno()))
        except BaseException:
            serial.close()
            control.close()
            raise
        finally:
            serial_far.close()
            control_far.close()

    def _message(self):
        while b"\n" not in self.buffer:
            data = self.control.recv(65536)
            if not data:
                raise EOFError("QEMU closed its control socket")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def qmp(self, command, timeout=30, **arguments):
        """One QMP command; returns its result. Events seen meanwhile are kept in self.events."""
        self.control.settimeout(timeout)
        if not self.events:
            self.events.append(self._message())  # the greeting
            self.control.sendall(b'{"execute": "qmp_capabilities"}\n')
            while "return" not in self._message():
                pass
        self.control.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = self._message()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            self.events.append(answer)

    def monitor(self, line):
        """One command of QEMU's human monitor; returns its text."""
        return self.qmp("human-monitor-command", **{"command-line": line})

    def running(self):
        return self.process.poll() is None

    def status(self):
        """Of one that has ended."""
        return self.process.returncode

    def stop(self):
        """End it, whatever state it is in; returns its status."""
        if self.running():
            try:
                self.qmp("quit", timeout=3)
                self.process.wait(5)
            except (OSError, EOFError, RuntimeError, ValueError, subprocess.TimeoutExpired):
                pass
            finally:
                self.process.kill()  # nothing happens to one that has ended
        self.process.wait()
        self.serial.close()
        self.control.close()
        return self.process.returncode
