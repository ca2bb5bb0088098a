/* SPDX-License-Identifier: Apache-2.0 */
/* A provider's document. Whoever can write it decides where people type their passwords and where the client's secret
 * is sent; so nothing of it is taken unless it names the issuer that the app file names (Discovery section 4.3: else
 * one provider could pass for another), and nothing goes in the clear that does not stay on this machine. */
#include "svc/provider_metadata.h"

#include <string.h>

#include "base/jsonobject.h"
#include "http/fetch.h"

enum { MEMBERS_MAX = 200, METHODS_MAX = 32 };

static enum error refuse(const char **reason, const char *sentence)
{
    *reason = sentence;
    return ERROR_UNAVAILABLE;
}

static bool is_local(struct slice url)
{
    static const char *const hosts[] = {"http://localhost", "http://127.0.0.1", "http://[::1]"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct slice behind = slice_from_index(url, strlen(hosts[i]));
        if (slice_starts(url, slice_from(hosts[i])) && (behind.len == 0 || strchr(":/?", behind.ptr[0])))
            return true;
    }
    return false;
}

bool provider_metadata_is_safe_url(struct slice url)
{
    return fetch_is_url(url) && (slice_starts(url, SLICE("https://")) || is_local(url));
}

static struct slice text_of(const struct jsonobject *object, const char *name)
{
    const struct jsonobject_member *member = jsonobject_find(object, slice_from(name));
    return member && member->value.token == JSON_STRING ? member->value.text : SLICE("");
}

static bool is_safe(struct slice url, struct slice issuer)
{
    bool may_be_plain = is_local(issuer);
    return url.len <= PROVIDER_METADATA_URL_MAX && slice_index(url, '#') == url.len &&
           provider_metadata_is_safe_url(url) && (may_be_plain || slice_starts(url, SLICE("https://")));
}

/* Where nothing is said it is client_secret_basic (Discovery section 3). */
static enum error read_secret(const struct jsonobject *object, struct arena *arena, enum provider_metadata_secret *out,
                              const char **reason)
{
    const struct jsonobject_member *member = jsonobject_find(object, SLICE("token_endpoint_auth_methods_supported"));
    struct json_value *values;
    size_t count;
    bool has_post = false;
    *out = PROVIDER_METADATA_BASIC;
    if (!member)
        return OK;
    if (member->value.token != JSON_ARRAY_BEGIN ||
        jsonobject_read_list(member->value.text, METHODS_MAX, arena, &values, &count, NULL) != OK)
        return refuse(reason, "the provider's document says nothing readable of how a client shows its secret");
    for (size_t i = 0; i < count; i++) {
        if (values[i].token != JSON_STRING)
            continue;
        if (slice_eq_text(values[i].text, "client_secret_basic"))
            return OK;
        has_post = has_post || slice_eq_text(values[i].text, "client_secret_post");
    }
    *out = has_post ? PROVIDER_METADATA_POST : PROVIDER_METADATA_BASIC;
    return OK;
}

static enum error keep(struct slice url, struct slice issuer, struct arena *arena, struct slice *out,
                       const char **reason)
{
    if (!is_safe(url, issuer))
        return refuse(reason, "the provider's document has an endpoint that is missing, no URL, or not https");
    *out = arena_slice(arena, url);
    return out->ptr ? OK : ERROR_MEMORY;
}

enum error provider_metadata_read(struct slice text, struct slice issuer, struct arena *arena,
                                  struct provider_metadata *out, const char **reason)
{
    struct jsonobject object;
    enum error error = jsonobject_read(text, MEMBERS_MAX, arena, &object, reason);
    if (error != OK)
        return error == ERROR_MEMORY ? error : refuse(reason, "the provider's document is no JSON object");
    if (!slice_eq(text_of(&object, "issuer"), issuer))
        return refuse(reason, "the provider's document is of another issuer");
    struct provider_metadata metadata = {.userinfo = SLICE("")};
    TRY(keep(text_of(&object, "authorization_endpoint"), issuer, arena, &metadata.authorization, reason));
    TRY(keep(text_of(&object, "token_endpoint"), issuer, arena, &metadata.token, reason));
    TRY(keep(text_of(&object, "jwks_uri"), issuer, arena, &metadata.jwks, reason));
    if (jsonobject_find(&object, SLICE("userinfo_endpoint")))
        TRY(keep(text_of(&object, "userinfo_endpoint"), issuer, arena, &metadata.userinfo, reason));
    TRY(read_secret(&object, arena, &metadata.secret, reason));
    const struct jsonobject_member *names =
        jsonobject_find(&object, SLICE("authorization_response_iss_parameter_supported"));
    metadata.names_itself = names && names->value.token == JSON_TRUE;
    *out = metadata;
    return OK;
}
