/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_YAMLTREE_H
#define APP_YAMLTREE_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/node.h"

enum {
    YAMLTREE_DEPTH_MAX = 32,
    YAMLTREE_NODES_MAX = 100000,
    YAMLTREE_KEYS_MAX = 2000,
    YAMLTREE_BYTES_MAX = 1024 * 1024
};

/* Reads one YAML document (1.1, the subset without tags, anchors and aliases) into a tree in `arena`; `file` is the
 * name that places carry and must live as long. Mistakes that leave a tree (a key given twice, an alias) are told in
 * `diag`, which must not be NULL, and reading goes on: whoever calls looks at diag->count in the end. An empty
 * document gives an empty map.
 * Errors: ERROR_VALIDATION (no tree; the diag says why), ERROR_MEMORY. */
MUST_USE
enum error yamltree_parse(struct slice text, const char *file, struct arena *arena, struct diag *diag,
                          struct node **out);

#endif
