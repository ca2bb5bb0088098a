/* SPDX-License-Identifier: Apache-2.0 */
/* One form for each value, whatever database it comes from.
 *
 * SQLite keeps a decimal as a scaled integer, a time as the text that somebody has put there; PostgreSQL has types for
 * them. What a column of the app file can hold is the same in both, so a value is either brought into the form in which
 * the engine stores it (model/schema.h), or it is no value of its column and somebody has to be told.
 *
 * A row is written for its checksum as a byte for the kind of each value and then eight bytes, or a length and the
 * text: no two rows are written alike. A negative zero is written as zero, for SQLite does not keep it. */
#include "model/transfer_value.h"

#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/jsonread.h"
#include "base/timecode.h"
#include "base/utf8.h"
#include "base/uuid.h"

typedef const char *read_value(const struct transfer_column *column, enum dialect from, struct value value, char *room,
                               struct value *out);

static const char *read_text(const struct transfer_column *column, enum dialect from, struct value value, char *room,
                             struct value *out)
{
    if (value.kind != VALUE_TEXT)
        return "is not a text";
    if (memchr(value.text.ptr, '\0', value.text.len))
        return "holds a NUL byte, which PostgreSQL cannot store";
    if (!utf8_is_valid(value.text))
        return "is not valid UTF-8";
    *out = value;
    return NULL;
}

static const char *read_json(const struct transfer_column *column, enum dialect from, struct value value, char *room,
                             struct value *out)
{
    const char *why = read_text(column, from, value, room, out);
    if (why || from == DIALECT_POSTGRES)
        return why;
    struct jsonread reader;
    struct json_value end;
    struct slice all;
    jsonread_init(&reader, value.text, NULL, JSONREAD_DEPTH_MAX);
    bool is_json = jsonread_skip(&reader, &all) == OK && jsonread_next(&reader, &end) == JSON_END;
    return is_json ? NULL : "is not JSON";
}

static const char *read_integer(const struct transfer_column *column, enum dialect from, struct value value, char *room,
                                struct value *out)
{
    *out = value;
    return value.kind == VALUE_INT && value.scale == 0 ? NULL : "is not an integer of 64 bits";
}

static const char *read_boolean(const struct transfer_column *column, enum dialect from, struct value value, char *room,
                                struct value *out)
{
    *out = value;
    bool is_one = value.kind == VALUE_INT && (value.integer == 0 || value.integer == 1);
    return is_one ? NULL : "is neither 0 nor 1, and the column is a bool";
}

static const char *read_float(const struct transfer_column *column, enum dialect from, struct value value, char *room,
                              struct value *out)
{
    *out = value.kind == VALUE_INT && value.scale == 0 ? value_float((double)value.integer) : value;
    return out->kind == VALUE_FLOAT && !isnan(out->number) ? NULL : "is not a number";
}

/* SQLite's integers are scaled already, and say nothing of it. */
static const char *read_decimal(const struct transfer_column *column, enum dialect from, struct value value, char *room,
                                struct value *out)
{
    int64_t limit = 1;
    for (unsigned i = 0; i < column->precision && i < 18; i++)
        limit *= 10;
    if (value.kind != VALUE_INT || (from == DIALECT_POSTGRES && value.scale != column->scale))
        return "is not a decimal of the column's scale";
    if (value.integer <= -limit || value.integer >= limit)
        return "has more digits than the column's decimal";
    *out = value_decimal(value.integer, column->scale);
    return NULL;
}

static const char *read_instant(const struct transfer_column *column, enum dialect from, struct value value, char *room,
                                struct value *out)
{
    int64_t us;
    if (value.kind != VALUE_TEXT || timecode_parse_datetime(value.text, &us) != OK)
        return "is not a date and time of the years 0001 to 9999";
    timecode_format_datetime(us, room);
    *out = value_text(slice_of(room, TIMECODE_DATETIME_BYTES));
    return NULL;
}

