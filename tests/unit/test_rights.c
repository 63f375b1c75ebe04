/* SPDX-License-Identifier: Apache-2.0 */
/* Rights of partitions over others: who may do what, how often, and what is told of whom; and the trace that is read by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "console.h"
#include "fake_arch.h"
#include "fake_partition.h"
#include "fake_plan.h"
#include "rights.h"
#include "trace.h"

enum { LINUX_GUEST, CONTROL, HELLO };
#define ASKING (&vcpus[2]) /* control's */

static struct {
    unsigned audits, pauses, resumes, holds, keys;
    uint8_t key[64];
    bool refuse; /* pause, resume and hold find another state */
} seen;

void console_audit(void)
{
    seen.audits++;
}
void console_input(struct partition *partition, uint8_t byte)
{
    assert_int_equal(partition->index, HELLO);
    seen.key[seen.keys++ % 64] = byte;
}
void channel_counts(const struct partition *writer, uint32_t *u_bytes, uint32_t *doorbells)
{
    *u_bytes = 100u + writer->index;
    *doorbells = 7;
}
bool partition_pause(struct partition *partition)
{
    (void)partition;
    seen.pauses += !seen.refuse;
    return !seen.refuse;
}
bool partition_resume(struct partition *partition)
{
    (void)partition;
    seen.resumes += !seen.refuse;
    return !seen.refuse;
}
bool partition_hold(struct partition *partition)
{
    (void)partition;
    seen.holds += !seen.refuse;
    return !seen.refuse;
}

/* control may observe linux and hello, and control hello alone. */
static int setup(void **state)
{
    (void)state;
    fake_ms(10000); /* what was asked before is long ago */
    fake_plan_reset();
    fake_partitions_reset();
    memset(&seen, 0, sizeof(seen));
    fake_plan_partitions[CONTROL].observes = 1u << LINUX_GUEST | 1u << HELLO;
    fake_plan_partitions[CONTROL].controls = 1u << HELLO;
    fake_plan_partitions[HELLO].restart = (struct restart_spec){.limit = 3, .window_ms = 60000};
    fake.core = 2;
    return 0;
}

static uint64_t control(uint64_t n, uint64_t order, uint64_t argument)
{
    return rights_control(ASKING, n, order, argument);
}

static uint64_t read(uint64_t what, uint64_t n, uint64_t where)
{
    return rights_read(ASKING, what | n << 8, where);
}

static void *answer(void)
{
    return partitions[CONTROL].abi + (BH_ANSWER_GPA - BH_ABI_GPA);
}

static unsigned acts(void)
{
    unsigned starts = 0;

    for (unsigned i = 0; i < MAX_PARTITIONS; i++)
        starts += fake_partition.starts[i];
    return starts + fake_partition.order_count + seen.audits + seen.pauses + seen.resumes + seen.holds + seen.keys;
}

/* --- who -------------------------------------------------------------------------------------------------------------------------- */

static void test_sep5_ac51_without_rights_nothing_is_done_or_told(void **state)
{
    (void)state;
    fake_plan_partitions[CONTROL].observes = fake_plan_partitions[CONTROL].controls = 0;
    memset(answer(), 0x5a, BH_ANSWER_SIZE);
    for (uint64_t n = 0; n < 40; n++)
        for (uint64_t order = 0; order < 16; order++) {
            if (order != BH_CONTROL_AUDIT)
                assert_int_equal(control(n, order, 1), BH_EINVAL); /* as if nobody were there */
            assert_int_equal(read(order, n, 0), order == BH_READ_LOG || order == BH_READ_RECORD ? BH_EPERM : BH_EINVAL);
        }
    assert_int_equal(control(0, BH_CONTROL_AUDIT, 0), BH_EPERM);
    rights_serve();
    assert_int_equal(acts(), 0);
    for (unsigned i = 0; i < BH_ANSWER_SIZE; i++)
        assert_int_equal(((uint8_t *)answer())[i], 0x5a);
}

