# SPDX-License-Identifier: Apache-2.0
"""The network library and the web server: alone, and with the network card of a board that has one."""
import hashlib
import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

import messages
from lib import PATIENCE, ROOT, Machine, build_product

NET = "tests/system/products/net"
WEB = "tests/system/products/web"
CARD_BOARD = "qemu-q35-vtd"  # the one whose network card is behind a port that isolates it

ACCEPTED = 0.03  # seconds after which QEMU's user network takes the next connection: it lets one wait


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pattern(size):
    """What /pattern/SIZE is: 65,521 bytes of a generator, again and again."""
    state, period = 1, bytearray()
    for _ in range(65521):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        period.append(state >> 16 & 0xFF)
    return (bytes(period) * (size // 65521 + 1))[:size]


class Web:
    """A machine whose web server is reached through a port of the host."""

    def __init__(self):
        self.port = free_port()
        forward = f"user,id=net0,hostfwd=tcp:127.0.0.1:{self.port}-:80"
        self.machine = Machine(WEB, CARD_BOARD, change_command=lambda words: [word.replace("user,id=net0", forward) for word in words])
        self.machine.seen(r"httpd\| httpd: IPv4 10\.0\.2\.15/24, gateway 10\.0\.2\.2 \(dhcp\): http://10\.0\.2\.15/", timeout=60)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60 * PATIENCE)

    def get(self, path):
        connection = self.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    def status(self):
        return json.loads(self.get("/status.json")[1])


@pytest.fixture(scope="module")
def web():
    web = Web()
    yield web
    web.machine.close()


def test_web_server_answers_over_its_loopback():
    """Pages, files of the product, errors, 100 connections at a time, 1,000 requests, 20 MB with every byte compared, IPv4 and IPv6."""
    with Machine(NET) as machine:
        verdict = machine.expect(r"net\| nettest: (passed|FAILED[^\r\n]*)", 300)[1]
        assert verdict == "passed"
        machine.expect(r"partition net: exit, value 0x0,", 20)


@pytest.mark.qemu
def test_pages_and_files(web):
    answer, body = web.get("/")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/html") and b"10.0.2.15/24" in body
    answer, body = web.get("/files/index.html")
    assert answer.status == 200 and body == b"<!DOCTYPE html><title>hello</title><p>hello\n"
    assert web.get("/files/none")[0].status == 404
    status = web.status()
    assert status["name"] == "httpd" and status["net"]["ipv4"] == "10.0.2.15/24" and status["net"]["link"]
    web.machine.seen(r"httpd\| httpd: IPv6 http://\[fec0::5054:ff:fe12:3456\]/")  # as QEMU's router announces it


@pytest.mark.qemu
def test_sep5_health_of_those_that_the_table_names(web):
    """State and starts of one of the two others, as JSON and as a page; the third is on neither."""
    machine = web.machine
    machine.running("seen", "unseen")
    assert web.status()["partitions"] == [{"name": "seen", "state": "running", "starts": 1}]
    machine.keyboard("seen")
    machine.key("r", "partition seen: running, life 2")
    assert web.status()["partitions"] == [{"name": "seen", "state": "running", "starts": 2}]
    machine.type("exit 3\r", "partition seen: stopped")
    assert web.status()["partitions"] == [{"name": "seen", "state": "stopped", "starts": 2}]
    page = web.get("/")[1]
    assert b"<th>seen</th><td>stopped, started 2 times" in page and b"unseen" not in page


@pytest.mark.qemu
def test_one_hundred_megabytes_arrive_as_they_were(web):
    size = 100_000_000
    connection = web.connect()
    connection.request("GET", f"/pattern/{size}")
    answer, seen, received = connection.getresponse(), hashlib.sha256(), 0
    while piece := answer.read(1 << 20):
        seen.update(piece)
        received += len(piece)
    connection.close()
    assert received == size
    assert seen.hexdigest() == hashlib.sha256(pattern(size)).hexdigest()


def exits(web):
    counters = web.machine.key("c", rf"{messages.OURS}core \d+, httpd/0: .*\n(?:{messages.OURS}   .*\n)+")[0]
    return {kind: int(count) for kind, count in re.findall(r"([a-z_]+) (\d+)", counters.split("hypervisor", 1)[1])}


@pytest.mark.qemu
def test_a_request_costs_few_exits(web):
    """The end of each interrupt, of which QEMU's interrupt controller knows no other way, and now and then the timer."""
    before, connection = exits(web), web.connect()
    for _ in range(1000):
        connection.request("GET", "/pattern/700")  # the status page asks for the health of others
        connection.getresponse().read()
    after = exits(web)
    grown = {kind: after[kind] - before.get(kind, 0) for kind in after if after[kind] != before.get(kind, 0)}
    assert grown.pop("msr_write") < 4000 and set(grown) <= {"kick"}, grown


@pytest.mark.qemu
def test_one_hundred_connections_at_a_time(web):
    """From outside; that the server has a hundred open at a time shows over its loopback."""
    before, wanted, bodies = web.status()["server"], pattern(500_000), []

    def fetch():
        bodies.append(web.get("/pattern/500000")[1] == wanted)

    threads = [threading.Thread(target=fetch) for _ in range(100)]
    for thread in threads:
        thread.start()
        time.sleep(ACCEPTED)
    for thread in threads:
        thread.join(120 * PATIENCE)
    assert bodies == [True] * 100
    after = web.status()["server"]
    assert after["requests"] >= before["requests"] + 100 and after["turned_away"] == before["turned_away"]


@pytest.mark.qemu
def test_slow_clients_starve_nobody(web):
    """128 who say nothing and 128 who do not fetch what they asked for: others are served meanwhile."""
    slow = []
    for _ in range(128):
        slow.append(socket.create_connection(("127.0.0.1", web.port)))
        time.sleep(ACCEPTED)
    assert web.get("/files/index.html")[0].status == 200
    for client in slow:
        client.sendall(b"GET /zeros/100000000 HTTP/1.0\r\n")  # and nothing more
    assert web.get("/files/index.html")[0].status == 200
    for client in slow:
        client.close()
    assert web.get("/files/index.html")[0].status == 200


@pytest.mark.qemu
def test_a_client_may_come_again_from_its_port(web):
    """Ports are picked at random, and the server keeps the pair of ends of what it closed for two minutes: such a client hung as long."""
    port = free_port()
    for _ in range(5):
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.settimeout(20 * PATIENCE)
            client.bind(("127.0.0.1", port))
            client.connect(("127.0.0.1", web.port))
            client.sendall(b"GET /files/index.html HTTP/1.0\r\n\r\n")
            answer = b""
            while piece := client.recv(1000):  # until the server has closed: then nobody waits on our side
                answer += piece
            assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"hello\n")
        time.sleep(0.2)


