/* SPDX-License-Identifier: Apache-2.0 */
/* A bench tool for trying the walls by hand: reads and writes memory, ports, MSRs, control registers, makes hypercalls and
 * runs machine code at privilege level 0. Answers `= 0x...`, `fault #GP(0) at ...` or `error: ...`. Type help. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bh.h"
#include "bh_mmio.h"
#include "bh_pci.h"
#include "cpu.h"
#include "edu.h"
#include "lib.h"
#include "parse.h"

#define MAX_WORDS 8
#define MAX_CODE 128u

/* One request: filled by the parser, carried out under bh_try(), answered from results. */
static struct request {
    const char *verb;
    unsigned width, numbers;
    uint64_t number[4];
    uint8_t code[MAX_CODE + 1] __attribute__((aligned(256)));
    size_t code_length;
    uint64_t result[4];
    unsigned results;
    const char *refused; /* why there is no answer */
} r;

static void answer1(uint64_t value)
{
    r.result[0] = value;
    r.results = 1;
}

/* Guest-physical, wherever it is; an access that crosses into the next page finds it mapped too. */
static volatile void *at(uint64_t gpa)
{
    bh_window(1, gpa + 4096, BH_READ | BH_WRITE);
    return bh_window(0, gpa, BH_READ | BH_WRITE);
}

static void do_peek(void)
{
    volatile void *p = at(r.number[0]);

    answer1(r.width == 8    ? *(volatile uint8_t *)p
            : r.width == 16 ? *(volatile uint16_t *)p
            : r.width == 32 ? *(volatile uint32_t *)p
                            : *(volatile uint64_t *)p);
}

static void do_poke(void)
{
    volatile void *p = at(r.number[0]);

    if (r.width == 8)
        *(volatile uint8_t *)p = (uint8_t)r.number[1];
    else if (r.width == 16)
        *(volatile uint16_t *)p = (uint16_t)r.number[1];
    else if (r.width == 32)
        *(volatile uint32_t *)p = (uint32_t)r.number[1];
    else
        *(volatile uint64_t *)p = r.number[1];
    answer1(r.number[1]);
}

static void do_in(void)
{
    uint16_t port = (uint16_t)r.number[0];

    answer1(r.width == 8 ? cpu_in8(port) : r.width == 16 ? cpu_in16(port) : cpu_in32(port));
}

static void do_out(void)
{
    uint16_t port = (uint16_t)r.number[0];

    if (r.width == 8)
        cpu_out8(port, (uint8_t)r.number[1]);
    else if (r.width == 16)
        cpu_out16(port, (uint16_t)r.number[1]);
    else
        cpu_out32(port, (uint32_t)r.number[1]);
    answer1(r.number[1]);
}

static void do_rdmsr(void)
{
    answer1(cpu_rdmsr((uint32_t)r.number[0]));
}

static void do_wrmsr(void)
{
    cpu_wrmsr((uint32_t)r.number[0], r.number[1]);
    answer1(r.number[1]);
}

static void do_cpuid(void)
{
    uint32_t out[4];

    cpu_cpuid((uint32_t)r.number[0], r.numbers > 1 ? (uint32_t)r.number[1] : 0, out);
    for (unsigned i = 0; i < 4; i++)
        r.result[i] = out[i];
    r.results = 4;
}

static void do_cr(void)
{
    static uint64_t (*const get[9])(void) = {cpu_cr0, 0, cpu_cr2, cpu_cr3, cpu_cr4, 0, 0, 0, cpu_cr8};
    static void (*const set[9])(uint64_t) = {cpu_set_cr0, 0, cpu_set_cr2, cpu_set_cr3, cpu_set_cr4, 0, 0, 0, cpu_set_cr8};
    unsigned n = r.number[0] < 9 ? (unsigned)r.number[0] : 1;

    if (!get[n])
        return;
    if (r.numbers > 1)
        set[n](r.number[1]);
    answer1(get[n]());
}

