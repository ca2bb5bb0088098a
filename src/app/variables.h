/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_VARIABLES_H
#define APP_VARIABLES_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/node.h"

/* Where `${NAME}` and `${file:path}` come from. */
struct variables {
    /* The value of an environment variable, or NULL; borrowed until the next call. */
    const char *(*find)(void *state, const char *name);
    void *state;
    const char *directory; /* what the paths of `${file:…}` are relative to; "" is the working directory */
};

enum { VARIABLES_TEXT_MAX = 64 * 1024 };

/* Replaces the variables in every scalar of a tree; what was replaced is marked secret. `$$` is a dollar. A missing
 * variable is told in `diag` (not NULL), all of them in one run.
 * Errors: ERROR_MEMORY. */
MUST_USE
enum error variables_replace(struct node *root, const struct variables *variables, struct arena *arena,
                             struct diag *diag);
/* The variables of the process. */
struct variables variables_of_process(const char *directory);

#endif
