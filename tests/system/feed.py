#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A feed of one bundle on standard input and output, for the user network of QEMU, which runs it for each connection.

    feed.py FILE LOG FAULT...

Adds a line to LOG for each request, the range that it asks for. What is asked for without an end is answered, the first time as the first FAULT
says, and so on: cut=N closes after N bytes of the body, stall=N sends no more after N bytes. Without a fault, all of it comes."""
import pathlib
import re
import sys


def main(file, log, *faults):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sys.stdin.buffer.read(1)
        if not byte:
            return
        head += byte
    log, data = pathlib.Path(log), pathlib.Path(file).read_bytes()
    asked = re.search(rb"\r\nRange: bytes=(\d+)-(\d*)\r\n", head)
    before = log.read_text().split() if log.exists() else []
    log.write_text("".join(f"{line}\n" for line in [*before, asked[0].split()[1].decode()]))
    first, last = int(asked[1]), int(asked[2] or len(data) - 1)
    open_ended = [line for line in before if line.endswith("-")]
    fault, _, size = faults[len(open_ended)].partition("=") if not asked[2] and len(open_ended) < len(faults) else ("", "", "0")
    body = data[first : last + 1]
    sys.stdout.buffer.write(f"HTTP/1.1 206 Partial Content\r\nContent-Length: {len(body)}\r\n"
                            f"Content-Range: bytes {first}-{last}/{len(data)}\r\n\r\n".encode())  # fmt: skip
    sys.stdout.buffer.write(body[: int(size)] if fault else body)
    sys.stdout.buffer.flush()
    if fault == "stall":
        sys.stdin.buffer.read()


main(*sys.argv[1:])
