/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CONN_WRITE_H
#define HTTP_CONN_WRITE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

struct conn;

/* Appends the answer of the present exchange to what will be sent: its head, and its body too when that is small.
 * `closes` is what the head says about the connection. Large bodies are sent at once, and may wait.
 * Errors: those of conn_write_flush(), ERROR_MEMORY. */
enum conn_write_end { CONN_WRITE_KEEP, CONN_WRITE_CLOSE };
YIELDS
MUST_USE
enum error conn_write_answer(struct conn *conn, enum conn_write_end end);
/* Sends everything, waiting for the client to take it, as long as the body timeout allows.
 * Errors: ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_CLOSED (the connection is broken). */
YIELDS
MUST_USE
enum error conn_write_flush(struct conn *conn);
/* Sends what the socket takes now, without waiting. */
void conn_write_try(struct conn *conn);
/* Appends "100 Continue". */
void conn_write_continue(struct conn *conn);

#endif
