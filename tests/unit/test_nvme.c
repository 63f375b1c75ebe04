/* SPDX-License-Identifier: Apache-2.0 */
/* pvdrivers/nvme.c and nvme_manage.c against a model of an NVMe controller with virtual functions (as QEMU's: resources can be assigned only
 * while a secondary controller is offline, a virtual function that is offline reads as 0) that checks what it is given, and can lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_device.h"
#include "nvme.h"

#define MS 1000000ull
#define SPACES 4u
#define BLOCKS 4096u
#define CAP_QEMU (2047ull | 1ull << 16 | 15ull << 24 | 1ull << 37 | 4ull << 52)

struct ring {
    bool there;
    uint64_t base;
    uint16_t size, head, tail, completion, vector;
    bool interrupts;
    uint8_t phase;
};

static struct {
    uint64_t cap, asq, acq, ready_at;
    uint32_t cc, csts, aqa;
    struct ring sq[NVME_QUEUES + 1], cq[NVME_QUEUES + 1];
    /* what it does wrong */
    bool offline, gone, never_ready, never_off, fatal_at_start, hold, reverse, drop, lose_interrupts, descending, wild_strings;
    uint16_t fail_status; /* of the next I/O commands */
    unsigned fail_count, vectors, queues_granted, give_fewer, secondaries_claimed, controllers_claimed, opcode_seen[256];
    uint32_t format;
    uint64_t blocks_claimed;
    uint16_t wrong_id, wrong_queue; /* added to those of completions */
    bool shutdown;
    struct {
        uint16_t queues, interrupts;
        bool online;
    } secondary[4];
    struct {
        uint8_t *data;
        uint16_t attached; /* bit per controller */
    } space[SPACES + 1];
} device;

static struct bh_pci pci;
static struct nvme nvme;

static void set(void *p, unsigned offset, uint64_t value, unsigned size)
{
    memcpy((uint8_t *)p + offset, &value, size);
}

/* --- data of a command: PRP1, PRP2 (4.3) ---------------------------------------------------------------------------------------- */

static void move(const uint32_t *c, uint8_t *mine, uint32_t bytes, bool to_memory)
{
    uint64_t prp1 = c[6] | (uint64_t)c[7] << 32, prp2 = c[8] | (uint64_t)c[9] << 32;
    uint32_t done = 0;
    uint64_t *list = 0, at = prp1;

    assert_true(fake.master);
    assert_int_equal(prp1 % 4, 0);
    while (done < bytes) {
        uint32_t part = 4096 - (uint32_t)(at % 4096);
        if (part > bytes - done)
            part = bytes - done;
        if (to_memory)
            memcpy(fake_dma(at), mine + done, part);
        else
            memcpy(mine + done, fake_dma(at), part);
        done += part;
        if (done == bytes)
            return;
        if (!list && bytes - done <= 4096 && done <= 4096) {
            at = prp2;
        } else {
            if (!list) {
                assert_int_equal(prp2 % 8, 0);
                list = (uint64_t *)fake_dma(prp2);
            }
            if ((uintptr_t)(list + 1) % 4096 == 0)
                assert_true(bytes - done <= 4096); /* the last entry of a page would be a pointer to the next list */
            at = *list++;
        }
        assert_int_equal(at % 4096, 0);
    }
}

/* --- commands --------------------------------------------------------------------------------------------------------------------- */

static void identify_controller(uint8_t *page)
{
    memset(page + 4, ' ', 68);
    memcpy(page + 4, device.wild_strings ? "ab\x1b[2Jc" : "abc", device.wild_strings ? 7 : 3);
    memcpy(page + 24, "Model of a disk", 15);
    memcpy(page + 64, "1.0", 3);
    page[77] = 7; /* 512 KiB */
    set(page, 78, 0, 2);
    set(page, 256, 0x08, 2);
    page[512] = 0x66;
    page[513] = 0x44;
    set(page, 516, SPACES, 4);
}

static void identify_list(uint8_t *page, uint32_t after, bool allocated)
{
    unsigned n = 0;

    for (uint32_t id = after + 1; id <= SPACES; id++)
        if (allocated || device.space[id].attached & 1)
            set(page, 4 * n++, id, 4);
    if (device.descending) {
        set(page, 0, 7, 4);
        set(page, 4, 7, 4);
    }
}

