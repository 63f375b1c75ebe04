/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of what a table says about images. The files themselves: rules_file.c. */
#include <string.h>

#include "bulkhead_abi.h"
#include "rules.h"

void rule_unikernel_files(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->kind == IMAGE_UNIKERNEL && (p->kernel || p->initrd || p->unpacked))
        found(check,
              (struct place){"product", p,
                             p->kernel   ? "kernel"
                             : p->initrd ? "initrd"
                                         : "unpacked"},
              "a unikernel is built from its program", "remove it, or set .kind = IMAGE_LINUX", "%s",
              p->kernel   ? p->kernel
              : p->initrd ? p->initrd
                          : "true");
}

void rule_linux_program(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->kind == IMAGE_LINUX && p->program)
        found(check, (struct place){"product", p, "program"}, "a Linux is not built from a program of partitions/",
              "put it into the initrd, or set .kind = IMAGE_UNIKERNEL", "%s", p->program);
}

void rule_linux_files(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->kind == IMAGE_LINUX && p->files)
        found(check, (struct place){"product", p, "files"}, "a Linux finds its files in its initrd, nowhere else",
              "put them into the initrd, or set .kind = IMAGE_UNIKERNEL", "%s", p->files);
}

void rule_program_name(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->kind == IMAGE_UNIKERNEL && p->program && !text_name(p->program, 31, true))
        found(check, (struct place){"product", p, "program"}, "it names a folder under partitions/, of the product or of the tree",
              "use 1 to 31 of a-z, 0-9, '-' and '_', no path", "%s", p->program);
}

void rule_unikernel_args(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->kind == IMAGE_UNIKERNEL && p->args && strlen(p->args) >= BH_ARGS_MAX)
        found(check, (struct place){"product", p, "args"}, "the start information holds 1,023 bytes of arguments",
              "shorten them, or compile the data into the program", "%zu bytes", strlen(p->args));
}

void rule_linux_args(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->kind == IMAGE_LINUX && p->args && strlen(p->args) + LINUX_TSC_ROOM >= LINUX_COMMAND_MAX)
        found(check, (struct place){"product", p, "args"},
              "Linux takes 2,047 bytes, and the hypervisor appends the TSC's speed to them",
              "shorten the command line to 2,015 bytes", "%zu bytes", strlen(p->args));
}

void rule_args_printable(struct check *check)
{
    EACH_PARTITION(p, check)
    if (!text_printable(p->args))
        found(check, (struct place){"product", p, "args"},
              "words are separated by spaces; other control characters have no meaning here", "use printable ASCII", "%s", p->args);
}

void rule_args_reserved(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->kind == IMAGE_LINUX && p->args && strstr(p->args, "tsc_early_khz="))
        found(check, (struct place){"product", p, "args"}, "the hypervisor measures the TSC and appends this word at each start",
              "remove tsc_early_khz=", "%s", p->args);
}

/* True if the list, with commas between its words, has this one. */
static bool list_has(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : 0)
        if (strncmp(at, word, length) == 0 && (at[length] == ',' || !at[length]))
            return true;
    return false;
}

void rule_program_sources(struct check *check)
{
    char hint[FINDING_TEXT];
    if (!check->programs)
        return;
    snprintf(hint, sizeof(hint), "put a .c file into this folder of the product's partitions/, or use one of %s", check->programs);
    EACH_PARTITION(p, check)
    {
        const char *program = p->program ? p->program : p->name;
        if (p->kind == IMAGE_UNIKERNEL && text_name(program, 31, true) && !list_has(check->programs, program))
            found(check, (struct place){"product", p, "program"},
                  "no folder of this name has sources, neither in partitions/ of the product nor in the tree's", hint, "%s%s",
                  program, p->program ? "" : ", the partition's name");
    }
}

void rule_path_empty(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        bool linux_own = p->kind == IMAGE_LINUX, kernel = linux_own && p->kernel && !p->kernel[0];
        bool files = p->kind == IMAGE_UNIKERNEL && p->files && !p->files[0];
        if (kernel || files || (linux_own && p->initrd && !p->initrd[0]))
            found(check,
                  (struct place){"product", p,
                                 kernel  ? "kernel"
                                 : files ? "files"
                                         : "initrd"},
                  "an empty text is not a path; leaving the field out means the tree's own, or none of these files",
                  "name a file, or remove the field", "\"\"");
    }
}
