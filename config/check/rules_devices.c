/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the devices that a product's partitions ask for. SEP-1, SEP-3, SEP-6. */
#include <string.h>

#include "rules_pci.h"

#define EACH_SPEC(s, p) for (const struct device_spec *s = (p)->devices; s < (p)->devices + PRODUCT_MAX_DEVICES && s->role; s++)

/* The partitions' devices that the board has; valid until the next call. */
static struct device given[PRODUCT_DEVICES_MAX];
#define EACH_DEVICE(d, check)                                                                                                      \
    for (const struct device *d = given, *end_ = given + devices_given((check)->product, (check)->board, given); d < end_; d++)

static struct place spec_place(char field[FIELD_ROOM], const struct partition_spec *p, const struct device_spec *s,
                               const char *member)
{
    snprintf(field, FIELD_ROOM, "devices[%u].%s", (unsigned)(s - p->devices), member);
    return (struct place){"product", p, field};
}

static struct place device_place(char field[FIELD_ROOM], const struct check *check, const struct device *d, const char *member)
{
    return spec_place(field, &check->product->partitions[d->partition], d->spec, member);
}

static const char *owner_name(const struct check *check, const struct device *d)
{
    return check->product->partitions[d->partition].name;
}

/* --- the list --- */

void rule_device_role(struct check *check)
{
    EACH_PARTITION(p, check)
    EACH_SPEC(s, p)
    {
        struct role role;
        char field[FIELD_ROOM];
        if (!role_read(s->role, &role))
            found(check, spec_place(field, p, s, "role"),
                  "it is a role of the board, perhaps with the number of a virtual function",
                  "write it as the board does, \"nic0\" or \"disk0.vf1\"; numbers begin at 1", "%s", s->role);
    }
}

void rule_device_gap(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        unsigned used = 0;
        char field[FIELD_ROOM];
        while (used < PRODUCT_MAX_DEVICES && p->devices[used].role)
            used++;
        for (unsigned i = used; i < PRODUCT_MAX_DEVICES; i++)
            if (p->devices[i].role || p->devices[i].optional || p->devices[i].vectors) {
                found(check, spec_place(field, p, &p->devices[i], "role"),
                      "the list ends at the first entry without a role, so that this one would be left out silently",
                      "give every entry a role and leave none out", "%s", p->devices[i].role ? p->devices[i].role : "not set");
                break;
            }
    }
}

/* The first partition and entry that asks for this role. */
static const struct device_spec *first_request(const struct check *check, const char *role, const struct partition_spec **owner)
{
    EACH_PARTITION(p, check)
    EACH_SPEC(s, p)
    if (strcmp(s->role, role) == 0) {
        *owner = p;
        return s;
    }
    return 0;
}

void rule_device_twice(struct check *check)
{
    EACH_PARTITION(p, check)
    EACH_SPEC(s, p)
    for (const struct device_spec *t = p->devices; t < s; t++)
        if (strcmp(s->role, t->role) == 0) {
            char field[FIELD_ROOM];
            found(check, spec_place(field, p, s, "role"), "a partition has a function once", "remove one of the two entries",
                  "%s, as devices[%u]", s->role, (unsigned)(t - p->devices));
            break;
        }
}

void rule_device_owner(struct check *check)
{
    EACH_PARTITION(p, check)
    EACH_SPEC(s, p)
    {
        const struct partition_spec *owner = p;
        char field[FIELD_ROOM];
        first_request(check, s->role, &owner);
        if (owner != p)
            found(check, spec_place(field, p, s, "role"), "a function belongs to one partition for ever",
                  "give it to one of them; a function with SR-IOV has one \".vfN\" for each", "%s, partition %.15s asks for it too",
                  s->role, owner->name);
    }
}

void rule_device_unknown(struct check *check)
{
    EACH_PARTITION(p, check)
    EACH_SPEC(s, p)
    {
        struct role role;
        char field[FIELD_ROOM];
        if (!role_read(s->role, &role) || s->optional)
            continue;
        const struct board_function *f = board_role(check->board, role.name);
        if (!f || (role.vf && !f->vf.total))
            found(check, spec_place(field, p, s, "role"),
                  f ? "this function of the board has no virtual functions" : "the board has no function with this role",
                  "name a role of the board's table, mark the entry optional, or choose another board", "%s, board %.31s", s->role,
                  check->board->name ? check->board->name : "");
    }
}

