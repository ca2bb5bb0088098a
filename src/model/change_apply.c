/* SPDX-License-Identifier: Apache-2.0 */
/* Changes, the part inside the unit of work.
 *
 * An update first reads the row as it is, together with the verdicts of the read and the change rule about it: that one
 * statement answers, in this order, 404 (missing or not readable), 412 (another version), 403 (readable, not
 * changeable), and what of the readonly fields differs. After the write the rule is asked again about the new row.
 * On SQLite the unit runs alone on the writer, on PostgreSQL that statement locks the row: nothing changes in between.
 *
 * Invariants
 *   (1) a row that the read rule hides is never told apart from one that is missing
 *   (2) every text of a statement comes from the schema; every value is bound
 */
#include "model/change.h"

#include <string.h>

#include "base/bits.h"
#include "base/random.h"
#include "base/timecode.h"
#include "data/db.h"
#include "data/sql.h"
#include "model/field.h"
#include "model/jsonmerge.h"
#include "model/model.h"
#include "model/policy.h"
#include "model/reference.h"
#include "model/rowtag.h"
#include "model/type.h"

enum { MERGED_BYTES_MAX = 16 * 1024 * 1024 };

static struct value submitted(const void *state, const struct field *field)
{
    const struct change *change = state;
    return change_has(change, field) ? change->values[field->index] : VALUE_NOTHING;
}

static struct expr_context context_of(const struct change *change, const struct session *session)
{
    struct expr_context context = session_context(session);
    context.input = submitted;
    context.input_state = change;
    return context;
}

static bool is_written(const struct change *change, size_t i)
{
    return bits_has(change->written, i);
}

static bool is_true(struct value value)
{
    return value.kind == VALUE_INT && value.integer != 0;
}

static const char *field_name(const struct change *change, struct session *session, const struct field *field)
{
    return arena_printf(session->arena, "%.*s%.*s", SLICE_ARG(change->prefix), SLICE_ARG(field->json_name));
}

static void say(const struct change *change, struct session *session, const struct field *field, const char *sentence)
{
    diag_field(session->diag, slice_from(field_name(change, session, field)), NULL, "%s", sentence);
}

static enum error forbidden(const struct session *session)
{
    return session->caller.is_signed_in ? ERROR_FORBIDDEN : ERROR_UNAUTHORIZED;
}

static bool value_equal(struct value a, struct value b)
{
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case VALUE_NULL: return true;
    case VALUE_INT: return a.integer == b.integer;
    case VALUE_FLOAT: return a.number == b.number;
    case VALUE_TEXT:
    case VALUE_BLOB: return slice_eq(a.text, b.text);
    }
    return false;
}

static void say_taken(const struct change *change, struct session *session, const struct field *field)
{
    const struct expr_context context = session_context(session);
    if (field && policy_tells(change->resource, &context, field))
        say(change, session, field, "is already taken");
}

static const struct index *find_index(const struct resource *resource, enum dialect dialect, struct slice name)
{
    char room[SQL_IDENTIFIER_BYTES];
    for (size_t i = 0; i < resource->index_count; i++)
        if (slice_eq(sql_identifier(dialect, resource->indexes[i].name, room), name))
            return &resource->indexes[i];
    return NULL;
}

static const struct field *find_column(const struct resource *resource, struct slice column)
{
    if (column.len >= 2 && column.ptr[0] == '"')
        column = slice_of(column.ptr + 1, column.len - 2);
    return resource_find_column(resource, column);
}

/* A unique value that is taken names its field, if the caller may know of the field at all. */
static void say_unique(const struct change *change, struct session *session, const struct db_fault *fault)
{
    struct slice columns = slice_from(fault->columns), lead = SLICE("index:");
    struct slice column;
    if (slice_starts(columns, lead)) {
        const struct index *index =
            find_index(change->resource, db_dialect(session->model->db), slice_from_index(columns, lead.len));
        for (size_t i = 0; index && i < index->column_count; i++)
            say_taken(change, session, index->columns[i].field);
        if (index)
            return;
        columns = slice_from(fault->key);
    }
    while (slice_split(&columns, ',', &column))
        say_taken(change, session, find_column(change->resource, slice_trim(column)));
}

