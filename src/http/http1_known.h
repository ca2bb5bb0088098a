/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP1_KNOWN_H
#define HTTP_HTTP1_KNOWN_H

#include "base/attr.h"
#include "base/slice.h"

/* The headers that are found by number (http/http1_known.def). */
enum http1_known {
#define X(id, name, repeat) HTTP1_HEADER_##id,
#include "http/http1_known.def"
#undef X
    HTTP1_HEADER_COUNT
};

/* Which known header a name is, without case; HTTP1_HEADER_COUNT for none. The name must be a token. */
ANY_CORE enum http1_known http1_known_find(struct slice name);
/* The name of a known header, in lower case. Static memory. */
ANY_CORE struct slice http1_known_name(enum http1_known known);

#endif
