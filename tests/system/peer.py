# SPDX-License-Identifier: Apache-2.0
"""The other end of a machine's network cable: frames by hand, over a pair of Unix datagram sockets. It is a router that announces a prefix,
answers neighbour solicitations, asks them, pings, and fetches by TCP over IPv6. RFC 8200, 4861, 4443, 9293.

    with Peer(folder) as peer:
        Machine(..., change_command=peer.attach)
        peer.ping(address); peer.fetch(address, "/status.json")"""
import ipaddress
import os
import random
import select
import socket
import struct
import time

from lib import NotInTime

MAC = bytes.fromhex("020000000001")
LOCAL = ipaddress.IPv6Address("fe80::1")
PREFIX = ipaddress.IPv6Network("2001:db8:0:1::/64")
GLOBAL = PREFIX[1]
ALL_NODES = ipaddress.IPv6Address("ff02::1")
IPV4, ARP, VLAN, IPV6 = 0x0800, 0x0806, 0x8100, 0x86DD
FRAGMENT, TCP, UDP, ICMP6, NOTHING = 44, 6, 17, 58, 59
ECHO, ECHO_REPLY, ROUTER_SOLICIT, ROUTER_ADVERT, SOLICIT, ADVERT = 128, 129, 133, 134, 135, 136
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MSS = 1440


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def summed(source, target, protocol, payload, at):
    """The payload with its checksum, which lies at `at`."""
    pseudo = source.packed + target.packed + struct.pack("!II", len(payload), protocol)
    value = checksum(pseudo + payload[:at] + b"\0\0" + payload[at + 2 :]) or 0xFFFF
    return payload[:at] + struct.pack("!H", value) + payload[at + 2 :]


def packet(source, target, protocol, payload, hops=64, length=None):
    head = struct.pack("!IHBB", 6 << 28, len(payload) if length is None else length, protocol, hops)
    return head + source.packed + target.packed + payload


def icmp(source, target, kind, body, hops=255):
    return packet(source, target, ICMP6, summed(source, target, ICMP6, struct.pack("!BBH", kind, 0, 0) + body, 2), hops)


