# SPDX-License-Identifier: Apache-2.0
"""What the hypervisor says on its console, as patterns: the one place where run.py and the tests take them from."""
import re

STAMP = r"(?<!\| )\[ *\d+\.\d{6}\] "
OURS = STAMP + r"bulkhead\| "
REFUSED = OURS + r"(partition [a-z0-9-]+: )?refused: "  # not so a device that the IOMMU refuses something
LAUNCH_REFUSED = OURS + "refused: "
CRASH = OURS + r".*\bcrash record\b"
RUNNING = OURS + r"partition NAME: running"


class Verdict:
    """Reads serial output as it comes and knows afterwards what was wrong with the run."""

    def __init__(self, partitions):
        self.missing = set(partitions)
        self.problems = []
        self.launch_refused = False  # nothing but its reasons comes any more
        self.rest = b""

    def feed(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.line(line.decode("utf-8", "replace").strip("\r"))
        self.rest = self.rest[-4096:]

    def line(self, line):
        if re.search(REFUSED, line) or re.search(CRASH, line):
            self.problems.append(line)
        self.launch_refused |= re.search(LAUNCH_REFUSED, line) is not None
        self.missing = {name for name in self.missing if not re.search(RUNNING.replace("NAME", re.escape(name)), line)}

    def report(self):
        """All that was wrong, one line each; empty if nothing was."""
        return self.problems + [f"partition {name} did not start" for name in sorted(self.missing) if not self.launch_refused]
