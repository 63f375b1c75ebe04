/* SPDX-License-Identifier: Apache-2.0 */
/* The run loop of a core: serve requests, run the guest or park, look at the exit, again. */
#include "vcpu.h"

#include "arch.h"
#include "console.h"
#include "health.h"
#include "lifecycle.h"
#include "port.h"
#include "recorder.h"
#include "virt.h"
#include "watchdog.h"

#define WAKE_MS 5u /* a flood of calls or of output kicks the housekeeping core at most this often (AC-46) */
#define LINGER_MS                                                                                                                  \
    1200u /* of looks after the last event, where the tick is off: longer than any wait of the console, and a second */

static struct vcpu *vcpu_here(void)
{
    return &vcpus[arch_core()];
}

void vcpu_request(struct vcpu *vcpu, uint32_t request)
{
    uint32_t before = atomic_fetch_or_explicit(&vcpu->requests, request, memory_order_release);

    if (vcpu->core != arch_core() && (before & request) != request)
        arch_kick(vcpu->core); /* our own are seen before the next entry, and so is what another has asked already */
}

/* Within WAKE_MS of an earlier one nothing is lost: the core looks again a tick after that one. */
void vcpu_housekeeping_wake(void)
{
    struct vcpu *vcpu = vcpu_here();
    uint64_t now = arch_ticks();

    if (now - vcpu->console_woken < WAKE_MS * arch_tsc_khz())
        return;
    vcpu->console_woken = now;
    vcpu_request(&vcpus[plan.housekeeping], REQUEST_TICK | REQUEST_LINGER);
}

/* Bounded by CONSOLE_BUDGET bytes and one look at each partition. Where the tick is off, there is another look a tick later for as
 * long as something happens, and none in the steady state (PERF-1). The console comes last, so that
 * what the others say comes out in this look: there may be no other. */
static void housekeeping(struct vcpu *vcpu, uint32_t requests)
{
    static uint64_t busy;
    uint64_t now = arch_ticks();

    atomic_store_explicit(&vcpu->alive, now, memory_order_relaxed);
    partition_tick(now);
    watchdog_board(now);
    if (console_service(now) || (requests & REQUEST_LINGER))
        busy = now;
    if (plan.tick_off && now - busy < LINGER_MS * arch_tsc_khz())
        arch_tick_start();
}

void vcpu_breathe(void)
{
    struct vcpu *vcpu = vcpu_here();
    uint32_t requests = atomic_fetch_and_explicit(&vcpu->requests, ~(uint32_t)REQUEST_TICK, memory_order_acquire);

    atomic_store_explicit(&vcpu->alive, arch_ticks(), memory_order_relaxed);
    if (requests & REQUEST_TICK)
        housekeeping(vcpu, requests);
}

static enum partition_state state_of(const struct vcpu *vcpu)
{
    return vcpu->partition ? atomic_load_explicit(&vcpu->partition->state, memory_order_acquire) : PARTITION_CREATED;
}

/* Or it is paused: then it is as alive. */
static bool partition_running(const struct vcpu *vcpu)
{
    enum partition_state state = state_of(vcpu);

    return state == PARTITION_RUNNING || state == PARTITION_PAUSED;
}

/* A core that would run waits while its partition is paused, also one that a SIPI has just started. */
static void vcpu_pause(struct vcpu *vcpu)
{
    uint8_t mode = atomic_load(&vcpu->mode);

    if (mode == VCPU_RUNNING && state_of(vcpu) == PARTITION_PAUSED)
        atomic_store(&vcpu->mode, VCPU_PAUSED);
    else if (mode == VCPU_PAUSED && state_of(vcpu) == PARTITION_RUNNING)
        atomic_store(&vcpu->mode, VCPU_RUNNING);
}

static void vcpu_init_received(struct vcpu *vcpu)
{
    atomic_store(&vcpu->mode, VCPU_WAIT_SIPI);
    vcpu->nmi_pending = vcpu->nmi_blocked = false;
    guest_apic_reset(vcpu);
    (void)arch_apic_reset(); /* its siblings may go on sending: what is left waits is the partition's own affair */
}

static void vcpu_sipi_received(struct vcpu *vcpu)
{
    if (atomic_load(&vcpu->mode) != VCPU_WAIT_SIPI)
        return;              /* the second one of the usual two */
    (void)arch_apic_reset(); /* what devices of the life before have raised here; all that is left is of the present one */
    arch_fpu_reset();
    msr_policy_reset(vcpu);
    virt_reset_sipi(vcpu, atomic_load(&vcpu->sipi_vector));
    atomic_store(&vcpu->mode, VCPU_RUNNING);
}

void vcpu_serve(struct vcpu *vcpu)
{
    uint32_t requests = atomic_exchange_explicit(&vcpu->requests, 0, memory_order_acq_rel);

    if (requests & REQUEST_TICK)
        housekeeping(vcpu, requests);
    if (requests & REQUEST_STOP)
        partition_park(vcpu);
    if (requests & REQUEST_PARKED)
        partition_parked(vcpu);
    if (requests & REQUEST_DUMP)
        dump_fetch(vcpu->partition);
    if (requests & REQUEST_START)
        partition_bring_up(vcpu);
    if (plan.tick_off && (requests & (REQUEST_STOP | REQUEST_PARKED | REQUEST_START)))
        vcpu_housekeeping_wake(); /* these speak */
    if (!partition_running(vcpu) || (requests & (REQUEST_STOP | REQUEST_PARKED | REQUEST_START)))
        return; /* what follows concerns a running guest, and came in its present life */
    if (requests & REQUEST_INIT)
        vcpu_init_received(vcpu);
    if (requests & REQUEST_SIPI)
        vcpu_sipi_received(vcpu);
    if (requests & REQUEST_NMI)
        vcpu->nmi_pending = true;
    if (requests & REQUEST_PORT)
        ports_serve(vcpu);
    if (requests & (REQUEST_PAUSE | REQUEST_SIPI))
        vcpu_pause(vcpu);
    if (requests & REQUEST_LOOK)
        health_look(vcpu);
}

static void vcpu_nmi_deliver(struct vcpu *vcpu)
{
    if (vcpu->nmi_blocked || !virt_inject_nmi(vcpu))
        return;
    vcpu->nmi_pending = false;
    vcpu->nmi_blocked = true;
}

/* Not inlined, so that the compiler works from one pointer and not from the address of an array element. */
static _Noreturn __attribute__((noinline)) void vcpu_run(struct vcpu *vcpu)
{
    struct exit exit;

    atomic_store_explicit(&vcpu->alive, arch_ticks(), memory_order_relaxed);
    for (;;) {
        if (*(const uint8_t *)&vcpu->mode == VCPU_RUNNING) { /* this core alone writes it: no address of it is kept */
            if (vcpu->nmi_pending)
                vcpu_nmi_deliver(vcpu);
            virt_run(vcpu, &exit); /* with requests waiting it comes back at once, as EXIT_KICK */
            exit_handle(vcpu, &exit);
        } else {
            virt_idle(vcpu);
            atomic_store_explicit(&vcpu->alive, arch_ticks(), memory_order_relaxed);
            vcpu_serve(vcpu);
        }
    }
}

_Noreturn void vcpu_loop(void)
{
    vcpu_run(vcpu_here());
}
