# SPDX-License-Identifier: Apache-2.0
"""A Linux with ext4 on a slice, by its own virtio driver: what it has synced stays, when the server is killed and when it is killed itself."""
import re

import pytest

from lib import Machine
from seed import drawn
from test_linux import Shell, booted

VDA = "tests/system/products/vda"
MODULES = "crc16 crc32c_generic mbcache jbd2 ext4"
MOUNT = "mount -t ext4 -o noatime /dev/vda /disk"
# Files of 16 KiB that say their number all over; the number is shown once fsync() has come back.
LOAD = "(i=$(($(ls /disk | grep -c '^e') + 1)); while [ ! -e /tmp/enough ]; do yes $i | dd of=/disk/e$i bs=4k count=4 iflag=fullblock conv=fsync 2>/dev/null && echo synced $i; i=$((i + 1)); done) & true"
WRONG = "for i in $(seq 1 LAST); do yes $i | dd bs=4k count=4 iflag=fullblock 2>/dev/null | cmp -s - /disk/e$i || echo lost $i; done"

pytestmark = [pytest.mark.qemu, pytest.mark.limit(600)]


class Rig:
    def __init__(self):
        self.machine = Machine(VDA)
        self.life = 1
        self.up()

    def up(self, place=0):
        booted(self.machine, place=place, life=self.life)
        self.shell = Shell(self.machine)
        assert self.shell.run(f"for m in {MODULES}; do insmod /lib/modules/$m.ko || exit 1; done; {MOUNT}") == "", "not mounted"
        assert self.shell.status == 0

    def synced(self):
        return max(map(int, re.findall(r"synced (\d+)\r*\n", self.machine.text)), default=0)

    def reach(self, number, timeout=90):
        for _ in range(timeout * 10):
            if self.synced() >= number:
                return
            self.machine.drain(0.1)
        raise AssertionError(f"no synced {number}: {self.machine.text[-2000:]}")

    def check(self):
        """All that it said to be synced is on the disk itself, and its driver has seen no error."""
        last = self.synced()
        assert last > 0
        self.shell.run("sync; umount /disk && " + MOUNT)
        assert self.shell.status == 0
        assert self.shell.run(WRONG.replace("LAST", str(last)), timeout=120) == ""
        assert self.shell.run("dmesg | grep -Ei 'i/o error|ext4-fs (error|warning)|buffer i/o|blk_update'") == ""


@pytest.fixture(scope="module")
def rig():
    rig = Rig()
    try:
        yield rig
    finally:
        rig.machine.close()


