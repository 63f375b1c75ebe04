# SPDX-License-Identifier: Apache-2.0
# How the board qemu-q35-amd is built for and run. Facts about it are in board.c.

# The CPU vendor's back end that is linked in: svm or vmx.
VIRT := svm

# How it is run: QEMU 7.2 of Debian 12, software emulation. The features taken away are those of the EPYC model that the
# emulator does not have: naming them keeps its warnings off the terminal. No network: nothing here needs one.
QEMU := qemu-system-x86_64
QEMU_CPU := EPYC,+svm,+vgif,+umip,-monitor,-rdseed,-sha-ni,-fxsr-opt,-misalignsse,-3dnowprefetch,-osvw,-topoext,-nrip-save,-xsavec
QEMU_FLAGS := -machine q35 -accel tcg,thread=multi -cpu $(QEMU_CPU) -smp 5 -m 2048 \
	-nodefaults -net none -display none \
	-device i6300esb,addr=05.0 -action watchdog=reset
