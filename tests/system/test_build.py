# SPDX-License-Identifier: Apache-2.0
"""The build as a user meets it: missing packages, wrong names, a product outside the tree, the release image, `make run`."""
import os
import pty
import re
import select
import shutil
import subprocess
import termios
import time

import pytest

from lib import Machine, ROOT, build_product, make

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


def test_product_outside_the_tree(tmp_path):
    folder = tmp_path / "mine"
    (folder / "partitions/greeter").mkdir(parents=True)
    (folder / "product.c").write_text(PRODUCT)
    (folder / "partitions/greeter/greeter.c").write_text(PROGRAM)
    board = tmp_path / "my-board"
    shutil.copytree(ROOT / "board/qemu-q35-amd", board)
    with Machine(folder, board) as machine:
        machine.running("greeter")
        machine.line("greeter", "greetings from outside")
        machine.ours("greeter.*7")


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
    elf = ROOT / "build/qemu-q35-amd/empty/programs/greeter.elf"
    status, output = make(f"PRODUCT={folder}", str(elf.relative_to(ROOT)))
    assert status == 0 and elf.exists(), output
    (folder / "partitions/greeter/greeter.c").unlink()
    status, output = make(f"PRODUCT={folder}", "all")
    assert status != 0 and "CFG-509" in output
    (folder / "product.c").write_text(PRODUCT.replace(".cores = 1", '.program = "hello", .cores = 1'))
    status, output = make(f"PRODUCT={folder}", "build/qemu-q35-amd/empty/plan.c")
    assert status == 0, output


def test_bad_table_is_refused_with_all_findings(tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "product.c").write_text(PRODUCT.replace(".cores = 1", ".cores = 99").replace("MIB(16)", "12345"))
    status, output = make(f"PRODUCT={folder}", "check-config")
    assert status != 0
    assert output.count("CFG-") >= 2


def test_release_image_of_an_emulator_is_refused():
    status, output = make("PRODUCT=minimal", "image")
    assert status != 0
    assert "CFG-" in output and "test_only" in output


def test_release_image_of_a_real_board(tmp_path):
    board = tmp_path / "real"
    shutil.copytree(ROOT / "board/qemu-q35-amd", board)
    source = board / "board.c"
    source.write_text(source.read_text().replace("    .test_only = true,\n", "").replace("    .no_speculation = true,\n", "").replace('"qemu-q35-amd"', '"real"'))
    status, output = make("PRODUCT=minimal", f"BOARD={board}", "image")
    assert status == 0, output
    image = ROOT / "build/real/minimal/release/bulkhead.iso"
    assert image.exists()
    with Machine("minimal", image=image) as machine:
        machine.running("hello")
        assert "development" not in machine.text


def run_minimal(seconds, **kwargs):
    build_product("minimal")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    return subprocess.run(["make", "--no-print-directory", "PRODUCT=minimal", "run", f"RUN_SECONDS={seconds}"], cwd=ROOT, env=clean,
                          capture_output=True, text=True, errors="replace", timeout=seconds + 60, **kwargs)


def test_run_without_a_terminal_ends_by_itself():
    run = run_minimal(20, stdin=subprocess.DEVNULL)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Ctrl-] q" in run.stdout.splitlines()[0]
    assert "partition hello: running" in run.stdout


def test_run_tells_that_a_partition_is_missing():
    run = run_minimal(0.1, stdin=subprocess.DEVNULL)
    assert run.returncode != 0
    assert "partition hello did not start" in run.stderr


def test_run_restores_the_terminal():
    build_product("minimal")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    near, far = pty.openpty()
    before = termios.tcgetattr(far)
    run = subprocess.Popen(["make", "--no-print-directory", "PRODUCT=minimal", "run"], cwd=ROOT, env=clean, stdin=far, stdout=far,
                           stderr=far)
    seen = b""

    def read_until(done):
        nonlocal seen
        end = time.monotonic() + 60
        while not done() and time.monotonic() < end:
            if select.select([near], [], [], 0.5)[0]:
                seen += os.read(near, 4096)
        assert done(), seen.decode(errors="replace")

    try:
        read_until(lambda: b"partition loop: running" in seen)
        assert termios.tcgetattr(far) != before
        os.write(near, b"\x1dq")
        read_until(lambda: run.poll() is not None)
        assert run.returncode == 0, seen.decode(errors="replace")
        assert termios.tcgetattr(far) == before
    finally:
        if run.poll() is None:
            run.terminate()
        os.close(near)
        os.close(far)
