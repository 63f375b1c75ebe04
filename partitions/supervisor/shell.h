/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the supervisor share. */
#ifndef SUPERVISOR_SHELL_H
#define SUPERVISOR_SHELL_H

#include "bh.h"

#define SECOND 1000000000ull
#define KEY_NONE (-1)
#define KEY_LEAVE 0x1c /* Ctrl-\, ends a connection to a console */

/* The next key, or KEY_NONE at bh_now_ns() = deadline. All waiting is here: the watchdog is petted and the network served meanwhile. */
int key(uint64_t deadline);
/* Until bh_now_ns() = deadline; true: Ctrl-C came. Other keys are for whoever asks key() next. */
bool key_break(uint64_t deadline);

/* Index and status of the partition with this name. Says what to do where there is none. */
bool find(const char *name, unsigned *n, struct bh_status *status);
/* What an error of bh_control() means for a person, said. */
void say_refused(const struct bh_status *status, const char *verb, uint64_t error);

/* Bytes of others' output with everything made visible that is not text. */
void print_visible(const char *bytes, size_t count);

/* show.c: what is. */
void show_list(int argc, char **argv);
void show_info(int argc, char **argv);
void show_state(int argc, char **argv);
void show_health(int argc, char **argv);
void show_uptime(int argc, char **argv);
void show_top(int argc, char **argv);

/* output.c: what they and the hypervisor say. */
void output_log(int argc, char **argv);
void output_console(int argc, char **argv);
void output_dmesg(int argc, char **argv);
void output_trace(int argc, char **argv);
void output_audit(int argc, char **argv);

/* dump.c: what can be saved from the console and looked at elsewhere. */
void dump_core(int argc, char **argv);
void dump_record(int argc, char **argv);

/* web.c: the status page, where the arguments name a network. False: there is none. */
bool web_start(int argc, char **argv);
/* As bh_console_wait(), with the network served. */
bool web_wait(uint64_t deadline);

#endif
