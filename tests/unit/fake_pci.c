/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_pci.h. */
#include "fake_pci.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "dev.h"
#include "x86.h"

#define ECAM ((uint8_t *)0x10000000000u) /* never touched */

struct fake_pci fake_pci;
static uint32_t latch;

void fake_pci_reset(void)
{
    memset(&fake_pci, 0, sizeof(fake_pci));
    fake_pci.ecam = true;
}

uint32_t fake_get(const struct fake_function *function, unsigned offset, unsigned size)
{
    uint32_t value = 0;

    memcpy(&value, function->space + offset, size);
    return value;
}

void fake_put(struct fake_function *function, unsigned offset, unsigned size, uint32_t value)
{
    memcpy(function->space + offset, &value, size);
}

static void writable(struct fake_function *function, unsigned offset, unsigned size, uint32_t mask)
{
    memcpy(function->writable + offset, &mask, size);
}

struct fake_function *fake_pci_add(uint16_t requester, uint16_t vendor, uint16_t id, uint32_t class_code, uint8_t header)
{
    struct fake_function *function = &fake_pci.functions[fake_pci.count++];
    bool bridge = (header & 0x7f) == 1;

    if (fake_pci.count > FAKE_FUNCTIONS)
        abort();
    *function = (struct fake_function){.requester = requester};
    fake_put(function, 0x00, 4, vendor | (uint32_t)id << 16);
    fake_put(function, 0x08, 4, class_code << 8 | 0x02);
    fake_put(function, 0x0e, 1, header);
    writable(function, 0x04, 2, 0x0547);
    function->ones_clear[0x07] = 0xf9;
    writable(function, bridge ? 0x38 : 0x30, 4, 0xfffff801);
    if (bridge) {
        writable(function, 0x18, 4, 0xffffff);
        writable(function, 0x1c, 2, 0xf0f0);
        writable(function, 0x20, 4, 0xfff0fff0);
        writable(function, 0x24, 4, 0xfff0fff0);
        writable(function, 0x28, 4, ~0u);
        writable(function, 0x2c, 4, ~0u);
        writable(function, 0x30, 4, ~0u);
        writable(function, 0x3e, 2, 0x7f);
        fake_put(function, 0x1c, 2, 0x0101);
        fake_put(function, 0x24, 4, 0x00010001);
        function->ones_clear[0x1f] = 0xf9;
    }
    return function;
}

static bool present(const struct fake_function *function)
{
    const struct fake_function *pf = function->pf;

    if (pf == NULL)
        return !function->absent;
    return !function->absent && (fake_get(pf, pf->sriov + 8, 2) & 1) && function->vf_index < fake_get(pf, pf->sriov + 0x10, 2);
}

struct fake_function *fake_pci_at(uint16_t requester)
{
    for (unsigned i = 0; i < fake_pci.count; i++)
        if (fake_pci.functions[i].requester == requester && present(&fake_pci.functions[i]))
            return &fake_pci.functions[i];
    return NULL;
}

void fake_pci_bar(struct fake_function *function, unsigned offset, uint8_t bits, uint64_t size)
{
    uint64_t mask = ~(size - 1) & ~(uint64_t)(bits & 1 ? 3 : 15);

    fake_put(function, offset, 4, bits);
    writable(function, offset, 4, bits & 1 ? mask & 0xffff : (uint32_t)mask);
    if ((bits & 7) == 4)
        writable(function, offset + 4, 4, (uint32_t)(mask >> 32));
}

unsigned fake_pci_capability(struct fake_function *function, uint8_t id, unsigned size)
{
    unsigned at = function->chain == 0 ? 0x40 : (function->chain + function->chain_size + 3) & ~3u;

    function->space[function->chain == 0 ? 0x34 : function->chain + 1] = (uint8_t)at;
    function->space[0x06] |= 0x10;
    function->space[at] = id;
    function->chain = at;
    function->chain_size = size;
    if (at + size > 0x100)
        abort();
    return at;
}

unsigned fake_pci_extended(struct fake_function *function, uint16_t id, unsigned size)
{
    unsigned at = function->extended == 0 ? 0x100 : (function->extended + 0x80u);

    if (size > 0x80)
        abort();
    if (function->extended != 0)
        fake_put(function, function->extended, 4, (fake_get(function, function->extended, 4) & 0xfffff) | (uint32_t)at << 20);
    fake_put(function, at, 4, id | 1u << 16);
    function->extended = at;
    return at;
}

