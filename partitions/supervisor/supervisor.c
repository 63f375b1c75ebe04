/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's shell: what the table lets this partition see of others and do to them. It has no other power: without it the product runs
 * as well. Arguments: net=... and port=N for a status page, as of httpd. */
#include <stdio.h>
#include <string.h>

#include "edit.h"
#include "elsewhere.h"
#include "shell.h"
#include "visible.h"

#define WORDS 16
#define SETTLE_NS (20 * SECOND)
#define RETRY_NS (SECOND / 20)
#define ROUND_NS (SECOND / 2)
#define AHEAD 256u
#define CTRL_C 3

static bool has_web;
static struct {
    char keys[AHEAD];
    unsigned first, end; /* count on for ever */
} ahead;                 /* typed while a command looked for Ctrl-C */

static int new_key(uint64_t deadline)
{
    char byte;

    for (;;) {
        uint64_t round = bh_now_ns() + ROUND_NS;
        bh_watchdog_pet();
        if (bh_console_read(&byte, 1) == 1)
            return (unsigned char)byte;
        if (bh_now_ns() >= deadline)
            return KEY_NONE;
        if (has_web)
            web_wait(round < deadline ? round : deadline);
        else
            bh_console_wait(round < deadline ? round : deadline);
    }
}

int key(uint64_t deadline)
{
    return ahead.first != ahead.end ? (unsigned char)ahead.keys[ahead.first++ % AHEAD] : new_key(deadline);
}

bool key_break(uint64_t deadline)
{
    int pressed;

    while ((pressed = new_key(deadline)) != KEY_NONE) {
        if (pressed == CTRL_C)
            return true;
        if (ahead.end - ahead.first < AHEAD)
            ahead.keys[ahead.end++ % AHEAD] = (char)pressed;
    }
    return false;
}

bool find(const char *name, unsigned *n, struct bh_status *status)
{
    for (*n = 0; bh_status(*n, status); (*n)++)
        if (strcmp(status->name, name) == 0)
            return true;
    if (name[strspn(name, "0123456789")] == 0) {
        printf("error: %s: partitions have names here and no numbers: list shows them\n", name);
        return false;
    }
    printf(
        "error: no partition '%s' that this one may observe: list shows them; more are named by .observes in the product's table\n",
        name);
    return false;
}

void say_refused(const struct bh_status *status, const char *verb, uint64_t error)
{
    if (error == BH_EPERM)
        printf("error: %s %s: not allowed: name %s in .controls of this partition in the product's table\n", verb, status->name,
               status->name);
    else if (error == BH_EBUSY)
        printf("error: %s %s: it is %s\n", verb, status->name, bh_state_name((enum bh_state)status->state));
    else if (error == BH_AGAIN)
        printf("error: %s %s: too soon after the last order; try again\n", verb, status->name);
    else
        printf("error: %s %s: refused by the hypervisor (%ld)\n", verb, status->name, (long)error);
}

void print_visible(const char *bytes, size_t count)
{
    char text[4 * 256];

    for (size_t at = 0; at < count;) {
        size_t taken = count - at < 256 ? count - at : 256;
        fwrite(text, 1, visible(text, bytes + at, taken), stdout);
        at += taken;
    }
}

/* --- orders ----------------------------------------------------------------------------------------------------------------- */

/* What is typed meanwhile stays for the next line. */
static void rest(void)
{
    bh_watchdog_pet();
    bh_sleep_ns(RETRY_NS);
}

/* The hypervisor takes one a second for each partition: a person need not know. */
static uint64_t order(unsigned n, enum bh_control what)
{
    uint64_t until = bh_now_ns() + 2 * SECOND, answer;

    while ((answer = bh_control(n, what, 0)) == BH_AGAIN && bh_now_ns() < until)
        rest();
    return answer;
}

static bool settled(enum bh_control what, const struct bh_status *before, const struct bh_status *now)
{
    if (now->state == BH_STATE_LOADING || now->state == BH_STATE_STOPPING)
        return false;
    if (what == BH_CONTROL_RESTART || what == BH_CONTROL_START)
        return now->lives > before->lives || now->state == BH_STATE_STOPPED;
    return now->state != before->state;
}

static void act(int argc, char **argv, enum bh_control what)
{
    uint64_t until = bh_now_ns() + SETTLE_NS, answer;
    struct bh_status before, now;
    unsigned n;

    (void)argc;
    if (!find(argv[1], &n, &before))
        return;
    answer = order(n, what);
    if (answer != 0) {
        say_refused(&before, argv[0], answer);
        return;
    }
    do {
        rest();
        if (!bh_status(n, &now))
            return;
    } while (!settled(what, &before, &now) && bh_now_ns() < until);
    printf("%s: %s", now.name, bh_state_name((enum bh_state)now.state));
    printf(now.state == BH_STATE_RUNNING ? ", life %lu\n" : "\n", now.lives);
}

