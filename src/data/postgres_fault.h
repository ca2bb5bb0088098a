/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_FAULT_H
#define DATA_POSTGRES_FAULT_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"
#include "data/db.h"

/* The server's error codes (PostgreSQL 15, appendix A) as errors. */

struct log;

/* The error of a five-letter code; codes without a row of their own go by their class, the first two letters. */
enum error postgres_fault_of(struct slice sqlstate);
/* Whether a transaction that failed with this code may succeed when it is run again. */
bool postgres_fault_is_transient(struct slice sqlstate);

/* The failure of a result: its error; which constraint broke, and the server's own message. What a client cannot have
 * caused is logged, when there is a log. */
enum { POSTGRES_MESSAGE_BYTES = 256 };
struct postgres_fault {
    struct db_fault constraint;
    char message[POSTGRES_MESSAGE_BYTES];
    bool is_transient;
};
enum error postgres_fault_read(const PGresult *result, struct log *log, struct postgres_fault *out);

#endif
