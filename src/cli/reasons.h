/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_REASONS_H
#define CLI_REASONS_H

#include "cli/command.h"

/* `tenon why`. */
enum command_exit reasons_why(const struct command_line *line);

#endif
