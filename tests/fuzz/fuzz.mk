# SPDX-License-Identifier: Apache-2.0
# The libFuzzer targets, one line each: fuzz_<x> := sources under test and fakes it links. The target itself is tests/fuzz/fuzz_<x>.c. Behind
# it its number in docs/testing.md, where it has one.
fuzz_acpi := $(unit_acpi_facts) tests/fuzz/mutate_acpi.c# F11
fuzz_amdvi := $(unit_amdvi_fuzz) core/log.c# F14
fuzz_apic := $(unit_apic)# F4
fuzz_bootinfo := $(unit_bootinfo)# F12
fuzz_console := $(unit_console) core/watchdog.c# F9
fuzz_cpio := partitions/lib/cpio.c
fuzz_decode := $(unit_decode)# F7
fuzz_dmar := $(unit_dmar)# F11
fuzz_functions := $(unit_pci)# F4, F5, F6
fuzz_hypercall := $(LIFE)# F8
fuzz_libs_hypercall := -lcmocka
fuzz_http := partitions/httpd/http.c
fuzz_ivrs := $(unit_ivrs) core/log.c# F11
fuzz_life := $(LIFE)# F15
fuzz_libs_life := -lcmocka
fuzz_pci := $(unit_pci_config) tests/fuzz/apart.c# F5
fuzz_port := $(unit_port)# virtqueues
fuzz_recorder := $(unit_recorder)
fuzz_ring := $(unit_ring)
fuzz_slice := $(filter-out tests/fuzz/%,$(unit_slice))
fuzz_router := $(filter-out tests/fuzz/%,$(unit_router))
fuzz_update := $(unit_update)
fuzz_libs_update := -lcmocka
fuzz_vtd := $(unit_vtd_lies)# F14
fuzz_libs_decode := -lcapstone
