/* SPDX-License-Identifier: Apache-2.0 */
/* Column definitions: what CREATE TABLE and ADD COLUMN say of a column, and what that means.
 *
 * Whether a default is constant decides if PostgreSQL writes a table anew (11 and later: a default that is not VOLATILE
 * is computed once and kept in the catalog). Functions are known by name: what is not in the list of the stable ones is
 * taken for volatile.
 *
 * A type keeps its bytes when it only becomes wider; every other change is taken for a rewrite. */
#include <string.h>

#include "base/attr.h"
#include "base/number.h"
#include "data/verdict_reader.h"

/* The words that end a type or a default. */
static bool is_constraint(const struct verdict_reader *reader)
{
    static const char *const words[] = {"constraint", "not",     "null",          "check",       "default",
                                        "generated",  "as",      "unique",        "primary",     "references",
                                        "collate",    "using",   "storage",       "compression", "deferrable",
                                        "initially",  "options", "autoincrement", "on",          "no"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (verdict_reader_is(reader, words[i]))
            return true;
    return false;
}

static bool is_item_end(const struct verdict_reader *reader)
{
    return verdict_reader_is_end(reader) || sqltoken_is_mark(&reader->token, ',') ||
           sqltoken_is_mark(&reader->token, ')');
}

static int read_number(struct verdict_reader *reader)
{
    int64_t number;
    bool is_number = reader->token.kind == SQLTOKEN_NUMBER && number_parse_int(reader->token.text, &number) == OK;
    if (reader->token.kind == SQLTOKEN_NUMBER)
        verdict_reader_advance(reader);
    return is_number && number >= 0 && number < 100000 ? (int)number : -1;
}

static void put_word(struct verdict_type *type, struct slice word)
{
    size_t length = strlen(type->name);
    if (length > 0 && length + 1 < sizeof type->name)
        type->name[length++] = ' ';
    for (size_t i = 0; i < word.len && length + 1 < sizeof type->name; i++) {
        char byte = word.ptr[i];
        type->name[length++] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 32) : byte;
    }
    type->name[length] = 0;
}

