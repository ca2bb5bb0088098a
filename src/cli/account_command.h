/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ACCOUNT_COMMAND_H
#define CLI_ACCOUNT_COMMAND_H

#include "cli/command.h"

/* `tenon account`. */
enum command_exit account_command_run(const struct command_line *line);

#endif
