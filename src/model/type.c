/* SPDX-License-Identifier: Apache-2.0 */
/* Types: from text to the stored form, limits, and order.
 *
 * Idea: each type has a parser of its form (a row of `forms`) and, where it has limits, a check of them. What is only
 * compared with a column takes the form alone: `name == 'Al'` is a fair question about a text(3..80).
 *
 * Invariant: two texts that mean the same value of a type (a uuid in capitals, an instant with another offset) get the
 * same stored form, so equality of stored forms is equality of values; but for e-mail addresses, which keep their case.
 */
#include "model/type.h"

#include <inttypes.h>
#include <math.h>

#include "base/number.h"
#include "base/timecode.h"
#include "base/utf8.h"
#include "base/uuid.h"

typedef enum error form_parser(const struct type *type, struct slice text, struct arena *arena, const char **why,
                               struct value *out);

enum { DECIMAL_TEXT_BYTES = 32 };

static enum error refuse(const char **why, const char *sentence)
{
    *why = sentence ? sentence : "is not right";
    return ERROR_VALIDATION;
}

/* ---- forms ---- */

static enum error parse_plain(const struct type *type, struct slice text, struct arena *arena, const char **why,
                              struct value *out)
{
    if (!utf8_is_valid(text))
        return refuse(why, "must be valid UTF-8");
    if (slice_index(text, '\0') < text.len)
        return refuse(why, "must not hold a NUL character");
    *out = value_text(text.ptr ? text : SLICE(""));
    return OK;
}

static const char *list_choices(const struct type *type, struct arena *arena)
{
    struct buf buf;
    buf_init(&buf, 64 * 1024);
    buf_put_literal(&buf, "must be one of ");
    for (size_t i = 0; i < type->choice_count; i++) {
        if (i > 0)
            buf_put_literal(&buf, ", ");
        buf_put_slice(&buf, type->choices[i]);
    }
    const char *sentence = buf_failed(&buf) ? "must be one of the choices" : arena_text(arena, buf_slice(&buf));
    buf_fini(&buf);
    return sentence;
}

static enum error parse_enum(const struct type *type, struct slice text, struct arena *arena, const char **why,
                             struct value *out)
{
    for (size_t i = 0; i < type->choice_count; i++) {
        if (slice_eq(type->choices[i], text)) {
            *out = value_text(type->choices[i]);
            return OK;
        }
    }
    return refuse(why, list_choices(type, arena));
}

static enum error parse_int(const struct type *type, struct slice text, struct arena *arena, const char **why,
                            struct value *out)
{
    int64_t integer;
    enum error error = number_parse_int(text, &integer);
    if (error == ERROR_VALIDATION)
        return refuse(why, "must fit in 64 bits");
    if (error != OK)
        return refuse(why, "must be a whole number");
    *out = value_int(integer);
    return OK;
}

static enum error parse_float(const struct type *type, struct slice text, struct arena *arena, const char **why,
                              struct value *out)
{
    double number;
    enum error error = number_parse_float(text, &number);
    if (error == ERROR_VALIDATION)
        return refuse(why, "is too large");
    if (error != OK)
        return refuse(why, "must be a number");
    *out = value_float(number == 0 ? 0 : number); /* SQLite keeps no negative zero */
    return OK;
}

static enum error parse_scaled(struct slice text, unsigned precision, unsigned scale, struct arena *arena,
                               const char **why, struct value *out)
{
    int64_t scaled;
    switch (number_parse_decimal(text, precision, scale, &scaled)) {
    case OK: *out = value_decimal(scaled, scale); return OK;
    case ERROR_VALIDATION:
        return refuse(why, arena_printf(arena, "has more than %u digits before the point", precision - scale));
    case ERROR_UNPROCESSABLE:
        if (scale == 0)
            return refuse(why, "must have no decimals");
        return refuse(why, arena_printf(arena, "is more exact than %u decimal%s", scale, scale == 1 ? "" : "s"));
    default: return refuse(why, "must be a number");
    }
}