/* The code runs as a function that may change any register but RSP; RAX at its RET is the answer. */
static void do_exec(void)
{
    uint64_t code = (uintptr_t)bh_window(2, (uintptr_t)r.code, BH_EXECUTE), rax = 0;

    __asm__ volatile("push %%rbp\n\tpush %%rbx\n\tcall *%1\n\tcld\n\tpop %%rbx\n\tpop %%rbp"
                     : "+a"(rax), "+c"(code)
                     :
                     : "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    answer1(rax);
}

static void do_call(void)
{
    answer1(
        bh_call(r.number[0], r.numbers > 1 ? r.number[1] : 0, r.numbers > 2 ? r.number[2] : 0, r.numbers > 3 ? r.number[3] : 0));
}

static void do_sti(void)
{
    cpu_sti();
    answer1(cpu_flags());
}

static void do_cli(void)
{
    cpu_cli();
    answer1(cpu_flags());
}

/* As the flag stands: after cli the hypervisor's next kick of this core ends it (docs/CAVEATS.md), no interrupt of ours does. */
static void do_hlt(void)
{
    __asm__ volatile("hlt" ::: "memory");
    answer1(cpu_flags());
}

/* --- PCI ----------------------------------------------------------------------------------------------------------------------- */

static uint16_t chosen = BH_PCI_BDF(1, 0); /* by the last cfg */

static void do_cfg(void)
{
    chosen = (uint16_t)r.number[0];
    if (r.numbers > 2)
        bh_pci_write(chosen, (unsigned)r.number[1], r.width / 8, (uint32_t)r.number[2]);
    answer1(bh_pci_read(chosen, (unsigned)r.number[1], r.width / 8));
}

static void do_bar(void)
{
    struct bh_pci pci = {.bdf = chosen};
    uint64_t size = 0;
    struct bh_bar bar;

    if (!bh_pci_bar(&pci, (unsigned)r.number[0], &bar) || r.number[1] > bar.size - 4) {
        r.refused = "no such BAR of the function that cfg named last, or not so long";
        return;
    }
    if (bar.ports) {
        uint16_t port = (uint16_t)(bar.address + r.number[1]);
        if (r.numbers > 2)
            cpu_out32(port, (uint32_t)r.number[2]);
        answer1(cpu_in32(port));
        return;
    }
    volatile uint8_t *at = bh_pci_map(&pci, (unsigned)r.number[0], &size);
    if (!at) {
        r.refused = "it cannot be mapped";
        return;
    }
    if (r.numbers > 2)
        bh_mmio_write32(at + r.number[1], (uint32_t)r.number[2]);
    answer1(bh_mmio_read32(at + r.number[1]));
}

/* By way of the device's buffer, which holds a pattern before: what DMA did not bring shows it, or zeros where QEMU's device was refused. */
static void do_dma(void)
{
    static struct bh_pci pci;
    static struct edu edu;
    static uint8_t ours[EDU_BUFFER + 1] __attribute__((aligned(4096)));
    uint64_t address = r.number[0];
    unsigned length = (unsigned)r.number[1];

    if (r.number[1] == 0 || r.number[1] > EDU_BUFFER)
        r.refused = "the length is 1 to fff";
    else if (pci.vendor == 0 && !bh_pci_find(EDU_VENDOR, EDU_ID, 0, &pci))
        r.refused = "no edu device";
    else if (!edu.registers)
        r.refused = edu_open(&edu, &pci, bh_core());
    memset(ours, r.numbers > 2 ? (int)r.number[2] : 0xa5, sizeof(ours));
    if (!r.refused)
        r.refused = edu_copy(&edu, EDU_FROM_MEMORY, bh_dma_address(ours), 0, length);
    if (!r.refused && r.numbers > 2)
        r.refused = edu_copy(&edu, EDU_TO_MEMORY, address, 0, length);
    if (!r.refused)
        r.refused = edu_copy(&edu, EDU_FROM_MEMORY, address, 0, length);
    memset(ours, 0, sizeof(ours));
    if (!r.refused)
        r.refused = edu_copy(&edu, EDU_TO_MEMORY, bh_dma_address(ours), 0, length);
    if (r.refused)
        return;
    r.results = length < sizeof(r.result) ? (length + 7) / 8 : 4;
    memcpy(r.result, ours, sizeof(r.result));
}

static const struct verb {
    const char *name;
    void (*run)(void);
    unsigned least, most; /* numbers */
    bool has_width, has_code;
    const char *help;
} verbs[] = {
    {"peek", do_peek, 1, 1, true, false, "peek ADDR [W]        read guest-physical memory"},
    {"poke", do_poke, 2, 2, true, false, "poke ADDR VALUE [W]  write it"},
    {"in", do_in, 1, 1, true, false, "in PORT [W]          read a port"},
    {"out", do_out, 2, 2, true, false, "out PORT VALUE [W]   write it"},
    {"rdmsr", do_rdmsr, 1, 1, false, false, "rdmsr N              read a model-specific register"},
    {"wrmsr", do_wrmsr, 2, 2, false, false, "wrmsr N VALUE        write it"},
    {"cpuid", do_cpuid, 1, 2, false, false, "cpuid L [S]          EAX EBX ECX EDX of leaf L, subleaf S"},
    {"cr", do_cr, 1, 2, false, false, "cr N [VALUE]         read control register 0, 2, 3, 4 or 8; write it first"},
    {"exec", do_exec, 0, 0, false, true, "exec HEXBYTES        run machine code at level 0; answers RAX"},
    {"call", do_call, 1, 4, false, false, "call N [A [B [C]]]   hypercall"},
    {"sti", do_sti, 0, 0, false, false, "sti, cli, hlt        allow or forbid interrupts, halt; answer RFLAGS"},
    {"cli", do_cli, 0, 0, false, false, 0},
    {"hlt", do_hlt, 0, 0, false, false, 0},
    {"cfg", do_cfg, 2, 3, false, false,
     "cfg BDF OFF [W] [VALUE]  configuration space of a PCI function (2.0: device 2); write it first"},
    {"bar", do_bar, 2, 3, false, false,
     "bar N OFF [VALUE]    32 bits of BAR N of the function that cfg named last; write it first"},
    {"dma", do_dma, 2, 3, false, false,
     "dma ADDR LEN [BYTE]  read memory (fill it first) by the edu device; 0 where it was refused"},
};

static void run_verb(void *argument)
{
    ((const struct verb *)argument)->run();
}

static void show_outcome(bool faulted, const struct bh_fault *f)
{
    static const uint32_t with_error = 1u << 8 | 0x1fu << 10 | 1u << 17 | 1u << 21 | 3u << 29;

    if (faulted) {
        printf("fault %s", bh_vector_name((unsigned)f->vector));
        if (f->vector < 32 && with_error >> f->vector & 1)
            printf("(%" PRIx64 ")", f->error);
        printf(" at 0x%" PRIx64, f->rip);
        if (f->vector == 14)
            printf(", address 0x%" PRIx64, f->address);
        printf("\n");
        return;
    }
    if (r.results == 0) {
        printf("error: %s\n", r.refused ? r.refused : "no such register");
        return;
    }
    printf("=");
    for (unsigned i = 0; i < r.results; i++)
        printf(" 0x%" PRIx64, r.result[i]);
    printf("\n");
}

/* BDF OFF [W] [VALUE]: the width stands before the value. */
static const char *parse_function_operands(char **words, int count)
{
    if (count < 2 || count > 4)
        return "wrong number of operands; try help";
    if (!parse_function(words[0], &r.number[0]))
        return "a function is DEVICE.FUNCTION or BUS:DEVICE.FUNCTION, hexadecimal";
    if (!parse_hex(words[1], &r.number[1]) || r.number[1] > 0xff)
        return "offsets are 0 to ff, hexadecimal";
    if (count > 2 && (!parse_width(words[2], &r.width) || r.width == 64))
        return "the width is 8, 16 or 32";
    if (r.number[1] % 4 * 8 + r.width > 32)
        return "it lies in two doublewords";
    if (count > 3 && !parse_hex(words[3], &r.number[2]))
        return "numbers are hexadecimal, at most 64 bits";
    r.numbers = count > 3 ? 3 : 2;
    return 0;
}

/* 0, or what is wrong with the words after the verb. */
static const char *parse_operands(const struct verb *verb, char **words, int count)
{
    r.width = 32;
    r.numbers = 0;
    r.results = 0;
    r.refused = 0;
    if (verb->run == do_cfg)
        return parse_function_operands(words, count);
    if (verb->has_code) {
        if (count != 1 || !parse_bytes(words[0], r.code, MAX_CODE, &r.code_length))
            return "needs 1 to 128 bytes in hexadecimal, without blanks";
        r.code[r.code_length] = 0xc3; /* RET */
        return 0;
    }
    if (verb->has_width && count == (int)verb->most + 1 && !parse_width(words[--count], &r.width))
        return "the width is 8, 16, 32 or 64";
    if (count < (int)verb->least || count > (int)verb->most)
        return "wrong number of operands; try help";
    for (; r.numbers < (unsigned)count; r.numbers++)
        if (!parse_hex(words[r.numbers], &r.number[r.numbers]))
            return "numbers are hexadecimal, at most 64 bits";
    if ((verb->run == do_in || verb->run == do_out) && (r.number[0] > 0xffff || r.width == 64))
        return "ports are 0 to ffff, 8, 16 or 32 bits wide";
    return 0;
}

static void help(void)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (verbs[i].help)
            printf("%s\n", verbs[i].help);
    printf("exit N               end with status N (decimal)\nnumbers in hexadecimal; W = 8, 16, 32 (default) or 64\n");
}

