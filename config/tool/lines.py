#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Privileged source lines of one image: lines of core/ and arch/x86/ that are neither blank nor comment, per folder and in
all, against the budget. Arguments: the objects' dependency files, which name sources and headers, and further sources."""
import collections
import os
import re
import sys

BUDGET = 7000  # what we want; docs/STATUS.md says why it is missed
CEILING = 7450  # what we have: more fails, so that it only ever shrinks
FOLDERS = ("core/", "arch/x86/")


def code_lines(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    # Strings first, so that a comment mark inside one is none; a comment keeps its line breaks.
    token = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.S)
    text = token.sub(lambda match: match[0] if match[0][0] == '"' else "\n" * match[0].count("\n"), text)
    return sum(1 for line in text.splitlines() if line.strip())


def main():
    sources = set()
    for argument in sys.argv[1:]:
        if argument.endswith(".d"):
            with open(argument, encoding="utf-8") as file:
                first = file.read().replace("\\\n", " ").splitlines()[0]
            sources.update(first.split(":", 1)[1].split())
        else:
            sources.add(argument)
    folders = collections.Counter()
    for path in sorted(map(os.path.normpath, sources)):
        if path.startswith(FOLDERS):
            count = code_lines(path)
            folders[os.path.dirname(path)] += count
            if os.environ.get("V") == "1":
                print(f"{count:7,}  {path}")
    for folder, count in sorted(folders.items()):
        print(f"{count:7,}  {folder}/")
    total = sum(folders.values())
    print(f"{total:7,}  in all, of {BUDGET:,}" + ("" if total <= BUDGET else f": MISSED; more than {CEILING:,} fails the check"))
    return 0 if total <= CEILING else 1


if __name__ == "__main__":
    sys.exit(main())
