/* SPDX-License-Identifier: Apache-2.0 */
/* Each value goes into the digest as its kind, its length and its bytes, so that no two rows run together. The tag is
 * 63 bits of SHA-256: two contents of one row have the same by chance once in 2^63. */
#include "model/rowtag.h"

#include <string.h>

void rowtag_init(struct rowtag *tag)
{
    digest_begin(&tag->state);
}

void rowtag_add(struct rowtag *tag, struct value value)
{
    bool is_text = value.kind == VALUE_TEXT || value.kind == VALUE_BLOB;
    uint64_t head[3] = {(uint64_t)value.kind, is_text ? value.text.len : value.scale, 0};
    if (value.kind == VALUE_INT)
        head[2] = (uint64_t)value.integer;
    else if (value.kind == VALUE_FLOAT)
        memcpy(&head[2], &value.number, sizeof head[2]);
    digest_add(&tag->state, slice_of((const char *)head, sizeof head));
    if (is_text)
        digest_add(&tag->state, value.text);
}

int64_t rowtag_finish(struct rowtag *tag)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    uint64_t number;
    digest_end(&tag->state, digest);
    memcpy(&number, digest, sizeof number);
    number >>= 1;
    return number > 0 ? (int64_t)number : 1;
}
