# SPDX-License-Identifier: Apache-2.0
"""`make hil`: the system tests on a board in a labgrid environment. Everything made lies in build/hil/<board>/: report.xml (JUnit),
report.html, console/ (all that came over the serial line, one file for each boot)."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "config/tool"))
import hil_report  # noqa: E402

# labgrid's own plugin would read LG_ENV a second time, for fixtures that we do not use.
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:labgrid", "--tb=short", "-o", "junit_logging=no"]
ALL = ["tests/system", "tests/hostile"]


def loopback():
    """An address of this machine for this tree alone, so that two trees' boards do not meet."""
    digest = hashlib.sha256(str(ROOT).encode()).digest()
    return f"127.{digest[0] | 1}.{digest[1]}.{digest[2] | 1}"


def surroundings(board, file, folder):
    """What the tests and the environment's file read."""
    return {**os.environ, "TEST_BOARD": board, "TEST_LOGS": str(folder / "console"), "LG_ENV": str(file), "LG_HOST": loopback(),
            "LG_WORK": str(folder)}


def switch_off(env):
    """However the tests have ended."""
    subprocess.run(["/usr/bin/python3", "-c", "import os, sys; sys.path.insert(0, sys.argv[1]); import labboard; "
                    "labboard.environment(os.environ['LG_ENV']).get_target('main').get_driver('Strategy', activate=False).off()", str(HERE)],
                   env=env, check=False, timeout=120)


def complain(board, file):
    """What is wrong with the words of the command line; None if nothing."""
    if not file:
        return "make hil LG_ENV=...: name a labgrid environment; tests/hil/ has examples, docs/howto-hil.md says how to write one"
    if not pathlib.Path(file).is_file():
        return f"make hil LG_ENV={file}: no such file"
    if re.search(r"^[^#\n]*\bCHANGE\b", pathlib.Path(file).read_text(), re.M):
        return f"make hil LG_ENV={file}: it still says CHANGE where the bench has a name of its own"
    folder = pathlib.Path(board) if "/" in board else ROOT / "board" / board
    return None if (folder / "board.c").exists() else f"make hil BOARD={board}: {folder}/board.c does not exist"


def run(board, file, tests=()):
    """Returns (passed, failed)."""
    wrong = complain(board, file)
    if wrong:
        sys.exit(wrong)
    missing = [test for test in tests if not (ROOT / test.split("::")[0]).exists()]
    if missing:
        sys.exit(f"make hil TESTS=...: no such file: {' '.join(missing)}")
    board = str(pathlib.Path(board).resolve()) if "/" in board else board
    folder = ROOT / "build/hil" / pathlib.Path(board).name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    env = surroundings(board, pathlib.Path(file).resolve(), folder)
    words = f"build/{pathlib.Path(board).name}/minimal/run.args"  # a board that QEMU plays is started with them
    made = subprocess.run(["make", "--no-print-directory", "PRODUCT=minimal", f"BOARD={board}", words], cwd=ROOT, text=True,
                          capture_output=True, env={key: value for key, value in env.items() if not key.startswith("MAKE")})
    if made.returncode != 0:
        sys.exit(made.stdout + made.stderr)
    shutil.copyfile(ROOT / words, folder / "run.args")
    report = folder / "report.xml"
    try:
        status = subprocess.run([*PYTEST, f"--junitxml={report}", *(tests or ALL)], cwd=ROOT, env=env).returncode
    finally:
        switch_off(env)
    if not report.exists():
        print(f"FAILED pytest ended with status {status} before any test")
        return 0, 1
    return verdict(folder, report, status, board, file)


def verdict(folder, report, status, board, file):
    cases = xml.etree.ElementTree.parse(report).getroot().findall(".//testcase")
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    passed = len(cases) - len(failed) - len(skipped)
    not_run = folder / "console/not-run.txt"
    reasons = not_run.read_text().splitlines() if not_run.exists() else []
    for reason in sorted({line.split("\t")[0] for line in reasons}):
        print(f"not run here: {sum(line.startswith(reason) for line in reasons)}: {reason}")
    for case in skipped:
        print(f"not run here: {case.get('name')}: {re.sub(r'^Skipped: ', '', case.find('skipped').get('message') or '')}")
    print(f"report: {hil_report.write(folder, board, file).relative_to(ROOT)}")
    return passed, len(failed) + (status not in (0, 1))
