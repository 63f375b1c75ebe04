/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of updates: who takes them, when a new version is confirmed, what is left where it is not. */
#include <stdlib.h>
#include <string.h>

#include "rules.h"

#define VERSION_MAX 999999999u
#define CONFIRM_MAX 86400u

static const struct update_spec *update_of(const struct check *check)
{
    return &check->product->update;
}

static const struct partition_spec *owner_of(const struct check *check)
{
    const char *name = update_of(check)->owner;
    int index = update_of(check)->version && name ? product_find(check->product, name) : -1;

    return index < 0 ? 0 : &check->product->partitions[index];
}

void rule_update_version(struct check *check)
{
    const struct update_spec *update = update_of(check);
    bool alone = update->oldest || update->owner || update->staging || update->confirm_seconds || update->give_up_seconds ||
                 update->restarts;

    if (update->version > VERSION_MAX || (update->version == 0 && alone))
        found(check, (struct place){"product", 0, "update.version"},
              update->version ? "it would not fit where the box remembers it"
                              : "without a version there are no updates, and all else of them is left out silently",
              "count the product's versions from 1 on", "%u", update->version);
}

void rule_update_oldest(struct check *check)
{
    const struct update_spec *update = update_of(check);

    if (update->version && update->oldest > update->version)
        found(check, (struct place){"product", 0, "update.oldest"}, "this version would refuse to run itself",
              "give at most update.version", "%u, version %u", update->oldest, update->version);
}

void rule_update_owner(struct check *check)
{
    const struct partition_spec *owner = owner_of(check);

    if (update_of(check)->version && (!owner || (owner->kind != IMAGE_UNIKERNEL && owner->initrd)))
        found(check, (struct place){"product", 0, "update.owner"},
              owner ? "what it must know is put into the tree's own RAM disk, and it has another" : "there is no such partition",
              "name the partition that owns the disk: the program storage, or a Linux without an initrd of its own", "%s",
              update_of(check)->owner ? update_of(check)->owner : "not set");
}

/* Who does more by itself than to write what it is told to. */
static const struct partition_spec *storage_of(const struct check *check)
{
    const struct partition_spec *owner = owner_of(check);

    return owner && owner->kind == IMAGE_UNIKERNEL ? owner : 0;
}

void rule_update_linux(struct check *check)
{
    const struct update_spec *update = update_of(check);
    const struct partition_spec *owner = owner_of(check);

    if (owner && !storage_of(check) && (update->staging || update->confirm_seconds || update->give_up_seconds || update->restarts))
        found(check, (struct place){"product", owner, "update"},
              "nobody would do it: a Linux takes and confirms updates when it calls bhupdate, and starts the box again itself",
              "leave out staging, confirm_seconds, give_up_seconds and restarts", "a Linux is the owner");
}

static bool observes(const struct partition_spec *owner, const char *name)
{
    for (unsigned i = 0; i < PRODUCT_MAX_PARTITIONS && owner->observes[i]; i++)
        if (strcmp(owner->observes[i], name) == 0)
            return true;
    return false;
}

void rule_update_observes(struct check *check)
{
    const struct partition_spec *owner = storage_of(check);

    if (!owner)
        return;
    EACH_PARTITION(p, check)
    if (p != owner && !p->stopped_at_boot && !observes(owner, p->name))
        found(check, (struct place){"product", owner, "observes"},
              "a version would be confirmed although this partition does not run, and the box would not fall back",
              "let the owner of the updates observe every partition that starts with the box", "not %s", p->name);
    EACH_PARTITION(p, check)
    if (p->stopped_at_boot && observes(owner, p->name))
        found(check, (struct place){"product", owner, "observes"}, "no version would be confirmed before somebody has started it",
              "do not let the owner of the updates observe what does not start with the box", "%s", p->name);
}

void rule_update_confirm(struct check *check)
{
    const struct update_spec *update = update_of(check);

    if (owner_of(check) && !storage_of(check))
        return;
    if (update->version && (update->confirm_seconds == 0 || update->confirm_seconds > CONFIRM_MAX))
        found(check, (struct place){"product", 0, "update.confirm_seconds"},
              "every start counts until the version is confirmed, and after three the box falls back",
              "give 1 to 86,400 seconds, less than the box usually runs", "%u", update->confirm_seconds);
    else if (update->version && update->give_up_seconds && update->give_up_seconds <= update->confirm_seconds)
        found(check, (struct place){"product", 0, "update.give_up_seconds"},
              "the box would start again before a version can be confirmed", "give more than confirm_seconds, or 0 for never",
              "%u, confirm_seconds %u", update->give_up_seconds, update->confirm_seconds);
}

