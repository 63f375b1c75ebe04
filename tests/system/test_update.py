# SPDX-License-Identifier: Apache-2.0
"""Updates of a box that starts from its NVMe disk: applied to the other slot, started, confirmed, given up; what is refused; power cuts."""
import hashlib
import json
import os
import random
import re
import resource
import shutil
import struct
import subprocess

import pytest

from lib import DEFAULT_BOARD, LOGS, Machine, ROOT, make

import gpt

PRODUCTS = ROOT / "tests/system/products"
SECTOR = 512
CHUNK = 64 << 10  # the beginning is written twice: zeros first
BOOT = 60

pytestmark = [pytest.mark.qemu, pytest.mark.limit(300)]


def built(name, *goals):
    status, output = make(f"PRODUCT={PRODUCTS / name}", f"BOARD={DEFAULT_BOARD}", *goals)
    assert status == 0, output
    return ROOT / "build" / DEFAULT_BOARD / name


@pytest.fixture(scope="module")
def image():
    return built("update", "disk-image") / "disk.img"


@pytest.fixture(scope="module")
def bundles():
    """By version: 2 works, 3 does not."""
    return {number: (built(name, "update-bundle") / "update.bundle").read_bytes() for number, name in ((2, "update-next"), (3, "update-sick"))}


def nvme(path, more=""):
    """The board's first NVMe namespace is this file, and the firmware starts from it. `more`: of the drive."""
    def change(words):
        drive = next(i for i, word in enumerate(words) if word.startswith("if=none,id=disk1,"))
        space = next(i for i, word in enumerate(words) if word.startswith("nvme-ns,drive=disk1,"))
        words[drive] = f"if=none,id=disk1,format=raw,file={path}{more}"
        words[space] = words[space].replace("detached=on", "detached=off,bootindex=0")
        return words
    return change


class Box:
    """A box and its disk; the power can be cut."""

    def __init__(self, image, folder, product="update", extra=(), drive=""):
        self.path, self.machine, self.numbers, self.product, self.extra, self.drive = folder / "disk.img", None, 0, product, extra, drive
        subprocess.run(["cp", "--sparse=always", image, self.path], check=True)
        with open(self.path, "rb") as file:
            self.places = {place.name: place for place in gpt.read(file)}

    def on(self, *lines, timeout=BOOT):
        self.machine = Machine(PRODUCTS / self.product, image="none", change_command=nvme(self.path, self.drive), extra=self.extra)
        self.says(*lines, timeout=timeout)

    def says(self, *lines, timeout=BOOT):
        """In this order; what storage says, not what the record of the boot before has of it."""
        for line in lines:
            self.machine.expect((r"\] storage\| " if line.startswith(("update:", "error:")) else "") + line, timeout)

    def cut(self):
        """The power goes: what the emulator has not written to the file is lost."""
        if self.machine:
            self.machine.emulator.process.kill()
            self.machine.emulator.process.wait()
            self.machine.close()
            self.machine = None

    def write(self, offset, data):
        with open(self.path, "r+b") as file:
            file.seek(offset)
            file.write(data)

    def read(self, offset, size):
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read(size)

    @property
    def staging(self):
        return self.places["data"].start

    def bring(self, bundle):
        """Put a bundle and a request for it where the owner of the disk looks."""
        self.numbers += 1
        self.write(self.staging + 8 * SECTOR, bundle)
        self.write(self.staging, struct.pack("<8sQ", b"BHREQEST", self.numbers).ljust(SECTOR, b"\0"))

    def answer(self):
        """(outcome, text) of the last request; the first is None if there is none yet."""
        magic, number, outcome, text = struct.unpack("<8sQI108s", self.read(self.staging + SECTOR, 128))
        return (outcome if magic == b"BHANSWER" and number == self.numbers else None), text.split(b"\0")[0].decode()

    def slot(self, letter, size):
        return self.read(self.places[f"slot-{letter.lower()}"].start, size)

    def grubenv(self, data=None):
        """GRUB's block, where it is not to be written over."""
        place = f"{self.path}@@{self.places['esp'].start}"
        if data is not None:
            subprocess.run(["mcopy", "-o", "-D", "o", "-i", place, "-", "::grub/grubenv"], input=data, check=True, capture_output=True)
        return subprocess.run(["mtype", "-i", place, "::grub/grubenv"], check=True, capture_output=True).stdout

    def environment(self):
        return dict(line.split("=", 1) for line in self.grubenv().decode().splitlines() if not line.startswith("#"))


