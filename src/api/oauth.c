/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the OAuth server, and what is published of it. Those under /oauth do not ask the guard: what clients
 * show is theirs to show in other ways, and on its pages people are known by their cookie alone. */
#include "api/oauth.h"

#include "api/oauth_authorize.h"
#include "api/oauth_consent.h"
#include "api/oauth_token.h"
#include "base/jsonwrite.h"
#include "http/site.h"
#include "model/model.h"
#include "svc/identity.h"

static enum error serve_metadata(struct exchange *x, void *data);

static const struct route_row {
    enum http_method method;
    const char *pattern;
    http_handler *handler;
    const char *name;
    bool is_for_people;
    bool is_guarded;
    bool is_page; /* RFC 9700 section 2.6: no CORS */
} route_rows[] = {
    {HTTP_GET, "/.well-known/oauth-authorization-server", serve_metadata, "oauth.metadata", false, false, false},
    {HTTP_GET, OAUTH_AUTHORIZE, oauth_authorize_get, "oauth.authorize", true, false, true},
    {HTTP_POST, OAUTH_AUTHORIZE, oauth_authorize_post, "oauth.decide", true, false, true},
    {HTTP_POST, "/oauth/token", oauth_token, "oauth.token", false, false, false},
    {HTTP_POST, "/oauth/introspect", oauth_token_introspect, "oauth.introspect", false, false, false},
    {HTTP_POST, "/oauth/revoke", oauth_token_revoke, "oauth.revoke", false, false, false},
    {HTTP_GET, "/auth/consents", oauth_consent_list, "auth.consents", true, true, false},
    {HTTP_DELETE, "/auth/consents/:client", oauth_consent_withdraw, "auth.consents.delete", true, true, false},
};

enum error oauth_add_routes(struct rest *rest, struct identity *identity, bool has_accounts, struct http_site *site,
                            struct arena *arena, struct diag *diag)
{
    struct oauth *oauth = arena_zalloc(arena, sizeof *oauth);
    if (!oauth)
        return ERROR_MEMORY;
    *oauth = (struct oauth){rest, identity, has_accounts};
    for (size_t i = 0; i < ARRAY_LEN(route_rows); i++) {
        const struct route_row *row = &route_rows[i];
        struct site_route route = {.method = row->method,
                                   .pattern = slice_from(row->pattern),
                                   .handler = row->handler,
                                   .data = oauth,
                                   .name = row->name,
                                   .is_open = !row->is_guarded};
        if (row->is_page)
            route.chain = middleware_of_pages();
        if (has_accounts || !row->is_for_people)
            TRY(site_add_route(site, &route, diag));
    }
    return OK;
}

void oauth_begin(struct oauth *oauth, struct exchange *x, struct session *session)
{
    rest_begin_page(x, oauth->rest->model, session);
    session->position = DB_POSITION_PRIMARY;
}

void oauth_forbid_keeping(struct exchange *x)
{
    exchange_add_header(x, "Cache-Control", SLICE("no-store"));
    exchange_add_header(x, "Pragma", SLICE("no-cache"));
}

void oauth_refuse(struct exchange *x, int status, const char *code, const char *description)
{
    struct buf *out = &x->body;
    buf_clear(out);
    buf_put_literal(out, "{\"error\":");
    jsonwrite_string(out, slice_from(code));
    if (description) {
        buf_put_literal(out, ",\"error_description\":");
        jsonwrite_string(out, slice_from(description));
    }
    buf_put_byte(out, '}');
    oauth_forbid_keeping(x);
    exchange_status(x, status);
}

/* ---- what is published ---- */

static void put_endpoint(struct buf *out, const char *name, struct slice issuer, const char *path)
{
    char room[512];
    struct buf url = {.ptr = room, .cap = sizeof room, .limit_bytes = sizeof room};
    buf_put_slice(&url, issuer);
    buf_put_text(&url, path);
    buf_printf(out, ",\"%s\":", name);
    jsonwrite_string(out, buf_slice(&url));
}

