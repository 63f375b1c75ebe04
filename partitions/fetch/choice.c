/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions of the fetcher. What it reads from its slice is checked as well: a power cut, or another program before it, may have left
 * anything there. */
#include "choice.h"

#include <string.h>

static bool request_there(const struct fetch_state *state)
{
    return memcmp(state->request.magic, STAGING_REQUEST_MAGIC, sizeof(state->request.magic)) == 0;
}

static bool answered(const struct fetch_state *state, uint64_t number)
{
    return memcmp(state->answer.magic, STAGING_ANSWER_MAGIC, sizeof(state->answer.magic)) == 0 && state->answer.number == number;
}

bool fetch_waits(const struct fetch_state *state)
{
    return request_there(state) && !answered(state, state->request.number);
}

uint64_t fetch_number(const struct fetch_state *state)
{
    uint64_t number = request_there(state) ? state->request.number : 0;

    do
        number++;
    while (number == 0 || answered(state, number)); /* at most three rounds */
    return number;
}

static const char *strange(const struct bundle *u_offered, uint64_t offered_bytes, uint64_t room)
{
    if (memcmp(u_offered->magic, BUNDLE_MAGIC, sizeof(u_offered->magic)) != 0)
        return "what it has is no bundle";
    if (u_offered->format != BUNDLE_FORMAT)
        return "its bundle has a form that this version does not know";
    if (u_offered->size == 0 || u_offered->size % SECTOR != 0 || offered_bytes < SECTOR ||
        u_offered->size != offered_bytes - SECTOR)
        return "its bundle is not as long as it says";
    if (offered_bytes > room)
        return "its bundle is larger than the slice";
    return 0;
}

/* Bytes of what is offered that are in the slice for certain; 0: none. */
static uint64_t kept_bytes(const struct fetch_state *state, const struct bundle *u_offered, uint64_t total)
{
    uint64_t done = state->note.done;

    if (memcmp(state->note.magic, FETCH_MAGIC, sizeof(state->note.magic)) != 0 ||
        memcmp(&state->kept, u_offered, sizeof(state->kept)) != 0)
        return 0;
    return done >= SECTOR && done % SECTOR == 0 && done <= total ? done : 0;
}

struct fetch_plan fetch_plan(const struct fetch_state *state, const struct bundle *u_offered, uint64_t offered_bytes,
                             uint32_t version, uint64_t room)
{
    struct fetch_plan plan = {.step = FETCH_STRANGE, .why = strange(u_offered, offered_bytes, room), .total = offered_bytes};

    if (plan.why)
        return plan;
    plan.from = kept_bytes(state, u_offered, plan.total);
    if (u_offered->version <= version)
        plan.step = FETCH_OLD;
    else if (plan.from == 0)
        plan.step = FETCH_ANEW;
    else if (plan.from < plan.total)
        plan.step = FETCH_RESUME;
    else if (state->note.number != 0 && answered(state, state->note.number))
        plan.step = state->answer.outcome == STAGING_APPLIED ? FETCH_DONE : FETCH_REFUSED;
    else
        plan.step = FETCH_ASK;
    return plan;
}

/* --- answers ------------------------------------------------------------------------------------------------------------------------------- */

static const char *status_wrong(const struct answer *answer)
{
    return answer->wrong                                    ? answer->wrong
           : answer->status != 200 && answer->status != 206 ? "it does not have the file, or does not give it"
           : !answer->has_length                            ? "it does not say how long it is"
           : (answer->status == 206) != answer->has_range   ? "it does not say which part it is"
           : answer->has_range && answer->length != answer->last - answer->first + 1 ? "its length is not that of its range"
                                                                                     : 0;
}

const char *fetch_first(const struct answer *answer, uint64_t *total)
{
    const char *wrong = status_wrong(answer);

    if (wrong)
        return wrong;
    if (answer->has_range && (answer->first != 0 || answer->last != SECTOR - 1))
        return "it is another part than was asked for";
    *total = answer->has_range ? answer->total : answer->length;
    return *total >= SECTOR ? 0 : "it is too short for a bundle";
}

const char *fetch_rest(const struct answer *answer, uint64_t asked, uint64_t total, uint64_t *from)
{
    const char *wrong = status_wrong(answer);

    if (wrong)
        return wrong;
    if ((answer->has_range ? answer->total : answer->length) != total)
        return "the bundle has become another one meanwhile";
    if (answer->has_range && (answer->first != asked || answer->last != total - 1))
        return "it is another part than was asked for";
    *from = answer->has_range ? asked : 0;
    return 0;
}
