/* SPDX-License-Identifier: Apache-2.0 */
/* One rule, clause by clause.
 *
 * What is decided by the caller alone is said so. The rest is asked of the row: a stored one is asked in the database,
 * by the SQL that serves requests, together with the values that the clauses name; one that a change would make is
 * evaluated in memory, and the rows that its references lead to are read. What needs a set of rows there stays open.
 *
 * A value that is hidden, or a password, is never among those that are shown (model/expr_part.h). */
#include "app/why_rule.h"

#include "api/rowjson.h"
#include "app/storedrow.h"
#include "base/jsonwrite.h"
#include "data/sql.h"
#include "model/type.h"

enum { TEXT_BYTES_MAX = 64 * 1024, SHOWN_BYTES = 200 };

struct judging {
    struct why_scene *scene;
    struct arena *arena;
    const struct expr_context *context;
    const struct why_row *row;
    struct expr_parts parts;
    struct why_clause *clauses;
    struct clause_names *names; /* by clause */
    enum error error;           /* of reading the rows that references lead to */
};

struct clause_names {
    struct expr_name *items;
    struct why_value *values;
    size_t count;
};

/* ---- texts ---- */

/* Takes what was written, and gives back the buffer. NULL: memory is exhausted. */
static const char *take_text(struct buf *text, struct arena *arena)
{
    const char *copy = buf_failed(text) ? NULL : arena_text(arena, buf_slice(text));
    buf_fini(text);
    return copy;
}

const char *why_rule_text(struct why_scene *scene, const struct expr *expr)
{
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    expr_part_format(expr, &text);
    return take_text(&text, scene->session.arena);
}

static const char *json_of(const struct judging *own, const struct field *field, struct value value)
{
    static const struct type plain = {.kind = FIELD_TEXT};
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    if (value.kind == VALUE_TEXT && value.text.len > SHOWN_BYTES)
        buf_printf(&text, "\"(%zu bytes)\"", value.text.len);
    else
        rowjson_value(&text, &own->scene->settings->api, field ? &field->type : &plain, value);
    return take_text(&text, own->arena);
}

/* ---- rows in memory ---- */

struct made_row {
    struct judging *judging;
    const struct resource *resource;
    const struct value *values;
    struct expr_row row;
};

static struct value made_value(const void *state, const struct field *field)
{
    const struct made_row *made = state;
    return made->values[field->index];
}

static const struct expr_row *made_follow(const void *state, const struct field *reference);

static struct made_row *make_row(struct judging *own, const struct resource *resource, const struct value *values)
{
    struct made_row *made = arena_zalloc(own->arena, sizeof *made);
    if (!made) {
        own->error = ERROR_MEMORY;
        return NULL;
    }
    *made = (struct made_row){.judging = own, .resource = resource, .values = values};
    made->row = (struct expr_row){.value = made_value, .follow = made_follow, .state = made};
    return made;
}

static const struct expr_row *made_follow(const void *state, const struct field *reference)
{
    const struct made_row *made = state;
    struct judging *own = made->judging;
    struct value id = made->values[reference->index];
    const struct value *values;
    if (id.kind == VALUE_NULL)
        return NULL;
    enum error error = storedrow_read(own->scene->conn, reference->type.target, &id, own->arena, &values);
    if (error != OK && error != ERROR_NOT_FOUND)
        own->error = error;
    struct made_row *next = error == OK ? make_row(own, reference->type.target, values) : NULL;
    return next ? &next->row : NULL;
}

static enum error judge_made(struct judging *own)
{
    struct made_row *made = make_row(own, own->row->resource, own->row->values);
    for (size_t i = 0; made && i < own->parts.count; i++) {
        struct why_clause *clause = &own->clauses[i];
        if (clause->verdict == EXPR_UNDECIDED)
            clause->verdict = expr_part_decide(own->parts.items[i], own->context, &made->row);
        for (size_t j = 0; j < own->names[i].count; j++) {
            const struct expr_name *name = &own->names[i].items[j];
            struct value value;
            if (!name->is_of_row || own->names[i].values[j].json)
                continue;
            enum error error = expr_part_value(name, own->context, &made->row, own->arena, &value);
            if (error == ERROR_MEMORY)
                return error;
            if (error == OK)
                own->names[i].values[j].json = json_of(own, name->field, value);
        }
    }
    return own->error;
}

/* ---- stored rows ---- */

static void put_key(const struct judging *own, struct sql *sql)
{
    const struct resource *resource = own->row->resource;
    sql_from(sql, resource->table, 0);
    for (size_t i = 0; i < resource->key_count; i++) {
        sql_where(sql);
        sql_column(sql, 0, resource->key[i]->column);
        sql_put(sql, " = ");
        sql_bind(sql, type_storage_of(resource->key[i]), own->row->key[i]);
    }
}

