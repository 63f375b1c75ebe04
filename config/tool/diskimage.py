#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A disk image of what the build left in a folder, with GRUB for BIOS and UEFI; needs no root and no loop device.

    diskimage.py --folder FOLDER --product NAME --board NAME --data BYTES --report FILE [--kernel FILE] [--release] [--keys FOLDER]

FOLDER has bulkhead.elf, grub.cfg and payloads/. Beside them come disk.img, disk.img.xz, disk.img.bmap and disk.json, the manifest; with --keys
they are signed and come to FOLDER/signed. Partitions:

    1 bios      GRUB's core, started by the boot sector
    2 esp       GRUB for UEFI; grub/grub.cfg, which picks the slot, and grub/grubenv, its memory
    3 slot-a    bulkhead.elf, payloads, their grub.cfg and digests
    4 slot-b    the same
    5 data      an empty ext4, of the size that the product says

A signed image's GRUB has the public key in it and reads nothing without a signature, but for grubenv: a .sig lies beside each file.

The same inputs make the same bytes, wherever and whenever: identifiers come from names, all times are SOURCE_DATE_EPOCH."""
import argparse
import contextlib
import errno
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import uuid

import bmap
import gpt
import keys
import signing

MIB = 1 << 20
EPOCH = "1000000000"  # unless SOURCE_DATE_EPOCH says something else
SPACE = uuid.UUID("b01d0000-0000-5000-8000-000000000000")  # of the identifiers
ESP_SIZE, SLOT_STEP = 64 * MIB, 16 * MIB
GRUB = pathlib.Path("/usr/lib/grub")
MODULES = ["part_gpt", "fat", "normal", "configfile", "loadenv", "echo", "test", "regexp", "hashsum", "gcry_sha256", "multiboot2", "serial",
           "terminal", "sleep", "reboot"]  # fmt: skip
PLATFORM_MODULES = {"i386-pc": ["biosdisk"], "x86_64-efi": ["tpm"]}  # GRUB measures what it reads and does if the machine has a TPM
PREFIX = "(,gpt2)/grub"  # on the disk that GRUB itself came from
ENVIRONMENT = ["ORDER=A B", "A_OK=1", "A_TRY=0", "B_OK=1", "B_TRY=0"]
PACKAGES = ["gcc", "binutils", "newlib-source", "grub-pc-bin", "grub-efi-amd64-bin", "grub-common", "mtools", "e2fsprogs", "busybox-static", "xz-utils"]
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


FULL = [errno.ENOSPC, errno.EDQUOT, errno.EFBIG]
ROOM = f"make room for it (folder build, and {tempfile.gettempdir()} or what TMPDIR= names) or lift the limit (quota, ulimit -f), then make it again"


def fail(text):
    sys.exit(f"diskimage: {text}")


def told(error, where):
    """What the system refused, in one line. `where`: what was written to, if the error does not say it."""
    return f"{error.filename or where}: {error.strerror}" + (f": {ROOM}" if error.errno in FULL else "")


@contextlib.contextmanager
def all_or_none(*files):
    """None of these stays when what makes them fails."""
    try:
        yield
    except BaseException:
        for file in files:
            file.unlink(missing_ok=True)
        raise


def tool(*command, quiet=True):
    """Run one; its output. It sees one time and one language only."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", EPOCH)
    settings = {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC", "SOURCE_DATE_EPOCH": epoch,
                "E2FSPROGS_FAKE_TIME": epoch, "MTOOLSRC": "/dev/null", "MTOOLS_SKIP_CHECK": "1"}  # fmt: skip
    run = subprocess.run([str(word) for word in command], env={**os.environ, **settings}, capture_output=True, text=True, errors="replace")
    if run.returncode != 0:
        full = run.returncode == -signal.SIGXFSZ or any(os.strerror(number) in run.stderr for number in FULL)
        fail(f"{' '.join(map(str, command))}: {' '.join(run.stderr.split()) or run.returncode}" + (f": {ROOM}" if full else ""))
    return run.stdout


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()


class Names:
    """Identifiers made of the names of board and product."""

    def __init__(self, board, product, what="disk"):
        self.space = uuid.uuid5(SPACE, f"{board}/{product}/{what}")

    def guid(self, name):
        return uuid.uuid5(self.space, name)

    def serial(self, name):
        return self.guid(name).hex[:8]


