/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's types and ours.
 *
 * A type is a row of `types`: how it is read, and how an argument of it is written. What has no row is read as text.
 * An argument whose value is not of the kind that its type has in binary form is sent as text, and the server says what
 * is wrong with it, if anything is. */
#include "data/postgres_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/jsonwrite.h"
#include "base/number.h"
#include "base/timecode.h"
#include "base/uuid.h"

/* src/include/catalog/pg_type.dat: these never change. */
enum oid {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_OID = 26,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_UNKNOWN = 705,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_DATE = 1082,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_NUMERIC = 1700,
    OID_VOID = 2278,
    OID_UUID = 2950,
    OID_JSONB = 3802,
};

#define EPOCH_US   INT64_C(946684800000000) /* 2000-01-01 */
#define EPOCH_DAYS 10957

static uint64_t load(const char *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | (unsigned char)bytes[i];
    return number;
}

static int64_t load_signed(struct slice bytes)
{
    switch (bytes.len) {
    case 1: return bytes.ptr[0];
    case 2: return (int16_t)load(bytes.ptr, 2);
    case 4: return (int32_t)load(bytes.ptr, 4);
    default: return (int64_t)load(bytes.ptr, 8);
    }
}

/* ---- reading ---- */

static struct value read_integer(struct slice bytes, char *room)
{
    return value_int(load_signed(bytes));
}

static struct value read_oid(struct slice bytes, char *room)
{
    return value_int((int64_t)load(bytes.ptr, 4));
}

static struct value read_float(struct slice bytes, char *room)
{
    if (bytes.len == 4) {
        uint32_t bits = (uint32_t)load(bytes.ptr, 4);
        float number;
        memcpy(&number, &bits, sizeof number);
        return value_float((double)number);
    }
    uint64_t bits = load(bytes.ptr, 8);
    double number;
    memcpy(&number, &bits, sizeof number);
    return value_float(number);
}

static struct value read_text(struct slice bytes, char *room)
{
    return value_text(bytes);
}

/* The blanks that pad a char(n) mean nothing: comparisons as a text do not see them either. */
static struct value read_padded(struct slice bytes, char *room)
{
    while (bytes.len > 0 && bytes.ptr[bytes.len - 1] == ' ')
        bytes.len--;
    return value_text(bytes);
}

static struct value read_jsonb(struct slice bytes, char *room)
{
    return value_text(slice_from_index(bytes, 1)); /* behind its version */
}

static struct value read_bytes(struct slice bytes, char *room)
{
    return value_blob(bytes);
}

static struct value read_nothing(struct slice bytes, char *room)
{
    return VALUE_NOTHING;
}

static struct value read_uuid(struct slice bytes, char *room)
{
    unsigned char uuid[UUID_BYTES];
    memcpy(uuid, bytes.ptr, sizeof uuid);
    uuid_format(uuid, room);
    return value_text(slice_of(room, UUID_TEXT_BYTES));
}

static struct value read_instant(struct slice bytes, char *room)
{
    int64_t us = load_signed(bytes);
    if (us == INT64_MAX || us == INT64_MIN)
        return value_text(us > 0 ? SLICE("infinity") : SLICE("-infinity"));
    timecode_format_datetime(us + EPOCH_US, room);
    return value_text(slice_of(room, TIMECODE_DATETIME_BYTES));
}

static struct value read_date(struct slice bytes, char *room)
{
    int32_t days = (int32_t)load_signed(bytes);
    if (days == INT32_MAX || days == INT32_MIN)
        return value_text(days > 0 ? SLICE("infinity") : SLICE("-infinity"));
    timecode_format_date(days + EPOCH_DAYS, room);
    return value_text(slice_of(room, TIMECODE_DATE_BYTES));
}

/* The digit group at place `index` of a numeric, 0 where none is kept. */
static int64_t group_at(struct slice bytes, int index, int count)
{
    return index >= 0 && index < count ? (int64_t)load(bytes.ptr + 8 + 2 * index, 2) : 0;
}

