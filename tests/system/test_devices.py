# SPDX-License-Identifier: Apache-2.0
"""Devices under load in the hands of their owners: a Linux with ext4 on a virtual function of the disk, a unikernel that writes and compares
on another, the owner of the physical one, and a web server with the network card. What each sees, and that restarts of one hurt nobody else."""
import hashlib
import http.client
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import pytest

from lib import EACH_QEMU, MAKE_BOARD, PATIENCE, ROOT, Machine
from test_linux import Shell, booted, log_is_clean
from test_net import pattern

SHARING = "tests/system/products/sharing"
NAMES = ["linux", "diskcheck", "httpd", "storage"]
LOADED = ["linux", "diskcheck", "httpd"]
PIECE = 300_000  # bytes of a request
BOOTS = {"linux": "linux# ", "diskcheck": r"diskcheck: life \d+, namespace 2,", "httpd": "httpd: IPv4 10", "storage": "storage: ready"}
# Each round copies, and compares what comes back from the disk.
LOAD = ("dmesg -n 1; cd /disk; head -c 4194304 sample >piece; n=0; while true; do n=$((n+1)); cp piece copy && sync && echo 3 >/proc/sys/vm/drop_caches"
        " && cmp piece copy && echo io ok $n || echo io BAD $n; done &")
WHOLE = "README: OK sample: OK SHA256SUMS: OK".split()[:4]

pytestmark = pytest.mark.qemu


class Rig:
    """The machine with its load, in the view of all; `lives` of its partitions."""

    def __init__(self, board):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.board = board
        self.fetched = self.wrong = 0
        self.failed = []
        self.patience = 20 * PATIENCE  # seconds that a request may take
        self.over = threading.Event()
        self.thread = None
        self.loaded = False
        self.boot()

    def boot(self):
        forward = f"user,id=net0,hostfwd=tcp:127.0.0.1:{self.port}-:80"
        self.machine = Machine(SHARING, self.board, change_command=lambda words: [word.replace("user,id=net0", forward) for word in words])
        self.lives = dict.fromkeys(NAMES, 1)
        try:
            self.machine.running()
            self.up("linux", 0)
            self.machine.seen(r"storage\| storage: vf1 online", r"diskcheck\| diskcheck: life 1, namespace 2", r"httpd\| httpd: IPv4 10\.", timeout=60)
        except BaseException:
            self.machine.close()
            raise

    def up(self, name, place):
        """Wait until this life of a partition has done what it does at first."""
        running = self.machine.since(place, rf"partition {name}: running, life {self.lives[name]},", timeout=120)
        if name == "linux":
            booted(self.machine, place=place, life=self.lives[name])
            self.machine.since(running.end(), r"linux\| disk: /dev/nvme0n1, NVMe function 0000:00:01\.0, \d+ MiB, mounted on /disk")
        else:
            self.machine.since(running.end(), rf"{name}\| {BOOTS[name]}", timeout=60)

    # --- load ---

    def fetch(self):
        """Until it is over: pieces from the web server, each compared."""
        wanted = hashlib.sha256(pattern(PIECE)).digest()
        while not self.over.is_set():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/pattern/{PIECE}", timeout=self.patience) as answer:
                    if hashlib.sha256(answer.read()).digest() == wanted:
                        self.fetched += 1
                    else:
                        self.wrong += 1
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                time.sleep(0.2)
            self.over.wait(0.05)

    def load_linux(self):
        self.machine.keyboard("linux")
        self.machine.type(LOAD + "\r", r"linux\| .*io ok 1\b", timeout=60)

    def load(self):
        if not self.loaded:
            self.load_linux()
            self.loaded = True
            self.thread = threading.Thread(target=self.fetch, daemon=True)
            self.thread.start()

    def works(self, *names, place=None, timeout=60):
        """Each of these gets on with its load from here on: two rounds or lines."""
        place = self.machine.place() if place is None else place
        before = self.fetched
        for name, line in ("linux", r"linux\| .*io ok \d+(?s:.*?)linux\| .*io ok \d+"), ("diskcheck", r"diskcheck\| diskcheck ok (?s:.*?)diskcheck\| diskcheck ok "):
            if name in names:
                self.machine.since(place, line, timeout=timeout)
        end = time.monotonic() + timeout * PATIENCE
        while "httpd" in names and self.fetched < before + 2:
            assert time.monotonic() < end, "the web server does not answer"
            self.machine.drain(0.1)
        self.nothing_wrong()

    def nothing_wrong(self):
        bad = re.findall(r"^.*(?:io BAD \d|diskcheck BAD|\| error:|FAILED|AUDIT|I/O error|EXT4-fs (?:error|warning)|refused: address|cut off|cannot start).*$",
                         self.machine.text, re.M)
        assert not bad and self.wrong == 0, bad

    # --- restarts ---

    def emulator_died(self):
        """Of its own fault, which a reset of a function can be to it while other processors write registers (docs/CAVEATS.md)."""
        time.sleep(0.5)  # until its end is seen
        return not self.machine.emulator.running() and self.machine.emulator.status() == -signal.SIGSEGV

    def again(self):
        self.machine.close()
        self.boot()
        self.load_linux()
        self.works(*LOADED)

    def restart(self, name):
        """By the operator, in the middle of its work; a member of its restart group starts again with it. Returns those that did not. A Linux
        among them finds its file system whole."""
        machine, group = self.machine, ["linux", "diskcheck"] if name == "storage" else []
        machine.keyboard(name)
        place = machine.place()
        for other in [name, *group]:
            self.lives[other] += 1
        machine.attention("r")
        for other in [name, *group]:
            self.up(other, place)
        if "linux" in [name, *group]:
            shell = Shell(machine)
            assert shell.run("cd /disk && sha256sum -c SHA256SUMS 2>&1", timeout=120).split() == WHOLE
            shell.leave()
        return [other for other in NAMES if other not in [name, *group]]

    def close(self):
        self.over.set()
        if self.thread:
            self.thread.join(60 * PATIENCE)
        self.machine.close()