static bool has_public_key(const struct identity *identity)
{
    for (size_t i = 0; i < identity->key_count; i++)
        if (!jwk_algorithm_is_symmetric(jwk_algorithm(identity->keys[i])))
            return true;
    return false;
}

/* What any of the clients may do. */
static unsigned all_grants(const struct oauthclient_config *config)
{
    unsigned grants = 0;
    for (size_t i = 0; i < config->client_count; i++)
        grants |= config->clients[i].grants;
    return grants;
}

static void put_grants(struct buf *out, unsigned grants)
{
    static const char *const names[OAUTHCLIENT_GRANT_COUNT] = {
        [OAUTHCLIENT_CODE] = "authorization_code",
        [OAUTHCLIENT_REFRESH] = "refresh_token",
        [OAUTHCLIENT_CREDENTIALS] = "client_credentials",
    };
    bool is_first = true;
    buf_put_literal(out, ",\"grant_types_supported\":[");
    for (unsigned i = 0; i < OAUTHCLIENT_GRANT_COUNT; i++) {
        if (!(grants >> i & 1))
            continue;
        buf_put_text(out, is_first ? "\"" : ",\"");
        is_first = false;
        buf_put_text(out, names[i]);
        buf_put_byte(out, '"');
    }
    buf_put_byte(out, ']');
}

static enum error put_scopes(struct buf *out, const struct oauthclient_config *config, struct arena *arena)
{
    struct slice all = SLICE(""), scope;
    bool is_first = true;
    for (size_t i = 0; i < config->client_count; i++)
        TRY(oauthclient_join(all, config->clients[i].scopes, arena, &all));
    buf_put_literal(out, ",\"scopes_supported\":[");
    while (all.len > 0 && slice_split(&all, ' ', &scope)) {
        buf_put_text(out, is_first ? "" : ",");
        is_first = false;
        jsonwrite_string(out, scope);
    }
    buf_put_byte(out, ']');
    return OK;
}

static enum error serve_metadata(struct exchange *x, void *data)
{
    static const char with_secret[] = "[\"client_secret_basic\",\"client_secret_post\"]";
    static const char with_or_without[] = "[\"client_secret_basic\",\"client_secret_post\",\"none\"]";
    const struct oauth *oauth = data;
    const struct identity *identity = oauth->identity;
    struct slice issuer = identity->issuer;
    struct buf *out = &x->body;
    buf_put_literal(out, "{\"issuer\":");
    jsonwrite_string(out, issuer);
    if (oauth->has_accounts)
        put_endpoint(out, "authorization_endpoint", issuer, OAUTH_AUTHORIZE);
    put_endpoint(out, "token_endpoint", issuer, "/oauth/token");
    buf_printf(out, ",\"token_endpoint_auth_methods_supported\":%s", with_or_without);
    put_endpoint(out, "revocation_endpoint", issuer, "/oauth/revoke");
    buf_printf(out, ",\"revocation_endpoint_auth_methods_supported\":%s", with_or_without);
    put_endpoint(out, "introspection_endpoint", issuer, "/oauth/introspect");
    buf_printf(out, ",\"introspection_endpoint_auth_methods_supported\":%s", with_secret);
    if (has_public_key(identity))
        put_endpoint(out, "jwks_uri", issuer, "/.well-known/jwks.json");
    put_grants(out, all_grants(&identity->config->oauth));
    TRY(put_scopes(out, &identity->config->oauth, x->arena));
    buf_put_text(out, oauth->has_accounts ? ",\"response_types_supported\":[\"code\"],"
                                            "\"response_modes_supported\":[\"query\"],"
                                            "\"prompt_values_supported\":[\"none\",\"login\",\"consent\"],"
                                            "\"authorization_response_iss_parameter_supported\":true,"
                                            "\"code_challenge_methods_supported\":[\"S256\"],"
                                            "\"ui_locales_supported\":[\"en\"]}"
                                          : ",\"response_types_supported\":[]}");
    exchange_add_header(x, "Cache-Control", SLICE("public, max-age=300"));
    exchange_status(x, 200);
    return buf_error(out);
}
