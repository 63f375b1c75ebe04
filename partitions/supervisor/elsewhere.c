/* SPDX-License-Identifier: Apache-2.0 */
#include "elsewhere.h"

#include <stddef.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define NOT_ASKED "it is not asked to shut down: it is stopped at once, whatever it does"

static const struct elsewhere_name names[] = {
    {"ls", "list", 0},        {"vm-list", "list", 0},    {"domlist", "list", 0},
    {"xentop", "top", 0},     {"virt-top", "top", 0},    {"dominfo", "info", 0},
    {"domstats", "info", 0},  {"dommemstat", "info", 0}, {"vcpuinfo", "info", 0},
    {"vcpucount", "info", 0}, {"vcpu-info", "info", 0},  {"vcpu-list", "info", 0},
    {"domstate", "state", 0}, {"create", "start", 0},    {"shutdown", "stop", NOT_ASKED},
    {"destroy", "stop", 0},   {"kill", "stop", 0},       {"reboot", "restart", NOT_ASKED ", and started anew"},
    {"reset", "restart", 0},  {"suspend", "pause", 0},   {"unpause", "resume", 0},
    {"dump-core", "dump", 0}, {"coredump", "dump", 0},   {"?", "help", 0},
};

/* Words between blanks; `*` at the beginning or end of one stands for anything. The first row that fits counts. */
static const struct {
    const char *words, *why;
} absent[] = {
    {"exit quit logout",
     "there is nothing to leave: the attention key (Ctrl-] unless the board says otherwise) and a number show another screen"},
    {"migrate* save restore managedsave* save-image-* snapshot* checkpoint* backup* clone remus domjob* vol-*",
     "a partition has no state outside its memory: restart NAME starts it anew; dump NAME shows what a stopped one had"},
    {"undefine autostart", "who starts with the machine says .stopped_at_boot in the product's table: change it, then make"},
    {"dumpxml domxml-* schedinfo domdesc desc metadata",
     "there is no XML: info NAME shows what is; what was asked for is the product's product.c, and `make report` shows all of it"},
    {"domid domname domuuid", "partitions have a name and no number: list shows them"},
    {"nodeinfo sysinfo capabilities domcapabilities hostname version node* freecell freepages maxvcpus claims uri",
     "dmesg begins with the machine and this build; list shows how cores and memory are given out"},
    {"cpupool* sched-* vcpu-pin vcpupin emulatorpin iothread* numatune cputune psr-* numa* setvcpu*",
     "each core belongs to one partition for ever, nothing is scheduled: change .cores in the product's table, then make"},
    {"setmem* setmaxmem mem-* memtune balloon* tmem-* allocpages",
     "memory is given out before the start, none is moved: change .memory in the product's table, then make"},
    {"define edit config-update rename domrename vcpu-set guestvcpus perf",
     "nothing is made or moved at run time: change the product's table, then make"},
    {"net-list net-info network-list domiflist domif* iface-* nwfilter-* net-* channel-list",
     "cables and network cards are in the product's table, and `make report` shows who can reach whom; info NAME counts bytes"},
    {"pool-* block-list domblklist domblk* vol-list domfs*",
     "disks and slices are in the product's table, and `make report` shows whose they are"},
    {"attach-* detach-* *-attach *-detach network-* block* blk* change-media cd-* pci-* usb* scsi* vtpm-* vkb-* update-device "
     "nodedev-* "
     "pci-list",
     "a device belongs to one partition for ever: change the product's table, then make"},
    {"inject-nmi send-key sysrq trigger send-process-signal set-user-password qemu-* dompm*",
     "type to it by console NAME; what the table says of a hang happens by itself"},
    {"vncdisplay vncviewer domdisplay screenshot ttyconsole", "there is no screen but the text of console NAME"},
    {"event domcontrol rawdump dom-events", "health shows what befell each partition, dmesg each event as it came"},
    {"domtime", "uptime shows since when everything runs, info NAME since when that one does"},
    {"debug-keys loadpolicy getenforce setenforce", "audit compares all isolation tables with the plan"},
    {"wait", "start, stop and restart wait until it is done"},
    {"secret-* connect cd pwd echo shell console-*", "this shell looks after partitions, and nothing else"},
    {"*-list", "list shows partitions; who has which core, device and channel shows `make report`"},
};

