/* SPDX-License-Identifier: Apache-2.0 */
/* Intel 82574L. Section numbers: 82574 GbE Controller Family Datasheet, revision 3.4. Legacy descriptors (3.2.4, 3.3.3): 16 bytes each. */
#include "e1000e.h"

#include <string.h>

#include "bh.h"
#include "bh_mmio.h"

enum { /* section 10.2 */
       CTRL = 0x0000,
       STATUS = 0x0008,
       EECD = 0x0010,
       CTRL_EXT = 0x0018,
       ICR = 0x00c0,
       IMS = 0x00d0,
       IMC = 0x00d8,
       EIAC = 0x00dc,
       IVAR = 0x00e4,
       EITR = 0x00e8, /* five of them */
       RCTL = 0x0100,
       TCTL = 0x0400,
       TIPG = 0x0410,
       RDBAL = 0x2800,
       RDBAH = 0x2804,
       RDLEN = 0x2808,
       RDH = 0x2810,
       RDT = 0x2818,
       RDTR = 0x2820,
       RXDCTL = 0x2828,
       RADV = 0x282c,
       TDBAL = 0x3800,
       TDBAH = 0x3804,
       TDLEN = 0x3808,
       TDH = 0x3810,
       TDT = 0x3818,
       TXDCTL = 0x3828,
       CRCERRS = 0x4000,
       MPC = 0x4010,
       RLEC = 0x4040,
       SYMERRS = 0x4008,
       RXCSUM = 0x5000,
       RFCTL = 0x5008,
       MTA = 0x5200, /* 128 of them */
       RAL = 0x5400,
       RAH = 0x5404,
       REGISTERS_END = 0x5600,
};

#define CTRL_FULL_DUPLEX (1u << 0)
#define CTRL_MASTER_DISABLE (1u << 2)
#define CTRL_ASDE (1u << 5)
#define CTRL_LINK_UP (1u << 6)
#define CTRL_RESET (1u << 26)
#define CTRL_FLOW (3u << 27)
#define CTRL_PHY_RESET (1u << 31)
#define STATUS_FULL_DUPLEX (1u << 0)
#define STATUS_LINK (1u << 1)
#define STATUS_SPEED_SHIFT 6
#define STATUS_MASTER (1u << 19)
#define EECD_AUTO_READ_DONE (1u << 9)
#define CTRL_EXT_PBA_CLEAR (1u << 31)
#define INT_RXQ0 (1u << 20)
#define INT_TXQ0 (1u << 22)
#define IVAR_ALL_ON_0 (0x8u | 0x8u << 8 | 0x8u << 16) /* receive queue 0, transmit queue 0, other: valid, vector 0 */
#define RCTL_ENABLE (1u << 1)
#define RCTL_ALL_MULTICAST (1u << 4)
#define RCTL_BROADCAST (1u << 15)
#define RCTL_STRIP_CRC (1u << 26) /* buffers of 2048 bytes, hash of address bits 47..36: zeros */
#define TCTL_ENABLE (1u << 1)
#define TCTL_PAD (1u << 3)
#define TCTL_COLLISIONS (0x0fu << 4 | 0x3fu << 12) /* 10.2.6.1: what full duplex wants */
#define TIPG_COPPER (8u | 8u << 10 | 6u << 20)     /* 10.2.6.2 */
#define DCTL_DESCRIPTORS (1u << 24)                /* thresholds count descriptors */
#define DCTL_WRITE_BACK_EACH (1u << 16)
#define TXDCTL_MUST (1u << 22) /* 10.2.6.10 */
#define RXCSUM_IP (1u << 8)
#define RXCSUM_TCP (1u << 9)
#define RAH_VALID (1u << 31)

#define RX_DONE 0x01u
#define RX_LAST 0x02u
#define RX_UNCHECKED 0x04u
#define RX_TCP_LOOKED 0x20u
#define RX_IP_LOOKED 0x40u
#define RX_BAD 0x97u /* symbol, sequence, CRC, carrier, data */
#define RX_TCP_WRONG 0x20u
#define RX_IP_WRONG 0x40u
#define TX_LAST 0x01u
#define TX_CRC 0x02u
#define TX_REPORT 0x08u
#define TX_DONE 0x01u

#define HEADER 14u /* of the shortest frame that is handed up */
#define STALL_NS 2000000000ull
#define LOOK_NS 1000000ull

