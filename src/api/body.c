/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies.
 *
 * One pass: each member is read, held against its field, and put into the change as it will be stored. A mistake is
 * noted and its value passed over, so that one answer tells all of them; only a text that is no JSON ends the reading.
 */
#include "api/body.h"

#include "api/jsontext.h"
#include "base/bits.h"
#include "base/jsonread.h"
#include "base/jsonwrite.h"
#include "base/number.h"
#include "base/random.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "http/http1.h"
#include "http/negotiate.h"
#include "model/field.h"
#include "model/model.h"
#include "model/type.h"

struct reading {
    struct jsonread *reader;
    struct change *change;
    struct session *session;
    const struct body_rules *rules;
};

enum error body_read_json(struct exchange *x, struct slice *out)
{
    struct slice media_type = {NULL, 0};
    enum error error = negotiate_content_type(exchange_header(x, HTTP1_HEADER_CONTENT_TYPE), &media_type);
    bool is_json = slice_eq_nocase(media_type, SLICE("application/json"));
    bool is_patch = x->head->method == HTTP_PATCH && slice_eq_nocase(media_type, SLICE("application/merge-patch+json"));
    if (error != OK || (!is_json && !is_patch)) {
        diag_say(&x->diag, "send Content-Type: application/json", "the body must be application/json");
        return ERROR_UNSUPPORTED_MEDIA_TYPE;
    }
    if (exchange_header(x, HTTP1_HEADER_CONTENT_ENCODING).len > 0) {
        diag_say(&x->diag, "send the body as it is", "bodies with a Content-Encoding are not read");
        return ERROR_UNSUPPORTED_MEDIA_TYPE;
    }
    return exchange_read_body(x, out);
}

enum error body_parse_error(struct jsonread *reader, struct session *session)
{
    if (reader->error == ERROR_MEMORY)
        return ERROR_MEMORY;
    unsigned line, column;
    struct slice text = slice_of(reader->start, (size_t)(reader->end - reader->start));
    jsonread_position(text, reader->error_offset, &line, &column);
    diag_say(session->diag, NULL, "the body is not JSON: line %u, column %u: %s", line, column,
             reader->error_message ? reader->error_message : "something else was expected");
    return ERROR_PARSE;
}

static void refuse(const struct change *change, struct session *session, struct slice name, const char *hint,
                   const char *sentence)
{
    const char *full = arena_printf(session->arena, "%.*s%.*s", SLICE_ARG(change->prefix), SLICE_ARG(name));
    diag_field(session->diag, full ? slice_from(full) : name, hint, "%s", sentence);
}

/* The field counts as sent, so that nothing else is said of it, and has no value that could reach the database. */
static void give_up(struct change *change, const struct field *field)
{
    change->values[field->index] = VALUE_NOTHING;
    change_announce(change, field);
}

enum error body_set_text(struct change *change, const struct field *field, struct slice text, struct session *session)
{
    const char *why = "is not valid";
    struct value value;
    enum error error = field_parse_text(field, text, session->arena, &why, &value);
    if (error == ERROR_VALIDATION)
        refuse(change, session, field->json_name, NULL, why);
    else
        TRY(error);
    if (error == OK)
        change_set(change, field, value);
    else
        give_up(change, field);
    return OK;
}

/* What JSON a type is written as, and the words for anything else. */
static const char *expected(const struct type *type, enum json_token token, bool is_integer)
{
    switch (type->kind) {
    case FIELD_INT: return token == JSON_NUMBER && is_integer ? NULL : "must be a whole number";
    case FIELD_FLOAT: return token == JSON_NUMBER ? NULL : "must be a number";
    case FIELD_DECIMAL: return token == JSON_NUMBER || token == JSON_STRING ? NULL : "must be a decimal number";
    case FIELD_BOOL: return token == JSON_TRUE || token == JSON_FALSE ? NULL : "must be true or false";
    case FIELD_REFERENCE: return expected(&type->target->id->type, token, is_integer);
    case FIELD_LIST: return token == JSON_ARRAY_BEGIN ? NULL : "must be a list";
    case FIELD_JSON: return !type->record || token == JSON_ARRAY_BEGIN ? NULL : "must be a list of objects";
    default: return token == JSON_STRING ? NULL : "must be a text";
    }
}

static enum error read_json(struct reading *reading, const struct field *field, const struct json_value *first)
{
    const char *why = NULL;
    struct slice text;
    uint64_t seed;
    TRY(random_u64(reading->session->core->random, &seed));
    enum error error = jsontext_copy(reading->reader, first, seed, reading->session->arena, &why, &text);
    if (error == ERROR_VALIDATION) {
        diag_say(reading->session->diag, NULL, "a key stands twice in an object of \"%.*s\"",
                 SLICE_ARG(field->json_name));
        return ERROR_PARSE;
    }
    TRY(error);
    struct change *change = reading->change;
    change_set(change, field, value_text(text));
    if (change->kind == CHANGE_MERGE && first->token == JSON_OBJECT_BEGIN)
        bits_add(change->merged, field->index);
    return OK;
}

