/* SPDX-License-Identifier: Apache-2.0 */
/* Loading: scrub, verify, copy, in slices short enough that a kick is always answered. The planner took images apart on the host,
 * so there is nothing to parse here. */
#include "lifecycle.h"

#include "arch.h"
#include "channel.h"
#include "console.h"
#include "devices.h"
#include "memory.h"
#include "sha256.h"
#include "vcpu.h"
#include "virt.h"

#define SLICE KIB(32) /* hashing it takes about 2 million instructions: less than a millisecond */

static const uint8_t *payload_bytes(const struct partition *partition)
{
    return arch_ptr(partition->payload);
}

bool payload_verify(const struct partition *partition)
{
    const struct plan_payload *payload = &partition->plan->payload;
    struct sha256 state;
    uint8_t digest[32];

    arch_zone_open();
    sha256_init(&state);
    for (uint64_t at = 0; at < payload->size; at += SLICE) {
        uint64_t left = payload->size - at;

        sha256_update(&state, payload_bytes(partition) + at, left < SLICE ? left : SLICE);
        vcpu_breathe();
    }
    arch_zone_close();
    sha256_final(&state, digest);
    return memcmp(digest, payload->sha256, sizeof(digest)) == 0;
}

/* Before each life (SEP-9). */
static void ram_scrub(const struct plan_ram *ram)
{
    for (uint64_t at = 0; at < ram->size; at += SLICE) {
        uint64_t *word = arch_ptr(HPA(ram->hpa.v + at));

        for (uint64_t i = 0; i < SLICE / sizeof(*word); i++)
            word[i] = 0;
        vcpu_breathe();
    }
}
_Static_assert(LARGE_SIZE % SLICE == 0, "RAM ranges are multiples of a slice");

/* A segment may cross from one host range to the next: 2 MiB blocks never do. */
static void segment_copy(const struct partition *partition, const struct plan_segment *segment)
{
    uint64_t done = 0;

    while (done < segment->size) {
        uint64_t gpa = segment->gpa.v + done, left = segment->size - done;
        uint64_t room = SLICE - gpa % SLICE;
        uint64_t size = left < room ? left : room;
        void *to = partition_ram(partition, GPA(gpa), size);

        if (to == 0)
            return; /* the planner put it inside RAM; a wrong plan starves its own partition only */
        memcpy(to, payload_bytes(partition) + segment->offset + done, size);
        done += size;
        vcpu_breathe();
    }
}

static void tsc_text_write(const struct partition *partition)
{
    const struct plan_payload *payload = &partition->plan->payload;
    char text[24];
    char *to;

    if (payload->tsc_khz_text.v == 0)
        return;
    to = partition_ram(partition, payload->tsc_khz_text, payload->tsc_khz_width);
    if (to == 0)
        return;
    memset(to, ' ', payload->tsc_khz_width);
    memcpy(to, text, format_text(text, sizeof(text), "%lu", arch_tsc_khz()));
}

static void text_copy(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);

    memcpy(to, from, length < size - 1 ? length : size - 1);
}

static void start_info_write(struct partition *partition)
{
    struct bh_start_info *info = (struct bh_start_info *)partition->abi;

    memset(info, 0, PAGE_SIZE); /* what follows is the console's: it still takes the last words of the earlier life */
    memset(partition->abi + (BH_ANSWER_GPA - BH_ABI_GPA), 0, BH_ANSWER_SIZE); /* SEP-9 */
    info->magic = BH_START_MAGIC;
    info->version = BH_ABI_VERSION;
    info->size = sizeof(*info);
    info->cores = partition->plan->core_count;
    info->ram_size = partition->plan->memory;
    info->tsc_khz = arch_tsc_khz();
    info->apic_timer_khz = arch_apic_timer_khz();
    info->tsc_base = arch_boot_ticks();
    info->wall_base = arch_wall_base();
    info->lives = partition->lives;
    info->watchdog_ms = partition->plan->watchdog.period_ms;
    info->tick_hz = plan.tick_off ? 0 : plan.tick_hz;
    info->x2apic = partition->plan->apic == APIC_X2APIC;
    info->tpm = partition->plan->tpm.v;
    info->files = partition->plan->payload.files.v;
    info->files_size = partition->plan->payload.files_size;
    info->dma_offset = partition->plan->dma_offset;
    text_copy(info->name, sizeof(info->name), partition->plan->name);
    text_copy(info->args, sizeof(info->args), partition->plan->args ? partition->plan->args : "");
}

bool partition_load(struct partition *partition, bool verify)
{
    const struct plan_partition *plan_row = partition->plan;
    uint64_t start = arch_ticks(), scrubbed, verified;

    for (uint32_t i = 0; i < plan_row->ram_count; i++)
        ram_scrub(&plan_row->ram[i]);
    scrubbed = arch_ticks();
    if (verify && !payload_verify(partition))
        return false;
    verified = arch_ticks();
    arch_zone_open();
    for (uint32_t i = 0; i < plan_row->payload.segment_count; i++)
        segment_copy(partition, &plan_row->payload.segments[i]);
    arch_zone_close();
    tsc_text_write(partition);
    partition->lives++;
    if (partition->abi)
        start_info_write(partition);
    channels_restart(partition);
    console_reset(partition);
    devices_reset(partition);
    lock_take(&partition->gate);
    guest_ioapic_reset(partition);
    memset(partition->vectors, 0, sizeof(partition->vectors));
    lock_drop(&partition->gate);
    virt_reset_entry(&partition->vcpus[0], &plan_row->payload.entry);
    log_line("partition %s: loaded in ticks: scrub %lu, verify %lu, copy %lu", plan_row->name, scrubbed - start,
             verified - scrubbed, arch_ticks() - verified);
    return true;
}