@pytest.mark.qemu
def test_requests_that_are_none(web):
    for request, status in ((b"nonsense\r\n\r\n", b"400"), (b"POST / HTTP/1.0\r\n\r\n", b"405"), (b"GET / HTTP/1.0\r\nA: " + b"a" * 4000, b"431"),
                            (b"GET /" + b"a" * 500 + b" HTTP/1.0\r\n\r\n", b"414"), (b"GET / HTTP/3.0\r\n\r\n", b"505")):
        with socket.create_connection(("127.0.0.1", web.port), timeout=30 * PATIENCE) as client:
            client.sendall(request)
            assert client.recv(1000).startswith(b"HTTP/1.1 " + status)
    assert web.get("/")[0].status == 200


@pytest.mark.qemu
def test_make_run_says_where_the_pages_are():
    """The port that it names answers; a taken one is passed over."""
    with socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", 8080))
        except OSError:
            pass  # by somebody else: as good
        build = build_product(WEB, CARD_BOARD)
        run = subprocess.Popen([sys.executable, ROOT / "config/tool/run.py", "--command", build.folder / "run.args", "--image", build.image,
                                "--partition", "httpd", "--serves", "httpd", "80", "--seconds", str(30 * PATIENCE)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            port, text = None, ""
            for line in run.stdout:
                text += line
                named = re.search(r"http://127\.0\.0\.1:(\d+)/ is port 80 of partition httpd", line)
                port = named[1] if named else port
                if "httpd: IPv4 10.0.2.15/24" in line:
                    break
            assert port and int(port) > 8080, text
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/status.json", timeout=30 * PATIENCE) as answer:
                assert json.load(answer)["name"] == "httpd"
        finally:
            run.terminate()
            run.communicate(timeout=60)
