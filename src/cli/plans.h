/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PLANS_H
#define CLI_PLANS_H

#include "cli/command.h"

/* `tenon explain`. */
enum command_exit plans_explain(const struct command_line *line);

#endif
