/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: the forms they have on the wire. Nothing here asks a database. */
#include "svc/credential.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/number.h"
#include "base/random.h"
#include "http/exchange.h"
#include "http/http1.h"

enum { PART_BYTES = 16, TAG_BYTES = 16 };

/* ---- reading ---- */

/* The cookies of that name in one header (RFC 6265 section 4.2.1): the first, and how many. */
static unsigned count_cookies(struct slice header, const char *wanted, struct slice *first)
{
    struct slice pair, name;
    unsigned count = 0;
    while (header.len > 0 && slice_split(&header, ';', &pair)) {
        pair = slice_trim(pair);
        if (!slice_split(&pair, '=', &name) || !slice_eq_text(name, wanted))
            continue;
        if (count++ == 0)
            *first = pair;
    }
    return count;
}

/* In whichever of the headers it stands; two of them are none, for one cannot be ours. */
struct slice credential_find_cookie(const struct exchange *x, const char *wanted)
{
    const struct http1_head *head = x->head;
    struct slice found = {NULL, 0}, first;
    unsigned count = 0;
    for (unsigned i = 0; i < head->count; i++) {
        if (!slice_eq_nocase(head->headers[i].name, SLICE("Cookie")))
            continue;
        unsigned here = count_cookies(head->headers[i].value, wanted, &first);
        if (here > 0)
            found = first;
        count += here;
    }
    return count == 1 ? found : (struct slice){NULL, 0};
}

struct slice credential_cookie(const struct exchange *x)
{
    return credential_find_cookie(x, CREDENTIAL_COOKIE_NAME);
}

static enum error read_bearer(struct exchange *x, struct slice header, struct credential *out)
{
    static const struct slice scheme = SLICE_INIT("Bearer ");
    struct slice begin = slice_of(header.ptr, header.len < scheme.len ? header.len : scheme.len);
    struct slice token = slice_trim(slice_from_index(header, scheme.len));
    if (!slice_eq_nocase(begin, scheme) || token.len == 0) {
        diag_say(&x->diag, "send Authorization: Bearer <token>", "the Authorization header is not of this form");
        return ERROR_UNAUTHORIZED;
    }
    *out = (struct credential){CREDENTIAL_BEARER, token};
    return OK;
}

void credential_read_cookie(const struct exchange *x, struct credential *out)
{
    struct slice cookies = exchange_header(x, HTTP1_HEADER_COOKIE);
    struct slice cookie = cookies.ptr ? credential_cookie(x) : cookies;
    *out = (struct credential){cookie.ptr ? CREDENTIAL_COOKIE : CREDENTIAL_NONE, cookie};
}

enum error credential_read(struct exchange *x, struct credential *out)
{
    *out = (struct credential){CREDENTIAL_NONE, {NULL, 0}};
    struct slice bearer = exchange_header(x, HTTP1_HEADER_AUTHORIZATION);
    struct slice key = exchange_header(x, HTTP1_HEADER_X_API_KEY);
    if (bearer.ptr && key.ptr) {
        diag_say(&x->diag, "send one of them", "Authorization and X-API-Key both say who is asking");
        return ERROR_VALIDATION;
    }
    if (bearer.ptr)
        return read_bearer(x, bearer, out);
    if (key.ptr) {
        *out = (struct credential){CREDENTIAL_KEY, key};
        return OK;
    }
    credential_read_cookie(x, out);
    return OK;
}

void credential_digest(const struct credential *credential, unsigned char out[DIGEST_SHA256_BYTES])
{
    const char kind = (char)credential->kind;
    struct digest_state state;
    digest_begin(&state);
    digest_add(&state, slice_of(&kind, 1));
    digest_add(&state, credential->text);
    digest_end(&state, out);
}

/* ---- cookies ---- */

enum error credential_random(struct random_source *random, struct arena *arena, struct slice *out)
{
    unsigned char bytes[PART_BYTES];
    TRY(random_bytes(random, bytes, sizeof bytes));
    return base64_encode_url(slice_of((const char *)bytes, sizeof bytes), arena, out);
}

static bool is_base64url(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_letter && !(byte >= '0' && byte <= '9') && byte != '-' && byte != '_')
            return false;
    }
    return text.len > 0;
}

bool credential_parse_cookie(struct slice text, struct slice *id, struct slice *secret)
{
    if (text.len != CREDENTIAL_COOKIE_BYTES || text.ptr[CREDENTIAL_PART_BYTES] != '.')
        return false;
    *id = slice_of(text.ptr, CREDENTIAL_PART_BYTES);
    *secret = slice_from_index(text, CREDENTIAL_PART_BYTES + 1);
    return is_base64url(*id) && is_base64url(*secret);
}

void credential_put_cookie_of(struct exchange *x, const char *name, struct slice value, int64_t seconds)
{
    char room[256];
    struct buf line = {.ptr = room, .cap = sizeof room, .limit_bytes = sizeof room};
    buf_put_text(&line, name);
    buf_put_byte(&line, '=');
    buf_put_slice(&line, value);
    buf_put_literal(&line, "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=");
    buf_put_int(&line, value.len > 0 ? seconds : 0);
    exchange_add_header(x, "Set-Cookie", buf_slice(&line));
}

