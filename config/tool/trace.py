#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A trace of a partition's exits as a timeline: what `trace NAME show` of the supervisor printed, found in a log of the console, becomes
Chrome's trace format (JSON), which chrome://tracing and ui.perfetto.dev open.

    trace.py LOG [-o FILE]    FILE: LOG with .json behind it, or - for the standard output

One row per core; an exit is as long as the hypervisor took for it. Records that the ring had lost are marked where they are missing."""
import argparse
import json
import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORD = struct.Struct("<QIHHQQ")  # struct bh_trace_record
LINE = re.compile(r"trace (?P<name>[a-z0-9-]+)(?:/(?P<core>\d+))? (?:tsc_khz (?P<khz>\d+)|lost (?P<lost>\d+)|(?P<index>\d+) (?P<hex>[0-9a-f]{64})|(?P<end>end))\s*$")
IN = 1 << 63


def kinds():
    """BH_EXIT_NAMES of the ABI, in its order."""
    text = (ROOT / "core/abi/bulkhead_abi.h").read_text()
    return re.findall(r'"(\w+)"', re.search(r"#define BH_EXIT_NAMES((?:.*\\\n)+.*\n)", text)[1])


def described(kind, detail, what, result):
    if kind == "io":
        return {"port": f"{detail:#x}", "direction": "in" if what & IN else "out", "bytes": what & 0xff}
    if kind == "hypercall":
        return {"call": detail, "argument": f"{what:#x}", "result": f"{result:#x}"}
    if kind in ("msr_read", "msr_write"):
        return {"msr": f"{what:#x}"}
    name = {"nested_fault": "address", "cpuid": "leaf"}.get(kind)
    return {name: f"{what:#x}"} if name else {}


def convert(lines):
    """Records of each core once, in the order of their numbers; a later `show` adds what is new."""
    khz, cores, names = {}, {}, kinds()
    for line in lines:
        found = LINE.search(line)
        if not found:
            continue
        if found["khz"]:
            khz[found["name"]] = int(found["khz"])
        elif found["hex"]:
            cores.setdefault((found["name"], int(found["core"])), {})[int(found["index"])] = bytes.fromhex(found["hex"])
    events, pids = [], {name: number for number, name in enumerate(sorted({name for name, _ in cores}), 1)}
    for name, pid in pids.items():
        events.append({"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}})
        if not khz.get(name):
            raise ValueError(f"no line `trace {name} tsc_khz N`: the log must have all that `trace {name} show` printed")
    for (name, core), records in sorted(cores.items()):
        events.append({"ph": "M", "name": "thread_name", "pid": pids[name], "tid": core, "args": {"name": f"core {core}"}})
        before = None
        for index, record in sorted(records.items()):
            tsc, ticks, kind, detail, what, result = RECORD.unpack(record)
            text = names[kind] if kind < len(names) else f"kind {kind}"
            time = tsc * 1000 / khz[name]
            if before is not None and index != before + 1:
                events.append({"ph": "i", "s": "t", "name": f"{index - before - 1} records lost", "pid": pids[name], "tid": core, "ts": time})
            events.append({"ph": "X", "name": text, "cat": "exit", "pid": pids[name], "tid": core, "ts": time, "dur": ticks * 1000 / khz[name],
                           "args": {"record": index, **described(text, detail, what, result)}})
            before = index
    return {"traceEvents": events, "displayTimeUnit": "ns"}


def main():
    parser = argparse.ArgumentParser(description="A trace from a console's log as Chrome's trace format.")
    parser.add_argument("log", help="what the console showed; other lines are left out")
    parser.add_argument("-o", "--output", help="file to write, or - (default: LOG.json)")
    options = parser.parse_args()
    try:
        with open(options.log, encoding="utf-8", errors="replace", newline="") as file:
            trace = convert(re.split(r"[\r\n]+", file.read()))
    except (OSError, ValueError) as error:
        sys.exit(f"trace.py: {error}")
    if not trace["traceEvents"]:
        sys.exit(f"trace.py: {options.log}: no trace in it: in the supervisor's shell, `trace NAME on`, then `trace NAME show`")
    text = json.dumps(trace, indent=0)
    if options.output == "-":
        print(text)
        return
    output = options.output or options.log + ".json"
    pathlib.Path(output).write_text(text + "\n")
    count = sum(event["ph"] == "X" for event in trace["traceEvents"])
    print(f"{output}: {count} exits; open it at ui.perfetto.dev or chrome://tracing")


if __name__ == "__main__":
    main()
