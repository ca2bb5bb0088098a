/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_MIGRATE_COMMAND_H
#define CLI_MIGRATE_COMMAND_H

#include "cli/command.h"

/* tenon migrate diff | new | up | down | status | check | lint */
enum command_exit migrate_command_run(const struct command_line *line);

#endif
