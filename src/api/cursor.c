/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors: base64url(tag, values). The tag is the first 16 bytes of HMAC-SHA-256 over the fingerprint and the values,
 * so a cursor can neither be forged nor carried to another list. A value is its kind (one byte), then 8 bytes
 * little-endian for numbers, or a length of 2 bytes and the text. */
#include "api/cursor.h"

#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/digest.h"

enum { TAG_BYTES = 16 };

static void put_bytes(struct buf *out, uint64_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_put_byte(out, (char)(number >> (8 * i)));
}

static void put_value(struct buf *out, struct value value)
{
    uint64_t bits;
    buf_put_byte(out, (char)value.kind);
    switch (value.kind) {
    case VALUE_NULL: break;
    case VALUE_INT: put_bytes(out, (uint64_t)value.integer, 8); break;
    case VALUE_FLOAT:
        memcpy(&bits, &value.number, sizeof bits);
        put_bytes(out, bits, 8);
        break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        put_bytes(out, value.text.len, 2);
        if (value.text.len > CURSOR_BYTES_MAX)
            out->failed = true;
        buf_put_slice(out, value.text);
        break;
    }
}

static void sign(const struct hmac_key *key, struct slice bytes, unsigned char tag[TAG_BYTES])
{
    unsigned char full[DIGEST_SHA256_BYTES];
    digest_hmac(key, &bytes, 1, full);
    memcpy(tag, full, TAG_BYTES);
}

enum error cursor_encode(const struct hmac_key *key, uint64_t fingerprint, const struct value *values, size_t count,
                         struct arena *arena, struct slice *out)
{
    char *bytes = arena_alloc(arena, CURSOR_BYTES_MAX);
    if (!bytes)
        return ERROR_MEMORY;
    struct buf raw = {.ptr = bytes, .len = TAG_BYTES, .cap = CURSOR_BYTES_MAX, .limit_bytes = CURSOR_BYTES_MAX};
    put_bytes(&raw, fingerprint, 8);
    for (size_t i = 0; i < count; i++)
        put_value(&raw, values[i]);
    if (buf_failed(&raw))
        return ERROR_LIMIT;
    unsigned char tag[TAG_BYTES];
    sign(key, slice_from_index(buf_slice(&raw), TAG_BYTES), tag);
    memcpy(raw.ptr, tag, TAG_BYTES);
    return base64_encode_url(buf_slice(&raw), arena, out);
}

static bool take_bytes(struct slice *rest, unsigned bytes, uint64_t *number)
{
    if (rest->len < bytes)
        return false;
    *number = 0;
    for (unsigned i = 0; i < bytes; i++)
        *number |= (uint64_t)(unsigned char)rest->ptr[i] << (8 * i);
    *rest = slice_from_index(*rest, bytes);
    return true;
}

static bool take_value(struct slice *rest, struct value *out)
{
    uint64_t kind, bits = 0;
    if (!take_bytes(rest, 1, &kind) || kind > VALUE_TEXT)
        return false;
    *out = (struct value){.kind = (enum value_kind)kind};
    if (kind == VALUE_NULL)
        return true;
    if (!take_bytes(rest, kind == VALUE_TEXT ? 2 : 8, &bits))
        return false;
    if (kind == VALUE_INT) {
        out->integer = (int64_t)bits;
    } else if (kind == VALUE_FLOAT) {
        memcpy(&out->number, &bits, sizeof bits);
    } else {
        if (rest->len < bits)
            return false;
        out->text = slice_of(rest->ptr, bits);
        *rest = slice_from_index(*rest, bits);
    }
    return true;
}

enum error cursor_decode(const struct hmac_key *key, uint64_t fingerprint, struct slice text, size_t count,
                         struct arena *arena, struct value *values)
{
    struct slice raw;
    unsigned char tag[TAG_BYTES];
    enum error error = base64_decode_url(text, arena, &raw);
    if (error == ERROR_PARSE || (error == OK && raw.len < TAG_BYTES))
        return ERROR_VALIDATION;
    TRY(error);
    struct slice rest = slice_from_index(raw, TAG_BYTES);
    sign(key, rest, tag);
    if (!digest_equal(slice_of((const char *)tag, TAG_BYTES), slice_of(raw.ptr, TAG_BYTES)))
        return ERROR_VALIDATION;
    uint64_t list;
    if (!take_bytes(&rest, 8, &list) || list != fingerprint)
        return ERROR_VALIDATION;
    for (size_t i = 0; i < count; i++)
        if (!take_value(&rest, &values[i]))
            return ERROR_VALIDATION;
    return rest.len == 0 ? OK : ERROR_VALIDATION;
}
