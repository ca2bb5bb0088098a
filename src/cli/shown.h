/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SHOWN_H
#define CLI_SHOWN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/value.h"
#include "cli/command.h"

/* What the commands that explain requests print alike. */

/* Appends a value for people: long texts are cut. */
void shown_value(struct buf *out, const struct value *value);
/* Appends it as JSON, whole. */
void shown_json(struct buf *out, const struct value *value);
/* Appends `key`, as it stands, and a text behind it, or null. */
void shown_member(struct buf *out, const char *key, const char *text);
/* Whether a request was written without quotes: the shell has then made two arguments of it. */
bool shown_is_unquoted(const struct command_line *line);

#endif
