# SPDX-License-Identifier: Apache-2.0
"""The build as a user meets it: missing packages, wrong names, a product outside the tree, the release image, `make run`."""
import fcntl
import hashlib
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time

import pytest

from lib import DEFAULT_BOARD, MAKE_BOARD, Machine, ROOT, build_product, make
from messages import Verdict

PRODUCT = """
#include "product.h"
const struct product product = {
    .abi = PRODUCT_ABI,
    .name = "mine",
    .description = "outside the tree",
    .housekeeping = "greeter",
    .partitions = {{.name = "greeter", .kind = IMAGE_UNIKERNEL, .cores = 1, .memory = MIB(16)}},
};
"""
PROGRAM = """
#include <stdio.h>
int main(void)
{
    printf("greetings from outside\\n");
    return 7;
}
"""


def stub(folder, name, text):
    path = folder / name
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o755)


@pytest.fixture
def without_gcc(tmp_path):
    """A system that says gcc and mtools are not installed, and an apt-get that only says what it was asked for."""
    stub(tmp_path, "dpkg-query", '/usr/bin/dpkg-query "$@" | grep -v -e "^gcc " -e "^mtools "')
    stub(tmp_path, "apt-get", 'echo "APT $*"')
    stub(tmp_path, "sudo", "exit 1")

    def run(verb, user):
        stub(tmp_path, "id", f"echo {user}")
        return subprocess.run([ROOT / "config/tool/deps.sh", verb], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})

    return run


def test_missing_packages_are_installed_by_root(without_gcc):
    run = without_gcc("install", 0)
    assert run.returncode == 0
    assert run.stderr.index("missing Debian packages: gcc mtools") < run.stderr.index("APT install")
    assert "APT install --yes --no-install-recommends gcc mtools" in run.stderr


def test_missing_packages_are_named_to_other_users(without_gcc):
    run = without_gcc("install", 1000)
    assert run.returncode == 1
    assert "sudo apt-get install --yes --no-install-recommends gcc mtools" in run.stderr
    assert "APT" not in run.stderr


@pytest.mark.parametrize("variable", ["PRODUCT", "BOARD"])
def test_unknown_name_is_refused(variable):
    status, output = make(f"{variable}=no-such-thing")
    assert status != 0
    assert f'no {variable.lower()} "no-such-thing"' in output
    boards = " ".join(sorted(path.parent.name for path in (ROOT / "board").glob("*/board.c")))
    assert (boards if variable == "BOARD" else "demo gateway hostile lab minimal") in output


@pytest.mark.parametrize("variable", ["PRODUCT", "BOARD"])
def test_path_with_a_space_is_refused(tmp_path, variable):
    status, output = make(f"{variable}={tmp_path}/with space", "check-config")
    assert status != 0
    assert len(output.splitlines()) == 1 and f'{variable}="{tmp_path}/with space" has a space or a quote in it' in output, output


@pytest.mark.parametrize(("words", "told"), [
    (("flash", "DEV={0}/it's.img"), "it's.img: No such file"), (("decode", "FILE={0}/it's.log"), "FILE= cannot be read"),
    (("symbolize", "FILE={0}/none"), "FILE= cannot be read"), (("symbolize",), "FILE= is missing"), (("new-product", "NAME=it's"), '"it\'s" is no name'),
    (("check-config", "PRODUCT={0}/it's"), 'it\'s" has a space or a quote in it')])
def test_quotes_and_files_that_are_not_there(tmp_path, words, told):
    """Said before anything is built: this product's table does not even compile. The shell is not asked what a quote means."""
    (tmp_path / "product.c").write_text("no table")
    status, output = make(f"PRODUCT={tmp_path}", *(word.format(tmp_path) for word in words))
    assert status != 0 and told in output and "Unterminated" not in output and "CC" not in output, output


