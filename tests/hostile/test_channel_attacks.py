# SPDX-License-Identifier: Apache-2.0
"""Attacks over shared memory channels: a writer that scribbles on all it shares, writes what it may only read, runs code in a channel. Its peers
stay as they were in life 1, and talk to its next life as if nothing had been (AC-43, AC-44, SEP-1, SEP-4)."""
import re

from lib import Machine


def test_ac44_scribbler():
    with Machine("tests/system/products/channels") as machine:
        machine.running()
        machine.seen(r"caller\| caller: connected, epoch 1")
        machine.keyboard("caller")
        machine.type("trespass\r", r"trespass: 0 of 9 places changed")
        machine.type("messages 20 64\r", r"messages: 20 of 20 came back")
        machine.type("scribble 20000\r", r"scribble: \d+ words", timeout=60)
        machine.type("execute\r", r"partition caller: trap, value 0xd, .* action: stop", r"partition caller: stopped")
        assert "execute: it ran" not in machine.text
        machine.key("r", r"partition caller: running, life 2", r"caller\| caller: connected, epoch 1")
        machine.type("messages 100 64\r", r"messages: 100 of 100 came back, 100 good, 1 renewed", timeout=60)
        machine.type("stream 64\r", r"stream: 65536 of 65536 bytes came back, 0 wrong", timeout=60)
        machine.type("news 3\r", *(rf"{who}\| news 3 of epoch 2: issue 3 of 3" for who in ("listener", "other")))
        machine.key("l", r"answerer +running", r"listener +running", r"other +running")
        assert not re.search(r"partition (answerer|listener|other): (?!loaded|running, life 1,|lost peer)", machine.text)