/* Puts words to what the database refused. */
static enum error explain(const struct change *change, struct session *session, enum error error)
{
    if (error != ERROR_CONFLICT)
        return error;
    const struct db_fault *fault = db_fault(session->conn);
    if (fault->kind == DB_FAULT_UNIQUE)
        say_unique(change, session, fault);
    else if (fault->kind == DB_FAULT_FOREIGN_KEY && change->kind == CHANGE_DELETE)
        diag_say(session->diag, "delete or change those rows first", "other rows refer to this one");
    return error;
}

static void put_where_key(struct sql *sql, const struct change *change)
{
    for (size_t i = 0; i < change->resource->key_count; i++) {
        const struct field *field = change->resource->key[i];
        sql_where(sql);
        sql_name(sql, field->column);
        sql_put(sql, "=");
        sql_bind(sql, type_storage_of(field), change->key[i]);
    }
}

/* Whether a rule holds for the row as it is now. */
static enum error rule_holds(const struct change *change, struct session *session, enum action action, bool *out)
{
    struct expr_context context = context_of(change, session);
    if (policy_decide(change->resource, action, &context) != POLICY_ASK) {
        *out = true; /* change_admit() has refused POLICY_DENY already */
        return OK;
    }
    unsigned next_alias = 1;
    struct sql *sql = session_sql(session);
    sql_select(sql);
    sql_put(sql, "1");
    sql_from(sql, change->resource->table, 0);
    put_where_key(sql, change);
    sql_where(sql);
    sql_put(sql, "(");
    policy_compile(change->resource, action, &context, 0, &next_alias, sql);
    sql_put(sql, ")");
    struct db_rows *rows;
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = db_next(rows, out);
    db_rows_close(rows);
    return error;
}

/* What an earlier operation of the same unit has announced is looked up: when the unit is undone, nobody could say any
 * more where it led. What the server itself has put there tells the caller nothing, and they need not be able to read
 * it. */
static bool needs_look(const struct change *change, const struct field *field, const struct session *session)
{
    if (field->type.kind != FIELD_REFERENCE || !is_written(change, field->index) || !change_has(change, field))
        return false;
    return bits_has(change->announced, field->index) || !reference_is_left_to_key(field, session);
}

static enum error check_references(struct change *change, struct session *session)
{
    size_t before = session->diag->count;
    for (size_t i = 0; i < change->resource->field_count; i++) {
        const struct field *field = &change->resource->fields[i];
        if (needs_look(change, field, session))
            TRY(reference_check(session, field, change->values[i], change->prefix));
    }
    return session->diag->count > before ? ERROR_VALIDATION : OK;
}

static void put_insert(struct sql *sql, const struct change *change)
{
    const struct resource *resource = change->resource;
    sql_insert(sql, resource->table);
    for (size_t i = 0; i < resource->field_count; i++) {
        if (!is_written(change, i))
            continue;
        sql_item(sql);
        sql_name(sql, resource->fields[i].column);
    }
    sql_values(sql);
    for (size_t i = 0; i < resource->field_count; i++) {
        if (!is_written(change, i))
            continue;
        sql_item(sql);
        sql_bind(sql, type_storage_of(&resource->fields[i]), change->values[i]);
    }
    sql_end_values(sql);
}

/* The key of the new row. One that the database has given PostgreSQL returns, and SQLite is asked for, which is cheaper
 * there. */
static void read_key(struct change *change, struct session *session, struct db_rows *rows, bool has_row)
{
    const struct resource *resource = change->resource;
    if (resource->id_kind == ID_INT)
        change->values[resource->id->index] = has_row ? db_column(rows, 0) : value_int(db_last_id(session->conn));
    for (size_t i = 0; i < resource->key_count; i++)
        change->key[i] = change->values[resource->key[i]->index];
}

static enum error insert(struct change *change, struct session *session)
{
    struct sql *sql = session_sql(session);
    struct db_rows *rows;
    bool has_row;
    put_insert(sql, change);
    if (change->resource->id_kind == ID_INT && sql->dialect == DIALECT_POSTGRES) {
        sql_returning(sql);
        sql_item(sql);
        sql_name(sql, change->resource->id->column);
    }
    enum error error = sql_query(sql, session->conn, &rows);
    if (error != OK) /* where calls block the statement has run by now */
        return explain(change, session, error);
    error = db_next(rows, &has_row);
    if (error == OK)
        read_key(change, session, rows, has_row);
    db_rows_close(rows);
    return explain(change, session, error);
}