@pytest.fixture
def box(image, tmp_path):
    box = Box(image, tmp_path)
    yield box
    if box.machine:
        box.machine.close()


def resigned(bundle, folder, key, **change):
    """The bundle with facts changed (name=(offset, bytes)) and signed by this key."""
    facts = bytearray(bundle[: SECTOR - 64])
    for offset, data in change.values():
        facts[offset : offset + len(data)] = data
    (folder / "facts").write_bytes(facts)
    subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", folder / "facts", "-out", folder / "signature"], check=True)
    return bytes(facts) + (folder / "signature").read_bytes() + bundle[SECTOR:]


def test_manifest_names_fetched_sources(image):
    """By the digest of the archive that the build insists on."""
    listed = json.loads(image.with_name("disk.json").read_text())["sources"]
    recipe = (ROOT / "partitions/port/sodium/build.sh").read_text()
    assert f'libsodium {listed["libsodium"]["version"]} {listed["libsodium"]["sha256"]} ' in recipe and list(listed) == ["libsodium"], listed


@pytest.fixture
def away(tmp_path):
    """The box and its next version in folders outside of the tree, the table that one includes too: {folder: (words for make, where it is built)}."""
    products = {}
    for name, other in ("update", "update-away"), ("update-next", "next-away"):  # else what is built would go to the folder of the tree's own
        table = shutil.copytree(PRODUCTS / name, tmp_path / other) / "product.c"
        table.write_text(table.read_text().replace("../update/", "../update-away/"))
        products[other] = [f"PRODUCT={tmp_path / other}", f"BOARD={DEFAULT_BOARD}"], ROOT / "build" / DEFAULT_BOARD / other
        shutil.rmtree(products[other][1], ignore_errors=True)  # of a run that was ended
    yield products
    for _, folder in products.values():
        shutil.rmtree(folder, ignore_errors=True)


def test_product_outside_the_tree(image, bundles, away, tmp_path):
    """Disk image and bundle have the bytes of those of the same product in the tree, which the tests here start; `make flash` writes it to a file."""
    for name, goal, file, wanted in ("update-away", "disk-image", "disk.img", image.read_bytes()), ("next-away", "update-bundle", "update.bundle", bundles[2]):
        words, folder = away[name]
        status, output = make(*words, goal)
        assert status == 0, output
        assert (folder / file).read_bytes() == wanted
    practice = tmp_path / "practice"
    with open(practice, "wb") as file:
        file.truncate(image.stat().st_size)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(["make", "-s", *away["update-away"][0], "flash", f"DEV={practice}"], cwd=ROOT, input="practice\n", capture_output=True, text=True,
                          env=clean, timeout=300)  # fmt: skip
    assert done.returncode == 0 and f"{practice} has the image: written and read back" in done.stdout, done.stdout + done.stderr
    assert practice.read_bytes() == image.read_bytes()  # what the map leaves out was zeros


@pytest.mark.long
def test_signed_product_outside_the_tree(image, away, tmp_path):
    """The files of its slots are those of the product in the tree, with its keys' signatures beside them."""
    keys = tmp_path / "keys"  # those of the tree would put signatures into the bundles that come after this
    keys.mkdir()
    for half in "key", "pub":
        shutil.copy(ROOT / f"build/keys/update.{half}", keys)
    assert make(f"KEYS={keys}", "keys")[0] == 0
    words, folder = away["update-away"]
    status, output = make(*words, "SIGNED=y", f"KEYS={keys}", "disk-image")
    assert status == 0, output
    plain, signed = (json.loads(path.read_text()) for path in (image.with_name("disk.json"), folder / "signed/disk.json"))
    assert plain["slot"] == signed["slot"] and signed["signed"] and signed["keys"]["boot.pub"] == hashlib.sha256((keys / "boot.pub").read_bytes()).hexdigest()
    assert "bulkhead.elf.sig" in subprocess.run(["mdir", "-/", "-b", "-i", f"{folder}/signed/disk.img@@{signed['partitions'][2]['start']}", "::"],
                                                check=True, capture_output=True, text=True).stdout  # fmt: skip


