/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_ACCOUNT_H
#define SVC_ACCOUNT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/value.h"
#include "model/schema.h"
#include "model/session.h"

struct expr;

/* Accounts: rows of the resource that has a password. Read as they are, without rules: who may sign in is asked here,
 * what they may do afterwards is policy's. */

/* Which of its fields mean what. */
struct account_form {
    const struct resource *resource;
    const struct field *login; /* what people sign in with: unique, e-mail or text */
    const struct field *password;
    const struct field *role; /* NULL: there are no roles */
    const struct expr *when;  /* who may sign in, a condition over the row alone; NULL: everybody */
};

struct account {
    struct value id;
    struct slice key;           /* the id as text, as the engine's own tables have it */
    struct slice role;          /* empty: none */
    struct slice login;         /* as stored */
    struct slice hash;          /* of the password; empty: it has none */
    bool is_active;             /* form.when holds */
    const struct value *values; /* by field index */
};

/* Finds the fields: `login` is the schema name of the field to sign in with; empty: the only unique required e-mail
 * or text that there is. `*why` says what is wrong, static. Errors: ERROR_VALIDATION. */
MUST_USE enum error account_form_find(const struct schema *schema, struct slice login, struct account_form *out,
                                      const char **why);

/* The account that has this text in a unique field, or that id as text. Everything lives in `arena`.
 * Errors: ERROR_NOT_FOUND, those of db_query(). */
YIELDS MUST_USE enum error account_find_by(struct session *session, const struct account_form *form,
                                           const struct field *field, struct slice text, struct arena *arena,
                                           struct account *out);
YIELDS MUST_USE enum error account_find_key(struct session *session, const struct account_form *form, struct slice key,
                                            struct arena *arena, struct account *out);
/* The same in a unit, and the row stays as it is until that ends. */
MUST_USE enum error account_hold(struct session *session, const struct account_form *form, struct value id,
                                 struct arena *arena, struct account *out);
/* An account's id as text. Errors: ERROR_MEMORY. */
MUST_USE enum error account_key_of(struct value id, struct arena *arena, struct slice *out);
/* In a unit: stores another hash of the password. Errors: those of db_execute(). */
MUST_USE enum error account_set_hash(struct session *session, const struct account_form *form, struct value id,
                                     struct slice hash);

#endif
