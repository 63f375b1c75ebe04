# SPDX-License-Identifier: Apache-2.0
"""An unmodified Debian Linux in a partition: what it sees, what it complains of, how it ends. One boot of `demo` for most."""
import bz2
import datetime
import gzip
import lzma
import re
import struct
import subprocess
import time

import pytest

from lib import ROOT, Machine

PROMPT_TIME = 180
LOCATION = re.compile(r"^<[0-7]>\[ *\d+\.\d{6}\] ")


class Shell:
    """The Linux shell of the partition that has the raw screen."""

    def __init__(self, machine, number=1):
        self.machine = machine
        machine.keyboard(number)
        machine.key(str(number), "has screen and keyboard")
        machine.type("\r", "linux# ")
        self.count = 0
        self.run("dmesg -n 1")

    def run(self, command, timeout=60):
        """Output of a command, without its echo."""
        self.count += 1
        place = self.machine.place()
        self.machine.send(f"echo begin-{self.count}; {command}; echo end-''{self.count} $?\r")
        match = self.machine.since(place, rf"(?s)begin-{self.count}\r*\n(.*?)end-{self.count} (\d+)\r*\n", timeout=timeout)
        self.status = int(match[2])
        return re.sub(r"\r+\n", "\n", match[1])

    def leave(self):
        self.machine.attention("a")


def booted(machine, name="linux", place=0, life=1):
    running = machine.since(place, rf"partition {name}: running, life {life},", timeout=60)
    machine.since(running.end(), rf"{name}\| linux# ", timeout=PROMPT_TIME)


