/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include "cli/command.h"

/* `tenon explain`. */
enum command_exit explain_request(const struct command_line *line);

#endif