void rule_device_vf(struct check *check)
{
    EACH_PARTITION(p, check)
    EACH_SPEC(s, p)
    {
        struct role role;
        char field[FIELD_ROOM];
        const struct board_function *f = role_read(s->role, &role) ? board_role(check->board, role.name) : 0;
        if (f && f->vf.total && (role.vf > f->vf.total || role.vf > BOARD_MAX_VFS))
            found(check, spec_place(field, p, s, "role"),
                  "the function has fewer virtual functions, or more than the 16 that we use",
                  "virtual functions are numbered from 1 to the board's vf.total", "%s, there are %u", s->role, f->vf.total);
    }
}

void rule_device_many(struct check *check)
{
    unsigned n = devices_given(check->product, check->board, given);
    if (n > PLAN_MAX_FUNCTIONS)
        found(check, (struct place){"product", 0, "partitions"}, "the plan holds 64 functions in all", "give fewer away", "%u", n);
}

/* --- isolation --- */

/* Not for a PF and its own VFs: those are apart inside the device. */
static bool shares_group(const struct device *a, const struct device *b)
{
    return a->partition != b->partition && a->function != b->function && a->function->group != 0 &&
           a->function->group == b->function->group;
}

void rule_device_group(struct check *check)
{
    EACH_DEVICE(d, check)
    for (const struct device *o = given; o < d; o++)
        if (shares_group(d, o)) {
            char field[FIELD_ROOM];
            found(check, device_place(field, check, d, "role"),
                  "functions of one isolation group can reach one another past the IOMMU, so that all of a group have one owner",
                  "give both to one partition, or neither", "%s, of group %u as %s of partition %.15s", d->spec->role,
                  d->function->group, o->spec->role, owner_name(check, o));
            break;
        }
}

static const struct board_function *bridge_without_acs(const struct board *board, const struct board_function *f)
{
    for (uint32_t i = 0; i < board_functions(board); i++)
        if (behind(f, &board->functions[i]) && !board->functions[i].bridge.acs)
            return &board->functions[i];
    return 0;
}

void rule_device_vf_acs(struct check *check)
{
    EACH_DEVICE(d, check)
    for (const struct device *o = given; o < d; o++) {
        const struct board_function *bridge = bridge_without_acs(check->board, d->function);
        if (d->function != o->function || d->partition == o->partition || !bridge)
            continue;
        char field[FIELD_ROOM];
        found(check, device_place(field, check, d, "role"),
              "a bridge above without access control services turns requests between virtual functions round, past the IOMMU",
              "give the function and its virtual functions to one partition", "%s, and %s of partition %.15s, behind bridge " BDF,
              d->spec->role, o->spec->role, owner_name(check, o), BDF_OF(bridge));
        break;
    }
}

/* The bus numbers that reach the function: those behind the bridge above it; on bus 0 that bus alone. */
void rule_device_vf_bus(struct check *check)
{
    EACH_DEVICE(d, check)
    {
        const struct board_function *bridge = bridge_to(check->board, d->function->bus);
        uint32_t bus = device_requester(d->function, d->vf) >> 8, last = bridge ? bridge->bridge.subordinate : d->function->bus;
        char field[FIELD_ROOM];
        if (d->vf && bus > last)
            found(check, device_place(field, check, d, "role"),
                  "no bridge passes requests of this virtual function on: the firmware has kept no bus number for it",
                  "use virtual functions with smaller numbers, or let the firmware reserve buses for SR-IOV",
                  "%s would be on bus %u, the last is %u", d->spec->role, bus, last);
    }
}

static const struct device *owner_of(const struct check *check, const struct board_function *f)
{
    EACH_DEVICE(o, check)
    if (o->vf == 0 && o->function == f)
        return o;
    return 0;
}

void rule_device_needs_owner(struct check *check)
{
    EACH_DEVICE(d, check)
    if (d->vf && d->function->vf.needs_owner && !owner_of(check, d->function)) {
        char field[FIELD_ROOM];
        found(check, device_place(field, check, d, "role"),
              "these virtual functions work only once a driver of the physical function has set them up, and no partition has it",
              "give the physical function to a partition that does so", "%s", d->spec->role);
        return;
    }
}

static bool watchdog_behind(const struct board *board, const struct board_function *f)
{
    const struct board_function *watchdog = board_watchdog(board);
    for (uint32_t i = 0; i < board_functions(board) && watchdog; i++)
        if (behind(f, &board->functions[i]) && behind(watchdog, &board->functions[i]))
            return true;
    return false;
}

