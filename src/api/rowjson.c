/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as JSON.
 *
 * A row without expansions is written in one pass, column by column. With expansions there is a hole where an expanded
 * row will stand: the rows are written to a side buffer, each hole is noted with the id it waits for, the ids of each
 * relation are loaded with one query, and the pieces are joined. Loading is the same work one level down, so it is the
 * same function; a shape has SHAPE_LEVELS_MAX levels, which bounds the depth.
 *
 * Invariants
 *   (1) marks are in the order of their place in the text
 *   (2) a row that the caller may not read is the JSON null, like one that is missing
 */
#include "api/rowjson.h"

#include <stdlib.h>

#include "api/api_settings.h"
#include "base/jsonwrite.h"
#include "base/number.h"

enum { SIDE_BYTES_MAX = 64 * 1024 * 1024, NO_EXPANSION = -1 };

/* A list is stored as it is shown, but its decimals always in quotes, and nothing else of such a list has any. */
static void put_decimal_list(struct buf *out, struct slice list)
{
    for (size_t i = 0; i < list.len; i++)
        if (list.ptr[i] != '"')
            buf_put_byte(out, list.ptr[i]);
}

void rowjson_value(struct buf *out, const struct api_settings *settings, const struct type *type, struct value value)
{
    switch (value.kind) {
    case VALUE_NULL: buf_put_literal(out, "null"); return;
    case VALUE_FLOAT: jsonwrite_float(out, value.number); return;
    case VALUE_INT:
        if (type->kind == FIELD_BOOL)
            jsonwrite_bool(out, value.integer != 0);
        else if (type->kind != FIELD_DECIMAL && value.scale == 0)
            buf_put_int(out, value.integer);
        else if (type->kind != FIELD_DECIMAL)
            number_format_decimal(out, value.integer, value.scale); /* a numeric without limits, as a float */
        else if (settings->decimals_as_numbers)
            number_format_decimal(out, value.integer, type->scale);
        else {
            buf_put_byte(out, '"');
            number_format_decimal(out, value.integer, type->scale);
            buf_put_byte(out, '"');
        }
        return;
    case VALUE_TEXT:
    case VALUE_BLOB:
        if (type->kind == FIELD_LIST && type->element->kind == FIELD_DECIMAL && settings->decimals_as_numbers)
            put_decimal_list(out, value.text);
        else if (type->kind == FIELD_JSON || type->kind == FIELD_LIST)
            buf_put_slice(out, value.text);
        else
            jsonwrite_string(out, value.text);
        return;
    }
}

/* A place in a side buffer: where a row begins (expansion NO_EXPANSION), or where an expanded row will stand. */
struct mark {
    size_t at;
    int expansion;
    struct value id;
};

struct side {
    struct buf text;
    struct mark *marks;
    size_t count, capacity;
    struct arena *arena;
};

/* A finished expanded row. */
struct loaded {
    struct value id;
    size_t begin, end;
};

struct loaded_set {
    struct buf text;
    struct loaded *rows; /* sorted by id */
    size_t count;
};

static enum error side_mark(struct side *side, int expansion, struct value id)
{
    struct mark *marks = arena_grow(side->arena, side->marks, side->count, &side->capacity, sizeof *side->marks);
    if (!marks)
        return ERROR_MEMORY;
    side->marks = marks;
    if (id.kind == VALUE_TEXT) {
        id.text = arena_slice(side->arena, id.text);
        if (!id.text.ptr)
            return ERROR_MEMORY;
    }
    side->marks[side->count++] = (struct mark){side->text.len, expansion, id};
    return OK;
}

static void put_key(struct buf *out, const struct shape *shape, size_t i)
{
    buf_put_byte(out, i == 0 ? '{' : ',');
    buf_put_slice(out, shape->columns[i]->json_key);
}

static void put_end(struct buf *out, const struct shape *shape)
{
    if (shape->column_count == 0)
        buf_put_byte(out, '{');
    buf_put_byte(out, '}');
}

void rowjson_values(struct buf *out, const struct api_settings *settings, const struct shape *shape,
                    const struct value *values)
{
    for (size_t i = 0; i < shape->column_count; i++) {
        const struct field *field = shape->columns[i];
        put_key(out, shape, i);
        rowjson_value(out, settings, &field->type, values[field->index]);
    }
    put_end(out, shape);
}

