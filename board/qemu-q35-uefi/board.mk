# SPDX-License-Identifier: Apache-2.0
# How the board qemu-q35-uefi is built for and run: as qemu-q35-vtd, with OVMF instead of SeaBIOS. The firmware's variables are forgotten
# when the machine ends.
include board/qemu-q35-vtd/board.mk
OVMF := /usr/share/OVMF
QEMU_FLAGS += -drive if=pflash,format=raw,unit=0,readonly=on,file=$(OVMF)/OVMF_CODE_4M.fd \
	-drive if=pflash,format=raw,unit=1,snapshot=on,file=$(OVMF)/OVMF_VARS_4M.fd
