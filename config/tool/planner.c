/* SPDX-License-Identifier: Apache-2.0 */
/* The planner: a host program linked with one product and one board. It checks them, and writes the plan, the payloads, the
 * boot menu and the report. Exit status: 0 done, 1 refused or failed, 2 wrong usage. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "payload.h"
#include "plan_emit.h"
#include "plan_layout.h"
#include "report.h"
#include "sha256.h"

struct options {
    bool help, check, rules, release;
    const char *plan, *payloads, *grub, *report;
    const char *product_file, *board_file;
    struct image_files images[PRODUCT_MAX_PARTITIONS];
    bool images_given;
    const char *stray_image, *programs, *iommu, *virt;
};

static const char usage[] =
    "planner: checks a product and its board, and plans where everything goes\n"
    "  --check                          run the rules, print all findings\n"
    "  --rules                          list the rules\n"
    "  --plan FILE --payloads DIR --grub FILE\n"
    "                                   write the plan as C, one payload per partition, the boot menu\n"
    "  --report DIR                     write report.txt, report.html, memory.svg, reach.svg for a reviewer\n"
    "  --image NAME=ELF                 image of a unikernel partition\n"
    "  --kernel NAME=FILE               bzImage or vmlinux of a Linux partition, instead of the one its table names\n"
    "  --initrd NAME=FILE               its initrd, likewise\n"
    "  --files NAME=FILE                archive made from the folder that a unikernel's table names\n"
    "  --programs A,B,...               the programs that have sources: a unikernel with another one is refused\n"
    "  --virt NAME                      the CPU vendor whose code is linked in, svm or vmx: the board must be of it\n"
    "  --iommu NAME                     the IOMMU whose code is linked in, none, amdvi or vtd: the board must have it\n"
    "  --release                        plan a release image: test boards and test switches are refused\n"
    "  --product-file F, --board-file F names to print in findings\n"
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n";

static int wrong_usage(const char *what, const char *argument)
{
    fprintf(stderr, "planner: %s%s%s; see planner --help\n", what, argument ? ": " : "", argument ? argument : "");
    return 2;
}

/* NAME=PATH: a partition's file. An unknown name is kept for the rule that refuses it. */
static int take_image(struct options *options, const char *option, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || !equals[1])
        return wrong_usage("expected NAME=FILE", text);
    options->images_given = true;
    for (unsigned i = 0; i < product_partitions(&product); i++) {
        const char *name = product.partitions[i].name;
        if (strlen(name) != (size_t)(equals - text) || memcmp(name, text, strlen(name)) != 0)
            continue;
        struct image_files *files = &options->images[i];
        const char **slot = !strcmp(option, "--image")    ? &files->elf
                            : !strcmp(option, "--kernel") ? &files->kernel
                            : !strcmp(option, "--files")  ? &files->files
                                                          : &files->initrd;
        *slot = equals + 1;
        return 0;
    }
    options->stray_image = text;
    return 0;
}

static int take_option(struct options *options, const char *option, const char *value)
{
    const struct {
        const char *name;
        const char **slot;
    } paths[] = {{"--plan", &options->plan},
                 {"--payloads", &options->payloads},
                 {"--grub", &options->grub},
                 {"--report", &options->report},
                 {"--product-file", &options->product_file},
                 {"--board-file", &options->board_file},
                 {"--programs", &options->programs},
                 {"--iommu", &options->iommu},
                 {"--virt", &options->virt}};
    for (unsigned i = 0; i < ARRAY_SIZE(paths); i++)
        if (!strcmp(option, paths[i].name)) {
            *paths[i].slot = value;
            return 0;
        }
    if (!strcmp(option, "--image") || !strcmp(option, "--kernel") || !strcmp(option, "--initrd") || !strcmp(option, "--files"))
        return take_image(options, option, value);
    return wrong_usage("unknown option", option);
}

static int parse(int argc, char **argv, struct options *options)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--help", &options->help}, {"--check", &options->check}, {"--rules", &options->rules}, {"--release", &options->release}};
    for (int i = 1; i < argc; i++) {
        bool matched = false;
        for (unsigned f = 0; f < ARRAY_SIZE(flags) && !matched; f++)
            if ((matched = !strcmp(argv[i], flags[f].name)))
                *flags[f].flag = true;
        if (matched)
            continue;
        if (i + 1 == argc)
            return wrong_usage("unknown option or value missing", argv[i]);
        int status = take_option(options, argv[i], argv[i + 1]);
        if (status)
            return status;
        i++;
    }
    if ((options->plan || options->payloads || options->grub) && !(options->plan && options->payloads && options->grub))
        return wrong_usage("--plan, --payloads and --grub belong together", 0);
    if (options->plan)
        options->images_given = true;
    if (!options->help && !options->check && !options->rules && !options->plan && !options->report)
        return wrong_usage("nothing to do", 0);
    return 0;
}

/* A path in a product table is relative to the folder of its product.c. */
static const char *beside_product(const char *product_file, const char *path)
{
    const char *slash = strrchr(product_file, '/');
    if (!path || !path[0] || path[0] == '/' || !slash)
        return path;
    size_t size = (size_t)(slash - product_file) + 1 + strlen(path) + 1;
    char *joined = malloc(size); /* lives as long as the program */
    if (!joined)
        return path;
    snprintf(joined, size, "%.*s/%s", (int)(slash - product_file), product_file, path);
    return joined;
}

static void default_images(struct options *options)
{
    for (unsigned i = 0; i < product_partitions(&product); i++) {
        struct image_files *files = &options->images[i];
        const struct partition_spec *spec = &product.partitions[i];
        if (!files->kernel)
            files->kernel = beside_product(options->product_file, spec->kernel);
        if (!files->initrd)
            files->initrd = beside_product(options->product_file, spec->initrd);
        if (!files->files)
            files->files = beside_product(options->product_file, spec->files);
    }
}

