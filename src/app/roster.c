/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, as rows that are created and merged like any other (model/change.h), by a caller whom rules do not bind.
 * What a server does when an account changes is done here in the same transaction: another password ends every sign-in,
 * and the audit trail hears of it. */
#include "app/roster.h"

#include "base/suggest.h"
#include "data/sql.h"
#include "model/change.h"
#include "model/field.h"
#include "model/permission.h"
#include "svc/grant.h"
#include "svc/lockout.h"
#include "svc/passwordrule.h"
#include "svc/reset.h"

static enum error require_accounts(struct office *office)
{
    if (office->has_accounts)
        return OK;
    diag_say(office->diag, office->no_accounts, "%s has no accounts", office->settings.path);
    return ERROR_VALIDATION;
}

/* ---- fields ---- */

static void refuse(struct office *office, const struct field *field, const char *why)
{
    diag_at(office->diag, (struct place){0}, NULL, "%.*s %s", SLICE_ARG(field->json_name), why);
}

static enum error set(struct office *office, struct change *change, const struct field *field, struct slice text)
{
    const char *why;
    struct value value;
    enum error error = field_parse_text(field, text, office->arena, &why, &value);
    if (error == ERROR_VALIDATION) {
        refuse(office, field, why);
        return OK;
    }
    TRY(error);
    change_set(change, field, value);
    return OK;
}

static const struct field *find_field(struct office *office, struct slice name)
{
    const struct resource *resource = office->form.resource;
    const struct field *field = resource_find_field(resource, name);
    struct suggest suggest;
    if (!field)
        field = resource_find_json(resource, name);
    if (field)
        return field;
    suggest_init(&suggest, name);
    for (size_t i = 0; i < resource->field_count; i++)
        suggest_offer(&suggest, resource->fields[i].json_name);
    suggest_report(&suggest, office->diag, (struct place){0}, "--set: unknown field", NULL);
    return NULL;
}

static enum error set_one(struct office *office, struct change *change, const char *assignment)
{
    struct slice rest = slice_from(assignment), name;
    if (!slice_split(&rest, '=', &name) || !rest.ptr) {
        diag_at(office->diag, (struct place){0}, NULL, "--set must be FIELD=VALUE, not %s",
                diag_quote(office->diag, slice_from(assignment)));
        return OK;
    }
    const struct field *field = find_field(office, name);
    if (!field)
        return OK;
    const struct account_form *form = &office->form;
    if (field != form->login && field != form->role && field->type.kind != FIELD_PASSWORD)
        return set(office, change, field, rest);
    refuse(office, field, "is not to be --set: it has a place of its own on the command line");
    return OK;
}

/* A role that the app file has: of the field's, if these are listed, and else one of `roles:`. */
static enum error set_role(struct office *office, struct change *change, const char *text)
{
    const struct schema *schema = office->settings.schema;
    const struct field *field = office->form.role;
    struct slice role = slice_from(text);
    if (!field) {
        diag_say(office->diag, "give its resource a field `role: enum(…)`", "the accounts of %s have no roles",
                 office->settings.path);
        return ERROR_VALIDATION;
    }
    if (field->type.kind == FIELD_ENUM || permission_role(schema, role))
        return set(office, change, field, role);
    struct suggest suggest;
    suggest_init(&suggest, role);
    for (size_t i = 0; i < schema->role_count; i++)
        suggest_offer(&suggest, schema->roles[i].name);
    suggest_report(&suggest, office->diag, (struct place){0}, "unknown role", NULL);
    return OK;
}

static enum error set_password(struct office *office, struct change *change, struct slice login, struct slice password)
{
    const struct passwordrule_context context = {.login = login, .app = office->settings.auth.config.app};
    const char *why = passwordrule_refusal(password, &context);
    if (!why)
        return set(office, change, office->form.password, password);
    refuse(office, office->form.password, why);
    change_set(change, office->form.password, value_text(password));
    return OK;
}

/* What change.h says of fields, as lines of a terminal. */
static enum error tell_fields(struct office *office, enum error error)
{
    for (struct diag_item *item = office->diag->first; item; item = item->next) {
        const char *whole = item->field ? arena_printf(office->arena, "%s %s", item->field, item->message) : NULL;
        if (whole)
            item->message = whole;
        item->field = NULL;
    }
    return error;
}

/* ---- work ---- */

struct work {
    struct office *office;
    struct change *change; /* NULL: the row stays as it is */
    struct change_result result;
    struct slice key, login;
    enum audit_kind kind;
    bool ends_signins;
    int64_t ended;
};

static enum error end_signins(struct work *work)
{
    struct session *session = &work->office->session;
    struct lockout_subject subject;
    TRY(grant_revoke_all(session, work->key, &work->ended));
    if (work->kind != AUDIT_PASSWORD_CHANGED)
        return OK;
    lockout_subject_make(LOCKOUT_ACCOUNT, work->login, &subject);
    TRY(lockout_clear(session, &subject));
    return reset_forget(session, work->key);
}

