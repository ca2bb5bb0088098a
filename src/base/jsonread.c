/* SPDX-License-Identifier: Apache-2.0 */
/* JSON reader: one pass over a text, one token per call, no tree.
 *
 * Idea: all that has to be remembered between two tokens is what may come next and, for each open container, whether
 * it is an object: a bit. Strings are passed eight bytes at a time up to a quote, an escape, or what is not ASCII. A
 * string without an escape is lent from the text; one with escapes was checked on the way, so decoding cannot fail but
 * for memory, and never makes it longer.
 *
 * What may come next
 *   VALUE            a value: at the beginning and after a key
 *   FIRST_ELEMENT    a value or ]
 *   FIRST_KEY        a key or }
 *   COMMA            a comma, and the key or value behind it, or the end of the container
 *   NOTHING          only white space
 *   ERROR            no more
 *
 * Invariants
 *   (1) start <= at <= end, and `at` never moves back: reading is linear
 *   (2) bit depth-1 of in_object tells the innermost container; depth <= depth_limit <= JSONREAD_DEPTH_MAX
 *   (3) `error` is not OK exactly in ERROR
 */
#include "base/jsonread.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/number.h"
#include "base/swar.h"
#include "base/utf8.h"

enum expects { VALUE, FIRST_ELEMENT, FIRST_KEY, COMMA, NOTHING, ERROR };
enum strings { DECODE, LEAVE };

void jsonread_init(struct jsonread *reader, struct slice text, struct arena *arena, unsigned depth_limit)
{
    CHECK(depth_limit <= JSONREAD_DEPTH_MAX, "the depth of JSON is bounded");
    *reader = (struct jsonread){.arena = arena, .expects = VALUE, .depth_limit = depth_limit};
    if (text.len == 0)
        text = SLICE("");
    reader->start = reader->at = text.ptr;
    reader->end = text.ptr + text.len;
}

static enum json_token fail(struct jsonread *reader, const char *at, const char *message)
{
    reader->expects = ERROR;
    reader->error = ERROR_PARSE;
    reader->error_offset = (size_t)(at - reader->start);
    reader->error_message = at == reader->end ? "the text ends too early" : message;
    return JSON_ERROR;
}

static inline void pass_space(struct jsonread *reader)
{
    const char *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    reader->at = at;
}

/* The byte at hand; NUL, which is never right, at the end. */
static inline char peek(const struct jsonread *reader)
{
    return reader->at < reader->end ? *reader->at : '\0';
}

/* Four digits at `at`; -1 when they are not there. */
static int32_t hex4(const struct jsonread *reader, const char *at)
{
    if (reader->end - at < 4)
        return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The code point of the \u escape at `at`, which may be a pair, and how long it is; a sentence when it is wrong. */
static const char *scan_unicode(const struct jsonread *reader, const char *at, uint32_t *code_point, size_t *length)
{
    int32_t first = hex4(reader, at + 2);
    if (first < 0)
        return "\\u needs four hexadecimal digits";
    if (first == 0)
        return "\\u0000 is not allowed";
    *code_point = (uint32_t)first;
    *length = 6;
    if (first < 0xD800 || first > 0xDFFF)
        return NULL;
    bool is_paired = first < 0xDC00 && reader->end - at >= 12 && at[6] == '\\' && at[7] == 'u';
    int32_t second = is_paired ? hex4(reader, at + 8) : -1;
    if (second < 0xDC00 || second > 0xDFFF)
        return "half of a surrogate pair";
    *code_point = 0x10000 + ((uint32_t)(first - 0xD800) << 10) + (uint32_t)(second - 0xDC00);
    *length = 12;
    return NULL;
}

/* What a letter behind a backslash stands for; NUL when it stands for nothing. */
static char unescaped(char letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/': return letter;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return '\0';
    }
}

static bool pass_escape(struct jsonread *reader)
{
    uint32_t code_point;
    size_t length = 2;
    const char *at = reader->at, *wrong = NULL;
    if (reader->end - at < 2) {
        fail(reader, reader->end, "");
        return false;
    }
    if (at[1] == 'u')
        wrong = scan_unicode(reader, at, &code_point, &length);
    else if (!unescaped(at[1]))
        wrong = "unknown escape in a string";
    if (wrong) {
        fail(reader, at, wrong);
        return false;
    }
    reader->at += length;
    return true;
}

