/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of partial indexes, as the expression language says them: columns compared with literals, null or not,
 * true or not, all joined by AND. Among these parentheses mean nothing and are left out, and so are the types that
 * PostgreSQL writes behind everything. Whatever else there is (OR, IN, functions) is not said. */
#include <string.h>

#include "data/sqltoken.h"
#include "model/adopt.h"

struct condition {
    struct sqltoken_reader reader;
    struct sqltoken token; /* the present one */
    const struct adopt_resource *resource;
    struct arena *arena;
    struct buf text;
    bool is_odd; /* it cannot be said */
};

static bool is_parenthesis(const struct sqltoken *token)
{
    return sqltoken_is_mark(token, '(') || sqltoken_is_mark(token, ')') || token->kind == SQLTOKEN_COMMENT;
}

/* To the next token that means something. */
static void advance(struct condition *c)
{
    do
        sqltoken_next(&c->reader, &c->token);
    while (is_parenthesis(&c->token));
    if (!sqltoken_is_mark(&c->token, ':'))
        return;
    do
        sqltoken_next(&c->reader, &c->token); /* ::character varying */
    while (is_parenthesis(&c->token) || sqltoken_is_mark(&c->token, ':') ||
           (c->token.kind == SQLTOKEN_WORD && !sqltoken_is_word(&c->token, "AND") &&
            !sqltoken_is_word(&c->token, "IS") && !sqltoken_is_word(&c->token, "OR")));
}

static const struct adopt_field *find_field(struct condition *c)
{
    struct slice name = c->token.text;
    if (c->token.kind == SQLTOKEN_NAME)
        name = slice_of(name.ptr + 1, name.len - 2);
    for (size_t i = 0; i < c->resource->table->column_count; i++) {
        const struct adopt_field *field = &c->resource->fields[i];
        if (slice_eq_nocase(field->column->name, name) && field->is_served && !field->target)
            return field;
    }
    return NULL;
}

/* = <> != < <= > >= as ours; empty: it is none. */
static const char *read_operator(struct condition *c)
{
    static const struct {
        const char *sql, *ours;
    } rows[] = {{"=", "=="},  {"<>", "!="}, {"!=", "!="}, {"<", "<"},
                {"<=", "<="}, {">", ">"},   {">=", ">="}, {"==", "=="}};
    char sql[4] = "";
    for (size_t size = 0; c->token.kind == SQLTOKEN_MARK && !sqltoken_is_mark(&c->token, '-') && size < 3; advance(c))
        sql[size++] = c->token.text.ptr[0];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].sql, sql) == 0)
            return rows[i].ours;
    return "";
}

static bool is_choice(const struct adopt_field *field, struct slice quoted)
{
    struct slice text = quoted.len >= 2 ? slice_of(quoted.ptr + 1, quoted.len - 2) : quoted;
    for (size_t i = 0; i < field->column->choice_count; i++)
        if (slice_eq(field->column->choices[i], text))
            return true;
    return field->kind != FIELD_ENUM;
}

static enum error put_comparison(struct condition *c, const struct adopt_field *field, const char *operator)
{
    static const unsigned literals = 1u << SQLTOKEN_STRING | 1u << SQLTOKEN_NUMBER | 1u << SQLTOKEN_WORD;
    enum field_type kind = field->kind == FIELD_ENUM ? FIELD_TEXT : field->kind;
    bool is_said = false, is_literal = (literals & 1u << c->token.kind) != 0, is_equal = strcmp(operator, "==") == 0;
    struct slice value = {NULL, 0};
    bool is_negative = sqltoken_is_mark(&c->token, '-');
    if (is_negative)
        advance(c);
    is_literal = is_negative ? c->token.kind == SQLTOKEN_NUMBER : is_literal;
    if (is_literal && kind != FIELD_DATETIME)
        TRY(adopt_default_spell(c->token.text, kind, c->arena, &is_said, &value));
    if (!is_said || value.len == 0 || slice_eq_text(value, "now") || !is_choice(field, c->token.text) ||
        (kind == FIELD_BOOL && !is_equal)) {
        c->is_odd = true;
        return OK;
    }
    if (kind == FIELD_BOOL) {
        buf_put_text(&c->text, slice_eq_text(value, "true") ? "" : "!");
        buf_put_slice(&c->text, field->name);
    } else {
        buf_printf(&c->text, "%.*s %s %s%.*s", SLICE_ARG(field->name), operator, is_negative ? "-" : "",
                   SLICE_ARG(value));
    }
    advance(c);
    return OK;
}

static void put_null(struct condition *c, const struct adopt_field *field)
{
    advance(c);
    bool is_not = sqltoken_is_word(&c->token, "NOT");
    if (is_not)
        advance(c);
    c->is_odd = c->is_odd || !sqltoken_is_word(&c->token, "NULL");
    buf_printf(&c->text, "%.*s %s null", SLICE_ARG(field->name), is_not ? "!=" : "==");
    advance(c);
}

static enum error put_one(struct condition *c)
{
    bool is_not = sqltoken_is_word(&c->token, "NOT");
    if (is_not)
        advance(c);
    bool is_name = c->token.kind == SQLTOKEN_WORD || c->token.kind == SQLTOKEN_NAME;
    const struct adopt_field *field = is_name ? find_field(c) : NULL;
    if (!field) {
        c->is_odd = true;
        return OK;
    }
    advance(c);
    bool is_end = c->token.kind == SQLTOKEN_END || sqltoken_is_word(&c->token, "AND");
    if (is_end && field->kind == FIELD_BOOL) {
        buf_put_text(&c->text, is_not ? "!" : "");
        buf_put_slice(&c->text, field->name);
        return OK;
    }
    c->is_odd = c->is_odd || is_not || is_end;
    if (c->is_odd)
        return OK;
    if (sqltoken_is_word(&c->token, "IS")) {
        put_null(c, field);
        return OK;
    }
    const char *operator= read_operator(c);
    c->is_odd = operator[0] == '\0';
    return c->is_odd ? OK : put_comparison(c, field, operator);
}

static enum error put_all(struct condition *c)
{
    for (;;) {
        TRY(put_one(c));
        if (c->is_odd || c->token.kind == SQLTOKEN_END)
            return OK;
        c->is_odd = !sqltoken_is_word(&c->token, "AND");
        buf_put_literal(&c->text, " && ");
        advance(c);
    }
}

enum error adopt_where_spell(struct slice sql, enum dialect dialect, const struct adopt_resource *resource,
                             struct arena *arena, struct slice *out)
{
    struct condition c = {.resource = resource, .arena = arena};
    sqltoken_init(&c.reader, sql, dialect);
    buf_init(&c.text, 4096);
    advance(&c);
    enum error error = put_all(&c);
    *out = c.is_odd || error != OK ? SLICE("") : arena_slice(arena, buf_slice(&c.text));
    if (error == OK && (buf_failed(&c.text) || !out->ptr))
        error = ERROR_MEMORY;
    buf_fini(&c.text);
    return error;
}
