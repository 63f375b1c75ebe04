/* SPDX-License-Identifier: Apache-2.0 */
/* The FIFO of a TPM: registers and waits by the PC Client platform's profile (PTP), 6.3 and 6.5. No interrupts: status is polled. */
#include "tpm_fifo.h"

#include <stdbool.h>

#include "bh.h"
#include "bh_mmio.h"

#define ACCESS 0x00u
#define ACCESS_VALID 0x80u
#define ACCESS_ACTIVE 0x20u /* read: it is ours; written: it is given back */
#define ACCESS_REQUEST 0x02u
#define STATUS 0x18u
#define STATUS_VALID 0x80u
#define STATUS_READY 0x40u
#define STATUS_GO 0x20u
#define STATUS_DATA 0x10u
#define STATUS_EXPECT 0x08u
#define FIFO 0x24u
#define INTERFACE 0x30u /* what it speaks, in the lowest four bits */
#define INTERFACE_BUFFER 1u

#define HEADER 10u
#define HEADER_SIZE 2u /* where the answer's size is, most significant byte first */
#define LOOK_NS 100000u
#define ACCESS_NS 750000000ull /* TIMEOUT_A */
#define AGAIN_NS 50000000ull
#define READY_NS 2000000000ull /* TIMEOUT_B */
#define DONE_NS 10000000000ull /* a command; those with memory that outlives the power are the slowest */

static uint32_t access_read(const struct tpm *tpm)
{
    return bh_mmio_read8(tpm->registers + ACCESS);
}

static uint32_t status_read(const struct tpm *tpm)
{
    return bh_mmio_read32(tpm->registers + STATUS);
}

static void status_write(const struct tpm *tpm, uint8_t value)
{
    bh_mmio_write8(tpm->registers + STATUS, value);
}

/* Until these bits of the status are so, which are only looked at while it says that it is valid. */
static bool status_wait(const struct tpm *tpm, uint32_t mask, uint32_t wanted, uint64_t patience)
{
    uint64_t deadline = bh_now_ns() + patience;

    while ((status_read(tpm) & (mask | STATUS_VALID)) != (wanted | STATUS_VALID)) {
        if (bh_now_ns() >= deadline)
            return false;
        bh_sleep_ns(LOOK_NS);
    }
    return true;
}

static bool locality_take(const struct tpm *tpm)
{
    uint64_t deadline = bh_now_ns() + ACCESS_NS;
    uint32_t value;

    while (value = access_read(tpm), (value & ACCESS_VALID) == 0 || value == 0xff) {
        if (bh_now_ns() >= deadline)
            return false;
        bh_sleep_ns(LOOK_NS);
    }
    bh_mmio_write8(tpm->registers + ACCESS, ACCESS_REQUEST);
    while ((access_read(tpm) & (ACCESS_VALID | ACCESS_ACTIVE)) != (ACCESS_VALID | ACCESS_ACTIVE)) {
        if (bh_now_ns() >= deadline)
            return false;
        bh_sleep_ns(LOOK_NS);
    }
    return true;
}

static void locality_give(const struct tpm *tpm)
{
    bh_mmio_write8(tpm->registers + ACCESS, ACCESS_ACTIVE);
}

/* Whatever it was at is given up: saying it once may only end that, and saying it again then makes it ready. */
static bool ready_make(const struct tpm *tpm)
{
    uint64_t deadline = bh_now_ns() + 2 * READY_NS, again = 0;

    while ((status_read(tpm) & STATUS_READY) == 0) {
        if (bh_now_ns() >= deadline)
            return false;
        if (bh_now_ns() >= again) {
            status_write(tpm, STATUS_READY);
            again = bh_now_ns() + AGAIN_NS;
        }
        bh_sleep_ns(LOOK_NS);
    }
    return true;
}

/* How many bytes may go one way or the other without a look at the status. 0: none in time. */
static uint32_t burst(const struct tpm *tpm)
{
    uint64_t deadline = bh_now_ns() + READY_NS;
    uint32_t count;

    while ((count = status_read(tpm) >> 8 & 0xffff) == 0) {
        if (bh_now_ns() >= deadline)
            return 0;
        bh_sleep_ns(LOOK_NS);
    }
    return count;
}

/* It expects more up to the last byte, and nothing behind it. */
static bool send(const struct tpm *tpm, const uint8_t *command, uint32_t size)
{
    uint32_t sent = 0;

    while (sent < size) {
        uint32_t count = burst(tpm), left = size - sent;

        if (count == 0 || (sent > 0 && !status_wait(tpm, STATUS_EXPECT, STATUS_EXPECT, READY_NS)))
            return false;
        for (count = count < left ? count : left; count > 0; count--)
            bh_mmio_write8(tpm->registers + FIFO, command[sent++]);
    }
    return status_wait(tpm, STATUS_EXPECT, 0, READY_NS);
}

/* `to` is not filled beyond `size`, whatever the TPM says. */
static bool receive(const struct tpm *tpm, uint8_t *to, uint32_t size)
{
    uint32_t got = 0;

    while (got < size) {
        uint32_t left = size - got, count;

        if (!status_wait(tpm, STATUS_DATA, STATUS_DATA, READY_NS) || (count = burst(tpm)) == 0)
            return false;
        for (count = count < left ? count : left; count > 0; count--)
            to[got++] = bh_mmio_read8(tpm->registers + FIFO);
    }
    return true;
}

static const char *answer_read(const struct tpm *tpm, uint8_t *answer, uint32_t room, uint32_t *got)
{
    if (room < HEADER || !status_wait(tpm, STATUS_DATA, STATUS_DATA, DONE_NS) || !receive(tpm, answer, HEADER))
        return "the TPM gives no answer";
    uint32_t u_size = (uint32_t)answer[HEADER_SIZE] << 24 | (uint32_t)answer[HEADER_SIZE + 1] << 16 |
                      (uint32_t)answer[HEADER_SIZE + 2] << 8 | answer[HEADER_SIZE + 3];
    if (u_size < HEADER || u_size > room)
        return "the TPM's answer has an impossible size";
    if (!receive(tpm, answer + HEADER, u_size - HEADER) || !status_wait(tpm, STATUS_DATA, 0, READY_NS))
        return "the TPM's answer is not of the size that it says";
    *got = u_size;
    return 0;
}

const char *tpm_command(struct tpm *tpm, const uint8_t *command, uint32_t size, uint8_t *answer, uint32_t room, uint32_t *got)
{
    const char *wrong = 0;

    if (!locality_take(tpm))
        return "no TPM answers";
    if (!ready_make(tpm))
        wrong = "the TPM does not become ready";
    else if (!send(tpm, command, size))
        wrong = "the TPM does not take a command";
    if (!wrong) {
        status_write(tpm, STATUS_GO);
        wrong = answer_read(tpm, answer, room, got);
    }
    status_write(tpm, STATUS_READY); /* done with it, or given up */
    locality_give(tpm);
    return wrong;
}

const char *tpm_open(struct tpm *tpm, volatile uint8_t *registers)
{
    *tpm = (struct tpm){registers};
    if (!registers || !locality_take(tpm))
        return "no TPM answers";
    bool buffer = (bh_mmio_read32(registers + INTERFACE) & 15) == INTERFACE_BUFFER, ready = !buffer && ready_make(tpm);
    locality_give(tpm);
    return buffer ? "the TPM has a command buffer and no FIFO" : ready ? 0 : "the TPM does not become ready";
}
