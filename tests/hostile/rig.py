# SPDX-License-Identifier: Apache-2.0
"""The hostile rig: an attacker that is told by name what to try, a victim with secrets, and a witness whose unbroken heartbeat
shows the isolation. Every attack ends with the same questions, whatever the attacker says about it."""
import re

import messages
from lib import CORES, PATIENCE, Machine

SCREEN_GIVEN = "has screen and keyboard"
LATE = 6  # seconds that a line of the witness may be late: the emulator's host may be busy
WITNESS = re.compile(r"\[ *(\d+\.\d{6})\] witness\| witness (\S+) (\d+) sum=([0-9a-f]+) .*strangers=(\d+) bad=(\d+)\r")
STAMPED = re.compile(r"\[ *\d+\.\d{6}\] (\S+)\| ?.*")
OURS = messages.OURS + ".*"


class Late(AssertionError):
    """The witness was on time until now, and spoke too late during this attack."""


def said_by(name, pattern):
    """A line of a partition."""
    return messages.STAMP + re.escape(name) + r"\| .*" + pattern


class Rig(Machine):
    """One boot of a product with a partition `witness`, perhaps `victim`, and attackers. Everything is seen in the view of all."""

    def __init__(self, product="hostile", *attackers, **options):
        super().__init__(product, **options)
        self.serial.searchwindowsize = 1 << 14  # a flood must not make this reader slow
        self.serial.maxread = 1 << 16
        self.lines_lost = False  # a reader that is slow all the same costs lines, which a test may allow
        self.marks = 0
        self.judged = 0  # up to here the witness' lines were looked at for lateness
        self.late = False
        self.keys = None
        self.attackers = [name for name in attackers or ("attacker",) if name in self.build.partitions]
        self.running()
        self.seen(said_by("witness", "witness ok 1 "), timeout=60)
        for name in self.attackers:
            self.seen(said_by(name, "life 1, .*; type list"), timeout=60)
            assert re.search(said_by(name, "attack residue-look: .*: PASS"), self.text)

    def keys_to(self, name):
        """Give a partition the keyboard. An attacker is asked for a word that it does not know: what follows is not its past."""
        if self.keys == name:
            return
        self.keyboard(name)
        self.keys = name
        if name in self.attackers:
            self.marks += 1
            self.type(f"mark{self.marks}\r", said_by(name, f"no attack 'mark{self.marks}'"))

    def attack(self, words, timeout=60, who="attacker"):
        """Run an attack that is not meant to end the attacker; its verdict must be PASS, and nobody else may have noticed. All device
        models of the emulator are behind one lock, which is not fair: on a busy host a core that hammers a device can keep another one's
        interrupts waiting for seconds. That is chance, and what we owe to the witness is not: once in a boot an attack that made it late
        is run again, and then nothing may be late."""
        try:
            return self.attack_once(words, timeout, who)
        except Late as late:
            if self.late:
                raise
            self.late = True
            print(f"attack {words}, once more: the witness was late: {late}")
            self.witness_in_time()
            return self.attack_once(words, timeout, who)

    def attack_once(self, words, timeout, who):
        self.keys_to(who)
        place = self.place()
        name = words.split()[-1]
        self.unless_lost(words + "\r", said_by(who, "attacks done"), timeout, who)
        verdict = self.since(place, said_by(who, rf"attack {name}: .*: (PASS|FAIL)"))
        assert verdict[1] == "PASS", self.text[place:][-3000:]
        self.nobody_noticed()
        return verdict[0]

    def unless_lost(self, text, answer, timeout=60, *names):
        """Type `text` and wait for the answer, or fail at once where none will come: the hypervisor is lost, or one of these partitions,
        or one that has nothing to do with it (the whole line must have come to say so). Returns the answer's match."""
        place = self.place()
        names = "|".join({"witness", "victim", *names})
        lost = messages.OURS + rf"(?:CRASH|Bulkhead |core \d+ does not answer|partition (?:{names}): (?!\d+ denied accesses|too many denied accesses, \d+ so far; action: log|function \S+ \(\S+\): an? )).*\n"
        seen = self.type(text, f"(?P<answer>{answer})|{lost}", timeout=timeout)
        if seen["answer"] is None:
            self.drain(1)
            raise AssertionError(self.text[place:][-3000:])
        return seen

    def begin(self, name, who="attacker"):
        """Start an attack that does not return; it says so before."""
        self.keys_to(who)
        self.type(name + "\r", said_by(who, f"attack {name}: expected"))

    def end(self, name, record, timeout=60, who="attacker", then=": stopped", astray=": stopped|: running"):
        """Run an attack that ends the attacker: its stop record, and then what comes of it, not first what is astray, and not that
        it lives. Returns the record."""
        self.keys_to(who)
        place = self.place()
        alive = said_by(who, f"attack {name}: still alive")
        seen = self.unless_lost(name + "\r", OURS + f"partition {who}(?:(?P<then>{then})|{astray})|{alive}", timeout)
        found = re.search(OURS + rf"partition {who}: {record}", self.text[place:])
        assert seen["then"] and found, self.text[place:][-3000:]
        return found[0]

    def again(self, who="attacker"):
        """Start an attacker again, as a person would; nothing of its earlier life may be left. Returns the number of its life."""
        self.keys_to_silent(who)
        place = self.place()
        self.attention("r")
        return self.lives_again(place, who)

    def keys_to_silent(self, name):
        """The same as keys_to() for a partition that does not answer."""
        if self.keys != name:
            self.keyboard(name)
            self.keys = name

    def lives_again(self, place, who="attacker"):
        """Since this place: running, clean, and at its prompt."""
        life = self.since(place, OURS + rf"partition {who}: running, life (\d+),", timeout=60)[1]
        verdict = self.since(place, said_by(who, rf"attack residue-look: .* life {life}: (PASS|FAIL)"), timeout=60)
        assert verdict[1] == "PASS", verdict[0]
        self.since(place, said_by(who, rf"{who}: life {life}, .*; type list"))
        return int(life)

    def state(self, name, pattern):
        self.key("l", OURS + rf"\d {name} +{pattern}")

    # --- what must be true after each attack ---

    def nobody_noticed(self):
        self.hypervisor_sound()
        self.witness_steady()
        if "victim" in self.build.partitions:
            self.victim_whole()
        self.key("v", OURS + rf"audit: \d+ partitions, {CORES} cores, .*: 0 findings", timeout=60)
        self.hypervisor_sound()

    def witness_lines(self):
        """All so far: [match, number, seconds late]. Line n is due 2 n seconds after the first."""
        found = list(WITNESS.finditer(self.text))
        return [(line, int(line[3]), float(line[1]) - float(found[0][1]) - 2 * (int(line[3]) - 1)) for line in found]

    def witness_steady(self):
        """A new line of the witness; and all lines so far: none missing, one checksum, no stranger, nothing changed; none late since this
        was asked before. One line may be missing where the screen was another's for a moment."""
        self.since(self.place(), WITNESS.pattern)
        lines = self.witness_lines()
        numbers = [number for _, number, _ in lines]
        assert numbers == sorted(set(numbers)) and numbers[0] == 1, numbers[-5:]
        gaps = [(a, b) for (one, a, _), (next_one, b, _) in zip(lines, lines[1:])
                if b - a - 1 > (SCREEN_GIVEN in self.text[one.end():next_one.start()])]
        assert self.lines_lost or not gaps or self.port_stood_still(gaps), gaps
        assert {line[2] for line, *_ in lines} == {"ok"} and len({line[4] for line, *_ in lines}) == 1, lines[-5:]
        assert {(line[5], line[6]) for line, *_ in lines} == {("0", "0")}, lines[-5:]
        delays = [late for line, _, late in lines if line.start() >= self.judged]
        self.judged = lines[-1][0].end()
        if max(map(abs, delays)) >= LATE * PATIENCE:
            raise Late(delays)

    def port_stood_still(self, gaps):
        """An emulator whose host is busy elsewhere takes nothing from the serial port for a second, and what waits is dropped: in a boot this may
        cost one line of the witness, and the hypervisor says that it was dropped."""
        if len(gaps) != 1 or gaps[0][1] - gaps[0][0] != 2:
            return False
        lost = self.key("l", OURS + r"\d witness +running .* (\d+) bytes of output lost")
        print(f"the witness' line {gaps[0][0] + 1} was dropped")
        return int(lost[1]) > 0

    def witness_in_time(self):
        """Wait until the witness has caught up, at most ten lines of it."""
        for _ in range(10):
            self.since(self.place(), WITNESS.pattern)
            if abs(self.witness_lines()[-1][2]) < LATE:
                break
        self.judged = self.place()

    def victim_whole(self):
        self.keys_to("victim")
        answer = self.unless_lost("check\r", said_by("victim", r"victim check: (?P<verdict>\w+), .*"))
        assert answer["verdict"] == "ok", self.drain(0.5)[-1000:]

    def hypervisor_sound(self):
        """No crash, no reset, no neighbour stopped, no core lost."""
        assert self.text.count("bulkhead| Bulkhead ") == 1, "the machine was reset"
        trouble = re.search(r"(?m)^.*(?:CRASH|crash record|does not answer|AUDIT|would not empty).*", self.text)
        assert not trouble, trouble[0]
        for name in "witness", "victim":
            assert not re.search(OURS + rf"partition {name}: (?!loaded|running, life 1,)", self.text)

    def counters(self, who="attacker"):
        """Counters of a partition's first core, by name; of the last partition in the table only the first row. Others may speak in between."""
        end = rf"{messages.OURS}   .*\n" if who == self.build.partitions[-1] else rf"(?={messages.OURS}core )"
        seen = self.key("c", rf"{messages.OURS}core \d, {who}/0: .*\n(?:.*\n)*?{end}")
        rows = "".join(re.findall(messages.OURS + "   (.*)", seen[0]))
        return {name.strip(): int(count) for name, count in re.findall(r"([a-zA-Z_ ]+?) (\d+)", rows)}
