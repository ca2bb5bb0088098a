/* SPDX-License-Identifier: Apache-2.0 */
/* ID tokens.
 *
 * What decides who somebody is comes from the provider's token endpoint, over TLS, and is signed with one of the keys
 * that the provider publishes; never from the browser. The algorithm is the key's (base/jwk.h), so that "none", and
 * HS256 with the client's secret or with a public key, find no key at all.
 *
 * Invariants
 *   (1) there is no person without a subject: a text of 1 to 255 bytes, signed
 *   (2) an e-mail address is verified only where email_verified is the JSON value true, in the same answer */
#include "svc/provider_token.h"

#include "base/base64.h"
#include "base/digest.h"
#include "base/jws.h"
#include "base/percent.h"
#include "http/exchange.h"
#include "http/fetch.h"
#include "rt/core.h"
#include "svc/issuer.h"

enum { FORM_BYTES_MAX = 16 * 1024, LEEWAY_S = 30, MEMBERS_MAX = 64, HTTP_OK = 200, HTTP_SERVER = 500 };

static enum error refuse(const char **reason, const char *sentence)
{
    *reason = sentence;
    return ERROR_UNAUTHORIZED;
}

static struct slice text_of(const struct jsonobject *object, const char *name)
{
    const struct jsonobject_member *member = jsonobject_find(object, slice_from(name));
    return member && member->value.token == JSON_STRING ? member->value.text : SLICE("");
}

/* ---- the token endpoint ---- */

static void put_pair(struct buf *form, const char *name, struct slice value)
{
    buf_put_text(form, form->len > 0 ? "&" : "");
    buf_put_text(form, name);
    buf_put_byte(form, '=');
    percent_encode_form(form, value);
}

static bool shows_basic(const struct provider_token_request *request)
{
    const struct provider_config *config = provider_config(request->provider);
    return config->secret.len > 0 && request->hold->metadata.secret == PROVIDER_METADATA_BASIC;
}

static void put_form(const struct provider_token_request *request, struct buf *form)
{
    const struct provider_config *config = provider_config(request->provider);
    put_pair(form, "grant_type", SLICE("authorization_code"));
    put_pair(form, "code", request->code);
    put_pair(form, "redirect_uri", request->redirect);
    put_pair(form, "code_verifier", request->verifier);
    if (shows_basic(request))
        return;
    put_pair(form, "client_id", config->client);
    if (config->secret.len > 0)
        put_pair(form, "client_secret", config->secret);
}

/* Both are encoded as in a form before they are joined (RFC 6749 section 2.3.1). */
static enum error make_basic(const struct provider_config *config, struct arena *arena, struct slice *out)
{
    struct buf pair;
    struct slice encoded;
    buf_init(&pair, FORM_BYTES_MAX);
    percent_encode_form(&pair, config->client);
    buf_put_byte(&pair, ':');
    percent_encode_form(&pair, config->secret);
    enum error error = buf_error(&pair);
    if (error == OK)
        error = base64_encode_standard(buf_slice(&pair), arena, &encoded);
    buf_fini(&pair);
    TRY(error);
    *out = slice_from(arena_printf(arena, "Basic %.*s", SLICE_ARG(encoded)));
    return out->ptr ? OK : ERROR_MEMORY;
}

static struct deadline deadline_of(const struct exchange *x)
{
    return deadline_earlier(x->deadline, deadline_after(core_now_us(x->core), PROVIDER_TIMEOUT_MS));
}

/* What could not be had, or not be had whole, is the provider's failure; whether its deadline or ours has passed. */
static enum error send(const struct provider_token_request *request, struct exchange *x,
                       const struct fetch_request *fetch, struct fetch_answer *out, const char **reason)
{
    enum error error =
        fetch_send(provider_fetch(request->provider), x->fiber, deadline_of(x), fetch, x->arena, out, reason);
    if (error == ERROR_TIMEOUT || error == ERROR_PAYLOAD_TOO_LARGE)
        return ERROR_UNAVAILABLE;
    TRY(error);
    if (out->status < HTTP_SERVER && out->status != 429)
        return OK;
    *reason = "the provider answers with an error of its own";
    return ERROR_UNAVAILABLE;
}