@pytest.mark.parametrize("seconds", ["0", "0.0", "-3", "abc", "1e3", "5 6", "5'", "1.2.3", "nan"])
def test_run_seconds_must_be_a_positive_number(tmp_path, seconds):
    """Before anything is built: this product's table does not even compile."""
    (tmp_path / "product.c").write_text("no table")
    status, output = make(f"PRODUCT={tmp_path}", f"RUN_SECONDS={seconds}", "run")
    assert status != 0
    assert len(output.splitlines()) == 1 and f"RUN_SECONDS={seconds} is not a positive number" in output, output


def test_linux_without_its_kernel_is_refused(tmp_path):
    """By each verb; also when it goes after a check."""
    folder = tmp_path / "linux"
    folder.mkdir()
    product = PRODUCT.replace("IMAGE_UNIKERNEL", 'IMAGE_LINUX, .kernel = "mykernel", .initrd = "myinitrd"').replace("MIB(16)", "MIB(256)")
    (folder / "product.c").write_text(product)
    for verb in "check-config", "all":
        status, output = make(f"PRODUCT={folder}", verb)
        assert status != 0
        assert f"kernel = {folder}/mykernel" in output and f"initrd = {folder}/myinitrd" in output, output
        assert output.count("CFG-521") == 2 and "refused: 2 findings" in output, output
    build_product("demo")
    for name in "kernel", "initrd":
        shutil.copy(ROOT / "build/linux" / name, folder / f"my{name}")
    plan = f"build/{MAKE_BOARD}/linux/plan.c"
    status, output = make(f"PRODUCT={folder}", plan)
    assert status == 0, output
    (folder / "mykernel").unlink()
    status, output = make(f"PRODUCT={folder}", plan)
    assert status != 0 and "CFG-521" in output and "refused: 1 finding\n" in output, output


def test_product_outside_the_tree(tmp_path):
    folder = tmp_path / "mine"
    (folder / "partitions/greeter").mkdir(parents=True)
    (folder / "product.c").write_text(PRODUCT)
    (folder / "partitions/greeter/greeter.c").write_text(PROGRAM)
    board = tmp_path / "my-board"
    shutil.copytree(ROOT / "board" / MAKE_BOARD, board)
    with Machine(folder, board) as machine:
        machine.running("greeter")
        machine.seen(r"greeter\| greetings from outside", "partition greeter: exit, value 0x7")  # in either order: docs/console.md


def test_program_without_sources_is_refused(tmp_path):
    """With every other finding, by each verb; also when the sources go, or come, after a check."""
    folder = tmp_path / "empty"
    (folder / "partitions/greeter").mkdir(parents=True)
    (folder / "product.c").write_text(PRODUCT.replace("MIB(16)", "MIB(15)"))
    for verb in "check-config", "all", "report":
        status, output = make(f"PRODUCT={folder}", verb)
        assert status != 0
        assert re.search(r"^CFG-509 \S+/product.c: partition greeter: program = greeter, the partition's name\n +reason: .*\n +hint: .*partitions/",
                         output, re.M), output
        assert "CFG-201" in output and "refused: 2 findings" in output
    (folder / "product.c").write_text(PRODUCT)
    (folder / "partitions/greeter/greeter.c").write_text(PROGRAM)
    elf = ROOT / "build" / MAKE_BOARD / "empty/programs/greeter.elf"
    status, output = make(f"PRODUCT={folder}", str(elf.relative_to(ROOT)))
    assert status == 0 and elf.exists(), output
    (folder / "partitions/greeter/greeter.c").unlink()
    status, output = make(f"PRODUCT={folder}", "all")
    assert status != 0 and "CFG-509" in output
    (folder / "product.c").write_text(PRODUCT.replace(".cores = 1", '.program = "hello", .cores = 1'))
    status, output = make(f"PRODUCT={folder}", f"build/{MAKE_BOARD}/empty/plan.c")
    assert status == 0, output


def test_bad_table_is_refused_with_all_findings(tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "product.c").write_text(PRODUCT.replace(".cores = 1", ".cores = 99").replace("MIB(16)", "12345"))
    for verb in "check-config", "all":
        status, output = make(f"PRODUCT={folder}", verb)
        assert status != 0
        assert output.count("CFG-") >= 2
        assert re.search(r"^refused: \d+ findings\n.*\*\*\*.*\n\Z", output, re.M), output  # one line of make's, no more


