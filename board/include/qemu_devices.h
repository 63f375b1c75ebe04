/* SPDX-License-Identifier: Apache-2.0 */
/* PCI functions of QEMU 7.2, as lspci -vvv shows them: what its boards have in common, but for where they are. The NVMe's virtual functions
 * have one vector when they are switched on; more, which the driver of the physical one can hand out, are not used. */
#ifndef BULKHEAD_QEMU_DEVICES_H
#define BULKHEAD_QEMU_DEVICES_H

#define EDU                                                                                                                        \
    .vendor = 0x1234, .id = 0x11e8, .class_code = 0x00ff00, .bars = {{BAR_MEMORY32, false, 0x100000}}, .msi = true,                \
    .reset = {.kind = RESET_NONE}
#define E1000E                                                                                                                     \
    .vendor = 0x8086, .id = 0x10d3, .class_code = 0x020000,                                                                        \
    .bars = {{BAR_MEMORY32, false, 0x20000},                                                                                       \
             {BAR_MEMORY32, false, 0x20000},                                                                                       \
             {BAR_PORTS, false, 32},                                                                                               \
             {BAR_MEMORY32, false, 0x4000}},                                                                                       \
    .msix = {.vectors = 5, .table_bar = 3, .pba_bar = 3, .table_offset = 0, .pba_offset = 0x2000}, .msi = true
#define NVME                                                                                                                       \
    .vendor = 0x1b36, .id = 0x0010, .class_code = 0x010802, .bars = {{BAR_MEMORY64, false, 0x4000}},                               \
    .msix = {.vectors = 5, .table_bar = 0, .pba_bar = 0, .table_offset = 0x2000, .pba_offset = 0x3000},                            \
    .reset = {.kind = RESET_FLR}, .capacity = 192u << 20,                                                                          \
    .vf = {.total = 4,                                                                                                             \
           .offset = 1,                                                                                                            \
           .stride = 1,                                                                                                            \
           .id = 0x0010,                                                                                                           \
           .bars = {{BAR_MEMORY64, false, 0x4000}},                                                                                \
           .msix = {.vectors = 1, .table_bar = 0, .pba_bar = 0, .table_offset = 0x2000, .pba_offset = 0x3000},                     \
           .reset = RESET_FLR,                                                                                                     \
           .needs_owner = true}
#define ROOT_PORT                                                                                                                  \
    .vendor = 0x1b36, .id = 0x000c, .class_code = 0x060400, .bars = {{BAR_MEMORY32, false, 0x1000}},                               \
    .msix = {.vectors = 1, .table_bar = 0, .pba_bar = 0, .table_offset = 0, .pba_offset = 0x800}
#define AHCI                                                                                                                       \
    .vendor = 0x8086, .id = 0x2922, .class_code = 0x010601,                                                                        \
    .bars = {[4] = {BAR_PORTS, false, 32}, [5] = {BAR_MEMORY32, false, 0x1000}}, .msi = true
#define SMBUS .vendor = 0x8086, .id = 0x2930, .class_code = 0x0c0500, .bars = {[4] = {BAR_PORTS, false, 64}}

#endif
