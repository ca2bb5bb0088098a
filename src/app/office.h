/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_OFFICE_H
#define APP_OFFICE_H

#include <stdbool.h>

#include "app/settings.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "model/model.h"
#include "model/session.h"
#include "svc/account.h"
#include "svc/audit.h"

/* Where the command line works on the people and programs of an app, past any server: its app file, its database, and a
 * session that rules do not bind. All calls block: for threads without a core. */

enum office_mode {
    OFFICE_PREPARE, /* the app's tables are made where the database has none, as a server does; they must fit */
    OFFICE_PRESENT, /* the database must be there; whether it fits the app file is not asked */
};

struct office_options {
    const char *app_path;
    const char *database; /* a URL instead of the app file's; NULL: the app file's */
    enum office_mode mode;
};

struct office {
    struct arena *arena; /* all that is found lives here */
    struct diag *diag;
    struct settings settings;
    struct db *db;
    struct model *model;
    struct session session;
    struct account_form form;
    bool has_accounts;
    const char *no_accounts; /* why there are none; static */
    struct slice actor;      /* "cli:ada", for the audit trail */
};

/* Owner: the caller; office_close(), also after an error. Errors: ERROR_VALIDATION (the app file; an app that never
 * asks who somebody is), ERROR_CONFLICT (the database differs), those of db_open(); all told in `diag`. */
MUST_USE enum error office_open(const struct office_options *options, struct arena *arena, struct diag *diag,
                                struct office *out);
void office_close(struct office *office);

/* The account of that id or login. Errors: ERROR_NOT_FOUND and ERROR_VALIDATION (there are no accounts), both told;
 * those of db_query(). */
MUST_USE enum error office_find_account(struct office *office, const char *name, struct account *out);
/* In a unit: what the audit trail is to hear of. Errors: those of db_execute(). */
MUST_USE enum error office_tell(struct office *office, enum audit_kind kind, struct slice subject);

#endif
