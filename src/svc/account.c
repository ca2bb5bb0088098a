/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in the database.
 *
 * A row is read whole, because rules may ask for any field of the account (auth.<field>); the password's hash is taken
 * out of it and is in no value that a rule can see. */
#include "svc/account.h"

#include "base/timecode.h"
#include "data/sql.h"
#include "model/expr.h"
#include "model/field.h"
#include "model/type.h"

static bool is_login(const struct field *field)
{
    bool is_text = field->type.kind == FIELD_EMAIL || field->type.kind == FIELD_TEXT;
    return is_text && field_is(field, FIELD_UNIQUE) && field_is(field, FIELD_REQUIRED);
}

/* An e-mail address before other texts. */
static const struct field *choose_login(const struct resource *resource)
{
    const struct field *chosen = NULL;
    for (size_t i = 0; i < resource->field_count; i++) {
        const struct field *field = &resource->fields[i];
        if (is_login(field) && (!chosen || (field->type.kind == FIELD_EMAIL && chosen->type.kind != FIELD_EMAIL)))
            chosen = field;
    }
    return chosen;
}

enum error account_form_find(const struct schema *schema, struct slice login, struct account_form *out,
                             const char **why)
{
    const struct resource *resource = schema->account;
    *why = "an account needs one field to sign in with: `unique required`, of type email or text";
    const struct field *chosen = login.len > 0 ? resource_find_field(resource, login) : choose_login(resource);
    if (!chosen || !is_login(chosen))
        return ERROR_VALIDATION;
    *why = "an account needs a key of one field";
    if (!resource->id)
        return ERROR_VALIDATION;
    *out = (struct account_form){.resource = resource, .login = chosen};
    for (size_t i = 0; i < resource->field_count; i++)
        if (resource->fields[i].type.kind == FIELD_PASSWORD && !out->password)
            out->password = &resource->fields[i];
    const struct field *role = resource_find_field(resource, SLICE("role"));
    bool is_role = role && (role->type.kind == FIELD_ENUM || role->type.kind == FIELD_TEXT);
    out->role = is_role ? role : NULL;
    return OK;
}

static enum error copy_values(const struct db_rows *rows, const struct account_form *form, struct arena *arena,
                              struct value *values)
{
    for (size_t i = 0; i < form->resource->field_count; i++) {
        values[i] = db_column(rows, (unsigned)i);
        if (values[i].kind != VALUE_TEXT && values[i].kind != VALUE_BLOB)
            continue;
        values[i].text = arena_slice(arena, values[i].text);
        if (!values[i].text.ptr)
            return ERROR_MEMORY;
    }
    return OK;
}

static struct value value_of(const void *state, const struct field *field)
{
    const struct value *values = state;
    return values[field->index];
}

static struct slice text_of(struct value value)
{
    return value.kind == VALUE_TEXT ? value.text : SLICE("");
}

static enum error read_row(const struct session *session, const struct db_rows *rows, const struct account_form *form,
                           struct arena *arena, struct account *out)
{
    struct value *values = arena_array(arena, form->resource->field_count, sizeof *values);
    if (!values)
        return ERROR_MEMORY;
    TRY(copy_values(rows, form, arena, values));
    const struct expr_row row = {.value = value_of, .state = values};
    const struct expr_context context = {.now_us = session->now_us};
    *out = (struct account){.id = values[form->resource->id->index], .values = values};
    out->hash = text_of(values[form->password->index]);
    out->login = text_of(values[form->login->index]);
    out->role = form->role ? text_of(values[form->role->index]) : SLICE("");
    out->is_active = expr_eval(form->when, &context, &row);
    values[form->password->index] = VALUE_NOTHING;
    return account_key_of(out->id, arena, &out->key);
}

static enum error find(struct session *session, struct sql *sql, const struct account_form *form, struct arena *arena,
                       struct account *out)
{
    struct db_rows *rows;
    bool has_row;
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = db_next(rows, &has_row);
    if (error == OK)
        error = has_row ? read_row(session, rows, form, arena, out) : ERROR_NOT_FOUND;
    db_rows_close(rows);
    return error;
}

