# SPDX-License-Identifier: Apache-2.0
"""The reader of a serial line: nobody who writes waits for one who does not look."""
import os
import socket
import time

import pytest
from reader import LOOK, Reader

BYTES = 20000  # of those a socket alone holds a few hundred, sent one by one


@pytest.fixture
def line():
    near, far = socket.socketpair()
    far.setblocking(False)
    with near, far, Reader(near) as reader:
        yield reader, far


def sent(far):
    """How many single bytes find room, a breath between any two pieces of them."""
    count = 0
    try:
        while count < BYTES:
            far.send(bytes([count % 251]))
            count += 1
            if count % 100 == 0:
                time.sleep(0.005)
    except BlockingIOError:
        pass
    return count


def test_nobody_looks(line):
    reader, far = line
    assert sent(far) == BYTES
    held = b""
    while len(held) < BYTES:
        held += os.read(reader.fd, BYTES)
    assert held == bytes(count % 251 for count in range(BYTES))


def test_pause(line):
    reader, far = line
    with reader.pause():
        assert 0 < (count := sent(far)) < BYTES
    held = b""
    while len(held) < count:
        held += os.read(reader.fd, BYTES)


def test_its_end_is_seen(line):
    reader, far = line
    far.send(b"last")
    far.close()
    assert os.read(reader.fd, 10) == b"last"
    assert os.read(reader.fd, 10) == b""


def test_stop_with_all_full():
    near, far = socket.socketpair()
    far.settimeout(5 * LOOK)
    with near, far:
        with Reader(near):
            with pytest.raises(TimeoutError):
                while True:
                    far.send(bytes(1 << 16))
