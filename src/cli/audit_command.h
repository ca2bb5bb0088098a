/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_AUDIT_COMMAND_H
#define CLI_AUDIT_COMMAND_H

#include "cli/command.h"

/* tenon audit [log...] */
enum command_exit audit_command_run(const struct command_line *line);

#endif