static enum error apply_create(struct change *change, struct session *session, struct change_result *out)
{
    TRY(check_references(change, session));
    TRY(insert(change, session));
    bool holds;
    TRY(rule_holds(change, session, ACTION_CREATE, &holds));
    if (!holds)
        return forbidden(session);
    *out = (struct change_result){.key = change->key, .version = change->resource->version ? 1 : 0};
    return OK;
}

/* The row as it is, and what the rules say of it. */
struct present {
    struct db_rows *rows;
    bool is_readable;
    bool is_changeable;
};

static enum error open_present(struct change *change, struct session *session, struct present *out)
{
    const struct resource *resource = change->resource;
    struct expr_context context = context_of(change, session);
    enum action action = change->kind == CHANGE_DELETE ? ACTION_DELETE : ACTION_UPDATE;
    unsigned next_alias = 1;
    struct sql *sql = session_sql(session);
    sql_select(sql);
    sql_item(sql);
    policy_compile(resource, ACTION_READ, &context, 0, &next_alias, sql);
    sql_item(sql);
    policy_compile(resource, action, &context, 0, &next_alias, sql);
    for (size_t i = 0; i < resource->field_count; i++) {
        sql_item(sql);
        field_put_column(sql, 0, &resource->fields[i]);
    }
    sql_from(sql, resource->table, 0);
    put_where_key(sql, change);
    sql_lock(sql, change->kind == CHANGE_DELETE ? SQL_LOCK_DELETE : SQL_LOCK_CHANGE);
    struct db_rows *rows;
    TRY(sql_query(sql, session->conn, &rows));
    bool has_row;
    enum error error = db_next(rows, &has_row);
    if (error == OK && !has_row)
        error = ERROR_NOT_FOUND;
    if (error != OK) {
        db_rows_close(rows);
        return error;
    }
    *out = (struct present){rows, is_true(db_column(rows, 0)), is_true(db_column(rows, 1))};
    return OK;
}

static struct value stored(const struct present *present, const struct field *field)
{
    return db_column(present->rows, field->index + 2);
}

static bool version_matches(const struct change *change, int64_t version)
{
    if (!change->has_if_match || change->if_match_any)
        return true;
    for (size_t i = 0; i < change->version_count; i++)
        if (change->versions[i] == version)
            return true;
    return false;
}

/* Merges what was sent for a json field into what is stored; the result is what will be written. */
static enum error merge(struct change *change, struct session *session, const struct field *field, struct value before)
{
    struct value *value = &change->values[field->index];
    struct slice target = before.kind == VALUE_NULL ? (struct slice){NULL, 0} : before.text;
    uint64_t seed;
    TRY(random_u64(session->core->random, &seed));
    enum error error = jsonmerge_apply(target, value->text, seed, MERGED_BYTES_MAX, session->arena, &value->text);
    if (error != ERROR_LIMIT)
        return error;
    say(change, session, field, "would become larger than 16 MiB");
    return OK;
}

/* Fields that this change may name but not alter; values that stay as they are need not be written or looked up. What
 * the caller may not read equals nothing, or a guess would be answered. */
static enum error compare_fields(struct change *change, struct session *session, const struct present *present)
{
    const struct expr_context context = session_context(session);
    size_t before = session->diag->count;
    for (size_t i = 0; i < change->resource->field_count; i++) {
        const struct field *field = &change->resource->fields[i];
        if (!change_has(change, field))
            continue;
        if (bits_has(change->merged, i) && change->values[i].kind != VALUE_NULL)
            TRY(merge(change, session, field, stored(present, field)));
        bool is_equal = value_equal(change->values[i], stored(present, field)) &&
                        policy_field(change->resource, ACTION_READ, &context, field);
        bool is_fixed = change_is_servers(session, field) || field_is(field, FIELD_IMMUTABLE);
        if (is_fixed && !is_equal)
            say(change, session, field, "cannot be changed");
        if (is_fixed || (is_equal && field->type.kind == FIELD_REFERENCE))
            bits_remove(change->written, i);
    }
    return session->diag->count > before ? ERROR_VALIDATION : OK;
}

/* What stands for the version of a row that has none. */
static int64_t present_tag(const struct change *change, const struct session *session, const struct present *present)
{
    const struct expr_context context = session_context(session);
    struct rowtag tag;
    if (!change->has_if_match || change->if_match_any)
        return 0;
    rowtag_init(&tag);
    for (size_t i = 0; i < change->resource->field_count; i++)
        if (policy_field(change->resource, ACTION_READ, &context, &change->resource->fields[i]))
            rowtag_add(&tag, stored(present, &change->resource->fields[i]));
    return rowtag_finish(&tag);
}