def terminal(grub_cfg):
    """The lines of a slot's boot menu that say where to talk."""
    return "\n".join(line for line in grub_cfg.read_text().splitlines() if re.match(r"(serial|terminal_\w+) ", line))


def drivers(grub_cfg):
    """What a slot's boot menu loads, for GRUB's core: the disk has no modules of it."""
    return re.findall(r"^insmod (\w+)$", grub_cfg.read_text(), re.M)


def copy_tree(image, offset, tree):
    """All of a folder into the FAT at this offset, in an order of its own."""
    for path in sorted(tree.rglob("*")):
        target = f"::{path.relative_to(tree)}"
        if path.is_dir():
            tool("mmd", "-i", f"{image}@@{offset}", target)
        else:
            tool("mcopy", "-i", f"{image}@@{offset}", path, target)


def make_fat(image, partition, serial, fat32=False):
    tool("mformat", "-i", f"{image}@@{partition.start}", "-T", partition.size // gpt.SECTOR, "-h", 255, "-s", 63, "-H", partition.start // gpt.SECTOR,
         *(["-F", "-c", 1] if fat32 else []), "-N", serial, "-v", partition.name.upper(), "::")  # fmt: skip


def script(name, lines, strip=False):
    """One of ours, with a board's lines for its terminal; without comments if it is for the interpreter that knows none."""
    text = (HERE / name).read_text().replace("@TERMINAL@", lines)
    return re.sub(r"^#.*\n", "", text, flags=re.M) if strip else text


def grub_core(platform, folder, modules, signer=None, lines=""):
    core = folder / f"core-{platform}"
    signed = []  # no start file: GRUB goes on to grub.cfg at its prefix
    if signer:
        (folder / "start.cfg").write_text(script("signed.cfg", lines, strip=True))
        signed = ["--pubkey", signer.public, "--disable-shim-lock", "--config", folder / "start.cfg", *signing.MODULES]
    tool("grub-mkimage", "-d", GRUB / platform, "-O", platform, "-p", PREFIX, "-o", core, *signed, *PLATFORM_MODULES[platform], *modules)
    return core


def bios_boot(folder, start, extra=(), signer=None, lines=""):
    """(boot sector's code, core) that start from the partition at byte `start`. Both learn the sector they read next, as
    grub-bios-setup would tell them, and the boot sector to trust the drive number that the BIOS gives only if it is a disk's."""
    sector = start // gpt.SECTOR
    code = bytearray((GRUB / "i386-pc/boot.img").read_bytes())
    struct.pack_into("<Q", code, 0x5C, sector)
    code[0x66:0x68] = b"\x90\x90"
    core = bytearray(grub_core("i386-pc", folder, [*MODULES, *extra], signer, lines).read_bytes())
    struct.pack_into("<Q", core, 0x1F4, sector + 1)
    return bytes(code[:440]), bytes(core)


def slot_tree(folder, tree, signer):
    """What a slot has; returns the digests of its files. Signatures are of the slot, so that an update brings its own."""
    boot = tree / "boot"
    (boot / "grub").mkdir(parents=True)
    shutil.copyfile(folder / "grub.cfg", boot / "grub/grub.cfg")
    tool("objcopy", "--strip-debug", folder / "bulkhead.elf", boot / "bulkhead.elf")
    for payload in (folder / "payloads").glob("*.img"):
        shutil.copyfile(payload, boot / payload.name)
    sums = {str(path.relative_to(boot)): sha256(path) for path in sorted(boot.rglob("*")) if path.is_file()}
    (boot / "SHA256SUMS").write_text("".join(f"{value}  {name}\n" for name, value in sums.items()))
    if signer:
        signer.sign_tree(boot)
    return sums


def environment_block(path):
    tool("grub-editenv", path, "create")
    tool("grub-editenv", path, "set", *ENVIRONMENT)
    if path.read_bytes().find(b"B_TRY=0\n") > gpt.SECTOR - 16:
        fail("the environment block's variables do not fit one sector: a write of it could be torn between them")