def test_release_image_of_an_emulator_is_refused(tmp_path):
    """Nothing is compiled for the target, not even the first time."""
    shutil.copytree(ROOT / "config/minimal", tmp_path / "tiny")
    status, output = make(f"PRODUCT={tmp_path}/tiny", "image")
    assert status != 0
    assert "CFG-701" in output and "test_only" in output and "docs/howto-board.md" in output
    assert not re.search(r"^  (CC|AS|LD|PLAN) ", output, re.M), output


def test_compdb_leaves_the_tree_clean():
    status, output = make("compdb")
    assert status == 0, output
    assert (ROOT / "compile_commands.json").exists()
    ignored = subprocess.run(["git", "check-ignore", "-q", "compile_commands.json"], cwd=ROOT)
    assert ignored.returncode == 0


@pytest.mark.parametrize("file, says", [(None, "board.mk does not exist"), ("VIRT := intel\n", 'VIRT = "intel" in .*: give svm')])
def test_board_without_a_vendor_is_refused(tmp_path, file, says):
    """Before anything is built, in one line."""
    board = tmp_path / "half"
    shutil.copytree(ROOT / "board" / MAKE_BOARD, board)
    (board / "board.mk").unlink()
    if file:
        (board / "board.mk").write_text(file)
    status, output = make(f"BOARD={board}", "check-config")
    assert status != 0 and re.fullmatch(rf"Makefile:\d+: \*\*\* .*{says}.*  Stop\.\n", output), output


def test_release_image_of_a_real_board(tmp_path):
    """Made of the one whose IOMMU is its processor's vendor's, as in real machines (CFG-699)."""
    like, board = "qemu-q35-amd", tmp_path / "real"
    shutil.rmtree(ROOT / "build/real", ignore_errors=True)  # of an earlier test
    shutil.copytree(ROOT / "board" / like, board)
    source = board / "board.c"
    source.write_text(source.read_text().replace("    .test_only = true,\n", "").replace("    .no_speculation = true,\n", "").replace(f'"{like}"', '"real"'))
    for practice in "build/keys", f"{ROOT}/build/keys/", "./build/x":
        status, output = make("PRODUCT=minimal", f"BOARD={board}", f"KEYS={practice}", "image")
        assert status != 0 and "a release needs keys of its own" in output, output
    keys = f"KEYS={tmp_path / 'keys'}"
    status, output = make("PRODUCT=minimal", f"BOARD={board}", keys, "image")
    assert status != 0 and "is not there: images are signed with the keys in KEYS=" in output, output
    assert make(keys, "keys")[0] == 0
    status, output = make("PRODUCT=minimal", f"BOARD={board}", keys, "image")
    assert status == 0, output
    assert json.loads((ROOT / "build/real/minimal/release/signed/disk.json").read_text())["signed"]
    assert (ROOT / "build/real/minimal/release/signed/disk.img.xz").stat().st_size <= 2 << 20
    manifest = json.loads((ROOT / "build/real/minimal/release/signed/disk.json").read_text())
    assert manifest["keys"]["boot.pub"] == hashlib.sha256((tmp_path / "keys/boot.pub").read_bytes()).hexdigest()
    other = shutil.copytree(ROOT / "config/minimal", tmp_path / "minimal")
    status, output = make(f"PRODUCT={other}", f"BOARD={board}", "check-config")
    assert status != 0 and "has release or signed images made of config/minimal" in output, output
    image = ROOT / "build/real/minimal/release/bulkhead.iso"
    assert image.exists()
    with Machine("minimal", like, image=image) as machine:
        machine.running("hello")
        assert "development" not in machine.text


def clean_environment():
    return {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}