static uint16_t identify(const uint32_t *c)
{
    uint8_t page[4096] = {0};
    uint32_t id = c[1];

    switch (c[10] & 0xff) {
    case 0x00:
        if (id == 0 || id > SPACES)
            return 0x00b;
        if (device.space[id].attached & 1) {
            set(page, 0, device.blocks_claimed ? device.blocks_claimed : BLOCKS, 8);
            page[26] = 1;
            set(page, 132, device.format, 4);
        }
        break;
    case 0x01:
        identify_controller(page);
        break;
    case 0x02:
    case 0x10:
        identify_list(page, id, (c[10] & 0xff) == 0x10);
        break;
    case 0x12:
        for (unsigned k = 0, n = 0; k < 5 && id <= SPACES; k++)
            if (device.space[id].attached >> k & 1) {
                set(page, 2 + 2 * n++, k, 2);
                set(page, 0, n, 2);
            }
        if (device.controllers_claimed)
            set(page, 0, device.controllers_claimed, 2);
        break;
    case 0x14:
        set(page, 32, 8, 4);
        set(page, 36, device.secondary[0].queues + device.secondary[1].queues, 4);
        set(page, 44, 4, 2);
        set(page, 64, 6, 4);
        set(page, 68, device.secondary[0].interrupts + device.secondary[1].interrupts, 4);
        set(page, 76, 2, 2);
        break;
    case 0x15:
        page[0] = (uint8_t)(device.secondaries_claimed ? device.secondaries_claimed : 4);
        for (unsigned i = 0; i < 4; i++) {
            set(page, 32 + 32 * i, i + 1, 2);
            page[36 + 32 * i] = device.secondary[i].online;
            set(page, 40 + 32 * i, i + 1, 2);
            set(page, 42 + 32 * i, device.secondary[i].queues, 2);
            set(page, 44 + 32 * i, device.secondary[i].interrupts, 2);
        }
        break;
    default:
        return 0x002;
    }
    move(c, page, 4096, true);
    return 0;
}

static uint16_t virtualization(const uint32_t *c, uint32_t *result)
{
    unsigned k = (c[10] >> 16) - 1, action = c[10] & 15, n = c[11] & 0xffff, used = 0;
    bool interrupts = c[10] >> 8 & 7;

    if (k >= 4)
        return 0x11f;
    if (action == 7) {
        memset(&device.secondary[k], 0, sizeof(device.secondary[k]));
        return 0;
    }
    if (action == 9) {
        if (device.secondary[k].queues < 2 || device.secondary[k].interrupts == 0)
            return 0x120;
        device.secondary[k].online = true;
        return 0;
    }
    if (action != 8)
        return 0x002;
    if (device.secondary[k].online)
        return 0x120;
    if (n > (interrupts ? 2u : 4u))
        return 0x121;
    for (unsigned i = 0; i < 4; i++)
        if (i != k)
            used += interrupts ? device.secondary[i].interrupts : device.secondary[i].queues;
    if (n + used > (interrupts ? 6u : 8u))
        return 0x122;
    n -= device.give_fewer;
    *(interrupts ? &device.secondary[k].interrupts : &device.secondary[k].queues) = (uint16_t)n;
    *result = n;
    return 0;
}

static uint16_t attachment(const uint32_t *c)
{
    uint8_t page[4096];

    if (c[1] == 0 || c[1] > SPACES)
        return 0x00b;
    move(c, page, 4096, false);
    unsigned k = page[2] | page[3] << 8u;
    uint16_t *attached = &device.space[c[1]].attached;
    if (page[0] != 1 || k > 4)
        return 0x11c;
    if ((c[10] & 15) == 0 && *attached)
        return *attached >> k & 1 ? 0x118 : 0x119;
    if ((c[10] & 15) == 1 && !(*attached >> k & 1))
        return 0x11a;
    *attached = (uint16_t)((c[10] & 15) == 0 ? *attached | 1u << k : *attached & ~(1u << k));
    return 0;
}

static uint16_t queue_create(const uint32_t *c, bool completion)
{
    unsigned id = c[10] & 0xffff, size = (c[10] >> 16) + 1;
    struct ring *rings = completion ? device.cq : device.sq;

    if (id == 0 || id > NVME_QUEUES || rings[id].there || id > device.queues_granted)
        return 0x101;
    if (size < 2 || size > (device.cap & 0xffff) + 1)
        return 0x102;
    assert_int_equal(c[6] % 4096, 0);
    assert_true(c[11] & 1);
    if (completion && c[11] & 2 && c[11] >> 16 >= device.vectors)
        return 0x108;
    if (!completion && (c[11] >> 16 > NVME_QUEUES || !device.cq[c[11] >> 16].there))
        return 0x100;
    rings[id] = (struct ring){.there = true, .base = c[6] | (uint64_t)c[7] << 32, .size = (uint16_t)size, .phase = 1};
    rings[id].interrupts = completion && c[11] & 2;
    rings[id].vector = rings[id].completion = (uint16_t)(c[11] >> 16);
    return 0;
}

static uint16_t admin_command(const uint32_t *c, uint32_t *result)
{
    device.opcode_seen[c[0] & 0xff]++;
    switch (c[0] & 0xff) {
    case 0x01:
        return queue_create(c, false);
    case 0x05:
        return queue_create(c, true);
    case 0x06:
        return identify(c);
    case 0x09:
        assert_int_equal(c[10], 7);
        *result = (device.queues_granted - 1) << 16 | (device.queues_granted - 1);
        return 0;
    case 0x15:
        return attachment(c);
    case 0x1c:
        return virtualization(c, result);
    default:
        return 0x001;
    }
}

