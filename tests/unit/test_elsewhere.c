/* SPDX-License-Identifier: Apache-2.0 */
/* What users of xm, xl and virsh type: it is one of our commands, or there is a word about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../partitions/supervisor/elsewhere.h"

static const char *const ours[] = {"list", "top",   "info",    "state", "health", "uptime", "console", "log",   "dmesg", "start",
                                   "stop", "pause", "restart", "trace", "resume", "dump",   "record",  "audit", "help"};

static int is_ours(const char *word)
{
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (strcmp(ours[i], word) == 0)
            return 1;
    return 0;
}

static void each_name_is_a_command_of_ours(void **state)
{
    unsigned n = 0;

    (void)state;
    for (const struct elsewhere_name *name; (name = elsewhere_nth(n)); n++) {
        assert_true(is_ours(name->ours));
        assert_false(is_ours(name->theirs));
        assert_ptr_equal(elsewhere_name(name->theirs), name);
    }
    assert_true(n > 20);
    assert_null(elsewhere_name("list"));
    assert_null(elsewhere_name("destro"));
    assert_null(elsewhere_name(""));
    assert_non_null(strstr(elsewhere_name("shutdown")->note, "not asked"));
}

static void there_is_a_word_about_each_of_theirs(void **state)
{
    static const char *const theirs[] = {"dumpxml",        "nodeinfo",
                                         "domid",          "domname",
                                         "autostart",      "define",
                                         "undefine",       "edit",
                                         "setmem",         "setvcpus",
                                         "mem-max",        "mem-set",
                                         "net-list",       "pool-list",
                                         "iface-list",     "nodedev-list",
                                         "secret-list",    "nwfilter-list",
                                         "vol-list",       "attach-disk",
                                         "detach-device",  "attach-interface",
                                         "block-attach",   "block-detach",
                                         "network-attach", "pci-attach",
                                         "pci-list",       "usbdev-attach",
                                         "migrate",        "migrate-setspeed",
                                         "save",           "restore",
                                         "managedsave",    "snapshot-create",
                                         "snapshot-list",  "vcpu-pin",
                                         "vcpu-set",       "vcpupin",
                                         "cpupool-list",   "cpupool-create",
                                         "sched-credit",   "sched-rtds",
                                         "schedinfo",      "blockcopy",
                                         "blkdeviotune",   "domblklist",
                                         "domiflist",      "send-key",
                                         "inject-nmi",     "vncdisplay",
                                         "quit",           "exit",
                                         "hostname",       "version",
                                         "capabilities",   "domuuid",
                                         "clone",          "rename"};

    (void)state;
    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
        const char *why = elsewhere_why(theirs[i]);

        if (!why || strlen(why) < 10)
            fail_msg("no word about %s", theirs[i]);
        assert_null(elsewhere_name(theirs[i]));
    }
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_null(elsewhere_why(ours[i]));
}

static void other_words_are_nobodys(void **state)
{
    static const char *const words[] = {"", "*", " ", "sav", "saved", "exit quit", "lists", "-", "stopp", "x-lis", "attach"};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        assert_null(elsewhere_why(words[i]));
}

static void options_are_of_their_command(void **state)
{
    (void)state;
    assert_true(elsewhere_option("stop", "--mode")->value);
    assert_null(elsewhere_option("stop", "--mode=acpi")->why);
    assert_null(elsewhere_option("stop", "--mod"));
    assert_null(elsewhere_option("stop", "--modes"));
    assert_null(elsewhere_option("pause", "--mode"));
    assert_non_null(elsewhere_option("pause", "--domain"));
    assert_non_null(elsewhere_option("start", "--paused")->why);
    assert_null(elsewhere_option("stop", "--unheard"));
    assert_null(elsewhere_option("stop", "-"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_is_a_command_of_ours),
        cmocka_unit_test(there_is_a_word_about_each_of_theirs),
        cmocka_unit_test(other_words_are_nobodys),
        cmocka_unit_test(options_are_of_their_command),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
