/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot2 information (Multiboot2 3.6) to a checked struct. Each length is compared with what is left before it is used. */
#include "bootinfo.h"

#include "memory.h"

#define TAG_END 0u
#define TAG_MODULE 3u
#define TAG_MEMORY_MAP 6u
#define TAG_FRAME 8u
#define TAG_RSDP_OLD 14u
#define TAG_RSDP_NEW 15u
#define FRAME_SIZE 22u
#define FRAME_DIRECT 1u /* pixels are colours, not indices */
#define TAG_HEADER 8u
#define RSDP_OLD_SIZE 20u
#define MAP_ENTRY 24u
#define TAGS_MAX 256u
#define INFO_MAX MIB(1)

struct tag {
    uint32_t type, size; /* of the body */
    const uint8_t *body;
};

/* A NUL-terminated string of at most `size` bytes, into `room`. */
static bool text_copy(char *out, size_t room, const uint8_t *text, uint32_t size)
{
    for (uint32_t i = 0; i < size && i < room; i++) {
        out[i] = (char)text[i];
        if (text[i] == 0)
            return true;
    }
    out[0] = 0;
    return false;
}

static const char *parse_module(const struct tag *tag, struct boot_info *out)
{
    struct boot_module *module = &out->modules[out->module_count];
    uint32_t start, end;

    if (out->module_count == BOOT_MAX_MODULES)
        return "BOOT-4: boot information: more than 20 modules";
    if (tag->size < 8)
        return "BOOT-4: boot information: module tag too short";
    start = read32(tag->body);
    end = read32(tag->body + 4);
    if (end <= start)
        return "BOOT-4: boot information: module without bytes";
    if (!text_copy(module->name, sizeof(module->name), tag->body + 8, tag->size - 8))
        return "BOOT-4: boot information: module name not terminated or longer than 63 bytes";
    module->base = start;
    module->size = end - start;
    for (uint32_t i = 0; i < out->module_count; i++)
        if (range_overlap(module->base, module->size, out->modules[i].base, out->modules[i].size))
            return "BOOT-4: boot information: modules overlap";
    out->module_count++;
    return 0;
}

static const char *parse_memory_map(const struct tag *tag, struct boot_info *out)
{
    uint32_t step, left;
    const uint8_t *entry = tag->body + 8;

    if (out->range_count != 0)
        return "BOOT-4: boot information: two memory maps";
    if (tag->size < 8 || (step = read32(tag->body)) < MAP_ENTRY || step % 8 != 0)
        return "BOOT-4: boot information: memory map entries too short";
    for (left = tag->size - 8; left >= step; left -= step, entry += step) {
        struct boot_range range = {read64(entry), read64(entry + 8), read32(entry + 16)};

        if (range.size == 0)
            continue;
        if (range.base + range.size < range.base)
            return "BOOT-4: boot information: memory range wraps";
        if (out->range_count == BOOT_MAX_RANGES)
            return "BOOT-4: boot information: more than 64 memory ranges";
        out->ranges[out->range_count++] = range;
    }
    return left == 0 ? 0 : "BOOT-4: boot information: memory map is not a whole number of entries";
}

/* The newer RSDP wins, whatever the order of the tags. */
static const char *parse_rsdp(const struct tag *tag, struct boot_info *out, uint32_t least)
{
    uint32_t size = tag->size < sizeof(out->rsdp) ? tag->size : (uint32_t)sizeof(out->rsdp);

    if (size < least)
        return "BOOT-4: boot information: RSDP too short";
    if (size > out->rsdp_size) {
        memcpy(out->rsdp, tag->body, size);
        out->rsdp_size = size;
    }
    return 0;
}

/* Multiboot2 3.6.12 */
static const char *parse_frame(const struct tag *tag, struct boot_info *out)
{
    if (tag->size < FRAME_SIZE)
        return "BOOT-4: boot information: framebuffer tag too short";
    if (tag->body[21] == FRAME_DIRECT)
        out->frame = (struct boot_frame){read64(tag->body), read32(tag->body + 8), read32(tag->body + 12), read32(tag->body + 16),
                                         tag->body[20]};
    return 0;
}

static const char *parse_tag(const struct tag *tag, struct boot_info *out)
{
    switch (tag->type) {
    case TAG_MODULE:
        return parse_module(tag, out);
    case TAG_MEMORY_MAP:
        return parse_memory_map(tag, out);
    case TAG_FRAME:
        return parse_frame(tag, out);
    case TAG_RSDP_OLD:
        return parse_rsdp(tag, out, RSDP_OLD_SIZE);
    case TAG_RSDP_NEW:
        return parse_rsdp(tag, out, sizeof(out->rsdp));
    default:
        return 0;
    }
}

const char *bootinfo_parse(const void *info, size_t size, struct boot_info *out)
{
    const uint8_t *bytes = info;
    const char *why;
    uint32_t total, at = 8;

    memset(out, 0, sizeof(*out));
    if (size < 16 || (total = read32(bytes)) > size || total < 16 || total > INFO_MAX)
        return "BOOT-4: boot information: its size is impossible";
    for (unsigned count = 0; count < TAGS_MAX; count++) {
        struct tag tag;

        if (total - at < TAG_HEADER)
            return "BOOT-4: boot information: no end tag";
        tag = (struct tag){read32(bytes + at), read32(bytes + at + 4), bytes + at + TAG_HEADER};
        if (tag.size < TAG_HEADER || tag.size > total - at)
            return "BOOT-4: boot information: a tag's length is impossible";
        if (tag.type == TAG_END)
            return out->range_count ? 0 : "BOOT-4: boot information: no memory map";
        at += tag.size;
        tag.size -= TAG_HEADER;
        if ((why = parse_tag(&tag, out)) != 0)
            return why;
        at = (at + 7) & ~7u; /* tags start at multiples of 8; may pass the end by up to 7 */
        if (at > total)
            return "BOOT-4: boot information: no end tag";
    }
    return "BOOT-4: boot information: more than 256 tags";
}