void fake_pci_power(struct fake_function *function)
{
    function->pm = fake_pci_capability(function, 0x01, 8);
    fake_put(function, function->pm + 2, 2, 0xc803);
    writable(function, function->pm + 4, 2, 0x0103);
}

void fake_pci_express(struct fake_function *function, unsigned type, uint32_t device_caps)
{
    unsigned at = fake_pci_capability(function, 0x10, 0x3c);

    function->express = at;
    fake_put(function, at + 2, 2, 2 | type << 4);
    fake_put(function, at + 4, 4, device_caps);
    fake_put(function, at + 8, 2, 0x2810); /* the defaults: no-snoop and relaxed ordering allowed, requests of 512 bytes */
    writable(function, at + 8, 2, 0x7fff);
    writable(function, at + 0x28, 2, 0x047f);
    if (type == 4) {
        writable(function, at + 0x1c, 2, 0x1f);
        fake_put(function, at + 0x24, 4, 0x20);
    }
}

void fake_pci_msix(struct fake_function *function, unsigned vectors, uint32_t table, uint32_t pba)
{
    unsigned at = fake_pci_capability(function, 0x11, 12);

    fake_put(function, at + 2, 2, vectors - 1);
    fake_put(function, at + 4, 4, table);
    fake_put(function, at + 8, 4, pba);
    writable(function, at + 2, 2, 0xc000);
}

void fake_pci_acs(struct fake_function *function, uint16_t caps)
{
    unsigned at = fake_pci_extended(function, 0x0d, 8);

    fake_put(function, at + 4, 2, caps);
    writable(function, at + 6, 2, caps);
}

void fake_pci_sriov(struct fake_function *function, uint16_t total, uint16_t offset, uint16_t stride, uint16_t id, uint64_t size)
{
    unsigned at = fake_pci_extended(function, 0x10, 0x40);

    function->sriov = at;
    writable(function, at + 8, 2, 0x19);
    fake_put(function, at + 0x0c, 4, total | (uint32_t)total << 16);
    writable(function, at + 0x10, 2, 0xffff);
    fake_put(function, at + 0x14, 4, offset | (uint32_t)stride << 16);
    fake_put(function, at + 0x1a, 2, id);
    fake_put(function, at + 0x1c, 4, 0x553);
    fake_put(function, at + 0x20, 4, 1);
    writable(function, at + 0x20, 4, 0x553);
    fake_pci_bar(function, at + 0x24, 4, size);
    for (unsigned i = 0; i < total; i++) {
        struct fake_function *vf = fake_pci_add((uint16_t)(function->requester + offset + i * stride), 0xffff, 0xffff, 0x010802, 0);

        vf->pf = function;
        vf->vf_index = i;
        memset(vf->writable, 0, sizeof(vf->writable));
        writable(vf, 0x04, 2, 0x0004);
    }
}

void fake_pci_ready(void)
{
    for (unsigned i = 0; i < fake_pci.count; i++)
        memcpy(fake_pci.functions[i].power_on, fake_pci.functions[i].space, 4096);
}

/* --- what registers do -------------------------------------------------------------------------------------------------------- */

static void function_reset(struct fake_function *function)
{
    if (function->deaf)
        return;
    if (function->pending)
        fake_pci.reset_while_pending++;
    memcpy(function->space, function->power_on, 4096);
    function->silent_now = function->silent;
    function->resets++;
}

static void bus_reset(unsigned first, unsigned last)
{
    for (unsigned i = 0; i < fake_pci.count; i++)
        if (fake_pci.functions[i].requester >> 8 >= first && fake_pci.functions[i].requester >> 8 <= last)
            function_reset(&fake_pci.functions[i]);
}

static bool covers(unsigned offset, unsigned size, unsigned byte)
{
    return byte >= offset && byte < offset + size;
}

static uint32_t space_read(uint16_t requester, unsigned offset, unsigned size)
{
    struct fake_function *function = fake_pci_at(requester);

    fake_pci.reads++;
    if (offset % size != 0 || offset + size > 4096)
        fake_pci.wide++;
    if (function == NULL || (function->silent_now > 0 && function->silent_now-- > 0))
        return ~0u;
    if (function->express && function->pending && offset == function->express + 8) {
        function->pending--;
        return fake_get(function, offset, size) | 0x200000;
    }
    return fake_get(function, offset, size);
}

