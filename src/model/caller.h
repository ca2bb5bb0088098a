/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_CALLER_H
#define MODEL_CALLER_H

#include <stdbool.h>

#include "base/value.h"

struct field;

/* Who asks. Until identities exist every caller is anonymous: `id` is null and no role or permission is held. */
struct caller {
    bool is_signed_in;
    struct value id;
    struct slice role;
    /* The stored value of a field of the account, for auth.<field>; NULL: all are null. */
    struct value (*field)(const void *state, const struct field *field);
    const void *state;
};

#define CALLER_ANONYMOUS ((struct caller){.is_signed_in = false})

#endif
