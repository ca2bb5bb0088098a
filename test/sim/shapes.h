/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SIM_SHAPES_H
#define TEST_SIM_SHAPES_H

#include <stddef.h>

/* Kinds of requests that an API gets, for tests that try something on each of them. A request is a line, headers, and
 * behind an empty line a body; `%N` is a number that no other try has, `%I` the id in the answer to `before`. */
struct shape {
    const char *name;
    const char *before; /* a request that prepares it; NULL: none */
    const char *request;
    int status;
    const char *check; /* a query for one number: what is stored; NULL: it writes nothing */
    long done, undone;
};

extern const char shapes_app[];
extern const char *const shapes_rows[]; /* creates that every shape may rely on */
extern const size_t shapes_row_count;
extern const struct shape shapes[];
extern const size_t shapes_count;

#endif