static struct sql *begin(struct session *session, const struct account_form *form)
{
    struct sql *sql = session_sql(session);
    sql_select(sql);
    for (size_t i = 0; i < form->resource->field_count; i++) {
        sql_item(sql);
        field_put_column(sql, 0, &form->resource->fields[i]);
    }
    sql_from(sql, form->resource->table, 0);
    sql_where(sql);
    return sql;
}

/* As lower() makes it of the column, whose collation knows no letters but those of ASCII; that of a parameter may. */
static enum error fold(struct slice text, struct arena *arena, struct slice *out)
{
    char *folded = arena_alloc(arena, text.len + 1);
    if (!folded)
        return ERROR_MEMORY;
    for (size_t i = 0; i < text.len; i++)
        folded[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] | 0x20) : text.ptr[i];
    *out = slice_of(folded, text.len);
    return OK;
}

enum error account_find_by(struct session *session, const struct account_form *form, const struct field *field,
                           struct slice text, struct arena *arena, struct account *out)
{
    TRY(session_read(session));
    struct sql *sql = begin(session, form);
    bool is_folded = field->type.kind == FIELD_EMAIL && sql->dialect == DIALECT_POSTGRES;
    if (is_folded)
        TRY(fold(text, session->arena, &text));
    buf_put_text(&sql->text, is_folded ? "lower(" : "");
    sql_column(sql, 0, field->column);
    buf_put_text(&sql->text, is_folded ? ") = " : " = ");
    sql_bind(sql, SQL_TEXT, value_text(text));
    return find(session, sql, form, arena, out);
}

enum error account_find_key(struct session *session, const struct account_form *form, struct slice key,
                            struct arena *arena, struct account *out)
{
    const char *why;
    struct value id;
    if (type_parse_text(&form->resource->id->type, key, session->arena, &why, &id) != OK)
        return ERROR_NOT_FOUND;
    TRY(session_read(session));
    struct sql *sql = begin(session, form);
    sql_column(sql, 0, form->resource->id->column);
    sql_put(sql, " = ");
    sql_bind(sql, type_storage_of(form->resource->id), id);
    return find(session, sql, form, arena, out);
}

enum error account_hold(struct session *session, const struct account_form *form, struct value id, struct arena *arena,
                        struct account *out)
{
    struct sql *sql = begin(session, form);
    sql_column(sql, 0, form->resource->id->column);
    sql_put(sql, " = ");
    sql_bind(sql, type_storage_of(form->resource->id), id);
    sql_lock(sql, SQL_LOCK_CHANGE);
    return find(session, sql, form, arena, out);
}

enum error account_key_of(struct value id, struct arena *arena, struct slice *out)
{
    if (id.kind == VALUE_INT) {
        const char *text = arena_printf(arena, "%lld", (long long)id.integer);
        *out = slice_from(text);
    } else {
        *out = arena_slice(arena, text_of(id));
    }
    return out->ptr ? OK : ERROR_MEMORY;
}

static struct value timestamp(const struct session *session, char *room)
{
    timecode_format_datetime(session->now_us, room);
    return value_text(slice_of(room, TIMECODE_DATETIME_BYTES));
}

enum error account_set_hash(struct session *session, const struct account_form *form, struct value id,
                            struct slice hash)
{
    const struct resource *resource = form->resource;
    char room[TIMECODE_DATETIME_BYTES];
    struct sql *sql = session_sql(session);
    sql_update(sql, resource->table);
    sql_set(sql, form->password->column);
    sql_bind(sql, SQL_TEXT, value_text(hash));
    if (resource->updated_at) {
        sql_set(sql, resource->updated_at->column);
        sql_bind(sql, SQL_INSTANT, timestamp(session, room));
    }
    if (resource->version) {
        sql_set(sql, resource->version->column);
        sql_name(sql, resource->version->column);
        sql_put(sql, "+1");
    }
    sql_where(sql);
    sql_name(sql, resource->id->column);
    sql_put(sql, "=");
    sql_bind(sql, type_storage_of(resource->id), id);
    return sql_execute(sql, session->conn, NULL);
}
