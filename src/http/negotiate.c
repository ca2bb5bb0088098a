/* SPDX-License-Identifier: Apache-2.0 */
/* What request headers ask for: small recursive-descent readers over slices, sharing one way to cut lists and
 * parameters.
 *
 *     list      = element *("," element)          commas inside quotes do not count
 *     element   = head *(";" name "=" value)      value is a token or a quoted string
 *
 * Two tempers: wishes (Accept, Accept-Encoding, Prefer) skip an element they do not understand; decisions
 * (If-Match, If-None-Match, Content-Type, Idempotency-Key) refuse the header.
 */
#include "http/negotiate.h"

#include "http/http1_bytes.h"

enum { QUALITY_MAX = 1000, IDEMPOTENCY_KEY_MAX = 255 };

static bool eq_nocase(struct slice text, const char *other)
{
    return slice_eq_nocase(text, slice_from(other));
}

static void skip(struct slice *rest, size_t count)
{
    *rest = slice_from_index(*rest, count);
}

static void skip_blanks(struct slice *rest)
{
    while (rest->len && (rest->ptr[0] == ' ' || rest->ptr[0] == '\t'))
        skip(rest, 1);
}

/* Takes `byte` off the front if it is there. */
static bool take_byte(struct slice *rest, char byte)
{
    if (rest->len == 0 || rest->ptr[0] != byte)
        return false;
    skip(rest, 1);
    return true;
}

static bool take_token(struct slice *rest, struct slice *token)
{
    *token = slice_of(rest->ptr, http1_bytes_span(*rest, HTTP1_BYTES_TOKEN));
    skip(rest, token->len);
    return token->len > 0;
}

/* Takes `"…"` and gives what is between the quotes, escapes and all. */
static bool take_quoted(struct slice *rest, struct slice *inside)
{
    if (rest->len == 0 || rest->ptr[0] != '"')
        return false;
    for (size_t i = 1; i < rest->len; i++) {
        if (rest->ptr[i] == '"') {
            *inside = slice_of(rest->ptr + 1, i - 1);
            skip(rest, i + 1);
            return true;
        }
        if (rest->ptr[i] == '\\')
            i++;
    }
    return false;
}

static bool take_word(struct slice *rest, struct slice *word)
{
    return take_quoted(rest, word) || take_token(rest, word);
}

/* Cuts the next element that is not empty off a list; false at its end. */
static bool next_element(struct slice *rest, struct slice *element)
{
    bool is_quoted = false;
    size_t end = 0;
    *rest = slice_trim(*rest);
    while (take_byte(rest, ','))
        skip_blanks(rest);
    for (; end < rest->len && (is_quoted || rest->ptr[end] != ','); end++) {
        if (rest->ptr[end] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && rest->ptr[end] == '\\' && end + 1 < rest->len)
            end++;
    }
    *element = slice_trim(slice_of(rest->ptr, end));
    skip(rest, end);
    return element->len > 0;
}

/* Cuts the next `; name=value` off. False at the end (then `rest` is empty) or at what is no parameter. */
static bool next_parameter(struct slice *rest, struct slice *name, struct slice *value)
{
    skip_blanks(rest);
    struct slice at = *rest;
    if (!take_byte(&at, ';'))
        return false;
    skip_blanks(&at);
    while (take_byte(&at, ';'))
        skip_blanks(&at);
    if (at.len == 0) {
        *rest = at;
        return false;
    }
    if (!take_token(&at, name) || !take_byte(&at, '=') || !take_word(&at, value))
        return false;
    *rest = at;
    return true;
}

/* "0", "0.75", "1.000" in thousandths (RFC 9110 section 12.4.2). */
static bool parse_quality(struct slice text, unsigned *out)
{
    if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1') ||
        (text.len > 1 && text.ptr[1] != '.'))
        return false;
    unsigned quality = (unsigned)(text.ptr[0] - '0') * QUALITY_MAX;
    unsigned unit = QUALITY_MAX / 10;
    for (size_t i = 2; i < text.len; i++, unit /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        quality += (unsigned)(text.ptr[i] - '0') * unit;
    }
    *out = quality;
    return quality <= QUALITY_MAX;
}

