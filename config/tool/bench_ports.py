#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of virtio ports in docs/numbers.md: boots the image of product `bench-ports` in QEMU under -icount, as bench.py does. Prints a
table and writes JSON.

    bench_ports.py --command FILE --image ISO --json FILE

A figure that is missing changes the status."""
import argparse
import json
import pathlib
import re
import sys

import bench
import bench_channels


def port_figures(lines):
    figures, copied = {}, {}
    for line in lines:
        if "busy" in line:
            figures[f"{line['port']}, share of the hypervisor on the Linux's core"] = round(line["busy"] / line["ticks"], 6)
            figures[f"{line['port']}, instructions of the hypervisor there"] = line["busy"]
            if line["bytes"]:
                copied["port"] = line["bytes"] / line["busy"]
                figures[f"{line['port']}, bytes"] = line["bytes"]
        elif "kind" in line:
            figures[f"{line['port']}, exits, {line['kind']}"] = line["count"]
        elif "memcpy" in line:
            copied["memcpy"] = line["memcpy"] / line["ticks"]
    if missing := {"port", "memcpy"} - set(copied):
        sys.exit(f"bench: no figure for {', '.join(sorted(missing))}")
    for name, value in copied.items():
        figures[f"{name}, bytes per instruction"] = round(value, 3)
    return {**figures, "port / memcpy": round(copied["port"] / copied["memcpy"], 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("command", "json"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    parser.add_argument("--image", required=True)
    options = parser.parse_args()
    text = bench_channels.output_of(options)
    figures = port_figures([json.loads(found) for found in re.findall(r"ringer\| (\{[^}]*\})", text)])
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    for name, value in figures.items():
        print(f"{name:72}{value:>16,}")


if __name__ == "__main__":
    main()
