/* SPDX-License-Identifier: Apache-2.0 */
/* Updates from Linux: of a disk that it owns, or by way of the slice that bundles come in. */
#define _GNU_SOURCE
#include "bhupdate.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"

static const char usage[] =
    "bhupdate --disk DEVICE [--trust FILE] BUNDLE      write it into the slot that has not started; the next start takes it\n"
    "bhupdate --disk DEVICE [--trust FILE] --started   for each start: what was confirmed once stays so; says what runs\n"
    "bhupdate --disk DEVICE [--trust FILE] --confirm   what runs works: it stays the one that starts\n"
    "bhupdate --disk DEVICE --status                   what GRUB's block says of both slots\n"
    "bhupdate --staging DEVICE [--timeout SECONDS] BUNDLE   hand it to the owner of the disk, wait for its answer (300)\n"
    "bhupdate --staging DEVICE --status                     the last request and its answer\n"
    "\n"
    "DEVICE is a disk, or a file that stands for one; BUNDLE is what make update-bundle leaves, a file or a disk;\n"
    "FILE (/etc/update.trust) is update.trust of the version that runs. Ctrl-C is as good as a power cut: what ran\n"
    "starts again. Status 0: done; 1: refused or failed, and standard error says why; 2: wrong words.\n";

int refuse(const char *what, const char *why)
{
    fprintf(stderr, "bhupdate: %s%s%s\n", what, *what ? ": " : "", why);
    return REFUSED;
}

void *chunk_take(void)
{
    void *memory = aligned_alloc(4096, CHUNK);

    if (!memory)
        exit(refuse("", "there is no memory"));
    return memory;
}

static int wrong_words(const char *why)
{
    fprintf(stderr, "bhupdate: %s\n%s", why, usage);
    return USAGE;
}

static bool seconds_read(const char *text, unsigned *seconds)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    *seconds = (unsigned)value;
    return *text >= '0' && *text <= '9' && *end == 0 && value <= 86400;
}

static const char *options_read(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {{"disk", 1, 0, 'd'},    {"staging", 1, 0, 's'}, {"trust", 1, 0, 't'},
                                          {"timeout", 1, 0, 'w'}, {"status", 0, 0, 'q'},  {"started", 0, 0, 'b'},
                                          {"confirm", 0, 0, 'c'}, {"help", 0, 0, 'h'},    {0, 0, 0, 0}};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", known, 0)) != -1) {
        if (option == 'd')
            options->disk = optarg;
        else if (option == 's')
            options->staging = optarg;
        else if (option == 't')
            options->trust = optarg;
        else if (option == 'w' && seconds_read(optarg, &options->timeout))
            continue;
        else if (option == 'q')
            options->status = true;
        else if (option == 'b')
            options->started = true;
        else if (option == 'c')
            options->confirm = true;
        else if (option == 'h')
            exit(fputs(usage, stdout) < 0);
        else
            return option == 'w'   ? "--timeout wants seconds, 86400 at most"
                   : option == ':' ? "a word is missing"
                                   : "an option is not known";
    }
    options->bundle = optind < argc ? argv[optind] : 0;
    if (argc - optind > 1)
        return "one bundle at a time";
    if (!options->disk == !options->staging)
        return "give --disk or --staging";
    if ((options->bundle != 0) + options->status + options->started + options->confirm != 1)
        return "give a bundle, --status, --started or --confirm";
    return options->staging && (options->started || options->confirm) ? "what runs is confirmed by the owner of the disk" : 0;
}

int main(int argc, char **argv)
{
    struct options options = {.trust = "/etc/update.trust", .timeout = 300};
    const char *wrong = options_read(&options, argc, argv);

    if (wrong)
        return wrong_words(wrong);
    setvbuf(stdout, 0, _IOLBF, 0);
    if (options.staging)
        return options.status ? staging_status(&options) : staging_update(&options);
    return options.status    ? disk_status(&options)
           : options.started ? disk_started(&options)
           : options.confirm ? disk_confirm(&options)
                             : disk_update(&options);
}
