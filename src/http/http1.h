/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_HTTP1_H
#define HTTP_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "http/http1_known.h"
#include "http/method.h"

struct http_limits;

/* The head of an HTTP/1.x request (RFC 9112), strictly: whatever could be read two ways is refused. Pure. */

enum {
    HTTP1_HEADERS_MAX = 100 /* a higher limits->header_count counts as this */
};

struct http1_header {
    struct slice name;  /* as it was sent */
    struct slice value; /* without the white space around it; no control bytes but tab, may hold bytes above 127 */
};

/* One request head. Slices point into the buffer that was parsed (or at static text). */
struct http1_head {
    enum http_method method;
    struct slice method_text;
    struct slice target;    /* as it was sent: visible ASCII, no fragment */
    struct slice path;      /* raw, begins with '/'; "*" for OPTIONS *, empty for CONNECT */
    struct slice query;     /* raw, behind the '?'; empty: none */
    struct slice host;      /* host[:port], of an absolute target before that of Host; may be empty */
    int minor_version;      /* 0, or 1 for 1.1 and everything above */
    int64_t content_length; /* -1: not given */
    bool is_chunked;
    bool keep_alive; /* the client lets the connection stay */
    bool expect_continue;
    bool upgrade;                                   /* it sent Upgrade and names it in Connection */
    uint8_t known[HTTP1_HEADER_COUNT];              /* index of the first one in `headers`, plus 1; 0: absent */
    unsigned count;                                 /* of headers */
    struct http1_header headers[HTTP1_HEADERS_MAX]; /* in the order they were sent */
};

enum http1_result {
    HTTP1_NEED_MORE, /* everything was taken in; call again with more bytes */
    HTTP1_DATA,      /* bodies only: a run of body bytes; call again with the rest */
    HTTP1_DONE,
    HTTP1_REFUSED /* answer with the error's status, then close the connection */
};

/* Where the parser stands in one head. Only `consumed`, `error` and `sentence` are for the caller to read. */
struct http1 {
    const struct http_limits *limits;
    size_t consumed;      /* DONE: bytes of the head, with its last empty line and a skipped leading one */
    enum error error;     /* REFUSED: PARSE, URI_TOO_LONG, HEADERS_TOO_LARGE or HTTP_VERSION */
    const char *sentence; /* REFUSED: why; static memory */

    const char *base;     /* the bytes that the positions below are about */
    size_t line;          /* where the first unread line begins */
    size_t scanned;       /* no LF stands between `line` and here */
    size_t headers_begin; /* where the line behind the request line begins; 0: request line not read */
    bool skipped_empty;   /* one CRLF before the request line is behind us */
    unsigned connection;  /* what Connection said */
};

/* Makes a parser for the next head of a connection; a used one is made ready again by the same call. Of `limits`, which
 * must outlive it, the request line (without its CRLF), all header lines (with theirs) and the header count matter. */
ANY_CORE void http1_init(struct http1 *parser, const struct http_limits *limits);

/* Reads the head at the front of `buffered`. On NEED_MORE call again with the same bytes and more behind them; what was
 * read is not read again, except that everything is when the buffer has moved. `head` is whole on DONE only, and must
 * be the same in every call for one head. How the bytes are cut never changes the result. */
MUST_USE ANY_CORE enum http1_result http1_parse_head(struct http1 *parser, struct slice buffered,
                                                     struct http1_head *head);

/* The value of the first such header; empty (with a NULL pointer) when it was not sent. */
static inline struct slice http1_head_value(const struct http1_head *head, enum http1_known known)
{
    unsigned at = head->known[known];
    return at ? head->headers[at - 1].value : (struct slice){NULL, 0};
}

static inline bool http1_head_has(const struct http1_head *head, enum http1_known known)
{
    return head->known[known] != 0;
}

/* The value of a header that may repeat: the one value, or all joined by ", " in the arena (RFC 9110 section 5.3).
 * Errors: ERROR_MEMORY. */
MUST_USE ANY_CORE enum error http1_head_joined(const struct http1_head *head, enum http1_known known,
                                               struct arena *arena, struct slice *out);

/* The value of the first header of any name, compared without case; empty (NULL) when it was not sent. Linear. */
ANY_CORE struct slice http1_head_find(const struct http1_head *head, struct slice name);

#endif
