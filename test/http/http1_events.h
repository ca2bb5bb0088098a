/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_HTTP_HTTP1_EVENTS_H
#define TEST_HTTP_HTTP1_EVENTS_H

#include "base/buf.h"
#include "base/slice.h"

/* How a stream of bytes reaches the parser. */
enum http1_events_cut {
    HTTP1_EVENTS_WHOLE,
    HTTP1_EVENTS_BYTEWISE,
    HTTP1_EVENTS_BYTEWISE_MOVING, /* into another buffer each time */
    HTTP1_EVENTS_RANDOM           /* this plus a seed */
};

/* Feeds a stream of requests as a server would, and appends what it understood: one line for each request, a line
 * that begins with a tab for each of its headers, its body in brackets; at last "refused …", "closed" or "more". */
void http1_events_run(struct slice input, unsigned cut, struct buf *out);

#endif