static uint16_t io_command(const uint32_t *c)
{
    uint64_t block = c[10] | (uint64_t)c[11] << 32;
    uint32_t blocks = (c[12] & 0xffff) + 1;

    if (device.fail_count > 0 && device.fail_count--)
        return device.fail_status;
    if (c[1] == 0 || c[1] > SPACES || !(device.space[c[1]].attached & 1))
        return 0x00b;
    if ((c[0] & 0xff) == 0)
        return 0;
    if (block >= BLOCKS || blocks > BLOCKS - block)
        return 0x080;
    if (blocks * 512u > 4096u << 7)
        return 0x002;
    move(c, device.space[c[1]].data + block * 512, blocks * 512, (c[0] & 0xff) == 2);
    return (c[0] & 0xff) <= 2 ? 0 : 0x001;
}

/* --- queues ------------------------------------------------------------------------------------------------------------------------ */

static void complete(unsigned id, const uint32_t *c, uint16_t status, uint32_t result)
{
    struct ring *sq = &device.sq[id], *cq = &device.cq[sq->completion];
    uint8_t *entry = (uint8_t *)fake_dma(cq->base) + cq->tail * 16;

    assert_int_not_equal((cq->tail + 1) % cq->size, cq->head); /* it has room, or one would be overwritten */
    if (device.drop)
        return;
    set(entry, 0, result, 4);
    set(entry, 8, sq->head | (uint32_t)(id + device.wrong_queue) << 16, 4);
    set(entry, 12, (uint16_t)((c[0] >> 16) + device.wrong_id) | (uint32_t)cq->phase << 16 | (uint32_t)status << 17, 4);
    cq->tail = (uint16_t)((cq->tail + 1) % cq->size);
    cq->phase ^= cq->tail == 0;
    if (cq->interrupts && !device.lose_interrupts)
        fake_interrupt(cq->vector);
}

static void run(unsigned id)
{
    struct ring *sq = &device.sq[id];
    uint32_t commands[64][16];
    unsigned count = 0;

    while (fake.master && sq->there && sq->head != sq->tail) {
        memcpy(commands[count++], (uint8_t *)fake_dma(sq->base) + sq->head * 64, 64);
        sq->head = (uint16_t)((sq->head + 1) % sq->size);
    }
    for (unsigned i = 0; i < count; i++) {
        uint32_t *c = commands[device.reverse ? count - 1 - i : i], result = 0;
        uint16_t status = id ? io_command(c) : admin_command(c, &result);
        complete(id, c, status, result);
    }
}

static void run_held(void)
{
    for (unsigned id = 1; id <= NVME_QUEUES; id++)
        run(id);
}

static void bell(unsigned offset, uint32_t value)
{
    unsigned stride = 4u << (device.cap >> 32 & 15), index = offset / stride, id = index / 2;

    assert_true(offset % stride == 0 && id <= NVME_QUEUES);
    struct ring *ring = index % 2 ? &device.cq[id] : &device.sq[id];
    assert_true(ring->there && value < ring->size);
    *(index % 2 ? &ring->head : &ring->tail) = (uint16_t)value;
    if (index % 2 == 0 && (id == 0 || !device.hold))
        run(id);
}

/* --- registers ---------------------------------------------------------------------------------------------------------------------- */

static void control(uint32_t value)
{
    if (value & ~device.cc & 1) {
        assert_int_equal(value & 0xfffff0, 0x460000);
        device.ready_at = fake.now + 50 * MS;
        device.sq[0] = (struct ring){.there = true, .base = device.asq, .size = (uint16_t)((device.aqa & 0xfff) + 1)};
        device.cq[0] = (struct ring){.there = true, .base = device.acq, .size = (uint16_t)((device.aqa >> 16) + 1), .phase = 1};
    }
    if (!(value & 1)) {
        memset(device.sq, 0, sizeof(device.sq));
        memset(device.cq, 0, sizeof(device.cq));
        device.ready_at = 0;
        device.csts = device.never_off ? 1 : 0;
        for (unsigned i = 0; i < 4; i++)
            device.secondary[i].online = false;
    }
    if (value >> 14 & 3) {
        device.csts |= 8;
        device.shutdown = true;
    }
    device.cc = value;
}

static uint64_t device_read(unsigned offset, unsigned size)
{
    assert_int_equal(size, 4);
    if (device.gone)
        return ~0u;
    if (device.offline)
        return offset == 0x1c ? 2 : 0;
    if (device.ready_at && fake.now >= device.ready_at && !device.never_ready)
        device.csts |= device.fatal_at_start ? 2 : 1;
    switch (offset) {
    case 0x00:
        return (uint32_t)device.cap;
    case 0x04:
        return device.cap >> 32;
    case 0x14:
        return device.cc;
    case 0x1c:
        return device.csts;
    default:
        return 0;
    }
}

