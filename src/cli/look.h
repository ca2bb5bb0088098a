/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOOK_H
#define CLI_LOOK_H

#include "cli/command.h"

/* Commands that look at an app without serving it. */
enum command_exit look_check(const struct command_line *line);
enum command_exit look_routes(const struct command_line *line);
enum command_exit look_schema(const struct command_line *line);
enum command_exit look_version(const struct command_line *line);

#endif
