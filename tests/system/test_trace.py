# SPDX-License-Identifier: Apache-2.0
"""The trace of exits, from the supervisor's shell to a timeline that a browser opens."""
import json
import re
import struct
import subprocess
import sys

from lib import ROOT, VMX, X2APIC, Machine, make

sys.path.insert(0, str(ROOT / "config/tool"))
import trace as bulkhead_trace  # noqa: E402

PROMPT = "supervisor> "
QUIET = X2APIC and VMX  # nothing exits but what starts a life; AMD's processors of Bochs have no x2APIC


def line(name, core, index, *words):
    return f"[    1.000000] supervisor| trace {name}/{core} {index} {struct.pack('<QIHHQQ', *words).hex()}\r"


def test_tool_makes_a_timeline_of_a_log(tmp_path):
    log = tmp_path / "log"
    lines = ["noise", "trace a tsc_khz 1000000\r", line("a", 0, 4, 2000, 500, 6, 0x3F8, 1, 0),
             line("a", 0, 5, 3000, 100, 3, 2, 0, 0), line("a", 0, 9, 9000, 100, 4, 0, 0x1B, 0), "trace a end",
             line("a", 0, 9, 9000, 100, 4, 0, 0x1B, 0)]
    log.write_text("\n".join(lines))
    run = subprocess.run([ROOT / "config/tool/trace.py", log], capture_output=True, text=True, check=True)
    assert "3 exits" in run.stdout
    events = json.loads((tmp_path / "log.json").read_text())["traceEvents"]
    shown = [(event["name"], event["ts"], event["dur"]) for event in events if event["ph"] == "X"]
    assert shown == [("io", 2.0, 0.5), ("hypercall", 3.0, 0.1), ("msr_read", 9.0, 0.1)]
    assert [event["args"] for event in events if event["ph"] == "X"][0] == {"record": 4, "port": "0x3f8", "direction": "out", "bytes": 1}
    assert [event["name"] for event in events if event["ph"] == "i"] == ["3 records lost"]


def test_tool_says_what_is_missing(tmp_path):
    log = tmp_path / "log"
    log.write_text("nothing\n")
    run = subprocess.run([ROOT / "config/tool/trace.py", log], capture_output=True, text=True)
    assert run.returncode == 1 and "no trace in it" in run.stderr
    log.write_text(line("a", 0, 4, 2000, 500, 6, 0x3F8, 0x41, 0x41))
    run = subprocess.run([ROOT / "config/tool/trace.py", log], capture_output=True, text=True)
    assert run.returncode == 1 and "no line `trace a tsc_khz N`" in run.stderr


def test_trace_of_a_running_partition(tmp_path):
    with Machine("ops") as machine:
        machine.running()
        machine.seen(r"supervisor: life 1; type help")
        machine.key("1", r"supervisor has screen and keyboard")

        def shell(text, *patterns, timeout=30):
            place = machine.place()
            machine.send(text + "\r")
            machine.since(place, *patterns, rf"(?s)\n.*{PROMPT}(?=\r|\Z)", timeout=timeout)
            return machine.text[place:]

        assert "lost" not in shell("trace control show", "trace control end")  # off: no record
        shell("info guarded", r"trace +on")  # by its table
        shell("trace guarded show", r"trace guarded/0 \d+ [0-9a-f]{64}", "trace guarded end")
        shell("trace control on", "control: trace on")
        shell("info control", r"trace +on")
        machine.drain(3)  # about 900 exits a second: more than the ring holds
        if QUIET:
            shell("restart control", r"\ncontrol: running, life 2", timeout=60)
            machine.drain(2)
        shell("trace control off", "control: trace off")
        text = shell("trace control show", "trace control end")
        records = re.findall(r"trace control/0 (\d+) [0-9a-f]{64}", text)
        if QUIET:
            assert 5 <= len(records) < 50 and "lost" not in text  # nothing of its 1 kHz
        else:
            assert len(records) >= 400 and re.search(r"trace control/0 lost \d+", text)
        assert [int(n) for n in records] == list(range(int(records[0]), int(records[0]) + len(records)))
        again = shell("trace control show", "trace control end")
        assert re.findall(r"trace control/0 (\d+) ", again) == records  # off: nothing new
        shell("trace guarded on", "error: trace guarded: not allowed: name guarded in .controls")  # to observe it is not enough
        shell("trace nobody on", "error: no partition 'nobody'")
        shell("trace control", "error: trace control: on, off or show")
    log = tmp_path / "console.log"
    log.write_text(text)
    status, output = make("trace", f"FILE={log}")
    assert status == 0, output
    events = [event for event in json.loads((tmp_path / "console.log.json").read_text())["traceEvents"] if event["ph"] == "X"]
    assert len(events) == len(records)
    assert ("hypercall" if QUIET else "msr_write") in {event["name"] for event in events}
    for record in re.findall(r"trace control/0 \d+ ([0-9a-f]{64})", text):
        _, _, kind, _, what, result = bulkhead_trace.RECORD.unpack(bytes.fromhex(record))
        name = bulkhead_trace.kinds()[kind]
        assert result == 0 or name == "hypercall", record
        assert what == 0 or name in ("io", "hypercall", "msr_read", "msr_write", "nested_fault", "cpuid"), record
    times = [event["ts"] for event in events]
    assert times == sorted(times)
    assert QUIET or 0.3e6 < times[-1] - times[0] < 10e6  # some 450 of its 1 kHz timer
    assert all(0 < event["dur"] < 1e6 for event in events)
    assert len(bulkhead_trace.kinds()) == 21
