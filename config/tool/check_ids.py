#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The matrix of invariants: each id with the code that keeps it (a comment in core/ or arch/) and the tests that show it (a
test named test_sep4_... or a comment in tests/). Status 1 if one has neither."""
import pathlib
import re
import sys

IDS = [f"SEP-{number}" for number in range(1, 10)] + ["PERF-1"]


def mentions(root, folders, patterns, pattern):
    found = set()
    for folder in folders:
        for suffix in patterns:
            for path in (root / folder).rglob(suffix):
                if re.search(pattern, path.read_text(encoding="utf-8", errors="replace")):
                    found.add(str(path.relative_to(root)))
    return sorted(found)


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    orphans = 0
    for name in IDS:
        kind, number = name.split("-")
        code = mentions(root, ["core", "arch"], ["*.[chS]"], rf"\b{name}\b")
        tests = mentions(root, ["tests"], ["*.c", "*.py", "*.patch"], rf"\b{name}\b|\btest_{kind.lower()}{number}_")
        print(f"{name:7} code:  {', '.join(code) or 'NONE'}\n{'':7} tests: {', '.join(tests) or 'NONE'}")
        orphans += not code or not tests
    print(f"{len(IDS)} ids, {orphans} orphans")
    return 1 if orphans else 0


if __name__ == "__main__":
    sys.exit(main())
