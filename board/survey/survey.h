/* SPDX-License-Identifier: Apache-2.0 */
/* The board survey: what a machine says of itself, as a table of features and as a board table. It is in no product's image: one program
 * boots by itself (image.c), the other runs under any Linux (linux.c), and all between machine and output is the same. */
#ifndef BULKHEAD_SURVEY_H
#define BULKHEAD_SURVEY_H

#include <stdarg.h>

#include "board.h"
#include "bootinfo.h"
#include "types.h"

#define SURVEY_FEATURES 24u
#define SURVEY_TEXT 64u
#define SURVEY_ROLE 16u

/* A row of the table. */
struct feature {
    const char *name;
    char found[SURVEY_TEXT];
    const char *needed;
    const char *consequence; /* of what was found; empty: none */
};

struct survey {
    struct board board; /* as far as it was found out */
    uint32_t blank_count;
    struct feature features[SURVEY_FEATURES];
    uint32_t feature_count;
    struct boot_range map[BOOT_MAX_RANGES]; /* the firmware's memory map */
    uint32_t map_count;
    struct acpi_info acpi;
    uint32_t function_total; /* that answer; the board holds BOARD_MAX_FUNCTIONS */
    char roles[BOARD_MAX_FUNCTIONS][SURVEY_ROLE];
    bool kept[BOARD_MAX_FUNCTIONS]; /* the firmware reserves memory for this function: nobody can get it */
    bool remaps_interrupts;
    bool emulated; /* by an emulator that says so */
};

/* --- asked of the machine; image.c and linux.c each have their own. boot_physical() of bootinfo.h is the fifth -------------------- */

/* Configuration space; what is not there reads as ones. */
uint32_t survey_pci_read(uint16_t requester, unsigned offset, unsigned size);
/* Sizes and kinds of `count` BARs from offset `at` on, of one function or of one of its virtual functions. */
void survey_pci_bars(uint16_t requester, unsigned at, unsigned count, struct board_bar *bars);
/* Switch all virtual functions of a function on, so that survey_pci_read() reaches the first; false: that is not possible, or not wanted. */
bool survey_vfs_on(uint16_t requester, unsigned capability, unsigned total);
void survey_vfs_off(uint16_t requester, unsigned capability);
/* False: it cannot be read. Only what CPUID says is there. */
bool survey_msr(uint32_t msr, uint64_t *value);
uint8_t survey_port(uint16_t port);
/* Pins of the IO-APIC there; 0: not known. */
uint32_t survey_ioapic_pins(uint64_t base);
void survey_put(char c);

/* --- steps, in this order ---------------------------------------------------------------------------------------------------------- */

/* acpi, map and map_count are filled in; 0 in all else. */
void survey_cpu(struct survey *s);
void survey_tables(struct survey *s, const uint8_t *rsdp);
void survey_functions(struct survey *s);
void survey_spaces(struct survey *s);
void survey_print(const struct survey *s, const char *source);

/* --- tables.c ---------------------------------------------------------------------------------------------------------------------- */

/* Where configuration space is in memory, and its last bus; 0: there is none. */
uint64_t survey_ecam(const uint8_t *rsdp, uint8_t *last_bus);
/* The firmware reserves memory for DMA of this function (RMRR, IVMD). */
bool survey_firmware_keeps(const struct survey *s, uint16_t requester);

/* --- cpu.c ------------------------------------------------------------------------------------------------------------------------- */

/* A row more; `format` as text_format()'s. */
void feature(struct survey *s, const char *name, const char *needed, const char *consequence, const char *format, ...);
/* A fact that could not be found out. */
void blank(struct survey *s, const char *field, const char *how);

/* --- pci.c ------------------------------------------------------------------------------------------------------------------------- */

/* What kind of function it is, for people. */
const char *survey_class(const struct board_function *f);

/* --- text.c ------------------------------------------------------------------------------------------------------------------------ */

/* %s %-20s %u %x %04x %lx %%: enough for the survey. Returns the length it has; cut off where there is no room, always terminated. */
size_t text_format(char *out, size_t room, const char *format, ...);
size_t text_list(char *out, size_t room, const char *format, va_list list);
/* To survey_put(); what is printed between text_sum_begin() and text_sum() is summed up as zlib's crc32() does. */
void say(const char *format, ...);
void text_sum_begin(void);
uint32_t text_sum(void);

#endif
