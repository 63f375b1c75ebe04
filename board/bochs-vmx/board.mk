# SPDX-License-Identifier: Apache-2.0
# How the board bochs-vmx is built for and run. Facts about it are in board.c.

# The CPU vendor's back end that is linked in: svm or vmx.
VIRT := vmx

# The IOMMU whose code is linked in: amdvi, vtd or none.
IOMMU := none

# How it is run: Bochs 2.7 of Debian 12, one word for each line of its configuration file. An emulated second has `ips` ticks of
# the TSC, each of one instruction on every processor that is not halted. It has machine checks in
# CPUID, but not their MSRs: unknown ones read 0.
BOCHS := bochs-bin
BOCHS_FLAGS := 'cpu: model=corei7_haswell_4770, count=4:1:1, ips=15000000, reset_on_triple_fault=1, ignore_bad_msrs=1' \
	'memory: guest=512, host=512' 'pci: enabled=1, chipset=i440fx' 'clock: sync=none, time0=1000000000'
