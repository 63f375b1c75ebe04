# SPDX-License-Identifier: Apache-2.0
"""`make run` as README.md promises it, on each board of QEMU: Linux mounts its disk by itself, the web server answers at the port that was
named, who hands out the disk has done so, and all that is left running ends by the key."""
import json
import re
import socket
import urllib.error
import urllib.request

import pexpect
import pytest

from lib import MAKE_BOARD, PATIENCE, ROOT
from messages import OURS, STAMP
from test_build import clean_environment

OTHER = {"qemu-q35-vtd": "qemu-q35-amd", "qemu-q35-amd": "qemu-q35-vtd"}[MAKE_BOARD]
REST = r"[^\r\n]*"


def said(name, pattern):
    return rf"{STAMP}{name}\| {pattern}"


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30 * PATIENCE) as answer:
        return answer.headers["Content-Type"], answer.read()


@pytest.mark.qemu
@pytest.mark.limit(600)
@pytest.mark.parametrize("board", [None, pytest.param(OTHER, marks=pytest.mark.boards)], ids=[MAKE_BOARD, OTHER])
def test_demo(board):
    """Without BOARD= on the default one. The first port is taken, by us or by somebody else."""
    with socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", 8080))
        except OSError:
            pass
        run = pexpect.spawn("make", ["--no-print-directory", "run", *([f"BOARD={board}"] if board else [])], cwd=str(ROOT), echo=False,
                            env={**clean_environment(), "TERM": "dumb"}, encoding="utf-8", codec_errors="replace", dimensions=(50, 400))
        try:
            run.expect(r"http://127\.0\.0\.1:(\d+)/ is port 80 of partition httpd", timeout=400 * PATIENCE)
            port = int(run.match[1])
            assert port > 8080
            run.expect(rf"{OURS}Bulkhead {REST} product demo on board {board or MAKE_BOARD}\r", timeout=60 * PATIENCE)
            run.expect(rf"{OURS}audit: 4 partitions, {REST}: 0 findings\r\n{OURS}audit: 65536 PCI requesters, ", timeout=60 * PATIENCE)
            wanted = [said("linux", r"disk: /dev/nvme0n1, NVMe function 0000:00:01\.0, \d+ MiB, mounted on /disk"),
                      said("httpd", r"httpd: IPv4 10\.0\.2\.15/24"), said("control", "control: life 1"), said("storage", "storage: vf1 online")]
            while wanted:  # in any order
                wanted.pop(run.expect(wanted, timeout=180 * PATIENCE))
            kind, page = get(port, "/")
            assert kind.startswith("text/html") and b"10.0.2.15" in page
            status = json.loads(get(port, "/status.json")[1])
            assert status["name"] == "httpd" and status["net"]["ipv4"] == "10.0.2.15/24" and status["uptime"] >= 0
            for path in sorted((ROOT / "config/demo/www").iterdir()):
                assert f'href="/files/{path.name}"'.encode() in get(port, "/files/")[1]
                assert get(port, f"/files/{path.name}")[1] == path.read_bytes()
            with pytest.raises(urllib.error.HTTPError, match="404"):
                get(port, "/files/none")
            run.send("\x1dv")
            run.expect(rf"{OURS}audit: 4 partitions, {REST}: 0 findings\r", timeout=30 * PATIENCE)
            run.send("\x1dq")
            run.expect(rf"{OURS}power off by the console", timeout=30 * PATIENCE)
            run.expect(pexpect.EOF, timeout=60 * PATIENCE)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            pytest.fail(f"{type(error).__name__}; last:\n{run.before[-3000:]}")
        finally:
            run.close(force=True)
        assert run.exitstatus == 0
