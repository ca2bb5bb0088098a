/* SPDX-License-Identifier: Apache-2.0 */
/* An app without a server. What is written here a running server finds in the database, within a second; what the audit
 * trail is to hear of waits there until a server writes it. */
#include "app/office.h"

#include <pwd.h>
#include <unistd.h>

#include "app/migrate.h"
#include "base/clock.h"
#include "model/schema_sync.h"
#include "svc/auditqueue.h"
#include "svc/identity.h"
#include "svc/identity_table.h"

enum { USER_BYTES_MAX = 16 * 1024 };

/* Who runs the program; a number where the system has no name for it. */
static enum error find_actor(struct arena *arena, struct slice *out)
{
    struct passwd user, *found = NULL;
    char *room = arena_alloc(arena, USER_BYTES_MAX);
    if (!room)
        return ERROR_MEMORY;
    bool is_named = getpwuid_r(geteuid(), &user, room, USER_BYTES_MAX, &found) == 0 && found;
    const char *actor =
        is_named ? arena_printf(arena, "cli:%s", found->pw_name) : arena_printf(arena, "cli:%u", (unsigned)geteuid());
    *out = slice_from(actor);
    return actor ? OK : ERROR_MEMORY;
}

static enum error check_need(struct office *office)
{
    const struct settings *settings = &office->settings;
    if (identity_is_needed(&settings->auth.config, settings->schema))
        return OK;
    diag_say(office->diag, "give it a resource with a password, `roles:`, or a rule that asks can()",
             "nothing in %s asks who somebody is", settings->path);
    return ERROR_VALIDATION;
}

static enum error open_database(struct office *office, enum office_mode mode)
{
    const struct settings *settings = &office->settings;
    const struct db_config config = {.url = settings->database.url,
                                     .directory = settings->directory,
                                     .pool = settings->database.pool,
                                     .must_exist = mode == OFFICE_PRESENT,
                                     .name = "tenon"};
    TRY(db_open(&config, office->diag, &office->db));
    if (db_figures(office->db).is_down)
        return ERROR_UNAVAILABLE;
    if (mode == OFFICE_PREPARE) {
        TRY(migrate_gate(office->db, settings, false, office->diag));
        TRY(schema_sync(office->db, settings->schema, SCHEMA_SYNC_CREATE_IF_EMPTY, office->diag));
    }
    return identity_table_make(office->db);
}

static void begin_session(struct office *office)
{
    struct session *session = &office->session;
    session_init(session, office->model, NULL, office->model->core_count);
    session->caller = (struct caller){.is_signed_in = true, .is_operator = true, .name = office->actor};
    session->now_us = clock_wall_us(clock_system());
    session->arena = office->arena;
    session->diag = office->diag;
}

enum error office_open(const struct office_options *options, struct arena *arena, struct diag *diag, struct office *out)
{
    *out = (struct office){.arena = arena, .diag = diag};
    struct settings *settings = &out->settings;
    TRY(settings_load(options->app_path, arena, diag, settings));
    diag_init(diag, arena); /* `tenon check` warns of the app file; nobody asks for that here */
    if (options->database)
        settings->database.url = settings->database.shown = options->database;
    TRY(check_need(out));
    TRY(find_actor(arena, &out->actor));
    TRY(open_database(out, options->mode));
    TRY(model_create(settings->schema, out->db, NULL, 0, &out->model));
    const struct identity_config *config = &settings->auth.config;
    out->no_accounts = "no resource has a password";
    if (settings->schema->account)
        out->has_accounts = account_form_find(settings->schema, config->login, &out->form, &out->no_accounts) == OK;
    out->form.when = config->when;
    out->model->password = config->password;
    begin_session(out);
    return OK;
}

void office_close(struct office *office)
{
    session_fini(&office->session);
    model_destroy(office->model);
    db_close(office->db);
    settings_fini(&office->settings);
}

enum error office_find_account(struct office *office, const char *name, struct account *out)
{
    struct session *session = &office->session;
    const struct account_form *form = &office->form;
    if (!office->has_accounts) {
        diag_say(office->diag, office->no_accounts, "%s has no accounts", office->settings.path);
        return ERROR_VALIDATION;
    }
    enum error error = account_find_by(session, form, form->login, slice_from(name), office->arena, out);
    if (error == ERROR_NOT_FOUND)
        error = account_find_key(session, form, slice_from(name), office->arena, out);
    session_fini(session);
    if (error == ERROR_NOT_FOUND)
        diag_say(office->diag, "say its login or its id; `tenon account list` shows them", "there is no account %s",
                 diag_quote(office->diag, slice_from(name)));
    return error;
}

enum error office_tell(struct office *office, enum audit_kind kind, struct slice subject)
{
    return auditqueue_put(&office->session, kind, office->actor, subject);
}