def log_is_clean(shell):
    """Each rule of linux_log_allowed.txt: expression, two blanks, "# " and the reason."""
    rules = [line for line in (ROOT / "tests/system/linux_log_allowed.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"\S.*  # \S.*", rule) for rule in rules)
    allowed = [rule.split("  # ")[0].rstrip() for rule in rules]
    log = shell.run("dmesg -r")
    assert len(log.splitlines()) > 100
    for word in "BUG", "Oops", "Call Trace", "WARNING: CPU", "WARNING: at", "WARNING: possible":
        assert word not in log, [line for line in log.splitlines() if word in line]
    complaints = [LOCATION.sub("", line) for line in log.splitlines() if re.match("<[0-4]>", line) or "WARNING" in line]
    strangers = [line for line in complaints if not any(re.match(rule, line) for rule in allowed)]
    assert not strangers, "\n".join(strangers)


@pytest.fixture(scope="module")
def shared():
    with Machine("demo") as machine:
        machine.running()
        booted(machine)
        yield machine


@pytest.fixture(scope="module")
def shell(shared):
    return Shell(shared)


def test_banner(shared):
    shared.seen(r"linux\| Linux 6\.\S+, 2 CPUs, 4\d\d MiB, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", r"linux\| watchdog: petted every 10 s")


def test_first_lines_of_linux_are_prefixed_in_the_view_of_all(shared):
    shared.seen(r"^\[ *\d+\.\d{6}\] linux\| \[    0\.000000\] Linux version 6\.")


def test_two_cpus_with_interrupts_between_them(shell):
    assert shell.run("grep -c ^processor /proc/cpuinfo").strip() == "2"
    assert shell.run("cat /sys/devices/system/cpu/online").strip() == "0-1"
    shell.run("taskset 2 true 2>/dev/null; for i in 1 2 3 4 5 6; do ls / >/dev/null & done; wait")
    table = shell.run("cat /proc/interrupts")
    for row in "RES", "CAL", "LOC":
        counts = re.search(rf"^ *{row}: +(\d+) +(\d+)", table, re.M)
        assert int(counts[1]) > 0 and int(counts[2]) > 0, table


def test_memory_is_what_the_table_says(shell):
    """512 MiB less what e820 reserves below 1 MiB, the kernel itself and its page structs."""
    ram = shell.run("cat /proc/iomem")
    pieces = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) : System RAM", ram, re.M)
    assert sum(int(end, 16) + 1 - int(start, 16) for start, end in pieces) in range(511 << 20, (512 << 20) + 1), ram
    assert max(int(end, 16) for _, end in pieces) == (512 << 20) - 1
    total = int(re.search(r"MemTotal: +(\d+) kB", shell.run("cat /proc/meminfo"))[1])
    assert 440 << 10 < total <= 512 << 10


def test_date_is_right(shell):
    there = int(shell.run("date +%s"))
    here = datetime.datetime.now(datetime.timezone.utc).timestamp()
    assert abs(there - here) < 30, (there, here)


def test_clock_runs_at_the_right_rate(shell):
    """Against the host's clock, over several seconds; the emulator's noise is well below a tenth."""
    start = time.monotonic()
    first = float(shell.run("cat /proc/uptime").split()[0])
    time.sleep(10)
    second = float(shell.run("cat /proc/uptime").split()[0])
    host = time.monotonic() - start
    assert 0.75 * host < second - first < 1.1 * host, (second - first, host)


def test_clocksource_is_tsc_and_stable(shell):
    folder = "/sys/devices/system/clocksource/clocksource0"
    assert shell.run(f"cat {folder}/current_clocksource").strip() == "tsc"
    log = shell.run("dmesg")
    assert "unstable" not in log.lower(), [line for line in log.splitlines() if "unstable" in line.lower()]


def test_log_has_no_complaints_but_those_listed(shell):
    log_is_clean(shell)


def test_hardware_that_is_not_in_the_table_is_not_there(shell):
    """Of the board's ten functions and more its own one, behind a bridge that does nothing: what is not in its row does not exist."""
    functions = shell.run("cd /sys/bus/pci/devices; grep . */class").split()
    assert functions == ["0000:00:00.0/class:0x060000", "0000:00:01.0/class:0x010802"]
    assert re.findall(r"^ *(\w+):", shell.run("cat /proc/net/dev"), re.M) in ([], ["lo"])
    assert "hypervisor" in shell.run("cat /proc/cpuinfo") and not re.search(r"\b(svm|vmx)\b", shell.run("grep ^flags /proc/cpuinfo"))


def test_serial_port_uses_interrupts(shell):
    """64 KiB through the emulated UART: by interrupt it takes the time that the console's rate limit allows; polled, 47 s."""

    def interrupts():
        return sum(map(int, re.search(r"^ *\d+: +(\d+) +(\d+) .*ttyS0", shell.run("cat /proc/interrupts"), re.M).groups()))

    before, start = interrupts(), time.monotonic()
    text = shell.run("dd if=/dev/zero bs=1024 count=64 2>/dev/null | tr '\\000' x", timeout=120)
    assert text.count("x") == 65536
    assert time.monotonic() - start < 25
    assert interrupts() - before > 50


def test_typed_text_arrives_whole(shell):
    """A long line, typed fast."""
    line = "".join(chr(ord("a") + i % 26) for i in range(800))
    assert shell.run(f"echo {line}").strip() == line


def test_attention_key_twice_sends_it(shell, shared):
    """cat -v shows Ctrl-] as ^]."""
    place = shared.place()
    shared.send("cat -v; echo over\r")
    shared.drain(0.5)
    shared.send("[")
    shared.attention("\x1d")
    shared.send("]\r\x04")
    shared.since(place, r"\[\^\]\]\s", r"^over")


def test_watchdog_device(shell):
    assert "ib700" in shell.run("cat /sys/class/watchdog/watchdog0/identity; dmesg | grep ib700wdt")
    assert shell.run("pidof watchdog").strip()


def test_sep4_reboot_and_poweroff_as_the_table_says(shell, shared):
    """reboot: again, here; poweroff: stopped until a person starts it; the others never notice."""
    shell.leave()
    place = shared.place()
    shared.send("reboot\r")
    shared.since(place, r"partition linux: reboot, .* action: restart", timeout=60)
    booted(shared, place=place, life=2)
    place = shared.place()
    shared.send("poweroff\r")
    shared.since(place, r"partition linux: poweroff, .* action: stop", "partition linux: stopped", timeout=60)
    shared.key("l", r"1 linux +stopped .*stopped by: poweroff", r"2 control +running .* started 1 times", r"3 httpd +running .* started 1 times",
                   r"4 storage +running .* started 1 times")
    shared.key("r", "partition linux: running, life 3,")
    shared.key("v", r"audit: .*: 0 findings")
    assert "watchdog, value" not in shared.text


def vmlinux(source, target):
    return subprocess.run([ROOT / "partitions/linux/vmlinux.py", source, target], capture_output=True, text=True, timeout=60)


def unpacked_kernel_entered_by_pvh(shell):
    """It finds what it finds as a bzImage: two CPUs, its clock, nothing to complain of."""
    assert shell.run("cat /proc/sys/kernel/bootloader_type").strip() == "176"  # Linux' name for "by PVH, not under Xen": 0xb0
    assert shell.run("cat /sys/devices/system/cpu/online").strip() == "0-1"
    clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource"  # the kernel changes over to it late
    assert shell.run(f"for i in 1 2 3 4 5; do grep -qx tsc {clock} && break; sleep 1; done; cat {clock}").strip() == "tsc"
    ram = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) : System RAM", shell.run("cat /proc/iomem"), re.M)
    assert ram == [("00001000", "0009ffff"), ("00100000", "0fffffff")]
    log_is_clean(shell)