def tcp(source, target, ports, number, acknowledged, flags, data=b"", options=b""):
    head = struct.pack("!HHIIBBHHH", *ports, number & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, (5 + len(options) // 4) << 4, flags, 0xFFFF, 0, 0)
    return packet(source, target, TCP, summed(source, target, TCP, head + options + data, 16))


def udp(source, target, ports, data):
    return packet(source, target, UDP, summed(source, target, UDP, struct.pack("!HHHH", *ports, 8 + len(data), 0) + data, 6))


class Peer:
    def __init__(self, folder):
        self.path, self.far = os.path.join(folder, "peer"), os.path.join(folder, "card")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(self.path)
        self.macs = {}
        self.port = random.randrange(20000, 60000)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def attach(self, words):
        """A QEMU command line whose network net0 is this one."""
        ours = f"dgram,id=net0,local.type=unix,local.path={self.far},remote.type=unix,remote.path={self.path}"
        return [ours if word == "user,id=net0" else word for word in words]

    # --- frames ---

    def send(self, mac, kind, payload):
        self.send_raw(mac + MAC + struct.pack("!H", kind) + payload)

    def send_raw(self, frame):
        self.socket.sendto(frame, self.far)

    def wait(self, wanted, seconds):
        """The first frame for which wanted(mac, kind, payload) says something, which is returned; None after that time. What a
        neighbour and a router must answer is answered meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                break
            frame = self.socket.recv(65536)
            mac, kind, payload = frame[6:12], struct.unpack_from("!H", frame, 12)[0], frame[14:]
            self.serve(mac, kind, payload)
            if (found := wanted(mac, kind, payload)) is not None:
                return found
        return None

    def serve(self, mac, kind, payload):
        if kind != IPV6 or len(payload) < 48 or payload[6] != ICMP6:
            return
        source = ipaddress.IPv6Address(payload[8:24])
        if payload[40] == ROUTER_SOLICIT:
            self.announce()
        if payload[40] == SOLICIT and (target := ipaddress.IPv6Address(payload[48:64])) in (LOCAL, GLOBAL) and int(source):
            self.send(mac, IPV6, icmp(target, source, ADVERT, struct.pack("!I", 7 << 29) + target.packed + b"\2\1" + MAC))

    def announce(self):
        option = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86400, 14400, 0) + PREFIX.network_address.packed
        body = struct.pack("!BBHII", 64, 0, 1800, 0, 0) + b"\1\1" + MAC + option
        self.send(bytes.fromhex("333300000001"), IPV6, icmp(LOCAL, ALL_NODES, ROUTER_ADVERT, body))

    # --- questions ---

    @staticmethod
    def own(address):
        return GLOBAL if address in PREFIX else LOCAL

    def resolve(self, address, seconds=30):
        """The neighbour's MAC address; asked for by multicast each second."""
        last = address.packed[-3:]
        group = ipaddress.IPv6Address(ipaddress.IPv6Address("ff02::1:ff00:0").packed[:13] + last)
        ask = icmp(self.own(address), group, SOLICIT, bytes(4) + address.packed + b"\1\1" + MAC)

        def answer(mac, kind, payload):
            if kind == IPV6 and payload[6] == ICMP6 and payload[7] == 255 and payload[40] == ADVERT and payload[48:64] == address.packed:
                return payload[66:72] if payload[64:66] == b"\2\1" else mac
            return None

        for _ in range(int(seconds)):
            self.send(b"\x33\x33\xff" + last, IPV6, ask)
            if found := self.wait(answer, 1):
                self.macs[address] = found
                return found
        raise AssertionError(f"{address} does not answer a solicitation")

    def ping(self, address, data=b"bulkhead", seconds=10, frame=None):
        """Does the answer to an echo request come back with the same data? `frame` stands for the request."""
        head = struct.pack("!HH", 7, random.randrange(65536))
        source = self.own(address)

        def answer(mac, kind, payload):
            if kind == IPV6 and payload[6] == ICMP6 and payload[40] == ECHO_REPLY and payload[44 : 40 + int.from_bytes(payload[4:6], "big")] == head + data:
                return True
            return None

        self.send(self.macs[address], IPV6, icmp(source, address, ECHO, head + data, 64))
        return bool(self.wait(answer, seconds))

    def fetch(self, address, path, seconds=60):
        """GET; returns (status line, body)."""
        source, self.port = self.own(address), self.port + 1
        ports, number = (self.port, 80), random.randrange(1 << 32)
        request = f"GET {path} HTTP/1.1\r\nHost: [{address}]\r\nConnection: close\r\n\r\n".encode()
        received, expected, sent, end = b"", None, False, time.monotonic() + seconds

        def segment(mac, kind, payload):
            if kind != IPV6 or payload[6] != TCP or payload[40:44] != struct.pack("!HH", 80, ports[0]):
                return None
            length = int.from_bytes(payload[4:6], "big")
            assert checksum(payload[8:40] + struct.pack("!II", length, TCP) + payload[40 : 40 + length]) == 0, "checksum of what it sends"
            return payload[40 : 40 + length]

        while time.monotonic() < end:
            if expected is None:
                self.send(self.macs[address], IPV6, tcp(source, address, ports, number, 0, SYN, options=struct.pack("!BBH", 2, 4, MSS)))
            elif not sent:
                self.send(self.macs[address], IPV6, tcp(source, address, ports, number + 1, expected, ACK | PSH, request))
            while (found := self.wait(segment, 1)) is not None:
                first, acknowledged, offset, flags = struct.unpack_from("!IIBB", found, 4)
                data = found[(offset >> 4) * 4 :]
                assert not flags & RST, "reset by the peer"
                if flags & SYN:
                    expected = first + 1 & 0xFFFFFFFF
                    break
                sent = sent or acknowledged == number + 1 + len(request) & 0xFFFFFFFF
                if expected is None or first != expected:
                    continue
                received += data
                expected = expected + len(data) + (flags & FIN) & 0xFFFFFFFF
                answer = ACK | (flags & FIN)
                self.send(self.macs[address], IPV6, tcp(source, address, ports, number + 1 + len(request), expected, answer))
                if flags & FIN:
                    head, _, body = received.partition(b"\r\n\r\n")
                    return head.split(b"\r\n")[0].decode(), body
        raise NotInTime(f"no answer from [{address}]:80 within {seconds} s, but {received!r:.100}")
