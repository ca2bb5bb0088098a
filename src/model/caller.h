/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_CALLER_H
#define MODEL_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/value.h"

struct field;

/* Who asks, and what they hold. Filled by whoever has found out (svc), asked by expressions and by policy.h. Everything
 * is borrowed, and stays as long as the request. */
struct caller {
    bool is_signed_in;
    bool is_operator;       /* whoever owns the database, at its command line: rules and `readonly` do not bind them */
    struct value id;        /* of the account; null: nobody, or a program's own key */
    struct slice role;      /* of the account; empty: none */
    struct slice name;      /* "user:7", "key:ab12": for logs and for what is kept by caller; empty: nobody */
    const uint64_t *held;   /* what can() is true for: set over schema.permissions; NULL: nothing */
    const uint64_t *scopes; /* what the token or key is narrowed to, the same set; NULL: it is not */
    /* The stored value of a field of the account, for auth.<field>; NULL: all are null. */
    struct value (*field)(const void *state, const struct field *field);
    const void *state;
};

#define CALLER_ANONYMOUS ((struct caller){.is_signed_in = false})

#endif
