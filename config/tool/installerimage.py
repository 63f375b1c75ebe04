#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stick that installs a disk image on a box: GRUB for BIOS and UEFI, Debian's kernel, busybox and the image; no Bulkhead.

    installerimage.py --image DISK.IMG --linux FOLDER --grub FILE --product NAME --board NAME --output STICK.IMG

DISK.IMG.xz is beside it. FOLDER has the kernel and its modules, as partitions/linux/build.sh leaves them; FILE is a slot's boot menu, which says
where the board's serial port is. GRUB loads all into memory, so that the box needs no driver for the stick."""
import argparse
import gzip
import pathlib
import re
import shutil
import sys
import tempfile

import archive
import diskimage
import gpt

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = HERE.parent / "installer"
BUSYBOX = pathlib.Path("/bin/busybox")
PORTS = {0x3F8: "ttyS0", 0x2F8: "ttyS1", 0x3E8: "ttyS2", 0x2E8: "ttyS3"}
MENU = """# The installer's boot menu. Made by config/tool/installerimage.py.
{serial}set timeout=5
function begin {{
    echo "loading the installer"
    linux /boot/kernel quiet panic=30 $1
    initrd /boot/initrd /boot/image.cpio
    boot
}}
{entries}"""
ENTRY = """menuentry "Install {title}: {where}" {{
    begin "{consoles}"
}}
"""


def cpio(rows):
    """An archive of (name, mode, bytes); folders come before what is in them."""
    parts = [archive.entry(number, mode, name, data) for number, (name, mode, data) in enumerate(rows, 1)]
    return b"".join([*parts, archive.entry(0, 0, "TRAILER!!!", b"")])


def initrd(linux):
    order = (linux / "installer-modules").read_text().split()
    applets = diskimage.tool(BUSYBOX, "--list").split()
    rows = [(folder, 0o040755, b"") for folder in ("bin", "dev", "image", "lib", "lib/modules", "proc", "sys", "tmp")]
    rows += [("bin/busybox", 0o100755, BUSYBOX.read_bytes()), ("init", 0o100755, (SCRIPTS / "init").read_bytes())]
    rows += [(f"bin/{applet}", 0o120777, b"busybox") for applet in applets if applet not in ("busybox", "install")]
    rows += [("bin/install", 0o100755, (SCRIPTS / "install").read_bytes())]
    rows += [(f"lib/modules/{name}.ko", 0o100644, (linux / f"modules/{name}.ko").read_bytes()) for name in order]
    rows += [("lib/modules/order", 0o100644, "".join(f"{name}\n" for name in order).encode())]
    return gzip.compress(cpio(rows), 9, mtime=0)


def payload(image, title):
    facts = f"{title} {image.stat().st_size} {diskimage.sha256(image)}\n"
    return cpio([("image", 0o040755, b""), ("image/facts", 0o100644, facts.encode()),
                 ("image/disk.img.xz", 0o100644, pathlib.Path(f"{image}.xz").read_bytes())])


def menu(grub_cfg, title):
    """On the board's serial port, if it has one, and on a screen."""
    found = re.search(r"^serial --port=(0x[0-9a-f]+) --speed=(\d+)$", grub_cfg.read_text(), re.M)
    serial, entries = "", ""
    if found:
        port = int(found[1], 16)
        console = f"{PORTS[port]},{found[2]}" if port in PORTS else f"uart8250,io,{port:#x},{found[2]}"
        serial = f"{found[0]}\nterminal_input serial console\nterminal_output serial console\n"
        entries = ENTRY.format(title=title, where="serial port", consoles=f"console=tty0 console={console}")
    return MENU.format(serial=serial, entries=entries + ENTRY.format(title=title, where="screen and keyboard", consoles="console=tty0"))


def tree(options, root):
    """What is on the stick's one file system."""
    title = f"{options.product}-on-{options.board}"
    for folder in "EFI/BOOT", "boot", "grub":
        (root / folder).mkdir(parents=True)
    shutil.copyfile(diskimage.grub_core("x86_64-efi", root.parent, [*diskimage.MODULES, "linux"]), root / "EFI/BOOT/BOOTX64.EFI")
    (root / "grub/grub.cfg").write_text(menu(options.grub, title))
    shutil.copyfile(options.linux / "kernel", root / "boot/kernel")
    (root / "boot/initrd").write_bytes(initrd(options.linux))
    (root / "boot/image.cpio").write_bytes(payload(options.image, title))


def build(options, image, work):
    names = diskimage.Names(options.board, options.product, "installer")
    root = work / "stick"
    tree(options, root)
    content = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    size = max(diskimage.ESP_SIZE, -(-(content + 8 * diskimage.MIB) // diskimage.SLOT_STEP) * diskimage.SLOT_STEP)
    (bios, esp), total = diskimage.lay_out(names, [("bios", gpt.BIOS_BOOT, diskimage.MIB), ("esp", gpt.ESP, size)])
    with open(image, "wb") as file:
        file.truncate(total)
    code, core = diskimage.bios_boot(work, bios.start, ["linux"])
    diskimage.write_tables(image, names, [bios, esp], total, code)
    diskimage.write_at(image, bios.start, core)
    diskimage.make_fat(image, esp, names.serial("esp"), fat32=True)
    diskimage.copy_tree(image, esp.start, root)
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in "image", "linux", "grub", "output":
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    for name in "product", "board":
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    new = options.output.with_name(options.output.name + ".new")
    with tempfile.TemporaryDirectory() as work:
        size = build(options, new, pathlib.Path(work))
    with open(new, "rb") as file:
        text = diskimage.bmap.make(file, size, [(0, size // diskimage.bmap.BLOCK - 1)])
    new.replace(options.output)
    options.output.with_name(options.output.name + ".bmap").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
