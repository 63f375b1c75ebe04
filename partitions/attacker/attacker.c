/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile partition: a table of attacks, run by name, typed or given as arguments. `list` shows them, `all` runs every one
 * that is not meant to end this life. SECURITY classes (AC-nn) and expectations stand at each attack's function. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "attack.h"
#include "lib.h"

#define MAX_DETAILS 8u

static const struct attack attacks[] = {
    {"npt", attack_npt, false, "0 reachable"},
    {"pages", attack_pages, false, "0 reachable"},
    {"npt-unpaged", attack_npt_unpaged, false, "0 reachable"},
    {"paged-32", attack_paged_32, false, "0 surprises"},
    {"paged-pae", attack_paged_pae, false, "0 surprises"},
    {"fetch", attack_fetch, false, "0 executed"},
    {"ports", attack_ports, false, "0 answered"},
    {"msrs", attack_msrs, false, "0 beyond the list"},
    {"icr", attack_icr, false, "alive, others untouched"},
    {"init-loop", attack_init_loop, false, "alive, others untouched"},
    {"kick", attack_kick, false, "0 lost"},
    {"cr", attack_cr, false, "0 forbidden bits taken"},
    {"xcr", attack_xcr, false, "0 illegal values taken"},
    {"svm", attack_svm, false, "0 executed"},
    {"shadow", attack_shadow, false, "0 early, late or lost"},
    {"shadow-kept", attack_shadow_kept, false, "0 early, late or lost"},
    {"stale", attack_stale, false, "0 stale"},
    {"flood", attack_flood, false, "alive"},
    {"ring", attack_ring, false, "alive"},
    {"calls", attack_calls, false, "0 surprises"},
    {"rights", attack_rights, false, "0 surprises"},
    {"rights-flood", attack_rights_flood, false, "answers to the end"},
    {"apic", attack_apic, false, "0 surprises"},
    {"lvt", attack_lvt, false, "0 surprises"},
    {"watchdog-pets", attack_watchdog_pets, false, "alive"},
    {"nmi-stay", attack_nmi_stay, false, "a core in its NMI handler"},
    {"pci-scan", attack_pci_scan, false, "its own alone"},
    {"pci-foreign", attack_pci_foreign, false, "0 answered"},
    {"pci-lanes", attack_pci_lanes, false, "0 surprises"},
    {"pci-race", attack_pci_race, false, "0 of others"},
    {"pci-own", attack_pci_own, false, "0 surprises"},
    {"pci-bars", attack_pci_bars, false, "0 moved"},
    {"pci-command", attack_pci_command, false, "0 surprises"},
    {"msi", attack_msi, false, "0 delivered"},
    {"msix", attack_msix, false, "0 surprises"},
    {"msi-forge", attack_msi_forge, false, "0 strangers"},
    {"msi-handles", attack_msi_handles, false, "0 strangers"},
    {"irq-storm", attack_irq_storm, false, "alive"},
    {"dma", attack_dma, false, "0 reached"},
    {"disk-admin", attack_disk_admin, false, "alive"},
    {"disk-steal", attack_disk_steal, false, "what the disk grants"},
    {"disk-dma", attack_disk_dma, false, "0 reached"},
    {"ring-scribble", attack_ring_scribble, false, "alive"},
    {"ring-lies", attack_ring_lies, false, "alive"},
    {"doorbells", attack_doorbells, false, "the table's rate"},
    {"hear", attack_hear, false, "the table's rate"},
    {"echo", attack_echo, false, "frames"},
    {"disk-flood", attack_disk_flood, true, "cut off, or nothing reached"},
    {"disk-storm", attack_disk_storm, true, "stopped from outside"},
    {"disk-reboot", attack_disk_reboot, true, "0 left in the next life"},
    {"dma-loop", attack_dma_loop, true, "stopped from outside"},
    {"cr3", attack_cr3, true, "#GP or stop"},
    {"walk", attack_walk, true, "stop"},
    {"walk-32", attack_walk_32, true, "stop"},
    {"walk-pae", attack_walk_pae, true, "stop"},
    {"decode-32", attack_decode_32, true, "stop"},
    {"decode-pae", attack_decode_pae, true, "stop"},
    {"triple-long", attack_triple_long, true, "stop"},
    {"triple-protected", attack_triple_protected, true, "stop"},
    {"triple-real", attack_triple_real, true, "stop"},
    {"delivery-idt", attack_delivery_idt, true, "stop"},
    {"delivery-stack", attack_delivery_stack, true, "stop"},
    {"delivery-gdt", attack_delivery_gdt, true, "stop"},
    {"delivery-irq", attack_delivery_irq, true, "stop"},
    {"residue", attack_residue_fill, true, "0 left in the next life"},
    {"end-garbage", attack_end_garbage, true, "refused, then stop with status ffffffffffffffff"},
    {"halt", attack_halt, true, "stopped from outside"},
    {"spin", attack_spin, true, "stopped from outside"},
};
#define ATTACKS (sizeof(attacks) / sizeof(attacks[0]))