static enum error judge(struct change *change, struct session *session, const struct present *present, int64_t *version)
{
    const struct field *field = change->resource->version;
    *version = field ? stored(present, field).integer : present_tag(change, session, present);
    if (!present->is_readable)
        return ERROR_NOT_FOUND;
    if (!version_matches(change, *version))
        return ERROR_PRECONDITION_FAILED;
    if (!present->is_changeable)
        return forbidden(session);
    return change->kind == CHANGE_DELETE ? OK : compare_fields(change, session, present);
}

static void put_assignments(struct sql *sql, const struct change *change, struct value now)
{
    const struct resource *resource = change->resource;
    for (size_t i = 0; i < resource->field_count; i++) {
        const struct field *field = &resource->fields[i];
        if (!is_written(change, i))
            continue;
        sql_set(sql, field->column);
        sql_bind(sql, type_storage_of(field), change->values[i]);
    }
    if (resource->updated_at) {
        sql_set(sql, resource->updated_at->name);
        sql_bind(sql, SQL_INSTANT, now);
    }
    if (resource->version) {
        sql_set(sql, resource->version->name);
        sql_name(sql, resource->version->name);
        sql_put(sql, "+1");
    }
}

static enum error update(struct change *change, struct session *session)
{
    char *text = arena_alloc(session->arena, TIMECODE_DATETIME_BYTES);
    if (!text)
        return ERROR_MEMORY;
    timecode_format_datetime(session->now_us, text);
    struct sql *sql = session_sql(session);
    sql_update(sql, change->resource->table);
    put_assignments(sql, change, value_text(slice_of(text, TIMECODE_DATETIME_BYTES)));
    put_where_key(sql, change);
    return explain(change, session, sql_execute(sql, session->conn, NULL));
}

static enum error delete_row(struct change *change, struct session *session)
{
    struct sql *sql = session_sql(session);
    sql_delete(sql, change->resource->table);
    put_where_key(sql, change);
    return explain(change, session, sql_execute(sql, session->conn, NULL));
}

static bool writes_nothing(const struct change *change)
{
    static const uint64_t nothing[4];
    return memcmp(change->written, nothing, sizeof nothing) == 0 && !change->resource->version &&
           !change->resource->updated_at;
}

/* A unit may be run again: what the row makes of the change is worked out on a copy. */
static enum error copy_change(const struct change *change, struct session *session, struct change *out)
{
    size_t bytes = change->resource->field_count * sizeof *change->values;
    *out = *change;
    out->values = arena_alloc(session->arena, bytes);
    if (!out->values)
        return ERROR_MEMORY;
    memcpy(out->values, change->values, bytes);
    return OK;
}

static enum error apply_update(struct change *change, struct session *session, int64_t version,
                               struct change_result *out)
{
    TRY(check_references(change, session));
    if (!writes_nothing(change))
        TRY(update(change, session));
    bool holds;
    TRY(rule_holds(change, session, ACTION_UPDATE, &holds));
    out->version = change->resource->version ? version + 1 : 0;
    return holds ? OK : forbidden(session);
}

static enum error apply(struct change *change, struct session *session, struct change_result *out)
{
    if (change->kind == CHANGE_CREATE)
        return apply_create(change, session, out);
    struct present present;
    struct change work;
    TRY(copy_change(change, session, &work));
    TRY(open_present(&work, session, &present));
    int64_t version;
    enum error error = judge(&work, session, &present, &version);
    db_rows_close(present.rows);
    TRY(error);
    *out = (struct change_result){.key = change->key};
    return change->kind == CHANGE_DELETE ? delete_row(&work, session) : apply_update(&work, session, version, out);
}

/* An account has changed: who has signed in with it is asked for again, or signed out. */
static enum error tell_accounts(const struct change *change, struct session *session)
{
    const struct model_accounts *accounts = session->model->accounts;
    if (!accounts || change->resource != session->model->schema->account)
        return OK;
    return accounts->changed(accounts->state, session, change);
}

enum error change_apply(struct change *change, struct session *session, struct change_result *out)
{
    TRY(apply(change, session, out));
    return tell_accounts(change, session);
}
