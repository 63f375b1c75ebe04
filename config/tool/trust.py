#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the owner of a box's disk must know to take updates: struct update_trust of partitions/update/bundle.h.

    trust.py --keys FOLDER --product NAME --board NAME --version N [...] FILE"""
import argparse
import pathlib
import struct
import sys

import keys


def name(text):
    data = text.encode("ascii")
    if len(data) > 31:
        sys.exit(f"trust: the name {text} has more than 31 characters")
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for word in "keys", "product", "board":
        parser.add_argument(f"--{word}", required=True)
    for word in "version", "oldest", "confirm", "give-up", "restarts":
        parser.add_argument(f"--{word}", type=int, default=0)
    parser.add_argument("--staging", default="")
    parser.add_argument("file", type=pathlib.Path)
    options = parser.parse_args()
    data = struct.pack("<32s32s32s5I16s", keys.update_bytes(options.keys), name(options.product), name(options.board), options.version,
                       options.oldest, options.confirm, options.give_up, options.restarts, options.staging.encode("ascii"))  # fmt: skip
    options.file.parent.mkdir(parents=True, exist_ok=True)
    if not options.file.exists() or options.file.read_bytes() != data:  # what is made of it is made again only then
        options.file.write_bytes(data)


if __name__ == "__main__":
    try:
        main()
    except keys.Failed as error:
        sys.exit(f"trust: {error}")
