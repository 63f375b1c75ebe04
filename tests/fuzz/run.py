#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs libFuzzer targets that have been built, as many at a time as there are processors, and ends with the line "N passed, N failed".

    run.py SECONDS NAME...

Each begins with tests/fuzz/seeds/NAME.txt, one input in hexadecimal digits per line, and with what earlier runs found to be of use
(build/fuzz/corpus/NAME/). An input that ends a target is kept in build/fuzz/crashes/, and the line to run it again is printed."""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path("build/fuzz")
LONGEST = {"acpi": 4096, "decode": 17, "fetch": 8192, "http": 8192}  # bytes of an input; others 2048
# What of a target's output says why it ended.
TELLING = re.compile(rf"^(broken|PROMISE|==\d+==ERROR|SUMMARY|.*runtime error|ALARM|\s+#\d+ .* in \w+ {re.escape(str(ROOT))}/)")


def seeds(name):
    folder = ROOT / BUILD / "seeds" / name
    folder.mkdir(parents=True, exist_ok=True)
    source = ROOT / f"tests/fuzz/seeds/{name}.txt"
    lines = source.read_text().splitlines() if source.exists() else []
    for number, line in enumerate(line for line in lines if line and not line.startswith("#")):
        (folder / str(number)).write_bytes(bytes.fromhex(line))
    return BUILD / "seeds" / name


def fuzz(name, seconds):
    """One target. Returns whether it lived, and what there is to say."""
    corpus, crashes, log = BUILD / "corpus" / name, BUILD / "crashes", BUILD / f"{name}.log"
    for folder in (corpus, crashes):
        (ROOT / folder).mkdir(parents=True, exist_ok=True)
    command = [ROOT / BUILD / name, corpus, seeds(name), f"-max_total_time={seconds}", f"-artifact_prefix={crashes}/{name}-", "-timeout=10",
               "-rss_limit_mb=1500", f"-max_len={LONGEST.get(name, 2048)}", "-print_final_stats=1"]
    with (ROOT / log).open("w") as output:
        status = subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, timeout=seconds + 300,
                                env={**os.environ, "ASAN_OPTIONS": "allow_addr2line=1:detect_leaks=0"}).returncode
    text = (ROOT / log).read_text(errors="replace")
    runs = re.search(r"^stat::number_of_executed_units: (\d+)", text, re.M)
    edges = re.findall(r" cov: (\d+)", text)
    if status == 0 and runs and int(runs[1]) > 0:
        return True, f"fuzz {name}: {runs[1]} inputs in {seconds} s, {edges[-1] if edges else '?'} edges"
    kept = re.search(r"Test unit written to (\S+)", text)
    why = "\n".join(line for line in text.splitlines() if TELLING.match(line))
    again = f"kept in {kept[1]}; again with: {BUILD}/{name} {kept[1]}" if kept else f"status {status}: {log}"
    return False, f"FAILED fuzz {name}: {again}\n{why}"


def main():
    seconds, names = int(sys.argv[1]), sys.argv[2:]
    passed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for good, words in pool.map(lambda name: fuzz(name, seconds), names):
            passed += good
            print(words, flush=True)
    print(f"{passed} passed, {len(names) - passed} failed")
    return passed != len(names)


if __name__ == "__main__":
    sys.exit(main())
