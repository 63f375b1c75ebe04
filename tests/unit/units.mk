# SPDX-License-Identifier: Apache-2.0
# The unit tests, one line each: unit_<x> := sources under test and fakes it links. The test is tests/unit/test_<x>.c.
unit_unilib := partitions/lib/args.c partitions/lib/line.c partitions/control/jitter.c partitions/probe/parse.c
unit_payload := $(addprefix config/tool/,payload.c elf_file.c payload_elf.c payload_linux.c payload_bzimage.c payload_pvh.c acpi.c)
unit_payload_pvh := $(unit_payload)
unit_acpi := config/tool/acpi.c
unit_memory :=
unit_pool := core/pool.c tests/unit/fake_arch.c tests/unit/fake_plan.c
unit_sha256 := core/sha256.c
unit_log := core/log.c tests/unit/fake_arch.c
unit_uart16550 := core/uart16550.c tests/unit/fake_arch.c
unit_devices := core/devices.c core/log.c tests/unit/fake_arch.c tests/unit/fake_plan.c tests/unit/fake_partition.c
unit_watchdog := core/watchdog.c core/log.c tests/unit/fake_arch.c tests/unit/fake_plan.c tests/unit/fake_partition.c
unit_bootinfo := arch/x86/boot/bootinfo.c tests/fuzz/fuzz_bootinfo.c
unit_acpi_facts := arch/x86/boot/acpi.c tests/fuzz/fuzz_acpi.c
unit_facts :=
unit_nested := arch/x86/mm/nested.c arch/x86/virt/svm_nested.c
unit_audit := arch/x86/virt/audit.c arch/x86/virt/svm_audit.c arch/x86/mm/nested.c arch/x86/virt/svm_nested.c
unit_crash := core/crash.c
# Rules and planner: every rule belongs to the table in rules.c, so that all are linked.
RULES_UNDER_TEST := config/check/check.c config/check/image.c config/check/rules.c config/check/rules_product.c config/check/rules_cpu.c config/check/rules_memory.c \
	config/check/rules_life.c config/check/rules_console.c config/check/rules_image.c config/check/rules_file.c config/check/rules_board.c \
	config/check/rules_release.c config/tool/plan_layout.c
unit_planner := $(RULES_UNDER_TEST) config/tool/plan_emit.c
unit_rules := $(RULES_UNDER_TEST)
unit_report := $(RULES_UNDER_TEST) config/tool/report.c config/tool/report_html.c config/tool/report_svg.c config/tool/plan_emit.c \
	core/devices.c core/log.c tests/unit/fake_arch.c tests/unit/fake_plan.c tests/unit/fake_partition.c
unit_console := core/console.c core/console_command.c core/log.c core/uart16550.c tests/unit/fake_arch.c tests/unit/fake_plan.c tests/unit/fake_partition.c
GUEST_POLICY := $(addprefix arch/x86/irq/,icr.c guest_apic.c guest_ioapic.c) $(addprefix arch/x86/virt/,cpuid_policy.c msr_policy.c xcr_policy.c \
	cr_policy.c decode.c guest_walk.c guest_mmio.c) $(addprefix tests/unit/,fake_virt.c fake_x86.c fake_plan.c)
unit_icr := arch/x86/irq/icr.c
unit_ioapic := $(GUEST_POLICY)
unit_apic := $(GUEST_POLICY)
unit_cpuid := $(GUEST_POLICY)
unit_xcr := $(GUEST_POLICY)
unit_dev := arch/x86/dev/rtc.c arch/x86/dev/clock.c arch/x86/dev/pit.c arch/x86/dev/wdt_i6300esb.c
unit_msr := $(GUEST_POLICY)
unit_cr := $(GUEST_POLICY)
unit_walk := $(GUEST_POLICY)
unit_decode := arch/x86/virt/decode.c
unit_exit := core/exit.c
unit_lifecycle := core/lifecycle.c core/partition.c core/vcpu.c core/hypercall.c core/loader.c core/launch.c core/sha256.c core/pool.c core/log.c tests/unit/fake_arch.c tests/unit/fake_plan.c
unit_svm := arch/x86/virt/svm.c arch/x86/virt/svm_audit.c arch/x86/mm/nested.c arch/x86/virt/svm_nested.c core/pool.c tests/unit/fake_arch.c tests/unit/fake_plan.c tests/unit/fake_x86.c
unit_lapic := arch/x86/irq/lapic.c tests/unit/fake_plan.c
unit_vmx_controls := arch/x86/virt/vmx_controls.c
unit_vmx_state := arch/x86/virt/vmx_state.c
unit_trap := arch/x86/cpu/trap.S
unit_vmx_audit := arch/x86/virt/audit.c arch/x86/virt/vmx_audit.c arch/x86/mm/nested.c arch/x86/virt/vmx_nested.c
unit_page_size := $(RULES_UNDER_TEST) arch/x86/mm/nested.c arch/x86/virt/vmx_nested.c
unit_vmx := $(addprefix arch/x86/virt/,vmx.c vmx_block.c vmx_guest.c vmx_exit.c) arch/x86/virt/vmx_controls.c arch/x86/virt/vmx_state.c arch/x86/virt/vmx_audit.c arch/x86/mm/nested.c arch/x86/virt/vmx_nested.c core/pool.c tests/unit/fake_arch.c tests/unit/fake_plan.c tests/unit/fake_x86.c
unit_trap_table := arch/x86/cpu/trap.c arch/x86/cpu/trap.S tests/unit/fake_plan.c
