#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one tier of tests and ends with the line "N passed, N failed". A skipped test counts as failed.

    tier.py check-fast UNIT...      as `make check-fast` calls it; likewise the other tiers
    tier.py unit NAME               one unit test, its whole output shown
"""
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAKE = os.environ.get("MAKE", "make").split()
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
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    return subprocess.run(MAKE + ["-C", ROOT, "--no-print-directory", *args], env=environment, capture_output=True, text=True)


def command(name, *args, **kwargs):
    """One command that must succeed."""
    try:
        run = subprocess.run(args, cwd=ROOT, capture_output=True, text=True, timeout=kwargs.get("timeout", 300))
        count(run.returncode == 0, name, run.stdout + run.stderr)
    except (OSError, subprocess.TimeoutExpired) as error:
        count(False, name, str(error))


def unit(name):
    """Run one cmocka program; each of its tests counts. Returns its output."""
    binary = f"{ROOT}/build/unit/{name}"
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
    build = make("-j2", "-k", "units")
    for name in names:
        if build.returncode == 0 or make("-q", f"build/unit/{name}").returncode == 0:
            unit(name)
        else:
            count(False, f"unit {name}: does not build", make(f"build/unit/{name}").stderr)


def check_fast(names):
    units(names)


def main():
    tier, names = sys.argv[1], sys.argv[2:]
    start = time.monotonic()
    if tier == "unit":
        print(unit(names[0]), end="")
    else:
        {"check-fast": check_fast}[tier](names)
    print(f"{tier}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
