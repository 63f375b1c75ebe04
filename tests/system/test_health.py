# SPDX-License-Identifier: Apache-2.0
"""The health table on the machine: each event that an emulator can give, with each action that its table may have. IOMMU faults are
tests/hostile/test_disks.py's; machine checks no emulator gives to a guest: tests/unit/test_health.c and test_exit.c have them."""
import re
import shutil

import pytest

from lib import CORES, ROOT, Machine

HEALTH = "tests/system/products/health"
SURVIVORS = """
            PATIENT("log", ACTION_STOP, ACTION_STOP, ACTION_LOG),
            PATIENT("inject", ACTION_STOP, ACTION_INJECT, ACTION_INJECT),
            PATIENT("reset", ACTION_RESET, ACTION_RESET, ACTION_RESET),
"""
FOUR_CORES = """
            PATIENT("restart", ACTION_RESTART, ACTION_RESTART, ACTION_RESTART, OFTEN),
            PATIENT("inject", ACTION_STOP, ACTION_INJECT, ACTION_INJECT),
"""
pytestmark = pytest.mark.limit(900)

# What is typed, and what the hypervisor then says.
ENDS = {"crash": "trap", "exit": "exit", "reboot": "reboot", "poweroff": "poweroff"}
SILENT = {"hang": "hang", "halt": "hang", "spin": "watchdog"}
SURVIVED = {"deny": "too many denied accesses", "cpuid": "exits over the budget"}
EVENTS = {**ENDS, **SILENT, **SURVIVED}
LONGEST = 60  # grace, and ten seconds over the budget


def ready(machine, *names):
    machine.running()
    machine.seen(*(rf"{name}\| {name}: life 1" for name in names), timeout=60)
    machine.attention("a")


@pytest.fixture(scope="module")
def ended():
    """Patients that stop, restart, restart with another."""
    with Machine(HEALTH) as machine:
        ready(machine, "other", "stop", "restart", "group")
        yield machine


def other_patients(folder, name, rows):
    """The product with others."""
    shutil.copytree(ROOT / HEALTH, folder / name)
    table = folder / name / "product.c"
    text = re.sub(r"(/\* patients \*/).*?( */\* end \*/)", lambda match: match[1] + rows + match[2], table.read_text(), flags=re.S)
    readers = ", ".join(f'"{patient}"' for patient in re.findall(r'PATIENT\("(\w+)"', rows))
    table.write_text(text.replace('"stop", "restart", "group"', readers).replace('"health"', f'"{name}"'))
    return folder / name


@pytest.fixture(scope="module")
def survivors(tmp_path_factory):
    """Patients whose events are logged, or answered by an NMI; and one that resets the board."""
    with Machine(other_patients(tmp_path_factory.mktemp("product"), "survivors", SURVIVORS)) as machine:
        ready(machine, "other", "log", "inject", "reset")
        yield machine


def tell(machine, name, word):
    """Type to a partition; where in the transcript that was."""
    machine.keyboard(name)
    place = machine.place()
    machine.type(f"{word}\r", rf"\] {name}\| told: {word}")
    return place


def lives(machine, name):
    match = machine.key("l", rf"\d {name} +(\S+) .*started (\d+) times.*")
    return match[1], int(match[2])


def keeper_unharmed(machine):
    assert lives(machine, "keeper") == ("running", 1)
    machine.key("v", rf"audit: \d+ partitions, {CORES} cores, .*: 0 findings")


@pytest.mark.qemu
@pytest.mark.parametrize("word", EVENTS)
def test_sep4_event_ends_as_its_table_says(ended, word):
    """Three patients have the same event, each another action; the fourth one restarts with its group, the keeper sees nothing of it."""
    before = {name: lives(ended, name)[1] for name in ("other", "stop", "restart", "group")}
    place = ended.place()
    for name in "stop", "restart", "group":
        tell(ended, name, word)
    cause = EVENTS[word]
    ended.since(place, rf"partition stop: {cause},.* action: stop", "partition stop: stopped",
                rf"partition restart: {cause},.* action: restart(?! )", rf"partition restart: running, life {before['restart'] + 1},",
                rf"partition group: {cause},.* action: restart the group", rf"partition group: running, life {before['group'] + 1},",
                r"partition other: restart of a group,.* action: restart(?! )", rf"partition other: running, life {before['other'] + 1},",
                timeout=LONGEST)  # fmt: skip
    assert lives(ended, "stop") == ("stopped", before["stop"])
    ended.keyboard("stop")
    ended.key("r", rf"stop\| stop: life {before['stop'] + 1}")
    for name in "restart", "group", "other":
        assert lives(ended, name) == ("running", before[name] + 1)
    assert not re.search(r"partition (?:other|keeper): (?:trap|watchdog|hang)", ended.text[place:])