static enum error parse_decimal(const struct type *type, struct slice text, struct arena *arena, const char **why,
                                struct value *out)
{
    return parse_scaled(text, NUMBER_DECIMAL_DIGITS_MAX, type->scale, arena, why, out);
}

static enum error parse_bool(const struct type *type, struct slice text, struct arena *arena, const char **why,
                             struct value *out)
{
    bool is_true = slice_eq_text(text, "true");
    if (!is_true && !slice_eq_text(text, "false"))
        return refuse(why, "must be true or false");
    *out = value_int(is_true);
    return OK;
}

static enum error keep_text(const char *bytes, size_t size, struct arena *arena, struct value *out)
{
    struct slice copy = arena_slice(arena, slice_of(bytes, size));
    if (!copy.ptr)
        return ERROR_MEMORY;
    *out = value_text(copy);
    return OK;
}

/* The example says all about a text of another shape; one of the right shape is told what is wrong with it. */
static enum error refuse_datetime(struct slice text, struct arena *arena, const char **why)
{
    const char *reason = timecode_refusal(text);
    if (!reason || slice_starts(slice_from(reason), SLICE("not a ")))
        return refuse(why, "must be a date and time with an offset as 2026-01-31T12:00:00Z");
    return refuse(why, arena_printf(arena, "must be a date and time as 2026-01-31T12:00:00Z: %s", reason));
}

static enum error parse_datetime(const struct type *type, struct slice text, struct arena *arena, const char **why,
                                 struct value *out)
{
    char bytes[TIMECODE_DATETIME_BYTES];
    int64_t us;
    if (timecode_parse_datetime(text, &us) != OK)
        return refuse_datetime(text, arena, why);
    timecode_format_datetime(us, bytes);
    return keep_text(bytes, sizeof bytes, arena, out);
}

static enum error parse_date(const struct type *type, struct slice text, struct arena *arena, const char **why,
                             struct value *out)
{
    int32_t days;
    if (timecode_parse_date(text, &days) != OK)
        return refuse(why, "must be a date as 2026-01-31");
    *out = value_text(text);
    return OK;
}

static enum error parse_uuid(const struct type *type, struct slice text, struct arena *arena, const char **why,
                             struct value *out)
{
    char bytes[UUID_TEXT_BYTES];
    if (uuid_parse(text, bytes) != OK)
        return refuse(why, "must be a uuid as 01890a5d-ac96-774b-bcce-b302099a8057");
    return keep_text(bytes, sizeof bytes, arena, out);
}

/* schema_key.c lets no key lead in a circle. */
const struct type *type_root(const struct type *type)
{
    while (type->kind == FIELD_REFERENCE)
        type = &type->target->id->type;
    return type;
}

static enum error parse_reference(const struct type *type, struct slice text, struct arena *arena, const char **why,
                                  struct value *out)
{
    return type_parse_operand(type_root(type), text, arena, why, out);
}

static enum error parse_nothing(const struct type *type, struct slice text, struct arena *arena, const char **why,
                                struct value *out)
{
    return refuse(why, type->kind == FIELD_LIST ? "must be a list" : "must be JSON");
}

static form_parser *const forms[FIELD_TYPE_COUNT] = {
    [FIELD_TEXT] = parse_plain,      [FIELD_INT] = parse_int,      [FIELD_FLOAT] = parse_float,
    [FIELD_DECIMAL] = parse_decimal, [FIELD_BOOL] = parse_bool,    [FIELD_DATETIME] = parse_datetime,
    [FIELD_DATE] = parse_date,       [FIELD_UUID] = parse_uuid,    [FIELD_JSON] = parse_nothing,
    [FIELD_ENUM] = parse_enum,       [FIELD_EMAIL] = parse_plain,  [FIELD_URL] = parse_plain,
    [FIELD_PASSWORD] = parse_plain,  [FIELD_LIST] = parse_nothing, [FIELD_REFERENCE] = parse_reference,
};

enum error type_parse_operand(const struct type *type, struct slice text, struct arena *arena, const char **why,
                              struct value *out)
{
    return forms[type->kind](type, text, arena, why, out);
}

/* ---- limits ---- */

/* No white space and no control characters. */
static bool is_solid(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7F)
            return false;
    return true;
}

