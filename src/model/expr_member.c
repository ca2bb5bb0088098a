/* SPDX-License-Identifier: Apache-2.0 */
/* Membership in a list field, in memory.
 *
 * The stored text is read token by token and nothing is built; only a string with escapes needs memory, which is a
 * small arena of this call. Elements compare as json_each() gives them to SQL: strings as texts, true and false as 1
 * and 0, numbers by value.
 */
#include "model/expr_member.h"

#include "base/jsonread.h"
#include "base/number.h"
#include "model/expr_node.h"
#include "model/type.h"

enum { ESCAPES_BYTES = 1024 * 1024 };

static struct value number_value(const struct json_value *json)
{
    int64_t integer;
    double number;
    if (json->is_integer && number_parse_int(json->text, &integer) == OK)
        return value_int(integer);
    return number_parse_float(json->text, &number) == OK ? value_float(number) : VALUE_NOTHING;
}

static struct value element_value(const struct json_value *json)
{
    switch (json->token) {
    case JSON_STRING: return value_text(json->text);
    case JSON_TRUE: return value_int(1);
    case JSON_FALSE: return value_int(0);
    case JSON_NUMBER: return number_value(json);
    default: return VALUE_NOTHING;
    }
}

static bool is_same(struct value a, struct value b, const struct type *type)
{
    bool is_text = a.kind == VALUE_TEXT;
    return a.kind != VALUE_NULL && is_text == (b.kind == VALUE_TEXT) && type_compare(type, a, b) == 0;
}

static enum expr_verdict look_through(struct jsonread *reader, struct value wanted, const struct type *type)
{
    struct json_value json;
    if (jsonread_next(reader, &json) != JSON_ARRAY_BEGIN)
        return EXPR_UNDECIDED;
    while (jsonread_next(reader, &json) != JSON_ARRAY_END) {
        if (json.token == JSON_ERROR || json.token == JSON_END)
            return EXPR_UNDECIDED;
        if (is_same(element_value(&json), wanted, type))
            return EXPR_TRUE;
    }
    return EXPR_FALSE;
}

enum expr_verdict expr_member_of(struct slice list, struct value wanted, const struct type *element,
                                 const struct type *type)
{
    static const struct type email = {.kind = FIELD_EMAIL}, plain = {.kind = FIELD_TEXT};
    struct arena arena;
    struct jsonread reader;
    arena_init(&arena, ESCAPES_BYTES);
    jsonread_init(&reader, list, &arena, 2);
    enum expr_verdict verdict = look_through(&reader, wanted, expr_ignores_case(element, type) ? &email : &plain);
    arena_fini(&arena);
    return verdict;
}