struct e1000e_receive_descriptor {
    uint64_t address;
    uint16_t length, checksum;
    uint8_t status, errors;
    uint16_t special;
};
struct e1000e_transmit_descriptor {
    uint64_t address;
    uint16_t length;
    uint8_t checksum_offset, command, status, checksum_start;
    uint16_t special;
};
_Static_assert(sizeof(struct e1000e_receive_descriptor) == 16 && sizeof(struct e1000e_transmit_descriptor) == 16,
               "as the device has it");

static uint32_t get(const struct e1000e *nic, unsigned offset)
{
    return bh_mmio_read32(nic->registers + offset);
}

static void put(const struct e1000e *nic, unsigned offset, uint32_t value)
{
    bh_mmio_write32(nic->registers + offset, value);
}

/* Until (register & bits) == value, at most `ms` looks a millisecond apart. */
static bool settled(const struct e1000e *nic, unsigned offset, uint32_t bits, uint32_t value, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        if ((get(nic, offset) & bits) == value)
            return true;
        bh_sleep_ns(LOOK_NS);
    }
    return (get(nic, offset) & bits) == value;
}

static void on_interrupt(void *arg)
{
    struct e1000e *nic = arg;

    nic->woken = true;
    nic->statistics.interrupts++;
    if (nic->wake)
        nic->wake(nic->wake_arg);
}

/* --- start and stop ---------------------------------------------------------------------------------------------------------- */

/* 4.6.1, 5.2.5.3.3: no DMA under way when the reset comes, no interrupt before or after it. */
static const char *reset(struct e1000e *nic)
{
    put(nic, IMC, ~0u);
    put(nic, RCTL, 0);
    put(nic, TCTL, TCTL_PAD);
    put(nic, CTRL, get(nic, CTRL) | CTRL_MASTER_DISABLE);
    bool quiet = settled(nic, STATUS, STATUS_MASTER, 0, 20);
    put(nic, CTRL, get(nic, CTRL) | CTRL_RESET);
    bh_sleep_ns(LOOK_NS);
    if (!settled(nic, CTRL, CTRL_RESET, 0, 100))
        return quiet ? "the reset does not end" : "neither its memory accesses nor the reset end";
    if (!settled(nic, EECD, EECD_AUTO_READ_DONE, EECD_AUTO_READ_DONE, 100))
        return "its EEPROM was not read in time";
    put(nic, IMC, ~0u);
    (void)get(nic, ICR);
    return 0;
}

static const char *address_read(struct e1000e *nic)
{
    uint32_t low = get(nic, RAL), high = get(nic, RAH);

    for (unsigned i = 0; i < 6; i++)
        nic->mac[i] = (uint8_t)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
    if ((low == 0 && (high & 0xffff) == 0) || nic->mac[0] & 1)
        return "its EEPROM has no MAC address";
    put(nic, RAH, (high & 0xffff) | RAH_VALID);
    return 0;
}

static void groups_write(const struct e1000e *nic)
{
    uint32_t table[128] = {0};

    for (unsigned i = 0; i < nic->group_count; i++) {
        const uint8_t *mac = nic->groups[i].mac;
        unsigned hash = (unsigned)mac[4] >> 4 | (unsigned)mac[5] << 4; /* 10.2.5.19 */
        table[hash >> 5] |= 1u << (hash & 31);
    }
    for (unsigned i = 0; i < 128; i++)
        put(nic, MTA + 4 * i, table[i]);
    put(nic, RCTL, RCTL_ENABLE | RCTL_BROADCAST | RCTL_STRIP_CRC | (nic->all_groups ? RCTL_ALL_MULTICAST : 0));
}

