# SPDX-License-Identifier: Apache-2.0
# How the board qemu-q35-screen is built for and run: as qemu-q35-vtd, with a display adapter.
include board/qemu-q35-vtd/board.mk
QEMU_FLAGS += -device VGA,addr=01.0
