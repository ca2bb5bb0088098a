/* SPDX-License-Identifier: Apache-2.0 */
/* One resource, known by heart: its row and its body, to and from JSON.
 *
 * Idea: nothing stands between SQLite's column and the byte in the reply, and nothing between the byte of a body and
 * the field it fills; no tree, no table of fields, no allocation. This is what Tenon's generic readers and writers are
 * held to. */
#include "limit_market.h"

static const char *const statuses[] = {"active", "closed", "draft", "resolved"};

char *put_uint(char *at, uint64_t number)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    char digits[20];
    char *start = digits + sizeof digits;
    while (number >= 10) {
        start -= 2;
        memcpy(start, pairs + number % 100 * 2, 2);
        number /= 100;
    }
    if (number > 0 || start == digits + sizeof digits)
        *--start = (char)('0' + number);
    else if (*start == '0' && start < digits + sizeof digits - 1)
        start++;
    return put_bytes(at, start, (size_t)(digits + sizeof digits - start));
}

char *put_int(char *at, int64_t number)
{
    if (number < 0)
        *at++ = '-';
    return put_uint(at, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

char *put_decimal(char *at, int64_t hundredths)
{
    uint64_t size = hundredths < 0 ? 0 - (uint64_t)hundredths : (uint64_t)hundredths;
    *at++ = '"';
    if (hundredths < 0)
        *at++ = '-';
    at = put_uint(at, size / 100);
    *at++ = '.';
    *at++ = (char)('0' + size % 100 / 10);
    *at++ = (char)('0' + size % 10);
    *at++ = '"';
    return at;
}

static char *put_escape(char *at, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    *at++ = '\\';
    if (byte >= ' ' || shorts[byte]) {
        *at++ = byte >= ' ' ? (char)byte : shorts[byte];
        return at;
    }
    at = PUT_TEXT(at, "u00");
    *at++ = hex[byte >> 4];
    *at++ = hex[byte & 15];
    return at;
}

/* True when any of eight bytes is below a space, a quote or a backslash, so that it must be escaped. (A borrow may also
 * report the byte after such a one: it is only ever a reason to look closer.) */
static bool needs_look(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    return (((word - ones * ' ') & ~word) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & tops;
}

/* Eight bytes at a time as long as they need no escape. Reads inside `bytes` only. */
char *put_string(char *at, const char *bytes, size_t len)
{
    size_t i = 0;
    *at++ = '"';
    for (uint64_t word; i + sizeof word <= len; i += sizeof word, at += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        if (needs_look(word))
            break;
        memcpy(at, &word, sizeof word);
    }
    for (; i < len; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte < ' ' || byte == '"' || byte == '\\')
            at = put_escape(at, byte);
        else
            *at++ = (char)byte;
    }
    *at++ = '"';
    return at;
}

static char *put_datetime_column(char *at, sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    if (!text || sqlite3_column_bytes(row, column) != DATETIME_BYTES)
        return PUT_TEXT(at, "null");
    *at++ = '"';
    at = put_bytes(at, text, DATETIME_BYTES);
    *at++ = '"';
    return at;
}

static char *put_status_column(char *at, sqlite3_stmt *row, int column)
{
    const unsigned char *text = sqlite3_column_text(row, column);
    if (!text)
        return PUT_TEXT(at, "null");
    *at++ = '"';
    at = put_bytes(at, (const char *)text, (size_t)sqlite3_column_bytes(row, column));
    *at++ = '"';
    return at;
}

static bool is_null(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL;
}

/* Columns straight to text, in the order of COLUMNS. */
char *put_row(char *at, sqlite3_stmt *row)
{
    at = PUT_TEXT(at, "{\"id\":");
    at = put_int(at, sqlite3_column_int64(row, 0));
    at = PUT_TEXT(at, ",\"name\":");
    const char *name = (const char *)sqlite3_column_text(row, 1);
    at = name ? put_string(at, name, (size_t)sqlite3_column_bytes(row, 1)) : PUT_TEXT(at, "null");
    at = PUT_TEXT(at, ",\"status\":");
    at = put_status_column(at, row, 2);
    at = PUT_TEXT(at, ",\"volume\":");
    at = is_null(row, 3) ? PUT_TEXT(at, "null") : put_decimal(at, sqlite3_column_int64(row, 3));
    at = PUT_TEXT(at, ",\"creator\":");
    at = is_null(row, 4) ? PUT_TEXT(at, "null") : put_int(at, sqlite3_column_int64(row, 4));
    at = PUT_TEXT(at, ",\"created_at\":");
    at = put_datetime_column(at, row, 5);
    at = PUT_TEXT(at, ",\"updated_at\":");
    at = put_datetime_column(at, row, 6);
    at = PUT_TEXT(at, ",\"version\":");
    at = put_int(at, sqlite3_column_int64(row, 7));
    *at++ = '}';
    return at;
}

char *put_market(char *at, const struct market *market)
{
    at = PUT_TEXT(at, "{\"id\":");
    at = put_int(at, market->id);
    at = PUT_TEXT(at, ",\"name\":");
    at = put_string(at, market->name, market->name_len);
    at = PUT_TEXT(at, ",\"status\":");
    at = market->given & GIVEN_STATUS ? put_string(at, market->status, strlen(market->status)) : PUT_TEXT(at, "null");
    at = PUT_TEXT(at, ",\"volume\":");
    at = market->given & GIVEN_VOLUME ? put_decimal(at, market->volume) : PUT_TEXT(at, "null");
    at = PUT_TEXT(at, ",\"creator\":");
    at = market->given & GIVEN_CREATOR ? put_int(at, market->creator) : PUT_TEXT(at, "null");
    at = PUT_TEXT(at, ",\"created_at\":\"");
    at = put_bytes(at, market->created_at, DATETIME_BYTES);
    at = PUT_TEXT(at, "\",\"updated_at\":\"");
    at = put_bytes(at, market->created_at, DATETIME_BYTES);
    return PUT_TEXT(at, "\",\"version\":1}");
}

void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end &&
           (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\r' || *cursor->at == '\t'))
        cursor->at++;
}

static bool take(struct cursor *cursor, char byte)
{
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != byte)
        return false;
    cursor->at++;
    return true;
}

/* The length of the UTF-8 sequence at the cursor, 0 when it is none. */
static size_t sequence_len(const struct cursor *cursor)
{
    unsigned char first = (unsigned char)*cursor->at;
    size_t len = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : (first & 0xf0) == 0xe0 ? 3 : 4;
    if (first >= 0xf5 || (first >= 0x80 && first < 0xc2) || (size_t)(cursor->end - cursor->at) < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)cursor->at[i] & 0xc0) != 0x80)
            return 0;
    }
    unsigned char second = len > 1 ? (unsigned char)cursor->at[1] : 0;
    bool is_wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                    (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    return is_wrong ? 0 : len;
}

