/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ADOPTER_H
#define CLI_ADOPTER_H

#include "cli/command.h"

/* `tenon adopt sqlite:file.db|postgres://…`: an app file for a database that exists. */
enum command_exit adopter_run(const struct command_line *line);

#endif