@pytest.fixture(scope="module", params=EACH_QEMU)
def rig(request):
    rig = Rig(request.param)
    yield rig
    rig.close()


@pytest.fixture
def shell(rig):
    if rig.loaded:
        pytest.fail("the load has been started: these tests come first")
    shell = Shell(rig.machine)
    yield shell
    shell.leave()


@pytest.mark.limit(600)
def test_sep5_linux_sees_its_function_and_no_other(shell, rig):
    """Of some ten of the board: its own one, behind a bridge that does nothing; both ways into configuration space show the same."""
    folder = "/sys/bus/pci/devices"
    lines = shell.run(f"cd {folder}; for f in *; do echo $f $(cat $f/vendor $f/device $f/class); done").splitlines()
    assert lines == ["0000:00:00.0 0x1b36 0x0008 0x060000", "0000:00:01.0 0x1b36 0x0010 0x010802"]
    assert shell.run("ls /sys/class/pci_bus").split() == ["0000:00"]
    assert re.findall(r"^ *(\w+):", shell.run("cat /proc/net/dev"), re.M) in ([], ["lo"])
    assert shell.run("cat /sys/block/nvme*/nsid; ls /sys/class/nvme").split() == ["3", "nvme0"]
    assert re.search(r"PCI-?MSI.*nvme0q", shell.run("cat /proc/interrupts"))
    assert "MMCONFIG at [mem 0xf1000000-0xf10fffff] reserved" in shell.run("dmesg | grep MMCONFIG")


@pytest.mark.limit(600)
def test_log_of_linux_with_a_disk_is_clean(shell):
    log_is_clean(shell)


@pytest.mark.limit(600)
def test_sep1_each_namespace_has_one_owner(rig):
    """As Identify says to the owner of the physical function: controllers 0 is its own, 1 and 2 are the virtual functions."""
    rig.machine.keyboard("storage")
    rig.machine.type("list\r", r"namespace 1: \d+ blocks of 512 bytes, ours, attached to 0\s", r"namespace 2: not ours, attached to 2\s",
                     r"namespace 3: not ours, attached to 1\s", r"vf1: controller 1, online", r"vf2: controller 2, online", r"vf3: controller 3, offline")
    rig.machine.seen(r"storage: test of namespace 1 passed")


@pytest.mark.limit(600)
def test_ext4_is_as_it_was_made_and_as_it_was_written(shell):
    """Read and compared; written, mounted anew and compared; nothing of it from memory."""
    assert shell.run("cd /disk && sha256sum -c SHA256SUMS 2>&1", timeout=120).split() == WHOLE
    shell.run("mkdir /disk/new && cp /disk/README /disk/sample /disk/SHA256SUMS /disk/new/ && cd / && umount /disk", timeout=120)
    assert shell.status == 0
    assert shell.run("ls /disk; echo 3 >/proc/sys/vm/drop_caches; disk 5").startswith("disk: /dev/nvme0n1, ")
    assert shell.run("cd /disk/new && sha256sum -c SHA256SUMS 2>&1; rm -r /disk/new", timeout=120).split() == WHOLE