/* The q among the parameters, QUALITY_MAX without one; false when they make no sense. */
static bool read_quality(struct slice rest, unsigned *out)
{
    struct slice name, value;
    unsigned quality = QUALITY_MAX;
    while (next_parameter(&rest, &name, &value))
        if (eq_nocase(name, "q") && !parse_quality(value, &quality))
            return false;
    *out = quality;
    return rest.len == 0;
}

/* How closely "type/subtype" or a range covers the media type: 0 not at all, 3 exactly. */
static unsigned specificity(struct slice type, struct slice subtype, struct slice media_type)
{
    if (slice_eq_text(type, "*"))
        return slice_eq_text(subtype, "*") ? 1 : 0;
    size_t slash = slice_index(media_type, '/');
    if (!slice_eq_nocase(type, slice_of(media_type.ptr, slash)))
        return 0;
    if (slice_eq_text(subtype, "*"))
        return 2;
    return slice_eq_nocase(subtype, slice_from_index(media_type, slash + 1)) ? 3 : 0;
}

unsigned negotiate_accept(struct slice accept, struct slice media_type)
{
    struct slice element, type, subtype;
    unsigned best = 0, quality = 0;
    bool has_range = false;
    while (next_element(&accept, &element)) {
        unsigned wanted;
        if (!take_token(&element, &type) || !take_byte(&element, '/') || !take_token(&element, &subtype) ||
            !read_quality(element, &wanted))
            continue;
        has_range = true;
        unsigned closeness = specificity(type, subtype, media_type);
        if (closeness > best || (closeness && closeness == best && wanted > quality)) {
            best = closeness;
            quality = wanted;
        }
    }
    return has_range ? quality : QUALITY_MAX;
}

enum negotiate_coding negotiate_accept_encoding(struct slice accept_encoding)
{
    struct slice element, coding;
    int gzip = -1, identity = -1, any = -1; /* -1: not mentioned */
    while (next_element(&accept_encoding, &element)) {
        unsigned quality;
        if (!take_token(&element, &coding) || !read_quality(element, &quality))
            continue;
        if (eq_nocase(coding, "gzip") || eq_nocase(coding, "x-gzip"))
            gzip = (int)quality;
        else if (eq_nocase(coding, "identity"))
            identity = (int)quality;
        else if (slice_eq_text(coding, "*"))
            any = (int)quality;
    }
    if (gzip < 0)
        gzip = any;
    if (gzip > 0 && gzip >= identity)
        return NEGOTIATE_GZIP;
    bool excludes_identity = identity == 0 || (identity < 0 && any == 0);
    return excludes_identity ? NEGOTIATE_NOTHING : NEGOTIATE_IDENTITY;
}

static bool is_etag_byte(char byte)
{
    return byte != '"' && byte != ' ' && http1_bytes_is(byte, HTTP1_BYTES_VALUE) && byte != '\t';
}

/* `W/"…"` or `"…"`. There are no escapes in it (RFC 9110 section 8.8.3). */
static bool take_etag(struct slice *rest, struct negotiate_etag *out)
{
    struct slice at = *rest;
    bool is_weak = slice_starts(at, SLICE("W/"));
    if (is_weak)
        skip(&at, 2);
    if (!take_byte(&at, '"'))
        return false;
    size_t len = 0;
    while (len < at.len && is_etag_byte(at.ptr[len]))
        len++;
    *out = (struct negotiate_etag){.opaque = slice_of(at.ptr, len), .is_weak = is_weak};
    skip(&at, len);
    if (!take_byte(&at, '"'))
        return false;
    *rest = at;
    return true;
}

static void skip_commas(struct slice *rest)
{
    skip_blanks(rest);
    while (take_byte(rest, ','))
        skip_blanks(rest);
}

enum error negotiate_next_etag(struct slice *rest, struct negotiate_etag *out)
{
    struct slice at = *rest;
    struct negotiate_etag etag;
    skip_commas(&at);
    if (!take_etag(&at, &etag))
        return ERROR_PARSE;
    skip_blanks(&at);
    if (at.len && at.ptr[0] != ',')
        return ERROR_PARSE;
    skip_commas(&at);
    *rest = at.len ? at : (struct slice){NULL, 0};
    *out = etag;
    return OK;
}