static void test_sep5_who_may_observe_may_not_control(void **state)
{
    (void)state;
    trace_create(&partitions[LINUX_GUEST]);
    for (uint64_t order = 0; order <= BH_CONTROL_TRACE; order++)
        assert_int_equal(control(0, order, order == BH_CONTROL_TRACE ? 1 : 1ull << 56), BH_EPERM);
    assert_int_equal(acts(), 0);
    assert_false(vcpus[0].trace.on || vcpus[1].trace.on);
    assert_int_equal(fake_partition.denied, BH_CONTROL_TRACE + 1);
    assert_int_equal(control(1, BH_CONTROL_START, 0), BH_EBUSY);
    assert_int_equal(control(2, BH_CONTROL_STOP, 0), BH_EINVAL);
    assert_int_equal(control(1, BH_CONTROL_COUNT, 0), BH_EINVAL);
    assert_int_equal(control(1, ~0ull, 0), BH_EINVAL);
    assert_int_equal(control(~0ull, BH_CONTROL_STOP, 0), BH_EINVAL);
    assert_int_equal(acts(), 0);
}

/* The back ends' answers: tests/unit/fake_arch.c. */
static void test_sep5_dumps_and_the_log_are_for_those_whom_the_table_names(void **state)
{
    (void)state;
    assert_int_equal(read(BH_READ_STOPS, 0, 0), 1002);
    assert_int_equal(read(BH_READ_STOPS, 2, 0), BH_EINVAL);
    fake_plan_partitions[CONTROL].dumps = 1u << HELLO;
    assert_int_equal(read(BH_READ_MEMORY, 0, 0), BH_EPERM); /* linux */
    assert_int_equal(read(BH_READ_REGISTERS, 0, 0), BH_EPERM);
    assert_int_equal(fake_partition.denied, 2);
    assert_int_equal(read(BH_READ_STOPS, 1, 0), 1012); /* whole */
    fake_ms(2);
    assert_int_equal(read(BH_READ_STOPS, 0, 0), 1002); /* without registers */
    assert_int_equal(read(BH_READ_MEMORY, 1, 0), 1003);
    assert_int_equal(read(BH_READ_REGISTERS, 1, 0), 1004);
    assert_int_equal(read(BH_READ_LOG, 0, 0), BH_EPERM);
    assert_int_equal(read(BH_READ_RECORD, 0, 0), BH_EPERM);
    assert_int_equal(fake_partition.denied, 4);
    fake_plan_partitions[CONTROL].reads_log = true;
    assert_int_equal(read(BH_READ_RECORD, 40, 0), 1001); /* nobody's in particular */
    log_line("something");
    assert_true(read(BH_READ_LOG, 0, 0) > 8);
    assert_non_null(strstr(((struct bh_text *)answer())->bytes, "something"));
}

/* AC-46: what is read under a lock that the partition or all cores wait for is not read without end. */
static void ac46_reads_that_take_a_lock_are_limited(void **state)
{
    unsigned stops = 0, logs = 0;

    (void)state;
    fake_plan_partitions[CONTROL].reads_log = fake_plan_partitions[HELLO].reads_log = true;
    log_line("something");
    for (unsigned i = 0; i < 1000; i++) {
        stops += read(BH_READ_STOPS, 0, 0) != BH_AGAIN;
        logs += read(BH_READ_LOG, 0, 0) != BH_AGAIN;
        fake.ticks += arch_tsc_khz() / 10;
    }
    assert_in_range(stops, 90, 100);
    assert_in_range(logs, 90, 100);
    (void)read(BH_READ_LOG, 0, 0);
    (void)read(BH_READ_STOPS, 0, 0);
    assert_int_equal(read(BH_READ_LOG, 0, 0), BH_AGAIN);
    assert_int_equal(read(BH_READ_STOPS, 0, 0), BH_AGAIN);
    assert_int_equal(read(BH_READ_STOPS, 1, 0), 1002);                     /* of another */
    assert_true(rights_read(&vcpus[3], BH_READ_LOG, 0) <= BH_ANSWER_SIZE); /* by another */
}

/* A Linux has no page for answers, whatever its table says. */
static void one_without_an_answer_page_reads_nothing(void **state)
{
    (void)state;
    fake_plan_partitions[LINUX_GUEST].observes = 1u << HELLO;
    fake_plan_partitions[LINUX_GUEST].reads_log = true;
    assert_int_equal(rights_read(&vcpus[0], BH_READ_STATUS, 0), BH_EINVAL);
    assert_int_equal(rights_read(&vcpus[0], BH_READ_LOG, 0), BH_EINVAL);
}

/* --- orders ------------------------------------------------------------------------------------------------------------------------- */

