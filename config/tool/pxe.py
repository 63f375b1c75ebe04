#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A folder of files for network boot, for a TFTP server: GRUB for BIOS (bulkhead.0) and UEFI (bulkhead.efi), its menu, the hypervisor
without symbols and the payloads.

    pxe.py FOLDER OUT [--path PATH]

FOLDER is what the build left for an image, or the tree of a CD (boot/...). PATH is where the server offers OUT: /, or a folder of it. All
files lie in one folder, as some servers know no others."""
import argparse
import pathlib
import shutil
import subprocess

MODULES = "configfile normal tftp multiboot2 serial terminal test echo boot".split()
CORES = {"bulkhead.0": ("i386-pc-pxe", ["pxe"]), "bulkhead.efi": ("x86_64-efi", ["efinet", "all_video"])}


def parts(folder):
    """The menu, the hypervisor and the payloads of a build or of a tree."""
    if (folder / "boot/grub/grub.cfg").exists():
        return folder / "boot/grub/grub.cfg", folder / "boot/bulkhead.elf", sorted((folder / "boot").glob("*.img"))
    return folder / "grub.cfg", folder / "bulkhead.elf", sorted((folder / "payloads").glob("*.img"))


def make(folder, out, path="/"):
    """Make the folder anew; returns its files."""
    path = "/" + path.strip("/")
    under = "" if path == "/" else path
    menu, elf, payloads = parts(pathlib.Path(folder))
    out = pathlib.Path(out)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / "grub.cfg").write_text(menu.read_text().replace(" /boot/", f" {under}/"))
    subprocess.run(["objcopy", "--strip-debug", elf, out / "bulkhead.elf"], check=True)
    for payload in payloads:
        shutil.copyfile(payload, out / payload.name)
    for name, (kind, modules) in CORES.items():
        subprocess.run(["grub-mkimage", "-O", kind, "-o", out / name, "-p", path, *modules, *MODULES], check=True)
    return sorted(out.iterdir())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--path", default="/")
    arguments = parser.parse_args()
    make(arguments.folder, arguments.out, arguments.path)


if __name__ == "__main__":
    main()
