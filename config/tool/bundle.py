#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An update bundle of what the build left in a folder: the image of a slot behind one sector of signed facts (partitions/update/bundle.h).

    bundle.py --folder FOLDER --product NAME --board NAME --version N --keys FOLDER [--size BYTES] [--signed] --output FILE
    bundle.py --show FILE [--keys FOLDER]

The same inputs make the same bytes. The image is as small as its files let it be, or has the size that is given."""
import argparse
import hashlib
import pathlib
import struct
import sys
import tempfile

import diskimage
import gpt
import keys
import signing

MAGIC, FORMAT = b"BHBUNDLE", 1
FACTS = struct.Struct("<8sIIQ32s32s32s328s")
SIGNATURE = 64
assert FACTS.size + SIGNATURE == gpt.SECTOR


def slot_image(folder, names, size, signer, work):
    """A FAT file system with what a slot has."""
    diskimage.slot_tree(folder, work / "slot", signer)
    files = [path for path in (work / "slot").rglob("*") if path.is_file()]
    least = -(-(sum(-(-path.stat().st_size // 4096) * 4096 for path in files) * 101 // 100 + (256 << 10)) // (64 << 10)) * (64 << 10)
    image = work / "slot.img"
    with open(image, "wb") as file:
        file.truncate(max(size, least))
    partition = gpt.Partition("slot", gpt.BASIC_DATA, names.guid("slot"), 0, image.stat().st_size)
    diskimage.make_fat(image, partition, names.serial("slot"))
    diskimage.copy_tree(image, 0, work / "slot")
    return image.read_bytes()


def sign(facts, folder, work):
    secret = pathlib.Path(folder) / "update.key"
    if not secret.exists():
        sys.exit(f"bundle: {secret} is not there: bundles are signed where it is kept (KEYS=)")
    (work / "facts").write_bytes(facts)
    keys.tool("openssl", "pkeyutl", "-sign", "-inkey", secret, "-rawin", "-in", work / "facts", "-out", work / "signature")
    return (work / "signature").read_bytes()


def make(options):
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        signer = signing.Signer(options.keys) if options.signed else None
        image = slot_image(pathlib.Path(options.folder), diskimage.Names(options.board, options.product, "bundle"), options.size, signer, work)
        facts = FACTS.pack(MAGIC, FORMAT, options.version, len(image), options.product.encode("ascii"), options.board.encode("ascii"),
                           hashlib.sha256(image).digest(), b"")  # fmt: skip
        data = facts + sign(facts, options.keys, work) + image
    new = options.output.with_name(options.output.name + ".new")
    with diskimage.all_or_none(new):
        new.write_bytes(data)
        new.replace(options.output)
    return data


def show(data, folder):
    """What it says of itself, and whether that is so. Returns the status."""
    if len(data) < gpt.SECTOR or not data.startswith(MAGIC):
        print("this is no bundle")
        return 1
    _, form, version, size, product, board, digest, _ = FACTS.unpack(data[: FACTS.size])
    print(f"product {product.rstrip(bytes(1)).decode(errors='replace')}, board {board.rstrip(bytes(1)).decode(errors='replace')}, "
          f"version {version}, image of {size} bytes, form {form}")  # fmt: skip
    whole = hashlib.sha256(data[gpt.SECTOR :]).digest() == digest and len(data) == gpt.SECTOR + size
    print(f"image: sha256 {digest.hex()}, {'whole' if whole else 'DAMAGED'}")
    if not folder:
        return 0 if whole else 1
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        (work / "facts").write_bytes(data[: FACTS.size])
        (work / "signature").write_bytes(data[FACTS.size : gpt.SECTOR])
        keys.tool("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", pathlib.Path(folder) / "update.pub", "-rawin", "-in", work / "facts",
                  "-sigfile", work / "signature")  # fmt: skip
    print(f"signature: by {folder}/update.key")
    return 0 if whole else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for word in "folder", "product", "board", "keys":
        parser.add_argument(f"--{word}")
    for word in "version", "size":
        parser.add_argument(f"--{word}", type=int, default=0)
    parser.add_argument("--signed", action="store_true", help="with signatures beside its files, for boxes whose GRUB wants them")
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--show", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()
    if options.show:
        sys.exit(show(options.show.read_bytes(), options.keys))
    if not all((options.folder, options.product, options.board, options.keys, options.output)) or not 1 <= options.version <= 999999999:
        parser.error("give --folder, --product, --board, --keys, --output, and a --version from 1 to 999999999")
    if options.size % gpt.SECTOR:
        parser.error("--size is a multiple of 512")
    make(options)


if __name__ == "__main__":
    try:
        main()
    except keys.Failed as error:
        sys.exit(f"bundle: {error}")
    except OSError as refused:
        sys.exit(f"bundle: {diskimage.told(refused, 'the bundle')}")
