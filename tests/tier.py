#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one tier of tests and ends with the line "N passed, N failed". A skipped test counts as failed.

    tier.py check-fast UNIT...      as `make check-fast` calls it; likewise the other tiers
    tier.py unit NAME               one unit test, its whole output shown
    tier.py hil BOARD ENVIRONMENT [TEST...]     on a board by labgrid, docs/howto-hil.md
    tier.py shard HASH SECONDS      as much of check-mutants, check-boards and check-long as fits, chosen by the hash
"""
import fcntl
import os
import pathlib
import random
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/hil"))
import run as laboratory  # noqa: E402

PYTEST = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:labgrid", "--tb=short", "-o", "junit_logging=no"]
PRODUCTS = ["minimal", "hostile", "lab", "demo", "ops", "gateway"]
SYSTEM = ["tests/system", "tests/hostile"]
# Two machines at a time, as a test mostly waits for its own; a file's tests stay together, as they share one. Those that are about the
# build, or follow the documents, have the tree to themselves.
PAIRED = ["-n", "2", "--dist", "loadfile"]
ALONE = ["tests/system/test_build.py", "tests/system/test_docs.py"]
# The default board is that of all tests that name none. Those of the other one of QEMU that `make check` has; check-boards has all but those
# that name their boards themselves or are about the build.
OTHER_QEMU = "qemu-q35-amd"
OTHER_FEW = ["tests/system/test_boot.py::test_minimal_boots", "tests/system/test_boot.py::test_sep1_sep7_audit_and_seal_at_boot",
             *(f"tests/hostile/test_{name}.py" for name in ("device_attacks", "disks", "dma_before", "channel_attacks")), "tests/system/test_trace.py", "-k", "not sep5 and not bars"]
OTHER_NOT = [word for name in ("docs", "build", "demo", "devices", "unsafe", "net", "lab_device", "owners", "peer") for word in ("--ignore", f"tests/system/test_{name}.py")]
UEFI = "qemu-q35-uefi"
# What starts from a disk again and again, there by OVMF.
UEFI_FEW = [*(f"tests/system/test_update.py::test_{name}" for name in ("refused_applied_started_confirmed", "power_cuts")), "tests/system/test_tpm.py",
            "tests/system/test_signed.py::test_changed_files_and_keys"]
REFUSED = {(product, board) for product in ("demo", "gateway") for board in ("bochs-svm", "bochs-vmx", "apu2", "firebox-m270")}  # fewer cores, less memory, or no devices
BOCHS_BOARDS = ["bochs-svm", "bochs-vmx"]
BOCHS = [*(f"tests/system/test_{name}.py" for name in ("boot", "console", "life", "faults", "lab", "steady", "tick_off", "entry", "channels", "trace")), "tests/hostile",
         "tests/system/test_linux.py::test_small_linux_from_start_to_power_off",
         "tests/system/test_health.py::test_sep4_events_on_four_cores", "tests/system/test_health.py::test_perf1_minimal_keeps_its_budget_of_no_exit",
         *(f"tests/system/test_build.py::test_run_{name}" for name in ("without_a_terminal_ends_by_itself", "restores_the_terminal"))]
# What `make check` has of these, at most 6 minutes; the run without the slow tick on one board.
BOCHS_FEW = ["tests/system/test_boot.py::test_minimal_boots", "tests/system/test_console.py", "tests/system/test_steady.py",
             "tests/system/test_entry.py",
             "tests/system/test_build.py::test_run_restores_the_terminal"]
BOCHS_ONCE = {"bochs-svm": ["--deselect", "tests/system/test_steady.py::test_perf1_ten_cpuids_of_the_housekeeping_core_with_the_tick_off",
                            "--deselect", "tests/system/test_steady.py::test_perf1_no_exit_of_the_housekeeping_core_with_the_tick_off"]}
# The path of a real board, tried on one that QEMU plays.
PLAYED = ["qemu-q35-vtd", "tests/hil/board.yaml", "tests/system/test_boot.py::test_minimal_boots",
          "tests/system/test_boot.py::test_sep8_altered_payload_is_refused[flip_first]",
          *(f"tests/system/test_console.py::test_{name}" for name in (
              "typed_line_is_answered", "focus_gives_keyboard_and_raw_screen", "sep1_audit_on_demand", "restart_of_the_focused_partition")),
          "tests/system/test_life.py::test_sep4_hang_is_ended_by_the_watchdog_while_others_go_on"]
NEEDS = {"pytest": 300, "mutant": 150, "boards": 400}  # seconds that must be left for a part of the shard to begin
SLOW_FILES = 3  # in so many, tests that waited in vain are run once more
SLACK = 120  # seconds past the end after which it is cut off
passed = failed = 0


def count(ok, name, detail=""):
    """Count one test; say so if it failed."""
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}" + (f"\n{detail.rstrip()}" if detail else ""))
    sys.stdout.flush()


def make(*args):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    return subprocess.run(["make", "--no-print-directory", *args], cwd=ROOT, env=clean, capture_output=True, text=True,
                          errors="replace")


def command(name, *args, timeout=300):
    """One command that must succeed."""
    try:
        run = subprocess.run(args, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=timeout)
        count(run.returncode == 0, name, run.stdout + run.stderr)
    except (OSError, subprocess.TimeoutExpired) as error:
        count(False, name, str(error))


def counted(name, *args, timeout=300, shown=False):
    """A runner of its own that ends like this one: its counts are added. What it says besides is shown if something failed."""
    global passed, failed
    try:
        run = subprocess.run([sys.executable, *args], cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=timeout)
        *lines, last = run.stdout.splitlines() or [""]
        counts = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
    except subprocess.TimeoutExpired as error:
        count(False, name, str(error))
        return
    if not counts or counts[1] == "0" or (run.returncode != 0) != (counts[2] != "0"):
        count(False, f"{name}: status {run.returncode}", run.stdout + run.stderr)
        return
    passed += int(counts[1])
    failed += int(counts[2])
    if lines and (shown or run.returncode != 0):
        print("\n".join(lines), flush=True)


def unit(name):
    """Run one cmocka program; each of its tests counts. Returns its output."""
    binary = ROOT / "build/unit" / name
    try:
        run = subprocess.run([binary], cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=120,
                             env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"})
    except (OSError, subprocess.TimeoutExpired) as error:
        count(False, f"unit {name}", str(error))
        return str(error)
    output = run.stdout + run.stderr
    results = re.findall(r"^(ok|not ok) \d+ (- |# SKIP )(\S+)", output, re.M)
    good = run.returncode == 0 and results != []
    for verdict, mark, test in results:
        good = good and verdict == "ok" and mark == "- "
        count(verdict == "ok" and mark == "- ", f"unit {name}: {test}")
    if not results or (run.returncode != 0 and all(verdict == "ok" for verdict, _, _ in results)):
        count(False, f"unit {name}: status {run.returncode}, {len(results)} tests ran")
    if not good:
        print(output)
    return output


def units(names):
    """Build and run all unit tests; one that does not build counts as one failure and does not stop the others."""
    build = make("-j2", "-k", "units")
    for name in names:
        if build.returncode == 0 or make("-q", f"build/unit/{name}").returncode == 0:
            unit(name)
        else:
            count(False, f"unit {name}: does not build", make(f"build/unit/{name}").stderr)


def pytest(*arguments, timeout=None):
    """Run pytest with its output shown, and count each test by its report. One that only waited in vain is run once more, alone: what
    fails then has failed. Where it fails in many files, the host is not the cause."""
    results = pytest_run(*arguments, timeout=timeout)
    slow = [test for test, (bad, why) in results.items() if bad and re.search(r"\b(NotInTime|TimeoutExpired): ", why)]
    if 0 < len({test.split("::")[0] for test in slow}) <= SLOW_FILES:
        print(f"waited in vain, again with nothing beside: {' '.join(slow)}", flush=True)
        results |= pytest_run(*slow, timeout=timeout)
    for test, (bad, why) in results.items():
        count(not bad, f"{test} ({bad})", why)


def pytest_run(*arguments, timeout=None):
    """{test: (its marks against it, why)}. A run that did not come to its end is counted here."""
    report = ROOT / "build/pytest.xml"
    report.unlink(missing_ok=True)
    try:
        status = subprocess.run([*PYTEST, f"--junitxml={report}", *arguments], cwd=ROOT, timeout=timeout).returncode
    except subprocess.TimeoutExpired:
        print(f"cut off, not counted: {' '.join(arguments)}")
        return {}
    if not report.exists() or status not in (0, 1, 5):
        count(False, f"pytest {' '.join(arguments)}: status {status}")
    if not report.exists():
        return {}
    results = {}
    for case in xml.etree.ElementTree.parse(report).getroot().findall(".//testcase"):
        bad = [child for child in case if child.tag in ("failure", "error", "skipped")]
        name = f"{case.get('classname').replace('.', '/')}.py::{case.get('name')}"
        results[name] = ", ".join(child.tag for child in bad), "\n".join((child.get("message") or "")[:300] for child in bad)
    return results


def check_fast(names):
    units(names)
    command("include rules", "config/tool/check_includes.py")
    command("format", "sh", "-c",
            "for f in $(config/tool/sources.sh); do clang-format --dry-run -Werror $f 2>/dev/null || { echo make format: $f; bad=1; }; "
            "done; exit $bad")
    counted("rules and their fixtures", "tests/fixtures/run.py", "build")
    command("mutants apply", "tests/mutants/run.py", "--check", *sorted((ROOT / "tests/mutants").glob("*.patch")))
    command("generated documents", "config/tool/confdoc.py", "--check")
    pytest("tests/system/test_docs.py", "-k", "not shows_comes")  # without a machine: links, files and attacks that documents name
    for product in PRODUCTS:
        build = make("-j2", f"PRODUCT={product}")
        count(build.returncode == 0, f"build of {product}", build.stdout + build.stderr)
    listed = set(make("sources").stdout.split())
    there = {str(path.relative_to(ROOT)) for top in ("core", "arch/x86") for path in (ROOT / top).rglob("*.[cS]")}
    count(listed == there, "the Makefile's object lists name every source", f"{sorted(listed ^ there)}")
    lines = make("lines")
    count(lines.returncode == 0, "line budget", lines.stdout + lines.stderr)


def fuzz_all(_):
    """As long as FUZZ_SECONDS says, each of those that FUZZ names."""
    seconds = os.environ.get("FUZZ_SECONDS", "300")
    if not re.fullmatch(r"[1-9]\d{0,5}", seconds):
        sys.exit(f"FUZZ_SECONDS={seconds} is not a number of seconds")
    fuzz(int(seconds), os.environ.get("FUZZ", "").split(), shown=True)


def fuzz(seconds, chosen=(), shown=False):
    """Build the libFuzzer targets and run them."""
    build = make("-j2", "fuzzers")
    names = build.stdout.splitlines()[-1].split() if build.returncode == 0 else []
    count(build.returncode == 0, "build of the fuzz targets", build.stdout + build.stderr)
    unknown = sorted(set(chosen) - set(names))
    if build.returncode == 0 and unknown:
        sys.exit(f"no such fuzz target: {' '.join(unknown)}. There are: {' '.join(names)}")
    names = chosen or names
    if names:
        counted("fuzz", "tests/fuzz/run.py", str(seconds), *names, timeout=len(names) * (seconds + 60) + 300, shown=shown)


def hil(arguments):
    """A board by labgrid: what has passed there is counted, what it cannot run is listed."""
    global passed, failed
    good, bad = laboratory.run(*arguments[:2], arguments[2:])
    passed += good
    failed += bad


def check(names):
    check_fast(names)
    command("invariants matrix", "config/tool/check_ids.py")
    fuzz(5)
    pytest("-m", "not long and not boards", *ALONE)
    pytest(*PAIRED, "-m", "not long and not boards", *SYSTEM, *(f"--ignore={path}" for path in ALONE))
    other_qemu(OTHER_FEW)
    bochs(BOCHS_FEW)
    hil(PLAYED)


def mutants(_):
    command_line = [sys.executable, ROOT / "tests/mutants/run.py", *sorted((ROOT / "tests/mutants").glob("*.patch"))]
    mutant_results(command_line)


def mutant_results(command_line, timeout=None):
    """Count the verdict lines of the mutants' runner."""
    try:
        run = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=timeout)
    except subprocess.TimeoutExpired:
        print(f"cut off, not counted: {' '.join(map(str, command_line))}")
        return
    print(run.stdout, end="")
    verdicts = re.findall(r"^(caught|FAILED) (\S+)", run.stdout, re.M)
    for verdict, name in verdicts:
        count(verdict == "caught", f"mutant {name}")
    if run.returncode != 0 and all(verdict == "caught" for verdict, _ in verdicts):
        count(False, f"mutants: status {run.returncode}", run.stderr)