static void orders_reach_the_one_they_name(void **state)
{
    (void)state;
    assert_int_equal(control(1, BH_CONTROL_STOP, 0), 0);
    assert_int_equal(fake_partition.order_count, 1);
    assert_int_equal(fake_partition.orders[0].partition, HELLO);
    assert_int_equal(fake_partition.orders[0].cause, CAUSE_OPERATOR);
    assert_int_equal(fake_partition.orders[0].action, ACTION_STOP);
    fake_ms(1001);
    assert_int_equal(control(1, BH_CONTROL_RESTART, 0), 0);
    assert_int_equal(fake_partition.orders[1].action, ACTION_RESTART);
    fake_ms(1001);
    assert_int_equal(control(1, BH_CONTROL_PAUSE, 0), 0);
    assert_int_equal(seen.pauses, 1);
    partitions[HELLO].state = PARTITION_PAUSED;
    fake_ms(1001);
    assert_int_equal(control(1, BH_CONTROL_RESUME, 0), 0);
    assert_int_equal(seen.resumes, 1);
    fake_ms(1001);
    assert_int_equal(control(1, BH_CONTROL_STOP, 0), 0);
    assert_int_equal(fake_partition.order_count, 3);
    partitions[HELLO].state = PARTITION_STOPPED;
    fake_ms(1001);
    assert_int_equal(control(1, BH_CONTROL_START, 0), 0);
    assert_int_equal(fake_partition.starts[HELLO], 1);
    fake_ms(1001);
    assert_int_equal(control(1, BH_CONTROL_RESTART, 0), 0); /* of one that does not run: a start */
    assert_int_equal(fake_partition.starts[HELLO], 2);
    partitions[HELLO].state = PARTITION_BACKOFF;
    fake_ms(1001);
    assert_int_equal(control(1, BH_CONTROL_STOP, 0), 0);
    assert_int_equal(seen.holds, 1);
}

static void orders_that_do_not_fit_the_state_say_so(void **state)
{
    static const uint8_t on_its_way[] = {PARTITION_LOADING, PARTITION_STOPPING};

    (void)state;
    seen.refuse = true;
    for (unsigned i = 0; i < 2; i++) {
        partitions[HELLO].state = on_its_way[i];
        for (uint64_t order = 0; order <= BH_CONTROL_RESUME; order++) {
            fake_ms(1001);
            assert_int_equal(control(1, order, 0), BH_EBUSY);
        }
        assert_int_equal(control(1, BH_CONTROL_INPUT, 1ull << 56 | 'a'), BH_EBUSY);
    }
    assert_int_equal(acts(), 0);
}

/* AC-46: what makes others work is limited, and each has its own limit. */
static void ac46_orders_are_limited_per_second(void **state)
{
    unsigned done = 0;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        done += control(1, i % 2 ? BH_CONTROL_STOP : BH_CONTROL_RESTART, 0) == 0;
        fake_ms(1);
    }
    assert_int_equal(done, 3);
    assert_int_equal(fake_partition.order_count, 3);
    fake_plan_partitions[LINUX_GUEST].observes = fake_plan_partitions[LINUX_GUEST].controls = 1u << HELLO;
    (void)control(1, BH_CONTROL_STOP, 0);
    assert_int_equal(control(1, BH_CONTROL_STOP, 0), BH_AGAIN);
    assert_int_equal(rights_control(&vcpus[0], 0, BH_CONTROL_STOP, 0), 0); /* another's is not used up */
    for (unsigned i = 0, audits = 0; i < 20000; i += 100) {
        fake_plan_partitions[CONTROL].audits = true;
        audits += control(0, BH_CONTROL_AUDIT, 0) == 0;
        rights_serve();
        fake_ms(100);
        assert_true(audits <= i / 5000 + 1);
        assert_int_equal(seen.audits, audits);
    }
    assert_int_equal(seen.audits, 4);
}

