/* SPDX-License-Identifier: Apache-2.0 */
/* Types of columns as types of fields, so that every value that is stored can be read back as what it is.
 *
 * PostgreSQL's types say it. On SQLite the declared type is a wish and the values decide: a DATETIME that holds texts
 * of another form than the engine's is a text, a NUMERIC(10,2) that holds 1.98 is a float. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "model/adopt.h"
#include "model/tables.h"

enum { TEXT_DEFAULT = 10000, TEXT_MOST = 1000000 };

static enum error serve(struct adopt_type *out, enum field_type kind, const char *note)
{
    *out = (struct adopt_type){.kind = kind, .text = slice_from(type_name(kind)), .is_served = true, .note = note};
    return OK;
}

static enum error serve_as(struct adopt_type *out, enum field_type kind, const char *text, const char *note)
{
    if (!text)
        return ERROR_MEMORY;
    *out = (struct adopt_type){.kind = kind, .text = slice_from(text), .is_served = true, .note = note};
    return OK;
}

static enum error leave_out(struct adopt_type *out, const char *note)
{
    *out = (struct adopt_type){.kind = FIELD_TEXT, .note = note};
    return note ? OK : ERROR_MEMORY;
}

/* A text of at most `most` code points, or as many as one that is stored has. */
static enum error serve_text(struct adopt_type *out, int64_t most, int64_t longest, struct arena *arena,
                             const char *note)
{
    if (most <= 0)
        most = longest > TEXT_DEFAULT ? TEXT_MOST : TEXT_DEFAULT;
    if (longest > most)
        most = longest;
    if (longest > TEXT_MOST)
        note = "texts of more than 1,000,000 characters can be read, not written";
    most = most > TEXT_MOST ? TEXT_MOST : most;
    if (most == TEXT_DEFAULT)
        return serve(out, FIELD_TEXT, note);
    return serve_as(out, FIELD_TEXT, arena_printf(arena, "text(0..%" PRId64 ")", most), note);
}

/* The numbers in parentheses behind a type's name; how many there are. */
static unsigned read_arguments(struct slice type, int64_t numbers[2])
{
    size_t open = slice_index(type, '(');
    struct slice rest = slice_from_index(type, open + 1), part;
    unsigned count = 0;
    if (open >= type.len)
        return 0;
    rest = slice_of(rest.ptr, slice_index(rest, ')'));
    while (count < 2 && rest.ptr && slice_split(&rest, ',', &part))
        if (number_parse_int(slice_trim(part), &numbers[count]) != OK)
            return count;
        else
            count++;
    return count;
}

static bool mentions(struct slice type, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= type.len; i++)
        if (slice_eq_nocase(slice_of(type.ptr + i, length), slice_of(word, length)))
            return true;
    return false;
}

/* ---- SQLite ---- */

static enum error choose_empty(const struct catalog_column *column, struct arena *arena, struct adopt_type *out)
{
    int64_t numbers[2] = {0};
    unsigned count = read_arguments(column->type, numbers);
    enum tables_affinity affinity = tables_affinity(column->type);
    if (mentions(column->type, "BOOL"))
        return serve(out, FIELD_BOOL, NULL);
    if (mentions(column->type, "DATE") || mentions(column->type, "TIME"))
        return serve(out, FIELD_TEXT, "no value says in which form it is kept, so it is a text");
    switch (affinity) {
    case TABLES_INTEGER: return serve(out, FIELD_INT, NULL);
    case TABLES_REAL: return serve(out, FIELD_FLOAT, NULL);
    case TABLES_NUMERIC: return serve(out, FIELD_FLOAT, NULL);
    case TABLES_TEXT: return serve_text(out, count > 0 ? numbers[0] : 0, 0, arena, NULL);
    case TABLES_BLOB: break;
    }
    if (column->type.len == 0)
        return serve(out, FIELD_TEXT, "it has no type and no value, so it is a text");
    return leave_out(out, "left out: bytes (BLOB) cannot be served");
}

static enum error choose_number(const struct catalog_column *column, struct adopt_type *out)
{
    const struct catalog_values *values = &column->values;
    int64_t numbers[2] = {0};
    unsigned count = read_arguments(column->type, numbers);
    bool is_decimal = mentions(column->type, "DEC") || mentions(column->type, "NUM");
    bool has_point = is_decimal && (count == 0 || numbers[1] > 0);
    enum tables_affinity affinity = tables_affinity(column->type);
    if (affinity == TABLES_TEXT)
        return leave_out(out, "left out: its type makes texts of values, and it holds numbers");
    if (mentions(column->type, "BOOL") && values->truths == values->integers && values->reals == 0)
        return serve(out, FIELD_BOOL, NULL);
    if (values->reals > 0 || affinity == TABLES_REAL || has_point)
        return serve(out, FIELD_FLOAT, NULL);
    if (mentions(column->type, "DATE") || mentions(column->type, "TIME"))
        return serve(out, FIELD_INT, "its times are kept as numbers");
    return serve(out, FIELD_INT, NULL);
}

static enum error choose_text(const struct catalog_column *column, struct arena *arena, struct adopt_type *out)
{
    const struct catalog_values *values = &column->values;
    int64_t numbers[2] = {0};
    unsigned count = read_arguments(column->type, numbers);
    enum tables_affinity affinity = tables_affinity(column->type);
    bool is_time = mentions(column->type, "DATE") || mentions(column->type, "TIME");
    bool is_day = slice_eq_nocase(column->type, SLICE("DATE"));
    if (affinity == TABLES_INTEGER || affinity == TABLES_REAL)
        return leave_out(out, "left out: its type makes numbers of values, and it holds texts");
    if (is_time && values->datetimes == values->texts)
        return serve(out, FIELD_DATETIME, NULL);
    if (is_day && values->dates == values->texts)
        return serve(out, FIELD_DATE, NULL);
    if ((mentions(column->type, "UUID") || mentions(column->type, "GUID")) && values->uuids == values->texts)
        return serve(out, FIELD_UUID, NULL);
    if (mentions(column->type, "JSON") && values->documents == values->texts)
        return serve(out, FIELD_JSON, NULL);
    bool is_limited = affinity == TABLES_TEXT && count > 0;
    return serve_text(out, is_limited ? numbers[0] : 0, values->longest, arena,
                      is_time ? "its times are not kept in the form that a datetime has, so it is a text" : NULL);
}

