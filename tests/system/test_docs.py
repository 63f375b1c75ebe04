# SPDX-License-Identifier: Apache-2.0
"""The documents say what is so: what they show is typed and must come, what they point at is there.

In README.md and docs/howto-*.md
    `~/file`:            before a fenced block: the block is put into that file first
    $ command            in a ```console block: run by bash in the tree's root, on a terminal, with a home of its own
    <Ctrl-] 1> <stats Enter>   is typed when all lines before it have come
    other lines          must come, in this order; `...` stands for anything, and so do digits in times, dates and in numbers of
                         three or more digits
A command fails exactly when its last expected line ends in "Error 1" or "Error 2", or is make's own "*** ... Stop."."""
import os
import pathlib
import re

import pexpect
import pytest

from lib import PATIENCE, ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
TRANSCRIPTS = [path for path in DOCUMENTS if path.name == "README.md" or path.name.startswith("howto-")]
KEYS = {"Ctrl-]": "\x1d", "Ctrl-A": "\x01", "Enter": "\r"}
LINE_SECONDS = 90
BUILD_SECONDS = 600  # to the first line
LENIENT = re.compile(r"\.\.\.|\[ *\d+\.\d{6}\]|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|0x[0-9a-f]{4,}|\b\d{3,}\b|\s+")


def lenient(match):
    text = match[0]
    if text == "...":
        return r"[^\r\n]*"
    if text.startswith("["):
        return r"\[ *\d+\.\d{6}\]"
    if text.startswith("0x"):
        return "0x[0-9a-f]+"
    if text.isspace():
        return r" +"
    return re.sub(r"\d+", lambda _: r"\d+", text)


def pattern(line):
    """An expected line, from its beginning (or a control sequence of the boot loader) to its end, as a regular expression."""
    parts, end = [], 0
    for match in LENIENT.finditer(line):
        parts += [re.escape(line[end : match.start()]), lenient(match)]
        end = match.end()
    return r"(?:^|[\r\n]|\x1b\[[\d;]*[A-Za-z])(" + "".join(parts) + re.escape(line[end:]) + r") *(?=[\r\n])"


def keys(line):
    """<Ctrl-] 1>: what is typed; words that are no keys are typed with blanks between them."""
    words = line[1:-1].split(" ")
    typed = ""
    for before, word in zip([None, *words], words):
        typed += " " if before is not None and before not in KEYS and word not in KEYS else ""
        typed += KEYS.get(word, word)
    return typed