/* Whether one of the tags is the current one; by strong comparison weak tags take no part. */
static enum error match_etags(struct slice tags, const struct negotiate_etag *current, bool by_strong, bool *out)
{
    struct negotiate_etag tag;
    bool matches = slice_eq_text(slice_trim(tags), "*");
    if (!matches) {
        do {
            TRY(negotiate_next_etag(&tags, &tag));
            bool takes_part = !by_strong || (!tag.is_weak && !current->is_weak);
            matches |= takes_part && slice_eq(tag.opaque, current->opaque);
        } while (tags.ptr);
    }
    *out = matches;
    return OK;
}

enum error negotiate_if_match(struct slice if_match, const struct negotiate_etag *current, bool *out)
{
    return match_etags(if_match, current, true, out);
}

enum error negotiate_if_none_match(struct slice if_none_match, const struct negotiate_etag *current, bool *out)
{
    return match_etags(if_none_match, current, false, out);
}

enum negotiate_return negotiate_prefer_return(struct slice prefer)
{
    struct slice element, name, value;
    while (next_element(&prefer, &element)) {
        if (!take_token(&element, &name) || !eq_nocase(name, "return") || !take_byte(&element, '=') ||
            !take_word(&element, &value))
            continue;
        if (eq_nocase(value, "minimal"))
            return NEGOTIATE_RETURN_MINIMAL;
        return eq_nocase(value, "representation") ? NEGOTIATE_RETURN_REPRESENTATION : NEGOTIATE_RETURN_UNSAID;
    }
    return NEGOTIATE_RETURN_UNSAID;
}

enum error negotiate_content_type(struct slice content_type, struct slice *out)
{
    struct slice rest = slice_trim(content_type);
    struct slice begin = rest, type, subtype, name, value;
    bool has_charset = false;
    if (!take_token(&rest, &type) || !take_byte(&rest, '/') || !take_token(&rest, &subtype))
        return ERROR_UNSUPPORTED_MEDIA_TYPE;
    while (next_parameter(&rest, &name, &value)) {
        if (!eq_nocase(name, "charset"))
            continue;
        if (has_charset || !eq_nocase(value, "utf-8"))
            return ERROR_UNSUPPORTED_MEDIA_TYPE;
        has_charset = true;
    }
    if (rest.len)
        return ERROR_UNSUPPORTED_MEDIA_TYPE;
    *out = slice_of(begin.ptr, type.len + 1 + subtype.len);
    return OK;
}

static bool is_key(struct slice text)
{
    if (text.len == 0 || text.len > IDEMPOTENCY_KEY_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f)
            return false;
    return true;
}

/* Takes the escapes `\"` and `\\` out of what stood between quotes; `text` has room for all of it. */
static bool unescape(struct slice quoted, char *text, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < quoted.len; i++) {
        if (quoted.ptr[i] == '\\') {
            i++;
            if (quoted.ptr[i] != '"' && quoted.ptr[i] != '\\')
                return false;
        }
        text[(*len)++] = quoted.ptr[i];
    }
    return true;
}

enum error negotiate_idempotency_key(struct slice header, struct arena *arena, struct slice *out)
{
    struct slice rest = slice_trim(header);
    struct slice key = rest;
    bool is_quoted = rest.len && rest.ptr[0] == '"';
    if (is_quoted && (!take_quoted(&rest, &key) || rest.len || key.len > 2 * IDEMPOTENCY_KEY_MAX))
        return ERROR_PARSE;
    if (is_quoted && slice_index(key, '\\') < key.len) {
        size_t len;
        char *text = arena_alloc(arena, key.len);
        if (!text)
            return ERROR_MEMORY;
        if (!unescape(key, text, &len))
            return ERROR_PARSE;
        key = slice_of(text, len);
    }
    if (!is_key(key))
        return ERROR_PARSE;
    *out = key;
    return OK;
}