static void rings_start(struct e1000e *nic)
{
    uint64_t receive = bh_dma_address(nic->receive), transmit = bh_dma_address(nic->transmit);

    put(nic, RDBAL, (uint32_t)receive);
    put(nic, RDBAH, (uint32_t)(receive >> 32));
    put(nic, RDLEN, E1000E_RECEIVE * 16);
    put(nic, RDH, 0);
    put(nic, RDT, 0);
    put(nic, RDTR, 0);
    put(nic, RADV, 0);
    put(nic, RXDCTL, DCTL_DESCRIPTORS | DCTL_WRITE_BACK_EACH);
    put(nic, RFCTL, 0);
    put(nic, RXCSUM, RXCSUM_IP | RXCSUM_TCP);
    put(nic, TDBAL, (uint32_t)transmit);
    put(nic, TDBAH, (uint32_t)(transmit >> 32));
    put(nic, TDLEN, E1000E_TRANSMIT * 16);
    put(nic, TDH, 0);
    put(nic, TDT, 0);
    put(nic, TXDCTL, DCTL_DESCRIPTORS | DCTL_WRITE_BACK_EACH | TXDCTL_MUST);
    put(nic, TIPG, TIPG_COPPER);
    put(nic, TCTL, TCTL_ENABLE | TCTL_PAD | TCTL_COLLISIONS);
    groups_write(nic); /* and receiving */
}

static void link_look(struct e1000e *nic)
{
    static const uint16_t speeds[4] = {10, 100, 1000, 1000};
    uint32_t status = get(nic, STATUS);
    bool link = status & STATUS_LINK && status != ~0u;

    nic->statistics.link_changes += link != nic->link;
    nic->link = link;
    nic->speed = link ? speeds[status >> STATUS_SPEED_SHIFT & 3] : 0;
    nic->full_duplex = link && status & STATUS_FULL_DUPLEX;
}

/* A second life of the device keeps groups, statistics and the memory of the rings. */
static const char *rings_prepare(struct e1000e *nic)
{
    if (!nic->receive)
        nic->receive = bh_dma_memory(E1000E_RECEIVE * 16, 4096);
    if (!nic->transmit)
        nic->transmit = bh_dma_memory(E1000E_TRANSMIT * 16, 4096);
    if (!nic->receive || !nic->transmit)
        return "no memory for the rings";
    while (e1000e_leftover(nic))
        ;
    for (unsigned i = 0; i < E1000E_RECEIVE; i++)
        nic->receive[i] = (struct e1000e_receive_descriptor){0};
    nic->receive_head = nic->receive_tail = nic->receive_told = nic->transmit_head = nic->transmit_tail = 0;
    nic->skipping = nic->want_room = nic->woken = false;
    nic->progress_ns = bh_now_ns();
    return 0;
}

/* It reaches memory only when it has been reset and knows our rings. */
const char *e1000e_open(struct e1000e *nic, struct bh_pci *pci, unsigned core, void (*wake)(void *arg), void *arg)
{
    if (nic->pci != pci)
        *nic = (struct e1000e){.pci = pci};
    nic->wake = wake;
    nic->wake_arg = arg;
    nic->registers = bh_pci_map(pci, 0, &nic->registers_size);
    if (!nic->registers || nic->registers_size < REGISTERS_END)
        return "BAR 0 does not hold the registers";
    bh_pci_stop(pci);
    if (get(nic, STATUS) == ~0u)
        return "it does not answer";
    const char *wrong = reset(nic);
    if (!wrong)
        wrong = address_read(nic);
    if (!wrong)
        wrong = rings_prepare(nic);
    if (wrong)
        return wrong;
    if (!bh_pci_interrupt(pci, 0, core, on_interrupt, nic))
        return "no interrupt to be had";
    put(nic, CTRL_EXT, get(nic, CTRL_EXT) | CTRL_EXT_PBA_CLEAR);
    put(nic, IVAR, IVAR_ALL_ON_0);
    put(nic, EIAC, INT_RXQ0 | INT_TXQ0); /* causes clear themselves with the message, 7.4.4.3 */
    put(nic, EITR, 0);
    bh_pci_start(pci);
    rings_start(nic);
    put(nic, CTRL,
        (get(nic, CTRL) & ~(CTRL_MASTER_DISABLE | CTRL_FLOW | CTRL_PHY_RESET)) | CTRL_LINK_UP | CTRL_ASDE | CTRL_FULL_DUPLEX);
    link_look(nic);
    return 0;
}

void e1000e_close(struct e1000e *nic)
{
    if (!nic->registers)
        return;
    put(nic, IMC, ~0u);
    (void)reset(nic); /* it said what it could; the next line holds whatever it says */
    bh_pci_stop(nic->pci);
    bh_pci_interrupt(nic->pci, 0, 0, 0, 0);
    nic->link = false;
}

