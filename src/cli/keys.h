/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include "cli/command.h"

/* `tenon key`. */
enum command_exit keys_run(const struct command_line *line);

#endif
