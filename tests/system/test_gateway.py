# SPDX-License-Identifier: Apache-2.0
"""The router between a Linux on a cable and a peer program that plays the world outside, in VLAN 20: what it translates, refuses, forwards,
and tells. One boot."""
import ipaddress
import re
import select
import struct
import threading
import time

import pytest

from lib import DEFAULT_BOARD, PATIENCE, Machine
from peer import ACK, ARP, FIN, IPV4, PSH, RST, SYN, TCP, UDP, VLAN, Peer, checksum
from test_linux import Shell, booted

GATEWAY = "tests/system/products/vlan"
TAG = 20
ROUTER = ipaddress.IPv4Address("10.0.2.5")
GATE = ipaddress.IPv4Address("10.0.2.1")
SERVER = ipaddress.IPv4Address("10.0.2.9")  # also in the net that the forwarded port is open to
STRANGER = ipaddress.IPv4Address("10.0.2.77")  # not in it
FAR = ipaddress.IPv4Address("198.51.100.7")  # behind the outer gateway
MAC = bytes.fromhex("020000000001")
CARD = bytes.fromhex("525400123456")
ICMP, ECHO, REPLY = 1, 8, 0
PAGE = b"hello from outside\n" * 400  # several segments
NOW = 1796000000  # 2026-11-30, what the server outside says
FROM_1900 = 2208988800
MSS = 1000

pytestmark = pytest.mark.qemu


def packet(source, target, protocol, payload, hops=64):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, 0, hops, protocol, 0) + source.packed + target.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def summed(source, target, protocol, payload, at):
    pseudo = source.packed + target.packed + struct.pack("!BBH", 0, protocol, len(payload))
    value = checksum(pseudo + payload[:at] + b"\0\0" + payload[at + 2 :]) or 0xFFFF
    return payload[:at] + struct.pack("!H", value) + payload[at + 2 :]