@pytest.mark.limit(600)
def test_sep4_watchdog_of_linux_and_reboot_that_is_not_allowed():
    """The driver lets the watchdog go where it was started with `V`; the table does not let it stop. And on_reboot = stop."""
    with Machine("tests/system/products/penguin") as machine:
        machine.running()
        booted(machine, "penguin")
        unpacked_kernel_entered_by_pvh(Shell(machine))
        machine.attention("a")
        machine.keyboard("penguin")
        machine.drain(20)  # petted every 2 s, due every 15 s
        assert "partition penguin: watchdog" not in machine.text
        place = machine.place()
        machine.send("killall watchdog\r")
        machine.since(place, r"partition penguin: watchdog, .* action: restart", timeout=60)
        booted(machine, "penguin", place, 2)
        place = machine.place()
        machine.send("reboot\r")
        machine.since(place, r"partition penguin: reboot, .* action: stop", "partition penguin: stopped", timeout=60)
        machine.key("l", r"2 keeper +running .* started 1 times")
        assert "all partitions have stopped" not in machine.text


SMALL = """#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "small",
    .description = "Linux as quick as can be, for an emulator that is slow",
    .housekeeping = "linux",
    .all_stopped = ALL_STOPPED_POWEROFF,
    .partitions = {{.name = "linux",
                    .kind = IMAGE_LINUX,
                    .args = "console=ttyS0 cryptomgr.notests",
                    .unpacked = true,
                    .cores = CORES,
                    .memory = MIB(128)}},
};
"""


@pytest.mark.limit(600)
@pytest.mark.parametrize("cores", [1, 2])
def test_small_linux_from_start_to_power_off(tmp_path, cores):
    """On the boards of Bochs too, in three minutes: nothing to unpack, no tests of the kernel's own ciphers."""
    product = tmp_path / f"linux{cores}"
    product.mkdir()
    (product / "product.c").write_text(SMALL.replace("CORES", str(cores)))
    with Machine(product) as machine:
        machine.running(timeout=180)
        booted(machine)
        shell = Shell(machine)
        assert shell.run("cat /sys/devices/system/cpu/online").strip() == ("0" if cores == 1 else "0-1")
        assert shell.run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource").strip() == "tsc"
        log_is_clean(shell)
        machine.send("poweroff -f\r")
        assert machine.powered_off() == 0


def bzimage(body, protocol=0x20f):
    """As much of one as vmlinux.py looks at: two sectors of setup, then the compressed kernel after a gap."""
    head = bytearray(1024 + 100)
    head[0x1f1], head[0x1fe:0x200], head[0x202:0x206] = 1, b"\x55\xaa", b"HdrS"
    struct.pack_into("<H", head, 0x206, protocol)
    struct.pack_into("<II", head, 0x248, 100, len(body))
    return bytes(head) + body + b"behind it"


def test_vmlinux_is_what_was_packed(tmp_path):
    """Whatever Python itself unpacks; what follows the ELF file for the decompressor is left out."""
    elf = bytearray(b"\x7fELF\x02\x01".ljust(5000, b"k"))
    struct.pack_into("<Q", elf, 40, 5000 - 3 * 64)
    struct.pack_into("<HH", elf, 58, 64, 3)
    data = bytes(elf) + b"relocations"
    size = struct.pack("<I", len(data))
    packed = {"xz": lzma.compress(data) + size, "gzip": gzip.compress(data), "bzip2": bz2.compress(data) + size,
              "lzma": lzma.compress(data, lzma.FORMAT_ALONE) + size}
    for name, body in packed.items():
        (tmp_path / name).write_bytes(bzimage(body))
        run = vmlinux(tmp_path / name, tmp_path / "out")
        assert (run.returncode, run.stdout, run.stderr) == (0, "", ""), name
        assert (tmp_path / "out").read_bytes() == elf, name


def test_vmlinux_says_what_is_wrong(tmp_path):
    size = struct.pack("<I", 4)
    whole = bzimage(lzma.compress(b"text") + size)
    cases = [(b"x" * 4096, "is not a bzImage"), (b"\x7fELF" * 400, "is unpacked already"), (whole[:0x260], "is not a bzImage"), (bzimage(b"", 0x207), "boot protocol 2.07"),
             (whole[:-20], "is cut short"), (bzimage(b"none of them"), "something unknown"), (whole, "not a 64-bit ELF file"),
             (bzimage(lzma.compress(b"text") + b"\0" * 4), "for 4 bytes, and says 0"),
             (bzimage(lzma.compress(b"text")[:-9] + size), "damaged xz|for 4 bytes|for 0 bytes"),
             (bzimage(b"\xfd7zXZ\0" + b"z" * 40), "damaged xz")]
    for content, reason in cases:
        (tmp_path / "in").write_bytes(content)
        run = vmlinux(tmp_path / "in", tmp_path / "out")
        assert run.returncode == 1 and re.fullmatch(rf"vmlinux: {tmp_path}/in: .*({reason}).*\n", run.stderr), run.stderr
        assert not (tmp_path / "out").exists()
