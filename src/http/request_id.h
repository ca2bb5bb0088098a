/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_REQUEST_ID_H
#define HTTP_REQUEST_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

struct middleware;

/* Gives every exchange a name: the client's X-Request-Id when it is sane, else a new one; the answer repeats it. */
extern const struct middleware request_id_middleware;

enum { REQUEST_ID_BYTES = 32, REQUEST_ID_MAX = 128 };

/* Where one core takes new ids from. */
struct request_id_source {
    uint64_t prefix;
    uint64_t state;
};

/* Seeds it from the system's randomness. */
void request_id_source_init(struct request_id_source *source);
/* Writes the next id, 32 hexadecimal digits: unique, but guessable, so never a secret. */
void request_id_make(struct request_id_source *source, char text[REQUEST_ID_BYTES]);
/* Whether a client's id may stand in logs and headers: 1 to 128 of A-Z a-z 0-9 . _ - */
MUST_USE
bool request_id_is_sane(struct slice id);

#endif