static void keys_are_counted_checked_and_limited(void **state)
{
    unsigned done = 0;

    (void)state;
    assert_int_equal(control(1, BH_CONTROL_INPUT, 'a'), BH_EINVAL);
    assert_int_equal(control(1, BH_CONTROL_INPUT, 8ull << 56), BH_EINVAL);
    assert_int_equal(control(1, BH_CONTROL_INPUT, ~0ull), BH_EINVAL);
    assert_int_equal(seen.keys, 0);
    assert_int_equal(control(1, BH_CONTROL_INPUT, 3ull << 56 | 'c' << 16 | 'b' << 8 | 'a'), 0);
    assert_memory_equal(seen.key, "abc", 3);
    assert_int_equal(control(1, BH_CONTROL_INPUT, 1ull << 56 | 'd'), BH_AGAIN);
    fake_ms(6);
    assert_int_equal(control(1, BH_CONTROL_INPUT, 7ull << 56 | 0x67666564636261), 0);
    assert_memory_equal(seen.key + 3, "abcdefg", 7);
    for (unsigned i = 0; i < 1000; i++) {
        fake_ms(1);
        done += control(1, BH_CONTROL_INPUT, 7ull << 56) == 0;
    }
    assert_in_range(done, 150, 201);
    assert_int_equal(seen.keys, 10 + 7 * done);
}

/* --- what is told ---------------------------------------------------------------------------------------------------------------------- */

static void status_is_of_the_one_that_was_asked_about(void **state)
{
    struct bh_status *s = answer();

    (void)state;
    partitions[LINUX_GUEST].lives = 4;
    partitions[LINUX_GUEST].stop_cause = CAUSE_WATCHDOG;
    vcpus[0].counters.exits[EXIT_IO] = 7;
    vcpus[1].counters.exits[EXIT_IO] = 8;
    vcpus[2].counters.exits[EXIT_IO] = 1000;
    vcpus[1].counters.denied[DENIED_PCI] = 3;
    vcpus[1].counters.ticks = 11;
    vcpus[1].mode = VCPU_WAIT_SIPI;
    partitions[LINUX_GUEST].health.counts[EVENT_PEER_LOST] = 5;
    partitions[LINUX_GUEST].out->produced = 99;
    assert_int_equal(read(BH_READ_STATUS, 0, 0), sizeof(*s));
    assert_string_equal(s->name, "linux");
    assert_string_equal(s->cause, "watchdog");
    assert_int_equal(s->state, BH_STATE_RUNNING);
    assert_int_equal(s->kind, 2);
    assert_int_equal(s->cores, 2);
    assert_int_equal(s->memory, MIB(512));
    assert_int_equal(s->lives, 4);
    assert_int_equal(s->exits[EXIT_IO], 15);
    assert_int_equal(s->denied[DENIED_PCI], 3);
    assert_int_equal(s->busy, 11);
    assert_int_equal(s->vcpus_idle, 2);
    assert_int_equal(s->out_produced, 99);
    assert_int_equal(s->rights, 0);
    assert_int_equal(s->events[EVENT_PEER_LOST], 5);
    assert_int_equal(s->channel_bytes, 100 + LINUX_GUEST);
    assert_int_equal(s->doorbells, 7);
    assert_int_equal(s->trace, 2);
    assert_int_equal(read(BH_READ_STATUS, 0, 1), 0); /* the end */
    fake_plan_partitions[CONTROL].dumps = 1u << HELLO;
    assert_int_equal(read(BH_READ_STATUS, 1, 0), sizeof(*s));
    assert_string_equal(s->name, "hello");
    assert_int_equal(s->rights, BH_MAY_CONTROL | BH_MAY_DUMP);
    assert_int_equal(s->restart_limit, 3);
    assert_int_equal(read(BH_READ_STATUS, 2, 0), BH_EINVAL);
    assert_int_equal(read(BH_READ_COUNT, 0, 0), BH_EINVAL);
    assert_int_equal(rights_read(ASKING, ~0ull, 0), BH_EINVAL);
}

static void status_counts_restarts_in_the_window(void **state)
{
    struct bh_status *s = answer();

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        partitions[HELLO].restart.times[i] = fake.ticks;
        partitions[HELLO].restart.count++;
        fake_ms(20000);
    }
    read(BH_READ_STATUS, 1, 0);
    assert_int_equal(s->restarts, 2); /* 20 and 40 s ago; the one of 60 s ago is out of it */
    partitions[HELLO].watchdog.since = fake.ticks;
    fake_ms(300);
    read(BH_READ_STATUS, 1, 0);
    assert_int_equal(s->watchdog_age, 300);
    partitions[HELLO].watchdog.since = fake.ticks + 1000000;
    read(BH_READ_STATUS, 1, 0);
    assert_int_equal(s->watchdog_age, 0);
}