/* Lists are shown as they are stored, so a decimal in one is stored as it is shown. */
static void put_decimal(struct buf *out, int64_t scaled, unsigned scale)
{
    buf_put_byte(out, '"');
    number_format_decimal(out, scaled, scale);
    buf_put_byte(out, '"');
}

/* One element of a list, in its stored form; `*why` is set when it has none. */
static enum error read_element(struct reading *reading, const struct type *type, const struct json_value *element,
                               struct buf *out, const char **why)
{
    struct slice text = element->text;
    const char *mistake = expected(type, element->token, element->is_integer);
    if (element->token == JSON_ARRAY_BEGIN || element->token == JSON_OBJECT_BEGIN)
        TRY(jsonread_finish(reading->reader, element, &text));
    if (mistake) {
        *why = mistake;
        return OK;
    }
    if (type->kind == FIELD_BOOL) {
        jsonwrite_bool(out, element->token == JSON_TRUE);
        return OK;
    }
    struct value value;
    enum error error = type_parse_text(type, text, reading->session->arena, why, &value);
    if (error != OK)
        return error == ERROR_VALIDATION ? OK : error;
    if (type->kind == FIELD_DECIMAL)
        put_decimal(out, value.integer, type->scale);
    else if (value.kind == VALUE_INT)
        buf_put_int(out, value.integer);
    else if (value.kind == VALUE_FLOAT)
        jsonwrite_float(out, value.number);
    else
        jsonwrite_string(out, value.text);
    return OK;
}

static enum error read_elements(struct reading *reading, const struct type *type, struct buf *out, const char **why)
{
    int64_t count = 0;
    buf_put_byte(out, '[');
    for (;; count++) {
        struct json_value element;
        enum json_token token = jsonread_next(reading->reader, &element);
        if (token == JSON_ERROR)
            return ERROR_PARSE;
        if (token == JSON_ARRAY_END)
            break;
        if (count > 0)
            buf_put_byte(out, ',');
        TRY(read_element(reading, type->element, &element, out, why));
    }
    buf_put_byte(out, ']');
    if (!*why && count < type->min)
        *why = "holds too few elements";
    if (!*why && count > type->max)
        *why = "holds too many elements";
    return buf_failed(out) ? ERROR_MEMORY : OK;
}

static enum error read_list(struct reading *reading, const struct field *field)
{
    const char *why = NULL;
    struct buf list;
    buf_init(&list, 16 * 1024 * 1024);
    enum error error = read_elements(reading, &field->type, &list, &why);
    struct slice text = arena_slice(reading->session->arena, buf_slice(&list));
    buf_fini(&list);
    if (error == ERROR_PARSE)
        return body_parse_error(reading->reader, reading->session);
    TRY(error);
    if (!text.ptr)
        return ERROR_MEMORY;
    if (why)
        refuse(reading->change, reading->session, field->json_name, NULL, why);
    change_set(reading->change, field, value_text(text));
    return OK;
}

/* Passes over a value of the wrong kind. */
static enum error refuse_value(struct reading *reading, const struct field *field, const struct json_value *value,
                               const char *sentence)
{
    struct slice skipped;
    refuse(reading->change, reading->session, field->json_name, NULL, sentence);
    give_up(reading->change, field);
    if (jsonread_finish(reading->reader, value, &skipped) != OK)
        return body_parse_error(reading->reader, reading->session);
    return OK;
}

static enum error read_value(struct reading *reading, const struct field *field)
{
    struct json_value value;
    struct change *change = reading->change;
    if (jsonread_next(reading->reader, &value) == JSON_ERROR)
        return body_parse_error(reading->reader, reading->session);
    if (value.token == JSON_NULL) {
        change_set(change, field, VALUE_NOTHING);
        return OK;
    }
    const struct body_rules *rules = reading->rules;
    if (value.token == JSON_STRING && rules && rules->defer && rules->defer(rules->state, field, value.text))
        return OK;
    const char *mistake = expected(&field->type, value.token, value.is_integer);
    if (mistake)
        return refuse_value(reading, field, &value, mistake);
    switch (field->type.kind) {
    case FIELD_JSON: {
        if (field->type.record) {
            change_set(change, field, value_text(SLICE("[]"))); /* its objects are where the rules put them */
            return rules->list(rules->state, field, reading->reader);
        }
        enum error error = read_json(reading, field, &value);
        return error == ERROR_PARSE ? body_parse_error(reading->reader, reading->session) : error;
    }
    case FIELD_LIST: return read_list(reading, field);
    case FIELD_BOOL: change_set(change, field, value_int(value.token == JSON_TRUE)); return OK;
    default: return body_set_text(change, field, value.text, reading->session);
    }
}