/* Something, one @, and a domain: what more there is to know, only a letter can tell. */
static bool is_email(struct slice text)
{
    size_t at = slice_index(text, '@');
    struct slice domain = slice_from_index(text, at + 1);
    return is_solid(text) && at > 0 && domain.len > 0 && slice_index(domain, '@') == domain.len &&
           domain.ptr[0] != '.' && domain.ptr[domain.len - 1] != '.';
}

static bool is_url(struct slice text)
{
    struct slice secure = SLICE("https://"), plain = SLICE("http://"), rest;
    if (text.len >= secure.len && slice_eq_nocase(slice_of(text.ptr, secure.len), secure))
        rest = slice_from_index(text, secure.len);
    else if (text.len >= plain.len && slice_eq_nocase(slice_of(text.ptr, plain.len), plain))
        rest = slice_from_index(text, plain.len);
    else
        return false;
    return is_solid(rest) && rest.len > 0 && !memchr("/?#:@", rest.ptr[0], 5);
}

static enum error check_length(const struct type *type, struct slice text, struct arena *arena, const char **why)
{
    int64_t length = (int64_t)utf8_length(text);
    int64_t limit = length < type->min ? type->min : type->max;
    if (length >= type->min && length <= type->max)
        return OK;
    return refuse(why, arena_printf(arena, "must be at %s %" PRId64 " character%s",
                                    length < type->min ? "least" : "most", limit, limit == 1 ? "" : "s"));
}

static enum error check_text(const struct type *type, struct slice text, struct arena *arena, const char **why)
{
    if (type->kind == FIELD_EMAIL && !is_email(text))
        return refuse(why, "must be an e-mail address");
    if (type->kind == FIELD_URL && !is_url(text))
        return refuse(why, "must be an http or https URL");
    return check_length(type, text, arena, why);
}

static enum error check_int(const struct type *type, int64_t integer, struct arena *arena, const char **why)
{
    if (integer < type->min)
        return refuse(why, arena_printf(arena, "must be at least %" PRId64, type->min));
    if (integer > type->max)
        return refuse(why, arena_printf(arena, "must be at most %" PRId64, type->max));
    return OK;
}

static enum error check_float(const struct type *type, double number, struct arena *arena, const char **why)
{
    if (number < type->float_min)
        return refuse(why, arena_printf(arena, "must be at least %.15g", type->float_min));
    if (number > type->float_max)
        return refuse(why, arena_printf(arena, "must be at most %.15g", type->float_max));
    return OK;
}

static enum error refuse_decimal(int64_t limit, const struct type *type, const char *side, struct arena *arena,
                                 const char **why)
{
    struct buf buf;
    buf_init(&buf, DECIMAL_TEXT_BYTES);
    number_format_decimal(&buf, limit, type->scale);
    const char *sentence =
        buf_failed(&buf) ? NULL : arena_printf(arena, "must be at %s %.*s", side, SLICE_ARG(buf_slice(&buf)));
    buf_fini(&buf);
    return refuse(why, sentence);
}

static enum error check_decimal(const struct type *type, int64_t scaled, struct arena *arena, const char **why)
{
    if (scaled < type->min)
        return refuse_decimal(type->min, type, "least", arena, why);
    if (scaled > type->max)
        return refuse_decimal(type->max, type, "most", arena, why);
    return OK;
}

static enum error check_limits(const struct type *type, struct value value, struct arena *arena, const char **why)
{
    switch (type->kind) {
    case FIELD_TEXT:
    case FIELD_EMAIL:
    case FIELD_URL:
    case FIELD_PASSWORD: return check_text(type, value.text, arena, why);
    case FIELD_INT: return check_int(type, value.integer, arena, why);
    case FIELD_FLOAT: return check_float(type, value.number, arena, why);
    case FIELD_DECIMAL: return check_decimal(type, value.integer, arena, why);
    default: return OK;
    }
}