static void device_write(unsigned offset, unsigned size, uint64_t value64)
{
    uint32_t value = (uint32_t)value64;

    assert_int_equal(size, 4);
    if (device.offline || device.gone)
        return;
    if (offset >= 0x1000)
        bell(offset - 0x1000, value);
    else if (offset == 0x14)
        control(value);
    else if (offset == 0x24)
        device.aqa = value;
    else if (offset == 0x28 || offset == 0x2c)
        set(&device.asq, offset - 0x28, value, 4);
    else if (offset == 0x30 || offset == 0x34)
        set(&device.acq, offset - 0x30, value, 4);
}

static void memory_free(void)
{
    struct nvme_queue *queues[] = {&nvme.admin, &nvme.io[0], &nvme.io[1], &nvme.io[2], &nvme.io[3]};

    for (unsigned i = 0; i < 5; i++) {
        free((void *)(uintptr_t)queues[i]->submission);
        free((void *)(uintptr_t)queues[i]->completion);
        free(queues[i]->lists);
    }
    free(nvme.page);
    for (unsigned i = 0; i <= SPACES; i++)
        free(device.space[i].data);
    memset(&nvme, 0, sizeof(nvme));
}

static int setup(void **state)
{
    (void)state;
    memset(&device, 0, sizeof(device));
    memset(&nvme, 0, sizeof(nvme));
    fake_device_reset();
    fake.bar_size = 16384;
    fake.read = device_read;
    fake.write = device_write;
    pci = (struct bh_pci){.class_code = NVME_CLASS, .interrupts = 3};
    device.cap = CAP_QEMU;
    device.vectors = 3;
    device.queues_granted = 4;
    device.format = 9 << 16;
    for (unsigned i = 1; i <= SPACES; i++)
        device.space[i].data = calloc(BLOCKS, 512);
    device.space[1].attached = device.space[3].attached = 1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    memory_free();
    return 0;
}

static struct nvme_namespace first;

static void open_ok(unsigned queues, unsigned cores)
{
    assert_null(nvme_open(&nvme, &pci, queues, cores));
    assert_int_equal(nvme_namespace(&nvme, 1, &first), 0);
    assert_int_equal(first.blocks, BLOCKS);
}

/* --- start ---------------------------------------------------------------------------------------------------------------------------- */

static void opens_and_describes(void **state)
{
    (void)state;
    open_ok(4, 2);
    assert_string_equal(nvme.serial, "abc");
    assert_string_equal(nvme.model, "Model of a disk");
    assert_int_equal(nvme.queues, 4);
    assert_int_equal(nvme.transfer_max, 512 << 10);
    assert_true(nvme.can_attach);
    assert_int_equal(fake.interrupts[1].core, 1);
    assert_int_equal(fake.interrupts[2].core, 0);
    assert_true(nvme.io[2].interrupts && !nvme.io[3].interrupts); /* three vectors there are */
    nvme_close(&nvme);
    assert_true(device.shutdown && !(device.cc & 1) && !fake.master);
    assert_null(nvme_open(&nvme, &pci, 1, 0));
    assert_int_equal(nvme.queues, 1);
    assert_false(nvme.io[0].interrupts);
    device.wild_strings = true;
    assert_null(nvme_open(&nvme, &pci, 9, 1)); /* without a close; more than there can be */
    assert_int_equal(nvme.queues, 4);
    assert_string_equal(nvme.serial, "ab?[2Jc");
}

static void takes_what_it_is_granted(void **state)
{
    (void)state;
    device.queues_granted = 1;
    device.vectors = 1;
    open_ok(4, 4);
    assert_int_equal(nvme.queues, 1);
    device.queues_granted = 3;
    open_ok(4, 4);
    assert_int_equal(nvme.queues, 3);
    assert_true(nvme.io[0].interrupts);
    assert_false(nvme.io[1].interrupts); /* its table is longer than what it has: polled */
    uint8_t block[512] = {1};
    assert_int_equal(nvme_io(&nvme, 1, NVME_WRITE, &first, 0, 1, block), 0);
}

static void refuses(const char *what)
{
    uint64_t began = fake.now;
    const char *why = nvme_open(&nvme, &pci, 2, 1);

    assert_non_null(why);
    if (what)
        assert_string_equal(why, what);
    assert_false(fake.master);
    assert_true(fake.now - began < 10100 * MS);
    uint8_t block[512];
    first = (struct nvme_namespace){1, BLOCKS, 512};
    assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, 0, 1, block), NVME_FAILED);
}