/* A development image may be made for a board that is not all known: to look the rest up with it. */
static void say_blanks(void)
{
    for (unsigned i = 0; i < BOARD_MAX_BLANKS && board.blanks[i].field; i++)
        fprintf(stderr, "board %s: %s is not known%s%s\n", board.name, board.blanks[i].field, board.blanks[i].how ? ": " : "",
                board.blanks[i].how ? board.blanks[i].how : "");
    if (board.untested)
        fprintf(stderr, "board %s: made from documents, nothing has run on it yet\n", board.name);
}

static bool refused(const struct check *check, const struct options *options)
{
    check_print(check, stderr, options->product_file, options->board_file);
    return check->finding_count != 0;
}

/* Make all payloads; what cannot be made becomes a finding. Returns their size in pages' worth of bytes. */
static uint64_t make_payloads(struct check *check, const struct options *options, struct planned_payload *payloads)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < check->partitions; i++) {
        const struct partition_spec *spec = &product.partitions[i];
        const struct image_files *files = &options->images[i];
        struct payload *payload = &payloads[i].payload;
        char why[FINDING_TEXT] = "";
        int status = spec->kind == IMAGE_UNIKERNEL
                         ? payload_unikernel(files->elf, spec, &board, payload, why, sizeof(why))
                         : payload_linux(files->kernel, files->initrd, &product, spec, &board, payload, why, sizeof(why));
        if (!status && spec->kind == IMAGE_UNIKERNEL && files->files)
            status = payload_files(files->files, spec, &board, payload, why, sizeof(why));
        if (status) {
            check_payload(check, spec, spec->kind == IMAGE_UNIKERNEL ? files->elf : files->kernel, why);
            continue;
        }
        struct sha256 hash;
        sha256_init(&hash);
        sha256_update(&hash, payload->bytes, payload->size);
        sha256_final(&hash, payloads[i].sha256);
        sum += (payload->size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    }
    return sum;
}

static FILE *open_output(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        fprintf(stderr, "planner: %s: %s\n", path, strerror(errno));
    return file;
}

static int close_output(FILE *file, const char *path)
{
    bool bad = ferror(file) != 0;
    if (fclose(file) != 0 || bad) {
        fprintf(stderr, "planner: %s: could not be written\n", path);
        return 1;
    }
    return 0;
}

static int write_payload(const char *folder, const char *name, const struct payload *payload)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof(path), "%s/%s.img", folder, name) >= sizeof(path))
        return wrong_usage("path too long", folder);
    FILE *file = open_output(path);
    if (!file)
        return 1;
    fwrite(payload->bytes, 1, payload->size, file);
    return close_output(file, path);
}

static int write_plan(const struct options *options, const struct layout *layout, const struct planned_payload *payloads)
{
    for (uint32_t i = 0; i < layout->partition_count; i++)
        if (write_payload(options->payloads, product.partitions[i].name, &payloads[i].payload))
            return 1;
    FILE *plan = open_output(options->plan);
    if (!plan)
        return 1;
    plan_emit(plan, &product, &board, layout, payloads, options->release);
    if (close_output(plan, options->plan))
        return 1;
    FILE *grub = open_output(options->grub);
    if (!grub)
        return 1;
    grub_emit(grub, &product, &board);
    return close_output(grub, options->grub);
}

/* The rules have accepted the tables, so that the layout cannot fail here. */
static void make_layout(struct layout *layout, uint64_t payload_bytes)
{
    if (!layout_cores(&product, &board, layout) || !layout_hypervisor(&product, &board, payload_bytes, layout) ||
        layout_memory(&product, &board, layout) != 0) {
        fprintf(stderr, "planner: no layout for tables that all rules accept: this is a defect of the planner\n");
        exit(1);
    }
}

static int plan_and_report(struct check *check, const struct options *options)
{
    static struct planned_payload payloads[PRODUCT_MAX_PARTITIONS];
    static struct layout layout;
    if (options->images_given) {
        check->payload_bytes = make_payloads(check, options, payloads);
        if (!check->finding_count)
            check_run(check);
        if (refused(check, options))
            return 1;
    }
    make_layout(&layout, check->payload_bytes);
    int status = options->plan ? write_plan(options, &layout, payloads) : 0;
    if (!status && options->report)
        status = report_write(options->report,
                              &(struct report){&product, &board, &layout, options->images_given ? payloads : 0, options->release});
    for (unsigned i = 0; i < check->partitions; i++)
        payload_free(&payloads[i].payload);
    return status;
}

static void print_rules(void)
{
    for (unsigned i = 0; i < rule_count; i++)
        printf("%s %s\n", rules[i].id, rules[i].meaning);
}

int main(int argc, char **argv)
{
    static struct options options = {.product_file = "product.c", .board_file = "board.c"};
    static struct check check;
    int status = parse(argc, argv, &options);
    if (status)
        return status;
    if (options.help)
        return fputs(usage, stdout) < 0;
    if (options.rules) {
        print_rules();
        return 0;
    }
    default_images(&options);
    check.product = &product;
    check.board = &board;
    check.release = options.release;
    check.images = options.images;
    check.images_made = options.images_given;
    check.stray_image = options.stray_image;
    check.programs = options.programs;
    check.iommu = options.iommu;
    check.virt = options.virt;
    check_run(&check);
    if (refused(&check, &options))
        return 1;
    if (options.plan || options.report || options.images_given)
        status = plan_and_report(&check, &options);
    if (options.check)
        say_blanks();
    if (options.check && !status)
        printf("product %s on board %s: %u rules, no findings\n", product.name, board.name, rule_count);
    return status;
}
