/* SPDX-License-Identifier: Apache-2.0 */
/* AC-43, AC-44: a driver of virtio ports that lies in every word that it shares with the hypervisor: descriptors, indices, areas, registers,
 * configuration space, messages; and one that never rests. Each attack says what was not noticed. Commands: NAME PORT. */
#include "rogue.h"

#define NET_HEADER 12u
#define STORM_TICKS (3 * TICKS_PER_SECOND)
#define SECTORS 2048u

static unsigned wrong, tried;

static void expect(bool good, const char *what, uint32_t number)
{
    tried++;
    if (good)
        return;
    wrong++;
    say("  %s %u: not as it should be\n", what, number);
}

/* --- descriptors ------------------------------------------------------------------------------------------------------------------- */

static bool breaks(struct port *port, unsigned queue, uint16_t head)
{
    give(port, queue, head);
    notify(port, queue);
    return (port_status(port) & STATUS_BROKEN) != 0;
}

static void descriptors(struct port *port)
{
    const uint32_t here = (uint32_t)port->queues[0].buffers[0], page = (uint32_t)port->messages;
    const struct descriptor bad[] = {
        {RAM_SIZE, 64, 0, 0},      /* behind its memory */
        {RAM_SIZE - 32, 64, 0, 0}, /* over its end */
        {0x40000000, 64, 0, 0},    /* where others and the hypervisor are */
        {0x1ffff000, 64, 0, 0},
        {page, 64, 0, 0}, /* what is answered, not mapped */
        {0xfee00000, 64, 0, 0},
        {0xfffffffffffffff0, 64, 0, 0}, /* wraps */
        {0x8000000000100000, 64, 0, 0}, /* bits that no address has */
        {0x100100000, 64, 0, 0},        /* its own, but for a bit of the upper half */
        {here, 0xffffffff, 0, 0},
        {here, RAM_SIZE, 0, 0},
        {0, 0x80000000, 0, 0},
        {here, 64, 4, 0}, /* an indirect table, which was not agreed on */
        {here, 64, 0xfff8, 0},
        {here, 64, DESCRIPTOR_NEXT, ENTRIES}, /* a next that is none */
        {here, 64, DESCRIPTOR_NEXT, 0xffff},
        {here, 64, DESCRIPTOR_NEXT, 0}, /* itself */
        {here, 0x10000, DESCRIPTOR_NEXT, 0},
    };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        unsigned queue = port->net ? 1 : 0;
        port_open(port, 0xffff);
        port->queues[queue].descriptors[0] = bad[i];
        expect(breaks(port, queue, 0), "descriptor", i);
    }
    for (unsigned i = 0; i < 2; i++) { /* a loop of many; what is to be written before what is to be read */
        unsigned queue = port->net ? 1 : 0;
        port_open(port, 0xffff);
        for (uint16_t k = 0; k < ENTRIES; k++)
            port->queues[queue].descriptors[k] =
                (struct descriptor){here, 4, DESCRIPTOR_NEXT | (i && k == 0 ? DESCRIPTOR_WRITE : 0), (uint16_t)((k + 1) % ENTRIES)};
        expect(breaks(port, queue, 0), "chain", i);
    }
}

/* --- indices ----------------------------------------------------------------------------------------------------------------------- */

static void indices(struct port *port)
{
    static const uint16_t jumps[] = {ENTRIES + 1, 2 * ENTRIES, 0x7fff, 0x8000, 0xffff}, heads[] = {ENTRIES, 0x100, 0x8000, 0xffff};
    unsigned queue = port->net ? 1 : 0;

    for (unsigned i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        port_open(port, 0xffff);
        port->queues[queue].available.index = jumps[i];
        notify(port, queue);
        expect((port_status(port) & STATUS_BROKEN) != 0, "jump", jumps[i]);
    }
    for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        port_open(port, 0xffff);
        expect(breaks(port, queue, heads[i]), "head", heads[i]);
    }
}

static void areas(struct port *port)
{
    const uint32_t here = (uint32_t)port->queues[0].descriptors, page = (uint32_t)port->messages;
    const uint64_t bad[][3] = {{RAM_SIZE, here, here},
                               {RAM_SIZE - 16, here, here},
                               {here + 8, here, here},
                               {page, here, here},
                               {0x40000000, here, here},
                               {0xfffffffffffffff0, here, here},
                               {here, RAM_SIZE - 4, here},
                               {here, here + 1, here},
                               {here, 0x8000000000000000 | here, here},
                               {here, here, RAM_SIZE},
                               {here, here, RAM_SIZE - 8},
                               {here, here, here + 2},
                               {here, here, 0x100000000ull | here}};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        port_open(port, 0xffff);
        out8((uint16_t)(port->registers + AT_STATUS), 0);
        port_areas(port, 0, bad[i][0], bad[i][1], bad[i][2]);
        expect((port_status(port) & STATUS_BROKEN) != 0, "area", i);
        out16((uint16_t)(port->registers + AT_SELECT), 0);
        expect(in((uint16_t)(port->registers + AT_ENABLE), 2) == 0, "switched on", i);
    }
}