def test_a_full_disk_below_the_bundle(bundles, tmp_path):
    """Refused at its last half sector: the bundle before stays, nothing half made lies beside it."""
    (tmp_path / "bundle").write_text("the one before")
    room = len(bundles[2]) - SECTOR // 2
    with pytest.raises(subprocess.CalledProcessError) as failed:
        bundle_of("update-next", ROOT / "build/keys", 2, tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
    assert re.fullmatch(r"bundle: the bundle: File too large: make room for it .*\n", failed.value.stderr), failed.value.stderr
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the one before"]


def bad_bundles(bundle, folder):
    """(what is brought, why it is refused)."""
    ours, theirs = ROOT / "build/keys/update.key", folder / "theirs.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", theirs], check=True)
    size, room = len(bundle) - SECTOR, struct.pack("<Q", 64 << 20)
    return [
        (b"\0" * SECTOR + bundle[SECTOR:], "this is no bundle"),
        (resigned(bundle, folder, theirs), "the signature is not by this product's update key"),
        (bundle[:12] + struct.pack("<I", 3) + bundle[16:], "the signature is not by this product's update key"),
        (resigned(bundle, folder, ours, board=(56, b"other-board")), "the bundle is for another board"),
        (resigned(bundle, folder, ours, product=(24, b"other")), "the bundle is for another product"),
        (resigned(bundle, folder, ours, version=(12, struct.pack("<I", 1))), "this version runs already"),
        (resigned(bundle, folder, ours, version=(12, struct.pack("<I", 0))), "the bundle is older than what runs"),
        (bundle[: SECTOR + size // 2] + b"\0" * (size // 2), "the bundle is damaged: its image has not the digest that was signed"),
        (resigned(bundle, folder, ours, size=(16, struct.pack("<Q", 12 << 20))), "the bundle is truncated"),
        (resigned(bundle, folder, ours, size=(16, room)), "the bundle is larger than the slot"),
    ]


def test_refused_applied_started_confirmed(box, bundles, tmp_path):
    """Bad bundles leave both slots and GRUB's block as they are, and the neighbours at work. A good one comes from A to B and is confirmed;
    from then on the box takes nothing older than that version says. A version that was tried in vain is not tried again. Before all that both
    sectors of GRUB's block are lost: storage writes them, and GRUB counts again."""
    whole = len(bundles[2]) - SECTOR
    before = {letter: box.slot(letter, whole) for letter in "AB"}
    box.grubenv(b"\xff" * 2 * SECTOR)
    box.on("invalid environment block", "slot A: start 1 of 3", r"update: version 1 runs, slot \?, unknown: the next start says it")
    assert box.environment() == {"ORDER": "A B", "A_OK": "1", "A_TRY": "0", "B_OK": "1", "B_TRY": "0"} and box.grubenv()[SECTOR:] == b"#" * SECTOR
    box.machine.qmp("system_reset")
    box.says("slot A: start 1 of 3", "update: version 1 runs, slot A, not confirmed yet", "update: slot A is confirmed")
    lines = "version 1 runs, slot A", "slot A is confirmed"
    looked, confirmed = (float(re.search(rf"\[ *([\d.]+)\] storage\| update: {line}", box.machine.text)[1]) for line in lines)
    assert confirmed - looked > 1.5, "confirmed before all was well for 2 s"  # the stamps are the console's: it takes lines in rounds
    block = box.environment()
    assert block == {"ORDER": "A B", "A_OK": "1", "A_TRY": "0", "B_OK": "1", "B_TRY": "0", "STARTED": "A", "A_VERSION": "1", "A_CONFIRMED": "1"}
    box.machine.keyboard("storage")
    for number, (bundle, why) in enumerate(bad_bundles(bundles[2], tmp_path), 1):
        if number % 3 == 0:  # each refusal makes the next bundle wait for longer, until storage starts again
            box.machine.attention("r")
            box.says("update: version 1 runs, slot A, confirmed")
        box.bring(bundle)
        box.says("error: update (refused|failed): " + re.escape(why))
        for _ in range(50):
            if box.answer() == (2, why):
                break
            box.machine.drain(0.1)
        assert box.answer() == (2, why)
        if "damaged" in why:
            box.machine.send("update\r")
            box.says(f"update: version 1 in slot A, confirmed; new version: failed: {why}")
    assert box.environment() == block and {letter: box.slot(letter, whole) for letter in "AB"} == before
    box.says(r"books\| ledger: acknowledged \d+")
    box.bring(bundles[2])
    box.says(r"update: version 2, \d+ KiB, for slot B", rf"update: version 2 is in slot B and starts next: {whole + CHUNK + 2 * SECTOR} bytes written, \d+ ms")
    box.says("slot B: start 1 of 3", "update: version 2 runs, slot B, not confirmed yet", "update: slot B is confirmed")
    assert box.answer() == (1, "in its slot")
    assert box.slot("A", whole) == before["A"] and hashlib.sha256(box.slot("B", whole)).digest() == bundles[2][88:120]
    assert box.environment() == {"ORDER": "B A", "A_OK": "1", "A_TRY": "0", "A_VERSION": "1", "A_CONFIRMED": "1", "B_OK": "1", "B_TRY": "0",
                                 "B_VERSION": "2", "B_CONFIRMED": "2", "STARTED": "B", "MIN_VERSION": "2"}  # fmt: skip


@pytest.mark.long
@pytest.mark.limit(600)
def test_sick_version_is_given_up(box, bundles):
    """It starts three times, is never confirmed, and the box comes back to what it was; that version is not taken again."""
    box.on("update: slot A is confirmed")
    box.bring(bundles[3])
    box.says("update: version 3 is in slot B and starts next")
    for number in 1, 2, 3:
        box.says(f"slot B: start {number} of 3", "update: version 3 runs, slot B, not confirmed yet", "error: not all was well for 2 s within 20 s")
    box.says("slot B: not confirmed in 3 starts, passed over", "slot A: start 1 of 3", "update: version 1 runs, slot A, confirmed")
    box.bring(bundles[3])
    box.says("error: update refused: this version has been tried, and was never confirmed")


@pytest.mark.long
def test_too_old_takes_only_a_newer_one(box, bundles):
    """A box that has confirmed a newer version, and whose old slot is started all the same, and then its copy in the other one: it serves nothing
    but the slice that updates come in, and takes what is new enough."""
    block = subprocess.run(["mtype", "-i", f"{box.path}@@{box.places['esp'].start}", "::grub/grubenv"], check=True, capture_output=True).stdout
    text = block.rstrip(b"#") + b"MIN_VERSION=2\n"
    box.write(box.read(box.places["esp"].start, box.places["esp"].size).index(block) + box.places["esp"].start, text)
    box.on("slot A: start 1 of 3", "update: version 1 runs, slot A, too old", "error: version 1 is older than the oldest that this box takes")
    assert box.machine.expect(r"storage: serves (\d+) slices", BOOT)[1] == "1", "more is served than the way for a newer one"
    assert (box.environment()["ORDER"], box.environment()["A_OK"]) == ("B A", "1")
    assert "ledger: acknowledged" not in box.machine.drain(2)
    box.bring(bundles[2])
    box.says("update: version 2 is in slot B and starts next", "slot B: start 1 of 3", "update: slot B is confirmed", r"books\| ledger: acknowledged \d+")


@pytest.mark.long
def test_refused_version_is_left(box):
    """A payload in slot B is not that of the plan, and GRUB's list of digests was changed along: the hypervisor refuses to launch, the box
    starts again by itself, and after three starts has the other slot. Nobody touches it."""
    place, worker = box.places["slot-b"], (ROOT / f"build/{DEFAULT_BOARD}/update/payloads/worker.img").read_bytes()
    slot, changed = box.read(place.start, place.size), worker[:-1] + bytes([worker[-1] ^ 1])
    box.write(place.start + slot.index(worker), changed)
    box.write(place.start + slot.index(hashlib.sha256(worker).hexdigest().encode()), hashlib.sha256(changed).hexdigest().encode())
    esp = box.read(box.places["esp"].start, box.places["esp"].size)
    box.write(box.places["esp"].start + esp.index(b"ORDER=A B"), b"ORDER=B A")
    box.on()
    for number in 1, 2, 3:
        box.says(f"slot B: start {number} of 3", "refused: IMG-1: the payload of partition worker", "the box starts again in 30 seconds")
    box.says("slot B: not confirmed in 3 starts, passed over", "slot A: start 1 of 3", "update: version 1 runs, slot A, not confirmed yet")


@pytest.mark.long
def test_disk_that_only_grub_can_use(box):
    """Its partition table is damaged so that GRUB does not mind: storage cannot say what was confirmed, the others run meanwhile, and GRUB counts."""
    box.write(SECTOR + 16, bytes(4))
    box.on("slot A: start 1 of 3", "error: no updates on namespace 1", "error: without its disk nothing could be confirmed within 20 s",
           "slot A: start 2 of 3")  # fmt: skip


def bundle_of(name, keys, number, folder, *more, **options):
    """A bundle of what was built under this name, under another number, signed with these keys."""
    subprocess.run([ROOT / "config/tool/bundle.py", "--folder", ROOT / "build" / DEFAULT_BOARD / name, "--product", "update", "--board", DEFAULT_BOARD,
                    "--version", str(number), "--keys", keys, "--output", folder / "bundle", *more], check=True, stderr=subprocess.PIPE, text=True, **options)  # fmt: skip
    return (folder / "bundle").read_bytes()


@pytest.mark.long
@pytest.mark.limit(600)
def test_update_of_a_signed_disk(bundles, tmp_path):
    """storage looks at the bundle's signature, GRUB at those of its files: a bundle without them, and one whose files another key has signed, stand
    in the other slot and are passed over. One with them starts there, is confirmed, and a byte that is changed in it afterwards is found."""
    ours, mixed = ROOT / "build/keys", tmp_path / "mixed"
    status, output = make(f"KEYS={ours}", "keys")
    assert status == 0, output
    assert make(f"KEYS={mixed}", "keys")[0] == 0
    shutil.copy(ours / "update.key", mixed / "update.key")
    box = Box(built("update", "SIGNED=y", "disk-image") / "signed/disk.img", tmp_path)
    signed = (built("update-next", "SIGNED=y", "update-bundle") / "signed/update.bundle").read_bytes()
    try:
        box.on("slot A: start 1 of 3", "update: slot A is confirmed")
        for number, bundle, why in ((3, bundle_of("update-sick", ours, 3, tmp_path), r"file [^\r\n]*\.sig' not found"),
                                    (4, bundle_of("update-next", mixed, 4, tmp_path, "--signed"), r"error: public key \w+ not found")):  # fmt: skip
            box.bring(bundle)
            box.says(f"update: version {number} is in slot B and starts next")
            box.machine.expect(why, BOOT)
            box.says("slot B: damaged, passed over", "slot A: start 1 of 3", "update: version 1 runs, slot A, confirmed")
            assert box.answer() == (1, "in its slot")
        box.bring(bundle)
        box.says("error: update refused: this version stands in the other slot already: if it has not started, GRUB has passed over it")
        box.bring(signed)
        box.says("update: version 2 is in slot B and starts next", "slot B: start 1 of 3", "update: slot B is confirmed")
        box.cut()
        place = box.places["slot-b"]
        at = place.start + box.read(place.start, len(signed)).index((ROOT / f"build/{DEFAULT_BOARD}/update-next/payloads/worker.img").read_bytes())
        box.write(at, bytes([box.read(at, 1)[0] ^ 1]))
        box.on("bad signature", "slot B: damaged, passed over", "slot A: start 1 of 3", "update: version 1 runs, slot A, too old")
    finally:
        box.cut()


# Of an update, in its order: what storage or GRUB says when a phase begins, and how many seconds after that the power may go.
PHASES = {
    "count": (r"storage\.img: OK", 0, 0.2),  # GRUB writes down that the slot starts
    "apply": ("update: version 2, ", 0, 0.6),  # which takes half a second or more: the disk is slowed
    "restart": ("update: version 2 is in slot B and starts next", 0, 1),  # the switch was written, if the disk has not lied
    "confirm": ("update: version 2 runs, slot B, not confirmed yet", 1.9, 2.5),  # after 2 s, looked at twice a second
}
SLOWED = ",throttling.bps-write=2000000"


def drawn(seed, count):
    """(phase, where in it from 0 to 1) of each cut. Never twice in GRUB one after the other: a slot has three starts, the last is let live."""
    chance, points = random.Random(seed), []
    for _ in range(count):
        phases = [phase for phase in PHASES if not (points and phase == points[-1][0] == "count")]
        points.append((chance.choice(phases), chance.random()))
    return points


class Cuts:
    """A bundle is applied while the power goes and goes; the request stands on the disk, so that each start goes on."""

    def __init__(self, box, bundle, image):
        self.box, self.bundle, self.image = box, bundle, image
        self.whole = len(bundle) - SECTOR
        self.digests = {"A": hashlib.sha256(box.slot("A", self.whole)).digest(), "B": bundle[88:120]}

    def anew(self):
        subprocess.run(["cp", "--sparse=always", self.image, self.box.path], check=True)
        self.box.bring(self.bundle)

    def start(self):
        """(slot, which of its three starts, whether it was confirmed before): one starts, and is whole."""
        letter, number = self.box.machine.expect(r"slot (A|B): start (\d) of 3", BOOT).groups()
        assert hashlib.sha256(self.box.slot(letter, self.whole)).digest() == self.digests[letter]
        standing = self.box.machine.expect(rf"\] storage\| update: version . runs, slot {letter}, (confirmed|not confirmed yet)", BOOT)[1]
        return letter, int(number), standing == "confirmed"

    def confirmed(self, letter, already):
        if not already:
            self.box.says(f"update: slot {letter} is confirmed")

    def until(self, phase):
        """Start the box, and come to the phase; returns what started."""
        self.box.on()
        if phase == "count":
            self.box.says(PHASES[phase][0])
            return "GRUB"
        letter, number, already = self.start()
        if letter == "B" and phase == "confirm" and number == 1 and not already:
            return "B"
        self.confirmed(letter, already)
        if letter == "B":  # the update has come to its end: the next one
            self.box.cut()
            self.anew()
            self.until(phase)
            return "B, then anew"
        for name in list(PHASES)[1 : list(PHASES).index(phase) + 1]:
            self.box.says(PHASES[name][0])
        return "A"

    def cut(self, phase, moment):
        """Returns what had started."""
        started, (_, least, most) = self.until(phase), PHASES[phase]
        self.box.machine.drain(least + moment * (most - least))
        self.box.cut()
        return started

    def last(self):
        """After all that, the update comes to its end."""
        self.box.on()
        letter, _, already = self.start()
        self.confirmed(letter, already)
        if letter == "A":
            self.box.says("update: version 2 is in slot B", "slot B: start 1 of 3", "update: slot B is confirmed")


def cut_again_and_again(image, bundle, count, folder, note):
    """At points that the seed draws, all of them before the first start. The seed is in pytest's summary, and with the points in build/test-logs."""
    seed = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    note("note", f"TEST_SEED={seed} draws the same {count} cuts again")
    points, box = drawn(seed, count), Box(image, folder, drive=SLOWED)
    LOGS.mkdir(parents=True, exist_ok=True)
    try:
        with open(LOGS / f"power-cuts-{count}.txt", "w", encoding="utf-8", buffering=1) as log:
            log.write(f"TEST_SEED={seed}\n")
            cuts = Cuts(box, bundle, image)
            box.bring(bundle)
            for number, (phase, moment) in enumerate(points, 1):
                log.write(f"cut {number}: {phase} at {moment:.4f}, started: {cuts.cut(phase, moment)}\n")
            cuts.last()
    finally:
        box.cut()


def test_power_cuts(bundles, image, tmp_path, record_property):
    cut_again_and_again(image, bundles[2], 3, tmp_path, record_property)


@pytest.mark.long
@pytest.mark.limit(7200)
def test_two_hundred_power_cuts(bundles, image, tmp_path, record_property):
    cut_again_and_again(image, bundles[2], 200, tmp_path, record_property)