static enum error refuse_unknown(struct reading *reading, struct slice name)
{
    const struct resource *resource = reading->change->resource;
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (size_t i = 0; i < resource->field_count; i++)
        suggest_offer(&suggest, resource->fields[i].json_name);
    const char *hint = suggest.best.ptr
                           ? arena_printf(reading->session->arena, "did you mean \"%.*s\"?", SLICE_ARG(suggest.best))
                           : NULL;
    refuse(reading->change, reading->session, name, hint, "is not a field here");
    struct slice skipped;
    if (jsonread_skip(reading->reader, &skipped) != OK)
        return body_parse_error(reading->reader, reading->session);
    return OK;
}

static enum error read_member(struct reading *reading, struct slice name)
{
    const struct field *field = resource_find_json(reading->change->resource, name);
    if (!field)
        return refuse_unknown(reading, name);
    if (change_has(reading->change, field))
        refuse(reading->change, reading->session, name, NULL, "is given more than once");
    return read_value(reading, field);
}

enum error body_read_object(struct jsonread *reader, struct change *change, struct session *session,
                            const struct body_rules *rules)
{
    struct reading reading = {reader, change, session, rules};
    for (;;) {
        struct json_value key;
        enum json_token token = jsonread_next(reader, &key);
        if (token == JSON_ERROR)
            return body_parse_error(reader, session);
        if (token == JSON_OBJECT_END)
            return OK;
        if (session->diag->count > DIAG_ITEMS_MAX)
            return ERROR_VALIDATION; /* enough is wrong to say so */
        TRY(read_member(&reading, key.text));
    }
}

static enum error refuse_form(struct session *session, enum change_kind kind)
{
    if (kind == CHANGE_CREATE)
        diag_say(session->diag, NULL, "the body must be an object, or a list of objects");
    else
        diag_say(session->diag, NULL, "the body must be an object");
    return ERROR_VALIDATION;
}

static enum error read_rows(struct jsonread *reader, const struct resource *resource, struct session *session,
                            struct change *changes, size_t *count)
{
    for (*count = 0;; (*count)++) {
        struct json_value value;
        enum json_token token = jsonread_next(reader, &value);
        if (token == JSON_ERROR)
            return body_parse_error(reader, session);
        if (token == JSON_ARRAY_END)
            return OK;
        if (token != JSON_OBJECT_BEGIN)
            return refuse_form(session, CHANGE_CREATE);
        if (*count == BODY_ROWS_MAX) {
            diag_say(session->diag, "send them in several requests", "more than %d rows", BODY_ROWS_MAX);
            return ERROR_VALIDATION;
        }
        struct change *change = &changes[*count];
        TRY(change_init(change, CHANGE_CREATE, resource, session));
        const char *prefix = arena_printf(session->arena, "%zu.", *count);
        if (!prefix)
            return ERROR_MEMORY;
        change->prefix = slice_from(prefix);
        TRY(body_read_object(reader, change, session, NULL));
    }
}

static enum error read_end(struct jsonread *reader, struct session *session)
{
    struct json_value value;
    return jsonread_next(reader, &value) == JSON_END ? OK : body_parse_error(reader, session);
}

static enum error read_many(struct jsonread *reader, const struct resource *resource, struct session *session,
                            struct change **changes, size_t *count)
{
    struct change *rows = arena_array(session->arena, BODY_ROWS_MAX, sizeof *rows);
    if (!rows)
        return ERROR_MEMORY;
    TRY(read_rows(reader, resource, session, rows, count));
    TRY(read_end(reader, session));
    if (*count == 0) {
        diag_say(session->diag, NULL, "the list is empty");
        return ERROR_VALIDATION;
    }
    *changes = rows;
    return OK;
}

enum error body_read_changes(struct slice text, enum change_kind kind, const struct resource *resource,
                             struct session *session, struct change **changes, size_t *count, bool *is_many)
{
    struct jsonread reader;
    struct json_value value;
    jsonread_init(&reader, text, session->arena, JSONREAD_DEPTH_DEFAULT);
    enum json_token token = jsonread_next(&reader, &value);
    if (token == JSON_ERROR)
        return body_parse_error(&reader, session);
    *is_many = token == JSON_ARRAY_BEGIN && kind == CHANGE_CREATE;
    if (*is_many)
        return read_many(&reader, resource, session, changes, count);
    if (token != JSON_OBJECT_BEGIN)
        return refuse_form(session, kind);
    struct change *change = arena_alloc(session->arena, sizeof *change);
    if (!change)
        return ERROR_MEMORY;
    TRY(change_init(change, kind, resource, session));
    TRY(body_read_object(&reader, change, session, NULL));
    TRY(read_end(&reader, session));
    *changes = change;
    *count = 1;
    return OK;
}

enum error body_read_input(struct slice text, struct change *change, struct session *session,
                           const struct body_rules *rules)
{
    struct jsonread reader;
    struct json_value value;
    jsonread_init(&reader, text, session->arena, JSONREAD_DEPTH_DEFAULT);
    enum json_token token = jsonread_next(&reader, &value);
    if (token == JSON_ERROR)
        return body_parse_error(&reader, session);
    if (token != JSON_OBJECT_BEGIN)
        return refuse_form(session, CHANGE_REPLACE);
    TRY(body_read_object(&reader, change, session, rules));
    return read_end(&reader, session);
}
