/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_CHANGE_H
#define MODEL_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/value.h"
#include "model/schema.h"
#include "model/session.h"

/* A change: one row created, replaced, merged or deleted, as any protocol asks for it. Three steps:
 *   change_init      the protocol then sets the values that were sent (change_set)
 *   change_prepare   on the fiber: defaults, required fields, field rules, password hashes, the new id
 *   change_apply     in a unit of work: rules, references, preconditions, the statement itself */

enum change_kind { CHANGE_CREATE, CHANGE_REPLACE, CHANGE_MERGE, CHANGE_DELETE };

struct change {
    enum change_kind kind;
    const struct resource *resource;
    struct value *key; /* of the row, resource.key_count values; of a create: known once it is applied */
    /* By field index, as stored; a password as sent until it is prepared. After a create they are the row, all of it.
     */
    struct value *values;
    uint64_t sent[4];    /* bit set over field indexes: what the caller sent */
    uint64_t written[4]; /* what the statement writes: sent, defaults, and what the server sets */
    uint64_t
        pending[4]; /* values that only the unit of work will know ("$m.id" of a batch): set before change_apply() */
    uint64_t announced[4]; /* those that were pending once */
    uint64_t merged[4];    /* json fields to be merged by RFC 7396 instead of set */
    struct slice prefix;   /* before field names in diagnostics: "operations.1." */

    bool has_if_match;
    bool if_match_any;       /* If-Match: * */
    const int64_t *versions; /* those it accepts; of a resource without versions: digests, rowtag.h */
    size_t version_count;
};

/* Begins a change; `values` live in the session's arena. Errors: ERROR_MEMORY. */
MUST_USE enum error change_init(struct change *change, enum change_kind kind, const struct resource *resource,
                                struct session *session);
/* Sets a value that the caller sent. */
void change_set(struct change *change, const struct field *field, struct value value);
/* Announces a value that change_set() will bring between change_prepare() and change_apply(). */
void change_announce(struct change *change, const struct field *field);
/* Adds to the session's diag when a required field was set to null; for values that came after change_prepare(). */
void change_check_required(struct change *change, struct session *session, const struct field *field);
bool change_has(const struct change *change, const struct field *field);
/* Whether the server alone sets this field, as far as this caller goes. */
bool change_is_servers(const struct session *session, const struct field *field);

/* OK if a caller like this one may do it to some row at all; asked before the body is looked at.
 * Errors: ERROR_UNAUTHORIZED, ERROR_FORBIDDEN. */
MUST_USE enum error change_admit(const struct session *session, const struct resource *resource, enum change_kind kind);

/* One hash takes some twenty milliseconds of a CPU, whoever asks for it. */
enum { CHANGE_PASSWORDS_MAX = 20 };
/* Adds the passwords that a change brings to `*count`, and refuses more than CHANGE_PASSWORDS_MAX of a request, before
 * any is hashed. Errors: ERROR_VALIDATION. */
MUST_USE enum error change_count_passwords(const struct change *change, struct session *session, size_t *count);

/* Checks all that needs no database, adds every mistake to the session's diag, and completes the values. When there are
 * mistakes (also earlier ones: diag.count > 0) the references sent are looked up as well, so that all are reported.
 * Errors: ERROR_VALIDATION, ERROR_FORBIDDEN (a field the rule does not let write), ERROR_UNAUTHORIZED (auth.id is
 * needed), ERROR_UNAVAILABLE (too many passwords to hash). */
YIELDS MUST_USE enum error change_prepare(struct change *change, struct session *session);

/* What stands for a field that was not sent with a new row; null: nothing does. */
struct value change_default(const struct field *field, struct session *session);
/* Whether the change leaves a field that was not sent as it is stored. */
bool change_keeps(const struct change *change, const struct session *session, const struct field *field);

/* What came of it. */
struct change_result {
    const struct value *key; /* resource.key_count values, in the session's arena */
    int64_t version;         /* of the row as it is now; 0 without versions and after a delete */
};

/* Does it, in a unit of work. Errors: ERROR_NOT_FOUND (no such row, or not readable), ERROR_PRECONDITION_FAILED,
 * ERROR_FORBIDDEN and ERROR_UNAUTHORIZED (a rule), ERROR_VALIDATION (references, readonly fields), ERROR_CONFLICT
 * (unique values, rows that refer to it), those of db_next(). */
MUST_USE enum error change_apply(struct change *change, struct session *session, struct change_result *out);
/* Whether applying it is one statement and no more. */
bool change_is_single(const struct change *change, const struct session *session);
/* After a change was refused with ERROR_CONFLICT and nothing said, and was undone: a foreign key did not hold. Adds to
 * the session's diag which references lead nowhere. Errors: those of db_query(). */
YIELDS MUST_USE enum error change_explain(const struct change *change, struct session *session);

#endif