static enum error exchange_code(const struct provider_token_request *request, struct exchange *x,
                                struct fetch_answer *out, const char **reason)
{
    struct fetch_header headers[3] = {
        {SLICE("Content-Type"), SLICE("application/x-www-form-urlencoded")},
        {SLICE("Accept"), SLICE("application/json")},
    };
    struct buf form;
    bool is_basic = shows_basic(request);
    headers[2].name = SLICE("Authorization");
    if (is_basic)
        TRY(make_basic(provider_config(request->provider), x->arena, &headers[2].value));
    buf_init(&form, FORM_BYTES_MAX);
    put_form(request, &form);
    enum error error = buf_error(&form);
    struct slice body = buf_slice(&form);
    const struct fetch_request fetch = {.url = request->hold->metadata.token,
                                        .headers = headers,
                                        .header_count = is_basic ? 3 : 2,
                                        .body = &body,
                                        .answer_limit = PROVIDER_TOKEN_BYTES_MAX};
    if (error == OK)
        error = send(request, x, &fetch, out, reason);
    buf_fini(&form);
    return error;
}

/* ---- the ID token ---- */

/* The left half of the hash that the algorithm signs (OpenID Connect Core 1.0 section 3.1.3.6). */
static enum error check_hash(const struct jws *jws, struct slice claim, struct slice access, struct arena *arena,
                             const char **reason)
{
    unsigned char digest[DIGEST_SHA512_BYTES];
    struct slice made;
    size_t size = jws->algorithm == JWK_EDDSA ? DIGEST_SHA512_BYTES : DIGEST_SHA256_BYTES;
    if (size == DIGEST_SHA512_BYTES)
        digest_sha512(access, digest);
    else
        digest_sha256(access, digest);
    TRY(base64_encode_url(slice_of((const char *)digest, size / 2), arena, &made));
    return digest_equal(made, claim) ? OK : refuse(reason, "at_hash is not of the access token");
}

/* The audience is this client alone, or this client is whom the token was made for. */
static enum error check_party(const struct jws_claims *claims, struct slice client, const char **reason)
{
    bool has_party = jsonobject_find(&claims->all, SLICE("azp")) != NULL;
    if (has_party && !slice_eq(text_of(&claims->all, "azp"), client))
        return refuse(reason, "azp is another client");
    if (!has_party && claims->audience_count != 1)
        return refuse(reason, "the token is for several, and azp does not say for whom it was made");
    return OK;
}

static enum error check_claims(const struct provider_token_request *request, const struct exchange *x,
                               const struct jws *jws, const struct jws_claims *claims, struct slice access,
                               const char **reason)
{
    const struct provider_config *config = provider_config(request->provider);
    const struct jws_policy policy = {.now_us = x->now_us,
                                      .leeway_s = LEEWAY_S,
                                      .issuer = config->issuer,
                                      .audiences = &config->client,
                                      .audience_count = 1};
    TRY(jws_claims_check(claims, &policy, reason));
    TRY(check_party(claims, config->client, reason));
    if (claims->issued_us < 0)
        return refuse(reason, "the ID token does not say when it was made");
    if (!digest_equal(text_of(&claims->all, "nonce"), request->nonce))
        return refuse(reason, "the nonce is not that of this sign-in");
    if (claims->subject.len == 0 || claims->subject.len > PROVIDER_TOKEN_SUBJECT_MAX)
        return refuse(reason, "the ID token does not say who it is about");
    if (jsonobject_find(&claims->all, SLICE("at_hash")))
        return check_hash(jws, text_of(&claims->all, "at_hash"), access, x->arena, reason);
    return OK;
}