def tcp(source, target, ports, number, acknowledged, flags, data=b""):
    options = struct.pack("!BBH", 2, 4, MSS) if flags & SYN else b""
    head = struct.pack("!HHIIBBHHH", *ports, number & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, (5 + len(options) // 4) << 4, flags, 0xFFFF, 0, 0)
    return packet(source, target, TCP, summed(source, target, TCP, head + options + data, 16))


def udp(source, target, ports, data):
    return packet(source, target, UDP, summed(source, target, UDP, struct.pack("!HHHH", *ports, 8 + len(data), 0) + data, 6))


class World(Peer):
    """All hosts outside: answers ARP for each, echoes, serves PAGE on port 80 and the time, keeps messages. In a thread of its own."""

    def __init__(self, folder):
        super().__init__(folder)
        self.lock, self.ended = threading.Lock(), False
        self.packets, self.messages, self.untagged, self.arp_untagged = [], [], 0, 0
        self.broken, self.got = [], {}
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def __exit__(self, *arguments):
        self.ended = True
        self.thread.join()
        super().__exit__(*arguments)

    def tagged(self, kind, payload, tag=TAG):
        head = CARD + MAC + (struct.pack("!HH", VLAN, tag) if tag else b"")
        try:
            self.send_raw(head + struct.pack("!H", kind) + payload)
        except OSError:
            pass  # the machine has ended

    def loop(self):
        while not self.ended:
            if not select.select([self.socket], [], [], 0.1)[0]:
                continue
            frame = self.socket.recv(65536)
            if struct.unpack_from("!H", frame, 12)[0] != VLAN or struct.unpack_from("!H", frame, 14)[0] != TAG:
                self.untagged += 1
                continue
            kind, payload = struct.unpack_from("!H", frame, 16)[0], frame[18:]
            if kind == ARP and payload[7] == 1 and payload[24:28] != ROUTER.packed:
                self.tagged(ARP, struct.pack("!HHBBH", 1, IPV4, 6, 4, 2) + MAC + payload[24:28] + payload[8:18])
            if kind == IPV4:
                self.take(payload[: struct.unpack_from("!H", payload, 2)[0]])

    def take(self, data):
        source, target, protocol, body = ipaddress.IPv4Address(data[12:16]), ipaddress.IPv4Address(data[16:20]), data[9], data[20:]
        pseudo = b"" if protocol == ICMP else data[12:20] + struct.pack("!BBH", 0, protocol, len(body))
        if checksum(data[:20]) or checksum(pseudo + body):
            self.broken.append(data)
        with self.lock:
            self.packets.append((source, target, protocol, body, data[8]))
        if protocol == ICMP and body[0] == ECHO:
            reply = bytes([REPLY, 0, 0, 0]) + body[4:]
            self.tagged(IPV4, packet(target, source, ICMP, reply[:2] + struct.pack("!H", checksum(reply)) + reply[4:]))
        ports = struct.unpack_from("!HH", body)
        if protocol == UDP and ports[1] == 514:
            self.messages.append(body[8:].decode())
        if protocol == UDP and ports[1] == 123 and target == SERVER:
            answer = b"\x24\x02\0\xec" + bytes(20) + body[48:56] + struct.pack("!II", NOW + FROM_1900, 0) * 2
            self.tagged(IPV4, udp(target, source, ports[::-1], answer))
        if protocol == TCP and ports[1] == 80:
            self.serve_page(source, target, ports, body)

    def serve_page(self, source, target, ports, body):
        """One request for one page, without memory: what is acknowledged says what comes next."""
        number, acknowledged, offset, flags = struct.unpack_from("!IIBB", body, 4)
        data, first = body[(offset >> 4) * 4 :], 1000
        answer = f"HTTP/1.0 200 OK\r\nContent-Length: {len(PAGE)}\r\n\r\n".encode() + PAGE
        if flags & RST:
            return
        if flags & SYN:
            self.tagged(IPV4, tcp(target, source, ports[::-1], first, number + 1, SYN | ACK))
            return
        asked = number + len(data) + (flags & FIN)
        done = acknowledged - first - 1 & 0xFFFFFFFF
        if flags & FIN:
            self.tagged(IPV4, tcp(target, source, ports[::-1], acknowledged, asked, ACK))
        elif data or 0 < done < len(answer):
            for at in range(done, min(done + 3 * MSS, len(answer)), MSS):
                piece = answer[at : at + MSS]
                end = FIN if at + MSS >= len(answer) else 0
                self.tagged(IPV4, tcp(target, source, ports[::-1], first + 1 + at, asked, ACK | PSH | end, piece))

    # --- what has come ---

    def seen(self, wanted, seconds=20):
        """The first packet (source, target, protocol, body, hops) that is wanted; None after that time."""
        end = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < end:
            with self.lock:
                for found in self.packets:
                    if wanted(*found):
                        return found
            time.sleep(0.05)
        return None

    def message(self, pattern, seconds=20):
        """The first message to syslog in which this is."""
        end = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < end:
            for message in list(self.messages):
                if re.search(pattern, message):
                    return message
            time.sleep(0.1)
        return None

    def forget(self):
        with self.lock:
            self.packets.clear()

    def fetch_forwarded(self, source, port=8080, tag=TAG, seconds=20):
        """GET from our port 8080 of the router, by hand; the body, or None if nobody answers."""
        ports, number, received, expected = (30000 + port % 1000 + source.packed[3], port), 5000, b"", None
        request = b"GET /index.html HTTP/1.0\r\n\r\n"
        self.forget()
        self.tagged(IPV4, tcp(source, ROUTER, ports, number, 0, SYN), tag)
        end, done = time.monotonic() + seconds * PATIENCE, 0
        while time.monotonic() < end:
            with self.lock:
                mine = [body for s, t, p, body, _ in self.packets if p == TCP and t == source and struct.unpack_from("!HH", body) == ports[::-1]]
            for body in mine[done:]:
                done += 1
                first, _, offset, flags = struct.unpack_from("!IIBB", body, 4)
                data = body[(offset >> 4) * 4 :]
                if flags & SYN:
                    expected = first + 1
                    self.tagged(IPV4, tcp(source, ROUTER, ports, number + 1, expected, ACK | PSH, request))
                elif expected is not None and first == expected:
                    received, expected = received + data, expected + len(data) + (flags & FIN)
                    self.tagged(IPV4, tcp(source, ROUTER, ports, number + 1 + len(request), expected, ACK | (flags & FIN)))
                    if flags & FIN:
                        return received.partition(b"\r\n\r\n")[2]
            time.sleep(0.05)
        return None


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with World(tmp_path_factory.mktemp("net")) as world, Machine(GATEWAY, DEFAULT_BOARD, change_command=world.attach) as machine:
        world.machine = machine
        booted(machine)
        machine.seen(r"router\| router: outside 10\.0\.2\.5")
        world.shell = Shell(machine)
        yield world


def test_pings_are_translated(world):
    """Seen outside: the router's address, one hop less; the answer comes back in. Also through the outer gateway."""
    for target in SERVER, FAR:
        output = world.shell.run(f"ping -c 2 -W 5 {target}")
        assert world.shell.status == 0 and " 0% packet loss" in output, output
        source, _, _, body, hops = world.seen(lambda s, t, p, body, h: t == target and p == ICMP)
        assert source == ROUTER and hops == 63
        assert 0x8000 <= struct.unpack_from("!H", body, 4)[0] < 0xC000
    assert "192.168.7.1" in world.shell.run("ping -c 1 -W 5 192.168.7.1") and world.shell.status == 0


def test_a_page_from_outside(world):
    """By TCP through the translation, byte for byte, from a near server and from one behind the outer gateway."""
    for target in SERVER, FAR:
        world.forget()
        output = world.shell.run(f"wget -q -O /tmp/page http://{target}/page && md5sum </tmp/page && wc -c </tmp/page", 120)
        assert world.shell.status == 0 and str(len(PAGE)) in output, output
        assert all(s == ROUTER for s, _, _, _, _ in world.packets)
    assert world.broken == []


def test_what_no_rule_allows_is_not_forwarded(world):
    """A denied port, a denied net, a protocol without a rule; nothing of it is seen outside, and the router says so."""
    world.forget()
    world.shell.run(f"nc -w 3 {SERVER} 25 </dev/null; nc -w 3 {SERVER} 81 </dev/null; nslookup host.example {SERVER}; nslookup host.example {FAR}", 120)
    assert world.seen(lambda s, t, p, body, h: p == TCP and struct.unpack_from("!H", body, 2)[0] == 81)  # allowed, and nobody there
    assert not world.seen(lambda s, t, p, body, h: p == TCP and struct.unpack_from("!H", body, 2)[0] == 25, 0.1)
    assert not world.seen(lambda s, t, p, body, h: p == UDP and struct.unpack_from("!H", body, 2)[0] == 53, 0.1)
    assert world.message(r"from inside: tcp 192\.168\.7\.2:\d+ to 10\.0\.2\.9:25, and \d+ more")


def test_a_forwarded_port(world):
    """From outside to the web server inside; not for a stranger, not another port, not without the tag."""
    world.shell.run("mkdir -p /tmp/www; seq 1 2000 >/tmp/www/index.html; httpd -p 80 -h /tmp/www")
    page = world.fetch_forwarded(SERVER)
    assert page == b"".join(b"%d\n" % n for n in range(1, 2001))
    assert world.fetch_forwarded(STRANGER, seconds=3) is None
    assert world.fetch_forwarded(SERVER, port=80, seconds=3) is None
    assert world.fetch_forwarded(SERVER - 2, tag=TAG + 1, seconds=3) is None
    assert world.fetch_forwarded(SERVER - 2, tag=0, seconds=3) is None
    assert world.fetch_forwarded(SERVER - 2) == page
    assert world.broken == []


def test_vlan(world):
    """Whatever has left has the tag; an echo without it, or with another, is not answered."""

    def ping(number, tag):
        body = struct.pack("!BBHHH", ECHO, 0, 0, 77, number) + b"vlan"
        world.tagged(IPV4, packet(SERVER, ROUTER, ICMP, body[:2] + struct.pack("!H", checksum(body)) + body[4:]), tag)
        return world.seen(lambda s, t, p, got, h: s == ROUTER and p == ICMP and got[0] == REPLY and got[6:8] == struct.pack("!H", number), 3)

    assert ping(1, TAG)
    assert not ping(2, 0) and not ping(3, TAG + 1)
    assert ping(4, TAG)
    assert world.untagged == 0


def test_spoofed_and_unasked_packets_stay_outside(world):
    """A source inside, an answer to nothing, a packet for the net inside: the interface of the Linux counts none of them."""
    before = int(world.shell.run("cat /sys/class/net/eth0/statistics/rx_packets"))
    inside = ipaddress.IPv4Address("192.168.7.2")
    for source, target, ports in (inside, ROUTER, (80, 8080)), (SERVER, inside, (80, 80)), (SERVER, ROUTER, (80, 0x8000)):
        for flags in SYN, ACK, SYN | ACK, RST:
            world.tagged(IPV4, tcp(source, target, ports, 1, 1, flags))
    time.sleep(2)
    after = int(world.shell.run("cat /sys/class/net/eth0/statistics/rx_packets"))
    assert after == before


def test_messages(world):
    """RFC 5424: priority, version, time or none, host, program, none, kind, none, text."""
    form = re.compile(r"<(\d+)>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (router) router - ([a-z]+) - (.+)")
    assert world.message("- refused -")
    parsed = [form.fullmatch(message) for message in world.messages]
    assert all(parsed), world.messages
    kinds = {match[4]: match for match in parsed}
    assert {"start", "address", "time", "refused"} <= set(kinds)
    assert kinds["start"][5] == "inside 192.168.7.1, 4 rules, 1 forwarded ports, VLAN 20"
    assert int(kinds["refused"][1]) == 3 * 8 + 4 and kinds["refused"][2].startswith("2026-11-30T")


def test_messages_of_those_inside_go_to_the_log_host(world):
    """As the Linux made them, from the router's address."""
    world.shell.run("syslogd -R 192.168.7.1; sleep 1; logger -t inside fire in the engine room")
    message = world.message("inside: fire in the engine room")
    assert re.match(r"<13>[A-Z][a-z]{2} .*inside: fire in the engine room", message), message
    assert world.seen(lambda source, target, protocol, body, _: b"engine room" in body)[:2] == (ROUTER, SERVER)


def test_the_time_is_offered_inside(world):
    """The router has it from outside; the Linux asks the router."""
    assert world.shell.run("date -s '2001-01-01 00:00:00' >/dev/null; sntp 192.168.7.1; date -u +%s").splitlines()[0] == "sntp: clock set"
    now = int(world.shell.run("date -u +%s"))
    assert NOW <= now < NOW + 3600


def test_the_router_starts_again(world):
    """Connections of before are gone; new ones work, with the address that it had."""
    machine = world.machine
    world.shell.leave()
    place = machine.place()
    machine.keyboard("router")
    machine.key("r", "partition router: running, life 2")
    machine.since(place, r"router\| router: outside 10\.0\.2\.5")
    shell = Shell(machine)
    for _ in range(20):
        output = shell.run(f"ping -c 1 -W 2 {SERVER}")
        if shell.status == 0:
            break
    assert " 0% packet loss" in output
    shell.run(f"wget -q -O /tmp/page http://{SERVER}/page && wc -c </tmp/page", 120)
    assert shell.status == 0
    shell.leave()