def esp_tree(folder, tree, signer):
    """What the ESP has; returns the digests of the files in it that do not change."""
    (tree / "EFI/BOOT").mkdir(parents=True)
    (tree / "grub").mkdir()
    lines, program, config = terminal(folder / "grub.cfg"), tree / "EFI/BOOT/BOOTX64.EFI", tree / "grub/grub.cfg"
    shutil.copyfile(grub_core("x86_64-efi", tree.parent, [*MODULES, *drivers(folder / "grub.cfg")], signer, lines), program)
    config.write_text(script("slots.cfg", lines))
    if signer:
        signer.sign_efi(program)
        signer.sign_tree(tree / "grub")
    environment_block(tree / "grub/grubenv")
    return {str(path.relative_to(tree)): sha256(path) for path in (program, config)}


def used_blocks(image, partition):
    """Blocks of an ext4 that are not free, counted from the image's first."""
    free = set()
    for line in re.findall(r"^  Free blocks: (\S.*)$", tool("dumpe2fs", f"{image}?offset={partition.start}"), re.M):
        for part in line.split(", "):
            first, _, last = part.partition("-")
            free.add((int(first), int(last or first)))
    base, used, next_block = partition.start // bmap.BLOCK, [], 0
    for first, last in sorted(free):
        if first > next_block:
            used.append((base + next_block, base + first - 1))
        next_block = last + 1
    if next_block < partition.size // bmap.BLOCK:
        used.append((base + next_block, base + partition.size // bmap.BLOCK - 1))
    return used


def make_data(image, partition, names):
    """An empty ext4; returns its blocks that are in use."""
    tool("mke2fs", "-q", "-F", "-t", "ext4", "-b", bmap.BLOCK, "-m", 0, "-L", partition.name, "-U", names.guid("data file system"), "-E",
         f"offset={partition.start},hash_seed={names.guid('data hashes')},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0", image,
         f"{partition.size // 1024}k")  # fmt: skip
    return used_blocks(image, partition)


def lay_out(names, rows):
    """Partitions one after the other from 1 MiB on, and the size of the disk, which keeps 1 MiB for the second table."""
    partitions, start = [], MIB
    for name, kind, size in rows:
        partitions.append(gpt.Partition(name, kind, names.guid(name), start, size))
        start += size
    return partitions, start + MIB


def write_at(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def write_tables(image, names, partitions, size, code):
    head, tail = gpt.tables(names.guid("disk"), size, partitions, code)
    write_at(image, 0, head)
    write_at(image, size - len(tail), tail)


def compress(image):
    """The image under xz, with the only checksum that every unpacker knows."""
    with open(f"{image}.xz.new", "wb") as out:
        run = subprocess.run(["xz", "--stdout", "--threads=1", "--check=crc32", "-6", image], stdout=out, stderr=subprocess.PIPE, text=True, errors="replace")
    if run.returncode != 0:
        fail(f"{' '.join(run.stderr.split()) or f'xz: {run.returncode}'}: {ROOM}")
    os.replace(f"{image}.xz.new", f"{image}.xz")


def versions(kernel):
    """Of what the image was made with, and of the kernel in it."""
    listed = tool("dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *PACKAGES)
    lines = listed.splitlines() + (pathlib.Path(kernel).read_text().splitlines() if kernel else [])
    return dict(line.split(" ", 1) for line in lines)


def sources(stamps):
    """Of what was fetched as source and is in the image's programs: version and the archive's digest."""
    rows = {}
    for name, _, stamp in (word.partition("=") for word in stamps):
        version, digest = pathlib.Path(stamp).read_text().split()
        rows[name] = {"version": version, "sha256": digest}
    return rows


def commit():
    """Of this tree, "-dirty" behind it where files differ from it; nothing where there is no git to say so."""
    run = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"], capture_output=True, text=True)
    return run.stdout.strip() if (ROOT / ".git").exists() else ""


def key_digests(folder):
    """SHA-256 of what of the keys is on a box: which image was signed with which."""
    return {name: sha256(pathlib.Path(folder) / name) for name in ("boot.pub", "db.crt")} if folder else {}


def manifest(options, image, partitions, sums, esp):
    names = [image.name, f"{image.name}.xz", f"{image.name}.bmap"]
    version = re.search(r'#define VERSION "(.*)"', (ROOT / "core/launch.c").read_text())
    return {
        "product": options.product, "board": options.board, "kind": "release" if options.release else "development",
        "signed": bool(options.keys),
        "version": version[1] if version else "", "commit": commit(), "update": options.update, "keys": key_digests(options.keys),
        "files": {name: {"size": (image.parent / name).stat().st_size, "sha256": sha256(image.parent / name)} for name in names},
        "partitions": [{"name": p.name, "guid": str(p.guid), "start": p.start, "size": p.size} for p in partitions],
        "slot": sums, "esp": esp, "packages": versions(options.kernel), "sources": sources(options.source), "report": pathlib.Path(options.report).read_text(),
    }  # fmt: skip


def build(options, image, work):
    """The image; returns its partitions, its blocks to write and the digests of the files of a slot and of the ESP."""
    folder, names = pathlib.Path(options.folder), Names(options.board, options.product)
    signer = signing.Signer(options.keys) if options.keys else None
    sums = slot_tree(folder, work / "slot", signer)
    content = sum(path.stat().st_size for path in (work / "slot").rglob("*") if path.is_file())
    slot = -(-2 * content // SLOT_STEP) * SLOT_STEP  # what comes by an update may be larger
    rows = [("bios", gpt.BIOS_BOOT, MIB), ("esp", gpt.ESP, ESP_SIZE), ("slot-a", gpt.BASIC_DATA, slot), ("slot-b", gpt.BASIC_DATA, slot)]
    partitions, size = lay_out(names, rows + ([("data", gpt.LINUX, options.data)] if options.data else []))
    bios, esp, *slots = partitions
    with open(image, "wb") as file:
        file.truncate(size)
    code, core = bios_boot(work, bios.start, drivers(folder / "grub.cfg"), signer, terminal(folder / "grub.cfg"))
    write_tables(image, names, partitions, size, code)
    write_at(image, bios.start, core)
    esp_sums = esp_tree(folder, work / "esp", signer)
    make_fat(image, esp, names.serial("esp"), fat32=True)
    copy_tree(image, esp.start, work / "esp")
    for partition in slots[:2]:
        make_fat(image, partition, names.serial(partition.name))
        copy_tree(image, partition.start, work / "slot")
    data = slots[2] if options.data else None
    used = make_data(image, data, names) if data else []
    fixed = (data or gpt.Partition("", None, None, size - MIB, 0)).start // bmap.BLOCK
    blocks = [(0, fixed - 1), *used, ((size - MIB) // bmap.BLOCK, size // bmap.BLOCK - 1)]
    return partitions, size, blocks, sums, esp_sums


def make(options):
    """The image and what belongs to it. Where that fails, what was there before stays whole, or nothing is there."""
    folder = pathlib.Path(options.folder, "signed" if options.keys else "")
    folder.mkdir(exist_ok=True)
    image, new = folder / "disk.img", folder / "disk.img.new"
    with all_or_none(new):
        with tempfile.TemporaryDirectory() as work:
            partitions, size, blocks, sums, esp = build(options, new, pathlib.Path(work))
        with open(new, "rb") as file:
            text = bmap.make(file, size, blocks)
    with all_or_none(new, image, *(image.with_name(name) for name in ("disk.img.bmap", "disk.img.xz", "disk.img.xz.new", "disk.json"))):
        new.replace(image)
        image.with_name("disk.img.bmap").write_text(text)
        compress(image)
        image.with_name("disk.json").write_text(json.dumps(manifest(options, image, partitions, sums, esp), indent=2, sort_keys=True) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in "folder", "product", "board", "report":
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--data", type=int, default=0)
    parser.add_argument("--kernel", metavar="FILE", help="has the package and version of the Linux in it")
    parser.add_argument("--source", metavar="NAME=STAMP", action="append", default=[], help="is in it: the stamp has version and digest of its archive")
    parser.add_argument("--release", action="store_true")
    parser.add_argument("--update", type=int, metavar="N", help="the version that it says of itself to updates")
    parser.add_argument("--keys", metavar="FOLDER", help="sign with these")
    options = parser.parse_args()
    try:
        make(options)
    except keys.Failed as error:
        fail(error)
    except OSError as error:
        fail(told(error, options.folder))


if __name__ == "__main__":
    main()
