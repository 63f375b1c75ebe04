# SPDX-License-Identifier: Apache-2.0
"""Virtio ports: a Linux with its own drivers at the ends of network cables, unikernels at the others."""
import hashlib
import re

import pytest

from lib import Machine
from test_linux import PROMPT_TIME, Shell
from test_net import pattern

PORTS = "tests/system/products/ports"
CABLE = "tests/system/products/cable"
HOSTS = ("10.1.0.2", "10.2.0.2")


def fetch(shell, host, size):
    got = shell.run(f"fetch {host} /pattern/{size} | sha256sum", timeout=120)
    assert got.split()[0] == hashlib.sha256(pattern(size)).hexdigest(), (host, size)


def linux_is_up(machine, place):
    up = machine.since(place, r"linux\| ports: eth1 \S+ 10\.2\.0\.1/24", timeout=PROMPT_TIME)
    machine.since(up.end(), r"linux\| linux# ", timeout=PROMPT_TIME)


@pytest.fixture(scope="module")
def machine():
    with Machine(PORTS) as machine:
        linux_is_up(machine, 0)
        yield machine


@pytest.fixture(scope="module")
def shell(machine):
    machine.keyboard("linux")
    return Shell(machine)


def test_the_functions_are_seen(shell):
    """Both in Linux's list of functions, with the table's address and with one that is made, which is of one station."""
    assert shell.run("cat /sys/bus/pci/devices/0000:00:0[12].0/device").split() == ["0x1041", "0x1041"]
    assert shell.run("cat /sys/class/net/eth0/address").strip() == "02:00:00:00:00:11"
    assert int(shell.run("cat /sys/class/net/eth1/address")[:2], 16) & 3 == 2
    assert "MSI-X" in shell.run("grep virtio /proc/interrupts") or "PCI-MSI" in shell.run("grep virtio /proc/interrupts")


def test_files_over_both_cables(shell):
    for host in HOSTS:
        for size in (0, 1, 1460, 100000):
            fetch(shell, host, size)
    fetch(shell, HOSTS[0], 3000000)


def test_no_frame_was_refused(shell):
    """Neither side has seen one that it would not take."""
    for card in ("eth0", "eth1"):
        for what in ("rx_errors", "tx_errors", "rx_dropped"):
            assert shell.run(f"cat /sys/class/net/{card}/statistics/{what}").strip() == "0", (card, what)
    assert int(shell.run("cat /sys/class/net/eth0/statistics/rx_packets")) > 2000


def test_a_peer_that_starts_again_is_found_again(machine, shell):
    for life in (2, 3):
        place = machine.place()
        shell.leave()
        machine.keyboard("web")
        machine.attention("r")
        machine.since(place, rf"partition web: running, life {life},", timeout=60)
        machine.keyboard("linux")
        shell = Shell(machine)
        machine.drain(2)
        fetch(shell, HOSTS[0], 100000)
    fetch(shell, HOSTS[1], 1000)


def test_a_linux_that_starts_again_finds_its_peers(machine, shell):
    place = machine.place()
    shell.leave()
    machine.keyboard("linux")
    machine.attention("r")
    life = machine.since(place, r"partition linux: running, life 2,", timeout=60)
    linux_is_up(machine, life.end())
    machine.keyboard("linux")
    shell = Shell(machine)
    for host in HOSTS:
        fetch(shell, host, 100000)


def test_two_unikernels_on_a_cable():
    """Each byte compared, before and after either end starts again, one of them in the middle."""
    with Machine(CABLE) as machine:
        machine.seen(r"reader\| nettest: asks 10\.1\.0\.2", r"web\| httpd: IPv4 10\.1\.0\.2/24")

        def fetched(size):
            machine.keyboard("reader")
            machine.type(f"{size}\r", rf"reader\| nettest: fetched {size} bytes, 0 wrong, whole", timeout=60)

        for size in (0, 1, 1460, 3000000):
            fetched(size)
        machine.keyboard("web")
        machine.key("r", r"partition web: running, life 2", r"web\| httpd: IPv4 10\.1\.0\.2/24")
        fetched(1000000)
        machine.send("50000000\r")
        machine.drain(1)
        machine.key("r", r"partition reader: running, life 2", r"reader\| nettest: asks 10\.1\.0\.2")
        fetched(1000000)
        assert "nettest: fetched 50000000" not in machine.text
