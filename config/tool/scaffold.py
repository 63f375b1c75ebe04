#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The start of something new: a folder that builds at once.

    scaffold.py product NAME           config/NAME/product.c; a NAME with a slash is a path outside
    scaffold.py partition NAME FOLDER  FOLDER/partitions/NAME/NAME.c, and its row in FOLDER/product.c
    scaffold.py board NAME LOG         board/NAME/, or that path, of what a survey printed into LOG

What there is already is never changed, but for the product's table, which gets a row."""
import os
import pathlib
import re
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = {"product": r"[a-z0-9_-]{1,31}", "board": r"[a-z0-9_-]{1,31}", "partition": r"[a-z0-9-]{1,15}"}
SAYS = {"product": "1 to 31 of a-z, 0-9, '-' and '_'", "board": "1 to 31 of a-z, 0-9, '-' and '_'", "partition": "1 to 15 of a-z, 0-9 and '-'"}

PRODUCT = """\
/* @NAME@: say here what it is for. All fields: docs/configuration.md; what they must fulfil: docs/rules.md. */
#include "product.h"

const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "@NAME@",
    .description = "Say in one line what it is",
    .housekeeping = "first", /* its first core drives console, tick and watchdogs, too: name the least time-critical one */
    .partitions =
        {
            {
                .name = "first",
                .kind = IMAGE_UNIKERNEL, /* or IMAGE_LINUX: docs/linux.md */
                .program = "hello",      /* a folder of partitions/, of this product or of the tree */
                .cores = 1,
                .memory = MIB(16),
            },
        },
};
"""

ROW = """\
            {
                .name = "@NAME@",
                .kind = IMAGE_UNIKERNEL, /* its program: partitions/@NAME@/ */
                .cores = 1,
                .memory = MIB(16),
                .watchdog = {.period_ms = 2000, .boot_grace_ms = 10000, .action = ACTION_RESTART},
                .restart = {.limit = 3}, /* within a minute; then it stays stopped */
                .on_crash = ACTION_RESTART,
            },
"""

PROGRAM = """\
/* @NAME@: say here what it does. What a program can use: docs/howto-partition.md and partitions/lib/bh.h.
 *   exit N   ends it with status N */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"

#define PERIOD_NS 500000000ul /* shorter than the watchdog's period in the product table */

static void answer(const char *line)
{
    if (strncmp(line, "exit ", 5) == 0)
        exit(atoi(line + 5));
    printf("you said: %s\\n", line);
}

int main(int argc, char **argv)
{
    char line[128];

    (void)argc;
    printf("%s: life %lu\\n", argv[0], bh_start_info()->lives);
    for (;;) {
        /* The work of a period goes here. */
        bh_watchdog_pet();
        bh_console_wait(bh_now_ns() + PERIOD_NS); /* halts the core until somebody types, or the time is over */
        while (bh_getline(line, sizeof(line)))
            answer(line);
    }
}
"""


class Refused(Exception):
    """Nothing has been written."""


def check_name(kind, name):
    if not re.fullmatch(NAMES[kind], name) or name.startswith("-"):
        raise Refused(f'"{name}" is no name for a {kind}: use {SAYS[kind]}, not "-" first')


def folder_of(kind, name, top):
    """The folder to make, and its last part. A name without a slash is one of the tree's own."""
    folder = pathlib.Path(os.path.expanduser(name)) if "/" in name else ROOT / top / name
    check_name(kind, folder.name if "/" in name else name)
    if re.search(r"\s", str(folder)):
        raise Refused(f'"{folder}" has a space in it: make can work with no such path')
    if folder.exists():
        raise Refused(f"{folder} exists already: choose another NAME, or remove it")
    return folder, folder.name


def write_all(files):
    """Every file is new, or its folder was looked at before."""
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {os.path.relpath(path, ROOT) if path.is_relative_to(ROOT) else path}")


def new_product(name):
    folder, base = folder_of("product", name, "config")
    write_all({folder / "product.c": PRODUCT.replace("@NAME@", base)})
    print(f"next: make PRODUCT={name} run, or make PRODUCT={name} new-partition NAME=...")


def without_comments_and_strings(text):
    """The same length; what is in comments and strings is blank."""
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.S)


def end_of_partitions(text):
    """Where the brace stands that closes `.partitions`. None: it was not found."""
    code = without_comments_and_strings(text)
    start = re.search(r"\.partitions\s*=\s*\{", code)
    if not start:
        return None
    depth = 1
    for at in range(start.end(), len(code)):
        depth += {"{": 1, "}": -1}.get(code[at], 0)
        if depth == 0:
            return at
    return None