static void put_plain_row(const struct rowjson *writer, const struct query_rows *rows, struct buf *out)
{
    const struct shape *shape = writer->shape;
    for (size_t i = 0; i < shape->column_count; i++) {
        put_key(out, shape, i);
        rowjson_value(out, writer->settings, &shape->columns[i]->type, query_value(rows, i));
    }
    put_end(out, shape);
}

static enum error put_marked_row(const struct rowjson *writer, const struct query_rows *rows, struct side *side)
{
    const struct shape *shape = writer->shape;
    size_t next = 0;
    for (size_t i = 0; i < shape->column_count; i++) {
        put_key(&side->text, shape, i);
        bool is_hole = next < shape->expansion_count && shape->expansions[next].column == i;
        if (is_hole)
            TRY(side_mark(side, (int)next++, query_value(rows, i)));
        else
            rowjson_value(&side->text, writer->settings, &shape->columns[i]->type, query_value(rows, i));
    }
    put_end(&side->text, shape);
    return OK;
}

static int compare_values(struct value a, struct value b)
{
    if (a.kind != b.kind)
        return a.kind < b.kind ? -1 : 1;
    if (a.kind == VALUE_INT)
        return a.integer < b.integer ? -1 : a.integer > b.integer;
    return slice_compare(a.text, b.text);
}

static int compare_ids(const void *a, const void *b)
{
    return compare_values(*(const struct value *)a, *(const struct value *)b);
}

static int compare_loaded(const void *a, const void *b)
{
    return compare_values(((const struct loaded *)a)->id, ((const struct loaded *)b)->id);
}

/* The distinct ids that the holes of one expansion wait for. */
static enum error collect_ids(const struct side *side, int expansion, struct value **out, size_t *count)
{
    struct value *ids = arena_array(side->arena, side->count + 1, sizeof *ids);
    if (!ids)
        return ERROR_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < side->count; i++)
        if (side->marks[i].expansion == expansion && side->marks[i].id.kind != VALUE_NULL)
            ids[n++] = side->marks[i].id;
    qsort(ids, n, sizeof *ids, compare_ids);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || compare_values(ids[kept - 1], ids[i]) != 0)
            ids[kept++] = ids[i];
    *out = ids;
    *count = kept;
    return OK;
}

static enum error load(const struct rowjson *writer, const struct shape *shape, const struct value *ids, size_t count,
                       struct loaded_set *out);

static struct slice find_loaded(const struct loaded_set *set, struct value id)
{
    struct loaded key = {.id = id};
    const struct loaded *hit =
        set->count ? bsearch(&key, set->rows, set->count, sizeof *set->rows, compare_loaded) : NULL;
    return hit ? slice_of(set->text.ptr + hit->begin, hit->end - hit->begin) : SLICE("null");
}

/* Joins the text with the loaded rows. `rows` (may be NULL) receives where each marked row came to stand. */
static void join(const struct side *side, const struct loaded_set *sets, struct buf *out, struct loaded *rows)
{
    size_t copied = 0, row = 0;
    for (size_t i = 0; i < side->count; i++) {
        const struct mark *mark = &side->marks[i];
        buf_put(out, side->text.ptr + copied, mark->at - copied);
        copied = mark->at;
        if (mark->expansion != NO_EXPANSION) {
            buf_put_slice(out, find_loaded(&sets[mark->expansion], mark->id));
        } else if (rows) {
            if (row > 0)
                rows[row - 1].end = out->len;
            rows[row++] = (struct loaded){.id = mark->id, .begin = out->len};
        }
    }
    buf_put(out, side->text.ptr + copied, side->text.len - copied);
    if (rows && row > 0)
        rows[row - 1].end = out->len;
}