static enum error check_signature(const struct provider_token_request *request, struct exchange *x,
                                  const struct jws *jws, const char **reason)
{
    const struct jwk *key;
    struct issuer_hold *hold;
    TRY(issuer_find_key(request->hold->issuer, x->fiber, x->deadline, jws->kid, jws->algorithm, &key, &hold, reason));
    enum error error = jws_check(jws, key, reason);
    issuer_release(hold);
    return error;
}

static void take_email(const struct jsonobject *claims, struct provider_person *person)
{
    const struct jsonobject_member *verified = jsonobject_find(claims, SLICE("email_verified"));
    person->email = text_of(claims, "email");
    person->is_email_verified = person->email.len > 0 && verified && verified->value.token == JSON_TRUE;
}

static enum error read_token(const struct provider_token_request *request, struct exchange *x, struct slice token,
                             struct provider_person *person, const char **reason)
{
    struct jws jws;
    struct jws_claims claims;
    TRY(jws_parse(token, x->arena, &jws, reason));
    TRY(check_signature(request, x, &jws, reason));
    TRY(jws_claims_read(jws.payload, x->arena, &claims, reason));
    TRY(check_claims(request, x, &jws, &claims, person->access, reason));
    person->subject = claims.subject;
    person->claims = claims.all;
    take_email(&claims.all, person);
    return OK;
}

enum error provider_token_take(const struct provider_token_request *request, struct exchange *x,
                               struct provider_person *out, const char **reason)
{
    struct fetch_answer answer;
    struct jsonobject object;
    TRY(exchange_code(request, x, &answer, reason));
    enum error error = jsonobject_read(answer.body, MEMBERS_MAX, x->arena, &object, NULL);
    if (error == OK && slice_eq_text(text_of(&object, "error"), "invalid_client"))
        return refuse(reason, "the provider does not know the client, or not with this secret");
    if (answer.status != HTTP_OK)
        return refuse(reason, "the provider did not take the code");
    if (error != OK)
        return error == ERROR_MEMORY ? error : refuse(reason, "what the token endpoint says is no JSON object");
    struct slice token = text_of(&object, "id_token");
    struct provider_person person = {.access = text_of(&object, "access_token")};
    if (token.len == 0)
        return refuse(reason, "the token endpoint gives no ID token");
    TRY(read_token(request, x, token, &person, reason));
    *out = person;
    return OK;
}

/* ---- the userinfo ---- */

static enum error ask_userinfo(const struct provider_token_request *request, struct exchange *x, struct slice access,
                               struct fetch_answer *out, const char **reason)
{
    const char *bearer = arena_printf(x->arena, "Bearer %.*s", SLICE_ARG(access));
    if (!bearer)
        return ERROR_MEMORY;
    const struct fetch_header headers[] = {{SLICE("Authorization"), slice_from(bearer)},
                                           {SLICE("Accept"), SLICE("application/json")}};
    const struct fetch_request fetch = {.url = request->hold->metadata.userinfo,
                                        .headers = headers,
                                        .header_count = ARRAY_LEN(headers),
                                        .answer_limit = PROVIDER_TOKEN_BYTES_MAX};
    TRY(send(request, x, &fetch, out, reason));
    return out->status == HTTP_OK ? OK : refuse(reason, "the status of the userinfo is not 200");
}

enum error provider_token_complete(const struct provider_token_request *request, struct exchange *x,
                                   struct provider_person *person, const char **reason)
{
    struct fetch_answer answer;
    struct jsonobject object;
    bool can_ask = request->hold->metadata.userinfo.len > 0 && person->access.len > 0;
    if (person->email.len > 0 || !can_ask)
        return OK;
    TRY(ask_userinfo(request, x, person->access, &answer, reason));
    enum error error = jsonobject_read(answer.body, MEMBERS_MAX, x->arena, &object, NULL);
    if (error != OK)
        return error == ERROR_MEMORY ? error : refuse(reason, "what the userinfo says is no JSON object");
    if (!slice_eq(text_of(&object, "sub"), person->subject))
        return refuse(reason, "the userinfo is of somebody else");
    person->claims = object;
    take_email(&object, person);
    return OK;
}