/* --- registers --------------------------------------------------------------------------------------------------------------------- */

/* Every register with every width, configuration space, the page of messages; then as it was. Interrupts that come of it must be such as it could
 * have asked for: an exception's vector ends this life. */
static void registers(struct port *port)
{
    uint32_t image[64];

    for (unsigned i = 0; i < 64; i++)
        image[i] = config_read(port->slot, 4 * i);
    for (unsigned i = 0; i < 4000; i++) {
        uint16_t at = (uint16_t)(port->registers + random32() % 0x80);
        unsigned width = 1u << random32() % 3;

        in(at, width);
        if (width == 1)
            out8(at, (uint8_t)random32());
        else if (width == 2)
            out16(at, (uint16_t)random32());
        else
            out32(at, random32());
        config_write(port->slot, random32() % 256, random32());
        port->messages[random32() % 1024] = random32() % 2 ? random32() : 0xfee00000u | random32() % 16 << 12;
        tried++;
    }
    for (unsigned i = 0; i < 64; i++)
        config_write(port->slot, 4 * i, image[i]);
    for (unsigned i = 0; i < 64; i++)
        expect((config_read(port->slot, 4 * i) & ~0xffff0000u) == (image[i] & ~0xffff0000u), "configuration", 4 * i);
    for (unsigned at = AT_DEVICE; port->net && at < AT_DEVICE + 6; at++)
        expect(in((uint16_t)(port->registers + at), 1) == port->mac[at - AT_DEVICE], "address", at);
}

/* --- messages ---------------------------------------------------------------------------------------------------------------------- */

static uint32_t sum_of_interrupts(void)
{
    uint32_t sum = 0;

    for (unsigned i = 32; i < 256; i++)
        sum += i == VECTOR_TICK ? 0 : interrupts[i];
    return sum;
}

/* One message with this entry. How many interrupts came. */
static uint32_t message(struct port *port, uint32_t low, uint32_t high, uint32_t data)
{
    uint32_t before = sum_of_interrupts();
    unsigned queue = port->net ? 1 : 0;

    port_open(port, VECTOR_PORT);
    out16((uint16_t)(port->registers + AT_CONFIG_VECTOR), 0);
    for (unsigned i = 0; i < 3; i++) {
        port->messages[4 * i] = low;
        port->messages[4 * i + 1] = high;
        port->messages[4 * i + 2] = data;
    }
    port->queues[queue].descriptors[0] = (struct descriptor){(uint32_t)port->queues[queue].buffers[0], NET_HEADER + 60, 0, 0};
    breaks(port, queue, 0); /* a frame, or a request that is none: the driver is told either way */
    wait_ticks(2);
    return sum_of_interrupts() - before;
}

static void messages(struct port *port)
{
    const uint32_t self = apic_id() << 12 | 0xfee00000u;

    expect(message(port, self, 0, VECTOR_PORT) > 0, "message", 0);
    for (uint32_t vector = 0; vector < 16; vector++) /* those that no local APIC delivers */
        expect(message(port, self, 0, vector) == 0, "exception", vector);
    for (uint32_t mode = 2; mode < 8; mode++) /* SMI, NMI, INIT, ExtINT */
        expect(message(port, self, 0, mode << 8 | VECTOR_PORT) == 0, "mode", mode);
    for (uint32_t id = 0; id < 256; id += id < 16 ? 1 : 17) /* every core, and all of them */
        if (id << 12 != (self & 0xff000))
            expect(message(port, 0xfee00000u | id << 12, 0, VECTOR_PORT) == 0, "core", id);
    expect(message(port, self, 1, VECTOR_PORT) == 0, "upper half", 1);
    expect(message(port, 0x100000, 0, VECTOR_PORT) == 0, "memory", 0);
    expect(message(port, 0xfed00000, 0, VECTOR_PORT) == 0, "memory", 1);
}

/* --- without rest ------------------------------------------------------------------------------------------------------------------ */

/* A frame or a flush in each, as fast as it goes, then notifies of nothing. */
static void storm(struct port *port)
{
    unsigned queue = port->net ? 1 : 0;
    uint32_t begin = ticks(), notified = 0;

    port_open(port, 0xffff);
    port->queues[queue].descriptors[0] = (struct descriptor){(uint32_t)port->queues[1].buffers[0], NET_HEADER + 60, 0, 0};
    for (; ticks() - begin < STORM_TICKS; notified++) {
        if (port->net && ticks() - begin < STORM_TICKS / 2)
            give(port, queue, 0);
        notify(port, queue);
        notify(port, 0xffff);
    }
    expect(notified > 100 && !(port_status(port) & STATUS_BROKEN), "storm", notified);
}