static void refuses_what_does_not_start(void **state)
{
    (void)state;
    device.offline = true;
    refuses(nvme_offline);
    device.offline = false;
    device.gone = true;
    refuses(0);
    device.gone = false;
    device.never_ready = true;
    refuses(0);
    device.never_ready = false;
    device.fatal_at_start = true;
    uint64_t began = fake.now;
    refuses(0);
    assert_true(fake.now - began < 1000 * MS); /* without waiting for ready */
    device.fatal_at_start = false;
    device.never_off = true;
    device.csts = 1;
    refuses(0);
    device.never_off = false;
    device.cap = CAP_QEMU & ~0xffffull;
    refuses(0);
    device.cap = CAP_QEMU & ~(1ull << 37);
    refuses(0);
    device.cap = CAP_QEMU | 1ull << 48; /* pages of 8 KiB at least */
    refuses(0);
    device.cap = CAP_QEMU | 15ull << 32; /* doorbells 128 KiB apart */
    refuses(0);
    device.cap = CAP_QEMU;
    device.drop = true;
    refuses(0);
    device.drop = false;
    fake.bar_size = 4096;
    refuses(0);
    fake.bar_size = 16384;
    open_ok(1, 1);
}

static void doorbells_stay_in_the_bar(void **state)
{
    uint8_t block[512] = {0};

    (void)state;
    device.cap = CAP_QEMU | 7ull << 32; /* 512 bytes apart */
    fake.bar_size = 4096 + 6 * 512;     /* room for the admin queue and two more */
    open_ok(4, 1);
    assert_int_equal(nvme.queues, 2);
    assert_int_equal(nvme_io(&nvme, 1, NVME_READ, &first, 0, 1, block), 0);
}

/* --- reading and writing ---------------------------------------------------------------------------------------------------------------- */

static void all_shapes_of_buffers(void **state)
{
    static const uint32_t offsets[] = {0, 4, 512, 2048, 3584, 4092}, sizes[] = {1, 7, 8, 9, 16, 17, 64, 1023, 1024};
    uint8_t *memory = aligned_alloc(4096, (512 << 10) + 8192), *copy = malloc(512 << 10);

    (void)state;
    open_ok(1, 1);
    for (unsigned o = 0; o < 6; o++)
        for (unsigned s = 0; s < 9; s++) {
            uint32_t bytes = sizes[s] * 512;
            for (uint32_t i = 0; i < bytes; i++)
                copy[i] = memory[offsets[o] + i] = (uint8_t)(i * 31 + (i >> 8) + o + s);
            assert_int_equal(nvme_io(&nvme, 0, NVME_WRITE, &first, o * 1000 % 3000, sizes[s], memory + offsets[o]), 0);
            assert_memory_equal(device.space[1].data + o * 1000 % 3000 * 512, copy, bytes);
            memset(memory, 0xcc, (512 << 10) + 8192);
            assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, o * 1000 % 3000, sizes[s], memory + offsets[o]), 0);
            assert_memory_equal(memory + offsets[o], copy, bytes);
            assert_int_equal(memory[offsets[o] + bytes], 0xcc);
            assert_true(offsets[o] == 0 || memory[offsets[o] - 1] == 0xcc);
        }
    assert_int_equal(nvme_io(&nvme, 0, NVME_FLUSH, &first, 0, 0, 0), 0);
    free(memory);
    free(copy);
}

static void impossible_requests_are_not_sent(void **state)
{
    _Alignas(4) uint8_t block[1024];

    (void)state;
    open_ok(2, 1);
    unsigned before = fake.accesses;
    assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, BLOCKS, 1, block), NVME_INVALID);
    assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, BLOCKS - 1, 2, block), NVME_INVALID);
    assert_int_equal(nvme_io(&nvme, 0, NVME_WRITE, &first, UINT64_MAX, 2, block), NVME_INVALID);
    assert_int_equal(nvme_io(&nvme, 0, NVME_WRITE, &first, 0, 0, block), NVME_INVALID);
    assert_int_equal(nvme_io(&nvme, 0, NVME_WRITE, &first, 0, 1, block + 2), NVME_INVALID);
    assert_int_equal(nvme_io(&nvme, 0, NVME_WRITE, &first, 0, 1025, block), NVME_INVALID);
    assert_int_equal(nvme_io(&nvme, 0, NVME_WRITE, &first, 0, 0x10001, block), NVME_INVALID);
    assert_int_equal(nvme_io(&nvme, 2, NVME_WRITE, &first, 0, 1, block), NVME_INVALID);
    assert_int_equal(fake.accesses, before);
}

static void many_at_once_out_of_order(void **state)
{
    static uint8_t blocks[NVME_DEPTH][512] __attribute__((aligned(512)));
    bool back[NVME_DEPTH] = {false};
    void *token;
    nvme_status status;

    (void)state;
    open_ok(1, 1);
    device.hold = device.reverse = true;
    for (unsigned i = 0; i < NVME_DEPTH; i++) {
        memset(blocks[i], (int)i, 512);
        assert_int_equal(nvme_start(&nvme, 0, NVME_WRITE, &first, i, 1, blocks[i], blocks[i]), 0);
    }
    assert_int_equal(nvme_start(&nvme, 0, NVME_WRITE, &first, 40, 1, blocks[0], 0), NVME_BUSY);
    assert_int_equal(nvme_io(&nvme, 0, NVME_FLUSH, &first, 0, 0, 0), NVME_BUSY);
    assert_false(nvme_done(&nvme, 0, &token, &status));
    run_held();
    for (unsigned i = 0; i < NVME_DEPTH; i++) {
        assert_true(nvme_done(&nvme, 0, &token, &status));
        assert_int_equal(status, 0);
        unsigned which = (unsigned)(((uint8_t *)token - blocks[0]) / 512);
        assert_false(back[which]);
        back[which] = true;
        assert_int_equal(device.space[1].data[which * 512], which);
    }
    assert_false(nvme_done(&nvme, 0, &token, &status));
}