void *e1000e_leftover(struct e1000e *nic)
{
    for (unsigned i = 0; i < E1000E_RECEIVE; i++)
        if (nic->receive_token[i]) {
            void *token = nic->receive_token[i];
            nic->receive_token[i] = 0;
            return token;
        }
    for (unsigned i = 0; i < E1000E_TRANSMIT; i++)
        if (nic->transmit_token[i]) {
            void *token = nic->transmit_token[i];
            nic->transmit_token[i] = 0;
            return token;
        }
    return 0;
}

/* --- receiving ------------------------------------------------------------------------------------------------------------------ */

/* The device is told of new buffers by the dozen: a register write each costs more than they do. */
static void receive_tell(struct e1000e *nic)
{
    if (nic->receive_told == nic->receive_tail)
        return;
    bh_dma_release();
    put(nic, RDT, nic->receive_tail);
    nic->receive_told = nic->receive_tail;
}

bool e1000e_give(struct e1000e *nic, void *buffer, void *token)
{
    unsigned tail = nic->receive_tail, next = (tail + 1) % E1000E_RECEIVE;

    if (next == nic->receive_head || !token)
        return false;
    nic->receive_token[tail] = token;
    nic->receive_buffer[tail] = buffer;
    nic->receive[tail] = (struct e1000e_receive_descriptor){.address = bh_dma_address(buffer)};
    nic->receive_tail = next;
    if ((next - nic->receive_told) % E1000E_RECEIVE >= 16)
        receive_tell(nic);
    return true;
}

/* What the device wrote into a descriptor is a whole frame that fits. */
static bool acceptable(struct e1000e *nic, uint8_t status, uint8_t errors, uint16_t length)
{
    bool continues = nic->skipping;

    nic->skipping = !(status & RX_LAST);
    if (continues || nic->skipping || length < HEADER || length > E1000E_BUFFER) {
        nic->statistics.refused++;
        return false;
    }
    if (errors & RX_BAD) {
        nic->statistics.bad++;
        return false;
    }
    return true;
}

/* One that is not acceptable goes back to the device at once: at most a ring's worth, however many more come. */
bool e1000e_receive(struct e1000e *nic, struct e1000e_frame *frame)
{
    for (unsigned i = 0; i < E1000E_RECEIVE && nic->receive_head != nic->receive_tail; i++) {
        unsigned head = nic->receive_head;
        uint8_t status = nic->receive[head].status;
        if (!(status & RX_DONE))
            break;
        bh_dma_acquire();
        uint8_t errors = nic->receive[head].errors;
        uint16_t length = nic->receive[head].length;
        void *token = nic->receive_token[head], *buffer = nic->receive_buffer[head];

        nic->receive_token[head] = 0;
        nic->receive_head = (head + 1) % E1000E_RECEIVE;
        if (!acceptable(nic, status, errors, length)) {
            e1000e_give(nic, buffer, token);
            continue;
        }
        bool looked = !(status & RX_UNCHECKED);
        *frame = (struct e1000e_frame){.token = token,
                                       .buffer = buffer,
                                       .length = length,
                                       .ip_checked = looked && status & RX_IP_LOOKED && !(errors & RX_IP_WRONG),
                                       .tcp_checked = looked && status & RX_TCP_LOOKED && !(errors & RX_TCP_WRONG)};
        nic->statistics.received++;
        nic->statistics.received_bytes += length;
        return true;
    }
    receive_tell(nic);
    return false;
}

/* --- sending ---------------------------------------------------------------------------------------------------------------------- */

static unsigned transmit_room(const struct e1000e *nic)
{
    return (nic->transmit_head - nic->transmit_tail - 1) % E1000E_TRANSMIT;
}

static bool is_frame(const struct e1000e_piece *pieces, unsigned count, unsigned *length)
{
    *length = 0;
    if (count == 0 || count > E1000E_PIECES)
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (pieces[i].length == 0)
            return false;
        *length += pieces[i].length;
    }
    return *length <= E1000E_FRAME_MAX;
}