/* Every clause that is open, then every value of the row that some clause names. */
static void put_questions(const struct judging *own, struct sql *sql)
{
    unsigned next_alias = 1;
    sql_select(sql);
    sql_item(sql);
    sql_put(sql, "1");
    for (size_t i = 0; i < own->parts.count; i++) {
        if (own->clauses[i].verdict == EXPR_UNDECIDED) {
            sql_item(sql);
            expr_compile(own->parts.items[i], own->context, 0, &next_alias, sql);
        }
        for (size_t j = 0; j < own->names[i].count; j++) {
            if (!own->names[i].items[j].is_of_row)
                continue;
            sql_item(sql);
            expr_part_compile(&own->names[i].items[j], own->context, 0, &next_alias, sql);
        }
    }
    put_key(own, sql);
}

static void take_answers(struct judging *own, const struct db_rows *rows)
{
    unsigned column = 1;
    for (size_t i = 0; i < own->parts.count; i++) {
        struct clause_names *names = &own->names[i];
        if (own->clauses[i].verdict == EXPR_UNDECIDED) {
            struct value value = db_column(rows, column++);
            bool is_true = value.kind == VALUE_INT && value.integer != 0;
            own->clauses[i].verdict = is_true ? EXPR_TRUE : EXPR_FALSE;
        }
        for (size_t j = 0; j < names->count; j++)
            if (names->items[j].is_of_row)
                names->values[j].json = json_of(own, names->items[j].field, db_column(rows, column++));
    }
}

static enum error judge_stored(struct judging *own)
{
    struct sql sql;
    struct db_rows *rows = NULL;
    bool has_row = false;
    sql_init(&sql, own->arena, db_conn_dialect(own->scene->conn));
    put_questions(own, &sql);
    enum error error = sql_query(&sql, own->scene->conn, &rows);
    if (error == OK)
        error = db_next(rows, &has_row);
    if (error == OK && has_row)
        take_answers(own, rows);
    db_rows_close(rows);
    sql_fini(&sql);
    return error;
}

/* ---- the whole ---- */

static enum error read_names(struct judging *own, size_t i)
{
    struct clause_names *names = &own->names[i];
    TRY(expr_part_names(own->parts.items[i], own->arena, &names->items, &names->count));
    names->values = arena_array(own->arena, names->count, sizeof *names->values);
    if (!names->values)
        return ERROR_MEMORY;
    for (size_t j = 0; j < names->count; j++) {
        struct value value;
        names->values[j].name = arena_text(own->arena, names->items[j].text);
        if (!names->values[j].name)
            return ERROR_MEMORY;
        if (names->items[j].is_of_row)
            continue;
        enum error error = expr_part_value(&names->items[j], own->context, NULL, own->arena, &value);
        if (error == ERROR_MEMORY)
            return error;
        if (error == OK)
            names->values[j].json = json_of(own, names->items[j].field, value);
    }
    return OK;
}

static enum error split(struct judging *own, const struct expr *allow)
{
    TRY(expr_part_split(allow, own->arena, &own->parts));
    own->clauses = arena_array(own->arena, own->parts.count, sizeof *own->clauses);
    own->names = arena_array(own->arena, own->parts.count, sizeof *own->names);
    if (!own->clauses || !own->names)
        return ERROR_MEMORY;
    for (size_t i = 0; i < own->parts.count; i++) {
        struct why_clause *clause = &own->clauses[i];
        clause->text = why_rule_text(own->scene, own->parts.items[i]);
        clause->verdict = expr_part_decide(own->parts.items[i], own->context, NULL);
        clause->is_of_caller = clause->verdict != EXPR_UNDECIDED;
        if (!clause->text)
            return ERROR_MEMORY;
        TRY(read_names(own, i));
    }
    return OK;
}

/* Values that are known; of the others there is nothing to say. */
static void keep_known(struct judging *own)
{
    for (size_t i = 0; i < own->parts.count; i++) {
        struct clause_names *names = &own->names[i];
        size_t kept = 0;
        for (size_t j = 0; j < names->count; j++)
            if (names->values[j].json)
                names->values[kept++] = names->values[j];
        own->clauses[i].values = names->values;
        own->clauses[i].value_count = kept;
    }
}

static enum expr_verdict combine(const struct judging *own)
{
    enum expr_verdict decisive = own->parts.join == EXPR_JOIN_ANY ? EXPR_TRUE : EXPR_FALSE;
    enum expr_verdict verdict = decisive == EXPR_TRUE ? EXPR_FALSE : EXPR_TRUE;
    for (size_t i = 0; i < own->parts.count; i++) {
        if (own->clauses[i].verdict == decisive)
            return decisive;
        if (own->clauses[i].verdict == EXPR_UNDECIDED)
            verdict = EXPR_UNDECIDED;
    }
    return verdict;
}

