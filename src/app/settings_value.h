/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_SETTINGS_VALUE_H
#define APP_SETTINGS_VALUE_H

#include "app/settings.h"
#include "base/node.h"

struct settings_reader {
    struct arena *arena;
    struct diag *diag;
    struct settings *settings; /* being filled */
};

/* Reads the value of a row into its member; what is wrong is told and leaves the member as it was.
 * Errors: ERROR_MEMORY. */
MUST_USE
enum error settings_value_read(struct settings_reader *reader, const struct settings_row *row, const struct node *node);

/* Whether a URL has a password in it: scheme://user:password@host. */
bool settings_value_has_password(struct slice url);
/* Warns of a secret that stands in the file instead of coming from a variable or a file; `what` says which. */
void settings_value_warn_of_secret(struct diag *diag, const struct node *node, const char *what);

#endif