@pytest.mark.qemu
def test_sep4_lost_peer(ended):
    """Who has a channel with one that crashes is told, and each does as its table says; `other` restarts once: nobody is lost twice."""
    before = {name: lives(ended, name)[1] for name in ("other", "stop", "restart", "group")}
    place = tell(ended, "other", "crash")
    ended.since(place, "partition other: trap,.* action: restart(?! )", "partition stop: lost peer,.* action: stop",
                rf"partition restart: running, life {before['restart'] + 1},", rf"partition group: running, life {before['group'] + 1},",
                "partition restart: lost peer,.* action: restart(?! )", "partition group: lost peer,.* action: restart the group")  # fmt: skip
    ended.drain(3)
    assert lives(ended, "other")[0] == "running" and lives(ended, "other")[1] <= before["other"] + 2  # by itself, and along with group
    for name in "restart", "group":
        assert lives(ended, name) == ("running", before[name] + 1)
    keeper_unharmed(ended)


@pytest.mark.qemu
@pytest.mark.parametrize("word", SURVIVED)
def test_sep4_event_is_survived(survivors, word):
    place = survivors.place()
    for name in "log", "inject":
        tell(survivors, name, word)
    survivors.since(place, rf"partition log: {SURVIVED[word]}, 1 so far; action: log",
                    rf"partition inject: {SURVIVED[word]}, 1 so far; action: inject an NMI",
                    r"\] log\| well, 0 NMIs", r"\] inject\| well, [1-9]\d* NMIs", timeout=LONGEST)  # fmt: skip


@pytest.mark.qemu
def test_sep4_lost_peer_is_survived(survivors):
    """And one resets the board."""
    place = tell(survivors, "other", "crash")
    survivors.since(place, "partition log: lost peer, 1 so far; action: log", "partition inject: lost peer, 1 so far; action: inject an NMI",
                    "partition reset: lost peer,.* action: reset the board", "partition reset: its table resets the board")  # fmt: skip
    ready_again(survivors, place)


def ready_again(machine, place):
    machine.since(place, "image: product survivors", *(rf"\] {name}\| {name}: life 1" for name in ("other", "log", "inject", "reset")), timeout=90)
    machine.attention("a")


@pytest.mark.qemu
@pytest.mark.parametrize("word", SILENT)
def test_sep4_who_is_silent_gets_one_nmi(survivors, word):
    """Which gets it out of where it is; the next time in the same life it is stopped."""
    place = tell(survivors, "inject", word)
    survivors.since(place, rf"partition inject: {SILENT[word]}, \d so far; action: inject an NMI", r"\] inject\| well, \d NMIs")
    place = tell(survivors, "inject", word)
    survivors.since(place, rf"partition inject: {SILENT[word]},.* action: stop", "partition inject: stopped")
    survivors.keyboard("inject")
    survivors.key("r", r"inject\| inject: life \d")


@pytest.mark.qemu
def test_who_logs_has_gone_on(survivors):
    assert lives(survivors, "log") == ("running", 1)
    keeper_unharmed(survivors)


@pytest.mark.qemu
@pytest.mark.long
@pytest.mark.parametrize("word", EVENTS)
def test_event_resets_the_board(survivors, word):
    place = tell(survivors, "reset", word)
    survivors.since(place, rf"partition reset: {EVENTS[word]},.* action: reset the board", "partition reset: its table resets the board",
                    timeout=LONGEST)  # fmt: skip
    ready_again(survivors, place)


