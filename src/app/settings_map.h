/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_SETTINGS_MAP_H
#define APP_SETTINGS_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/node.h"
#include "base/slice.h"

/* Maps of the app file that stand in lists: a key, an issuer, a client, a provider. */

enum { SETTINGS_MAP_ITEMS_MAX = 16 }; /* of such a list, where nothing else is said */

struct settings_map_row {
    const char *name;
    struct slice *out;        /* a text; NULL: nobody asks */
    const struct node **node; /* whatever it is, for somebody else to read; NULL: nobody asks */
    bool is_required;
};

/* Whether the map is one of these rows, and all that is required is there; what is wrong is told. `what` is "a key". */
bool settings_map_read(struct diag *diag, const struct node *map, const char *what, const struct settings_map_row *rows,
                       size_t count);
/* Whether it is a list of 1 to `limit`. */
bool settings_map_is_list(struct diag *diag, const struct node *node, const char *what, size_t limit);
/* Whether it is a text, and not an empty one. */
bool settings_map_is_text(struct diag *diag, const struct node *node, const char *what);

#endif
