/* SPDX-License-Identifier: Apache-2.0 */
/* The newest state of something: slots that are written in turn. */
#include "bulletin.h"

#include <string.h>

#include "crc32c.h"

#define HEAD sizeof(struct bulletin_head)
#define TRIES 4u

static uint8_t *slot(const struct bulletin *bulletin, uint32_t number)
{
    return (uint8_t *)(uintptr_t)bulletin->side.head + RECORD_RING_AT +
           number % BULLETIN_SLOTS * (bulletin->side.size / BULLETIN_SLOTS);
}

static uint32_t sender_of(const struct bulletin *bulletin)
{
    return crc32c(crc32c(0, bulletin->name, sizeof(bulletin->name)), &bulletin->epoch, sizeof(bulletin->epoch));
}

static uint32_t crc_of(const struct bulletin_head *head, const void *bytes)
{
    return crc32c(crc32c(0, head, offsetof(struct bulletin_head, crc)), bytes, head->size);
}

void bulletin_open(struct bulletin *bulletin, struct record_side side, unsigned channel, const char *name)
{
    *bulletin = (struct bulletin){.side = side, .channel = channel, .epoch = __atomic_load_n(side.epoch, __ATOMIC_ACQUIRE)};
    strncpy((char *)bulletin->name, name, sizeof(bulletin->name) - 1);
    crc32c_init();
}

size_t bulletin_room(const struct bulletin *bulletin)
{
    return bulletin->side.size / BULLETIN_SLOTS - HEAD;
}

bool bulletin_publish(struct bulletin *bulletin, const void *bytes, size_t size)
{
    struct bulletin_head head = {.size = (uint32_t)size, .number = bulletin->number + 1, .sender = sender_of(bulletin)};

    if (size > bulletin_room(bulletin))
        return false;
    head.crc = crc_of(&head, bytes);
    memcpy(slot(bulletin, head.number), &head, HEAD);
    memcpy(slot(bulletin, head.number) + HEAD, bytes, size);
    bulletin->number = head.number;
    __atomic_store_n(&bulletin->side.head->produced, head.number, __ATOMIC_RELEASE);
    return true;
}

/* One look at the slot of this number. False: it may have been written meanwhile. */
static bool copy(const struct bulletin *bulletin, uint32_t u_number, struct bulletin_head *head, void *to, size_t room)
{
    const uint8_t *from = slot(bulletin, u_number);
    size_t most = room < bulletin_room(bulletin) ? room : bulletin_room(bulletin);

    memcpy(head, from, HEAD);
    memcpy(to, from + HEAD, head->size < most ? head->size : most);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&bulletin->side.head->produced, __ATOMIC_RELAXED) - u_number < BULLETIN_SLOTS - 1 &&
           __atomic_load_n(bulletin->side.epoch, __ATOMIC_ACQUIRE) == bulletin->epoch;
}

static enum ring_result judge(struct bulletin *bulletin, const struct bulletin_head *head, const void *bytes, size_t room,
                              uint32_t number)
{
    uint32_t last = bulletin->number;

    bulletin->number = number;
    if (head->size > bulletin_room(bulletin) || head->size > room || head->crc != crc_of(head, bytes))
        return RING_CORRUPT;
    if (head->sender != sender_of(bulletin) || head->number != number)
        return RING_FOREIGN;
    return number - last == 1 ? RING_GOOD : RING_GAP;
}

enum ring_result bulletin_read(struct bulletin *bulletin, void *to, size_t room, size_t *size)
{
    struct bulletin_head head;
    uint32_t epoch = __atomic_load_n(bulletin->side.epoch, __ATOMIC_ACQUIRE), u_number;

    *size = 0;
    if (epoch != bulletin->epoch) {
        bulletin->epoch = epoch;
        bulletin->number = 0;
        return RING_RENEWED;
    }
    for (unsigned i = 0; i < TRIES; i++) {
        enum ring_result result;

        u_number = __atomic_load_n(&bulletin->side.head->produced, __ATOMIC_ACQUIRE);
        if (u_number == bulletin->number)
            return RING_NONE;
        if (!copy(bulletin, u_number, &head, to, room))
            continue;
        result = judge(bulletin, &head, to, room, u_number);
        *size = result == RING_GOOD || result == RING_GAP ? head.size : 0;
        return result;
    }
    return RING_NONE;
}
