/* SPDX-License-Identifier: Apache-2.0 */
/* The machine of qemu-q35-vtd with a screen and without a UART that we know of. */
#define BOARD_NAME "qemu-q35-screen"
#define BOARD_FIRMWARE ", screen"
#define BOARD_LOAD 0
#define BOARD_UART                                                                                                                 \
    {                                                                                                                              \
        0                                                                                                                          \
    }
#define BOARD_DISPLAY                                                                                                              \
    {.device = 0x01,                                                                                                               \
     .vendor = 0x1234,                                                                                                             \
     .id = 0x1111,                                                                                                                 \
     .class_code = 0x030000,                                                                                                       \
     .bars = {{BAR_MEMORY32, true, 0x1000000}, [2] = {BAR_MEMORY32, false, 0x1000}}},
#define BOARD_FUNCTIONS 12
#include "../qemu-q35-vtd/board.c"