def blocks(text):
    """(language, lines, file) of each fenced block."""
    for match in re.finditer(r"(?:`(~/[^`\n]+)`:\n\n)?^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        yield match[2], match[3].splitlines(), match[1]


def steps(text):
    """("file", name, content) and ("command", line, expected lines), in order."""
    found = []
    for language, lines, file in blocks(text):
        if file:
            found.append(("file", file, "\n".join(lines) + "\n"))
        elif language == "console":
            for line in lines:
                if line.startswith("$ "):
                    found.append(("command", line[2:], []))
                else:
                    found[-1][2].append(line)
    return found


def run(command, expected, home):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    child = pexpect.spawn("/bin/bash", ["-c", command], cwd=str(ROOT), env={**clean, "HOME": str(home), "TERM": "dumb"},
                          encoding="utf-8", codec_errors="replace", echo=False, dimensions=(50, 400))
    seconds = BUILD_SECONDS * PATIENCE
    try:
        for line in expected:
            if line.strip() == "...":
                continue
            if re.fullmatch(r"<.+>", line):
                child.send(keys(line))
                continue
            child.expect(pattern(line), timeout=seconds)
            seconds = LINE_SECONDS * PATIENCE
        child.expect(pexpect.EOF, timeout=seconds)
    except (pexpect.TIMEOUT, pexpect.EOF):
        pytest.fail(f"$ {command}\nno line like: {line if expected else 'its end'}\nlast output:\n{(child.before or '')[-3000:]}")
    finally:
        child.close(force=True)
    refused = bool(expected) and re.search(r"Error \d$|\*\*\* .* Stop\.$", expected[-1]) is not None
    assert (child.exitstatus != 0) == refused, f"$ {command}: status {child.exitstatus}"


@pytest.mark.limit(1500)
@pytest.mark.parametrize("document", TRANSCRIPTS, ids=lambda path: path.name)
def test_what_a_document_shows_comes(document, tmp_path):
    todo = steps(document.read_text())
    assert any(kind == "command" and expected for kind, _, expected in todo), "shows nothing that could be checked"
    for kind, what, content in todo:
        if kind == "file":
            path = tmp_path / what[2:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        else:
            run(what, content, tmp_path)


def anchors(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
    titles = re.findall(r"^#+ +(.+?) *$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_resolve(document):
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+://", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(target)
    assert not broken, f"{document.name}: {broken}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_exist(document):
    """Paths in backticks that begin with a folder of the tree; <...> and * stand for names."""
    top = "arch|board|config|core|docs|partitions|tests"
    missing = []
    for name in re.findall(rf"`((?:{top})/[\w./<>*-]+)`", document.read_text()):
        if not list(ROOT.glob(re.sub(r"<[^>]*>", "*", name).rstrip("/"))):
            missing.append(name)
    assert not missing, f"{document.name}: {missing}"


def named(text, kind):
    """What threats.md names after the word `kind`: attack `a`; attacks `a` and `b`."""
    lists = re.findall(rf"\b{kind}s?\s+((?:`[\w-]+`(?:,\s+|\s+and\s+)?)+)", text)
    return {name for part in lists for name in re.findall(r"`([\w-]+)`", part)}


def words_after(kind, text):
    """`a`, `b` and `c` behind such a word."""
    lists = re.findall(rf"\b{kind} ((?:`[\w*-]+`(?: \(\d+\))?(?:, | and )?)+)", text)
    return {name for names in lists for name in re.findall(r"`([\w*-]+)`", names)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_tests_exist(document):
    """Unit tests, fuzzers and mutants by their kind and name, the others by file and perhaps function; * stands for any."""
    text = document.read_text()
    missing = []
    for kind, place in ("units?", "tests/unit/test_{}.c"), ("fuzz", "tests/fuzz/fuzz_{}.c"), ("mutants?", "tests/mutants/{}.patch"):
        missing += [name for name in words_after(kind, text) if not list(ROOT.glob(place.format(name)))]
    for path, name in re.findall(r"`(?:tests/(?:system|hostile)/)?(test_\w+\.py)(?:::(\w+\*?))?`", text):
        files = [file for folder in ("system", "hostile") if (file := ROOT / "tests" / folder / path).exists()]
        if not any(re.search(rf"def {name.replace('*', chr(92) + 'w*')}\b" if name else "", file.read_text()) for file in files):
            missing.append(f"{path} {name}")
    assert not missing, f"{document.name}: {missing}"


def test_threats_name_what_is_there():
    text = (ROOT / "docs/threats.md").read_text().split("## CPU state", 1)[1]
    attacks = set(re.findall(r'^    \{"([\w-]+)", attack_', (ROOT / "partitions/attacker/attacker.c").read_text(), re.M))
    units = {path.stem.removeprefix("test_") for path in (ROOT / "tests/unit").glob("test_*.c")}
    systems = {path.stem.removeprefix("test_") for path in (ROOT / "tests/system").glob("test_*.py")}
    assert named(text, "attack") == attacks
    assert named(text, "unit") - units == set()
    assert named(text, "system") - systems == set()
    for test, names in re.findall(r"^\| `(tests/hostile/\w+\.py)`.*? \| (.*) \|$", (ROOT / "docs/threats.md").read_text(), re.M):
        for name in re.findall(r"`([\w-]+)`", names):
            assert re.search(rf'(?:"|\}} ){name}\b', (ROOT / test).read_text()), f"{test}: {name}"


def test_threats_have_every_class_that_code_names():
    text = (ROOT / "docs/threats.md").read_text()
    covered = {int(first) for first in re.findall(r"\*\*AC-(\d\d)\*\*", text)}
    for first, last in re.findall(r"\*\*AC-(\d\d) to AC-(\d\d)\*\*", text):
        covered |= set(range(int(first), int(last) + 1))
    assert covered == set(range(1, 53))
    for top in "core", "arch", "partitions", "pvdrivers", "tests":
        for path in (ROOT / top).rglob("*.[chS]"):
            for name in re.findall(r"\bAC-(\d+)\b", path.read_text(errors="replace")):
                assert int(name) in covered, f"{path}: AC-{name}"
