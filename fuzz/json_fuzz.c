/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what the reader accepts and the writer writes again is accepted again, with the same tokens; passing over the
 * text accepts exactly what reading accepts; and a number that fits a double survives being written. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/jsonread.h"
#include "base/jsonwrite.h"
#include "base/number.h"

enum { MEMORY = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_number(struct slice text)
{
    struct buf buf;
    double number, again;
    int64_t integer;
    buf_init(&buf, 100);
    if (number_parse_float(text, &number) == OK) {
        jsonwrite_float(&buf, number);
        CHECK(number_parse_float(buf_slice(&buf), &again) == OK, "a written number is a number");
        CHECK(memcmp(&number, &again, sizeof number) == 0, "a double survives being written");
    }
    if (number_parse_decimal(text, 18, 6, &integer) == OK) {
        int64_t back;
        buf_clear(&buf);
        number_format_decimal(&buf, integer, 6);
        CHECK(number_parse_decimal(buf_slice(&buf), 18, 6, &back) == OK, "a written decimal is a decimal");
        CHECK(back == integer, "a decimal survives being written");
    }
    buf_fini(&buf);
}

static void write_token(struct buf *out, const struct json_value *value)
{
    switch (value->token) {
    case JSON_OBJECT_BEGIN: buf_put_byte(out, '{'); break;
    case JSON_OBJECT_END: buf_put_byte(out, '}'); break;
    case JSON_ARRAY_BEGIN: buf_put_byte(out, '['); break;
    case JSON_ARRAY_END: buf_put_byte(out, ']'); break;
    case JSON_STRING:
    case JSON_KEY: jsonwrite_string(out, value->text); break;
    case JSON_NUMBER: buf_put_slice(out, value->text); break;
    case JSON_TRUE:
    case JSON_FALSE: jsonwrite_bool(out, value->token == JSON_TRUE); break;
    case JSON_NULL: jsonwrite_null(out); break;
    case JSON_ERROR:
    case JSON_END: break;
    }
}

/* The tokens of a text as a text without white space; false when it is no JSON. */
static bool rewrite(struct slice text, struct arena *arena, struct buf *out)
{
    struct jsonread reader;
    struct json_value value;
    enum json_token before = JSON_KEY;
    jsonread_init(&reader, text, arena, JSONREAD_DEPTH_DEFAULT);
    while (jsonread_next(&reader, &value) > JSON_END) {
        bool ends = value.token == JSON_OBJECT_END || value.token == JSON_ARRAY_END;
        bool begun = before == JSON_OBJECT_BEGIN || before == JSON_ARRAY_BEGIN;
        if (before == JSON_KEY && out->len > 0)
            buf_put_byte(out, ':');
        else if (before != JSON_KEY && !begun && !ends)
            buf_put_byte(out, ',');
        if (value.token == JSON_NUMBER)
            check_number(value.text);
        write_token(out, &value);
        before = value.token;
    }
    CHECK((value.token == JSON_END) == (reader.error == OK), "reading ends with the end or an error");
    CHECK(reader.error == OK || reader.error_offset <= text.len, "an error lies in the text");
    return reader.error == OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena arena;
    struct buf once, twice;
    struct jsonread skipper;
    struct json_value value;
    struct slice text = slice_of((const char *)bytes, size), raw;
    arena_init(&arena, MEMORY);
    buf_init(&once, MEMORY);
    buf_init(&twice, MEMORY);

    bool is_json = rewrite(text, &arena, &once);
    jsonread_init(&skipper, text, NULL, JSONREAD_DEPTH_DEFAULT);
    bool is_passed = jsonread_skip(&skipper, &raw) == OK && jsonread_next(&skipper, &value) == JSON_END;
    CHECK(is_json == is_passed, "passing over accepts what reading accepts");
    if (is_json) {
        CHECK(rewrite(buf_slice(&once), &arena, &twice), "what was written is read");
        CHECK(slice_eq(buf_slice(&once), buf_slice(&twice)), "what was written has the same tokens");
    }

    buf_fini(&once);
    buf_fini(&twice);
    arena_fini(&arena);
    return 0;
}
