/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_NEGOTIATE_H
#define HTTP_NEGOTIATE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* What request headers ask for (RFC 9110 sections 8, 12 and 13, RFC 7240). Pure. Headers that only state a wish
 * (Accept, Accept-Encoding, Prefer) are read forgivingly: a part that makes no sense is skipped. Headers that decide
 * what is done (If-Match, If-None-Match, Content-Type, Idempotency-Key) are read strictly. */

/* How much the client wants a media type "type/subtype", in thousandths: 0 is not at all. The most specific range
 * that matches decides; parameters other than q are ignored. An absent or empty Accept wants everything: 1000. */
ANY_CORE unsigned negotiate_accept(struct slice accept, struct slice media_type);

enum negotiate_coding {
    NEGOTIATE_IDENTITY,
    NEGOTIATE_GZIP,
    NEGOTIATE_NOTHING /* gzip and identity are both excluded */
};

/* The coding to answer in: gzip when it is acceptable and not less wanted than identity. */
ANY_CORE enum negotiate_coding negotiate_accept_encoding(struct slice accept_encoding);

struct negotiate_etag {
    struct slice opaque; /* between the quotes */
    bool is_weak;
};

/* Whether the entity tags of If-Match name the current one by strong comparison, or are "*".
 * Errors: ERROR_PARSE (the header is not a list of entity tags). */
MUST_USE ANY_CORE enum error negotiate_if_match(struct slice if_match, const struct negotiate_etag *current, bool *out);
/* The same for If-None-Match, by weak comparison: true means that the client has it already. */
MUST_USE ANY_CORE enum error negotiate_if_none_match(struct slice if_none_match, const struct negotiate_etag *current,
                                                     bool *out);

/* Cuts the next entity tag off a list. `*rest` starts as the header's value; behind the last tag its pointer is NULL.
 * Errors: ERROR_PARSE (also when there is none). */
MUST_USE ANY_CORE enum error negotiate_next_etag(struct slice *rest, struct negotiate_etag *out);

enum negotiate_return { NEGOTIATE_RETURN_UNSAID, NEGOTIATE_RETURN_MINIMAL, NEGOTIATE_RETURN_REPRESENTATION };

/* What Prefer says about `return`; the first one counts. */
ANY_CORE enum negotiate_return negotiate_prefer_return(struct slice prefer);

/* The "type/subtype" of a Content-Type; compare it without case. Other parameters than charset are ignored.
 * Errors: ERROR_UNSUPPORTED_MEDIA_TYPE (not a media type, or a charset that is not UTF-8, or two). */
MUST_USE ANY_CORE enum error negotiate_content_type(struct slice content_type, struct slice *out);

/* The key of an Idempotency-Key: 1 to 255 visible characters, bare or as a quoted string (RFC 8941 section 3.3.3);
 * both forms are one key.
 * Owner:  the arena when the quoted string holds escapes, else the header.
 * Errors: ERROR_PARSE, ERROR_MEMORY. */
MUST_USE ANY_CORE enum error negotiate_idempotency_key(struct slice header, struct arena *arena, struct slice *out);

#endif