static void command(char *line)
{
    char *words[MAX_WORDS + 1];
    int count = args_split(line, words, MAX_WORDS);
    struct bh_fault fault;

    if (count == 0)
        return;
    if (strcmp(words[0], "help") == 0) {
        help();
        return;
    }
    if (strcmp(words[0], "exit") == 0)
        exit(count > 1 ? atoi(words[1]) : 0);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(words[0], verbs[i].name) != 0)
            continue;
        const char *wrong = parse_operands(&verbs[i], words + 1, count - 1);
        if (wrong)
            printf("error: %s\n", wrong);
        else
            show_outcome(bh_try(run_verb, (void *)(uintptr_t)&verbs[i], &fault), &fault);
        return;
    }
    printf("error: no command '%s'; try help\n", words[0]);
}

static void show_interrupts(void)
{
    static uint64_t shown[256];

    for (unsigned v = 32; v < 256; v++)
        if (bh_irq_unexpected(v) != shown[v]) {
            printf("interrupt 0x%x, %" PRIu64 " times\n", v, bh_irq_unexpected(v) - shown[v]);
            shown[v] = bh_irq_unexpected(v);
        }
}

int main(int argc, char **argv)
{
    char line[256];

    (void)argc;
    setvbuf(stdout, 0, _IOFBF, 4096); /* an answer appears whole */
    printf("%s: life %lu, %lu MiB at 0; type help\n", argv[0], bh_start_info()->lives, bh_start_info()->ram_size >> 20);
    for (;;) {
        printf("> ");
        fflush(stdout);
        while (!bh_getline(line, sizeof(line))) {
            bh_watchdog_pet();
            bh_console_wait(bh_now_ns() + 500000000);
        }
        command(line);
        show_interrupts();
    }
}
