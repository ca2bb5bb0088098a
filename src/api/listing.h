/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_LISTING_H
#define API_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "api/envelope.h"
#include "api/shape.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/query.h"
#include "model/session.h"

struct api_settings;
struct hmac_key;
struct schema;

/* What the query string of a list asks for, as a query of the model. */
struct listing {
    struct query query;
    struct shape shape;
    struct page page; /* kind, number, offset, limit; totals and cursor are for the handler to fill */
    bool wants_total;
    uint64_t fingerprint; /* of the list, whatever its page: what its cursors are tied to */
};

/* What listing needs to know of the app. */
struct listing_scope {
    const struct schema *schema;
    const struct resource *resource;
    const struct api_settings *settings;
    const struct hmac_key *cursor_key;
    const struct shape *plain; /* the resource's */
};

/* Reads a raw query string; every mistake is reported, each named by its parameter. Memory is the session's arena.
 * Errors: ERROR_VALIDATION, ERROR_MEMORY. */
MUST_USE enum error listing_parse(const struct listing_scope *scope, struct slice raw_query, struct session *session,
                                  struct listing *out);

/* Reads the query string of a single record: `fields` and `expand`, nothing else. Errors: as above. */
MUST_USE enum error listing_parse_single(const struct listing_scope *scope, struct slice raw_query,
                                         struct session *session, struct shape *out);

#endif
