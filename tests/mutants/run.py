#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Removes one defence at a time: each PATCH is applied to a copy of the tree, and taken back, and the test that it names must
fail in between. One copy for all, so that little is built for each.

    run.py PATCH...
    run.py --check PATCH...     only whether each applies to the tree as it is and names a test that there is; says nothing if so

Header lines of a patch:
    Test: tests/hostile/test_x.py::test_sep1_y    or    Test: unit NAME    or    Test: fixture CFG-nnn
    Why: one line, what is lost without the defence
    Board: of the test, if not the default one
    Seen: what the failing test must print, a regular expression; for tests of pytest, which could fail for any other reason, and for
          unit tests whose program a sanitizer ends: the others must name the test function that failed
A test of pytest that fails in another way, which a slow machine can make it do, is run once more.
Prints "caught NAME", for unit tests with that function, or "FAILED NAME: reason" for each. A patch that does not apply, a tree that
no longer builds and a test that still passes are failures."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOT_COPIED = {"build", ".git"}
SHARED = ["newlib", "lwip", "sodium", "linux"]  # payload parts that no mutant changes
CACHED = ["obj", "host", "unit", "programs"]  # make sees by their times what a patch makes old
FUNCTION_FAILED = r"(?m)(?<=^\[  FAILED  \] )[a-z]\w*$"  # as cmocka says it
LIMIT = 240 * float(os.environ.get("TEST_PATIENCE", "1"))  # seconds for what a patch makes old and its test; below tier.py's cut


def copy_tree(target):
    """The tree with its times, and what has been built of it."""
    for source in ROOT.iterdir():
        if source.is_dir() and source.name not in NOT_COPIED:
            shutil.copytree(source, target / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy2(source, target / source.name)
    (target / "build").mkdir()
    for name in SHARED:
        if (ROOT / "build" / name).exists():
            (target / "build" / name).symlink_to(ROOT / "build" / name)
    for name in CACHED:
        if (ROOT / "build" / name).exists():
            shutil.copytree(ROOT / "build" / name, target / "build" / name)
    if (ROOT / "build/.deps").exists():
        shutil.copy2(ROOT / "build/.deps", target / "build/.deps")


def run(folder, *command, timeout=LIMIT):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key not in ("MFLAGS", "PYTEST_CURRENT_TEST")}
    result = subprocess.run(command, cwd=folder, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", timeout=timeout)
    return result.returncode, result.stdout


def unit_run(folder, unit, seen):
    status, output = run(folder, "make", "--no-print-directory", f"build/unit/{unit}")
    if status != 0:
        return f"does not build\n{output[-2000:]}", ""
    status, output = run(folder, f"build/unit/{unit}", timeout=LIMIT / 2)
    if status == 0:
        return f"unit {unit} still passes", ""
    found = re.search(seen or FUNCTION_FAILED, output)
    return ("", " ".join(found[0].split())) if found else (f"unit {unit} ends with status {status}, but without /{seen or FUNCTION_FAILED}/\n{output[-4000:]}", "")


def test_run(folder, test, seen):
    """Empty if the test fails in this tree, as it should, and says what it has seen, or else the reason; what was seen of a unit test."""
    unit = re.fullmatch(r"unit (\w+)", test)
    return unit_run(folder, unit[1], seen) if unit else (other_run(folder, test, seen), "")


def other_run(folder, test, seen):
    """The same for fixtures and tests of pytest, the reason only."""
    fixture = re.fullmatch(r"fixture (CFG-\d+)", test)
    if fixture:
        status, output = run(folder, sys.executable, "tests/fixtures/run.py", "build", fixture[1])
        if not re.search(r"^\d+ passed, \d+ failed$", output, re.M):
            return f"the fixtures did not run\n{output[-2000:]}"
        return "" if status == 1 else f"fixture {fixture[1]} still passes"
    for attempt in "first", "second":
        status, output = run(folder, "/usr/bin/python3", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test)
        if "BuildFailed" in output:
            return f"does not build\n{output[-2000:]}"
        if status != 1:
            break
        if re.search(seen, output):
            return ""
        print(f"{test} fails, but without /{seen}/, at the {attempt} run\n{output[-4000:]}", flush=True)
    else:
        return f"{test} fails, but twice without /{seen}/"
    return f"{test} still passes" if status == 0 else f"{test} did not run (status {status})\n{output[-1000:]}"


def headers(patch):
    """What its lines say, None for those that it does not have: test, why, board, seen."""
    found = (re.search(rf"^{name}: (.+?)\s*$", patch.read_text(), re.M) for name in ("Test", "Why", "Board", "Seen"))
    return (line and line[1] for line in found)


def patching(patch):
    return ["patch", "--batch", "--no-backup-if-mismatch", "--reject-file=-", "--fuzz=0", "-p1", "-i", str(patch.resolve())]


def test_is_there(test):
    """Whether the tree has what a Test: line names."""
    path, _, name = test.partition("::")
    if name:
        return (ROOT / path).is_file() and re.search(rf"^def {re.escape(name.partition('[')[0])}\(", (ROOT / path).read_text(), re.M)
    kind, _, name = test.partition(" ")
    return any((ROOT / "tests").glob({"unit": f"unit/test_{name}.c", "fixture": f"fixtures/{name}-*"}.get(kind, test)))


def why_not_runnable(folder, patch):
    """Empty if it says what it needs to and applies in this folder."""
    test, why, board, seen = headers(patch)
    if not test or not why or ("::" in test and not seen):
        return "needs a Test: and a Why: line, and a Seen: line if it names a test of pytest"
    if not test_is_there(test):
        return f"there is no {test}"
    if board and not (ROOT / "board" / board).is_dir():
        return f"there is no board {board}"
    status, output = run(folder, *patching(patch), "--forward", "--dry-run")
    return f"does not apply\n{output}" if status != 0 else ""


def why_not_caught(folder, patch):
    """Empty if the named test fails without the defence, else the reason and the end of the output; what was seen. The tree is as before
    then."""
    reason = why_not_runnable(folder, patch)
    if reason:
        return reason, ""
    test, _, board, seen = headers(patch)
    run(folder, *patching(patch), "--forward")
    os.environ.update({"TEST_BOARD": board} if board else {})
    try:
        return test_run(folder, test, seen)
    finally:
        os.environ.pop("TEST_BOARD", None)
        run(folder, *patching(patch), "--reverse")


def check(patches):
    reasons = {patch.stem: why_not_runnable(ROOT, patch) for patch in patches}
    for name, reason in reasons.items():
        if reason:
            print(f"FAILED {name}: {reason}")
    return 1 if any(reasons.values()) or not reasons else 0


def main():
    bad = 0
    if sys.argv[1:2] == ["--check"]:
        return check([pathlib.Path(name) for name in sys.argv[2:]])
    with tempfile.TemporaryDirectory(prefix="mutant-") as scratch:
        folder = pathlib.Path(scratch)
        copy_tree(folder)
        for name in sys.argv[1:]:
            patch = pathlib.Path(name)
            start = time.monotonic()
            try:
                reason, by = why_not_caught(folder, patch)
            except subprocess.TimeoutExpired as error:
                reason, by = f"took more than {error.timeout:.0f} s", ""
            bad += reason != ""
            seconds = f"({time.monotonic() - start:.0f} s)"
            print(f"FAILED {patch.stem}: {reason}" if reason else " ".join(filter(None, ("caught", patch.stem, by, seconds))), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