void rule_device_watchdog(struct check *check)
{
    EACH_DEVICE(d, check)
    if (watchdog_behind(check->board, d->function)) {
        char field[FIELD_ROOM];
        found(check, device_place(field, check, d, "role"),
              "the windows of the bridges above it are set anew, and the hardware watchdog behind one of them would no longer be "
              "reached",
              "choose another function, or a board without this watchdog", "%s", d->spec->role);
    }
}

/* --- interrupts --- */

void rule_device_vectors(struct check *check)
{
    EACH_DEVICE(d, check)
    {
        unsigned there = d->vf ? d->function->vf.msix.vectors : d->function->msix.vectors;
        unsigned most = there < PLAN_MAX_VECTORS ? there : PLAN_MAX_VECTORS;
        char field[FIELD_ROOM];
        if (d->spec->vectors > most)
            found(check, device_place(field, check, d, "vectors"),
                  "the function has fewer MSI-X vectors, or more than the 32 that we use", "use fewer; 0 means all that there are",
                  "%u, %s has %u", d->spec->vectors, d->spec->role, there);
    }
}

void rule_device_interrupt(struct check *check)
{
    EACH_DEVICE(d, check)
    if (check->product->partitions[d->partition].kind == IMAGE_LINUX && device_vectors(d) == 0) {
        char field[FIELD_ROOM];
        found(check, device_place(field, check, d, "role"),
              "it has neither MSI nor MSI-X, pins are not passed on, and a driver of Linux waits for an interrupt",
              "give it to a unikernel that polls it, or leave it out", "%s", d->spec->role);
    }
}

/* --- life --- */

static enum board_reset reset_of(const struct device *d)
{
    return d->vf ? d->function->vf.reset : d->function->reset.kind;
}

void rule_device_reset(struct check *check)
{
    EACH_DEVICE(d, check)
    if (reset_of(d) == RESET_NONE && !check->product->partitions[d->partition].restart.never) {
        char field[FIELD_ROOM];
        found(check, device_place(field, check, d, "role"),
              "it cannot be brought back to its state at power on, so that a second life of its owner would begin with what the "
              "first one left in it",
              "set .restart = {.never = true}, or use a function that can be reset", "%s, and restart.never is not set",
              d->spec->role);
    }
}

/* At every stop of its owner, also of one that never starts again. Its own virtual functions restart with it anyway. */
void rule_device_reset_bus(struct check *check)
{
    EACH_DEVICE(d, check)
    {
        const struct board_function *bridge = bridge_to(check->board, d->function->bus);
        if (d->vf || d->function->reset.kind != RESET_BUS || !bridge)
            continue;
        for (const struct device *o = given; o < end_; o++) {
            char field[FIELD_ROOM];
            if (o->partition == d->partition || o->function == d->function || !behind(o->function, bridge))
                continue;
            found(check, device_place(field, check, d, "role"),
                  "it is reset with all that is behind the bridge above, and another partition has something there",
                  "give all that is behind this bridge to one partition", "%s, and %s of partition %.15s behind bridge " BDF,
                  d->spec->role, o->spec->role, owner_name(check, o), BDF_OF(bridge));
            break;
        }
    }
}

void rule_restart_never(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        const char *restarts = p->restart.limit ? "restart.limit" : p->restart.window_ms ? "restart.window_ms" : 0;
        for (unsigned event = 0; event < EVENT_COUNT && !restarts; event++)
            restarts = action_restarts(event_action(p, event)) ? event_rows[event].field : 0;
        if (!restarts && p->restart.then == ACTION_RESTART_GROUP)
            restarts = "restart.then";
        if (p->restart.never && restarts)
            found(check, (struct place){"product", p, "restart.never"},
                  "a partition that never starts again cannot be restarted either",
                  "remove restart limits and ACTION_RESTART, or never", "true, and %s is set", restarts);
    }
}

void rule_restart_group(struct check *check)
{
    static struct device_plan plan;
    devices_plan(check->product, check->board, &plan);
    EACH_PARTITION(p, check)
    for (unsigned i = 0; i < check->partitions; i++) {
        const struct partition_spec *other = &check->product->partitions[i];
        if (!p->restart.never && other->restart.never && plan.restart_group[p - check->product->partitions] >> i & 1u)
            found(check, (struct place){"product", p, "restart.never"},
                  "its restart resets a physical function and with it virtual functions of a partition that never starts again",
                  "set restart.never for both, or for neither",
                  "false, partition %.15s has a virtual function of its device, and true", other->name);
    }
}

