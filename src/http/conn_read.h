/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CONN_READ_H
#define HTTP_CONN_READ_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "http/http1.h"

struct conn;
struct exchange;

enum conn_input {
    CONN_INPUT_TAKEN, /* bytes came */
    CONN_INPUT_EMPTY, /* nothing there */
    CONN_INPUT_ENDED  /* nothing will come, or memory is exhausted: close */
};

/* Receives once into the connection's buffer, which is made or grown as needed. On the loop only, never in a fiber. */
MUST_USE
enum conn_input conn_read_input(struct conn *conn);
/* Makes ready for the head behind the last request. */
void conn_read_next_head(struct conn *conn);
/* Parses the head at the front of what was received, into the connection's request. DONE takes it off the buffer. */
MUST_USE
enum http1_result conn_read_head(struct conn *conn);
/* Says what the body behind a parsed head will be. */
void conn_read_begin_body(struct conn *conn);
/* exchange.read_body of this protocol. */
YIELDS
MUST_USE
enum error conn_read_body(struct exchange *x, struct slice *out);
/* Takes the body that the handler left off the connection, so that the next head is found; false when it cannot be. */
YIELDS
MUST_USE
bool conn_read_skip_body(struct conn *conn);

#endif