static const char *read_date(const struct transfer_column *column, enum dialect from, struct value value, char *room,
                             struct value *out)
{
    int32_t days;
    if (value.kind != VALUE_TEXT || timecode_parse_date(value.text, &days) != OK)
        return "is not a date of the years 0001 to 9999";
    timecode_format_date(days, room);
    *out = value_text(slice_of(room, TIMECODE_DATE_BYTES));
    return NULL;
}

static const char *read_uuid(const struct transfer_column *column, enum dialect from, struct value value, char *room,
                             struct value *out)
{
    if (value.kind != VALUE_TEXT || uuid_parse(value.text, room) != OK)
        return "is not a uuid";
    *out = value_text(slice_of(room, UUID_TEXT_BYTES));
    return NULL;
}

static const char *read_bytes(const struct transfer_column *column, enum dialect from, struct value value, char *room,
                              struct value *out)
{
    *out = value_blob(value.text);
    return value.kind == VALUE_BLOB ? NULL : "is not a blob";
}

const char *transfer_value_read(const struct transfer_column *column, enum dialect from, struct value value,
                                char room[TRANSFER_VALUE_ROOM], struct value *out)
{
    static read_value *const readers[SQL_TYPE_COUNT] = {
        [SQL_ANY] = read_text,        [SQL_TEXT] = read_text,       [SQL_INTEGER] = read_integer,
        [SQL_FLOAT] = read_float,     [SQL_DECIMAL] = read_decimal, [SQL_BOOLEAN] = read_boolean,
        [SQL_INSTANT] = read_instant, [SQL_DATE] = read_date,       [SQL_UUID] = read_uuid,
        [SQL_JSON] = read_json,       [SQL_BYTES] = read_bytes,
    };
    if (value.kind != VALUE_NULL)
        return readers[column->type](column, from, value, room, out);
    *out = VALUE_NOTHING;
    return column->is_required ? "is null, and the column is required" : NULL;
}

/* ---- checksums ---- */

static void put_word(struct buf *out, uint64_t word)
{
    char bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(word >> (8 * (sizeof bytes - 1 - i)));
    buf_put(out, bytes, sizeof bytes);
}

static void put_canonical(struct buf *out, struct value value)
{
    uint64_t bits;
    double number = value.kind == VALUE_FLOAT ? value.number + 0.0 : 0; /* -0 + 0 is 0 */
    buf_put_byte(out, (char)value.kind);
    switch (value.kind) {
    case VALUE_NULL: return;
    case VALUE_INT: put_word(out, (uint64_t)value.integer); return;
    case VALUE_FLOAT:
        memcpy(&bits, &number, sizeof bits);
        put_word(out, bits);
        return;
    case VALUE_TEXT:
    case VALUE_BLOB:
        put_word(out, value.text.len);
        buf_put_slice(out, value.text);
        return;
    }
}

enum error transfer_value_add(struct transfer_sum *sum, const struct value *values, size_t count, struct buf *scratch)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    unsigned carry = 0;
    buf_clear(scratch);
    for (size_t i = 0; i < count; i++)
        put_canonical(scratch, values[i]);
    TRY(buf_error(scratch));
    digest_sha256(buf_slice(scratch), digest);
    for (unsigned i = 0; i < ARRAY_LEN(sum->words); i++) {
        uint64_t word;
        memcpy(&word, digest + 8 * i, sizeof word);
        uint64_t with_carry = sum->words[i] + carry;
        word = le64toh(word);
        carry = with_carry < carry;
        sum->words[i] = with_carry + word;
        carry += sum->words[i] < word;
    }
    sum->rows++;
    return OK;
}

bool transfer_value_is_same(const struct transfer_sum *a, const struct transfer_sum *b)
{
    return a->rows == b->rows && memcmp(a->words, b->words, sizeof a->words) == 0;
}

void transfer_value_format(const struct transfer_sum *sum, char text[TRANSFER_SUM_TEXT])
{
    for (unsigned i = 0; i < ARRAY_LEN(sum->words); i++)
        snprintf(text + 16 * i, 17, "%016" PRIx64, sum->words[ARRAY_LEN(sum->words) - 1 - i]);
}