/* Round and round: phases, with rings of every size that is special. */
static void rings_go_round(void **state)
{
    static const uint16_t entries[] = {1, 2, 31, 32, 33, 63, 2047}; /* CAP.MQES, one less */
    uint8_t block[512];

    (void)state;
    for (unsigned s = 0; s < 7; s++) {
        device.cap = (CAP_QEMU & ~0xffffull) | entries[s];
        open_ok(1, 1);
        for (unsigned n = 0; n < 300; n++) {
            memset(block, (int)n, sizeof(block));
            assert_int_equal(nvme_io(&nvme, 0, NVME_WRITE, &first, n, 1, block), 0);
        }
        unsigned sent = 0;
        while (nvme_start(&nvme, 0, NVME_READ, &first, 0, 1, block, block) == 0 && sent < 1000) {
            device.hold = true;
            sent++;
        }
        assert_int_equal(sent, entries[s] < NVME_DEPTH ? entries[s] : NVME_DEPTH);
        device.hold = false;
        run_held();
        for (nvme_status status; sent > 0; sent--)
            assert_true(nvme_done(&nvme, 0, &(void *){0}, &status) && status == 0);
        for (unsigned n = 0; n < 300; n++)
            assert_int_equal(nvme_identify(&nvme, 0x15, 0, 0, (uint8_t[4096]){0}), 0);
        assert_int_equal(device.space[1].data[299 * 512], (uint8_t)299);
    }
}

static void errors_have_names_and_harm_nothing(void **state)
{
    uint8_t block[512] = {5};

    (void)state;
    open_ok(1, 1);
    device.fail_count = 1;
    device.fail_status = 0x281;
    nvme_status status = nvme_io(&nvme, 0, NVME_READ, &first, 0, 1, block);
    assert_int_equal(status, 0x281);
    assert_string_equal(nvme_error(status), "unrecovered read error");
    assert_string_equal(nvme_error(0x7ff), "another error");
    device.fail_count = 1;
    device.fail_status = 0x400 | 0x281; /* "do not retry" and the like are no part of the status */
    assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, 0, 1, block) & 0xff, 0x81);
    assert_int_equal(nvme_io(&nvme, 0, NVME_WRITE, &first, 0, 1, block), 0);
    struct nvme_namespace foreign = {2, BLOCKS, 512}; /* not attached to us */
    assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &foreign, 0, 1, block), 0x00b);
    assert_false(nvme.failed);
}

/* --- waiting ------------------------------------------------------------------------------------------------------------------------------ */

static void interrupts_wake(void **state)
{
    void *token;
    nvme_status status;
    uint8_t block[512];

    (void)state;
    open_ok(1, 1);
    device.hold = true;
    assert_int_equal(nvme_start(&nvme, 0, NVME_READ, &first, 0, 1, block, block), 0);
    uint64_t began = fake.now;
    nvme_wait(&nvme, 0, began + 2 * MS);
    assert_in_range(fake.now - began, 2 * MS, 3 * MS);
    began = fake.now;
    nvme_wait(&nvme, 0, UINT64_MAX);
    assert_in_range(fake.now - began, 10 * MS, 11 * MS);
    run_held();
    began = fake.now;
    nvme_wait(&nvme, 0, UINT64_MAX);
    assert_true(fake.now - began < MS);
    assert_true(nvme_done(&nvme, 0, &token, &status));
    assert_int_equal(nvme.io[0].wakes, 1);
    assert_int_equal(nvme.io[0].polled, 0);
    assert_false(fake.off);
}

static void held_commands_run(void)
{
    static uint64_t next;

    if (fake.now >= next) {
        next = fake.now + 5 * MS;
        run_held();
    }
}

static void a_lost_interrupt_costs_ten_ms(void **state)
{
    uint8_t block[512];

    (void)state;
    open_ok(1, 1);
    device.lose_interrupts = device.hold = true;
    fake.step = held_commands_run;
    uint64_t began = fake.now;
    assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, 0, 1, block), 0);
    assert_in_range(fake.now - began, 0, 11 * MS);
    assert_int_equal(nvme.io[0].polled, 1);
}