enum error type_parse_text(const struct type *type, struct slice text, struct arena *arena, const char **why,
                           struct value *out)
{
    struct value value;
    if (type->kind == FIELD_DECIMAL)
        TRY(parse_scaled(text, type->precision, type->scale, arena, why, &value));
    else
        TRY(type_parse_operand(type, text, arena, why, &value));
    TRY(check_limits(type, value, arena, why));
    *out = value;
    return OK;
}

/* ---- storage ---- */

enum sql_type type_storage(const struct type *type)
{
    static const enum sql_type kinds[FIELD_TYPE_COUNT] = {
        [FIELD_TEXT] = SQL_TEXT,       [FIELD_INT] = SQL_INTEGER,  [FIELD_FLOAT] = SQL_FLOAT,
        [FIELD_DECIMAL] = SQL_DECIMAL, [FIELD_BOOL] = SQL_BOOLEAN, [FIELD_DATETIME] = SQL_INSTANT,
        [FIELD_DATE] = SQL_DATE,       [FIELD_UUID] = SQL_UUID,    [FIELD_JSON] = SQL_JSON,
        [FIELD_ENUM] = SQL_TEXT,       [FIELD_EMAIL] = SQL_TEXT,   [FIELD_URL] = SQL_TEXT,
        [FIELD_PASSWORD] = SQL_TEXT,   [FIELD_LIST] = SQL_JSON,
    };
    if (!type)
        return SQL_ANY;
    return kinds[type_root(type)->kind];
}

enum sql_type type_storage_of(const struct field *field)
{
    return field_is(field, FIELD_ADOPTED) ? SQL_ANY : type_storage(&field->type);
}

/* ---- order ---- */

int type_compare_mixed(int64_t a, double b)
{
    if (isnan(b))
        return 1;
    if (b >= 9223372036854775808.0)
        return -1;
    if (b < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)b;
    if (a != whole)
        return a < whole ? -1 : 1;
    double fraction = b - (double)whole;
    return fraction > 0 ? -1 : fraction < 0;
}

static int compare_nocase(struct slice a, struct slice b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        int x = (unsigned char)a.ptr[i], y = (unsigned char)b.ptr[i];
        x += x >= 'A' && x <= 'Z' ? 32 : 0;
        y += y >= 'A' && y <= 'Z' ? 32 : 0;
        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

static int compare_numbers(struct value a, struct value b)
{
    if (a.kind == VALUE_INT && b.kind == VALUE_INT)
        return a.integer < b.integer ? -1 : a.integer > b.integer;
    if (a.kind == VALUE_INT)
        return type_compare_mixed(a.integer, b.number);
    if (b.kind == VALUE_INT)
        return -type_compare_mixed(b.integer, a.number);
    return a.number < b.number ? -1 : a.number > b.number;
}

int type_compare(const struct type *type, struct value a, struct value b)
{
    bool is_a_text = a.kind == VALUE_TEXT || a.kind == VALUE_BLOB,
         is_b_text = b.kind == VALUE_TEXT || b.kind == VALUE_BLOB;
    if (a.kind == VALUE_NULL || b.kind == VALUE_NULL)
        return (a.kind == VALUE_NULL) - (b.kind == VALUE_NULL);
    if (is_a_text != is_b_text)
        return is_a_text ? 1 : -1;
    if (!is_a_text)
        return compare_numbers(a, b);
    return type->kind == FIELD_EMAIL ? compare_nocase(a.text, b.text) : slice_compare(a.text, b.text);
}

const char *type_name(enum field_type kind)
{
    static const char *const names[FIELD_TYPE_COUNT] = {
        [FIELD_TEXT] = "text",         [FIELD_INT] = "int",     [FIELD_FLOAT] = "float",
        [FIELD_DECIMAL] = "decimal",   [FIELD_BOOL] = "bool",   [FIELD_DATETIME] = "datetime",
        [FIELD_DATE] = "date",         [FIELD_UUID] = "uuid",   [FIELD_JSON] = "json",
        [FIELD_ENUM] = "enum",         [FIELD_EMAIL] = "email", [FIELD_URL] = "url",
        [FIELD_PASSWORD] = "password", [FIELD_LIST] = "list",   [FIELD_REFERENCE] = "reference",
    };
    return names[kind];
}
