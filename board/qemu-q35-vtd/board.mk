# SPDX-License-Identifier: Apache-2.0
# How the board qemu-q35-vtd is built for and run. Facts about it are in board.c.

# The CPU vendor's back end that is linked in: svm or vmx.
VIRT := svm

# The IOMMU whose code is linked in: amdvi, vtd or none.
IOMMU := vtd

# How it is run: QEMU 7.2 of Debian 12, software emulation. The features taken away are those of the EPYC model that the
# emulator does not have: naming them keeps its warnings off the terminal. The network card is on QEMU's user network, without a port
# of the host: `hostfwd_add` at its monitor opens one.
QEMU := qemu-system-x86_64
QEMU_CPU := EPYC,+svm,+vgif,+umip,-monitor,-rdseed,-sha-ni,-fxsr-opt,-misalignsse,-3dnowprefetch,-osvw,-topoext,-nrip-save,-xsavec
# Namespaces 1 and 2 are disks of zeros, 3 has an ext4 file system that the build makes; all forget what is written when the machine ends. A
# driver of the NVMe's physical function attaches them to controllers; at first they belong to none. Each of its four virtual functions can
# have two queue pairs and two vectors.
BOARD_FILES := build/disk.img
DISK = -drive if=none,id=disk$(1),format=raw,snapshot=on,$(2) -device nvme-ns,drive=disk$(1),nsid=$(1),bus=nvme0,shared=off,detached=on
ZEROS := file.driver=null-co$(comma)file.size=64M$(comma)file.read-zeroes=on
NVME := sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=8,max_ioqpairs=10,msix_qsize=13
QEMU_FLAGS := -machine q35 -accel tcg,thread=multi -cpu $(QEMU_CPU) -smp 6 -m 2048 \
	-nodefaults -display none \
	-device intel-iommu,intremap=on,aw-bits=48 -device i6300esb,addr=05.0 -action watchdog=reset \
	-device edu,addr=02.0,dma_mask=0xffffffffffffffff -device edu,addr=03.0 \
	-device pcie-root-port,id=port1,chassis=1,slot=1,addr=08.0 -device pcie-root-port,id=port2,chassis=2,slot=2,addr=09.0 \
	-netdev user,id=net0 -device e1000e,netdev=net0,bus=port1,romfile= \
	-device nvme-subsys,id=subsys0,nqn=disk0 -device nvme,id=nvme0,serial=disk0,subsys=subsys0,bus=port2,$(NVME) \
	$(call DISK,1,$(ZEROS)) $(call DISK,2,$(ZEROS)) $(call DISK,3,file=$(CURDIR)/build/disk.img)
