/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_POSTGRES_STATEMENT_H
#define DATA_POSTGRES_STATEMENT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* The statements that one core knows, by their text. Each has a place in the table, and on every connection that has
 * prepared it the name of that place; a place that is given to another text gets a new edition. */

enum { POSTGRES_STATEMENTS = 256, POSTGRES_STATEMENT_BUCKETS = 256, POSTGRES_STATEMENT_BYTES_MAX = 1000000 };

struct postgres_statement {
    char *text; /* with a NUL behind it */
    size_t length;
    uint64_t hash;
    uint32_t edition; /* of the place; never 0 */
    unsigned place;
    unsigned users;                           /* rows that refer to it: such a place is not given away */
    struct postgres_statement *bucket_next;   /* in the table, by hash */
    struct postgres_statement *newer, *older; /* in the table, by last use */
    bool is_described;
    bool is_text; /* its columns hold types that we cannot read in binary form */
    bool is_slow; /* it has taken long: others are not sent behind it */
    size_t parameter_count;
    Oid *parameters;
};

struct postgres_statements {
    struct postgres_statement *buckets[POSTGRES_STATEMENT_BUCKETS];
    struct postgres_statement *places[POSTGRES_STATEMENTS];
    struct postgres_statement *newest, *oldest;
    size_t count;
    uint32_t editions;
};

void postgres_statement_fini(struct postgres_statements *statements);
/* The statement of that text, known or made; the caller uses it until postgres_statement_release().
 * Errors: ERROR_MEMORY, ERROR_LIMIT (too long, or every place is in use). */
MUST_USE enum error postgres_statement_find(struct postgres_statements *statements, struct slice text,
                                            struct postgres_statement **out);
void postgres_statement_release(struct postgres_statement *statement);
/* Takes over what the server says of a prepared statement. Errors: ERROR_MEMORY. */
MUST_USE enum error postgres_statement_describe(struct postgres_statement *statement, const PGresult *result);
/* Its name on a connection. */
enum { POSTGRES_STATEMENT_NAME = 16 };
void postgres_statement_name(const struct postgres_statement *statement, char name[POSTGRES_STATEMENT_NAME]);

#endif