def test_disk_of_the_boards_is_the_same_whenever_it_is_made(tmp_path):
    digests = set()
    for mask, zone in (0o022, "UTC"), (0o077, "Asia/Tokyo"):
        image = tmp_path / f"{zone[:3]}.img"
        subprocess.run([ROOT / "config/tool/disk.py", image], check=True, umask=mask, env={**os.environ, "TZ": zone}, timeout=120)
        digests.add(hashlib.sha256(image.read_bytes()).hexdigest())
        time.sleep(1.1)
        check = subprocess.run(["/sbin/e2fsck", "-fn", image], capture_output=True, text=True, timeout=120)
        assert check.returncode == 0, check.stdout
    assert len(digests) == 1


def exits(machine, name):
    """Of all cores of a partition together, by kind."""
    place = machine.place()
    machine.attention("c")
    total = {}
    for core in range({"linux": 2}.get(name, 1)):
        row = machine.since(place, rf"core \d, {name}/{core}: \d+ us .*\s+\[[^|]*\| +(.*)[\r\n]")[1]
        for kind, count in re.findall(r"([a-z_]+) (\d+)", row):
            total[kind] = total.get(kind, 0) + int(count)
    return total


@pytest.mark.limit(600)
def test_perf1_a_command_of_the_disk_costs_no_exit_of_its_own(rig, shell):
    """16 MiB read: neither doorbells nor interrupts exit, but for what an xAPIC costs and for the console."""
    commands = "cut -c1-9 /sys/block/nvme0n1/stat"
    shell.run("echo 3 >/proc/sys/vm/drop_caches")
    before, first = exits(rig.machine, "linux"), int(shell.run(commands))
    shell.run("cat /disk/sample >/dev/null", timeout=120)
    done, after = int(shell.run(commands)) - first, exits(rig.machine, "linux")
    assert done >= 128, done
    assert after.get("nested_fault", 0) - before.get("nested_fault", 0) == 0, (before, after, done)


def restart(rig, name):
    failed = len(rig.failed)
    others = rig.restart(name)
    rig.works(*(other for other in others if other in LOADED))
    assert name == "httpd" or len(rig.failed) == failed, rig.failed
    if name in ("linux", "storage"):
        rig.load_linux()
    rig.works(*LOADED)


@pytest.mark.limit(1200)
@pytest.mark.parametrize("name, times", [("diskcheck", 3), ("linux", 3), ("httpd", 10), pytest.param("storage", 3, marks=pytest.mark.long)])
def test_sep4_restart_of_an_owner_hurts_no_other(rig, name, times):
    """While all do their work: the others go on, in the same life, without an error, and the web server answers each request; the one itself works again. On the
    second board fewer times, but for the web server."""
    rig.load()
    rig.works(*LOADED)
    rig.patience = (3 if name == "httpd" else 20) * PATIENCE  # what was asked of a life that is over gets no answer
    left = times if rig.board == MAKE_BOARD or name == "httpd" else 1
    deaths = 1 + left // 20  # of the emulator: those restarts are done again
    while left > 0:
        try:
            restart(rig, name)
            left -= 1
        except (AssertionError, OSError):
            deaths -= 1
            if deaths < 0 or not rig.emulator_died():
                raise
            rig.again()
    for other in NAMES:
        rig.machine.key("l", rf"{other} +running .* started {rig.lives[other]} times")
    rig.machine.key("v", r"audit: .*: 0 findings")
    rig.nothing_wrong()


@pytest.mark.long
@pytest.mark.limit(7200)
@pytest.mark.parametrize("name", ["httpd", "diskcheck", "linux", "storage"])
def test_sep4_hundred_restarts_of_an_owner(name):
    rig = Rig(MAKE_BOARD)
    try:
        test_sep4_restart_of_an_owner_hurts_no_other(rig, name, 100)
    finally:
        rig.close()


@pytest.mark.limit(600)
def test_linux_waits_for_a_virtual_function_that_is_offline(tmp_path):
    """Its owner starts later than Linux: the driver gets the function only once that has brought it online, and complains of nothing."""
    product = tmp_path / "late"
    product.mkdir()
    table = (ROOT / SHARING / "product.c").read_text()
    (product / "product.c").write_text(table.replace('"sharing"', '"late"').replace('.name = "storage",', '.name = "storage",\n.stopped_at_boot = true,'))
    with Machine(product, MAKE_BOARD) as machine:
        machine.running("linux")
        machine.seen(r"linux\| disk: NVMe function 0000:00:01\.0 is offline; waiting up to 30 s", r"diskcheck\| diskcheck waits: it is a virtual function that is offline",
                     timeout=120)
        machine.keyboard("storage")
        machine.key("r", r"storage\| storage: vf1 online", r"linux\| disk: /dev/nvme0n1, .* mounted on /disk", r"diskcheck\| diskcheck ok 2 ", timeout=60)
        machine.seen(r"linux\| linux# ", timeout=60)
        log_is_clean(Shell(machine))