/* --- IOMMU --- */

void rule_device_iommu(struct check *check)
{
    if (check->board->iommu.kind != IOMMU_NONE || check->board->unsafe_dma)
        return;
    EACH_DEVICE(d, check)
    {
        char field[FIELD_ROOM];
        found(check, device_place(field, check, d, "role"),
              "without an IOMMU that remaps DMA and interrupts this device could read and write all memory (SEP-6)",
              "use a board with an IOMMU, or say unsafe_dma in the board's table and mean it", "%s, iommu.kind is IOMMU_NONE",
              d->spec->role);
    }
}

void rule_unsafe_release(struct check *check)
{
    if (check->release && check->board->unsafe_dma)
        found(check, (struct place){"board", 0, "unsafe_dma"}, "a release image gives no device away that can reach all memory",
              "remove it, and use a board with an IOMMU", "true");
}

void rule_unsafe_linux(struct check *check)
{
    if (!check->board->unsafe_dma)
        return;
    EACH_DEVICE(d, check)
    if (check->product->partitions[d->partition].kind == IMAGE_LINUX) {
        char field[FIELD_ROOM];
        found(check, device_place(field, check, d, "role"),
              "without an IOMMU the device takes Linux's addresses for the machine's, and writes into somebody else's memory",
              "use a board with an IOMMU; a unikernel can be told where its memory is", "%s, unsafe_dma is true", d->spec->role);
    }
}

/* --- addresses --- */

void rule_device_bar_page(struct check *check)
{
    EACH_DEVICE(d, check)
    for (unsigned i = 0; i < BOARD_BARS; i++) {
        const struct board_bar *bar = d->vf ? &d->function->vf.bars[i] : &d->function->bars[i];
        char field[FIELD_ROOM];
        if (bar->kind != BAR_NONE && bar->kind != BAR_PORTS && bar->size < PAGE_BAR_MIN)
            found(check, device_place(field, check, d, "role"),
                  "memory is given away by whole pages, and in the rest of the page another device may answer",
                  "use a function whose memory BARs have 4 KiB or more", "%s, its BAR %u has %llu bytes", d->spec->role, i,
                  HEX(bar->size));
    }
}

static bool addresses_known(const struct check *check)
{
    static const char *const needed[] = {"CFG-650", "CFG-652", "CFG-656", "CFG-657", "CFG-668", "CFG-669", "CFG-685", "CFG-689"};
    for (unsigned i = 0; i < ARRAY_SIZE(needed); i++)
        if (check_has(check, needed[i]))
            return false;
    return true;
}

void rule_device_window(struct check *check)
{
    static struct device_plan plan;
    devices_plan(check->product, check->board, &plan);
    if (addresses_known(check) && plan.memory_needed > plan.memory_room)
        found(check, (struct place){"board", 0, "pci.window_size"},
              "the memory BARs of the product's devices, with bridge windows in whole MiB, do not fit into the window",
              "make pci.window larger, or give fewer functions away", "0x%llx, 0x%llx are needed", HEX(plan.memory_room),
              HEX(plan.memory_needed));
}

void rule_device_ports(struct check *check)
{
    static struct device_plan plan;
    devices_plan(check->product, check->board, &plan);
    if (addresses_known(check) && plan.ports_needed > plan.ports_room)
        found(check, (struct place){"board", 0, "pci.ports_size"},
              "the port BARs of the product's devices, with bridge windows of 4,096 ports, do not fit into the board's ports",
              "make pci.ports larger, or give fewer functions away", "0x%llx, 0x%llx are needed", HEX(plan.ports_room),
              HEX(plan.ports_needed));
}

/* --- what they are for --- */

bool owns_class(const struct check *check, const struct partition_spec *p, uint32_t class)
{
    EACH_SPEC(s, p)
    {
        struct role role;
        const struct board_function *f = role_read(s->role, &role) ? board_role(check->board, role.name) : 0;
        if (!f || f->class_code >> 16 == class)
            return true;
    }
    return false;
}

void rule_serves(struct check *check)
{
    EACH_PARTITION(p, check)
    if (p->serves != 0 && !owns_class(check, p, CLASS_NETWORK))
        found(check, (struct place){"product", p, "serves"}, "without a network card nobody outside reaches it",
              "give it one in `devices`, or leave the port out", "%u", p->serves);
}