static bool is_same(struct value a, struct value b)
{
    if (a.kind != b.kind || a.kind == VALUE_NULL)
        return false;
    if (a.kind == VALUE_INT)
        return a.integer == b.integer && a.scale == b.scale;
    return a.kind == VALUE_FLOAT ? a.number == b.number : slice_eq(a.text, b.text);
}

/* Whether the caller's account holds this value in a field that nobody may see. */
static bool is_hidden(const struct judging *own, struct value value)
{
    const struct caller *caller = own->context->caller;
    const struct resource *account = own->scene->settings->schema->account;
    for (size_t i = 0; account && caller->field && i < account->field_count; i++) {
        const struct field *field = &account->fields[i];
        bool is_secret = field_is(field, FIELD_HIDDEN) || field->type.kind == FIELD_PASSWORD;
        if (is_secret && is_same(caller->field(caller->state, field), value))
            return true;
    }
    return false;
}

/* They outlive the app file that their texts may be of. */
static enum error copy_arguments(struct judging *own, const struct sql *sql, struct why_rule *rule)
{
    struct value *copy = arena_array(own->arena, sql->count + 1, sizeof *copy);
    if (!copy)
        return ERROR_MEMORY;
    for (size_t i = 0; i < sql->count; i++) {
        copy[i] = is_hidden(own, sql->arguments[i]) ? value_text(SLICE("(hidden)")) : sql->arguments[i];
        if (copy[i].kind != VALUE_TEXT && copy[i].kind != VALUE_BLOB)
            continue;
        copy[i].text = arena_slice(own->arena, copy[i].text);
        if (!copy[i].text.ptr)
            return ERROR_MEMORY;
    }
    rule->arguments = copy;
    rule->argument_count = sql->count;
    return OK;
}

/* The condition as it stands in statements. */
static enum error compile(struct judging *own, const struct expr *allow, struct why_rule *rule)
{
    struct sql sql;
    unsigned next_alias = 1;
    if (!own->row->resource || expr_decide(allow, own->context) != EXPR_UNDECIDED)
        return OK;
    sql_init(&sql, own->arena, db_conn_dialect(own->scene->conn));
    expr_compile(allow, own->context, 0, &next_alias, &sql);
    enum error error = sql_finish(&sql);
    if (error == OK) {
        rule->sql = arena_text(own->arena, buf_slice(&sql.text));
        error = copy_arguments(own, &sql, rule);
    }
    sql_fini(&sql);
    return error == OK && !rule->sql ? ERROR_MEMORY : error;
}

static enum error judge(struct judging *own, const struct expr *allow, struct why_rule *rule)
{
    TRY(split(own, allow));
    TRY(compile(own, allow, rule));
    if (own->row->key)
        TRY(judge_stored(own));
    else if (own->row->values)
        TRY(judge_made(own));
    keep_known(own);
    rule->join = own->parts.join;
    rule->clauses = own->clauses;
    rule->clause_count = own->parts.count;
    rule->verdict = combine(own);
    return OK;
}

/* What came from a variable is never printed. */
static void conceal(struct why_rule *rule)
{
    rule->whose = rule->whose ? "(it holds a variable)" : NULL;
    rule->text = "(it holds a variable)";
    rule->clauses = NULL;
    rule->clause_count = 0;
    rule->sql = NULL;
    rule->argument_count = 0;
}

enum error why_rule_judge(struct why_scene *scene, const struct why_condition *condition,
                          const struct expr_context *context, const struct why_row *row, struct why_rule **out)
{
    struct arena *arena = scene->session.arena;
    struct judging own = {.scene = scene, .arena = arena, .context = context, .row = row};
    struct why_rule *rule = arena_zalloc(arena, sizeof *rule);
    if (!rule)
        return ERROR_MEMORY;
    rule->subject = condition->subject;
    rule->about = row->about;
    if (condition->place.file)
        rule->place.file = arena_text(arena, slice_from(condition->place.file));
    rule->place.line = condition->place.line;
    rule->whose = condition->whose ? why_rule_text(scene, condition->whose) : NULL;
    rule->text = condition->is_denial ? "false" : why_rule_text(scene, condition->allow);
    rule->verdict = condition->is_denial ? EXPR_FALSE : EXPR_TRUE;
    if (!rule->text || !rule->subject)
        return ERROR_MEMORY;
    if (condition->allow && !condition->is_denial)
        TRY(judge(&own, condition->allow, rule));
    if (condition->is_secret)
        conceal(rule);
    *out = rule;
    return OK;
}
