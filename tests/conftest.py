# SPDX-License-Identifier: Apache-2.0
"""For all pytest tests: the serial transcript of a failed test is printed, no emulator outlives its test, no test hangs for ever."""
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "system"))
import lib  # noqa: E402

LIMIT = 300  # seconds for one test, unless it is marked limit(seconds)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: full sweeps and many repetitions, run by make check-long")
    config.addinivalue_line("markers", "boards: needs another board than the default, run by make check-boards")
    config.addinivalue_line("markers", "limit(seconds): how long this test may take")
    config.addinivalue_line("markers", "qemu: needs QEMU itself: its monitor, its devices, other settings of its machine")
    config.addinivalue_line("markers", "x2apic: needs an emulator whose processors can have an x2APIC")
    config.addinivalue_line("markers", "shutdown: a guest's triple fault must exit")
    config.addinivalue_line("markers", "shadow: an entry must load the interrupt shadow")
    config.addinivalue_line("markers", "vmx: needs Intel's processors")
    config.addinivalue_line("markers", "vtd: needs Intel's IOMMU")
    config.addinivalue_line("markers", "amdvi: needs AMD's IOMMU")


def pytest_collection_modifyitems(config, items):
    """What the board cannot show is not there: neither passed nor skipped."""
    absent = {mark for mark, there in (("qemu", lib.ON_QEMU), ("x2apic", lib.X2APIC), ("shutdown", lib.SHUTDOWN),
                                 ("shadow", lib.SHADOW), ("vmx", lib.VMX), ("vtd", lib.IOMMU == "vtd"),
                                 ("amdvi", lib.IOMMU == "amdvi")) if not there}
    out = [item for item in items if any(item.get_closest_marker(mark) for mark in absent)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


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


@pytest.fixture(autouse=True)
def machine_ends(request):
    """Ends the machine a test has left, and the test itself after its time."""
    mark = request.node.get_closest_marker("limit")
    seconds = int((mark.args[0] if mark else LIMIT) * lib.PATIENCE)

    def late(*_):
        raise TimeoutError(f"test took more than {seconds} s")

    lib.Machine.last = None
    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    if lib.Machine.last:
        lib.Machine.last.close()
