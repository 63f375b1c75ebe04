/* SPDX-License-Identifier: Apache-2.0 */
/* Running the rules, keeping and printing what they find, and the few readings of a product that rules and planner share. */
#include "check.h"

#include <stdarg.h>
#include <string.h>

#define WHERE_NAME 48 /* of a name that is shown: legal ones have 15 at most */

unsigned product_partitions(const struct product *product)
{
    unsigned n = 0;
    while (n < PRODUCT_MAX_PARTITIONS && product->partitions[n].name)
        n++;
    return n;
}

int product_find(const struct product *product, const char *name)
{
    unsigned n = product_partitions(product);
    for (unsigned i = 0; name && i < n; i++)
        if (strcmp(product->partitions[i].name, name) == 0)
            return (int)i;
    return -1;
}

uint32_t product_tick_hz(const struct product *product)
{
    return product->tick_hz ? product->tick_hz : 50;
}

uint32_t restart_window_ms(const struct partition_spec *spec)
{
    return spec->restart.window_ms ? spec->restart.window_ms : 60000;
}

uint32_t denied_per_second(const struct partition_spec *spec)
{
    return spec->denied.per_second ? spec->denied.per_second : 1000;
}

uint32_t console_bytes_per_second(const struct partition_spec *spec)
{
    return spec->console.bytes_per_second ? spec->console.bytes_per_second : 65536;
}

enum action action_resolve(enum action action, enum action fallback)
{
    return action == ACTION_DEFAULT ? fallback : action;
}

enum action reboot_resolve(const struct partition_spec *spec)
{
    return action_resolve(spec->on_reboot, spec->restart.limit ? ACTION_RESTART : ACTION_STOP);
}

/* Which partition: by its name, and by its index too where the name is empty, cut or not the only one. */
static void write_where(const struct check *check, const struct partition_spec *spec, char *out, size_t size)
{
    unsigned same = 0, index = (unsigned)(spec - check->product->partitions);
    const char *name = spec->name ? spec->name : "";
    EACH_PARTITION(p, check)
    same += strcmp(p->name, name) == 0;
    if (name[0] && same == 1 && strlen(name) <= WHERE_NAME)
        snprintf(out, size, "partition %s", name);
    else
        snprintf(out, size, name[0] ? "partition %.*s (partitions[%u])" : "%.*spartitions[%u]", WHERE_NAME, name, index);
}

struct place list_place(char field[FIELD_ROOM], const char *list, unsigned index, const char *member)
{
    snprintf(field, FIELD_ROOM, "%s[%u].%s", list, index, member);
    return (struct place){"product", 0, field};
}

void found(struct check *check, struct place place, const char *reason, const char *hint, const char *value, ...)
{
    if (check->finding_count == MAX_FINDINGS) {
        check->dropped++;
        return;
    }
    struct finding *f = &check->findings[check->finding_count++];
    snprintf(f->id, sizeof(f->id), "%s", check->rule);
    snprintf(f->file, sizeof(f->file), "%s", place.file);
    f->where[0] = '\0';
    if (place.partition)
        write_where(check, place.partition, f->where, sizeof(f->where));
    snprintf(f->field, sizeof(f->field), "%s", place.field);
    snprintf(f->reason, sizeof(f->reason), "%s", reason);
    snprintf(f->hint, sizeof(f->hint), "%s", hint);
    va_list list;
    va_start(list, value);
    vsnprintf(f->value, sizeof(f->value), value, list);
    va_end(list);
}

bool check_has(const struct check *check, const char *id)
{
    for (unsigned i = 0; i < check->finding_count; i++)
        if (strcmp(check->findings[i].id, id) == 0)
            return true;
    return check->dropped != 0; /* it may be among those that had no room; rules ask so as not to build on what is wrong */
}

bool text_printable(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; c && *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            return false;
    return true;
}

bool text_name(const char *text, size_t max, bool wide)
{
    static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t length = text ? strlen(text) : 0;
    for (size_t i = 0; i < length; i++)
        if (!strchr(set, text[i]) || (text[i] == '_' && !wide))
            return false;
    return length >= 1 && length <= max;
}

uint32_t board_cores(const struct board *board)
{
    return board->core_count < BOARD_MAX_CORES ? board->core_count : BOARD_MAX_CORES;
}

uint32_t board_ranges(const struct board *board)
{
    return board->ram_count < BOARD_MAX_RAM ? board->ram_count : BOARD_MAX_RAM;
}

unsigned check_run(struct check *check)
{
    check->partitions = product_partitions(check->product);
    for (unsigned i = 0; i < rule_count; i++) {
        check->rule = rules[i].id;
        rules[i].run(check);
    }
    check->rule = 0;
    return check->finding_count + check->dropped;
}

/* Values come from tables that may hold anything: what is not printable is shown as \xNN. */
static void print_safe(FILE *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            fprintf(out, "\\x%02x", *c);
        else
            fputc(*c, out);
}

void check_print(const struct check *check, FILE *out, const char *product_file, const char *board_file)
{
    for (unsigned i = 0; i < check->finding_count; i++) {
        const struct finding *f = &check->findings[i];
        const char *file = strcmp(f->file, "product") == 0 ? product_file : strcmp(f->file, "board") == 0 ? board_file : f->file;
        fprintf(out, "%s %s: ", f->id, file);
        if (f->where[0]) {
            print_safe(out, f->where);
            fputs(": ", out);
        }
        fprintf(out, "%s = ", f->field);
        print_safe(out, f->value);
        fputs("\n        reason: ", out);
        print_safe(out, f->reason);
        fputs("\n        hint:   ", out);
        print_safe(out, f->hint);
        fputc('\n', out);
    }
    if (check->dropped)
        fprintf(out, "%u more findings are not shown\n", check->dropped);
    if (check->finding_count)
        fprintf(out, "refused: %u finding%s\n", check->finding_count + check->dropped,
                check->finding_count + check->dropped == 1 ? "" : "s");
}
