/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_CALLER_H
#define MODEL_CALLER_H

#include <stdbool.h>

#include "data/value.h"

/* Who asks. Until identities exist every caller is anonymous: `id` is null and no role or permission is held. */
struct caller {
    bool is_signed_in;
    struct value id;
    struct slice role;
};

#define CALLER_ANONYMOUS ((struct caller){.is_signed_in = false})

#endif