static void names_of_counters_are_those_of_the_hypervisor(void **state)
{
    static const char *const exits[] = {BH_EXIT_NAMES}, *const denied[] = {BH_DENIED_NAMES}, *const events[] = {BH_EVENT_NAMES};
#define ROW(kind, name) #name,
    static const char *const ours[] = {EXIT_KINDS(ROW)};

    (void)state;
    assert_int_equal(ARRAY_SIZE(exits), EXIT_KIND_COUNT);
    assert_int_equal(ARRAY_SIZE(denied), DENIED_COUNT);
    assert_int_equal(ARRAY_SIZE(events), EVENT_COUNT);
    assert_string_equal(events[EVENT_PEER_LOST], "peer_lost");
    for (unsigned i = 0; i < EXIT_KIND_COUNT; i++)
        assert_string_equal(exits[i], ours[i]);
}

static void print(unsigned from, unsigned count)
{
    struct console_ring *out = partitions[HELLO].out;

    for (unsigned i = 0; i < count; i++) {
        out->bytes[out->produced % CONSOLE_RING] = (char)(from + i);
        out->produced++;
    }
}

static void output_is_read_by_its_index(void **state)
{
    const uint8_t *bytes = answer();

    (void)state;
    assert_int_equal(read(BH_READ_OUTPUT, 1, 0), 0);
    print(0, 100);
    assert_int_equal(read(BH_READ_OUTPUT, 1, 0), 100);
    assert_int_equal(bytes[99], 99);
    assert_int_equal(read(BH_READ_OUTPUT, 1, 90), 10);
    assert_int_equal(bytes[0], 90);
    assert_int_equal(read(BH_READ_OUTPUT, 1, 101), BH_EINVAL);
    assert_int_equal(read(BH_READ_OUTPUT, 1, 1ull << 32), BH_EINVAL);
    print(100, 32700);
    assert_int_equal(read(BH_READ_OUTPUT, 1, 0), BH_EINVAL); /* gone */
    assert_int_equal(read(BH_READ_OUTPUT, 1, 32800 - BH_OUTPUT_KEPT), BH_ANSWER_SIZE);
    assert_int_equal(read(BH_READ_OUTPUT, 1, 32768 - 10), 42); /* around the ring's end */
    for (unsigned i = 0; i < 42; i++)
        assert_int_equal(bytes[i], (uint8_t)(32758 + i));
    partitions[HELLO].out->produced = 5; /* the index itself wraps */
    assert_int_equal(read(BH_READ_OUTPUT, 1, 0xfffffff0), 21);
}

/* --- trace ------------------------------------------------------------------------------------------------------------------------------- */

static void leave(struct vcpu *vcpu, enum exit_kind kind, uint64_t rax)
{
    struct exit exit = {.kind = kind};
    struct bh_trace_record record;

    if (kind == EXIT_IO) {
        exit.io.port = 0x3f8;
        exit.io.size = 1;
        exit.io.in = rax == 'i';
    } else if (kind == EXIT_NESTED_FAULT) {
        exit.fault.gpa = GPA(0xfee00020);
    }
    atomic_store(&vcpu->alive, fake.ticks);
    vcpu->regs.r[REG_RAX] = rax;
    trace_begin(vcpu, &exit, &record);
    fake.ticks += 100;
    vcpu->regs.r[REG_RAX] = rax + 1;
    trace_end(vcpu, &record);
}