def row_added(text, row):
    """The table with a row more at the end of its partitions, or None where it is not written as the tree's are."""
    end = end_of_partitions(text)
    if end is None:
        return None
    code = without_comments_and_strings(text[:end])
    last = len(code.rstrip())
    head = text[:last] + ("" if code[last - 1] in ",{" else ",") + text[last:end].rstrip(" \t")
    return head + ("" if head.endswith("\n") else "\n") + row + "        " + text[end:]


def new_partition(name, product):
    check_name("partition", name)
    folder, row = ROOT / product, ROW.replace("@NAME@", name)
    table = folder / "product.c"
    text = table.read_text(encoding="utf-8")
    if name == "bulkhead":
        raise Refused('"bulkhead" is what the hypervisor is called on the console: choose another NAME')
    if re.search(rf'\.(name|program)\s*=\s*"{re.escape(name)}"', text):
        raise Refused(f'{table} has a partition or a program "{name}" already: choose another NAME')
    if (ROOT / "partitions" / name).exists():
        raise Refused(f"the tree has a program of this name, partitions/{name}/: choose another NAME, or name it as .program in {table}")
    if (folder / "partitions" / name).exists():
        raise Refused(f"{folder}/partitions/{name} exists already: choose another NAME, or remove it")
    changed = row_added(text, row)
    if changed is None:
        raise Refused(f"{table} has no list of .partitions in which a row could be put; add this one yourself:\n{row}")
    write_all({folder / "partitions" / name / f"{name}.c": PROGRAM.replace("@NAME@", name), table: changed})
    print(f"next: make PRODUCT={product} run")


# --- boards ---

BEGIN, MIDDLE, END = "==== board.c ====", "==== board.mk ====", "==== end "


def whole_surveys(log):
    """(board.c, board.mk) of each survey in a log of which no character is missing; the number of those that are not whole."""
    found, broken = [], 0
    for part in log.replace("\r", "").split(BEGIN + "\n")[1:]:
        text, end, rest = part.partition(END)
        said = re.match(r"([0-9a-f]{8}) ====", rest)
        if end and said and int(said[1], 16) == zlib.crc32(text.encode("utf-8", "replace")) and f"\n{MIDDLE}\n" in text:
            found.append(tuple(text.split(f"{MIDDLE}\n")))
        else:
            broken += 1
    return found, broken


def check_board(log, table, settings):
    """A log comes from a machine, perhaps by many hands; make and the compiler act on what is written. So it is a table of numbers and names and nothing else."""
    code = without_comments_and_strings(table.replace('#include "board.h"\n', "", 1))
    strange = re.search(r"[^\w\s.{}\[\]=,;-]|__|\basm\b", code, re.ASCII)
    if strange or "\\" in table or "??" in table or re.sub(r"\s+", " ", code).strip(" ;").count(";"):
        raise Refused(f"{log}: its board.c is no table as a survey prints it{f', for it has {strange[0]!r}' if strange else ''}: take it again")
    for line in settings.splitlines():
        if not re.fullmatch(r"#[^\\]*|(VIRT|IOMMU) := [a-z]+|", line, re.ASCII):
            raise Refused(f"{log}: its board.mk has a line that no survey prints: {line!r}: take it again")


def new_board(name, log):
    folder, base = folder_of("board", name, "board")
    try:
        text = pathlib.Path(log).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Refused(f"FROM={log}: {error.strerror}") from None
    found, broken = whole_surveys(text)
    if not found and broken:
        raise Refused(f"{log}: characters are missing in each of its {broken} surveys: take it again; the survey image prints it again and again")
    if not found:
        raise Refused(f'{log}: no survey in it: no line "{BEGIN}"')
    table, settings = found[-1]
    check_board(log, table, settings)
    write_all({folder / "board.c": table.replace('.name = "survey"', f'.name = "{base}"', 1), folder / "board.mk": settings})
    print(f"next: read it, and fill in what it says is not known; then make PRODUCT=minimal BOARD={name}")


def main():
    verbs = {"product": (new_product, 1), "partition": (new_partition, 2), "board": (new_board, 2)}
    verb, *arguments = sys.argv[1:] or [""]
    if verb not in verbs or len(arguments) != verbs[verb][1]:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        verbs[verb][0](*arguments)
    except Refused as why:
        print(f"refused: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