static bool pass_wide(struct jsonread *reader)
{
    struct slice rest = slice_of(reader->at, (size_t)(reader->end - reader->at));
    uint32_t code_point;
    do {
        if (!utf8_next(&rest, &code_point)) {
            fail(reader, rest.ptr, "a string is not UTF-8");
            return false;
        }
    } while (rest.len > 0 && (rest.ptr[0] & 0x80) != 0);
    reader->at = rest.ptr;
    return true;
}

/* Passes a string, `at` being its opening quote. `raw` is what stands between the quotes. */
static bool pass_string(struct jsonread *reader, struct slice *raw, bool *has_escapes)
{
    const char *start = ++reader->at;
    *has_escapes = false;
    for (;;) {
        reader->at += swar_plain_run(reader->at, reader->end);
        char byte = peek(reader);
        bool is_good = true;
        if (byte == '"')
            break;
        if (byte == '\\') {
            *has_escapes = true;
            is_good = pass_escape(reader);
        } else if (byte & 0x80) {
            is_good = pass_wide(reader);
        } else {
            fail(reader, reader->at, "a control character in a string must be escaped");
            return false;
        }
        if (!is_good)
            return false;
    }
    *raw = slice_of(start, (size_t)(reader->at - start));
    reader->at++;
    return true;
}

/* A copy of a string that pass_string() has checked, without its escapes. */
static bool decode_string(struct jsonread *reader, struct slice raw, struct slice *text)
{
    char *copy = arena_alloc(reader->arena, raw.len), *out = copy;
    if (!copy) {
        fail(reader, raw.ptr, "out of memory");
        reader->error = ERROR_MEMORY;
        return false;
    }
    while (raw.len > 0) {
        size_t plain = slice_index(raw, '\\');
        memcpy(out, raw.ptr, plain);
        out += plain;
        raw = slice_from_index(raw, plain);
        if (raw.len == 0)
            break;
        size_t length = 2;
        uint32_t code_point;
        if (raw.ptr[1] != 'u') {
            *out++ = unescaped(raw.ptr[1]);
        } else {
            const char *wrong = scan_unicode(reader, raw.ptr, &code_point, &length);
            CHECK(!wrong, "escapes are checked before they are decoded");
            out += utf8_encode(code_point, out);
        }
        raw = slice_from_index(raw, length);
    }
    *text = slice_of(copy, (size_t)(out - copy));
    return true;
}

static bool read_string(struct jsonread *reader, struct json_value *value, enum strings strings)
{
    bool has_escapes;
    if (!pass_string(reader, &value->text, &has_escapes))
        return false;
    return !has_escapes || strings == LEAVE || decode_string(reader, value->text, &value->text);
}

/* What a value leaves behind: the comma, or nothing at the outermost. */
static enum json_token done(struct jsonread *reader, enum json_token token)
{
    reader->expects = reader->depth > 0 ? COMMA : NOTHING;
    return token;
}

static enum json_token read_number(struct jsonread *reader, struct json_value *value)
{
    struct number_parts parts;
    size_t length = number_scan(slice_of(reader->at, (size_t)(reader->end - reader->at)), &parts);
    value->text = slice_of(reader->at, length);
    char next = reader->at + length < reader->end ? reader->at[length] : ',';
    bool runs_on = (next >= '0' && next <= '9') || next == '.' || (next | 0x20) == 'e';
    if (length == 0 || runs_on)
        return fail(reader, reader->at, "not a number as JSON writes it");
    value->is_integer = parts.is_integer;
    reader->at += length;
    return done(reader, JSON_NUMBER);
}

static enum json_token read_word(struct jsonread *reader, struct slice word, enum json_token token)
{
    if (!slice_starts(slice_of(reader->at, (size_t)(reader->end - reader->at)), word))
        return fail(reader, reader->at, "expected a value");
    reader->at += word.len;
    return done(reader, token);
}

static enum json_token open(struct jsonread *reader, enum json_token token)
{
    if (reader->depth == reader->depth_limit)
        return fail(reader, reader->at, "nested too deeply");
    uint64_t bit = UINT64_C(1) << reader->depth % 64, *word = &reader->in_object[reader->depth / 64];
    *word = token == JSON_OBJECT_BEGIN ? *word | bit : *word & ~bit;
    reader->depth++;
    reader->expects = token == JSON_OBJECT_BEGIN ? FIRST_KEY : FIRST_ELEMENT;
    reader->at++;
    return token;
}

static bool is_in_object(const struct jsonread *reader)
{
    unsigned innermost = reader->depth - 1;
    return reader->in_object[innermost / 64] >> innermost % 64 & 1;
}

static enum json_token close(struct jsonread *reader)
{
    enum json_token token = is_in_object(reader) ? JSON_OBJECT_END : JSON_ARRAY_END;
    reader->depth--;
    reader->at++;
    return done(reader, token);
}