/* A JSON string of at most `cap` bytes into `out`; `points` counts its characters. */
static bool parse_string(struct cursor *cursor, char *out, size_t cap, size_t *len, size_t *points)
{
    static const char escapes[128] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    if (!take(cursor, '"'))
        return false;
    size_t used = 0, seen = 0;
    while (cursor->at < cursor->end && *cursor->at != '"') {
        unsigned char byte = (unsigned char)*cursor->at;
        size_t size = sequence_len(cursor);
        if (size == 0 || byte < ' ' || used + size > cap)
            return false;
        if (byte == '\\') {
            if (++cursor->at == cursor->end || *cursor->at < 0 || !escapes[(unsigned char)*cursor->at])
                return false;
            out[used] = escapes[(unsigned char)*cursor->at];
        } else {
            memcpy(out + used, cursor->at, size);
        }
        cursor->at += size;
        used += size;
        seen++;
    }
    *len = used;
    *points = seen;
    return take(cursor, '"');
}

bool parse_digits(struct cursor *cursor, int64_t *number)
{
    const char *start = cursor->at;
    int64_t sum = 0;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, *cursor->at - '0', &sum))
            return false;
        cursor->at++;
    }
    *number = sum;
    return cursor->at > start && (*start != '0' || cursor->at == start + 1);
}

/* A number with at most two places, or a string that holds one, as hundredths. */
static bool parse_decimal(struct cursor *cursor, int64_t *hundredths)
{
    skip_space(cursor);
    bool is_quoted = take(cursor, '"');
    bool is_negative = cursor->at < cursor->end && *cursor->at == '-';
    cursor->at += is_negative;
    int64_t number;
    if (!parse_digits(cursor, &number) || __builtin_mul_overflow(number, 100, &number))
        return false;
    if (cursor->at < cursor->end && *cursor->at == '.') {
        cursor->at++;
        for (int64_t scale = 10; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; scale /= 10) {
            if (scale == 0)
                return false;
            number += (*cursor->at++ - '0') * scale;
        }
    }
    *hundredths = is_negative ? -number : number;
    return number < INT64_C(1000000000000000000) && (!is_quoted || (cursor->at < cursor->end && *cursor->at++ == '"'));
}

static bool parse_status(struct cursor *cursor, const char **status)
{
    char text[16];
    size_t len, points;
    if (!parse_string(cursor, text, sizeof text, &len, &points))
        return false;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (strlen(statuses[i]) == len && memcmp(statuses[i], text, len) == 0) {
            *status = statuses[i];
            return true;
        }
    }
    return false;
}

/* One `"key": value` of the object; false for what is wrong, unknown or given twice. */
static bool parse_member(struct cursor *cursor, struct market *market)
{
    char key[16];
    size_t len, points;
    if (!parse_string(cursor, key, sizeof key, &len, &points) || !take(cursor, ':'))
        return false;
    unsigned given = 0;
    bool is_good = false;
    if (len == 4 && memcmp(key, "name", 4) == 0) {
        given = GIVEN_NAME;
        is_good = parse_string(cursor, market->name, NAME_BYTES, &market->name_len, &points) &&
                  points >= NAME_POINTS_MIN && points <= NAME_POINTS_MAX;
    } else if (len == 6 && memcmp(key, "status", 6) == 0) {
        given = GIVEN_STATUS;
        is_good = parse_status(cursor, &market->status);
    } else if (len == 6 && memcmp(key, "volume", 6) == 0) {
        given = GIVEN_VOLUME;
        is_good = parse_decimal(cursor, &market->volume);
    } else if (len == 7 && memcmp(key, "creator", 7) == 0) {
        given = GIVEN_CREATOR;
        skip_space(cursor);
        is_good = parse_digits(cursor, &market->creator) && market->creator >= 1;
    }
    is_good = is_good && !(market->given & given);
    market->given |= given;
    return is_good;
}

bool parse_market(struct text body, struct market *market)
{
    struct cursor cursor = {body.ptr, body.ptr + body.len};
    market->given = 0;
    if (!take(&cursor, '{'))
        return false;
    do {
        if (!parse_member(&cursor, market))
            return false;
    } while (take(&cursor, ','));
    if (!take(&cursor, '}') || !(market->given & GIVEN_NAME))
        return false;
    skip_space(&cursor);
    return cursor.at == cursor.end;
}