static void act_start(int argc, char **argv)
{
    act(argc, argv, BH_CONTROL_START);
}

static void act_stop(int argc, char **argv)
{
    act(argc, argv, BH_CONTROL_STOP);
}

static void act_restart(int argc, char **argv)
{
    act(argc, argv, BH_CONTROL_RESTART);
}

static void act_pause(int argc, char **argv)
{
    act(argc, argv, BH_CONTROL_PAUSE);
}

static void act_resume(int argc, char **argv)
{
    act(argc, argv, BH_CONTROL_RESUME);
}

/* --- commands ----------------------------------------------------------------------------------------------------------------- */

static void help(int argc, char **argv);

static const struct command {
    const char *name;
    void (*run)(int argc, char **argv);
    int least, most;   /* words that follow; where one has to, it is a partition's name */
    const char *usage; /* what they are */
    const char *what;
} commands[] = {
    {"list", show_list, 0, 3, "[NAME] [--all] [--inactive] [--name]", "partitions, their states and what this one may do to them"},
    {"top", show_top, 0, 1, "[N]",
     "live counters, each second until a key; or N times, one below the other. CHANNEL/s: as the writers say themselves"},
    {"info", show_info, 1, 1, "NAME", "all that is known of a partition"},
    {"state", show_state, 1, 1, "NAME", "its state and nothing else"},
    {"health", show_health, 0, 0, "", "stops, restarts, watchdogs and denied accesses"},
    {"uptime", show_uptime, 0, 0, "", "since when everything runs"},
    {"console", output_console, 1, 1, "NAME", "connect: what it prints, and keys to it; Ctrl-\\ leaves"},
    {"log", output_log, 1, 2, "NAME [LINES]", "the end of what it has printed, control characters made visible"},
    {"dmesg", output_dmesg, 0, 0, "", "the hypervisor's own log"},
    {"start", act_start, 1, 1, "NAME", "start it"},
    {"stop", act_stop, 1, 1, "NAME", "stop it at once, without asking it"},
    {"restart", act_restart, 1, 1, "NAME", "stop it and start it anew: memory scrubbed, devices reset"},
    {"pause", act_pause, 1, 1, "NAME", "halt its cores where they are; its devices go on"},
    {"resume", act_resume, 1, 1, "NAME", "let a paused one go on"},
    {"trace", output_trace, 1, 2, "NAME on|off|show", "its exits to the hypervisor, for `make trace`"},
    {"dump", dump_core, 1, 2, "NAME", "memory and registers of one that has stopped, for `make core`"},
    {"record", dump_record, 0, 0, "", "what the boot before left, for `make decode`"},
    {"audit", output_audit, 0, 0, "", "compare all isolation tables with the plan, now"},
    {"help", help, 0, 1, "[COMMAND]", "this list"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* By its name, or what it is called elsewhere. */
static const struct command *command_find(const char *name)
{
    const struct elsewhere_name *other = elsewhere_name(name);

    for (unsigned i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, other ? other->ours : name) == 0)
            return &commands[i];
    return 0;
}

static void unknown(const char *name)
{
    const char *why = elsewhere_why(name);

    if (why)
        printf("error: %s: there is no such command: %s\n", name, why);
    else
        printf("error: no command '%s': help lists them\n", name);
}

static void help(int argc, char **argv)
{
    const struct command *wanted = argc > 1 ? command_find(argv[1]) : 0;
    char left[40];

    if (argc > 1 && !wanted) {
        unknown(argv[1]);
        return;
    }
    for (unsigned i = 0; i < COMMANDS; i++) {
        if (wanted && &commands[i] != wanted)
            continue;
        snprintf(left, sizeof(left), "%s %s", commands[i].name, commands[i].usage);
        printf("%-24s %s\n", left, commands[i].what);
    }
    if (!wanted)
        printf("Tab completes, arrows go through the line and the lines before. Ctrl-C leaves a line.\n");
}

/* Leaves out what options mean nothing here. How many words are left; 0: it is not to be carried out. */
static int options_take(const struct command *command, int argc, char **argv)
{
    int left = 1;

    for (int i = 1; i < argc; i++) {
        const struct elsewhere_option *option = argv[i][0] == '-' ? elsewhere_option(command->name, argv[i]) : 0;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help(2, (char *[]){argv[0], argv[0]});
            return 0;
        }
        if (argv[i][0] == '-' && !option && command->run != show_list) {
            printf("error: %s: no option '%s': %s %s\n", argv[0], argv[i], command->name, command->usage);
            return 0;
        }
        if (option && option->why) {
            printf("error: %s %s: %s\n", argv[0], option->option, option->why);
            return 0;
        }
        if (!option)
            argv[left++] = argv[i];
        else if (option->value && !strchr(argv[i], '='))
            i++;
    }
    return left;
}

