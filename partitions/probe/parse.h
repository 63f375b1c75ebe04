/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is typed into probe: hexadecimal numbers and bytes. Pure. */
#ifndef PROBE_PARSE_H
#define PROBE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole word as a hexadecimal number, "0x" allowed. False: empty, other characters, or more than 64 bits. */
bool parse_hex(const char *word, uint64_t *value);
/* A width in bits, decimal: 8, 16, 32, 64. */
bool parse_width(const char *word, unsigned *width);
/* A PCI function, hexadecimal: "2.0" is device 2, function 0 of bus 0; "1:2.0" the same of bus 1. As bus << 8 | device << 3 | function. */
bool parse_function(const char *word, uint64_t *bdf);
/* Pairs of hexadecimal digits. False: odd, other characters, none, or more than `max` bytes. */
bool parse_bytes(const char *word, uint8_t *bytes, size_t max, size_t *count);

#endif