static enum error choose_sqlite(const struct catalog_column *column, struct arena *arena, struct adopt_type *out)
{
    const struct catalog_values *values = &column->values;
    int64_t numbers = values->integers + values->reals;
    if (values->blobs > 0)
        return leave_out(out, "left out: it holds bytes (BLOB), which cannot be served");
    if (numbers > 0 && values->texts > 0)
        return leave_out(out, "left out: it holds numbers in some rows and texts in others");
    if (numbers > 0)
        return choose_number(column, out);
    return values->texts > 0 ? choose_text(column, arena, out) : choose_empty(column, arena, out);
}

/* ---- PostgreSQL ---- */

static enum error choose_numeric(struct slice type, struct arena *arena, struct adopt_type *out)
{
    int64_t numbers[2] = {0};
    unsigned count = read_arguments(type, numbers);
    if (count == 0 || numbers[0] > NUMBER_DECIMAL_DIGITS_MAX || numbers[1] < 0 || numbers[1] > numbers[0])
        return serve(out, FIELD_FLOAT,
                     "a numeric of more than 18 digits or without limits: what has more than 15 "
                     "digits is not exact");
    return serve_as(out, FIELD_DECIMAL, arena_printf(arena, "decimal(%d,%d)", (int)numbers[0], (int)numbers[1]), NULL);
}

static bool is_word(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return text.len > 0;
}

static enum error choose_enum(const struct catalog_column *column, struct arena *arena, struct adopt_type *out)
{
    struct buf text;
    buf_init(&text, 256 * 1024);
    buf_put_literal(&text, "enum(");
    for (size_t i = 0; i < column->choice_count; i++) {
        struct slice choice = column->choices[i];
        bool is_odd = slice_index(choice, '\'') < choice.len || slice_index(choice, '\\') < choice.len;
        buf_put_text(&text, i > 0 ? ", " : "");
        if (is_word(choice)) {
            buf_put_slice(&text, choice);
        } else {
            buf_put_byte(&text, '\'');
            for (size_t j = 0; j < choice.len; j++) {
                buf_put_text(&text, is_odd && (choice.ptr[j] == '\'' || choice.ptr[j] == '\\') ? "\\" : "");
                buf_put_byte(&text, choice.ptr[j]);
            }
            buf_put_byte(&text, '\'');
        }
    }
    buf_put_byte(&text, ')');
    const char *copy = buf_failed(&text) ? NULL : arena_text(arena, buf_slice(&text));
    buf_fini(&text);
    return serve_as(out, FIELD_ENUM, copy, NULL);
}

static enum error choose_postgres(const struct catalog_column *column, struct arena *arena, struct adopt_type *out)
{
    static const struct {
        const char *name;
        enum field_type kind;
        const char *text, *note;
    } rows[] = {
        {"smallint", FIELD_INT, "int(-32768..32767)", NULL},
        {"integer", FIELD_INT, "int(-2147483648..2147483647)", NULL},
        {"bigint", FIELD_INT, "int", NULL},
        {"real", FIELD_FLOAT, "float",
         "a real of four bytes: 0.1 is shown as the double that it is, 0.10000000149011612"},
        {"double precision", FIELD_FLOAT, "float", NULL},
        {"boolean", FIELD_BOOL, "bool", NULL},
        {"date", FIELD_DATE, "date", NULL},
        {"uuid", FIELD_UUID, "uuid", NULL},
        {"json", FIELD_JSON, "json", NULL},
        {"jsonb", FIELD_JSON, "json", NULL},
        {"name", FIELD_TEXT, "text(0..63)", NULL},
        {"\"char\"", FIELD_TEXT, "text(0..1)", NULL},
    };
    struct slice type = column->type;
    int64_t numbers[2] = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_eq_text(type, rows[i].name))
            return serve_as(out, rows[i].kind, rows[i].text, rows[i].note);
    if (column->choice_count > 0)
        return choose_enum(column, arena, out);
    bool is_array = type.len > 2 && type.ptr[type.len - 1] == ']';
    if (is_array)
        return leave_out(out, arena_printf(arena, "left out: an array (%.*s) cannot be served", SLICE_ARG(type)));
    if (slice_starts(type, SLICE("numeric")))
        return choose_numeric(type, arena, out);
    if (slice_starts(type, SLICE("timestamp")))
        return serve(out, FIELD_DATETIME, mentions(type, "without") ? "without a time zone: it is taken as UTC" : NULL);
    if (slice_eq_text(type, "text") || slice_starts(type, SLICE("character")))
        return serve_text(out, read_arguments(type, numbers) > 0 ? numbers[0] : 0, column->values.longest, arena,
                          slice_starts(type, SLICE("character(")) ? "the blanks that pad it are not shown" : NULL);
    return leave_out(out, arena_printf(arena, "left out: type %.*s cannot be served", SLICE_ARG(type)));
}

enum error adopt_type_choose(enum dialect dialect, const struct catalog_column *column, struct arena *arena,
                             struct adopt_type *out)
{
    return dialect == DIALECT_SQLITE ? choose_sqlite(column, arena, out) : choose_postgres(column, arena, out);
}