/* AC-51: of what the partition's registers hold a record has what its kind says, and no data. */
static void test_ac51_a_trace_has_no_data(void **state)
{
    const struct vcpu *vcpu = &vcpus[3];

    (void)state;
    trace_create(&partitions[HELLO]);
    for (unsigned r = 0; r < ARRAY_SIZE(vcpu->regs.r); r++)
        vcpus[3].regs.r[r] = 0x5ec0000000000000ull | (r + 1) << 24;
    vcpus[3].regs.r[REG_RCX] = 0x5ec00000c0000080ull; /* a number of 32 bits, and more */
    for (unsigned kind = 0; kind < EXIT_KIND_COUNT; kind++) {
        const struct bh_trace_record *record = &vcpu->trace.records[kind];
        bool call = kind == EXIT_HYPERCALL, msr = kind == EXIT_MSR_READ || kind == EXIT_MSR_WRITE;

        leave(&vcpus[3], (enum exit_kind)kind, 0x5ec0000040000006);
        assert_int_equal(record->kind, kind);
        assert_int_equal(record->detail, kind == EXIT_IO ? 0x3f8 : call ? 6 : 0);
        assert_int_equal(record->what, kind == EXIT_IO             ? 1
                                       : call                      ? vcpu->regs.r[REG_RDI]
                                       : msr                       ? 0xc0000080
                                       : kind == EXIT_NESTED_FAULT ? 0xfee00020
                                       : kind == EXIT_CPUID        ? 0x40000006
                                                                   : 0);
        assert_int_equal(record->result, call ? 0x5ec0000040000007 : 0);
    }
    leave(&vcpus[3], EXIT_IO, 'i'); /* a byte that was typed */
    assert_int_equal(vcpu->trace.records[EXIT_KIND_COUNT].what, BH_TRACE_IN | 1);
    assert_int_equal(vcpu->trace.records[EXIT_KIND_COUNT].result, 0);
}

static void the_trace_has_what_happened(void **state)
{
    struct bh_trace_head *head = answer();
    struct bh_trace_record *records = (struct bh_trace_record *)(head + 1);

    (void)state;
    fake_plan_partitions[CONTROL].controls |= 1u << LINUX_GUEST;
    assert_int_equal(control(1, BH_CONTROL_TRACE, 1), BH_EBUSY); /* no ring */
    assert_int_equal(read(BH_READ_TRACE, 1, 0), BH_EINVAL);
    trace_create(&partitions[LINUX_GUEST]); /* observed by control */
    trace_create(&partitions[CONTROL]);     /* by nobody */
    assert_null(vcpus[2].trace.records);
    assert_non_null(vcpus[1].trace.records);
    assert_false(vcpus[1].trace.on);
    assert_int_equal(control(0, BH_CONTROL_TRACE, 2), BH_EINVAL);
    assert_int_equal(control(0, BH_CONTROL_TRACE, 1), 0);
    assert_int_equal(control(0, BH_CONTROL_TRACE, 0), BH_AGAIN);
    assert_true(vcpus[0].trace.on && vcpus[1].trace.on);
    leave(&vcpus[1], EXIT_IO, 'x');
    leave(&vcpus[1], EXIT_HYPERCALL, BH_CALL_CONSOLE);
    assert_int_equal(read(BH_READ_TRACE, 0, 0), 32);
    assert_int_equal(read(BH_READ_TRACE, 0, 1ull << 32), 96);
    assert_int_equal(head->first, 0);
    assert_int_equal(head->count, 2);
    assert_int_equal(records[0].kind, EXIT_IO);
    assert_int_equal(records[0].detail, 0x3f8);
    assert_int_equal(records[0].what, 1);
    assert_int_equal(records[0].ticks, 100);
    assert_int_equal(records[0].result, 0);
    assert_int_equal(records[1].result, BH_CALL_CONSOLE + 1);
    assert_int_equal(records[1].detail, BH_CALL_CONSOLE);
    assert_int_equal(read(BH_READ_TRACE, 0, 2ull << 32), BH_EINVAL); /* it has two cores */
    fake_ms(101);
    assert_int_equal(control(0, BH_CONTROL_TRACE, 0), 0);
    assert_false(vcpus[0].trace.on || vcpus[1].trace.on);
}

static void the_trace_tells_what_it_lost(void **state)
{
    struct bh_trace_head *head = answer();
    struct bh_trace_record *records = (struct bh_trace_record *)(head + 1);

    (void)state;
    trace_create(&partitions[HELLO]);
    for (unsigned i = 0; i < 2000; i++)
        leave(&vcpus[3], EXIT_CPUID, i);
    assert_int_equal(read(BH_READ_TRACE, 1, 0), BH_ANSWER_SIZE);
    assert_int_equal(head->produced, 2000);
    assert_true(head->first > 2000 - BH_TRACE_RECORDS && head->first < 2000 - BH_TRACE_RECORDS / 2);
    for (unsigned i = 0; i < head->count; i++)
        assert_int_equal(records[i].what, head->first + i);
    assert_int_equal(read(BH_READ_TRACE, 1, 1990), 32 + 10 * 32);
    assert_int_equal(records[9].what, 1999);
    assert_int_equal(read(BH_READ_TRACE, 1, 2000), 32);
    read(BH_READ_TRACE, 1, 0xfffffff0); /* far ahead is far behind */
    assert_true(head->first > 2000 - BH_TRACE_RECORDS);
    vcpus[3].trace.produced = UINT32_MAX - 1; /* the index wraps */
    for (unsigned i = 0; i < 10; i++)
        leave(&vcpus[3], EXIT_CPUID, i);
    assert_int_equal(read(BH_READ_TRACE, 1, UINT32_MAX - 1), 32 + 10 * 32);
    assert_int_equal(records[9].what, 9);
}

