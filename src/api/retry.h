/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_RETRY_H
#define API_RETRY_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "http/exchange.h"
#include "model/session.h"
#include "svc/idempotency.h"

struct rest;

/* A unit of work whose answer is kept under the request's Idempotency-Key, if it sent one. */
struct retry {
    struct rest *rest;
    struct exchange *x;
    session_unit *unit; /* fills the exchange's answer */
    void *argument;
    enum db_isolation isolation; /* without a key */
    /* Finds words for a conflict that has none, after the unit was undone. */
    enum error (*explain)(struct session *session, void *argument);
    bool has_key;
    struct idempotency_key key;
};

/* Reads the Idempotency-Key of an exchange. `body` is what the fingerprint is of.
 * Errors: ERROR_VALIDATION (not 1 to 255 visible characters), ERROR_MEMORY. */
MUST_USE enum error retry_init(struct retry *retry, struct rest *rest, struct exchange *x, struct slice body);

/* Runs the unit in a transaction; with a key, the answer (also one of a business failure) is stored with it, and a
 * stored answer is given instead of running the unit.
 * Errors: those of the unit and of session_write(); ERROR_CONFLICT (the key is being worked on), ERROR_UNPROCESSABLE
 * (it was used with another body). */
YIELDS MUST_USE enum error retry_run(struct retry *retry, struct session *session);

#endif
