/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_INIT_H
#define CLI_INIT_H

#include "cli/command.h"

/* Writes the first app file of a project. */
enum command_exit init_run(const struct command_line *line);

#endif
