/* SPDX-License-Identifier: Apache-2.0 */
/* Values against their field: the type's rules, then the field's pattern. */
#include "model/field.h"

#include "base/password.h"
#include "base/regex.h"
#include "base/utf8.h"
#include "model/type.h"

static enum error measure_password(const struct type *type, struct slice text, struct arena *arena, const char **why,
                                   struct value *out)
{
    size_t length = utf8_length(text);
    if (length < (size_t)type->min)
        *why = arena_printf(arena, "must be at least %lld characters", (long long)type->min);
    else if (length > (size_t)type->max || text.len > PASSWORD_BYTES_MAX)
        *why = arena_printf(arena, "must be at most %lld characters", (long long)type->max);
    else {
        *out = value_text(text);
        return OK;
    }
    return *why ? ERROR_VALIDATION : ERROR_MEMORY;
}

static enum error match_pattern(const struct field *field, struct slice text, const char **why)
{
    bool matches = false;
    enum error error = regex_match(field->pattern, text, &matches);
    if (error == ERROR_MEMORY)
        return error;
    if (error == OK && matches)
        return OK;
    *why = error == ERROR_LIMIT ? "takes too long to match its pattern" : "does not match its pattern";
    return ERROR_VALIDATION;
}

enum error field_parse_text(const struct field *field, struct slice text, struct arena *arena, const char **why,
                            struct value *out)
{
    if (field->type.kind == FIELD_PASSWORD)
        TRY(measure_password(&field->type, text, arena, why, out));
    else
        TRY(type_parse_text(&field->type, text, arena, why, out));
    return field->pattern ? match_pattern(field, text, why) : OK;
}

void field_put_column(struct sql *sql, unsigned alias, const struct field *field)
{
    sql_column(sql, alias, field->column);
    if (field_is(field, FIELD_ADOPTED) && field->type.kind == FIELD_ENUM && sql->dialect == DIALECT_POSTGRES)
        sql_put(sql, "::text");
}