static void what_is_not_answered_fails_in_time(void **state)
{
    static uint8_t blocks[3][512] __attribute__((aligned(512)));
    void *token;
    nvme_status status;

    (void)state;
    open_ok(1, 1);
    nvme.timeout_ns = 3000 * MS;
    device.drop = true;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(nvme_start(&nvme, 0, NVME_READ, &first, i, 1, blocks[i], blocks[i]), 0);
    uint64_t began = fake.now;
    while (!nvme_done(&nvme, 0, &token, &status))
        nvme_wait(&nvme, 0, UINT64_MAX);
    assert_in_range(fake.now - began, 2990 * MS, 3100 * MS);
    /* All that was under way has failed, none twice; the device touches no memory any more. */
    assert_int_equal(status, NVME_FAILED);
    assert_ptr_equal(token, blocks[0]);
    assert_true(nvme_done(&nvme, 0, &token, &status) && token == blocks[1] && status == NVME_FAILED);
    assert_true(nvme_done(&nvme, 0, &token, &status) && token == blocks[2]);
    assert_false(nvme_done(&nvme, 0, &token, &status));
    assert_false(fake.master);
    assert_int_equal(device.cc & 1, 0);
    assert_string_equal(nvme.why, "it did not answer a command in time");
    assert_int_equal(nvme_start(&nvme, 0, NVME_READ, &first, 0, 1, blocks[0], 0), NVME_FAILED);
    assert_int_equal(nvme_identify(&nvme, 1, 0, 0, (uint8_t[4096]){0}), NVME_FAILED);
    device.drop = false;
    open_ok(1, 1);
    assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, 0, 1, blocks[0]), 0);
    device.drop = true; /* the admin queue too */
    began = fake.now;
    assert_int_equal(nvme_secondary_offline(&nvme, 1), NVME_FAILED);
    assert_in_range(fake.now - began, 2990 * MS, 3100 * MS);
}

static void fatal_errors_are_seen_early(void **state)
{
    uint8_t block[512];

    (void)state;
    open_ok(1, 1);
    device.hold = true;
    device.csts |= 2;
    uint64_t began = fake.now;
    assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, 0, 1, block), NVME_FAILED);
    assert_string_equal(nvme.why, "it reports a fatal error");
    assert_true(fake.now - began < 100 * MS);
    device.csts = 0;
    open_ok(1, 0); /* polled */
    device.gone = true;
    assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, 0, 1, block), NVME_FAILED);
    assert_string_equal(nvme.why, "it does not answer any more");
}

/* --- a device that lies ------------------------------------------------------------------------------------------------------------------------ */

static void completions_of_nothing_end_it(void **state)
{
    static const uint16_t ids[] = {1, NVME_DEPTH, 0xffff};
    uint8_t block[512];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        open_ok(1, 1);
        device.wrong_id = ids[i];
        assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, 0, 1, block), NVME_FAILED);
        assert_string_equal(nvme.why, "it completed a command that it was not given");
        assert_false(fake.master);
        device.wrong_id = 0;
    }
    open_ok(1, 1);
    device.wrong_queue = 1;
    assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, 0, 1, block), NVME_FAILED);
    device.wrong_queue = 0;
    open_ok(1, 1);
    assert_int_equal(nvme_io(&nvme, 0, NVME_READ, &first, 0, 1, block), 0);
    uint32_t again[16] = {0}; /* the same once more, unasked */
    complete(1, again, 0, 0);
    void *token = &again;
    nvme_status status;
    assert_false(nvme_done(&nvme, 0, &token, &status));
    assert_true(nvme.failed);
}

static void identify_pages_are_not_believed(void **state)
{
    struct nvme_namespace space;
    struct nvme_secondary secondaries[NVME_SECONDARIES];
    uint16_t controllers[4];
    uint32_t ids[8];
    unsigned count;

    (void)state;
    open_ok(1, 1);
    device.descending = true;
    assert_int_equal(nvme_namespaces(&nvme, false, ids, 8, &count), NVME_NONSENSE);
    device.format = 31 << 16;
    assert_int_equal(nvme_namespace(&nvme, 1, &space), NVME_FORMAT);
    assert_int_equal(space.blocks, 0);
    device.format = 8 << 16;
    assert_int_equal(nvme_namespace(&nvme, 1, &space), NVME_FORMAT);
    device.format = 9 << 16 | 8;
    assert_int_equal(nvme_namespace(&nvme, 1, &space), NVME_FORMAT);
    device.format = 12 << 16;
    device.blocks_claimed = UINT64_MAX;
    assert_int_equal(nvme_namespace(&nvme, 1, &space), NVME_NONSENSE);
    assert_int_equal(space.blocks, 0);
    device.secondaries_claimed = 128;
    assert_int_equal(nvme_secondaries(&nvme, secondaries, NVME_SECONDARIES, &count), NVME_NONSENSE);
    device.secondaries_claimed = 127;
    assert_int_equal(nvme_secondaries(&nvme, secondaries, NVME_SECONDARIES, &count), 0);
    assert_int_equal(count, 127);
    device.controllers_claimed = 0xffff;
    assert_int_equal(nvme_attached(&nvme, 1, controllers, 4, &count), NVME_NONSENSE);
    device.controllers_claimed = 2047;
    assert_int_equal(nvme_attached(&nvme, 1, controllers, 4, &count), 0);
    assert_int_equal(count, 4);
}

