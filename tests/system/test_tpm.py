# SPDX-License-Identifier: Apache-2.0
"""The oldest version that a box takes, remembered by its TPM: whoever can write the disk can put all of it back, and gets no further."""
import subprocess

import pytest

from test_update import BOOT, Box, built
from tpm import Tpm

pytestmark = [pytest.mark.qemu, pytest.mark.limit(300)]


@pytest.fixture(scope="module")
def image():
    return built("update-tpm", "disk-image") / "disk.img"


@pytest.fixture
def tpm(tmp_path):
    with Tpm(tmp_path, "tpm-tis") as tpm:
        yield tpm


@pytest.fixture
def box(image, tmp_path, tpm):
    box = Box(image, tmp_path, "update-tpm", tpm.words)
    yield box
    if box.machine:
        box.machine.close()


def put_back(box, image):
    """The disk is again as it was made: older versions in both slots, and a block that has nothing against them."""
    box.cut()
    subprocess.run(["cp", "--sparse=always", image, box.path], check=True)


def test_counter_says_more_than_the_disk(box, tpm):
    """The TPM's counter is at 2, and version 1 is on the disk, which knows of no minimum: it serves nothing but the way for a newer one. The audit
    finds the TPM's page where it is to be, and nowhere else."""
    tpm.count(2)
    box.on("slot A: start 1 of 3", r"audit: 3 partitions, .*: 0 findings", "update: the TPM remembers 2 as the oldest version")
    assert box.machine.expect(r"storage\| update: version 1 runs, slot A, ([a-z ]+)\r", BOOT)[1] == "too old"
    box.says("error: version 1 is older than the oldest that this box takes: nothing is served but the way for a newer one")
    assert "MIN_VERSION" not in box.environment()


@pytest.mark.long
@pytest.mark.limit(600)
def test_counter_is_made_raised_and_kept(box, tpm, image):
    """From the first start on: the counter is made, and a version that is confirmed raises it. The disk put back to what it was does not start again
    to serve, nor with the counter taken away: a new one begins above the old. A newer version mends it. Without a TPM no bundle is taken."""
    bundle = (built("update-tpm-next", "update-bundle") / "update.bundle").read_bytes()
    box.on("update: the TPM remembers 1 as the oldest version", "update: version 1 runs, slot A, not confirmed yet", "update: slot A is confirmed")
    box.bring(bundle)
    box.says("update: version 3 is in slot B and starts next", "slot B: start 1 of 3", "update: the TPM remembers 1 as the oldest version",
             "update: slot B is confirmed", "update: the TPM remembers 3 as the oldest version")  # fmt: skip
    put_back(box, image)
    box.on("slot A: start 1 of 3", "update: the TPM remembers 3 as the oldest version", "update: version 1 runs, slot A, too old")
    put_back(box, image)
    tpm.forget()
    box.on("update: the TPM remembers 4 as the oldest version", "update: version 1 runs, slot A, too old")
    box.bring(bundle)
    box.says("error: update refused: the bundle is older than the oldest version that this box takes")
    put_back(box, image)
    box.extra = ()
    box.on("error: the oldest version that this box takes is not known: no TPM answers", "update: slot A is confirmed")
    box.bring(bundle)
    box.says("error: update refused: no TPM answers")
    assert box.answer() in ((2, "no TPM answers"), (None, ""))