void credential_put_cookie(struct exchange *x, struct slice value, int64_t seconds)
{
    credential_put_cookie_of(x, CREDENTIAL_COOKIE_NAME, value, seconds);
}

/* ---- refresh tokens ---- */

/* In base64url, 22 characters. */
static enum error make_tag(const struct hmac_key *key, const struct slice *parts, size_t count, struct arena *arena,
                           struct slice *out)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    digest_hmac(key, parts, count, digest);
    return base64_encode_url(slice_of((const char *)digest, TAG_BYTES), arena, out);
}

enum error credential_make_refresh(const struct hmac_key *key, const struct credential_refresh *refresh,
                                   struct arena *arena, struct slice *out)
{
    const char *begin = arena_printf(arena, "rt_%.*s.%lld.%.*s", SLICE_ARG(refresh->id), (long long)refresh->generation,
                                     SLICE_ARG(refresh->secret));
    if (!begin)
        return ERROR_MEMORY;
    const struct slice parts[] = {slice_from(begin)};
    struct slice tag;
    TRY(make_tag(key, parts, 1, arena, &tag));
    *out = slice_from(arena_printf(arena, "%s.%.*s", begin, SLICE_ARG(tag)));
    return out->ptr ? OK : ERROR_MEMORY;
}

static bool tag_is(const struct hmac_key *key, const struct slice *parts, size_t count, struct arena *arena,
                   struct slice tag)
{
    struct slice made;
    return make_tag(key, parts, count, arena, &made) == OK && digest_equal(made, tag);
}

bool credential_parse_refresh(const struct hmac_key *key, struct slice text, struct arena *arena,
                              struct credential_refresh *out)
{
    enum { BYTES_MAX = 128 };
    struct slice rest = text, generation, tag;
    if (text.len > BYTES_MAX || !slice_starts(text, SLICE("rt_")))
        return false;
    rest = slice_from_index(rest, 3);
    if (!slice_split(&rest, '.', &out->id) || !rest.ptr || !slice_split(&rest, '.', &generation) || !rest.ptr ||
        !slice_split(&rest, '.', &out->secret) || !rest.ptr)
        return false;
    tag = rest;
    const struct slice parts[] = {slice_of(text.ptr, (size_t)(tag.ptr - text.ptr) - 1)};
    if (!is_base64url(out->id) || !is_base64url(out->secret) || number_parse_int(generation, &out->generation) != OK)
        return false;
    return tag_is(key, parts, 1, arena, tag);
}

/* ---- against forged requests ---- */

enum error credential_make_csrf(const struct hmac_key *key, struct slice id, struct random_source *random,
                                struct arena *arena, struct slice *out)
{
    struct slice mask, tag;
    TRY(credential_random(random, arena, &mask));
    const struct slice parts[] = {SLICE("csrf\n"), id, SLICE("\n"), mask};
    TRY(make_tag(key, parts, ARRAY_LEN(parts), arena, &tag));
    *out = slice_from(arena_printf(arena, "%.*s.%.*s", SLICE_ARG(mask), SLICE_ARG(tag)));
    return out->ptr ? OK : ERROR_MEMORY;
}

bool credential_is_csrf(const struct hmac_key *key, struct slice id, struct slice token, struct arena *arena)
{
    struct slice tag = token, mask;
    if (token.len != CREDENTIAL_COOKIE_BYTES || !slice_split(&tag, '.', &mask) || !tag.ptr)
        return false;
    const struct slice parts[] = {SLICE("csrf\n"), id, SLICE("\n"), mask};
    return tag_is(key, parts, ARRAY_LEN(parts), arena, tag);
}

static enum error make_form_tag(const struct hmac_key *key, struct slice id, struct slice asked, struct slice expiry,
                                struct arena *arena, struct slice *out)
{
    const struct slice parts[] = {SLICE("form\n"), expiry, SLICE("\n"), id, SLICE("\n"), asked};
    return make_tag(key, parts, ARRAY_LEN(parts), arena, out);
}

enum error credential_make_form(const struct hmac_key *key, struct slice id, struct slice asked, int64_t now_us,
                                struct arena *arena, struct slice *out)
{
    const char *expiry = arena_printf(arena, "%lld", (long long)(now_us / 1000000 + CREDENTIAL_FORM_S));
    struct slice tag;
    if (!expiry)
        return ERROR_MEMORY;
    TRY(make_form_tag(key, id, asked, slice_from(expiry), arena, &tag));
    *out = slice_from(arena_printf(arena, "%s.%.*s", expiry, SLICE_ARG(tag)));
    return out->ptr ? OK : ERROR_MEMORY;
}

bool credential_is_form(const struct hmac_key *key, struct slice id, struct slice asked, struct slice token,
                        int64_t now_us, struct arena *arena)
{
    struct slice tag = token, expiry, made;
    int64_t expiry_s;
    if (!slice_split(&tag, '.', &expiry) || !tag.ptr || number_parse_int(expiry, &expiry_s) != OK)
        return false;
    return expiry_s > now_us / 1000000 && make_form_tag(key, id, asked, expiry, arena, &made) == OK &&
           digest_equal(made, tag);
}
