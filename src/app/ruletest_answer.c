/* SPDX-License-Identifier: Apache-2.0 */
/* Answers against expectations: the status, the total, which rows there are, which fields they have. The rows of a list
 * are compared as a set: what stands in which order is not the rules' to say. */
#include "app/ruletest_answer.h"

#include "app/ruletest_rows.h"
#include "base/jsonread.h"
#include "base/number.h"

enum { MESSAGE_BYTES_MAX = 64 * 1024 };

/* What of an answer is looked at. */
struct seen {
    bool has_data, has_total;
    int64_t total;
    struct slice *ids; /* of the rows, as they stand in the text, without quotes */
    size_t id_count, id_capacity;
    struct slice *fields; /* of the first row */
    size_t field_count, field_capacity;
};

struct looking {
    struct jsonread reader;
    struct arena *arena;
    struct seen seen;
    size_t rows;
};

static enum error add(struct arena *arena, struct slice **items, size_t *count, size_t *capacity, struct slice item)
{
    struct slice *grown = arena_grow(arena, *items, *count, capacity, sizeof **items);
    if (!grown)
        return ERROR_MEMORY;
    *items = grown;
    grown[(*count)++] = item;
    return OK;
}

/* A row, behind its opening brace. */
static enum error look_at_row(struct looking *own)
{
    struct seen *seen = &own->seen;
    struct json_value key, value;
    struct slice text;
    own->rows++;
    while (jsonread_next(&own->reader, &key) == JSON_KEY) {
        struct slice name = key.text;
        jsonread_next(&own->reader, &value);
        if (slice_eq_text(name, "id") && (value.token == JSON_STRING || value.token == JSON_NUMBER))
            TRY(add(own->arena, &seen->ids, &seen->id_count, &seen->id_capacity, value.text));
        if (own->rows == 1)
            TRY(add(own->arena, &seen->fields, &seen->field_count, &seen->field_capacity, name));
        TRY(jsonread_finish(&own->reader, &value, &text));
    }
    return OK;
}

static enum error look_at_data(struct looking *own)
{
    struct json_value value;
    own->seen.has_data = true;
    enum json_token token = jsonread_next(&own->reader, &value);
    if (token == JSON_OBJECT_BEGIN)
        return look_at_row(own);
    while (token == JSON_ARRAY_BEGIN && jsonread_next(&own->reader, &value) == JSON_OBJECT_BEGIN)
        TRY(look_at_row(own));
    return OK;
}

static enum error look_at_pagination(struct looking *own)
{
    struct json_value key, value;
    struct slice text;
    if (jsonread_next(&own->reader, &key) != JSON_OBJECT_BEGIN)
        return OK;
    while (jsonread_next(&own->reader, &key) == JSON_KEY) {
        jsonread_next(&own->reader, &value);
        if (slice_eq_text(key.text, "total"))
            own->seen.has_total = number_parse_int(value.text, &own->seen.total) == OK;
        TRY(jsonread_finish(&own->reader, &value, &text));
    }
    return OK;
}

static enum error look(struct looking *own, struct slice body)
{
    struct json_value key;
    struct slice text;
    jsonread_init(&own->reader, body, own->arena, JSONREAD_DEPTH_DEFAULT);
    if (jsonread_next(&own->reader, &key) != JSON_OBJECT_BEGIN)
        return OK;
    while (jsonread_next(&own->reader, &key) == JSON_KEY) {
        if (slice_eq_text(key.text, "data"))
            TRY(look_at_data(own));
        else if (slice_eq_text(key.text, "pagination"))
            TRY(look_at_pagination(own));
        else
            TRY(jsonread_skip(&own->reader, &text));
    }
    return OK;
}

/* ---- differences ---- */

static bool is_id(const struct ruletest_row *row, struct slice text)
{
    int64_t number;
    if (row->id.kind == VALUE_INT)
        return number_parse_int(text, &number) == OK && number == row->id.integer;
    return slice_eq(row->id.text, text);
}

static bool is_among(const struct slice *items, size_t count, struct slice item)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(items[i], item))
            return true;
    return false;
}

/* The rows that came, by their names. */
static void put_rows(struct buf *out, const struct ruletest *test, const struct seen *seen)
{
    for (size_t i = 0; i < seen->id_count; i++) {
        struct slice shown = seen->ids[i];
        for (size_t j = 0; j < test->row_count; j++)
            if (test->rows[j].name.len > 0 && is_id(&test->rows[j], seen->ids[i]))
                shown = test->rows[j].name;
        buf_printf(out, "%s%.*s", i > 0 ? ", " : "", SLICE_ARG(shown));
    }
}

static void put_names(struct buf *out, const struct node *list)
{
    for (const struct node *item = list->first; item; item = item->next)
        buf_printf(out, "%s%.*s", item != list->first ? ", " : "", SLICE_ARG(item->text));
}

static bool has_rows(const struct ruletest *test, const struct node *list, const struct seen *seen)
{
    for (const struct node *item = list->first; item; item = item->next) {
        const struct ruletest_row *row = ruletest_rows_find(test, NULL, item->text);
        bool is_there = false;
        for (size_t i = 0; row && i < seen->id_count; i++)
            is_there = is_there || is_id(row, seen->ids[i]);
        if (!is_there && !is_among(seen->ids, seen->id_count, item->text))
            return false;
    }
    return seen->id_count == list->count;
}

static bool has_fields(const struct node *list, const struct seen *seen)
{
    for (const struct node *item = list->first; item; item = item->next)
        if (!is_among(seen->fields, seen->field_count, item->text))
            return false;
    return seen->field_count == list->count;
}

static void compare(struct buf *out, const struct ruletest *test, const struct ruletest_expect *expect,
                    const struct seen *seen)
{
    if (expect->has_total && !seen->has_total)
        buf_printf(out, "expected a total of %lld, and none came: ask with ?count=exact", (long long)expect->total);
    else if (expect->has_total && seen->total != expect->total)
        buf_printf(out, "expected a total of %lld, and %lld came", (long long)expect->total, (long long)seen->total);
    else if (expect->rows && !has_rows(test, expect->rows, seen)) {
        buf_put_literal(out, "expected the rows [");
        put_names(out, expect->rows);
        buf_put_literal(out, "], and [");
        put_rows(out, test, seen);
        buf_put_literal(out, "] came");
    } else if (expect->fields && !has_fields(expect->fields, seen)) {
        buf_put_literal(out, "expected the fields [");
        put_names(out, expect->fields);
        buf_put_literal(out, "], and [");
        for (size_t i = 0; i < seen->field_count; i++)
            buf_printf(out, "%s%.*s", i > 0 ? ", " : "", SLICE_ARG(seen->fields[i]));
        buf_put_literal(out, "] came");
    }
}

enum error ruletest_answer_check(const struct ruletest *test, const struct ruletest_expect *expect,
                                 const struct rehearsal_answer *answer, struct arena *arena, const char **out)
{
    struct looking looking = {.arena = arena};
    struct buf text;
    enum error error = OK;
    buf_init(&text, MESSAGE_BYTES_MAX);
    *out = NULL;
    if (answer->status != expect->status)
        buf_printf(&text, "expected %lld, and %d came", (long long)expect->status, answer->status);
    else {
        error = look(&looking, answer->body);
        if (error != ERROR_MEMORY)
            compare(&text, test, expect, &looking.seen);
    }
    if (text.len > 0)
        *out = arena_text(arena, buf_slice(&text));
    bool failed = buf_failed(&text) || (text.len > 0 && !*out);
    buf_fini(&text);
    return failed || error == ERROR_MEMORY ? ERROR_MEMORY : OK;
}
