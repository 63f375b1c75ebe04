# SPDX-License-Identifier: Apache-2.0
"""A box that fetches its update by HTTP."""
import struct
import sys

import pytest

from lib import Machine, ROOT
from test_update import Box, PRODUCTS, SECTOR, built, nvme

pytestmark = [pytest.mark.qemu, pytest.mark.long, pytest.mark.limit(300)]


class FedBox(Box):
    """The network has a web server: feed.py with these words."""

    def __init__(self, folder, *feed):
        super().__init__(built("update-feed", "disk-image") / "disk.img", folder, "update-feed")
        self.feed = " ".join(map(str, (sys.executable, ROOT / "tests/system/feed.py", *feed)))

    def on(self, *lines, **more):
        def change(words):
            words[words.index("user,id=net0")] += f",guestfwd=tcp:10.0.2.100:80-cmd:{self.feed}"
            return nvme(self.path)(words)
        self.machine = Machine(PRODUCTS / self.product, image="none", change_command=change)
        self.says(*lines, **more)


def test_resumed_after_a_cut_and_a_loss_of_power(tmp_path):
    """The connection is cut, then the power: each time it goes on behind what is on the disk. Then it is asked for, applied and started."""
    file, log = tmp_path / "update.bundle", tmp_path / "feed.log"
    file.write_bytes((built("update-next", "update-bundle") / "update.bundle").read_bytes())
    bundle, whole = file.read_bytes(), file.stat().st_size
    box = FedBox(tmp_path, file, log, "cut=300000", "stall=300000")
    try:
        first = (SECTOR + 300000) // SECTOR * SECTOR
        box.on(rf"worker\| fetch: version 2, {whole} bytes", rf"worker\| fetch: the connection was cut at byte {first} of {whole}",
               rf"worker\| fetch: version 2, from byte {first} of {whole} on")  # fmt: skip
        for _ in range(200):
            magic, second = struct.unpack("<8sQ", box.read(box.staging + 2 * SECTOR, 16))
            if second > first:
                break
            box.machine.drain(0.1)
        assert magic == b"BHFETCH1" and first < second <= first + 300000
        box.cut()
        assert box.read(box.staging + 8 * SECTOR, second) == bundle[:second]
        box.on(rf"worker\| fetch: version 2, from byte {second} of {whole} on", r"worker\| fetch: version 2 is there, request 1",
               "update: version 2 is in slot B and starts next", "slot B: start 1 of 3", "update: slot B is confirmed")  # fmt: skip
        rest = [f"bytes={SECTOR}-", f"bytes={first}-", f"bytes={second}-"]
        asked = log.read_text().split()
        assert [line for line in asked if line.endswith("-")] == rest and set(asked) - set(rest) == {"bytes=0-511"}
        box.numbers = 1
        assert box.answer() == (1, "in its slot")
    finally:
        box.cut()
