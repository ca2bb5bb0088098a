/* SPDX-License-Identifier: Apache-2.0 */
/* The small codecs of base, all on the same bytes: what is read and written again is the same text where a value has
 * one text, and else the same value. */
#include <stdint.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/hex.h"
#include "base/number.h"
#include "base/password.h"
#include "base/percent.h"
#include "base/timecode.h"
#include "base/utf8.h"
#include "base/uuid.h"

enum { MEMORY = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_bytes(struct slice text, struct arena *arena, struct buf *buf)
{
    struct slice bytes, again;
    char pair[2];
    unsigned char byte;
    if (base64_decode_url(text, arena, &bytes) == OK) {
        CHECK(base64_encode_url(bytes, arena, &again) == OK, "bytes have a text");
        CHECK(slice_eq(text, again), "bytes have one text in base64url");
    }
    if (base64_decode_standard(text, arena, &bytes) == OK) {
        CHECK(base64_encode_standard(bytes, arena, &again) == OK, "bytes have a text");
        CHECK(slice_eq(text, again), "bytes have one text in base64");
    }
    if (hex_decode(text, &byte, 1) == OK) {
        hex_encode(slice_of((const char *)&byte, 1), pair);
        CHECK(slice_eq_nocase(text, slice_of(pair, 2)), "a byte has one text but for case");
    }
    if (percent_decode(text, arena, &bytes) == OK) {
        percent_encode_segment(buf, bytes);
        CHECK(percent_decode(buf_slice(buf), arena, &again) == OK, "an encoded segment is decoded");
        CHECK(slice_eq(bytes, again), "a segment survives");
        buf_clear(buf);
    }
    if (percent_decode_query(text, arena, &bytes) == OK) {
        percent_encode_query(buf, bytes);
        CHECK(percent_decode_query(buf_slice(buf), arena, &again) == OK, "an encoded value is decoded");
        CHECK(slice_eq(bytes, again), "a value survives");
        buf_clear(buf);
    }
}

static void check_values(struct slice text, struct buf *buf)
{
    int64_t number, again;
    int32_t days;
    char datetime[TIMECODE_DATETIME_BYTES], date[TIMECODE_DATE_BYTES], uuid[UUID_TEXT_BYTES], same[UUID_TEXT_BYTES];
    bool is_datetime = timecode_parse_datetime(text, &number) == OK;
    CHECK(is_datetime == !timecode_refusal(text), "a time that is refused has a reason");
    if (is_datetime) {
        timecode_format_datetime(number, datetime);
        CHECK(timecode_parse_datetime(slice_of(datetime, sizeof datetime), &again) == OK, "a written time is a time");
        CHECK(number == again, "a time survives");
    }
    if (timecode_parse_date(text, &days) == OK) {
        timecode_format_date(days, date);
        CHECK(slice_eq(text, slice_of(date, sizeof date)), "a date has one text");
    }
    if (uuid_parse(text, uuid) == OK) {
        CHECK(uuid_parse(slice_of(uuid, sizeof uuid), same) == OK, "a UUID is a UUID");
        CHECK(memcmp(uuid, same, sizeof uuid) == 0, "a UUID has one text");
    }
    if (number_parse_int(text, &number) == OK) {
        buf_put_int(buf, number);
        CHECK(slice_eq(text, buf_slice(buf)) || slice_eq_text(text, "-0"), "an integer has one text");
        buf_clear(buf);
    }
    if (timecode_parse_duration(text, &number) == OK || timecode_parse_size(text, &number) == OK)
        CHECK(number >= 0, "a duration or size is not negative");
    const struct password_params params = password_params_default();
    (void)password_needs_rehash(&params, text);
}

static void check_utf8(struct slice text)
{
    struct slice rest = text;
    uint32_t code_point;
    size_t count = 0;
    while (utf8_next(&rest, &code_point))
        count++;
    CHECK(utf8_is_valid(text) == (rest.len == 0), "text is valid if each of its code points is");
    CHECK(rest.len > 0 || utf8_length(text) == count, "the length counts code points");
}

/* The bytes up to the first line feed are looked for in the rest. */
static void check_search(struct slice both, struct buf *pattern)
{
    struct slice needle, text = both;
    if (both.len == 0 || !slice_split(&text, '\n', &needle) || !utf8_is_valid(both))
        return;
    CHECK(utf8_contains_folded(both, needle), "a text contains its beginning");
    CHECK(utf8_like_folded(text, text) || slice_index(text, '*') < text.len, "a text without stars is like itself");
    if (slice_index(needle, '*') < needle.len)
        return;
    buf_put_byte(pattern, '*');
    buf_put_slice(pattern, needle);
    buf_put_byte(pattern, '*');
    CHECK(utf8_contains_folded(text, needle) == utf8_like_folded(text, buf_slice(pattern)), "both searches agree");
    buf_clear(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena arena;
    struct buf buf;
    struct slice text = slice_of((const char *)bytes, size);
    arena_init(&arena, MEMORY);
    buf_init(&buf, MEMORY);
    check_bytes(text, &arena, &buf);
    check_values(text, &buf);
    check_utf8(text);
    check_search(text, &buf);
    buf_fini(&buf);
    arena_fini(&arena);
    return 0;
}