static void command_run(const struct command *command, int argc, char **argv)
{
    const struct elsewhere_name *other = elsewhere_name(argv[0]);

    argc = options_take(command, argc, argv);
    if (argc == 0)
        return;
    if (argc - 1 < command->least) {
        printf("error: %s: which partition? %s %s; list shows them\n", argv[0], command->name, command->usage);
    } else if (argc - 1 > command->most) {
        printf("error: %s: '%s' is a word too many: %s %s\n", argv[0], argv[command->most + 1], command->name, command->usage);
    } else {
        if (other && other->note)
            printf("%s: %s\n", argv[0], other->note);
        command->run(argc, argv);
    }
}

/* Their commands follow as words of their own. */
static bool is_tool(const char *word)
{
    return strcmp(word, "xl") == 0 || strcmp(word, "xm") == 0 || strcmp(word, "virsh") == 0;
}

static void run(char *line)
{
    char *words[WORDS], *rest = 0;
    const struct command *command;
    int count = 0, first;

    for (char *word = strtok_r(line, " ", &rest); word && count < WORDS; word = strtok_r(0, " ", &rest))
        words[count++] = word;
    first = count > 1 && is_tool(words[0]);
    if (count == 0)
        return;
    command = command_find(words[first]);
    if (command)
        command_run(command, count - first, words + first);
    else if (is_tool(words[first]))
        printf("error: %s: what is it to do? %s list, say; help lists all\n", words[first], words[first]);
    else
        unknown(words[first]);
}

/* --- the line ------------------------------------------------------------------------------------------------------------------- */

/* All commands; behind another tool's name its own as well. */
static unsigned first_words(bool of_tool, const char *list[EDIT_WORDS])
{
    const struct elsewhere_name *other;
    unsigned count = 0;

    for (unsigned i = 0; i < COMMANDS && count < EDIT_WORDS; i++)
        list[count++] = commands[i].name;
    for (unsigned i = 0; of_tool && count < EDIT_WORDS && (other = elsewhere_nth(i)); i++)
        list[count++] = other->theirs;
    return count;
}

static unsigned second_words(const char *line, size_t start, const char *list[EDIT_WORDS])
{
    static char names[EDIT_WORDS][sizeof(((struct bh_status *)0)->name)];
    struct bh_status status;
    unsigned count = 0;
    char verb[EDIT_LINE + 1];

    snprintf(verb, sizeof(verb), "%.*s", (int)strcspn(line, " "), line);
    if (strcmp(verb, "help") == 0)
        return first_words(false, list);
    if (!command_find(verb) || command_find(verb)->least == 0 || strspn(line + strlen(verb), " ") + strlen(verb) != start)
        return 0;
    for (; count < EDIT_WORDS && bh_status(count, &status); count++)
        list[count] = strcpy(names[count], status.name);
    return count;
}

/* Where the line begins behind the name of another tool; 0: it does not begin with one. */
static size_t behind_tool(const char *line)
{
    size_t length = strcspn(line, " ");
    char word[8];

    if (length >= sizeof(word) || line[length] != ' ')
        return 0;
    memcpy(word, line, length);
    word[length] = 0;
    return is_tool(word) ? length + strspn(line + length, " ") : 0;
}

static unsigned words(const char *line, size_t start, const char *list[EDIT_WORDS])
{
    static const char *const switches[] = {"on", "off", "show"};
    size_t behind = behind_tool(line);
    unsigned count = 0;

    if (start < behind)
        return 0;
    line += behind;
    start -= behind;
    if (start != 0 && strncmp(line, "trace ", 6) == 0 && strchr(line + 6, ' ') && strchr(line + 6, ' ') < line + start) {
        for (; count < 3; count++)
            list[count] = switches[count];
        return count;
    }
    return start != 0 ? second_words(line, start, list) : first_words(behind != 0, list);
}

int main(int argc, char **argv)
{
    static struct edit edit = {.words = words};
    static char prompt[BH_NAME_MAX + 3];

    has_web = web_start(argc - 1, argv + 1);
    printf("%s: life %lu; type help\n", argv[0], bh_start_info()->lives);
    snprintf(prompt, sizeof(prompt), "%s> ", argv[0]);
    edit.prompt = prompt;
    for (;;) {
        edit_begin(&edit);
        bh_console_write(edit.show, edit.show_length);
        enum edit_result result = EDIT_MORE;
        while (result == EDIT_MORE) {
            result = edit_byte(&edit, (char)key(UINT64_MAX));
            bh_console_write(edit.show, edit.show_length);
        }
        if (result == EDIT_LINE_DONE)
            run(edit.text);
        fflush(stdout);
    }
}
