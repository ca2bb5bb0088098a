/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COPY_H
#define CLI_COPY_H

#include "cli/command.h"

/* `tenon copy <from> <to> [app.yaml]` */
enum command_exit copy_run(const struct command_line *line);

#endif
