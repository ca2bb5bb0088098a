/* SPDX-License-Identifier: Apache-2.0 */
/* The compact form of JWS: header.payload.signature, each in base64url.
 *
 * The header comes from a stranger, so little of it counts: `alg`, which must be the key's anyway, `kid`, which is only
 * ever compared with names of keys at hand, and `typ`. What would change the meaning of the rest (`crit`, `b64`) is
 * refused; what would bring a key along or fetch one (`jwk`, `jku`, `x5c`, `x5u`) is not looked at. */
#include "base/jws.h"

#include "base/base64.h"
#include "base/jsonwrite.h"
#include "base/jws_signature.h"

static enum error refuse(const char **reason, const char *sentence)
{
    if (reason)
        *reason = sentence;
    return ERROR_UNAUTHORIZED;
}

/* The text of a member of the header; empty when it is not there. */
static enum error read_text(const struct jsonobject *header, const char *name, size_t limit, struct slice *out,
                            const char **reason)
{
    const struct jsonobject_member *member = jsonobject_find(header, slice_from(name));
    *out = (struct slice){NULL, 0};
    if (!member)
        return OK;
    if (member->value.token != JSON_STRING || member->value.text.len > limit)
        return refuse(reason, "a member of the header is no text, or a long one");
    *out = member->value.text;
    return OK;
}

static enum error read_header(struct slice text, struct arena *arena, struct jws *jws, const char **reason)
{
    struct jsonobject header;
    struct slice alg;
    enum error error = jsonobject_read(text, JWS_MEMBERS_MAX, arena, &header, NULL);
    if (error == ERROR_PARSE)
        return refuse(reason, "the header is no JSON object, or has a member twice");
    TRY(error);
    if (jsonobject_find(&header, SLICE("crit")) || jsonobject_find(&header, SLICE("b64")))
        return refuse(reason, "the header has crit or b64");
    TRY(read_text(&header, "alg", JWK_KID_BYTES_MAX, &alg, reason));
    TRY(read_text(&header, "kid", JWK_KID_BYTES_MAX, &jws->kid, reason));
    TRY(read_text(&header, "typ", JWK_KID_BYTES_MAX, &jws->typ, reason));
    return jwk_algorithm_find(alg, &jws->algorithm) ? OK
                                                    : refuse(reason, "the algorithm is none of those that are known");
}

static enum error decode(struct slice text, struct arena *arena, struct slice *out, const char **reason)
{
    enum error error = base64_decode_url(text, arena, out);
    return error == ERROR_PARSE ? refuse(reason, "a segment is not base64url") : error;
}

enum error jws_parse(struct slice token, struct arena *arena, struct jws *out, const char **reason)
{
    if (token.len > JWS_BYTES_MAX)
        return refuse(reason, "the token is too long");
    size_t first = slice_index(token, '.');
    struct slice rest = slice_from_index(token, first + 1);
    size_t second = slice_index(rest, '.');
    struct slice last = slice_from_index(rest, second + 1);
    if (first == token.len || second == rest.len || slice_index(last, '.') != last.len)
        return refuse(reason, "the token has not three segments");
    struct jws jws = {.signed_text = slice_of(token.ptr, first + 1 + second)};
    struct slice header;
    TRY(decode(slice_of(token.ptr, first), arena, &header, reason));
    TRY(decode(slice_of(rest.ptr, second), arena, &jws.payload, reason));
    TRY(decode(last, arena, &jws.signature, reason));
    TRY(read_header(header, arena, &jws, reason));
    *out = jws;
    return OK;
}

enum error jws_check(const struct jws *jws, const struct jwk *key, const char **reason)
{
    if (!key)
        return refuse(reason, "there is no key of that name and algorithm");
    if (jws->algorithm != jwk_algorithm(key))
        return refuse(reason, "the algorithm is not that of the key");
    enum error error = jws_signature_check(key, jws->signed_text, jws->signature);
    return error == ERROR_UNAUTHORIZED ? refuse(reason, "the signature is not that of the key") : error;
}

enum error jws_verify(struct slice token, struct jwk *const *keys, size_t key_count, const struct jws_policy *policy,
                      struct arena *arena, struct jws_claims *out, const char **reason)
{
    struct jws jws;
    struct jws_claims claims;
    TRY(jws_parse(token, arena, &jws, reason));
    TRY(jws_check(&jws, jwk_find(keys, key_count, jws.kid, jws.algorithm), reason));
    TRY(jws_claims_check_typ(jws.typ, policy, reason));
    TRY(jws_claims_read(jws.payload, arena, &claims, reason));
    TRY(jws_claims_check(&claims, policy, reason));
    *out = claims;
    return OK;
}

static void write_header(const struct jwk *key, struct slice typ, struct buf *buf)
{
    buf_printf(buf, "{\"alg\":\"%s\"", jwk_algorithm_name(jwk_algorithm(key)));
    if (typ.len > 0) {
        buf_put_literal(buf, ",\"typ\":");
        jsonwrite_string(buf, typ);
    }
    if (jwk_kid(key).len > 0) {
        buf_put_literal(buf, ",\"kid\":");
        jsonwrite_string(buf, jwk_kid(key));
    }
    buf_put_byte(buf, '}');
}

/* "header.payload" in arena memory. */
static enum error join(const struct jwk *key, struct slice typ, struct slice payload, struct arena *arena,
                       struct slice *out)
{
    struct slice header = {NULL, 0}, body = {NULL, 0};
    struct buf buf;
    buf_init(&buf, JWS_BYTES_MAX);
    write_header(key, typ, &buf);
    enum error error = buf_error(&buf);
    if (error == OK)
        error = base64_encode_url(buf_slice(&buf), arena, &header);
    if (error == OK)
        error = base64_encode_url(payload, arena, &body);
    buf_fini(&buf);
    TRY(error);
    char *text = arena_printf(arena, "%.*s.%.*s", SLICE_ARG(header), SLICE_ARG(body));
    if (!text)
        return ERROR_MEMORY;
    *out = slice_of(text, header.len + 1 + body.len);
    return OK;
}

enum error jws_sign(const struct jwk *key, struct slice typ, struct slice payload, struct arena *arena,
                    struct slice *out)
{
    struct slice text, signature;
    if (payload.len > JWS_BYTES_MAX)
        return ERROR_LIMIT;
    TRY(join(key, typ, payload, arena, &text));
    TRY(jws_signature_make(key, text, arena, &signature));
    TRY(base64_encode_url(signature, arena, &signature));
    if (text.len + 1 + signature.len > JWS_BYTES_MAX)
        return ERROR_LIMIT;
    char *token = arena_printf(arena, "%.*s.%.*s", SLICE_ARG(text), SLICE_ARG(signature));
    if (!token)
        return ERROR_MEMORY;
    *out = slice_of(token, text.len + 1 + signature.len);
    return OK;
}