/* Loads what the holes of a side buffer wait for, then joins. */
static enum error resolve(const struct rowjson *writer, const struct shape *shape, struct side *side, struct buf *out,
                          struct loaded *rows)
{
    struct loaded_set sets[SHAPE_EXPANSIONS_MAX] = {0};
    enum error error = buf_error(&side->text);
    for (size_t i = 0; error == OK && i < shape->expansion_count; i++) {
        struct value *ids;
        size_t count;
        error = collect_ids(side, (int)i, &ids, &count);
        if (error == OK)
            error = load(writer, shape->expansions[i].target, ids, count, &sets[i]);
    }
    if (error == OK)
        join(side, sets, out, rows);
    if (error == OK)
        error = buf_error(out);
    for (size_t i = 0; i < shape->expansion_count; i++)
        buf_fini(&sets[i].text);
    return error;
}

static enum error load_rows(const struct rowjson *writer, const struct shape *shape, struct query_rows *rows,
                            struct side *side, size_t *count)
{
    struct rowjson one_level = *writer;
    one_level.shape = shape;
    for (;;) {
        bool has_row;
        TRY(query_next(rows, &has_row));
        if (!has_row)
            return OK;
        TRY(side_mark(side, NO_EXPANSION, query_key_value(rows, 0)));
        TRY(put_marked_row(&one_level, rows, side));
        (*count)++;
    }
}

/* One query for one relation on one level. */
static enum error load(const struct rowjson *writer, const struct shape *shape, const struct value *ids, size_t count,
                       struct loaded_set *out)
{
    buf_init(&out->text, SIDE_BYTES_MAX);
    if (count == 0)
        return OK;
    struct query query = {.resource = shape->resource,
                          .columns = shape->columns,
                          .column_count = shape->column_count,
                          .ids = ids,
                          .id_count = count,
                          .limit = -1,
                          .wants_keys = true};
    struct query_rows rows;
    enum error error = query_open(writer->session, &query, &rows);
    if (error == ERROR_FORBIDDEN || error == ERROR_UNAUTHORIZED)
        return OK;
    TRY(error);
    struct side side = {.arena = writer->session->arena};
    buf_init(&side.text, SIDE_BYTES_MAX);
    error = load_rows(writer, shape, &rows, &side, &out->count);
    query_close(&rows);
    if (error == OK) {
        out->rows = arena_array(side.arena, out->count + 1, sizeof *out->rows);
        error = out->rows ? resolve(writer, shape, &side, &out->text, out->rows) : ERROR_MEMORY;
    }
    if (error == OK)
        qsort(out->rows, out->count, sizeof *out->rows, compare_loaded);
    buf_fini(&side.text);
    return error;
}

/* Writes rows to `text` (plain) or to `side` (with holes). */
static enum error write_rows(const struct rowjson *writer, struct query_rows *rows, struct buf *text, struct side *side,
                             int64_t *count, bool *has_more)
{
    for (*count = 0, *has_more = false;; (*count)++) {
        bool has_row;
        TRY(query_next(rows, &has_row));
        if (!has_row)
            return OK;
        if (*count == writer->limit) {
            *has_more = true;
            return OK;
        }
        if (*count > 0)
            buf_put_byte(text, ',');
        if (side)
            TRY(put_marked_row(writer, rows, side));
        else
            put_plain_row(writer, rows, text);
        if (writer->seen)
            writer->seen(writer->argument, rows, *count);
    }
}

enum error rowjson_write(const struct rowjson *writer, struct query_rows *rows, struct buf *out, int64_t *count,
                         bool *has_more)
{
    if (writer->shape->expansion_count == 0) {
        TRY(write_rows(writer, rows, out, NULL, count, has_more));
        return buf_error(out);
    }
    struct side side = {.arena = writer->session->arena};
    buf_init(&side.text, SIDE_BYTES_MAX);
    enum error error = write_rows(writer, rows, &side.text, &side, count, has_more);
    query_close(rows);
    if (error == OK)
        error = resolve(writer, writer->shape, &side, out, NULL);
    buf_fini(&side.text);
    return error;
}

enum error rowjson_write_ids(const struct rowjson *writer, const struct value *ids, size_t count, struct buf *out)
{
    struct loaded_set set = {0};
    enum error error = load(writer, writer->shape, ids, count, &set);
    for (size_t i = 0; error == OK && i < count; i++) {
        if (i > 0)
            buf_put_byte(out, ',');
        buf_put_slice(out, find_loaded(&set, ids[i]));
    }
    buf_fini(&set.text);
    return error == OK ? buf_error(out) : error;
}
