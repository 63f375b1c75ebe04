# SPDX-License-Identifier: Apache-2.0
"""The board survey: its image and its program for Linux say the same of a machine, and a board made of what they print runs.

The boards of QEMU are surveyed as if they were unknown; the hypervisor then compares the table with the machine at boot, all of it."""
import gzip
import subprocess

import pytest

from lib import DEFAULT_BOARD, EACH_QEMU, Machine, ROOT, make
import scaffold

BOARDS = [*EACH_QEMU, pytest.param("qemu-q35-uefi", marks=pytest.mark.boards)]
PROGRAM = ROOT / "build/survey/survey-linux"
IMAGE = ROOT / "build/survey/survey.iso"
INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in $(/bin/busybox cat /lib/modules/disk); do /bin/busybox insmod /lib/modules/$module.ko; done
until [ -d /sys/class/nvme/nvme0 ]; do /bin/busybox sleep 1; done
/survey
/survey --vfs
echo "status $?"
/bin/busybox sleep 1000
"""


@pytest.fixture(scope="module", autouse=True)
def built():
    status, output = make("survey")
    assert status == 0, output


_surveyed = {}


def by_image(board):
    """What the image prints; each board is surveyed once."""
    if board not in _surveyed:
        with Machine("minimal", board, image=IMAGE) as machine:
            machine.expect(r"printed again", 90)
            _surveyed[board] = machine.text
    return _surveyed[board]


def by_linux(board, folder):
    """Debian's kernel on the same machine; two surveys, the second with the virtual functions on."""
    tree = folder / "linux"
    tree.mkdir()
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    (tree / "survey").write_bytes(PROGRAM.read_bytes())
    (tree / "survey").chmod(0o755)
    archive = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input=b"init\nsurvey\n", cwd=tree, capture_output=True, check=True, timeout=60)
    initrd = folder / "initrd"
    initrd.write_bytes((ROOT / "build/linux/initrd").read_bytes() + gzip.compress(archive.stdout, 1))
    more = ["-kernel", str(ROOT / "build/linux/kernel"), "-initrd", str(initrd), "-append", "console=ttyS0 quiet rdinit=/init"]
    with Machine("minimal", board, extra=more) as machine:
        machine.expect(r"status 0", 120)
        return machine.text


def board_of(text, folder, like):
    """A board like the tree's, but for its table and its back ends."""
    (folder / "log").write_text(text)
    scaffold.new_board(str(folder / "surveyed"), str(folder / "log"))
    settings = folder / "surveyed/board.mk"
    settings.write_text(f"include board/{like}/board.mk\n" + settings.read_text())
    return folder / "surveyed"


@pytest.mark.qemu
@pytest.mark.parametrize("name", BOARDS)
def test_a_board_made_of_a_survey_runs(name, tmp_path):
    """All that the table says of cores, memory, chipset and functions is compared with the machine when it boots."""
    text = by_image(name)
    board = board_of(text, tmp_path, name)
    assert "AMD SVM" in text and "feature" in text and "blanks" not in text
    with Machine("minimal", board) as machine:
        machine.running()
        machine.seen(r"audit: 2 partitions, 6 cores, .* 0 findings")
    status, output = make("PRODUCT=minimal", f"BOARD={board}", "image")
    assert status != 0 and "CFG-701" in output and "CFG-730" not in output, output


@pytest.mark.qemu
@pytest.mark.parametrize("name", BOARDS)
def test_linux_and_the_image_say_the_same(name, tmp_path):
    """Byte for byte. Without the virtual functions on, what they have stays blank, and no release image is made of it."""
    assert make("PRODUCT=demo", "build/linux/kernel")[0] == 0
    first, *rest = scaffold.whole_surveys(by_linux(name, tmp_path))[0]
    image, broken = scaffold.whole_surveys(by_image(name))
    assert broken == 0 and rest == image
    assert '{"functions", "vf.msix and vf.reset' in first[0] and "blanks" not in rest[0][0]
    folder = tmp_path / "blank"
    folder.mkdir()
    (folder / "board.c").write_text(first[0])
    (folder / "board.mk").write_text(first[1])
    status, output = make("PRODUCT=minimal", f"BOARD={folder}", "check-config")
    assert status == 0, output
    status, output = make("PRODUCT=minimal", f"BOARD={folder}", "image")
    assert status != 0 and "CFG-730" in output and "functions" in output, output


@pytest.mark.qemu
@pytest.mark.long
def test_a_product_with_devices_runs_on_a_surveyed_board(tmp_path):
    """The places that the survey found free take the BARs of card and disk."""
    board = board_of(by_image(DEFAULT_BOARD), tmp_path, DEFAULT_BOARD)
    with Machine("demo", board) as machine:
        machine.running()
        machine.seen(r"audit: 4 partitions, .* 0 findings", r"storage: ready", r"httpd: IPv4 10\.0\.2\.15", timeout=90)
        machine.seen(r"disk: /dev/nvme0n1, .* mounted on /disk", timeout=180)


def test_the_program_refuses_what_it_cannot_read():
    """No root, no tables: a message, no half survey."""
    run = subprocess.run([str(PROGRAM), "--all"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and "usage" in run.stderr and not run.stdout
    run = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--", str(PROGRAM)], capture_output=True, text=True,
                         timeout=60)
    assert run.returncode == 1 and "survey: " in run.stderr and not run.stdout
