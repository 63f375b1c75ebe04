# SPDX-License-Identifier: Apache-2.0
"""Started by a UEFI firmware: the same image, on a board whose table leaves alone what the firmware keeps."""
import re

import pytest

from lib import Machine

BOARD = "qemu-q35-uefi"


@pytest.mark.qemu
def test_demo_starts_by_uefi():
    """Linux with its disk, the web server with its network card; payloads that GRUB put elsewhere are where the plan wants them."""
    with Machine("demo", BOARD) as machine:
        machine.running()
        assert re.search(r"on board qemu-q35-uefi", machine.text)
        assert "refused" not in machine.text
        machine.seen(r"audit: 4 partitions, .* 0 findings", r"storage: ready", r"httpd: IPv4 10\.0\.2\.15", timeout=60)
        machine.seen(r"disk: /dev/nvme0n1, .* mounted on /disk", timeout=120)