static void a_table_can_have_the_trace_on(void **state)
{
    (void)state;
    fake_plan_partitions[CONTROL].trace = true;
    trace_create(&partitions[CONTROL]);
    assert_true(vcpus[2].trace.on);
}

/* Words that a caller may give: small, at edges, anything. */
static uint64_t word(void)
{
    static const uint64_t edges[] = {0,          1,          2,          255,        256,        4095, 4096,
                                     UINT32_MAX, 1ull << 32, 1ull << 56, 7ull << 56, 1ull << 63, ~0ull};
    uint64_t any = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();

    return rand() % 3 == 0 ? any : rand() % 2 ? edges[(unsigned)rand() % ARRAY_SIZE(edges)] : any % 9;
}

/* Whatever is called with: only those are touched that the table names, and no answer is longer than its page. */
static void test_sep5_ac42_any_call_stays_within_the_table(void **state)
{
    (void)state;
    srand(1);
    trace_create(&partitions[HELLO]);
    for (unsigned i = 0; i < 300000; i++) {
        uint64_t n = word(), a = word(), b = word(), got;

        fake_ms(rand() % 40 == 0 ? 6000 : 0);
        fake_partition.order_count = 0;
        partitions[HELLO].state = (uint8_t)((unsigned)rand() % PARTITION_STATE_COUNT);
        partitions[HELLO].out->produced += (unsigned)rand() % 64;
        got = rand() % 2 ? rights_control(ASKING, n, a, b) : rights_read(ASKING, rand() % 2 ? n : a % 16 | n << 8, b);
        assert_true(got <= BH_ANSWER_SIZE || got == BH_EINVAL || got == BH_EPERM || got == BH_AGAIN || got == BH_EBUSY);
        assert_true(fake_partition.order_count == 0 || fake_partition.orders[0].partition == HELLO);
        assert_int_equal(fake_partition.starts[LINUX_GUEST] + fake_partition.starts[CONTROL] + seen.audits, 0);
    }
    assert_true(fake_partition.starts[HELLO] > 10 && seen.keys > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sep5_ac51_without_rights_nothing_is_done_or_told, setup),
        cmocka_unit_test_setup(test_sep5_who_may_observe_may_not_control, setup),
        cmocka_unit_test_setup(test_sep5_dumps_and_the_log_are_for_those_whom_the_table_names, setup),
        cmocka_unit_test_setup(ac46_reads_that_take_a_lock_are_limited, setup),
        cmocka_unit_test_setup(one_without_an_answer_page_reads_nothing, setup),
        cmocka_unit_test_setup(orders_reach_the_one_they_name, setup),
        cmocka_unit_test_setup(orders_that_do_not_fit_the_state_say_so, setup),
        cmocka_unit_test_setup(ac46_orders_are_limited_per_second, setup),
        cmocka_unit_test_setup(keys_are_counted_checked_and_limited, setup),
        cmocka_unit_test_setup(status_is_of_the_one_that_was_asked_about, setup),
        cmocka_unit_test_setup(status_counts_restarts_in_the_window, setup),
        cmocka_unit_test_setup(names_of_counters_are_those_of_the_hypervisor, setup),
        cmocka_unit_test_setup(output_is_read_by_its_index, setup),
        cmocka_unit_test_setup(test_ac51_a_trace_has_no_data, setup),
        cmocka_unit_test_setup(the_trace_has_what_happened, setup),
        cmocka_unit_test_setup(the_trace_tells_what_it_lost, setup),
        cmocka_unit_test_setup(test_sep5_ac42_any_call_stays_within_the_table, setup),
        cmocka_unit_test_setup(a_table_can_have_the_trace_on, setup),
    };

    fake_reset();
    return cmocka_run_group_tests(tests, 0, 0);
}