@pytest.fixture
def held(tmp_path):
    """A product, and a make that is at work on it until `go` is touched."""
    folder, go = tmp_path / "held", tmp_path / "go"
    (folder / "partitions/greeter").mkdir(parents=True)
    (folder / "product.c").write_text(PRODUCT)
    (folder / "partitions/greeter/greeter.c").write_text(PROGRAM)
    stub(tmp_path, "gcc", f'touch {tmp_path}/begun; while [ ! -e {go} ]; do sleep 0.1; done; exec /usr/bin/gcc "$@"')
    first = subprocess.Popen(["make", "-j2", f"PRODUCT={folder}", "check-config"], cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True,
                             env={**clean_environment(), "PATH": f"{tmp_path}:{os.environ['PATH']}"})  # fmt: skip
    try:
        while not (tmp_path / "begun").exists():
            assert first.poll() is None
            time.sleep(0.1)
        yield folder, go, first
    finally:
        go.touch()
        first.wait(60)


def test_one_make_at_a_time(held):
    """Others wait while one is at work, whatever they would build and whoever calls them."""
    folder, go, first = held
    above = folder / "Makefile"
    above.write_text(f".PHONY: {folder} lab\n{folder} lab:\n\t+$(MAKE) -C {ROOT} PRODUCT=$@ check-config\n")
    others = [subprocess.Popen(["make", *arguments], cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
              for arguments in ([f"PRODUCT={folder}", "check-config"], ["-j2", "-f", above, folder, "lab"])]  # fmt: skip
    time.sleep(2)
    assert [other.poll() for other in [first, *others]] == [None, None, None]
    go.touch()
    outputs = [other.communicate(timeout=300)[0] for other in others]
    assert [first.wait(60), *(other.returncode for other in others)] == [0, 0, 0], outputs
    for output in outputs:
        assert f"waiting for another make at work in build/, process {first.pid}\n" in output
        assert "no findings" in output
    assert len(re.findall("no findings", outputs[1])) == 2


@pytest.mark.parametrize("claim", ["killed", "its number is another's now", "nonsense"])
def test_a_claim_ends_with_its_make(held, claim):
    """A killed one, nobody having asked for its status; one whose number another process has."""
    folder, go, first = held
    os.killpg(first.pid, signal.SIGKILL)
    if claim != "killed":
        (ROOT / "build/.claim").write_text("nonsense\n" if claim == "nonsense" else f"{os.getpid()} 1\n")
    go.touch()
    status, output = make(f"PRODUCT={folder}", "check-config", timeout=120)
    assert status == 0 and "waiting" not in output, output


def test_one_tier_at_a_time():
    with open(ROOT / "tests/tier.py") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # by the tier that runs this test
        tier = subprocess.Popen([sys.executable, ROOT / "tests/tier.py", "check-bochs"], cwd=ROOT, stderr=subprocess.PIPE, text=True,
                                start_new_session=True, env={key: value for key, value in os.environ.items() if key != "TIER_ALONE"})
        try:
            assert tier.stderr.readline() == "waiting for other tests at work in build/\n"
            assert tier.poll() is None
        finally:
            os.killpg(tier.pid, signal.SIGKILL)  # and what it may have started all the same
            tier.communicate()


RUN = ["make", "--no-print-directory", "PRODUCT=minimal", f"BOARD={DEFAULT_BOARD}", "run"]


def run_minimal(seconds, **kwargs):
    build_product("minimal")
    return subprocess.run([*RUN, f"RUN_SECONDS={seconds}"], cwd=ROOT, env=clean_environment(), capture_output=True, text=True,
                          errors="replace", timeout=seconds + 60, **kwargs)


def test_run_without_a_terminal_ends_by_itself():
    run = run_minimal(20, stdin=subprocess.DEVNULL)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Ctrl-] q" in run.stdout.splitlines()[0]
    assert "partition hello: running" in run.stdout


@pytest.mark.parametrize(("program", "told"), [
    (None, "install the Debian packages bochs\n"), ("exit 1", "--reinstall bochs bochs-term"),
    ('echo "00e[      ] ${3}:$(grep -n guest= $3 | cut -d: -f1): wrong value for parameter"; exit 1', 'the setting "memory: guest=64" (of the board\'s board.mk): wrong value')])
