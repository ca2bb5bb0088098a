/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include "cli/command.h"

/* `serve` and `dev`. */
enum command_exit serve_run(const struct command_line *line);
enum command_exit serve_dev(const struct command_line *line);

#endif
