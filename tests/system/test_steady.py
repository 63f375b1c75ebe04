# SPDX-License-Identifier: Apache-2.0
"""PERF-1 measured, on processors that have an x2APIC: in its steady state a partition causes no exit at all. Counters are
the hypervisor's, read before and after ten emulated seconds of nothing but timer ticks and interrupts to itself.

AMD's processors of Bochs have no x2APIC. Its generic one can be given SVM and an x2APIC, but does not say in CPUID that it has SVM: there
the image is one that does not ask."""
import os
import re
import shutil
import time

import pytest

import messages
from faults import SAY_NOTHING, code_change
from lib import ROOT, VMX, Machine, build_product, make_iso

PRODUCT = "tests/system/products/steady"
GENERIC = "model=bx_generic, "  # in place of the board's model; its settings:
GENERIC_HAS = "cpuid: level=6, vendor_string=\"AuthenticAMD\", x86_64=1, svm=1, vmx=0, apic=x2apic, xsave=1, xsaveopt=1, 1g_pages=1"
SECONDS = 10
RUN = 20  # of the partitions: the ten seconds, and what the test needs before and after them, where the emulator is faster than time


pytestmark = pytest.mark.x2apic


def generic_cpu(command):
    return [re.sub("model=[^,]*, ", GENERIC, word) for word in command] + [GENERIC_HAS]


def boot(product, folder):
    options = {}
    if not VMX:
        build = build_product(product)
        image = make_iso(build, folder, code_change(build, virt_check=SAY_NOTHING))
        options = {"image": image, "change_command": generic_cpu}
    machine = Machine(product, **options)
    machine.running()
    machine.seen(*(rf"{name}\| {name}: ready" for name in ("keeper", "idle", "busy")))
    return machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with boot(PRODUCT, tmp_path_factory.mktemp("iso")) as machine:
        yield machine


@pytest.fixture(scope="module")
def tick_off(tmp_path_factory):
    """The same product, its tick switched off; two workers' would have one folder of build/."""
    product = tmp_path_factory.mktemp("product") / f"steady-off{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    shutil.copytree(ROOT / PRODUCT, product)
    table = product / "product.c"
    table.write_text(table.read_text().replace('    .housekeeping = "keeper",\n', '    .housekeeping = "keeper",\n    .tick_off = true,\n'))
    with boot(product, tmp_path_factory.mktemp("iso")) as machine:
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


def spans(machine, *wanted):
    """By how much the housekeeping core's exits grow between two looks at the counters, once for each wanted (least, most) of emulated
    seconds between them, and in all. The emulator's seconds are not ours: tries until all are found."""
    found, pause = {}, 0.5
    first = before = counters(machine)
    for _ in range(20):
        time.sleep(pause)
        after = counters(machine)
        seconds = after["keeper"]["time"] - before["keeper"]["time"]
        for span in wanted:
            if span[0] <= seconds <= span[1]:
                found[span] = grown(before, after, "keeper")
        missing = [span for span in wanted if span not in found]
        if not missing:
            return [*(found[span] for span in wanted), grown(first, after, "keeper")]
        pause *= (3 * missing[0][0] + missing[0][1]) / 4 / seconds  # nearer the least: too long a span may outlast what is measured
        before = after
    raise AssertionError(f"{wanted}: only {found}")


SHORT, LONG = (2, 6), (6 + SECONDS, 16 + 2 * SECONDS)
TICK_OFF_RUN = 75  # room for a span or two that come out too short or too long


def test_perf1_ten_cpuids_of_the_housekeeping_core_with_the_tick_off(tick_off):
    """To ask for the counters and to show them costs some exits, the same each time: ten seconds more are not one exit more but for the
    CPUIDs. (One less, should two keys arrive together.)"""
    begin(tick_off, "keeper", "cpuid", TICK_OFF_RUN)
    place = tick_off.place()
    short, long, all_of_it = spans(tick_off, SHORT, LONG)
    assert abs(long["kick"] - short["kick"]) <= 1, (short, long)
    assert set(all_of_it) == {"kick", "cpuid"} and all_of_it["cpuid"] == 10
    tick_off.since(place, r"keeper\| cpuid: end, .* 10 CPUIDs", timeout=180)


def test_perf1_no_exit_of_the_housekeeping_core_with_the_tick_off(tick_off):
    begin(tick_off, "keeper", "idle", TICK_OFF_RUN)
    short, long, all_of_it = spans(tick_off, SHORT, LONG)
    assert abs(long["kick"] - short["kick"]) <= 1, (short, long)
    assert set(all_of_it) == {"kick"}