static void space_write(uint16_t requester, unsigned offset, unsigned size, uint32_t value)
{
    struct fake_function *function = fake_pci_at(requester);
    uint32_t before;

    fake_pci.writes++;
    if (offset % size != 0 || offset + size > 4096)
        fake_pci.wide++;
    if (function == NULL || function->silent_now > 0)
        return;
    if (offset >= 0x10 && offset < 0x28 && size == 4 && value == ~0u && (function->space[0x0e] & 0x7f) == 0 &&
        function->space[4] & 3)
        fake_pci.sized_while_decoding++;
    before = function->pm ? function->space[function->pm + 4] & 3 : 0;
    for (unsigned i = 0; i < size; i++) {
        uint8_t *byte = &function->space[offset + i], mask = function->writable[offset + i], in = (uint8_t)(value >> 8 * i);

        *byte = (uint8_t)((*byte & ~mask) | (in & mask));
        *byte = (uint8_t)(*byte & ~(in & function->ones_clear[offset + i]));
    }
    if (function->express && covers(offset, size, function->express + 9) && value >> 8 * (function->express + 9 - offset) & 0x80 &&
        fake_get(function, function->express + 4, 4) & 1u << 28)
        function_reset(function);
    else if (before == 3 && (function->space[function->pm + 4] & 3) == 0 && !(function->space[function->pm + 4] & 8))
        function_reset(function);
    if ((function->space[0x0e] & 0x7f) == 1 && covers(offset, size, 0x3e) && value >> 8 * (0x3e - offset) & 0x40)
        bus_reset(function->space[0x19], function->space[0x1a]);
    if (fake_pci.on_write)
        fake_pci.on_write(function, offset, size, value);
}

/* --- the ways there ----------------------------------------------------------------------------------------------------------- */

uint8_t *arch_ecam(void)
{
    return fake_pci.ecam ? ECAM : NULL;
}

uint32_t ecam_read(const uint8_t *at)
{
    size_t place = (size_t)(at - ECAM);

    return space_read((uint16_t)(place >> 12), place & 4095, 4);
}

void ecam_write(uint8_t *at, unsigned size, uint32_t value)
{
    size_t place = (size_t)(at - ECAM);

    space_write((uint16_t)(place >> 12), place & 4095, size, value);
}

/* Another thread may come between the two ports. */
void outl(uint16_t port, uint32_t value)
{
    if (port == FAKE_DEVICE_PORT)
        fake_pci.port = value;
    if (port == 0xcf8)
        latch = value;
    else if (latch & 0x80000000)
        space_write((uint16_t)(latch >> 8), (latch & 0xfc) + (port & 3), 4, value);
    if (fake_pci.threads)
        sched_yield();
}

uint32_t inl(uint16_t port)
{
    if (port == FAKE_DEVICE_PORT)
        return fake_pci.port;
    if (fake_pci.threads)
        sched_yield();
    return port == 0xcfc && latch & 0x80000000 ? space_read((uint16_t)(latch >> 8), latch & 0xfc, 4) : ~0u;
}

uint16_t inw(uint16_t port)
{
    return port == FAKE_DEVICE_PORT ? (uint16_t)fake_pci.port : 0xffff;
}

uint8_t inb(uint16_t port)
{
    return port == FAKE_DEVICE_PORT ? (uint8_t)fake_pci.port : 0xff;
}

void outw(uint16_t port, uint16_t value)
{
    if (port == FAKE_DEVICE_PORT)
        fake_pci.port = 0xa5a50000u | value;
    if (latch & 0x80000000)
        space_write((uint16_t)(latch >> 8), (latch & 0xfc) + (port & 3), 2, value);
}

void outb(uint16_t port, uint8_t value)
{
    if (port == FAKE_DEVICE_PORT)
        fake_pci.port = 0xa5a5a500u | value;
    if (latch & 0x80000000)
        space_write((uint16_t)(latch >> 8), (latch & 0xfc) + (port & 3), 1, value);
}

void *arch_mmio(hpa_t page)
{
    fake_pci.device_page_at = page.v;
    fake_pci.device_pages++;
    return fake_pci.device_page;
}
