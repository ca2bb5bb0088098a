/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_SETTINGS_MAP_H
#define APP_SETTINGS_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/node.h"
#include "base/slice.h"

/* Maps and lists of the app file whose items are alike: keys, issuers, providers. What is wrong is told. */

enum { SETTINGS_MAP_ITEMS_MAX = 16 };

/* A key of such a map. */
struct settings_map_row {
    const char *name;
    struct slice *out;
    const struct node **node; /* a key that somebody else reads; NULL: it is a text */
    bool is_required;
};

/* Whether all that is required is there, and nothing else. */
bool settings_map_read(struct diag *diag, const struct node *map, const char *what, const struct settings_map_row *rows,
                       size_t count);
/* Whether it is a list of 1 to SETTINGS_MAP_ITEMS_MAX. */
bool settings_map_is_list(struct diag *diag, const struct node *node, const char *what);
/* Whether it is a text, and not an empty one. */
bool settings_map_is_text(struct diag *diag, const struct node *node, const char *what);

#endif
