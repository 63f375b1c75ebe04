# SPDX-License-Identifier: Apache-2.0
"""A board in a labgrid environment, alike to qemu.py and bochs.py for those who only use its serial port: `make hil`."""
import pathlib
import select
import socket
import sys
import tempfile
import threading

import pexpect
import yaml
from labgrid import Environment

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "config/tool"))
import pxe  # noqa: E402

PIECE = 0.05  # seconds that what is typed may wait for what comes
_environments = {}  # one for each file: its drivers keep their state from boot to boot


def environment(file):
    if file not in _environments:
        _environments[file] = Environment(str(file))
    return _environments[file]


def features(file):
    """What the environment says that its board can show, as markers of tests. Nothing is opened for it."""
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!template", lambda loader, node: loader.construct_scalar(node))
    data = yaml.load(pathlib.Path(file).read_text(encoding="utf-8"), Loader)
    return set(data.get("features", [])) | set(data["targets"]["main"].get("features", []))


class LabBoard:
    name = "the board"

    def __init__(self, file, folder, image):
        """Boot an image; `folder` is what it was made of, for a network boot."""
        target = environment(file).get_target("main")
        strategy = target.get_driver("Strategy", activate=False)
        self.command_line = f"labgrid {file}: {image}"
        with tempfile.TemporaryDirectory() as scratch:
            path = strategy.network_path
            strategy.boot(image, pxe.make(folder, pathlib.Path(scratch) / "pxe", path) if path else [])
        self.attach(strategy)

    def attach(self, strategy):
        """Begin to carry bytes: the board has power."""
        self.strategy = strategy
        self.serial, self.far = socket.socketpair()
        self.ending = False
        self.error = None
        self.pump = threading.Thread(target=self.move, daemon=True)
        self.pump.start()

    def move(self):
        """Between the console's driver and our end of a socket, until one of them ends."""
        console = self.strategy.console
        try:
            while not self.ending:
                if select.select([self.far], [], [], 0)[0]:
                    typed = self.far.recv(4096)
                    if not typed:
                        break
                    console.write(typed)
                try:
                    self.far.sendall(console.read(size=4096, timeout=PIECE))
                except pexpect.TIMEOUT:
                    pass
        except Exception as error:  # noqa: BLE001: whatever a driver raises when its line is gone
            self.error = error
        self.far.close()

    def running(self):
        """Is its line still there? A real board's always is."""
        return self.pump.is_alive()

    def status(self):
        """Of one whose line has ended: no board says why."""
        return 0

    def stop(self):
        self.ending = True
        self.pump.join(10)
        self.serial.close()
        self.strategy.off()
        return 0
