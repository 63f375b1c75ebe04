# SPDX-License-Identifier: Apache-2.0
"""Shared memory channels between unikernels: messages, bytes, news, doorbells, and what a restart of the peer does to them."""
import pytest

from lib import Machine

PRODUCT = "tests/system/products/channels"


@pytest.fixture(scope="module")
def machine():
    with Machine(PRODUCT) as machine:
        machine.running()
        machine.seen(r"caller\| caller: connected, epoch 1")
        machine.keyboard("caller")
        yield machine


def test_sep1_audit_knows_the_channels(machine):
    machine.seen(r"audit: 4 partitions, .*: 0 findings")


@pytest.mark.parametrize("size", [0, 1, 64, 2048])
def test_messages(machine, size):
    machine.type(f"messages 200 {size}\r", r"messages: 200 of 200 came back, \d+ good(, 1 renewed)?; rung \d+ times", timeout=60)


def test_stream(machine):
    machine.type("stream 1024\r", r"stream: 1048576 of 1048576 bytes came back, 0 wrong", timeout=60)


def test_news_for_two_readers(machine):
    """Nobody asks for them, and nobody can hold the writer up: the last one is what counts."""
    machine.type("news 30\r", r"news: 30 published", *(rf"{who}\| news \d+ of epoch 1: issue 30 of 30" for who in ("listener", "other")))


def test_sep3_doorbells_are_limited(machine):
    """1,000 a second says the table: 10 at once, then one each millisecond. None on a channel that is another's or that is not there."""
    match = machine.type("storm 20000\r", r"storm: (\d+) rung, (\d+) told to try later, 0 refused")
    assert int(match[1]) + int(match[2]) == 20000 and int(match[1]) < 10000, match[0]
    machine.type("foreign 200\r", r"foreign: 198 of 198 doorbells refused|foreign: 197 of 197 doorbells refused")


def test_sep4_restart_of_the_peer(machine):
    """An epoch more each time, no message of an earlier life, none missing."""
    machine.type("restarts 25\r", r"restarts: 25, told of 25, epoch 25 more, 250 of 250 messages came back, 0 missing", timeout=120)


def test_sep9_nothing_is_left_in_a_channel(machine):
    """The ring that a stream has filled is empty in its writer's next life."""
    machine.type("stream 256\r", r"stream: 262144 of 262144 bytes came back, 0 wrong", timeout=60)
    match = machine.type("residue\r", r"residue: (\d+) words before, (\d+) after", timeout=60)
    assert int(match[1]) > 4000 and match[2] == "0", match[0]


@pytest.mark.long
@pytest.mark.limit(1900)
def test_sep4_a_thousand_restarts_of_the_peer(machine):
    machine.type("restarts 1000\r", r"restarts: 1000, told of 1000, epoch 1000 more, 10000 of 10000 messages came back, 0 missing", timeout=1800)


def test_restart_of_the_writer_is_told_to_all(machine):
    machine.keyboard("caller")
    machine.key("r", r"partition caller: running, life 2", r"caller\| caller: connected, epoch \d+",
                *(rf"{who}\| news: renewed, epoch 2" for who in ("listener", "other")))