/* The double next to a numeric without its sign, as the server itself rounds: forty digits decide that. */
static double round_numeric(struct slice bytes, int count, int weight)
{
    enum { GROUPS = 11 };
    char text[4 * GROUPS + 24];
    int size = 0, used = count < GROUPS ? count : GROUPS;
    for (int i = 0; i < used; i++)
        size += snprintf(text + size, sizeof text - (size_t)size, "%04d", (int)group_at(bytes, i, count));
    snprintf(text + size, sizeof text - (size_t)size, "%se%d", used > 0 ? "" : "0", 4 * (weight - used + 1));
    return strtod(text, NULL);
}

/* Groups of four decimal digits: count, weight of the first, sign, digits behind the point, the groups. What has more
 * digits than an integer holds becomes a float: no column of an app file has. */
static struct value read_numeric(struct slice bytes, char *room)
{
    int count = (int16_t)load(bytes.ptr, 2), weight = (int16_t)load(bytes.ptr + 2, 2);
    unsigned sign = (unsigned)load(bytes.ptr + 4, 2), scale = (unsigned)load(bytes.ptr + 6, 2);
    int last = -(int)((scale + 3) / 4); /* the weight of the last group that counts */
    bool is_negative = sign == 0x4000, is_exact = scale <= 18 && (sign & 0x8000) == 0;
    int64_t integer = 0;
    for (int at = weight; at >= last; at--) {
        int64_t group = group_at(bytes, weight - at, count);
        int64_t factor = 10000;
        if (at == last && scale % 4 != 0)
            for (unsigned cut = 4 - scale % 4; cut > 0; cut--, factor /= 10)
                group /= 10;
        is_exact = is_exact && !__builtin_mul_overflow(integer, factor, &integer) &&
                   !__builtin_add_overflow(integer, group, &integer);
    }
    if (sign & 0x8000)
        return value_float(sign == 0xD000 ? INFINITY : sign == 0xF000 ? -INFINITY : NAN);
    if (is_exact)
        return value_decimal(is_negative ? -integer : integer, scale);
    double number = round_numeric(bytes, count, weight);
    return value_float(is_negative ? -number : number);
}

/* ---- writing ---- */

static void store(struct buf *out, uint64_t number, size_t size)
{
    for (size_t i = size; i > 0; i--)
        buf_put_byte(out, (char)(number >> (8 * (i - 1))));
}

static bool write_int8(struct buf *out, struct value value)
{
    if (value.kind != VALUE_INT || value.scale > 0)
        return false;
    store(out, (uint64_t)value.integer, 8);
    return true;
}

static bool write_int4(struct buf *out, struct value value)
{
    if (value.kind != VALUE_INT || value.scale > 0 || value.integer != (int32_t)value.integer)
        return false;
    store(out, (uint32_t)value.integer, 4);
    return true;
}

static bool write_bool(struct buf *out, struct value value)
{
    if (value.kind != VALUE_INT)
        return false;
    buf_put_byte(out, value.integer != 0);
    return true;
}

static bool write_float(struct buf *out, struct value value)
{
    double number = value.number;
    if (value.kind == VALUE_INT && value.scale == 0)
        number = (double)value.integer;
    else if (value.kind != VALUE_FLOAT)
        return false;
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    store(out, bits, 8);
    return true;
}

/* As read_numeric() reads it; groups of zeros at either end are left out. */
static bool write_numeric(struct buf *out, struct value value)
{
    enum { GROUPS_MAX = 10, SCALE_MAX = 18 };
    static const uint64_t powers[] = {1, 10, 100, 1000, 10000};
    unsigned groups[GROUPS_MAX], first = GROUPS_MAX, end = GROUPS_MAX;
    if (value.kind != VALUE_INT || value.scale > SCALE_MAX)
        return false;
    uint64_t rest = value.integer < 0 ? -(uint64_t)value.integer : (uint64_t)value.integer;
    unsigned behind = (value.scale + 3) / 4;
    unsigned digits = value.scale % 4 ? value.scale % 4 : 4; /* of the last group behind the point */
    for (unsigned i = 0; i < behind || rest > 0; i++) {
        unsigned taken = i == 0 && behind > 0 ? digits : 4;
        groups[--first] = (unsigned)(rest % powers[taken] * powers[4 - taken]);
        rest /= powers[taken];
    }
    int weight = (int)(end - first) - (int)behind - 1;
    for (; first < end && groups[first] == 0; weight--)
        first++;
    while (first < end && groups[end - 1] == 0)
        end--;
    store(out, end - first, 2);
    store(out, (uint16_t)(first < end ? weight : 0), 2);
    store(out, value.integer < 0 ? 0x4000 : 0, 2);
    store(out, value.scale, 2);
    for (; first < end; first++)
        store(out, groups[first], 2);
    return true;
}

