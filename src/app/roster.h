/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_ROSTER_H
#define APP_ROSTER_H

#include <stddef.h>
#include <stdint.h>

#include "app/office.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* Accounts of people, made and changed past any server: what `tenon account` does. */

struct roster_order {
    const char *login;
    const char *role;       /* NULL: what the app file says */
    const char *const *set; /* "name=Ada" */
    size_t set_count;
    struct slice password;
};

/* Makes an account; what is wrong, and what is missing, is told by name. Errors: ERROR_VALIDATION, ERROR_CONFLICT (the
 * login is taken), those of session_write(). */
MUST_USE enum error roster_add(struct office *office, const struct roster_order *order, struct slice *id);

struct roster_entry {
    struct slice id, login, role; /* role: empty where there is none */
    int64_t signins;
};
/* Tells `take` of each account, by their logins; what it is given lives as long as the call. Errors: ERROR_VALIDATION
 * (there are no accounts), those of db_query(). */
MUST_USE enum error roster_list(struct office *office, void (*take)(void *state, const struct roster_entry *entry),
                                void *state);
/* Gives an account another role. Errors: ERROR_VALIDATION, told; those of session_write(). */
MUST_USE enum error roster_set_role(struct office *office, const struct account *account, const char *role);
/* Ends every sign-in; says how many there were. Errors: those of session_write(). */
MUST_USE enum error roster_sign_out(struct office *office, const struct account *account, int64_t *count);
/* Gives it another password, and ends every sign-in. Errors: ERROR_VALIDATION, told; those of session_write(). */
MUST_USE enum error roster_set_password(struct office *office, const struct account *account, struct slice password);

#endif
