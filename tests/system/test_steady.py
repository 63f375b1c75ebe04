# SPDX-License-Identifier: Apache-2.0
"""PERF-1 measured, on processors that have an x2APIC: in its steady state a partition causes no exit at all. Counters are
the hypervisor's, read before and after ten emulated seconds of nothing but timer ticks and interrupts to itself.

AMD's processors of Bochs have no x2APIC. Its generic one can be given SVM and an x2APIC, but does not say in CPUID that it has SVM: there
the image is one that does not ask."""
import re

import pytest

import messages
from faults import SAY_NOTHING, code_change
from lib import VMX, Machine, build_product, make_iso

PRODUCT = "tests/system/products/steady"
GENERIC = "model=bx_generic, "  # in place of the board's model; its settings:
GENERIC_HAS = "cpuid: level=6, vendor_string=\"AuthenticAMD\", x86_64=1, svm=1, vmx=0, apic=x2apic, xsave=1, xsaveopt=1, 1g_pages=1"
SECONDS = 10
RUN = 20  # of the partitions: the ten seconds, and what the test needs before and after them, where the emulator is faster than time


pytestmark = pytest.mark.x2apic


def generic_cpu(command):
    return [re.sub("model=[^,]*, ", GENERIC, word) for word in command] + [GENERIC_HAS]


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    options = {}
    if not VMX:
        build = build_product(PRODUCT)
        image = make_iso(build, tmp_path_factory.mktemp("iso"), code_change(build, virt_check=SAY_NOTHING))
        options = {"image": image, "change_command": generic_cpu}
    with Machine(PRODUCT, **options) as machine:
        machine.running()
        machine.seen(*(rf"{name}\| {name}: ready" for name in ("keeper", "idle", "busy")))
        yield machine


def counters(machine):
    """Time stamp in seconds of each core's line, and its exits by kind."""
    end = machine.key("c", rf"{messages.OURS}core 0, keeper/0: (?:.*\n)+?{messages.OURS}core 1, idle/0: (?:.*\n)+?"
                           rf"{messages.OURS}core 2, busy/0: .*\n{messages.OURS}  .*\n")  # fmt: skip
    found = {}
    for line in end[0].splitlines():
        head = re.search(r"\[ *([\d.]+)\] bulkhead\| core \d, (\w+)/0: ", line)
        if head:
            name = head[2]
            found[name] = {"time": float(head[1])}
        else:
            found[name].update((kind.strip(), int(count)) for kind, count in re.findall(r"([a-zA-Z_ ]+?) (\d+)", line.split("|", 1)[1]))
    return found


def grown(before, after, name):
    return {kind: after[name][kind] - before[name].get(kind, 0) for kind in after[name]
            if kind != "time" and after[name][kind] != before[name].get(kind, 0)}  # fmt: skip


def wait(machine, seconds):
    """Emulated ones: the list that the hypervisor prints has its time."""
    start = None  # no rest in between: it is several emulated seconds to a real one
    while True:
        match = machine.key("l", r"\[ *([\d.]+)\] bulkhead\| . 1 keeper .*")
        start = start or float(match[1])
        if float(match[1]) - start >= seconds:
            return


def begin(machine, name, what, seconds=RUN):
    machine.keyboard(name)
    machine.type(f"{what} {seconds}\r", rf"{name}\| {what}: begin")


def measured(machine):
    wait(machine, 0.5)
    before = counters(machine)
    wait(machine, SECONDS)
    return before, counters(machine)


def test_perf1_no_exit_in_ten_seconds(machine):
    """Without a tick, as all cores are but the one that keeps the house."""
    begin(machine, "idle", "idle")
    begin(machine, "busy", "busy")
    place = machine.place()
    before, after = measured(machine)
    assert all(after[name]["time"] - before[name]["time"] > SECONDS for name in after)
    assert grown(before, after, "idle") == {} and grown(before, after, "busy") == {}
    for name in "idle", "busy":
        end = machine.since(place, rf"{name}\| {name}: end, (\d+) ticks, (\d+) interrupts to itself, 0 CPUIDs", timeout=60)
        assert abs(int(end[1]) - 1000 * RUN) < 50 and abs(int(end[1]) - int(end[2])) <= 1, end[0]


def test_perf1_counter_sees_ten_cpuids(machine):
    begin(machine, "busy", "cpuid")
    place = machine.place()
    before, after = measured(machine)
    assert grown(before, after, "busy") == {"cpuid": 10}
    machine.since(place, r"busy\| cpuid: end, .* 10 CPUIDs", timeout=60)


def test_perf1_tick_is_the_only_exit_of_the_housekeeping_core(machine):
    """50 a second, and those for the keys that ask for the counters and for the lines of another core that tells the time: these are
    the same in a short and in a long span, so that what the spans differ by are ticks alone."""
    begin(machine, "keeper", "idle", 3 * RUN)
    kicks, spans = [], []
    for seconds in 2, 2 + SECONDS:
        begin(machine, "idle", "idle", seconds)
        before = counters(machine)["keeper"]
        machine.since(machine.place(), r"idle\| idle: end", timeout=60)
        after = counters(machine)["keeper"]
        assert set(grown({"keeper": before}, {"keeper": after}, "keeper")) == {"kick"}
        kicks.append(after["kick"] - before["kick"])
        spans.append(after["time"] - before["time"])
    assert abs(kicks[1] - kicks[0] - 50 * (spans[1] - spans[0])) <= 3