static enum error do_work(struct session *session, void *argument)
{
    struct work *work = argument;
    if (work->change)
        TRY(change_apply(work->change, session, &work->result));
    if (work->kind == AUDIT_REGISTERED)
        TRY(account_key_of(work->result.key[0], session->arena, &work->key));
    if (work->ends_signins)
        TRY(end_signins(work));
    return office_tell(work->office, work->kind, work->key);
}

static enum error run(struct work *work)
{
    struct office *office = work->office;
    struct session *session = &office->session;
    enum error error = work->change ? change_prepare(work->change, session) : OK;
    if (error == OK)
        error = session_write(session, DB_SERIALIZABLE, do_work, work);
    session_fini(session);
    return tell_fields(office, error);
}

enum error roster_add(struct office *office, const struct roster_order *order, struct slice *id)
{
    struct change change;
    struct work work = {.office = office, .change = &change, .kind = AUDIT_REGISTERED};
    struct slice login = slice_from(order->login);
    TRY(require_accounts(office));
    TRY(change_init(&change, CHANGE_CREATE, office->form.resource, &office->session));
    TRY(set(office, &change, office->form.login, login));
    if (order->role)
        TRY(set_role(office, &change, order->role));
    for (size_t i = 0; i < order->set_count; i++)
        TRY(set_one(office, &change, order->set[i]));
    TRY(set_password(office, &change, login, order->password));
    TRY(run(&work));
    *id = work.key;
    return OK;
}

static enum error begin_merge(struct office *office, const struct account *account, struct change *change)
{
    TRY(change_init(change, CHANGE_MERGE, office->form.resource, &office->session));
    change->key[0] = account->id;
    return OK;
}

enum error roster_set_role(struct office *office, const struct account *account, const char *role)
{
    struct change change;
    struct work work = {.office = office, .change = &change, .key = account->key, .kind = AUDIT_ROLE_CHANGED};
    TRY(begin_merge(office, account, &change));
    TRY(set_role(office, &change, role));
    return run(&work);
}

enum error roster_set_password(struct office *office, const struct account *account, struct slice password)
{
    struct change change;
    struct work work = {.office = office,
                        .change = &change,
                        .key = account->key,
                        .login = account->login,
                        .kind = AUDIT_PASSWORD_CHANGED,
                        .ends_signins = true};
    TRY(begin_merge(office, account, &change));
    TRY(set_password(office, &change, account->login, password));
    return run(&work);
}

enum error roster_sign_out(struct office *office, const struct account *account, int64_t *count)
{
    struct work work = {.office = office, .key = account->key, .kind = AUDIT_SESSION_REVOKED, .ends_signins = true};
    TRY(run(&work));
    *count = work.ended;
    return OK;
}

/* ---- the list ---- */

static struct slice text_of(struct value value)
{
    return value.kind == VALUE_TEXT ? value.text : SLICE("");
}

static enum error take_rows(struct office *office, struct db_rows *rows,
                            void (*take)(void *state, const struct roster_entry *entry), void *state)
{
    struct arena arena;
    bool has_row = false;
    arena_init(&arena, 64 * 1024);
    enum error error = db_next(rows, &has_row);
    while (error == OK && has_row) {
        struct roster_entry entry = {.login = text_of(db_column(rows, 1)), .signins = db_column(rows, 2).integer};
        if (office->form.role)
            entry.role = text_of(db_column(rows, 3));
        arena_reset(&arena);
        error = account_key_of(db_column(rows, 0), &arena, &entry.id);
        if (error == OK)
            take(state, &entry);
        if (error == OK)
            error = db_next(rows, &has_row);
    }
    arena_fini(&arena);
    return error;
}

static struct sql *compose(struct office *office)
{
    const struct account_form *form = &office->form;
    const struct field *id = form->resource->id;
    struct sql *sql = session_sql(&office->session);
    sql_select(sql);
    sql_item(sql);
    field_put_column(sql, 0, id);
    sql_item(sql);
    field_put_column(sql, 0, form->login);
    sql_item(sql);
    sql_put(sql, "(SELECT count(*) FROM _tenon_grants WHERE account = CAST(");
    sql_column(sql, 0, id->column);
    sql_put(sql, " AS text) AND expires_us > ");
    sql_bind(sql, SQL_INTEGER, value_int(office->session.now_us));
    sql_put(sql, ")");
    if (form->role) {
        sql_item(sql);
        field_put_column(sql, 0, form->role);
    }
    sql_from(sql, form->resource->table, 0);
    sql_order(sql);
    sql_column(sql, 0, form->login->column);
    return sql;
}

enum error roster_list(struct office *office, void (*take)(void *state, const struct roster_entry *entry), void *state)
{
    struct db_rows *rows;
    struct session *session = &office->session;
    TRY(require_accounts(office));
    TRY(session_read(session));
    enum error error = sql_query(compose(office), session->conn, &rows);
    if (error == OK) {
        error = take_rows(office, rows, take, state);
        db_rows_close(rows);
    }
    session_fini(session);
    return error;
}