static void use_own_name(struct verdict_type *type)
{
    static const char *const names[][2] = {
        {"varchar", "character varying"},
        {"char varying", "character varying"},
        {"char", "character"},
        {"bpchar", "character"},
        {"nchar", "character"},
        {"int", "integer"},
        {"int4", "integer"},
        {"int8", "bigint"},
        {"int2", "smallint"},
        {"serial4", "serial"},
        {"serial8", "bigserial"},
        {"serial2", "smallserial"},
        {"decimal", "numeric"},
        {"dec", "numeric"},
        {"varbit", "bit varying"},
        {"timestamp", "timestamp without time zone"},
        {"timestamptz", "timestamp with time zone"},
        {"time", "time without time zone"},
        {"timetz", "time with time zone"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(type->name, names[i][0]) == 0) {
            type->name[0] = 0;
            put_word(type, slice_from(names[i][1]));
            return;
        }
}

void verdict_column_read_type(struct verdict_reader *reader, struct verdict_type *out)
{
    *out = (struct verdict_type){.first = -1, .second = -1};
    while (!is_item_end(reader) && !is_constraint(reader)) {
        if (sqltoken_is_mark(&reader->token, '[') || verdict_reader_is(reader, "array"))
            out->is_array = true;
        if (sqltoken_is_mark(&reader->token, '.') && strcmp(out->name, "pg_catalog") == 0)
            out->name[0] = 0;
        if (reader->token.kind == SQLTOKEN_WORD || reader->token.kind == SQLTOKEN_NAME)
            put_word(out, reader->token.text);
        if (!verdict_reader_accept_mark(reader, '(')) {
            verdict_reader_advance(reader);
            continue;
        }
        out->first = read_number(reader);
        if (verdict_reader_accept_mark(reader, ','))
            out->second = read_number(reader);
        verdict_reader_skip_item(reader);
        verdict_reader_accept_mark(reader, ')');
    }
    use_own_name(out);
}

/* Functions that PostgreSQL computes once for all rows, and type names that are written with a parenthesis. */
static const char *const stable[] = {
    "now",
    "transaction_timestamp",
    "statement_timestamp",
    "current_setting",
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "lower",
    "upper",
    "initcap",
    "md5",
    "length",
    "trim",
    "btrim",
    "concat",
    "replace",
    "substring",
    "substr",
    "left",
    "right",
    "lpad",
    "rpad",
    "format",
    "round",
    "floor",
    "ceil",
    "ceiling",
    "abs",
    "power",
    "mod",
    "sqrt",
    "date_trunc",
    "date_part",
    "extract",
    "make_date",
    "make_interval",
    "make_timestamptz",
    "to_timestamp",
    "to_date",
    "to_char",
    "timezone",
    "array",
    "row",
    "cast",
    "numeric",
    "decimal",
    "varchar",
    "char",
    "bit",
    "varying",
    "timestamp",
    "timestamptz",
    "time",
    "interval",
    "character",
    "decode",
    "encode",
    "sha256",
    "jsonb_build_object",
    "jsonb_build_array",
    "json_build_object",
    "json_build_array",
    "to_json",
    "to_jsonb",
    "current_timestamp",
    "localtimestamp",
    "current_time",
    "localtime",
    "string_to_array",
    "array_fill",
};

static bool is_stable(struct slice function)
{
    for (size_t i = 0; i < ARRAY_LEN(stable); i++)
        if (slice_eq_nocase(function, slice_from(stable[i])))
            return true;
    return false;
}

/* A default, to its end. */
static void read_default(struct verdict_reader *reader, struct verdict_column *out)
{
    bool is_sqlite = reader->options.dialect == DIALECT_SQLITE;
    long depth = 0;
    out->has_default = true;
    out->is_null_default = verdict_reader_is(reader, "null");
    out->is_parenthesized = sqltoken_is_mark(&reader->token, '(');
    if (is_sqlite && (verdict_reader_is(reader, "current_timestamp") || verdict_reader_is(reader, "current_date") ||
                      verdict_reader_is(reader, "current_time")))
        out->is_computed = true;
    bool is_member = false; /* behind a dot: of a schema, where it may be somebody's own */
    for (bool is_first = true; !verdict_reader_is_end(reader); is_first = false) {
        if (depth == 0 && (is_item_end(reader) || (!is_first && is_constraint(reader))))
            return;
        bool is_word = reader->token.kind == SQLTOKEN_WORD || reader->token.kind == SQLTOKEN_NAME;
        struct slice word = reader->token.text;
        depth += sqltoken_is_mark(&reader->token, '(');
        depth -= sqltoken_is_mark(&reader->token, ')');
        verdict_reader_advance(reader);
        if (is_word && sqltoken_is_mark(&reader->token, '(') && (is_member || !is_stable(word)))
            out->is_computed = true;
        is_member = slice_eq_text(word, ".");
    }
}

static void read_generated(struct verdict_reader *reader, struct verdict_column *out)
{
    if (verdict_reader_accept(reader, "always") || verdict_reader_accept(reader, "by default"))
        verdict_reader_accept(reader, "as");
    if (verdict_reader_accept(reader, "identity")) {
        out->is_identity = true;
        if (sqltoken_is_mark(&reader->token, '('))
            verdict_reader_skip(reader);
        return;
    }
    out->is_generated = true;
    verdict_reader_skip(reader);
    bool is_virtual = verdict_reader_accept(reader, "virtual");
    out->is_stored =
        verdict_reader_accept(reader, "stored") || (!is_virtual && reader->options.dialect == DIALECT_POSTGRES);
}

static void read_reference(struct verdict_reader *reader, struct verdict_column *out)
{
    out->is_reference = true;
    out->target = verdict_reader_name(reader);
    if (sqltoken_is_mark(&reader->token, '('))
        verdict_reader_skip(reader);
    for (;;) {
        if (verdict_reader_accept(reader, "match")) {
            verdict_reader_advance(reader);
        } else if (verdict_reader_accept(reader, "on delete") || verdict_reader_accept(reader, "on update")) {
            if (!verdict_reader_accept(reader, "set"))
                verdict_reader_accept(reader, "no");
            verdict_reader_advance(reader);
            if (sqltoken_is_mark(&reader->token, '('))
                verdict_reader_skip(reader);
        } else
            return;
    }
}

void verdict_column_read(struct verdict_reader *reader, struct verdict_column *out)
{
    *out = (struct verdict_column){.name = verdict_reader_name(reader)};
    verdict_column_read_type(reader, &out->type);
    while (!is_item_end(reader)) {
        if (verdict_reader_accept(reader, "constraint"))
            verdict_reader_name(reader);
        else if (verdict_reader_accept(reader, "not null"))
            out->is_not_null = true;
        else if (verdict_reader_accept(reader, "default"))
            read_default(reader, out);
        else if (verdict_reader_accept(reader, "generated") || verdict_reader_accept(reader, "as"))
            read_generated(reader, out);
        else if (verdict_reader_accept(reader, "check"))
            out->has_check = true;
        else if (verdict_reader_accept(reader, "unique"))
            out->is_unique = true;
        else if (verdict_reader_accept(reader, "primary key"))
            out->is_primary = true;
        else if (verdict_reader_accept(reader, "references"))
            read_reference(reader, out);
        else
            verdict_reader_skip(reader);
    }
}

static bool is_type(const struct verdict_type *type, const char *name)
{
    return strcmp(type->name, name) == 0;
}

void verdict_column_note(struct verdict_reader *reader, struct verdict_name table, const struct verdict_column *column)
{
    static const struct remark {
        const char *type;
        enum verdict_id ids[2];
    } remarks[] = {
        {"serial", {VERDICT_PREFER_BIG_INT, VERDICT_PREFER_IDENTITY}},
        {"smallserial", {VERDICT_PREFER_BIGINT_OVER_SMALLINT, VERDICT_PREFER_IDENTITY}},
        {"bigserial", {VERDICT_PREFER_IDENTITY, VERDICT_PREFER_IDENTITY}},
        {"integer", {VERDICT_PREFER_BIGINT_OVER_INT, VERDICT_PREFER_BIGINT_OVER_INT}},
        {"smallint", {VERDICT_PREFER_BIGINT_OVER_SMALLINT, VERDICT_PREFER_BIGINT_OVER_SMALLINT}},
        {"character", {VERDICT_BAN_CHAR_FIELD, VERDICT_BAN_CHAR_FIELD}},
        {"timestamp without time zone", {VERDICT_PREFER_TIMESTAMPTZ, VERDICT_PREFER_TIMESTAMPTZ}},
        {"json", {VERDICT_PREFER_JSONB, VERDICT_PREFER_JSONB}},
    };
    if (reader->options.dialect != DIALECT_POSTGRES)
        return;
    for (size_t i = 0; i < ARRAY_LEN(remarks); i++)
        if (is_type(&column->type, remarks[i].type))
            for (size_t j = 0; j < ARRAY_LEN(remarks[i].ids); j++)
                verdict_reader_find(reader, remarks[i].ids[j], table, SLICE(""));
    if (is_type(&column->type, "character varying") && column->type.first >= 0)
        verdict_reader_find(reader, VERDICT_PREFER_TEXT_FIELD, table, SLICE(""));
}

bool verdict_column_widens(const struct verdict_type *from, const struct verdict_type *to)
{
    static const char *const limited[] = {"character varying",        "bit varying",
                                          "timestamp with time zone", "timestamp without time zone",
                                          "time without time zone",   "interval"};
    if (from->name[0] == 0 || from->is_array != to->is_array)
        return false;
    if (is_type(from, "character varying") && is_type(to, "text"))
        return true;
    if (is_type(from, "cidr") && is_type(to, "inet"))
        return true;
    if (!is_type(from, to->name))
        return false;
    if (is_type(from, "numeric"))
        return to->first < 0 || (from->first >= 0 && to->first >= from->first &&
                                 (to->second < 0 ? 0 : to->second) == (from->second < 0 ? 0 : from->second));
    for (size_t i = 0; i < ARRAY_LEN(limited); i++)
        if (is_type(from, limited[i]))
            return to->first < 0 || (from->first >= 0 && to->first >= from->first);
    return from->first == to->first && from->second == to->second;
}

struct slice verdict_column_of_not_null(const struct verdict_reader *reader)
{
    struct verdict_reader at = *reader; /* looks ahead: nothing of it is kept but the name */
    while (verdict_reader_accept_mark(&at, '('))
        ;
    struct verdict_name column = verdict_reader_name(&at);
    bool is_it = verdict_reader_accept(&at, "is not null");
    while (verdict_reader_accept_mark(&at, ')'))
        ;
    is_it &= verdict_reader_is_end(&at) || verdict_reader_is(&at, "not") || verdict_reader_is(&at, "no");
    return is_it ? column.key : SLICE("");
}

static void read_table_constraint(struct verdict_reader *reader)
{
    while (!is_item_end(reader)) {
        if (!verdict_reader_accept(reader, "references")) {
            verdict_reader_skip(reader);
            continue;
        }
        struct verdict_name target = verdict_reader_name(reader);
        if (reader->options.dialect == DIALECT_POSTGRES && !verdict_reader_is_new(reader, target))
            verdict_reader_find(reader, VERDICT_REFERENCING_EXISTING_TABLE, target, SLICE(""));
    }
}

static bool is_table_constraint(const struct verdict_reader *reader)
{
    static const char *const words[] = {"constraint", "primary", "unique", "check", "foreign", "exclude", "like"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (verdict_reader_is(reader, words[i]))
            return true;
    return false;
}

void verdict_column_list(struct verdict_reader *reader, struct verdict_name table)
{
    if (!verdict_reader_accept_mark(reader, '('))
        return;
    while (!verdict_reader_is_end(reader) && !verdict_reader_accept_mark(reader, ')')) {
        if (is_table_constraint(reader)) {
            read_table_constraint(reader);
        } else {
            struct verdict_column column;
            verdict_column_read(reader, &column);
            struct verdict_type *type = verdict_reader_type(reader, table, column.name);
            if (type)
                *type = column.type;
            verdict_column_note(reader, table, &column);
            bool is_known = verdict_reader_is_new(reader, column.target) || slice_eq(column.target.key, table.key);
            if (column.is_reference && !is_known && reader->options.dialect == DIALECT_POSTGRES)
                verdict_reader_find(reader, VERDICT_REFERENCING_EXISTING_TABLE, column.target, SLICE(""));
        }
        verdict_reader_accept_mark(reader, ',');
    }
}
