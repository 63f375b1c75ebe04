#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a TPM 2.0 holds when a disk image has started by UEFI: PCR 4, 8 and 9 of its SHA-256 bank, computed from the image.

    pcrs.py disk.img [--set A_TRY=1]... [--events]

4: the EFI programs that the firmware started, here GRUB; 8: each command that GRUB executed; 9: each file that it read. 0 to 3, 5 to 7 are the
firmware's own, of its version, its settings, the partition table and its Secure Boot keys: they are read once on each kind of machine.
disk.json beside the image says what its files must be; an image that is not as it says is refused. --set: variables of the environment block, as
the start finds them, where they are not those of the image. --events: what goes into 8 and 9, in order."""
import argparse
import hashlib
import json
import pathlib
import re
import struct
import subprocess
import sys

import gpt
import grub_script

PLACES = {"gpt2": "esp", "gpt3": "slot-a", "gpt4": "slot-b"}
BOOT_ACTION = b"Calling EFI Application from Boot Option"
SEPARATOR = bytes(4)


def fail(text):
    sys.exit(f"pcrs: {text}")


class Image:
    """Files of its FAT partitions."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.starts = {partition.name: partition.start for partition in gpt.read(file)}

    def read(self, partition, name):
        where = f"{self.path}@@{self.starts[partition]}"
        run = subprocess.run(["mtype", "-i", where, f"::{name.lstrip('/')}"], capture_output=True, check=False)
        if run.returncode != 0:
            fail(f"{partition}: {name}: {run.stderr.decode(errors='replace').strip()}")
        return run.stdout


def authenticode(program):
    """The digest that the firmware takes of an EFI program: all but the checksum, the place of the signature and the signature."""
    header = struct.unpack_from("<I", program, 0x3C)[0]
    checksum, table = header + 0x58, header + 0xA8  # PE32+
    offset, size = struct.unpack_from("<II", program, table)
    end = offset if size else len(program)
    return hashlib.sha256(program[:checksum] + program[checksum + 4 : table] + program[table + 8 : end]).digest()


def extended(digests):
    value = bytes(32)
    for digest in digests:
        value = hashlib.sha256(value + digest).digest()
    return value


def compare(image, manifest):
    """Refuse an image that is not the one of its manifest."""
    for part, folder, rows in ("esp", "", manifest["esp"]), ("slot-a", "boot/", manifest["slot"]), ("slot-b", "boot/", manifest["slot"]):
        for name, digest in rows.items():
            if hashlib.sha256(image.read(part, folder + name)).hexdigest() != digest:
                fail(f"{part}: {name} is not the one of {image.path.with_name('disk.json').name}")


def environment(image, changes):
    """The variables of its environment block, with changes."""
    lines = image.read("esp", "grub/grubenv").decode(errors="replace").splitlines()
    return {**dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")), **changes}


def start(image, variables):
    """GRUB, run until it starts something."""
    grub = grub_script.Grub(lambda place, name: image.read(PLACES[place.split(",")[1]], name), variables)
    try:
        grub.script("(hd0,gpt2)/grub/grub.cfg")
    except grub_script.Ended as end:
        if str(end) == "boot":
            return grub
    except grub_script.Unknown as error:
        fail(f"the boot script has what this tool does not know: {error}")
    return fail("with these variables nothing is started")


def predict(path, changes):
    """({number: value}, GRUB)."""
    image = Image(path)
    compare(image, json.loads(path.with_name("disk.json").read_text()))
    grub = start(image, environment(image, changes))
    program = image.read("esp", "EFI/BOOT/BOOTX64.EFI")
    digests = {4: [hashlib.sha256(BOOT_ACTION).digest(), hashlib.sha256(SEPARATOR).digest(), authenticode(program)],
               8: [hashlib.sha256(line.encode()).digest() for line in grub.measured],
               9: [hashlib.sha256(data).digest() for _, data in grub.files]}  # fmt: skip
    return {number: extended(rows) for number, rows in digests.items()}, grub


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=pathlib.Path)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--events", action="store_true")
    options = parser.parse_args()
    if not all(re.fullmatch(r"\w+=.*", word) for word in options.set):
        fail("--set NAME=VALUE")
    try:
        values, grub = predict(options.image, dict(word.split("=", 1) for word in options.set))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    for number, value in values.items():
        print(f"PCR {number}  {value.hex()}")
    if options.events:
        print("".join(f"8  {line}\n" for line in grub.measured) + "".join(f"9  {name}\n" for name, _ in grub.files), end="")


if __name__ == "__main__":
    main()