static bool write_text(struct buf *out, struct value value)
{
    if (value.kind != VALUE_TEXT)
        return false;
    buf_put_slice(out, value.text);
    return true;
}

static bool write_bytes(struct buf *out, struct value value)
{
    if (value.kind != VALUE_BLOB && value.kind != VALUE_TEXT)
        return false;
    buf_put_slice(out, value.text);
    return true;
}

static bool write_instant(struct buf *out, struct value value)
{
    int64_t us;
    if (value.kind != VALUE_TEXT || timecode_parse_datetime(value.text, &us) != OK)
        return false;
    store(out, (uint64_t)(us - EPOCH_US), 8);
    return true;
}

static bool write_date(struct buf *out, struct value value)
{
    int32_t days;
    if (value.kind != VALUE_TEXT || timecode_parse_date(value.text, &days) != OK)
        return false;
    store(out, (uint32_t)(days - EPOCH_DAYS), 4);
    return true;
}

static bool write_uuid(struct buf *out, struct value value)
{
    char text[UUID_TEXT_BYTES];
    if (value.kind != VALUE_TEXT || uuid_parse(value.text, text) != OK)
        return false;
    for (size_t i = 0; i < UUID_TEXT_BYTES; i += 2) {
        i += text[i] == '-';
        buf_put_byte(out, (char)(hex_digit(text[i]) << 4 | hex_digit(text[i + 1])));
    }
    return true;
}

static const struct row {
    Oid oid;
    enum db_type type;
    struct value (*read)(struct slice bytes, char *room);
    bool (*write)(struct buf *out, struct value value); /* NULL: as text */
} types[] = {
    {OID_BOOL, DB_TYPE_BOOLEAN, read_integer, write_bool},
    {OID_BYTEA, DB_TYPE_BYTES, read_bytes, write_bytes},
    {OID_NAME, DB_TYPE_TEXT, read_text, write_text},
    {OID_INT8, DB_TYPE_INTEGER, read_integer, write_int8},
    {OID_INT2, DB_TYPE_INTEGER, read_integer, NULL},
    {OID_INT4, DB_TYPE_INTEGER, read_integer, write_int4},
    {OID_TEXT, DB_TYPE_TEXT, read_text, write_text},
    {OID_OID, DB_TYPE_INTEGER, read_oid, NULL},
    {OID_JSON, DB_TYPE_JSON, read_text, write_text},
    {OID_FLOAT4, DB_TYPE_FLOAT, read_float, NULL},
    {OID_FLOAT8, DB_TYPE_FLOAT, read_float, write_float},
    {OID_UNKNOWN, DB_TYPE_TEXT, read_text, write_text},
    {OID_BPCHAR, DB_TYPE_TEXT, read_padded, write_text},
    {OID_VARCHAR, DB_TYPE_TEXT, read_text, write_text},
    {OID_DATE, DB_TYPE_TEXT, read_date, write_date},
    {OID_TIMESTAMP, DB_TYPE_TEXT, read_instant, NULL},
    {OID_TIMESTAMPTZ, DB_TYPE_TEXT, read_instant, write_instant},
    {OID_NUMERIC, DB_TYPE_DECIMAL, read_numeric, write_numeric},
    {OID_VOID, DB_TYPE_TEXT, read_nothing, NULL},
    {OID_UUID, DB_TYPE_TEXT, read_uuid, write_uuid},
    {OID_JSONB, DB_TYPE_JSON, read_jsonb, NULL},
};

