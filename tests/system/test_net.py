# SPDX-License-Identifier: Apache-2.0
"""The network library and the web server."""
import re

from lib import Machine

NET = "tests/system/products/net"


def test_web_server_answers_over_its_loopback():
    """Pages, files of the product, errors, 100 connections at a time, 1,000 requests, 20 MB with every byte compared, IPv4 and IPv6."""
    with Machine(NET) as machine:
        machine.expect(r"net\| nettest: (passed|FAILED.*)", 300)
        assert "nettest: FAILED" not in machine.transcript.text
        machine.expect(r"partition net: exit, value 0x0,", 20)
