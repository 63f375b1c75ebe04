#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of channels in docs/numbers.md: boots the image of product `bench-channels` in QEMU under -icount, as bench.py does. Prints a
table and writes JSON.

    bench_channels.py --command FILE --image ISO --json FILE

A limit that is missed is marked, and does not change the status; a figure that is missing does."""
import argparse
import json
import pathlib
import re
import shlex
import sys

import bench
from qemu import Qemu

LIMIT = 0.01  # what a flood may cost another core


def message_figures(lines):
    figures = {}
    for line in lines:
        if "messages" in line:
            for what in ("one_way", "round_trip"):
                figures[f"message of 64 bytes, {line['messages']}, {what.replace('_', ' ')}"] = line[what]
            figures[f"exits per message, {line['messages']}, in all"] = 0.0
            rounds = line["rounds"]
        elif "exits" in line:
            figures[f"exits per message, {line['exits']}, {line['kind']}"] = line["count"] / rounds
            figures[f"exits per message, {line['exits']}, in all"] += line["count"] / rounds
    return figures


CARRIERS = ("stream", "cable", "slice, writing", "slice, reading")


def carried_figures(lines):
    if missing := {*CARRIERS, "memcpy"} - {name for line in lines for name in line}:
        sys.exit(f"bench: no figure for {', '.join(sorted(missing))}: a line of the console is not there")
    carried = {name: line[name] / line["ticks"] for line in lines for name in (*CARRIERS, "memcpy") if name in line}
    figures = {f"{name}, bytes per instruction": round(value, 3) for name, value in carried.items()}
    return {**figures, **{f"{name} / memcpy": round(carried[name] / carried["memcpy"], 3) for name in CARRIERS}}


def flood_figures(lines):
    """Of each core but the flooder's the share of the hypervisor during the flood; the answerer is whom the doorbells are for."""
    rung = {("doorbells", "answerer"): "rung "}
    return {f"flood of {line['flood']}, share of {rung.get((line['flood'], line['core_of']), '')}{line['core_of']}'s core":
            round(line["busy"] / line["ticks"], 6) for line in lines if "flood" in line}


def output_of(options):
    """What the machine says under -icount until its benches are at their end."""
    output = options.json.with_suffix(".log")
    output.unlink(missing_ok=True)
    qemu = Qemu(bench.counted(shlex.split(options.command.read_text())), options.image, output=output)
    try:
        return bench.wait_for(output, r'"bench": "end"')
    finally:
        qemu.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("command", "json"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    parser.add_argument("--image", required=True)
    options = parser.parse_args()
    text = output_of(options)
    lines = [json.loads(found) for found in re.findall(r"caller\| (\{[^}]*\})", text)]
    figures = {**message_figures(lines), **carried_figures(lines), **flood_figures(lines)}
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    for name, value in figures.items():
        mark = f"  at most {LIMIT:.0%}: {'reached' if value <= LIMIT else 'MISSED'}" if name.startswith("flood") else ""
        print(f"{name:62}{value:>16,}{mark}")


if __name__ == "__main__":
    main()
