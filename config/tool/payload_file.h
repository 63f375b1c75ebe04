/* SPDX-License-Identifier: Apache-2.0 */
/* What the payload makers share: input files, little-endian fields, segments, refusals. Host code. */
#ifndef BULKHEAD_PAYLOAD_FILE_H
#define BULKHEAD_PAYLOAD_FILE_H

#include "payload.h"

struct input {
    const char *path;
    uint8_t *bytes; /* malloc */
    size_t size;
};

/* Where a refusal goes. */
struct why {
    char *text;
    size_t size;
};

/* Write the reason; always -1, so that a caller can return it. */
int refuse(struct why *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

int input_read(struct input *input, const char *path, struct why *why);
void input_free(struct input *input);

/* Put `size` bytes at the end of the payload, page-aligned, to be copied to `gpa`. */
int payload_add(struct payload *payload, const void *bytes, size_t size, uint64_t gpa, struct why *why);

/* RAM of the partition that is contiguous from guest-physical 0. */
uint64_t ram_low_end(const struct partition_spec *spec, const struct board *machine);

static inline uint32_t get16(const uint8_t *at)
{
    return (uint32_t)(at[0] | at[1] << 8);
}

static inline uint32_t get32(const uint8_t *at)
{
    return get16(at) | get16(at + 2) << 16;
}

static inline uint64_t get64(const uint8_t *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

static inline void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void put32(uint8_t *at, uint32_t value)
{
    put16(at, value);
    put16(at + 2, value >> 16);
}

static inline void put64(uint8_t *at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

#endif
