/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults of columns: the literals of both databases, and the present time. PostgreSQL writes a type behind a literal,
 * either may write parentheses around one. Whatever else there is only the database can work out. */
#include "base/number.h"
#include "base/timecode.h"
#include "model/adopt.h"

static struct slice without_parentheses(struct slice sql)
{
    sql = slice_trim(sql);
    while (sql.len >= 2 && sql.ptr[0] == '(' && sql.ptr[sql.len - 1] == ')')
        sql = slice_trim(slice_of(sql.ptr + 1, sql.len - 2));
    return sql;
}

/* 'text'::character varying without what stands behind. */
static struct slice without_type(struct slice sql)
{
    bool is_quoted = false;
    for (size_t i = 0; i + 1 < sql.len; i++) {
        is_quoted = is_quoted != (sql.ptr[i] == '\'');
        if (!is_quoted && sql.ptr[i] == ':' && sql.ptr[i + 1] == ':')
            return without_parentheses(slice_of(sql.ptr, i));
    }
    return sql;
}

/* What stands between the quotes; false: it is no text, or more than one. */
static bool unquote(struct slice sql, struct arena *arena, struct slice *out)
{
    char *text = sql.len >= 2 ? arena_alloc(arena, sql.len) : NULL;
    size_t size = 0;
    if (!text || sql.ptr[0] != '\'' || sql.ptr[sql.len - 1] != '\'')
        return false;
    for (size_t i = 1; i + 1 < sql.len; i++) {
        if (sql.ptr[i] == '\'' && (i + 2 >= sql.len || sql.ptr[++i] != '\''))
            return false;
        text[size++] = sql.ptr[i];
    }
    *out = slice_of(text, size);
    return true;
}

/* 'text' as the expression language writes it. */
static enum error quote(struct slice text, struct arena *arena, bool *is_said, struct slice *out)
{
    struct buf quoted;
    buf_init(&quoted, 64 * 1024);
    buf_put_byte(&quoted, '\'');
    *is_said = true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        *is_said = *is_said && (unsigned char)c >= ' ';
        buf_put_text(&quoted, c == '\'' || c == '\\' ? "\\" : "");
        buf_put_byte(&quoted, c);
    }
    buf_put_byte(&quoted, '\'');
    *out = arena_slice(arena, buf_slice(&quoted));
    bool failed = buf_failed(&quoted) || !out->ptr;
    buf_fini(&quoted);
    return failed ? ERROR_MEMORY : OK;
}

static bool is_now(struct slice sql)
{
    static const char *const words[] = {"now()", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "CURRENT_DATE",
                                        "transaction_timestamp()"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_nocase(sql, slice_from(words[i])))
            return true;
    return false;
}

static bool is_truth(struct slice text, bool *out)
{
    *out = slice_eq_nocase(text, SLICE("true")) || slice_eq_text(text, "1") || slice_eq_text(text, "t");
    return *out || slice_eq_nocase(text, SLICE("false")) || slice_eq_text(text, "0") || slice_eq_text(text, "f");
}

enum error adopt_default_spell(struct slice sql, enum field_type kind, struct arena *arena, bool *is_said,
                               struct slice *out)
{
    int32_t days;
    int64_t integer, us;
    double number;
    bool truth;
    *is_said = true;
    *out = SLICE("");
    sql = without_type(without_parentheses(sql));
    struct slice text = sql;
    bool is_text = unquote(sql, arena, &text);
    if (slice_eq_nocase(sql, SLICE("null")))
        return OK;
    *out = text;
    *is_said = false;
    switch (kind) {
    case FIELD_INT: *is_said = number_parse_int(text, &integer) == OK; return OK;
    case FIELD_FLOAT:
    case FIELD_DECIMAL: *is_said = number_parse_float(text, &number) == OK; return OK;
    case FIELD_BOOL:
        *is_said = is_truth(text, &truth);
        *out = truth ? SLICE("true") : SLICE("false");
        return OK;
    case FIELD_DATETIME:
    case FIELD_DATE:
        *is_said = is_now(sql);
        *out = SLICE("now");
        if (is_text &&
            (kind == FIELD_DATE ? timecode_parse_date(text, &days) : timecode_parse_datetime(text, &us)) == OK)
            return quote(text, arena, is_said, out);
        return OK;
    case FIELD_TEXT:
    case FIELD_UUID: return is_text ? quote(text, arena, is_said, out) : OK;
    default: return OK;
    }
}
