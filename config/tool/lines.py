#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Privileged source lines: lines of core/ and arch/x86/ that are neither blank nor comment. Per folder for the image of AMD's processor and
IOMMU, then what is common to all images and what only some have, each vendor's image against the budget, and how much of it issue 4's
devices take.

    lines.py --common FILE... --svm FILE... --vmx FILE... --amdvi FILE... --vtd FILE... --sp5100 FILE... --itco FILE...

The files are the objects' dependency files, which name sources and headers, and further sources. Each vendor's image is counted with that
vendor's watchdog. What boards without IOMMU or with another watchdog or none link instead, iommu/none.c, dev/wdt_none.c and
dev/wdt_i6300esb.c, is in neither image here."""
import argparse
import collections
import os
import pathlib
import re
import sys

BUDGET = 7000  # what we want of an image; docs/numbers.md says why it is missed
CEILINGS = {"AMD": 13684, "Intel": 14650}  # what we have: more fails, so that it only ever shrinks
IMAGES = {"AMD": ("svm", "amdvi", "sp5100"), "Intel": ("vmx", "vtd", "itco")}
PARTS = ("common", "svm", "vmx", "amdvi", "vtd", "sp5100", "itco")
FOLDERS = ("core/", "arch/x86/")
# Files that devices alone need; what they need in other files is not counted apart.
DEVICES = re.compile(r"arch/x86/(pci|iommu)/.*|arch/x86/virt/audit_devices\.c|arch/x86/include/(pci_bus|pci_parts|io_table|amdvi|vtd)\.h"
                     r"|core/(pci\w*|restart_group)\.c|core/include/(pci|pci_function|iommu)\.h")


def code_lines(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    # Strings first, so that a comment mark inside one is none; a comment keeps its line breaks.
    token = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.S)
    text = token.sub(lambda match: match[0] if match[0][0] == '"' else "\n" * match[0].count("\n"), text)
    return sum(1 for line in text.splitlines() if line.strip())


def sources(arguments):
    """The privileged sources and headers that these files name."""
    found = set()
    for argument in arguments:
        if argument.endswith(".d"):
            with open(argument, encoding="utf-8") as file:
                first = file.read().replace("\\\n", " ").splitlines()[0]
            found.update(first.split(":", 1)[1].split())
        else:
            found.add(argument)
    return {path for path in map(os.path.normpath, found) if path.startswith(FOLDERS)}


def folder_table(paths, lines):
    folders = collections.Counter()
    for path in sorted(paths):
        folders[os.path.dirname(path)] += lines[path]
        if os.environ.get("V") == "1":
            print(f"{lines[path]:7,}  {path}")
    for folder, count in sorted(folders.items()):
        print(f"{count:7,}  {folder}/")


def main():
    parser = argparse.ArgumentParser()
    for name in PARTS:
        parser.add_argument(f"--{name}", nargs="+", required=True)
    options = parser.parse_args()
    used = {name: sources(getattr(options, name)) for name in PARTS}
    images = {name: used["common"].union(*(used[part] for part in parts)) for name, parts in IMAGES.items()}
    common = set.intersection(*images.values())
    lines = {path: code_lines(path) for path in set.union(*images.values())}

    def total(paths):
        return sum(lines[path] for path in paths)

    folder_table(images["AMD"], lines)
    print(f"{total(common):7,}  common to both images")
    for name, image in images.items():
        iommu = {path for path in image - common if "/iommu/" in path or DEVICES.fullmatch(path)}
        print(f"{total(image - common - iommu):7,}  {name}'s processors and watchdog only\n{total(iommu):7,}  {name}'s IOMMU only")
    for name, image in images.items():
        count, devices = total(image), total(path for path in image if DEVICES.fullmatch(path))
        verdict = "" if count <= BUDGET else f": MISSED; more than {CEILINGS[name]:,} fails the check"
        print(f"{count:7,}  in all, {name} image, of {BUDGET:,}{verdict}\n{devices:7,}  of them in files of devices alone")
    survey = sum(code_lines(path) for path in map(str, pathlib.Path("board/survey").glob("*.[ch]")))
    print(f"{survey:7,}  board/survey/, in no product's image")
    return 0 if all(total(images[name]) <= CEILINGS[name] for name in IMAGES) else 1


if __name__ == "__main__":
    sys.exit(main())
