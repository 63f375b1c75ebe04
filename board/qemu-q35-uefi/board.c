/* SPDX-License-Identifier: Apache-2.0 */
/* The machine of qemu-q35-vtd started by a UEFI firmware, Debian's OVMF. It keeps memory between 8 and 9 MiB for itself, so that nothing
 * of ours goes below 16 MiB; else the facts are the same. */
#define BOARD_NAME "qemu-q35-uefi"
#define BOARD_FIRMWARE ", UEFI"
#define BOARD_LOAD 0x1000000
#define BOARD_UART                                                                                                                 \
    {                                                                                                                              \
        .port = 0x3f8, .gsi = 4, .baud = 115200                                                                                    \
    }
#define BOARD_DISPLAY
#define BOARD_FUNCTIONS 11
#include "../qemu-q35-vtd/board.c"
