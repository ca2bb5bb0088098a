/* SPDX-License-Identifier: Apache-2.0 */
/* References: does the other row exist for this caller? The database's own foreign keys hold too, but they cannot name
 * the field, and they know nothing of what a caller may see. */
#include "model/reference.h"

#include "base/uuid.h"
#include "data/db.h"
#include "data/sql.h"
#include "model/model.h"
#include "model/policy.h"
#include "model/type.h"

/* Everybody knows of themselves, also with a token whose scopes hold nothing of the accounts. */
static bool is_caller(const struct session *session, const struct resource *target, struct value id)
{
    struct value own = session->caller.id;
    if (target != session->model->schema->account || id.kind != own.kind)
        return false;
    return id.kind == VALUE_INT ? id.integer == own.integer : id.kind == VALUE_TEXT && slice_eq(id.text, own.text);
}

static enum error reference_exists(struct session *session, const struct resource *target, struct value id, bool *out)
{
    struct expr_context context = session_context(session);
    unsigned next_alias = 1;
    struct sql *sql = session_sql(session);
    sql_select(sql);
    sql_put(sql, "1");
    sql_from(sql, target->table, 0);
    sql_where(sql);
    sql_column(sql, 0, target->id->column);
    sql_put(sql, "=");
    sql_bind(sql, type_storage(&target->id->type), id);
    if (!is_caller(session, target, id)) {
        sql_where(sql);
        policy_compile(target, ACTION_READ, &context, 0, &next_alias, sql);
    }
    struct db_rows *rows;
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = db_next(rows, out);
    db_rows_close(rows);
    return error;
}

/* Whether a value has the form of the key that is referred to: what failed to parse is none. */
static bool is_id(const struct resource *target, struct value value)
{
    char text[UUID_TEXT_BYTES];
    const struct type *type = type_root(&target->id->type);
    if (type->kind == FIELD_UUID)
        return value.kind == VALUE_TEXT && uuid_parse(value.text, text) == OK;
    return value.kind != VALUE_NULL;
}

enum error reference_check(struct session *session, const struct field *field, struct value value, struct slice prefix)
{
    if (!is_id(field->type.target, value))
        return OK; /* null, or its form was refused already */
    bool exists;
    TRY(reference_exists(session, field->type.target, value, &exists));
    if (exists)
        return OK;
    const char *name = arena_printf(session->arena, "%.*s%.*s", SLICE_ARG(prefix), SLICE_ARG(field->json_name));
    diag_field(session->diag, name ? slice_from(name) : field->json_name, NULL,
               "refers to a row of %.*s that does not exist", SLICE_ARG(field->type.target->name));
    return OK;
}

bool reference_is_left_to_key(const struct field *field, const struct session *session)
{
    const struct expr_context context = session_context(session);
    return policy_decide(field->type.target, ACTION_READ, &context) == POLICY_ALLOW;
}
