#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""archive.py FOLDER... FILE: folders' files as a cpio archive (newc) whose bytes depend on names and contents alone.

FILE is written only if it changes, so that make builds nothing again for a folder that is as it was."""
import os
import pathlib
import re
import stat
import sys

NAME = re.compile(r"[ -~]+")  # as partitions/lib/cpio.c takes it
NAME_MAX = 255


def refuse(path, why):
    raise SystemExit(f"archive.py: {path}: {why}")


def entry(number, mode, name, data):
    """One entry: owner, times and device are 0, the inode is its number."""
    name = name.encode("ascii") + b"\0"
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def names(folder):
    """Every file and folder below, sorted by its path."""
    found = []
    for top, folders, files in os.walk(folder, onerror=lambda error: refuse(error.filename, error.strerror)):
        found += [pathlib.Path(top, name).relative_to(folder) for name in folders + files]
    return sorted(str(path) for path in found)


def archive(*folders):
    parts, seen = [], set()
    for number, (folder, name) in enumerate([(folder, name) for folder in folders for name in names(folder)], 1):
        path = folder / name
        if name in seen:
            refuse(path, "another folder has that name too")
        seen.add(name)
        mode = path.lstat().st_mode
        if not NAME.fullmatch(name) or len(name) > NAME_MAX:
            refuse(repr(name), f"a name must be printable ASCII, at most {NAME_MAX} bytes with its folders")
        if stat.S_ISDIR(mode):
            parts.append(entry(number, 0o040755, name, b""))
        elif stat.S_ISREG(mode):
            parts.append(entry(number, 0o100644, name, path.read_bytes()))
        else:
            refuse(path, "is neither a file nor a folder: copy what a link names to its place")
    return b"".join([*parts, entry(0, 0, "TRAILER!!!", b"")])


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    target = pathlib.Path(sys.argv[-1])
    try:
        data = archive(*map(pathlib.Path, sys.argv[1:-1]))
        if target.exists() and target.read_bytes() == data:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(target.name + ".new")
        new.write_bytes(data)
        new.replace(target)
    except OSError as error:
        refuse(error.filename, error.strerror)


if __name__ == "__main__":
    main()