@pytest.mark.x2apic
def test_sep4_events_on_four_cores(tmp_path):
    """Each event on a board that has no room for all patients: one restarts, the other one gets an NMI, or is stopped where it has ended."""
    with Machine(other_patients(tmp_path, "four", FOUR_CORES)) as machine:
        ready(machine, "other", "restart", "inject")
        for life, (word, cause) in enumerate(EVENTS.items(), 2):
            place = tell(machine, "restart", word)
            machine.since(place, rf"partition restart: {cause},.* action: restart(?! )", rf"partition restart: running, life {life},",
                          rf"\] restart\| restart: life {life}", timeout=LONGEST)  # fmt: skip
        for word, cause in {**SILENT, "deny": SURVIVED["deny"]}.items():
            place = tell(machine, "inject", word)
            machine.since(place, rf"partition inject: {cause}, \d so far; action: inject an NMI", r"\] inject\| well, [1-9]\d* NMIs", timeout=LONGEST)
            machine.keyboard("inject")
            machine.key("r", r"inject\| inject: life \d")
        place = tell(machine, "inject", "crash")
        machine.since(place, "partition inject: trap,.* action: stop", "partition inject: stopped")
        assert lives(machine, "other") == ("running", 1)
        keeper_unharmed(machine)


def budgets(machine):
    """Of each partition: what its plan says of exits, and of accesses to its local APIC, per second."""
    plan = (machine.build.folder / "plan.c").read_text().split("partitions_planned[]", 1)[1]
    found = re.findall(r"\.exits = \{\.declared = true, \.per_second = (\d+), \.xapic_per_second = (\d+)\}", plan)
    assert len(found) == len(machine.build.partitions)
    return dict(zip(machine.build.partitions, ((int(exits), int(apic)) for exits, apic in found)))


def exits(machine):
    """Of each partition: when, its exits but those of our making, and among them those for its local APIC."""
    place = machine.place()
    machine.attention("c")
    machine.since(place, *(rf"core \d, {name}/0: " for name in machine.build.partitions))
    machine.drain(2)
    found, name = {}, None
    for line in machine.text[place:].splitlines():
        head = re.search(r"\[ *([\d.]+)\] bulkhead\| core \d, (\w+)/\d: ", line)
        if head:
            name = head[2]
            found.setdefault(name, {"all": 0, "apic": 0})["time"] = float(head[1])
        elif name and re.search(r"bulkhead\|    ", line):
            counts = {kind.strip(): int(count) for kind, count in re.findall(r" {2}([a-zA-Z_ ]+?) (\d+)", line.split("|", 1)[1])}
            found[name]["apic"] += counts.pop("of these for the local APIC", 0)
            found[name]["all"] += sum(count for kind, count in counts.items() if kind != "kick" and not kind.startswith("denied"))
    return found


def rates(machine, seconds):
    """Exits per second of each partition, others and for the local APIC, over so many emulated seconds."""
    before = exits(machine)
    while (after := exits(machine))[machine.build.partitions[0]]["time"] - before[machine.build.partitions[0]]["time"] < seconds:
        machine.drain(0.5)
    return {name: ((after[name]["all"] - after[name]["apic"] - before[name]["all"] + before[name]["apic"]) / (after[name]["time"] - before[name]["time"]),
                   (after[name]["apic"] - before[name]["apic"]) / (after[name]["time"] - before[name]["time"])) for name in after}  # fmt: skip


def within(machine, seconds):
    made, allowed = rates(machine, seconds), budgets(machine)
    print(made)
    for name, (others, apic) in made.items():
        assert others <= allowed[name][0] and apic <= allowed[name][1], (name, made, allowed)
    assert "over the budget" not in machine.text
    return made


@pytest.mark.x2apic
def test_perf1_minimal_keeps_its_budget_of_no_exit():
    """Past its grace of 30 seconds and the ten that would make an event."""
    with Machine("minimal") as machine:
        machine.running()
        machine.seen(r"\[ *(?:4[5-9]|[5-9]\d|\d{3,})\.\d+\] hello\| alive for", timeout=120)
        made = within(machine, 10)
        assert set(budgets(machine)["hello"][:1] + budgets(machine)["loop"][:1]) == {0}
        assert made == {"hello": (0, 0), "loop": (0, 0)}


@pytest.mark.qemu
def test_demo_keeps_its_budget():
    """Without x2APIC: what its timers cost is budgeted apart."""
    with Machine("demo") as machine:
        machine.running()
        machine.seen(r"linux\| disk: /dev/nvme0n1", r"httpd\| httpd: IPv4 10\.0\.2\.15/24", timeout=120)
        machine.attention("a")
        machine.drain(10)
        made = within(machine, 12)
        assert made["control"][1] > 500 and made["control"][0] == 0  # they are counted, and apart
