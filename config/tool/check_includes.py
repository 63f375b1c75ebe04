#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules over #include "...": core never includes arch; what partitions run sees only core/abi and its own; a board is data."""
import pathlib
import re
import sys

# folder: folders its files may include from, besides the file's own folder; a folder within one has its own row
MAY = {
    "core": ["core/abi", "core/include", "config/include", "board/include"],
    "arch": ["core/abi", "core/include", "config/include", "board/include", "arch/x86/include"],
    "partitions": ["core/abi", "partitions/lib", "partitions/port/lwip", "partitions/update", "pvdrivers"],
    "pvdrivers": ["core/abi", "partitions/lib", "pvdrivers"],
    "board": ["board/include"],
    "board/survey": ["core/include", "config/include", "board/include", "arch/x86/include", "arch/x86/virt"],
    "config": ["core/abi", "core/include", "config/include", "board/include", "config/check", "config/tool", "partitions/lib"],
}
CONFIG_NOT_PLANNER = ["config/include", "board/include", "core/include"]  # product tables


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    findings = files = 0
    for top, allowed in MAY.items():
        for path in sorted((root / top).rglob("*.[chS]")):
            folder = path.parent.relative_to(root)
            if top != str(folder) and str(folder) in MAY:
                continue
            files += 1
            may = CONFIG_NOT_PLANNER if path.name == "product.c" else allowed
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                if match and not any((root / place / match[1]).exists() for place in [folder, *may]):
                    findings += 1
                    print(f'{path.relative_to(root)}:{number}: must not include "{match[1]}": only from {", ".join(may)}')
    print(f"{files} files looked at, {findings} findings")
    return 1 if findings or not files else 0


if __name__ == "__main__":
    sys.exit(main())
