#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/configuration.md from the headers of the tables, the table of rules in docs/rules.md, and the number of rules in the others.

    confdoc.py            write them
    confdoc.py --check    status 1 if one is not up to date"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = [("Product", "config/include/product.h", "config/<name>/product.c"), ("Board", "board/include/board.h", "board/<name>/board.c")]
BEGIN, END = "<!-- made by config/tool/confdoc.py: begin -->", "<!-- end -->"
AREAS = [("0", "Names and references"), ("1", "Cores"), ("2", "Memory"), ("3", "Watchdogs, restarts, actions"), ("4", "Tick and console"),
         ("5", "Images"), ("6", "Boards"), ("7", "Product and board together, release images"),
         ("8", "Devices given to partitions")]

COMMENT = r"(?:\s*/\*\s*(?P<comment>.*?)\s*\*/)?"
FIELD = re.compile(r"^\s+(?P<type>(?:const |struct |enum )*\w+ \*?)\s*(?P<names>[\w*\[\], ]+);" + COMMENT + "$")
VALUE = re.compile(r"^\s+(?P<name>[A-Z0-9_]+),?" + COMMENT + "$")
DEFINE = re.compile(r"^#define (?P<name>\w+) (?P<value>\d+)u?" + COMMENT + "$")


def squeeze(text):
    """Comment lines as one paragraph, safe inside a table."""
    return re.sub(r"\s*\n\s*\*?\s*", " ", text or "").strip().replace("|", "\\|")


def one_line_comments(text):
    """A comment that goes on over several lines is joined into one."""
    return re.sub(r"/\*.*?\*/", lambda match: "/* " + squeeze(match.group(0)[2:-2]).replace("\\|", "|") + " */", text, flags=re.S)


def members(lines):
    """Rows (field, type, meaning) of a struct's body; members of an unnamed struct are called outer.inner."""
    rows, inner = [], None
    for line in lines:
        end = re.match(r"^\s+} (\w+);" + COMMENT + "$", line)
        if re.match(r"^\s+struct {$", line):
            inner = []
        elif end:
            rows += [(f"{end.group(1)}.{name}", kind, meaning) for name, kind, meaning in inner]
            inner = None
        elif FIELD.match(line):
            match = FIELD.match(line)
            for name in match["names"].split(","):
                row = (name.strip(), match["type"].strip(), squeeze(match["comment"]))
                (rows if inner is None else inner).append(row)
        elif line.strip() and not line.strip().startswith("/*"):
            raise SystemExit(f"confdoc.py: cannot read this line: {line}")
    return rows


def values(lines):
    rows = []
    for line in lines:
        if line.strip() and not VALUE.match(line):
            raise SystemExit(f"confdoc.py: cannot read this line: {line}")
        if line.strip():
            rows.append((VALUE.match(line)["name"], squeeze(VALUE.match(line)["comment"])))
    return rows


def table(heading, rows):
    text = "| " + " | ".join(heading) + " |\n|" + "---|" * len(heading) + "\n"
    return text + "".join("| `" + row[0] + "` | " + " | ".join(row[1:]) + " |\n" for row in rows) + "\n"


def header_text(title, header, where):
    text = one_line_comments((ROOT / header).read_text(encoding="utf-8"))
    text = re.sub(r"^enum (\w+) {((?: \w+,?)+) };", lambda m: f"enum {m[1]} {{\n    " + m[2].strip().replace(", ", ",\n    ") + "\n};", text,
                  flags=re.M)
    out = f"## {title}: `{where}`\n\n"
    limits = [(m["name"], m["value"], squeeze(m["comment"])) for m in map(DEFINE.match, text.splitlines()) if m]
    out += table(("limit", "value", ""), limits)
    block = re.compile(r"(?:^/\* (?P<about>[^\n]*) \*/\n)?^(?P<kind>struct|enum) (?P<name>\w+) {\n(?P<body>.*?)^};", re.M | re.S)
    for match in block.finditer(text):
        out += f"### `{match['kind']} {match['name']}`\n\n"
        about = squeeze(match["about"]) if match["about"] else ""
        out += about + "\n\n" if about else ""
        lines = match["body"].splitlines()
        if match["kind"] == "struct":
            out += table(("field", "type", "meaning"), [(name, f"`{kind}`", meaning) for name, kind, meaning in members(lines)])
        else:
            out += table(("value", "meaning"), values(lines))
    return out


def configuration():
    out = "# Configuration reference\n\nMade by `config/tool/confdoc.py` from the headers; `make check-fast` compares. A field that is not set is 0.\n"
    out += "What the tables must fulfil beyond their types: [rules.md](rules.md).\n\n"
    return out + "".join(header_text(*header) for header in HEADERS).rstrip() + "\n"


def target_ids():
    """The ids of what the target compares itself."""
    sources = [path.read_text(encoding="utf-8") for folder in ("arch", "core") for path in (ROOT / folder).rglob("*.c")]
    return set(re.findall(r"CFG-9\d\d", "".join(sources)))


def rules():
    """docs/rules.md with the part between the marks made anew."""
    source = (ROOT / "config/check/rules.c").read_text(encoding="utf-8")
    found = re.findall(r'\{"(CFG-\d{3})", \w+,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\}', source)
    rows = [(name, re.sub(r'"\s*"', "", text.strip())[1:-1].replace('\\"', '"').replace("|", "\\|")) for name, text in found]
    if len(rows) != source.count('{"CFG-'):
        raise SystemExit("confdoc.py: cannot read every rule of config/check/rules.c")
    part = ""
    for digit, area in AREAS:
        part += f"\n### {area}\n\n" + table(("id", "what a product and its board fulfil"), sorted(row for row in rows if row[0][4] == digit))
    part = re.sub(r"\n{3,}", "\n\n", f"\n{len(rows)} rules.\n" + part)
    text = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
    targets = target_ids()
    if targets != set(re.findall(r"`(CFG-9\d\d)`", text)):
        raise SystemExit(f"confdoc.py: docs/rules.md does not list the target's own ids, which are {' '.join(sorted(targets))}")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit("confdoc.py: docs/rules.md has lost its marks")
    return text[: text.index(BEGIN) + len(BEGIN)] + "\n" + part + text[text.index(END):]


def recounted(path, count):
    """A document that says how many rules there are, with the right number."""
    return re.sub(r"\b\d+ rules(?!, \d+ forwarded)\b", f"{count} rules", path.read_text(encoding="utf-8"))


def main():
    stale = []
    made = {ROOT / "docs/configuration.md": configuration(), ROOT / "docs/rules.md": rules()}
    count = re.search(r"^(\d+) rules\.$", made[ROOT / "docs/rules.md"], re.M)[1]
    others = {path: recounted(path, count) for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if path not in made}
    for path, text in (made | others).items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if sys.argv[1:] != ["--check"]:
            path.write_text(text, encoding="utf-8")
    if sys.argv[1:] == ["--check"] and stale:
        print(f"not up to date: {', '.join(stale)}; run config/tool/confdoc.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
