/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_ROWTAG_H
#define MODEL_ROWTAG_H

#include <stdint.h>

#include "base/digest.h"
#include "base/value.h"

/* What stands for the version of a row that has none: a digest of what is readable of it, so that a tag names one
 * content of the row. */

struct rowtag {
    struct digest_state state;
};

void rowtag_init(struct rowtag *tag);
/* Adds the next value, as stored; the order and number of the values are part of the tag. */
void rowtag_add(struct rowtag *tag, struct value value);
/* A number above 0. */
int64_t rowtag_finish(struct rowtag *tag);

#endif
