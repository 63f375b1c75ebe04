# SPDX-License-Identifier: Apache-2.0
"""The emulator that a board's command line names: a Qemu or a Bochs, alike to those who only use its serial port."""
import pathlib

from bochs import Bochs
from qemu import Qemu


def start(command, image, extra=()):
    """Boot an image; `command` is what board.mk says, as words."""
    kind = Bochs if pathlib.Path(command[0]).name.startswith("bochs") else Qemu
    return kind(command, image, extra)