static enum json_token read_value(struct jsonread *reader, struct json_value *value, enum strings strings)
{
    switch (peek(reader)) {
    case '"': return read_string(reader, value, strings) ? done(reader, JSON_STRING) : JSON_ERROR;
    case '{': return open(reader, JSON_OBJECT_BEGIN);
    case '[': return open(reader, JSON_ARRAY_BEGIN);
    case 't': return read_word(reader, SLICE("true"), JSON_TRUE);
    case 'f': return read_word(reader, SLICE("false"), JSON_FALSE);
    case 'n': return read_word(reader, SLICE("null"), JSON_NULL);
    default: break;
    }
    if (reader->at == reader->start && peek(reader) == '\xEF')
        return fail(reader, reader->at, "a byte order mark is not allowed");
    bool is_number = peek(reader) == '-' || (peek(reader) >= '0' && peek(reader) <= '9');
    return is_number ? read_number(reader, value) : fail(reader, reader->at, "expected a value");
}

static enum json_token read_key(struct jsonread *reader, struct json_value *value, enum strings strings)
{
    if (peek(reader) != '"')
        return fail(reader, reader->at, "expected a key in quotes");
    if (!read_string(reader, value, strings))
        return JSON_ERROR;
    pass_space(reader);
    if (peek(reader) != ':')
        return fail(reader, reader->at, "expected a colon");
    reader->at++;
    reader->expects = VALUE;
    return JSON_KEY;
}

/* Behind a value in a container: its end, or a comma and what must follow it. */
static enum json_token read_next_member(struct jsonread *reader, struct json_value *value, enum strings strings)
{
    bool in_object = is_in_object(reader);
    if (peek(reader) == (in_object ? '}' : ']'))
        return close(reader);
    if (peek(reader) != ',')
        return fail(reader, reader->at, in_object ? "expected a comma or }" : "expected a comma or ]");
    reader->at++;
    pass_space(reader);
    value->offset = (size_t)(reader->at - reader->start);
    return in_object ? read_key(reader, value, strings) : read_value(reader, value, strings);
}

static enum json_token read_token(struct jsonread *reader, struct json_value *value, enum strings strings)
{
    pass_space(reader);
    value->offset = (size_t)(reader->at - reader->start);
    switch ((enum expects)reader->expects) {
    case VALUE: return read_value(reader, value, strings);
    case FIRST_ELEMENT: return peek(reader) == ']' ? close(reader) : read_value(reader, value, strings);
    case FIRST_KEY: return peek(reader) == '}' ? close(reader) : read_key(reader, value, strings);
    case COMMA: return read_next_member(reader, value, strings);
    case NOTHING:
        if (reader->at == reader->end)
            return JSON_END;
        return fail(reader, reader->at, "expected nothing more behind the value");
    case ERROR: break;
    }
    return JSON_ERROR;
}

enum json_token jsonread_next(struct jsonread *reader, struct json_value *value)
{
    *value = (struct json_value){.token = JSON_ERROR};
    value->token = read_token(reader, value, DECODE);
    return value->token;
}

enum error jsonread_finish(struct jsonread *reader, const struct json_value *first, struct slice *out)
{
    CHECK(first->token != JSON_KEY, "a key is not a value");
    if (first->token == JSON_ERROR)
        return reader->error;
    if (first->token == JSON_OBJECT_BEGIN || first->token == JSON_ARRAY_BEGIN) {
        unsigned outside = reader->depth - 1;
        struct json_value value;
        while (reader->depth > outside)
            if (read_token(reader, &value, LEAVE) == JSON_ERROR)
                return reader->error;
    }
    const char *start = reader->start + first->offset;
    *out = slice_of(start, (size_t)(reader->at - start));
    return OK;
}

enum error jsonread_skip(struct jsonread *reader, struct slice *out)
{
    CHECK(reader->expects == VALUE || reader->expects == ERROR, "a value is skipped where one must come");
    struct json_value first = {.token = JSON_ERROR};
    first.token = read_token(reader, &first, LEAVE);
    return jsonread_finish(reader, &first, out);
}

void jsonread_position(struct slice text, size_t offset, unsigned *line, unsigned *column)
{
    if (offset > text.len)
        offset = text.len;
    unsigned lines = 1;
    size_t start = 0;
    for (size_t i = 0; i < offset; i++) {
        if (text.ptr[i] != '\n')
            continue;
        lines++;
        start = i + 1;
    }
    *line = lines;
    *column = (unsigned)(offset - start) + 1;
}
