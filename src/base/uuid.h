/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

struct random_source;

enum { UUID_BYTES = 16, UUID_TEXT_BYTES = 36 };

/* Makes UUIDs of version 7 (RFC 9562) that grow, in the order of their bytes and of their texts. */
struct uuid_source {
    uint64_t last_ms;
    unsigned counter; /* within that millisecond, 12 bits */
};

void uuid_source_init(struct uuid_source *source);
/* A UUID larger than all before it from this source, as lower-case text without a NUL. A clock that goes back or
 * more than 2,000 in one millisecond are answered with times slightly ahead of the clock.
 * Errors: as random_bytes(). */
MUST_USE
enum error uuid_generate(struct uuid_source *source, int64_t wall_ms, struct random_source *random,
                         char text[UUID_TEXT_BYTES]);
/* Any UUID in its one form of 36 characters, in either case, as lower-case text.
 * Errors: ERROR_PARSE. */
MUST_USE
enum error uuid_parse(struct slice text, char out[UUID_TEXT_BYTES]);
/* The text of 16 bytes. */
void uuid_format(const unsigned char bytes[UUID_BYTES], char text[UUID_TEXT_BYTES]);

#endif