void rule_update_restarts(struct check *check)
{
    const struct update_spec *update = update_of(check);
    const struct partition_spec *owner = storage_of(check);

    if (owner && (update->restarts || update->give_up_seconds) && owner->on_reboot != ACTION_RESET)
        found(check, (struct place){"product", owner, "on_reboot"},
              "the owner of the updates asks for a reboot where the box is to start again", "give ACTION_RESET", "%u",
              owner->on_reboot);
}

/* storage asks for no power off; the rest is watched or not. */
static bool can_come(const struct partition_spec *p, unsigned event)
{
    return event == EVENT_HANG ? p->hang_ms != 0 : event == EVENT_WATCHDOG ? p->watchdog.period_ms != 0 : event != EVENT_POWEROFF;
}

void rule_update_ends(struct check *check)
{
    static const char reason[] = "who gives a version up would stay stopped, and the box with it, instead of falling back";
    const struct partition_spec *owner = storage_of(check);

    if (!owner || update_of(check)->give_up_seconds == 0)
        return;
    for (unsigned event = 0; event < EVENT_COUNT; event++)
        if (can_come(owner, event) && event_resolve(owner, event) == ACTION_STOP)
            found(check, (struct place){"product", owner, event_rows[event].field}, reason, "give ACTION_RESTART, or ACTION_RESET",
                  "stop");
    if (owner->restart.limit && owner->restart.then != ACTION_RESET)
        found(check, (struct place){"product", owner, "restart.then"}, reason, "give ACTION_RESET", "%u", owner->restart.then);
}

void rule_update_staging(struct check *check)
{
    const struct update_spec *update = update_of(check);

    if (!storage_of(check) || !update->staging)
        return;
    for (unsigned i = 0; i < PRODUCT_MAX_SLICES && check->product->slices[i].name; i++) {
        const struct slice_spec *s = &check->product->slices[i];
        if (strcmp(s->name, update->staging) == 0 && s->server && strcmp(s->server, update->owner) == 0 && !s->read_only)
            return;
    }
    found(check, (struct place){"product", 0, "update.staging"},
          "bundles come in a slice that the owner serves and its client may write", "name such a slice, or none", "%s",
          update->staging);
}

void rule_update_data(struct check *check)
{
    const struct partition_spec *owner = owner_of(check);
    uint64_t bytes = 0;

    if (!owner)
        return;
    for (unsigned i = 0; i < PRODUCT_MAX_SLICES && check->product->slices[i].name; i++)
        if (check->product->slices[i].server && strcmp(check->product->slices[i].server, owner->name) == 0)
            bytes += check->product->slices[i].size;
    if (bytes > check->product->data_size)
        found(check, (struct place){"product", 0, "data_size"},
              "where the box starts from the owner's disk, its slices lie in the data partition of the disk image",
              "give at least the sum of the slices' sizes", "%llu MiB, slices of %llu MiB",
              (unsigned long long)(check->product->data_size >> 20), (unsigned long long)(bytes >> 20));
}

/* What stands behind this word among the arguments; 0: it is not there. */
static const char *word_of(const struct partition_spec *p, const char *word)
{
    for (const char *at = p->args ? p->args : ""; *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strncmp(at, word, strlen(word)) == 0)
            return at + strlen(word);
    }
    return 0;
}

void rule_update_fetch(struct check *check)
{
    EACH_PARTITION(p, check)
    {
        const char *program = p->program ? p->program : p->name, *version = word_of(p, "version=");
        if (p->kind != IMAGE_UNIKERNEL || !program || strcmp(program, "fetch") != 0 || !word_of(p, "feed="))
            continue;
        if (update_of(check)->version == 0 || !version || strtoul(version, 0, 10) != update_of(check)->version)
            found(check, (struct place){"product", p, "args"}, "it would fetch what runs already, or miss what is newer",
                  "give version= the number that update.version has, by one macro", "version=%.10s, update.version %u",
                  version ? version : "", update_of(check)->version);
    }
}
