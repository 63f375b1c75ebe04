# SPDX-License-Identifier: Apache-2.0
"""For all pytest tests: the serial transcript of a failed test is printed, no emulator outlives its test, no test hangs for ever."""
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "system"))
import lib  # noqa: E402

LIMIT = 300  # seconds for one test, unless it is marked limit(seconds)


MARKS = {
    "long": "full sweeps and many repetitions, run by make check-long",
    "boards": "needs another board than the default, run by make check-boards",
    "limit(seconds)": "how long this test may take",
    "qemu": "needs QEMU itself: its monitor, its devices, other settings of its machine",
    "emulator": "about how an emulator is run",
    "x2apic": "needs an emulator whose processors can have an x2APIC",
    "shutdown": "a guest's triple fault must exit",
    "shadow": "an entry must load the interrupt shadow",
    "vmx": "needs Intel's processors",
    "vtd": "needs Intel's IOMMU",
    "amdvi": "needs AMD's IOMMU",
}
# Files whose tests a real board can run; the others are about the build, tools and documents, or about devices that QEMU plays.
LABORATORY = {f"test_{name}.py" for name in (
    "boot", "console", "life", "faults", "lab", "steady", "tick_off", "entry", "channels", "health", "records", "trace", "linux",
    "attacks", "boot_inputs", "channel_attacks", "console_attacks", "ends", "rights_attacks", "xapic")}


def pytest_configure(config):
    for mark, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{mark}: {meaning}")


def why_not(item, absent):
    """Why this board does not run a test; None if it does."""
    if lib.LG_ENV and item.path.name not in LABORATORY:
        return "about the build, tools or documents, or about devices that QEMU plays"
    return next((MARKS[mark] for mark in absent if item.get_closest_marker(mark)), None)


def pytest_collection_modifyitems(config, items):
    """What the board cannot show is not there: neither passed nor skipped. For a board in the laboratory the reasons are kept."""
    absent = [mark for mark, there in (("qemu", lib.ON_QEMU), ("emulator", not lib.LG_ENV), ("x2apic", lib.X2APIC), ("shutdown", lib.SHUTDOWN),
                                 ("shadow", lib.SHADOW), ("vmx", lib.VMX), ("vtd", lib.IOMMU == "vtd"),
                                 ("amdvi", lib.IOMMU == "amdvi"), ("long", not lib.LG_ENV), ("boards", not lib.LG_ENV)) if not there]
    out = {item: why for item in items if (why := why_not(item, absent))}
    config.hook.pytest_deselected(items=list(out))
    items[:] = [item for item in items if item not in out]
    if lib.LG_ENV:
        lib.LOGS.mkdir(parents=True, exist_ok=True)
        (lib.LOGS / "not-run.txt").write_text("".join(f"{why}\t{item.nodeid}\n" for item, why in out.items()))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    shared = [value for value in item.funcargs.values() if isinstance(value, lib.Machine)]
    machine = lib.Machine.last or next(iter(shared), None)
    if report.failed and machine:
        if machine is lib.Machine.last:
            machine.close()
        report.sections.append((f"serial port, its end; all of it: {machine.transcript.path}", machine.text[-6000:]))


def pytest_terminal_summary(terminalreporter):
    """What a test notes is shown if it has passed as well: record_property("note", text)."""
    for report in (one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, ()) if one.when == "call"):
        for text in (value for name, value in report.user_properties if name == "note"):
            terminalreporter.write_line(f"{report.nodeid}: {text}")


@pytest.fixture(autouse=True)
def machine_ends(request):
    """Ends the machine a test has left, and the test itself after its time."""
    mark = request.node.get_closest_marker("limit")
    seconds = int((mark.args[0] if mark else LIMIT) * lib.PATIENCE)

    def late(*_):
        raise lib.NotInTime(f"test took more than {seconds} s")

    lib.Machine.last = None
    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    if lib.Machine.last:
        lib.Machine.last.close()