def boards(_):
    """Every product is built for every board of the tree, and refused where it asks for more than the board has; one boots on each emulator."""
    pytest("-m", "boards", *SYSTEM)
    for board in sorted((ROOT / "board").glob("*/board.c")):
        name = board.parent.name
        for product in PRODUCTS:
            build = make("-j2", f"PRODUCT={product}", f"BOARD={name}")
            wanted = "CFG-" in build.stdout + build.stderr if (product, name) in REFUSED else build.returncode == 0
            count(wanted, f"build of {product} for {name}", build.stdout + build.stderr)
        if re.search(r"^(QEMU|BOCHS) :=", (board.parent / "board.mk").read_text(), re.M):
            run = make("PRODUCT=minimal", f"BOARD={name}", "run", "RUN_SECONDS=45")
            count(run.returncode == 0, f"boot on {name}", run.stdout[-4000:] + run.stderr)


def all_boards(_):
    boards(None)
    hil([UEFI, *PLAYED[1:3]])  # network boot by UEFI
    other_qemu(UEFI_FEW, UEFI)
    other_qemu([*SYSTEM, *OTHER_NOT])


def other_qemu(tests, board=OTHER_QEMU):
    os.environ["TEST_BOARD"] = board
    pytest(*PAIRED, "-m", "not long and not boards", *tests)
    os.environ.pop("TEST_BOARD", None)


