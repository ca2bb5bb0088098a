/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include <stddef.h>

#include "cli/command.h"

/* Commands that do several things: the first argument says which. */
struct verb {
    const char *name;
    const char *arguments; /* what it needs behind its name, "LOGIN ROLE"; NULL: nothing */
    size_t argument_count;
};

/* Finds the one that a command line names, and checks that its arguments are there and none is too many. `at` says
 * which it is; `app_path` is the app file, named or not. COMMAND_USAGE: what is wrong was printed. */
enum command_exit verb_find(const struct command_line *line, const char *command, const struct verb *verbs,
                            size_t count, size_t *at, const char **app_path);

#endif
