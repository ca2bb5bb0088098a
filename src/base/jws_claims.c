/* SPDX-License-Identifier: Apache-2.0 */
/* The claims of a token (RFC 7519 section 4.1): first their types, for all of them at once, then what they say.
 *
 * A claim of the wrong type refuses the token, also where nobody would look at it: an `aud` that is an object, an `exp`
 * that is a text, an empty `sub` come from something that does not mean what we read. */
#include "base/check.h"
#include "base/jws.h"
#include "base/number.h"

/* The end of the year 9999. */
static const double latest_s = 253402300799.0;

enum { US_PER_S = 1000000 };

static enum error refuse(const char **reason, const char *sentence)
{
    if (reason)
        *reason = sentence;
    return ERROR_UNAUTHORIZED;
}

static enum error read_text(const struct jsonobject *all, const char *name, struct slice *out, const char **reason)
{
    const struct jsonobject_member *member = jsonobject_find(all, slice_from(name));
    *out = (struct slice){NULL, 0};
    if (!member)
        return OK;
    if (member->value.token != JSON_STRING || member->value.text.len == 0)
        return refuse(reason, "a claim that must be a text is none, or empty");
    *out = member->value.text;
    return OK;
}

/* A NumericDate (RFC 7519 section 2). */
static enum error read_time(const struct jsonobject *all, const char *name, int64_t *out, const char **reason)
{
    const struct jsonobject_member *member = jsonobject_find(all, slice_from(name));
    double seconds;
    *out = -1;
    if (!member)
        return OK;
    if (member->value.token != JSON_NUMBER || number_parse_float(member->value.text, &seconds) != OK ||
        !(seconds >= 0 && seconds <= latest_s))
        return refuse(reason, "a claim that must be a time is none");
    *out = (int64_t)(seconds * US_PER_S);
    return OK;
}

static enum error read_audiences(struct jws_claims *claims, struct arena *arena, const char **reason)
{
    static const char sentence[] = "aud is neither a text nor a list of texts";
    const struct jsonobject_member *member = jsonobject_find(&claims->all, SLICE("aud"));
    if (!member)
        return OK;
    struct json_value *items;
    size_t count;
    if (member->value.token == JSON_ARRAY_BEGIN) {
        enum error error = jsonobject_read_list(member->value.text, JWS_AUDIENCES_MAX, arena, &items, &count, NULL);
        if (error == ERROR_PARSE)
            return refuse(reason, sentence);
        TRY(error);
    } else {
        items = &claims->all.members[member - claims->all.members].value;
        count = 1;
    }
    struct slice *audiences = arena_array(arena, count, sizeof *audiences);
    if (!audiences)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (items[i].token != JSON_STRING || items[i].text.len == 0)
            return refuse(reason, sentence);
        audiences[i] = items[i].text;
    }
    claims->audiences = audiences;
    claims->audience_count = count;
    return OK;
}

enum error jws_claims_read(struct slice payload, struct arena *arena, struct jws_claims *out, const char **reason)
{
    struct jws_claims claims = {.audience_count = 0};
    enum error error = jsonobject_read(payload, JWS_MEMBERS_MAX, arena, &claims.all, NULL);
    if (error == ERROR_PARSE)
        return refuse(reason, "the payload is no JSON object, or has a claim twice");
    TRY(error);
    TRY(read_text(&claims.all, "iss", &claims.issuer, reason));
    TRY(read_text(&claims.all, "sub", &claims.subject, reason));
    TRY(read_text(&claims.all, "jti", &claims.id, reason));
    TRY(read_text(&claims.all, "sid", &claims.session, reason));
    TRY(read_text(&claims.all, "typ", &claims.typ, reason));
    TRY(read_time(&claims.all, "exp", &claims.expires_us, reason));
    TRY(read_time(&claims.all, "nbf", &claims.not_before_us, reason));
    TRY(read_time(&claims.all, "iat", &claims.issued_us, reason));
    TRY(read_audiences(&claims, arena, reason));
    const struct jsonobject_member *scope = jsonobject_find(&claims.all, SLICE("scope"));
    if (scope && scope->value.token != JSON_STRING)
        return refuse(reason, "scope is no text");
    claims.scope = scope ? scope->value.text : (struct slice){NULL, 0};
    *out = claims;
    return OK;
}

struct slice jws_claims_text(const struct jws_claims *claims, struct slice name)
{
    const struct jsonobject_member *member = jsonobject_find(&claims->all, name);
    return member && member->value.token == JSON_STRING ? member->value.text : (struct slice){NULL, 0};
}

static bool is_for_one_of(const struct jws_claims *claims, const struct jws_policy *policy)
{
    for (size_t i = 0; i < claims->audience_count; i++)
        for (size_t j = 0; j < policy->audience_count; j++)
            if (slice_eq(claims->audiences[i], policy->audiences[j]))
                return true;
    return false;
}

enum error jws_claims_check(const struct jws_claims *claims, const struct jws_policy *policy, const char **reason)
{
    CHECK(policy->leeway_s >= 0, "a leeway is not negative");
    CHECK(policy->leeway_s <= JWS_LEEWAY_S_MAX, "a leeway is a minute at most");
    int64_t earliest = policy->now_us - (int64_t)policy->leeway_s * US_PER_S;
    int64_t latest = policy->now_us + (int64_t)policy->leeway_s * US_PER_S;
    if (claims->expires_us < 0)
        return refuse(reason, "exp is missing");
    if (claims->expires_us <= earliest)
        return refuse(reason, "the token has expired");
    if (claims->not_before_us > latest)
        return refuse(reason, "the token is not valid yet");
    if (claims->issued_us > latest)
        return refuse(reason, "the token comes from the future");
    if (policy->issuer.len > 0 && !slice_eq(claims->issuer, policy->issuer))
        return refuse(reason, "the issuer is another");
    if (policy->audience_count > 0 && !is_for_one_of(claims, policy))
        return refuse(reason, "the token is for another audience");
    return claims->subject.len > 0 ? OK : refuse(reason, "sub is missing");
}

enum error jws_claims_check_typ(struct slice typ, const struct jws_policy *policy, const char **reason)
{
    static const char prefix[] = "application/";
    if (policy->typ.len == 0 || slice_eq_nocase(typ, policy->typ))
        return OK;
    if (typ.len > sizeof prefix - 1 && slice_eq_nocase(slice_of(typ.ptr, sizeof prefix - 1), slice_from(prefix)) &&
        slice_eq_nocase(slice_from_index(typ, sizeof prefix - 1), policy->typ))
        return OK;
    return refuse(reason, "the token is of another type");
}