def bochs(tests):
    """On each board of Bochs, two machines at a time, as each is one thread; all that concern the CPU alone if none are named."""
    for board in BOCHS_BOARDS:
        os.environ["TEST_BOARD"] = board
        few = [*tests, *BOCHS_ONCE.get(board, [])] if tests else BOCHS
        pytest("-n", "2", "-m", "not long and not boards", *few)
    os.environ.pop("TEST_BOARD", None)


def long(_):
    pytest("-m", "long", *SYSTEM)


def shard(arguments):
    """What fits in the time, in an order that the hash decides. A part that needs more than what is left is passed over."""
    chosen, seconds = arguments[0], float(arguments[1])
    end = time.monotonic() + seconds
    listed = subprocess.run([*PYTEST, "--collect-only", "-m", "long or boards", *SYSTEM], cwd=ROOT, capture_output=True, text=True)
    items = [("pytest", line) for line in listed.stdout.splitlines() if "::" in line]
    items += [("mutant", path) for path in sorted((ROOT / "tests/mutants").glob("*.patch"))]
    items.append(("boards", None))
    random.Random(chosen).shuffle(items)
    print(f"shard {chosen[:12]}: up to {seconds:.0f} s of {len(items)} parts, in this hash's order", flush=True)
    for kind, item in items:
        left = end - time.monotonic()
        if left < NEEDS[kind]:
            continue
        if kind == "pytest":
            pytest(item, timeout=left + SLACK)
        elif kind == "mutant":
            mutant_results([sys.executable, ROOT / "tests/mutants/run.py", item], timeout=left + SLACK)
        else:
            boards(None)


def alone():
    """One tier at a time in a tree, until the file returned is closed: tests boot what another's would build anew."""
    if os.environ.get("TIER_ALONE"):
        return None  # a test of the tier that has it
    lock = open(__file__)
    os.environ["TIER_ALONE"] = "y"
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for other tests at work in build/", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def main():
    tier, names = sys.argv[1], sys.argv[2:]
    start = time.monotonic()
    if tier == "unit":
        print(unit(names[0]), end="")
    else:
        lock = alone()  # noqa: F841
        {"check-fast": check_fast, "check": check, "check-mutants": mutants, "check-boards": all_boards, "check-bochs": lambda _: bochs(None),
         "check-long": long, "hil": hil, "fuzz": fuzz_all, "shard": shard}[tier](names)  # fmt: skip
    print(f"{tier}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