static const struct row *find(Oid oid)
{
    size_t low = 0, high = ARRAY_LEN(types);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (types[middle].oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ARRAY_LEN(types) && types[low].oid == oid ? &types[low] : NULL;
}

bool postgres_value_is_known(Oid type)
{
    return find(type) != NULL;
}

struct value postgres_value_decode(Oid type, struct slice bytes, char room[POSTGRES_VALUE_ROOM])
{
    const struct row *row = find(type);
    return row ? row->read(bytes, room) : value_text(bytes);
}

bool postgres_value_write(Oid type, struct value value, struct buf *out)
{
    const struct row *row = find(type);
    return row && row->write && row->write(out, value);
}

enum db_type postgres_value_type(Oid type)
{
    const struct row *row = find(type);
    return row ? row->type : DB_TYPE_TEXT;
}

/* ---- arguments ---- */

void postgres_value_init(struct postgres_arguments *arguments)
{
    *arguments = (struct postgres_arguments){.capacity = 0};
    buf_init(&arguments->bytes, 256 * 1024 * 1024);
}

void postgres_value_fini(struct postgres_arguments *arguments)
{
    buf_fini(&arguments->bytes);
    free(arguments->values);
    free(arguments->lengths);
    free(arguments->formats);
}

static enum error grow(struct postgres_arguments *arguments, size_t count)
{
    size_t capacity = count < 64 ? 64 : count;
    if (count <= arguments->capacity)
        return OK;
    postgres_value_fini(arguments);
    postgres_value_init(arguments);
    arguments->values = calloc(capacity, sizeof *arguments->values);
    arguments->lengths = calloc(capacity, sizeof *arguments->lengths);
    arguments->formats = calloc(capacity, sizeof *arguments->formats);
    if (!arguments->values || !arguments->lengths || !arguments->formats)
        return ERROR_MEMORY;
    arguments->capacity = capacity;
    return OK;
}

/* With a NUL behind it, as libpq takes texts. */
static void write_as_text(struct buf *out, struct value value)
{
    switch (value.kind) {
    case VALUE_INT:
        if (value.scale > 0)
            number_format_decimal(out, value.integer, value.scale);
        else
            buf_put_int(out, value.integer);
        break;
    case VALUE_FLOAT: jsonwrite_float(out, value.number); break;
    case VALUE_TEXT: buf_put_slice(out, value.text); break;
    case VALUE_BLOB:
        buf_put_literal(out, "\\x");
        for (size_t i = 0; i < value.text.len; i++) {
            static const char digits[] = "0123456789abcdef";
            buf_put_byte(out, digits[(unsigned char)value.text.ptr[i] >> 4]);
            buf_put_byte(out, digits[value.text.ptr[i] & 15]);
        }
        break;
    case VALUE_NULL: break;
    }
    buf_put_byte(out, '\0');
}

enum error postgres_value_encode(struct postgres_arguments *arguments, const Oid *oids, const struct value *values,
                                 size_t count)
{
    if (count > POSTGRES_VALUE_ARGUMENTS_MAX)
        return ERROR_LIMIT;
    TRY(grow(arguments, count));
    struct buf *bytes = &arguments->bytes;
    buf_clear(bytes);
    for (size_t i = 0; i < count; i++) {
        const struct row *row = oids ? find(oids[i]) : NULL;
        size_t begin = bytes->len;
        if (values[i].kind != VALUE_NULL) {
            bool is_binary = row && row->write && row->write(bytes, values[i]);
            if (!is_binary)
                write_as_text(bytes, values[i]);
            arguments->formats[i] = is_binary;
        }
        arguments->lengths[i] = (int)(bytes->len - begin);
    }
    TRY(buf_error(bytes));
    const char *at = bytes->ptr ? bytes->ptr : "";
    for (size_t i = 0; i < count; i++) {
        arguments->values[i] = values[i].kind == VALUE_NULL ? NULL : at;
        at += arguments->lengths[i];
    }
    return OK;
}