def test_what_is_on_it(rig):
    assert "virtio_blk" in rig.shell.run("readlink /sys/block/vda/device/driver")
    assert rig.shell.run("cat /sys/block/vda/size /sys/block/vda/ro").split() == [str((192 << 20) // 512), "0"]
    assert rig.shell.run("cat /sys/block/vda/serial; echo") == "root\n"
    assert "write back" in rig.shell.run("cat /sys/block/vda/queue/write_cache")
    assert rig.shell.run("cd /disk && sha256sum -c SHA256SUMS; cd /", timeout=120).count(": OK") == 2


def test_sep4_server_killed_under_load(rig):
    """Three times: twice when the disk has done as many requests as the seed draws, once by the operator after as many files. The Linux sees
    a pause."""
    draw = drawn("test_sep4_server_killed_under_load")
    rig.shell.run(LOAD)
    for life in range(2, 5):
        rig.machine.keyboard("storage")
        if life == 3:
            rig.reach(rig.synced() + draw.randrange(1, 40))
        place = rig.machine.place()
        if life == 3:
            rig.machine.attention("r")
        else:
            rig.machine.send(f"die {draw.randrange(1, 200)}\r")
        rig.machine.since(place, rf"partition storage: running, life {life},", r"storage\| storage: serves 1 slices", timeout=120)
        rig.reach(rig.synced() + 5)
    rig.shell = Shell(rig.machine)
    rig.shell.run("touch /tmp/enough; wait")
    rig.check()


@pytest.mark.long
def test_sep4_client_killed_under_load(rig):
    """Its next life replays the journal, and all is there."""
    rig.shell.run("rm /tmp/enough; " + LOAD)
    rig.reach(rig.synced() + drawn("test_sep4_client_killed_under_load").randrange(5, 40))
    rig.machine.attention("a")
    place = rig.machine.place()
    rig.machine.attention("r")
    rig.life += 1
    rig.up(place)
    rig.check()
    rig.machine.key("v", r"audit: .*: 0 findings")


BLOCKS = "(i=$((NEXT)); while :; do yes $i | dd of=/dev/vda bs=4k seek=$i count=1 iflag=fullblock conv=fsync 2>/dev/null && echo synced $i; i=$((i + 1)); done) & true"
BAD = ("for i in $(seq 1 LAST); do dd if=/dev/vda bs=4k skip=$i count=1 2>/dev/null >/tmp/there; "
       "yes $i | dd bs=4k count=1 iflag=fullblock 2>/dev/null | cmp -s - /tmp/there || echo lost $i; done")


def numbers(pattern, text):
    return max(map(int, re.findall(pattern, text)), default=0)


@pytest.mark.long
@pytest.mark.limit(900)
def test_sep4_linux_killed_under_load_beside_another_client():
    """Three times, at numbers of blocks that a seed draws: what it said to be on the disk is there; the server lives on, and serves the other
    client meanwhile, which loses nothing either."""
    with Machine("tests/system/products/till") as machine:
        draw = drawn("test_sep4_linux_killed_under_load_beside_another_client")

        def reach(pattern, number, timeout=90):
            for _ in range(timeout * 10):
                if numbers(pattern, machine.text) >= number:
                    return
                machine.drain(0.1)
            raise AssertionError(f"no {pattern} of {number}: {machine.text[-2000:]}")

        synced, safe = r"synced (\d+)\r*\n", r"books\| ledger: acknowledged (\d+)\s"
        booted(machine)
        for life in range(2, 5):
            shell = Shell(machine)
            last = numbers(synced, machine.text)
            shell.run(BLOCKS.replace("NEXT", str(last + 1)))
            reach(synced, last + draw.randrange(5, 60))
            machine.attention("a")
            before = numbers(safe, machine.text)
            reach(safe, before + 1)  # both have requests under way
            place = machine.place()
            machine.keyboard("linux")
            machine.attention("r")
            machine.since(place, rf"partition linux: running, life {life},", timeout=60)
            reach(safe, numbers(safe, machine.text) + 200)  # before the Linux is up again
            booted(machine, place=place, life=life)
            last = numbers(synced, machine.text)
            shell = Shell(machine)
            assert shell.run(BAD.replace("LAST", str(last)), timeout=240) == ""
            assert shell.run("dmesg | grep -Ei 'i/o error|blk_update'") == ""
            shell.leave()
            reach(safe, numbers(safe, machine.text) + 20)
        machine.keyboard("books")
        seen = machine.type("verify\r", r"books\| ledger: verified (\d+) entries up to (\d+), lost (\d+)", timeout=60)
        assert seen[3] == "0" and int(seen[2]) >= numbers(safe, machine.text)
        seen = machine.type("status\r", r"books\| ledger: acknowledged \d+, server met (\d+) times, (\d+) requests sent again, (\d+) strange answers")
        assert seen.groups() == ("1", "0", "0"), seen[0]
        assert "partition storage: running, life 2" not in machine.text
        machine.key("v", r"audit: .*: 0 findings")


@pytest.mark.long
def test_sep1_a_slice_that_may_only_be_read():
    """It is mounted and read; what would write fails with an error, at the file system and at the block device; the disk has what it had."""
    with Machine("tests/system/products/vda-ro") as machine:
        booted(machine)
        shell = Shell(machine)
        what_is_there = "dd if=/dev/vda bs=1M iflag=direct 2>/dev/null | sha256sum"  # past all caches
        before = shell.run(what_is_there, timeout=240)
        assert shell.run(f"for m in {MODULES}; do insmod /lib/modules/$m.ko || exit 1; done; mount -t ext4 -o ro /dev/vda /disk") == ""
        assert shell.run("cat /sys/block/vda/ro").strip() == "1"
        assert shell.run("cd /disk && sha256sum -c SHA256SUMS; cd /", timeout=120).count(": OK") == 2
        for command in ("touch /disk/new", "mount -o remount,rw /disk", "echo x | dd of=/dev/vda bs=512 count=1 conv=fsync",
                        "blockdev --setrw /dev/vda; echo x | dd of=/dev/vda bs=512 count=1 seek=9 conv=fsync"):
            said = shell.run(command + " 2>&1")
            assert shell.status != 0, (command, said)
        shell.run("umount /disk")
        assert shell.run(what_is_there, timeout=240) == before != ""
        machine.key("v", r"audit: .*: 0 findings")