/* --- namespaces and virtual functions ------------------------------------------------------------------------------------------------------------ */

static void namespaces_are_listed_and_attached(void **state)
{
    struct nvme_namespace space;
    uint16_t controllers[4];
    uint32_t ids[8];
    unsigned count;

    (void)state;
    open_ok(1, 1);
    assert_int_equal(nvme_namespaces(&nvme, false, ids, 8, &count), 0);
    assert_true(count == 2 && ids[0] == 1 && ids[1] == 3);
    assert_int_equal(nvme_namespaces(&nvme, true, ids, 8, &count), 0);
    assert_int_equal(count, 4);
    assert_int_equal(nvme_namespaces(&nvme, true, ids, 3, &count), 0);
    assert_int_equal(count, 3);
    assert_int_equal(nvme_namespace(&nvme, 2, &space), 0);
    assert_int_equal(space.blocks, 0);
    assert_int_equal(nvme_namespace(&nvme, 9, &space), 0x00b);
    assert_int_equal(nvme_attached(&nvme, 2, controllers, 4, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(nvme_attach(&nvme, 2, 1, true), 0);
    assert_int_equal(nvme_attach(&nvme, 2, 1, true), 0x118);
    assert_int_equal(nvme_attach(&nvme, 2, 2, true), 0x119);
    assert_int_equal(nvme_attached(&nvme, 2, controllers, 4, &count), 0);
    assert_true(count == 1 && controllers[0] == 1);
    assert_int_equal(nvme_attach(&nvme, 2, 1, false), 0);
    assert_int_equal(nvme_attach(&nvme, 2, 1, false), 0x11a);
}

static void secondaries_get_resources_and_go_online(void **state)
{
    struct nvme_resources resources;
    struct nvme_secondary list[4];
    unsigned count;

    (void)state;
    open_ok(1, 1);
    assert_int_equal(nvme_secondary_online(&nvme, 1, 2, 2), 0);
    assert_int_equal(nvme_secondary_online(&nvme, 2, 4, 1), 0);
    assert_int_equal(nvme_resources(&nvme, &resources), 0);
    assert_int_equal(resources.queues, 8);
    assert_int_equal(resources.queues_assigned, 6);
    assert_int_equal(resources.queues_max, 4);
    assert_int_equal(resources.interrupts, 6);
    assert_int_equal(resources.interrupts_assigned, 3);
    assert_int_equal(resources.interrupts_max, 2);
    assert_int_equal(nvme_secondary_online(&nvme, 1, 3, 1), 0); /* other resources: through offline */
    assert_int_equal(nvme_secondaries(&nvme, list, 4, &count), 0);
    assert_int_equal(count, 4);
    assert_true(list[0].controller == 1 && list[0].function == 1 && list[0].online && list[0].queues == 3 &&
                list[0].interrupts == 1);
    assert_true(list[1].online && !list[2].online);
    assert_int_equal(nvme_secondary_online(&nvme, 3, 5, 1), 0x121);
    assert_int_equal(nvme_secondary_online(&nvme, 3, 2, 1), 0x122);
    assert_int_equal(nvme_secondary_online(&nvme, 9, 2, 1), 0x11f);
    assert_int_equal(nvme_secondary_offline(&nvme, 2), 0);
    assert_int_equal(nvme_secondary_online(&nvme, 3, 1, 1), 0x120); /* the admin queue alone is not enough */
    device.give_fewer = 1;
    assert_int_equal(nvme_secondary_online(&nvme, 3, 2, 2), NVME_FEWER);
    assert_false(device.secondary[2].online);
}

static void any_admin_command(void **state)
{
    uint8_t page[4096] = {0};
    uint32_t result;

    (void)state;
    open_ok(1, 1);
    for (unsigned opcode = 0; opcode < 256; opcode++)
        if (opcode != 1 && opcode != 5 && opcode != 9)
            nvme_admin(&nvme, (uint32_t[16]){[0] = opcode | 0xffffff00, [7] = ~0u}, page, &result);
    assert_int_equal(device.opcode_seen[0x99], 1);
    assert_false(nvme.failed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(opens_and_describes),
        TEST(takes_what_it_is_granted),
        TEST(refuses_what_does_not_start),
        TEST(doorbells_stay_in_the_bar),
        TEST(all_shapes_of_buffers),
        TEST(impossible_requests_are_not_sent),
        TEST(many_at_once_out_of_order),
        TEST(rings_go_round),
        TEST(errors_have_names_and_harm_nothing),
        TEST(interrupts_wake),
        TEST(a_lost_interrupt_costs_ten_ms),
        TEST(what_is_not_answered_fails_in_time),
        TEST(fatal_errors_are_seen_early),
        TEST(completions_of_nothing_end_it),
        TEST(identify_pages_are_not_believed),
        TEST(namespaces_are_listed_and_attached),
        TEST(secondaries_get_resources_and_go_online),
        TEST(any_admin_command),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
