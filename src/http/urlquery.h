/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_URLQUERY_H
#define HTTP_URLQUERY_H

#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

/* `name[op]=value` of a query string, decoded: valid UTF-8 without NUL. */
struct urlquery_pair {
    struct slice name;  /* never empty */
    struct slice op;    /* between the brackets; NULL pointer: none */
    struct slice value; /* empty also without a '=' */
};

/* A query string, read: its pairs in the order they were sent. */
struct urlquery {
    const struct urlquery_pair *pairs;
    size_t count;
};

enum { URLQUERY_PAIRS_MAX = 100 };

/* Reads a raw query string (what stands behind the '?', percent and plus encoded) of at most `pairs_max` pairs; empty
 * pairs (`a=1&&b=2`) are skipped. Every fault is reported.
 * Owner:  the pairs live in `arena`, their texts there or in `raw`.
 * Errors: ERROR_VALIDATION (with a diag item that names the parameter), ERROR_MEMORY. */
MUST_USE ANY_CORE enum error urlquery_parse(struct slice raw, size_t pairs_max, struct arena *arena, struct diag *diag,
                                            struct urlquery *out);

#endif
