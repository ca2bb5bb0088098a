/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as COPY takes them in binary: for each a count of columns, and for each column its length (-1: null) and its
 * bytes as postgres_value.h writes them. */
#include "data/postgres_copy.h"

#include <string.h>

#include "base/number.h"
#include "data/postgres_value.h"

enum { HEAD_BYTES = 19 };

/* src/include/catalog/pg_type.dat: these never change. */
static const Oid types_of[SQL_TYPE_COUNT] = {
    [SQL_ANY] = 25,       [SQL_TEXT] = 25,    [SQL_INTEGER] = 20,   [SQL_FLOAT] = 701,
    [SQL_DECIMAL] = 1700, [SQL_BOOLEAN] = 16, [SQL_INSTANT] = 1184, [SQL_DATE] = 1082,
    [SQL_UUID] = 2950,    [SQL_JSON] = 114,   [SQL_BYTES] = 17,
};

static void put_number(struct buf *out, uint32_t number, size_t size)
{
    for (size_t i = size; i > 0; i--)
        buf_put_byte(out, (char)(number >> (8 * (i - 1))));
}

void postgres_copy_put_head(struct buf *out)
{
    static const char head[HEAD_BYTES] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', (char)0xff, '\r', '\n'};
    buf_put(out, head, sizeof head); /* the signature with its NUL, no flags, no extension */
}

void postgres_copy_put_end(struct buf *out)
{
    put_number(out, UINT16_MAX, 2);
}

static bool put_value(struct buf *out, enum sql_type type, struct value value)
{
    size_t at = out->len;
    if (value.kind == VALUE_NULL) {
        put_number(out, UINT32_MAX, 4);
        return true;
    }
    put_number(out, 0, 4);
    if (!postgres_value_write(types_of[type], value, out))
        return false;
    if (buf_failed(out))
        return true;
    size_t length = out->len - at - 4;
    for (unsigned i = 0; i < 4; i++)
        out->ptr[at + i] = (char)(length >> (8 * (3 - i)));
    return true;
}

enum error postgres_copy_put_row(struct buf *out, const enum sql_type *types, const struct value *values, size_t count,
                                 size_t *column)
{
    size_t begin = out->len;
    put_number(out, (uint32_t)count, 2);
    for (size_t i = 0; i < count; i++)
        if (!put_value(out, types[i], values[i])) {
            buf_truncate(out, begin);
            *column = i;
            return ERROR_VALIDATION;
        }
    return buf_error(out);
}

/* The line of the context that COPY has written, behind its last ", line ". */
static struct slice find_line(struct slice context)
{
    const struct slice word = SLICE(", line ");
    struct slice line, found = SLICE("");
    while (slice_split(&context, '\n', &line))
        if (slice_starts(line, SLICE("COPY ")))
            found = line;
    for (const char *at; (at = memmem(found.ptr, found.len, word.ptr, word.len));)
        found = slice_from_index(found, (size_t)(at - found.ptr) + word.len);
    return found;
}

struct postgres_copy_place postgres_copy_parse_context(struct slice context)
{
    struct postgres_copy_place place = {.column = SLICE("")};
    const struct slice column_word = SLICE(", column ");
    struct slice rest = find_line(context);
    size_t digits = 0, end = 0;
    while (digits < rest.len && rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9')
        digits++;
    if (number_parse_int(slice_of(rest.ptr, digits), &place.row) != OK)
        return place;
    rest = slice_from_index(rest, digits);
    if (!slice_starts(rest, column_word))
        return place;
    rest = slice_from_index(rest, column_word.len);
    while (end < rest.len && rest.ptr[end] != ':')
        end++;
    place.column = slice_of(rest.ptr, end);
    return place;
}
