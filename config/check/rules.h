/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule's function, for the table in rules.c. */
#ifndef BULKHEAD_RULES_H
#define BULKHEAD_RULES_H

#include "check.h"

#define RULE(name) void name(struct check *check)

/* rules_product.c: names and references */
RULE(rule_abi);
RULE(rule_empty);
RULE(rule_gap);
RULE(rule_product_name);
RULE(rule_partition_name);
RULE(rule_name_unique);
RULE(rule_name_reserved);
RULE(rule_housekeeping);
RULE(rule_kind);
RULE(rule_apic_mode);
RULE(rule_action_range);
RULE(rule_all_stopped_range);
RULE(rule_description);
RULE(rule_observes);
RULE(rule_observes_once);
RULE(rule_controls_observed);
RULE(rule_controls_once);
RULE(rule_dumps_observed);
RULE(rule_dumps_once);
RULE(rule_rights_unikernel);
RULE(rule_controls_never);
RULE(rule_controls_mutual);
RULE(rule_trace_read);
RULE(rule_serves);

/* rules_cpu.c */
RULE(rule_cores_one);
RULE(rule_cores_sum);
RULE(rule_cores_smt);

/* rules_memory.c */
RULE(rule_memory_multiple);
RULE(rule_memory_unikernel);
RULE(rule_memory_linux);
RULE(rule_memory_limit);
RULE(rule_memory_sum);
RULE(rule_memory_payloads);
RULE(rule_unsafe_memory);

/* rules_life.c: watchdogs, restarts, actions */
RULE(rule_watchdog_period);
RULE(rule_watchdog_grace);
RULE(rule_watchdog_long);
RULE(rule_watchdog_none);
RULE(rule_restart_limit);
RULE(rule_restart_many);
RULE(rule_restart_unlimited);
RULE(rule_restart_backoff);
RULE(rule_restart_window);
RULE(rule_restart_unused);
RULE(rule_denied_rate);
RULE(rule_all_waiting);
RULE(rule_restart_rate);

/* rules_health.c: what follows from events */
RULE(rule_action_log);
RULE(rule_action_inject);
RULE(rule_restart_then);
RULE(rule_restart_then_unused);
RULE(rule_group_known);
RULE(rule_group_once);
RULE(rule_group_none);
RULE(rule_group_unused);
RULE(rule_group_never);
RULE(rule_backoff_max);
RULE(rule_hang_period);
RULE(rule_hang_tick);
RULE(rule_hang_none);
RULE(rule_exits_none);
RULE(rule_exits_tick);
RULE(rule_exits_rate);
RULE(rule_peer_none);
RULE(rule_fault_none);

/* rules_console.c */
RULE(rule_tick);
RULE(rule_tick_watchdog);
RULE(rule_tick_board_watchdog);
RULE(rule_tick_backoff);
RULE(rule_tick_devices);
RULE(rule_console_rate);
RULE(rule_attention);

/* rules_image.c: what the table says of images */
RULE(rule_unikernel_files);
RULE(rule_linux_program);
RULE(rule_program_name);
RULE(rule_unikernel_args);
RULE(rule_linux_args);
RULE(rule_args_printable);
RULE(rule_args_reserved);
RULE(rule_path_empty);
RULE(rule_program_sources);
RULE(rule_linux_files);

/* rules_file.c: the image files themselves */
RULE(rule_image_stray);
RULE(rule_image_missing);
RULE(rule_elf_kind);
RULE(rule_elf_dynamic);
RULE(rule_elf_wx);
RULE(rule_elf_memory);
RULE(rule_elf_overlap);
RULE(rule_elf_entry);
RULE(rule_files_missing);
RULE(rule_files_archive);
RULE(rule_files_fit);
RULE(rule_bzimage);
RULE(rule_bzimage_protocol);
RULE(rule_bzimage_command);
RULE(rule_initrd_format);
RULE(rule_linux_fits);
RULE(rule_vmlinux_pvh);
RULE(rule_payload);

/* rules_board.c */
RULE(rule_board_name);
RULE(rule_board_vendor);
RULE(rule_board_core_count);
RULE(rule_board_apic_unique);
RULE(rule_board_apic_range);
RULE(rule_board_smt_package);
RULE(rule_board_ram_count);
RULE(rule_board_ram_range);
RULE(rule_board_ram_order);
RULE(rule_board_pci_hole);
RULE(rule_board_ram_hole);
RULE(rule_board_load);
RULE(rule_board_hypervisor);
RULE(rule_board_baud);
RULE(rule_board_uart_port);
RULE(rule_board_screen);
RULE(rule_board_ioapic_base);
RULE(rule_board_ioapic_pins);
RULE(rule_board_pin_range);
RULE(rule_board_pin_distinct);
RULE(rule_board_pm_timer);
RULE(rule_board_reset_port);
RULE(rule_board_reset_value);
RULE(rule_board_poweroff);
RULE(rule_board_port_overlap);
RULE(rule_board_watchdog_kind);
RULE(rule_board_watchdog_address);
RULE(rule_board_watchdog_timeout);
RULE(rule_board_watchdog_tco);
RULE(rule_board_watchdog_chipset);
RULE(rule_board_speculation);
RULE(rule_board_page_size);
RULE(rule_board_vmx_reset);

