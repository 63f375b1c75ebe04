#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the disk of the boards that QEMU emulates: an ext4 file system with a few files in it, the same bytes whenever it is made.

    disk.py IMAGE

`sample` has 16 MiB that do not compress; SHA256SUMS says what all files should be, as `sha256sum -c` reads it."""
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

SIZE = 192 << 20  # mostly a hole
SAMPLE = 16 << 20
README = b"This disk is a namespace of its own of the board's NVMe controller: only the virtual function it is attached to reaches it.\n"
FORMAT = ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-L", "bulkhead", "-m", "0", "-U", "b01d0000-0000-4000-8000-000000000001",
          "-E", "hash_seed=b01d0000-0000-4000-8000-000000000002,root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0"]


def tool(*command):
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin", "E2FSPROGS_FAKE_TIME": "1000000000", "LC_ALL": "C"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")
    errors = [line for line in run.stderr.splitlines() if not line.startswith(command[0])]  # its version
    if run.returncode != 0 or errors:
        sys.exit(f"disk: {' '.join(map(str, command))}: {' '.join(errors) or run.returncode}")


def main():
    image = pathlib.Path(sys.argv[1])
    new = image.with_suffix(".new")
    files = {"README": README, "sample": hashlib.shake_256(b"sample").digest(SAMPLE)}
    files["SHA256SUMS"] = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()).encode()
    image.parent.mkdir(parents=True, exist_ok=True)
    with open(new, "wb") as file:
        file.truncate(SIZE)
    tool(*FORMAT, new)
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "script"
        script.write_text("".join(f"write {folder}/{name} {name}\nset_inode_field {name} mode 0100644\n" for name in files))
        for name, data in files.items():
            (pathlib.Path(folder) / name).write_bytes(data)
        tool("debugfs", "-w", "-f", script, new)
    new.replace(image)


if __name__ == "__main__":
    main()
