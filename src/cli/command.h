/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "app/generation.h"

/* The command line as one table: it is parsed by it, and prints its own help from it. */

enum command_exit {
    COMMAND_DONE = 0,
    COMMAND_FAILED = 1, /* mistakes in the app file, a database that differs, an address that is taken */
    COMMAND_USAGE = 2,  /* the command line itself is wrong */
};

struct command_program;

enum { COMMAND_ARGUMENTS_MAX = 64, COMMAND_VALUES_MAX = 64 };

/* An option that may be given many times. */
struct command_values {
    const char *items[COMMAND_VALUES_MAX];
    size_t count;
};

/* What a command line says. */
struct command_line {
    const char *program;
    const char *arguments[COMMAND_ARGUMENTS_MAX]; /* the app file, a folder, …; NULL: not given */
    size_t argument_count;
    const char *listen, *admin, *cores;
    const char *output, *access;
    const char *base, *database, *steps, *as, *scopes, *app;
    const char *name, *owner, *expires, *overlap, *rate, *role;
    struct command_values set;
    bool is_json, is_help, shares_port, is_unlocked, is_contract, is_sure, is_complete;
    const struct command_program *running;
};

/* The program whose command line it is: `tenon` itself, or a C program around an app file. */
struct command_program {
    const char *app_path;      /* where no app file is named */
    generation_extend *extend; /* what it adds to the app; NULL: nothing */
    void *extend_state;
};

struct command {
    const char *name;
    const char *argument; /* "[app.yaml]", a word for each it takes; "[log...]": any number; NULL: takes none */
    const char *options;  /* "listen admin cores json" */
    const char *summary;
    const char *details; /* for its own --help; NULL: the summary says all */
    enum command_exit (*run)(const struct command_line *line);
};

/* Every command, ended by one without a name. */
extern const struct command command_table[];

/* Parses the arguments and runs what they ask for. */
enum command_exit command_main(const struct command_program *program, int argc, char **argv);

#endif
