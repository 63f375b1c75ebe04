/* SPDX-License-Identifier: Apache-2.0 */
/* A look at the feed, and all that follows from it. */
#include "look.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bh.h"
#include "choice.h"
#include "stage.h"
#include "wire.h"

#define SECOND 1000000000ull
#define ANSWER_NS (SECOND / 2) /* from one look at the disk owner's answer to the next */
#define NOTE_BYTES (256u << 10)
#define DOUBLINGS 6u

static struct fetch_state state;
static uint64_t waits_for; /* number of a request that has been said; 0: none */
static struct {
    unsigned failures;         /* looks one after another that came to nothing */
    unsigned refusals, passed; /* of the bundle that is offered: times refused; looks since then that it was passed over */
} patience;

/* A feed that is not there says so once, not with every look. */
static bool fail(const char *why)
{
    static const char *last;

    if (patience.failures == 0 || why != last)
        printf("error: fetch: %s\n", why);
    last = why;
    return false;
}

/* --- a bundle ---------------------------------------------------------------------------------------------------------------------- */

/* False: cut, before the end; or the slice failed. What has come is kept. */
static bool body_take(uint64_t from, uint64_t total)
{
    uint64_t at = from, noted = from;
    const uint8_t *bytes;

    while (at < total) {
        size_t want = total - at < WIRE_PIECE ? (size_t)(total - at) : WIRE_PIECE, have = wire_wait(want, &bytes);
        size_t whole = have < want ? have / SECTOR * SECTOR : want;
        if (at == 0 && whole > 0 && memcmp(bytes, &state.kept, SECTOR) != 0)
            return fail("the bundle has become another one meanwhile");
        if (whole > 0 && !stage_write(at, bytes, whole))
            return false;
        wire_take(whole);
        at += whole;
        if ((have < want || at == total || at - noted >= NOTE_BYTES) && at > noted) {
            if (!stage_note(at, 0))
                return false;
            noted = at;
            patience.failures = 0;
        }
        if (have < want) {
            printf("fetch: the connection was cut at byte %" PRIu64 " of %" PRIu64 "\n", at, total);
            return false;
        }
    }
    return true;
}

static bool rest_fetch(const struct fetcher *fetcher, const struct fetch_plan *plan)
{
    struct answer answer;
    uint64_t begin = bh_now_ns(), from;
    const char *wrong = wire_ask(&fetcher->feed, plan->from, 0, &answer);

    if (!wrong)
        wrong = fetch_rest(&answer, plan->from, plan->total, &from);
    if (wrong)
        return fail(wrong);
    if (from == 0 && plan->from > SECTOR) {
        printf("fetch: the feed gives no parts: from the beginning\n");
        if (!stage_begin(&state.kept))
            return false;
    }
    if (!body_take(from, plan->total))
        return false;
    printf("fetch: %" PRIu64 " bytes came in %" PRIu64 " ms\n", plan->total - from, (bh_now_ns() - begin) / 1000000);
    return true;
}

static bool anew(const struct fetcher *fetcher, const struct bundle *offered, struct fetch_plan *plan)
{
    printf("fetch: version %" PRIu32 ", %" PRIu64 " bytes\n", offered->version, plan->total);
    plan->from = SECTOR;
    state.kept = *offered;
    return stage_begin(offered) && rest_fetch(fetcher, plan);
}

/* Ask for it to be taken. */
static bool request(uint64_t total)
{
    if (!stage_read(&state))
        return false;
    uint64_t number = fetch_number(&state);
    printf("fetch: version %" PRIu32 " is there, request %" PRIu64 "\n", state.kept.version, number);
    waits_for = number;
    return stage_note(total, number) && stage_request(number);
}

/* Until nothing stands there that is not answered: before that the slice is not ours. False: it cannot be read. */
static bool settle(void)
{
    if (!stage_read(&state))
        return false;
    while (fetch_waits(&state)) {
        if (state.request.number != waits_for)
            printf("fetch: request %" PRIu64 ", made before this start, has no answer yet\n", state.request.number);
        waits_for = state.request.number;
        wire_pause(bh_now_ns() + ANSWER_NS);
        if (!stage_read(&state))
            return false;
    }
    if (waits_for != 0 && waits_for == state.note.number && state.answer.outcome == STAGING_APPLIED)
        printf("fetch: request %" PRIu64 ": %.107s\n", waits_for, state.answer.text);
    else if (waits_for != 0 && waits_for == state.note.number)
        printf("error: fetch: request %" PRIu64 " was refused: %.107s\n", waits_for, state.answer.text);
    waits_for = 0;
    return true;
}

/* --- a look ------------------------------------------------------------------------------------------------------------------------ */

static bool first_fetch(const struct fetcher *fetcher, struct bundle *offered, uint64_t *total)
{
    struct answer answer;
    const uint8_t *bytes;
    const char *wrong = wire_ask(&fetcher->feed, 0, SECTOR - 1, &answer);

    if (!wrong)
        wrong = fetch_first(&answer, total);
    if (!wrong && wire_wait(SECTOR, &bytes) < SECTOR)
        wrong = "the connection was cut";
    if (!wrong)
        memcpy(offered, bytes, sizeof(*offered));
    wire_end();
    return wrong ? fail(wrong) : true;
}

/* It was damaged on its way, or will be refused again: fetched anew with the second look after that, then with the fourth, the eighth, ... */
static bool again(void)
{
    if (patience.refusals == 0)
        patience.refusals = 1;
    if (++patience.passed < 1u << patience.refusals)
        return false;
    patience.passed = 0;
    patience.refusals += patience.refusals < DOUBLINGS;
    return true;
}

static bool follow(const struct fetcher *fetcher, struct fetch_plan *plan, const struct bundle *offered)
{
    if (plan->step != FETCH_REFUSED && plan->step != FETCH_ASK && memcmp(&state.kept, offered, SECTOR) != 0)
        patience.refusals = patience.passed = 0;
    switch (plan->step) {
    case FETCH_STRANGE:
        return fail(plan->why);
    case FETCH_OLD:
    case FETCH_DONE:
        return true;
    case FETCH_REFUSED:
        if (!again())
            return true;
        /* fallthrough */
    case FETCH_ANEW:
        if (!anew(fetcher, offered, plan))
            return false;
        break;
    case FETCH_RESUME:
        printf("fetch: version %" PRIu32 ", from byte %" PRIu64 " of %" PRIu64 " on\n", offered->version, plan->from, plan->total);
        if (!rest_fetch(fetcher, plan))
            return false;
        break;
    case FETCH_ASK:
        break;
    }
    return request(plan->total) && settle();
}

/* False: it came to nothing, try again soon. */
static bool look(const struct fetcher *fetcher)
{
    struct bundle offered;
    uint64_t total;

    if (!settle() || !first_fetch(fetcher, &offered, &total))
        return false;
    struct fetch_plan plan = fetch_plan(&state, &offered, total, fetcher->version, stage_room());
    bool good = follow(fetcher, &plan, &offered);
    wire_end();
    return good;
}

/* Soon after a failure, then twice as late each time. */
uint64_t fetcher_look(const struct fetcher *fetcher)
{
    if (look(fetcher)) {
        patience.failures = 0;
        return fetcher->every;
    }
    uint64_t seconds = 1ull << patience.failures;
    patience.failures += patience.failures < 20;
    return seconds < fetcher->every ? seconds : fetcher->every;
}