const struct attack *attack_now;
bool attack_full;
uint64_t attack_places[ATTACK_PLACES];
unsigned attack_place_count;
static unsigned details;

void verdict(bool pass, const char *got_format, ...)
{
    char got[160];
    va_list list;

    va_start(list, got_format);
    vsnprintf(got, sizeof(got), got_format, list);
    va_end(list);
    printf("attack %s: expected %s got %s: %s\n", attack_now->name, attack_now->expected, got, pass ? "PASS" : "FAIL");
}

void detail(const char *format, ...)
{
    char text[160];
    va_list list;

    if (details++ >= MAX_DETAILS)
        return;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    printf("  %s: %s\n", attack_now->name, text);
}

static void run(const struct attack *attack)
{
    attack_now = attack;
    details = 0;
    bh_watchdog_pet();
    if (attack->ends)
        printf("attack %s: expected %s\n", attack->name, attack->expected);
    fflush(stdout);
    if (attack->ends)
        bh_sleep_ns(100000000); /* let the line be seen before the end */
    attack->run();
    if (attack->ends)
        printf("attack %s: still alive\n", attack->name);
    bh_watchdog_pet();
}

static void list(void)
{
    for (size_t i = 0; i < ATTACKS; i++)
        printf("%-18s expected %s%s\n", attacks[i].name, attacks[i].expected, attacks[i].ends ? " (ends this life)" : "");
    printf("all, full, at=HEX, exit N\n");
}

static void word(const char *name)
{
    bool known = strcmp(name, "all") == 0;

    if (strcmp(name, "full") == 0 || strcmp(name, "list") == 0) {
        attack_full = attack_full || name[0] == 'f';
        if (name[0] == 'l')
            list();
        return;
    }
    if (strncmp(name, "at=", 3) == 0 && attack_place_count < ATTACK_PLACES) {
        attack_places[attack_place_count++] = strtoull(name + 3, 0, 16);
        return;
    }
    for (size_t i = 0; i < ATTACKS; i++)
        if (strcmp(name, attacks[i].name) == 0 || (strcmp(name, "all") == 0 && !attacks[i].ends)) {
            run(&attacks[i]);
            known = true;
        }
    printf(known ? "attacks done\n" : "error: no attack '%s'; try list\n", name);
}

int main(int argc, char **argv)
{
    char line[256], *words[32];

    attack_residue_look();
    printf("%s: life %" PRIu64 ", %" PRIu64 " MiB, %u cores, %s; type list\n", argv[0], bh_start_info()->lives,
           bh_start_info()->ram_size >> 20, bh_start_info()->cores, apic_is_x2() ? "x2APIC" : "xAPIC");
    for (int i = 1; i < argc && bh_start_info()->lives == 1; i++)
        word(argv[i]);
    for (;;) {
        while (!bh_getline(line, sizeof(line))) {
            bh_watchdog_pet();
            bh_console_wait(bh_now_ns() + 500000000);
        }
        int count = args_split(line, words, 31);
        if (count > 0 && strcmp(words[0], "exit") == 0)
            exit(count > 1 ? atoi(words[1]) : 0);
        for (int i = 0; i < count; i++)
            word(words[i]);
    }
}
