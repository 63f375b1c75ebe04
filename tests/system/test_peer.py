# SPDX-License-Identifier: Apache-2.0
"""The web server from the other end of its cable, where QEMU's user network does not stand between: IPv6 from outside, and frames that are none."""
import ipaddress
import json
import os
import struct

import pytest

import peer as net
from lib import PATIENCE, Machine
from peer import ALL_NODES, IPV4, IPV6, LOCAL, MAC, Peer

WEB = "tests/system/products/web"
CARD_BOARD = "qemu-q35-vtd"
CARD = bytes.fromhex("525400123456")  # QEMU's first
HOST = ipaddress.IPv6Address("fe80::5054:ff:fe12:3456")
ROUTED = net.PREFIX[0x505400FFFE123456]

pytestmark = pytest.mark.qemu


@pytest.fixture(scope="module")
def cable(tmp_path_factory):
    with Peer(tmp_path_factory.mktemp("net")) as peer, Machine(WEB, CARD_BOARD, change_command=peer.attach) as machine:
        peer.machine = machine
        machine.running()
        assert peer.resolve(HOST, 60 * PATIENCE) == CARD
        yield peer


def sound(peer):
    """It answers, as ever."""
    assert peer.ping(HOST, seconds=20 * PATIENCE)
    line, body = peer.fetch(HOST, "/status.json", 60 * PATIENCE)
    assert line == "HTTP/1.1 200 OK"
    status = json.loads(body)
    assert status["name"] == "httpd" and status["lives"] == 1
    return status


def test_neighbour_discovery_ping_and_page(cable):
    assert cable.ping(HOST, os.urandom(1000), 20 * PATIENCE)
    status = sound(cable)
    assert str(HOST) in status["net"]["ipv6"]


def test_address_by_a_router(cable):
    """The prefix that is announced becomes an address, which answers from another one."""
    cable.announce()
    cable.machine.seen(rf"httpd\| httpd: IPv6 http://\[{ROUTED}\]/")
    assert cable.resolve(ROUTED, 60 * PATIENCE) == CARD
    assert cable.ping(ROUTED, seconds=20 * PATIENCE)
    line, body = cable.fetch(ROUTED, "/pattern/300000", 120 * PATIENCE)
    assert line == "HTTP/1.1 200 OK" and len(body) == 300000


def echo(data=b"bulkhead"):
    return net.icmp(LOCAL, HOST, net.ECHO, struct.pack("!HH", 9, 9) + data, 64)


def fragment(number, offset, more, payload, protocol=net.ICMP6):
    return net.packet(LOCAL, HOST, net.FRAGMENT, struct.pack("!BBHI", protocol, 0, offset | more, number) + payload)


def header(*changes):
    """An IPv4 packet with bytes changed."""
    data = bytearray(struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, 17, 0) + bytes([10, 0, 2, 2, 10, 0, 2, 15]) + struct.pack("!HHHH", 9, 9, 8, 0))
    for at, value in changes:
        data[at] = value
    return bytes(data)


def bad_sum(payload):
    return payload[:42] + bytes([payload[42] ^ 0x55]) + payload[43:]


SYN = net.tcp(LOCAL, HOST, (9999, 80), 1, 0, net.SYN)
MALFORMED = {
    "short": [CARD + MAC + b"\x86\xdd" + echo()[:count] for count in range(0, 48, 3)] + [CARD + MAC, CARD + MAC + b"\x86", CARD[:3]],
    "bad checksum": [CARD + MAC + b"\x86\xdd" + bad_sum(data) for data in (echo(), SYN, net.udp(LOCAL, HOST, (9, 9), b"x"))]
    + [CARD + MAC + b"\x08\x00" + header()],
    "fragments": [CARD + MAC + b"\x86\xdd" + data for data in (
        [fragment(n, 0, 1, echo()[40:48]) for n in range(64)]  # first ones only
        + [fragment(100, offset, more, b"x" * 64) for offset, more in ((8, 1), (16, 1), (0, 1), (4000, 0))]  # overlapping
        + [fragment(101, 0xFFF8, 0, b"x" * 64), fragment(102, 0, 1, b"x" * 7), fragment(103, 0, 1, b""), fragment(104, 8, 0, b"")])],
    "oversized": [CARD + MAC + b"\x86\xdd" + net.packet(LOCAL, HOST, net.UDP, b"x" * size) for size in (1461, 1500, 4000, 9000, 16000)]
    + [CARD + MAC + b"\x86\xdd" + net.packet(LOCAL, HOST, net.ICMP6, echo()[40:], length=length) for length in (0, 1, 7, 17, 1400, 65535)],
    "VLAN": [CARD + MAC + struct.pack("!HH", net.VLAN, tag) + b"\x86\xdd" + echo() for tag in (0, 1, 4095, 0xFFFF)]
    + [CARD + MAC + struct.pack("!HHHH", net.VLAN, 1, net.VLAN, 2) + b"\x86\xdd" + echo(), CARD + MAC + struct.pack("!H", net.VLAN)],
    "headers": [CARD + MAC + b"\x08\x00" + header(change) for change in ((0, 0x40), (0, 0x4F), (0, 0x55), (2, 255), (3, 10), (6, 0x3F), (9, 255))]
    + [CARD + MAC + b"\x86\xdd" + net.packet(LOCAL, HOST, protocol, b"\0\xff" * 8) for protocol in (0, 43, 50, 51, 60, 135, 255)]
    + [CARD + MAC + b"\x86\xdd" + net.packet(LOCAL, HOST, 0, b"\0\0\1\4\0\0\0\0" * 150)],  # options without end
    "neighbours": [CARD + MAC + b"\x86\xdd" + net.icmp(source, HOST, kind, body) for source in (LOCAL, ALL_NODES, HOST)
                   for kind in (net.SOLICIT, net.ADVERT, net.ROUTER_ADVERT, 137) for body in (b"", bytes(20), bytes(20) + b"\1\0", bytes(20) + b"\2\xff" + MAC)],
    "segments": [CARD + MAC + b"\x86\xdd" + net.tcp(LOCAL, HOST, (9998, 80), 7, 7, flags, b"GET / HTTP/1.0\r\n\r\n", options)
                 for flags in (0, 1, 2, 4, 16, 41, 63) for options in (b"", b"\2\0\2\0", b"\2\xff\0\0", b"\x03\x03\xff\1")],
    "nothing known": [CARD + MAC + struct.pack("!H", kind) + os.urandom(100) for kind in (0, 46, 0x0806, 0x88CC, 0xFFFF, IPV4, IPV6)],
}  # fmt: skip


@pytest.mark.parametrize("kind", MALFORMED)
def test_answers_after(cable, kind):
    """Frames of this kind, many times; then it answers as before, in the same life."""
    before = sound(cable)["net"]
    for _ in range(10):
        for frame in MALFORMED[kind]:
            cable.send_raw(frame)
        cable.wait(lambda *_: None, 0.02)
    after = sound(cable)["net"]
    assert after["restarts"] == before["restarts"]
    assert after["memory_refused"] == before["memory_refused"]