def test_bochs_that_is_missing_or_broken_is_named(tmp_path, program, told):
    command = tmp_path / "run.args"
    command.write_text(f"{tmp_path}/bochs-bin 'memory: guest=64'")
    if program:
        stub(tmp_path, "bochs-bin", program)
    run = subprocess.run([sys.executable, ROOT / "config/tool/run.py", "--command", command, "--image", "none.iso"], timeout=60,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert run.returncode == 1 and told in run.stderr, run.stderr


def test_bochs_that_ends_early_says_why(tmp_path):
    """Its own words, and not that it had too little time."""
    command = tmp_path / "run.args"
    command.write_text(f"{tmp_path}/bochs-bin")
    stub(tmp_path, "bochs-bin", "exec " + sys.executable + """ - $3 <<'END'
import pathlib, re, socket, sys
socket.create_connection(("127.0.0.1", int(re.search(r"dev=127.0.0.1:(\\d+)", pathlib.Path(sys.argv[1]).read_text())[1])))
sys.exit(">>PANIC<< could not open the hard drive image")
END""")
    run = subprocess.run([sys.executable, ROOT / "config/tool/run.py", "--command", command, "--image", "none.iso", "--partition", "hello",
                          "--seconds", "30"], timeout=60, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert run.returncode == 1 and "partition hello did not start" in run.stderr and "too short" not in run.stderr, run.stderr
    assert "Bochs ended by itself, with status 1. Its last words:\n>>PANIC<< could not open" in run.stderr, run.stderr


def test_run_tells_that_a_partition_is_missing():
    run = run_minimal(0.1, stdin=subprocess.DEVNULL)
    assert run.returncode != 0
    assert "partition hello did not start" in run.stderr and "RUN_SECONDS=0.1 may be too short" in run.stderr


@pytest.mark.qemu
def test_run_ends_when_the_launch_is_refused(tmp_path):
    """Though it is told no time: nothing comes any more. What was refused is said, not that nobody started."""
    build, command = build_product("minimal"), tmp_path / "run.args"
    command.write_text((build.folder / "run.args").read_text().replace("-m 2048", "-m 64"))
    run = subprocess.Popen([sys.executable, ROOT / "config/tool/run.py", "--command", command, "--image", build.image, "--partition", "hello"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        stdout, stderr = run.stdout.read(), run.stderr.read()
        assert run.wait(60) == 1
    finally:
        run.kill()
        run.communicate()
    assert "CFG-904" in stdout and "make run: " in stderr and "refused: CFG-900" in stderr and "did not start" not in stderr, stderr


def test_refused_access_of_a_device_does_not_fail_a_run():
    verdict = Verdict(["hello"])
    for said in "partition hello: running, life 1", "partition hello: function nic0 (02:00.0): a write refused: address 0x1000, reason 5":
        verdict.feed(b"[    0.200000] bulkhead| " + said.encode() + b"\r\n")
    assert verdict.report() == [] and not verdict.launch_refused
    verdict.feed(b"[    0.300000] bulkhead| partition hello: refused: its payload has changed\r\n")
    assert len(verdict.report()) == 1 and not verdict.launch_refused


def test_run_restores_the_terminal():
    build_product("minimal")
    near, far = pty.openpty()
    before = termios.tcgetattr(far)
    run = subprocess.Popen(RUN, cwd=ROOT, env=clean_environment(), stdin=far, stdout=far, stderr=far)
    seen = b""

    def read_until(done):
        nonlocal seen
        end = time.monotonic() + 60
        while not done() and time.monotonic() < end:
            while select.select([near], [], [], 0.2)[0]:
                seen += os.read(near, 4096)
        assert done(), seen.decode(errors="replace")

    try:
        read_until(lambda: b"partition loop: running" in seen)
        assert termios.tcgetattr(far) != before
        os.write(near, b"\x1dq")
        read_until(lambda: run.poll() is not None)
        assert run.returncode == 0, seen.decode(errors="replace")
        # The counters of the last core, to the end.
        assert re.search(rb"\| core \d+, loop/0: [^\r]*\r\n[^\r]*  [a-z_A-Z ]+ \d+\r\n\Z", seen), seen[-1000:]
        assert termios.tcgetattr(far) == before
    finally:
        if run.poll() is None:
            run.terminate()
        os.close(near)
        os.close(far)