bool e1000e_send(struct e1000e *nic, const struct e1000e_piece *pieces, unsigned count, void *token)
{
    unsigned length, at = nic->transmit_tail;

    if (!token || !is_frame(pieces, count, &length))
        return false;
    if (count > transmit_room(nic)) {
        nic->statistics.no_room++;
        nic->want_room = true;
        return false;
    }
    if (nic->transmit_head == nic->transmit_tail)
        nic->progress_ns = bh_now_ns();
    for (unsigned i = 0; i < count; i++, at = (at + 1) % E1000E_TRANSMIT) {
        bool last = i == count - 1;
        nic->transmit[at] = (struct e1000e_transmit_descriptor){.address = bh_dma_address(pieces[i].bytes),
                                                                .length = pieces[i].length,
                                                                .command = TX_CRC | (last ? TX_LAST | TX_REPORT : 0)};
        nic->transmit_token[at] = last ? token : 0;
        nic->transmit_last[at] = last;
    }
    nic->transmit_tail = at;
    nic->statistics.sent++;
    nic->statistics.sent_bytes += length;
    bh_dma_release();
    put(nic, TDT, at);
    return true;
}

/* Has the oldest frame left? The device says so in its last descriptor, and in no other one. */
static bool has_left(const struct e1000e *nic, unsigned *last)
{
    *last = nic->transmit_head;
    if (*last == nic->transmit_tail)
        return false;
    for (unsigned i = 0; i < E1000E_PIECES && !nic->transmit_last[*last]; i++)
        *last = (*last + 1) % E1000E_TRANSMIT;
    return nic->transmit[*last].status & TX_DONE;
}

void *e1000e_sent(struct e1000e *nic)
{
    unsigned last;

    if (!has_left(nic, &last))
        return 0;
    bh_dma_acquire();
    void *token = nic->transmit_token[last];
    nic->transmit_token[last] = 0;
    nic->transmit_head = (last + 1) % E1000E_TRANSMIT;
    nic->progress_ns = bh_now_ns();
    return token;
}

/* --- waiting and looking after it ---------------------------------------------------------------------------------------------------- */

static bool something_waits(const struct e1000e *nic)
{
    unsigned last;

    return (nic->receive_head != nic->receive_tail && nic->receive[nic->receive_head].status & RX_DONE) ||
           (nic->want_room && has_left(nic, &last));
}

bool e1000e_arm(struct e1000e *nic)
{
    receive_tell(nic);
    nic->woken = false;
    if (nic->want_room && transmit_room(nic) >= E1000E_PIECES) {
        nic->want_room = false;
        return false;
    }
    /* Not OTHER: each small acknowledgement received is such a cause (7.4.3), and no message clears it. The link is looked at instead. */
    put(nic, IMS, INT_RXQ0 | (nic->want_room ? INT_TXQ0 : 0));
    (void)get(nic, STATUS); /* the write has arrived */
    return !something_waits(nic) && !nic->woken;
}

bool e1000e_check(struct e1000e *nic)
{
    if (get(nic, STATUS) == ~0u) {
        nic->link = false;
        return false;
    }
    link_look(nic);
    nic->statistics.missed += get(nic, MPC); /* all clear themselves when read, 10.2.7 */
    nic->statistics.bad += (uint64_t)get(nic, CRCERRS) + get(nic, SYMERRS) + get(nic, RLEC);
    if (!nic->link || nic->transmit_head == nic->transmit_tail) {
        nic->progress_ns = bh_now_ns(); /* without a link frames wait for one, and rightly */
        return true;
    }
    if (bh_now_ns() - nic->progress_ns < STALL_NS)
        return true;
    nic->statistics.stalls++;
    return false;
}

static unsigned group_find(const struct e1000e *nic, const uint8_t mac[6])
{
    unsigned i = 0;

    while (i < nic->group_count && memcmp(nic->groups[i].mac, mac, 6) != 0)
        i++;
    return i;
}

void e1000e_group_join(struct e1000e *nic, const uint8_t mac[6])
{
    unsigned i = group_find(nic, mac);

    if (i < nic->group_count) {
        nic->groups[i].users++;
        return;
    }
    if (nic->group_count == E1000E_GROUPS) {
        nic->all_groups = true; /* for good: nobody counts those that found no place */
    } else {
        memcpy(nic->groups[nic->group_count].mac, mac, 6);
        nic->groups[nic->group_count++].users = 1;
    }
    groups_write(nic);
}

void e1000e_group_leave(struct e1000e *nic, const uint8_t mac[6])
{
    unsigned i = group_find(nic, mac);

    if (i == nic->group_count || --nic->groups[i].users > 0)
        return;
    nic->groups[i] = nic->groups[--nic->group_count];
    groups_write(nic);
}