/* rules_pci.c: a board's functions, bridges, roles, isolation groups */
RULE(rule_pci_count);
RULE(rule_pci_address);
RULE(rule_pci_order);
RULE(rule_pci_ids);
RULE(rule_pci_class);
RULE(rule_bridge_class);
RULE(rule_bridge_unused);
RULE(rule_bridge_numbers);
RULE(rule_bridge_nesting);
RULE(rule_pci_reachable);
RULE(rule_pci_watchdog);
RULE(rule_role_watchdog);
RULE(rule_role_bridge);
RULE(rule_role_iommu);
RULE(rule_role_name);
RULE(rule_role_unique);
RULE(rule_group_unknown);
RULE(rule_group_device);
RULE(rule_group_acs);

/* rules_bar.c: BARs, MSI-X, resets, virtual functions */
RULE(rule_bar_kind);
RULE(rule_bar_pair);
RULE(rule_bar_size);
RULE(rule_msix_vectors);
RULE(rule_msix_bar);
RULE(rule_msix_inside);
RULE(rule_msix_overlap);
RULE(rule_reset_kind);
RULE(rule_reset_register);
RULE(rule_reset_unused);
RULE(rule_reset_settle);
RULE(rule_reset_bus);
RULE(rule_vf_none);
RULE(rule_vf_numbers);
RULE(rule_vf_collision);
RULE(rule_vf_reset);
RULE(rule_vf_ports);

/* rules_iommu.c: IOMMU, and addresses for BARs */
RULE(rule_window_form);
RULE(rule_window_free);
RULE(rule_ecam_form);
RULE(rule_ecam_free);
RULE(rule_ports_form);
RULE(rule_ports_free);
RULE(rule_iommu_kind);
RULE(rule_iommu_linked);
RULE(rule_virt_linked);
RULE(rule_iommu_count);
RULE(rule_iommu_address);
RULE(rule_iommu_free);
RULE(rule_iommu_function);
RULE(rule_iommu_platform);
RULE(rule_iommu_vendor);
RULE(rule_unsafe_iommu);

/* rules_devices.c: what partitions ask for */
RULE(rule_device_role);
RULE(rule_device_gap);
RULE(rule_device_twice);
RULE(rule_device_owner);
RULE(rule_device_unknown);
RULE(rule_device_vf);
RULE(rule_device_many);
RULE(rule_device_group);
RULE(rule_device_vf_acs);
RULE(rule_device_vf_bus);
RULE(rule_device_needs_owner);
RULE(rule_device_watchdog);
RULE(rule_device_vectors);
RULE(rule_device_interrupt);
RULE(rule_device_reset);
RULE(rule_device_reset_bus);
RULE(rule_restart_never);
RULE(rule_restart_group);
RULE(rule_device_iommu);
RULE(rule_unsafe_release);
RULE(rule_unsafe_linux);
RULE(rule_device_bar_page);
RULE(rule_device_window);
RULE(rule_device_ports);

/* rules_ports.c */
RULE(rule_cable_word);
RULE(rule_port_place);

/* rules_slices.c */
RULE(rule_slice_gap);
RULE(rule_slice_name);
RULE(rule_slice_server);
RULE(rule_slice_client);
RULE(rule_slice_size);
RULE(rule_slice_disk);
RULE(rule_slice_ring);
RULE(rule_slice_room);

/* rules_labels.c: labels and conflicts */
RULE(rule_label_name);
RULE(rule_label_gap);
RULE(rule_label_once);
RULE(rule_conflict_gap);
RULE(rule_conflict_scope);
RULE(rule_conflict_unused);
RULE(rule_conflict_once);
RULE(rule_conflict_one);
RULE(rule_conflict_channel);
RULE(rule_conflict_cache);
RULE(rule_conflict_device);

/* rules_channels.c: channels and cables */
RULE(rule_channel_gap);
RULE(rule_channel_name);
RULE(rule_cable_name);
RULE(rule_channel_unique);
RULE(rule_channel_writer);
RULE(rule_channel_readers);
RULE(rule_channel_readers_gap);
RULE(rule_channel_reader_once);
RULE(rule_channel_self);
RULE(rule_channel_kind);
RULE(rule_channel_size);
RULE(rule_channel_doorbells);
RULE(rule_channel_flood);
RULE(rule_cable_ends);
RULE(rule_cable_self);
RULE(rule_cable_mac);
RULE(rule_cable_mac_unique);

/* rules_tpm.c */
RULE(rule_tpm_board);
RULE(rule_tpm_one);
RULE(rule_tpm_unikernel);

/* rules_blank.c: what is not known of a board */
RULE(rule_blank_release);
RULE(rule_blank_field);
RULE(rule_blank_gap);
RULE(rule_blank_value);
RULE(rule_untested_release);

/* rules_release.c: product and board together */
RULE(rule_release_board);
RULE(rule_release_switches);
RULE(rule_linux_clock);
RULE(rule_data_size);

/* rules_update.c */
RULE(rule_update_version);
RULE(rule_update_oldest);
RULE(rule_update_owner);
RULE(rule_update_observes);
RULE(rule_update_confirm);
RULE(rule_update_restarts);
RULE(rule_update_ends);
RULE(rule_update_staging);
RULE(rule_update_data);
RULE(rule_update_fetch);
RULE(rule_update_linux);

#endif