static const struct elsewhere_option options[] = {
    {"start", "--paused", false, "it starts running: start NAME, then pause NAME"},
    {"start", "-p", false, "it starts running: start NAME, then pause NAME"},
    {"start", "--console", false, "start it first; console NAME connects then"},
    {"start", "-c", false, "start it first; console NAME connects then"},
    {"start", "--autodestroy", false, "nothing stops it when you leave"},
    {"stop", "--graceful", false, "nobody is asked: stop NAME stops it at once"},
    {"stop", "--all", false, "one at a time: stop NAME"},
    {"stop", "-a", false, "one at a time: stop NAME"},
    {"restart", "--all", false, "one at a time: restart NAME"},
    {"restart", "-a", false, "one at a time: restart NAME"},
    {"dump", "--live", false, "only one that has stopped can be dumped: stop NAME, then dump NAME"},
    {"dump", "-L", false, "only one that has stopped can be dumped: stop NAME, then dump NAME"},
    {"dump", "--reset", false, "dump NAME, then restart NAME"},
    {"dump", "-R", false, "dump NAME, then restart NAME"},
    {"dump", "--crash", false, 0},
    {"dump", "-C", false, 0},
    {"dump", "--memory-only", false, 0},
    {"dump", "--verbose", false, 0},
    {"dump", "--bypass-cache", false, 0},
    {"dump", "--format", true, 0},
    {"stop", "--mode", true, 0},
    {"restart", "--mode", true, 0},
    {"stop", "-w", false, 0},
    {"stop", "--wait", false, 0},
    {"restart", "-w", false, 0},
    {"stop", "-F", false, 0},
    {"restart", "-F", false, 0},
    {"start", "--force-boot", false, 0},
    {"console", "--force", false, 0},
    {"console", "--safe", false, 0},
    {"console", "-t", true, 0},
    {"console", "-n", true, 0},
    {0, "--domain", false, 0}, /* the name follows, as it does without */
};

const struct elsewhere_name *elsewhere_nth(unsigned n)
{
    return n < COUNT(names) ? &names[n] : 0;
}

const struct elsewhere_name *elsewhere_name(const char *word)
{
    for (unsigned i = 0; i < COUNT(names); i++)
        if (strcmp(names[i].theirs, word) == 0)
            return &names[i];
    return 0;
}

/* One of the words of a row, `length` long. */
static bool fits(const char *pattern, size_t length, const char *word)
{
    size_t size = strlen(word);

    if (pattern[0] == '*')
        return size >= length && memcmp(word + size - (length - 1), pattern + 1, length - 1) == 0;
    if (pattern[length - 1] == '*')
        return size >= length - 1 && memcmp(word, pattern, length - 1) == 0;
    return size == length && memcmp(word, pattern, length) == 0;
}

const char *elsewhere_why(const char *word)
{
    for (unsigned i = 0; i < COUNT(absent); i++)
        for (const char *at = absent[i].words; *at != 0;) {
            size_t length = strcspn(at, " ");

            if (fits(at, length, word))
                return absent[i].why;
            at += length + strspn(at + length, " ");
        }
    return 0;
}

const struct elsewhere_option *elsewhere_option(const char *verb, const char *word)
{
    size_t length = strcspn(word, "=");

    for (unsigned i = 0; i < COUNT(options); i++)
        if ((!options[i].verb || strcmp(options[i].verb, verb) == 0) && strlen(options[i].option) == length &&
            memcmp(options[i].option, word, length) == 0)
            return &options[i];
    return 0;
}