/* Frames of any size and content, what looks like one more often than not. */
static void frames(struct port *port)
{
    volatile struct queue *queue = &port->queues[1];
    uint32_t head, size;

    port_open(port, 0xffff);
    for (unsigned i = 0; i < 1500 && port->net; i++) {
        volatile uint8_t *frame = queue->buffers[0];
        uint32_t kinds[] = {0x0608, 0x0008, 0xdd86, 0x0081, random32()}, length = random32() % (i % 4 ? 200 : 2048);

        for (unsigned k = 0; k < length; k += 4)
            *(volatile uint32_t *)(frame + k) = random32();
        if (i % 2)
            *(volatile uint32_t *)(frame + NET_HEADER) = ~0u, *(volatile uint16_t *)(frame + NET_HEADER + 4) = 0xffff;
        *(volatile uint16_t *)(frame + NET_HEADER + 12) = (uint16_t)kinds[i % 5];
        *(volatile uint8_t *)(frame + NET_HEADER + 14) = i % 3 ? 0x45 : 0x60;
        queue->descriptors[0] = (struct descriptor){(uint32_t)frame, length ? length : 1, 0, 0};
        give(port, 1, 0);
        notify(port, 1);
        expect(take(port, 1, TICKS_PER_SECOND, &head, &size), "frame", i);
    }
}

/* Requests of any kind, anywhere in and outside the slice, with room for what is asked or too little. */
static void requests(struct port *port)
{
    volatile struct queue *queue = &port->queues[0];
    unsigned answered = 0;
    uint32_t head, size;

    port_open(port, 0xffff);
    for (unsigned i = 0; i < 300 && !port->net; i++) {
        volatile uint32_t *header = (volatile uint32_t *)queue->buffers[0];

        header[0] = i % 3 ? random32() % 10 : random32();
        header[1] = random32();
        header[2] = random32() % (2 * SECTORS), header[3] = i % 5 ? 0 : random32();
        queue->descriptors[0] = (struct descriptor){(uint32_t)header, 16, DESCRIPTOR_NEXT, 1};
        queue->descriptors[1] = (struct descriptor){(uint32_t)queue->buffers[4], i % 2 ? random32() % 20000 + 1 : 512,
                                                    (uint16_t)(DESCRIPTOR_NEXT | (random32() & DESCRIPTOR_WRITE)), 2};
        queue->descriptors[2] = (struct descriptor){(uint32_t)queue->buffers[3], 1, DESCRIPTOR_WRITE, 0};
        give(port, 0, 0);
        notify(port, 0);
        answered += take(port, 0, 3 * TICKS_PER_SECOND, &head, &size);
    }
    expect(port->net || answered == 300, "answers", answered);
}

/* --- what an honest one does, to see that all of it still works --------------------------------------------------------------------- */

static void traffic(struct port *port)
{
    port_open(port, 0xffff);
    for (unsigned i = 0; i < 10; i++)
        if (port->net) {
            expect(frame_there_and_back(port), "frame", i);
        } else {
            expect(request(port, 1, i, 0x5afe0000 + 256 * i) == 0, "write", i);
            expect(request(port, 0, i, 0x5afe0000 + 256 * i) == 0, "read", i);
        }
}

/* While the other end lies: it must end, whatever comes. Data that was not written there is wrong only if the answer says that it is good. */
static void patience(struct port *port)
{
    unsigned answers[4] = {0};

    port_open(port, 0xffff);
    for (unsigned i = 0; i < (port->net ? 1u : 2u); i++) {
        uint32_t answer = port->net ? (frame_there_and_back(port) ? 0 : 0x100) : request(port, 0, i, 0);
        answers[answer > 2 ? 3 : answer]++;
        tried++;
        if (port_status(port) & STATUS_BROKEN)
            expect(false, "broken", i);
        port_open(port, 0xffff);
    }
    say("rogue: answers %u good, %u errors, %u unknown, %u others\n", answers[0], answers[1], answers[2], answers[3]);
}

static void command(const char *line)
{
    static const struct {
        const char *name;
        void (*run)(struct port *port);
    } attacks[] = {{"descriptors", descriptors}, {"indices", indices},  {"areas", areas},   {"registers", registers},
                   {"messages", messages},       {"storm", storm},      {"frames", frames}, {"requests", requests},
                   {"traffic", traffic},         {"patience", patience}};

    for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        unsigned k = 0, number;

        while (attacks[i].name[k] && attacks[i].name[k] == line[k])
            k++;
        number = line[k] == ' ' ? (unsigned)(line[k + 1] - '0') : PORTS;
        if (attacks[i].name[k] || number >= port_count)
            continue;
        wrong = tried = 0;
        say("rogue: %s begins\n", attacks[i].name);
        attacks[i].run(&ports[number]);
        say("attack %s %u: %u surprises of %u: %s\n", attacks[i].name, number, wrong, tried, wrong ? "FAIL" : "PASS");
        return;
    }
    say("rogue: no attack '%s'\n", line);
}

void main(void);
void main(void)
{
    char line[64];

    machine_start();
    ports_find();
    for (unsigned i = 0; i < port_count; i++)
        say("rogue: port %u, slot %u, registers %x, messages %x, %s\n", i, ports[i].slot, ports[i].registers,
            (uint32_t)ports[i].messages, ports[i].net ? "net" : "disk");
    say("rogue: up, %u ports\n", port_count);
    for (;;) {
        if (line_read(line, sizeof(line)))
            command(line);
        wait_ticks(2);
    }
}
