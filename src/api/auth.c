/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of signing in, and what they share. Their own words (access_token, …) are those of OAuth 2.0 (RFC 6749
 * section 5.1), whatever `naming` says; the fields of an account are spelt as everywhere else. */
#include "api/auth.h"

#include <string.h>

#include "api/auth_account.h"
#include "api/auth_provider.h"
#include "api/auth_signin.h"
#include "api/body.h"
#include "api/envelope.h"
#include "base/jsonread.h"
#include "base/jsonwrite.h"
#include "http/http1.h"
#include "http/site.h"
#include "http/urlquery.h"
#include "model/model.h"
#include "svc/gate.h"

enum { TEXT_BYTES_MAX = 1024 };

static const struct route_row {
    enum http_method method;
    const char *pattern;
    http_handler *handler;
    const char *name;
    bool is_open;     /* whoever calls it has nothing to show yet */
    bool is_provider; /* it is there where providers are */
} route_rows[] = {
    {HTTP_POST, "/auth/register", auth_signin_register, "auth.register", true, false},
    {HTTP_POST, "/auth/login", auth_signin_login, "auth.login", true, false},
    {HTTP_POST, "/auth/refresh", auth_signin_refresh, "auth.refresh", true, false},
    {HTTP_POST, "/auth/logout", auth_signin_logout, "auth.logout", false, false},
    {HTTP_GET, "/auth/me", auth_account_me, "auth.me", false, false},
    {HTTP_POST, "/auth/password", auth_account_change_password, "auth.password", false, false},
    {HTTP_POST, "/auth/password/forgot", auth_account_forgot, "auth.password.forgot", true, false},
    {HTTP_POST, "/auth/password/reset", auth_account_reset, "auth.password.reset", true, false},
    {HTTP_GET, "/auth/providers", auth_provider_list, "auth.providers", true, true},
    {HTTP_GET, "/auth/provider/:name", auth_provider_depart, "auth.provider", true, true},
    {HTTP_GET, "/auth/provider/:name/callback", auth_provider_arrive, "auth.provider.callback", true, true},
    {HTTP_GET, "/auth/identities", auth_provider_list_links, "auth.identities", false, true},
    {HTTP_DELETE, "/auth/identities/:provider", auth_provider_remove_link, "auth.identities.delete", false, true},
};

static enum error serve_keys(struct exchange *x, void *data)
{
    const struct auth *auth = data;
    const struct identity *identity = auth->identity;
    bool is_first = true;
    buf_put_literal(&x->body, "{\"keys\":[");
    for (size_t i = 0; i < identity->key_count; i++) {
        if (jwk_algorithm_is_symmetric(jwk_algorithm(identity->keys[i])))
            continue;
        buf_put_text(&x->body, is_first ? "" : ",");
        is_first = false;
        TRY(jwk_write_public(identity->keys[i], &x->body));
    }
    buf_put_literal(&x->body, "]}");
    x->content_type = SLICE("application/jwk-set+json");
    exchange_add_header(x, "Cache-Control", SLICE("public, max-age=300"));
    exchange_status(x, 200);
    return OK;
}

enum error auth_add_routes(struct rest *rest, struct identity *identity, struct auth_offer offer,
                           struct http_site *site, struct arena *arena, struct diag *diag)
{
    struct auth *auth = arena_zalloc(arena, sizeof *auth);
    if (!auth)
        return ERROR_MEMORY;
    *auth = (struct auth){rest, identity};
    const struct site_route keys = {.method = HTTP_GET,
                                    .pattern = SLICE("/.well-known/jwks.json"),
                                    .handler = serve_keys,
                                    .data = auth,
                                    .name = "auth.keys",
                                    .is_open = true};
    TRY(site_add_route(site, &keys, diag));
    for (size_t i = 0; offer.has_accounts && i < ARRAY_LEN(route_rows); i++) {
        const struct route_row *row = &route_rows[i];
        const struct site_route route = {.method = row->method,
                                         .pattern = slice_from(row->pattern),
                                         .handler = row->handler,
                                         .data = auth,
                                         .name = row->name,
                                         .is_open = row->is_open};
        if (!row->is_provider || offer.has_providers)
            TRY(site_add_route(site, &route, diag));
    }
    return OK;
}

/* ---- what is sent ---- */

struct reading {
    struct exchange *x;
    struct session *session;
    struct jsonread reader;
    const struct auth_text *texts;
    size_t count;
    uint64_t seen; /* set over the texts */
};

static void read_text(struct reading *reading, const struct auth_text *text, const struct json_value *value)
{
    struct diag *diag = &reading->x->diag;
    if (value->token == JSON_NULL && text->is_optional)
        return;
    if (value->token != JSON_STRING)
        diag_field(diag, text->name, NULL, "must be a text");
    else if (value->text.len > TEXT_BYTES_MAX)
        diag_field(diag, text->name, NULL, "must be at most %d bytes", TEXT_BYTES_MAX);
    else if (value->text.len == 0 && !text->is_optional)
        diag_field(diag, text->name, NULL, "is required");
    else
        *text->out = value->text;
}

static enum error read_member(struct reading *reading, struct slice name)
{
    struct json_value value;
    struct slice skipped;
    size_t i = 0;
    while (i < reading->count && !slice_eq(reading->texts[i].name, name))
        i++;
    bool is_known = i < reading->count;
    if (!is_known)
        diag_field(&reading->x->diag, name, NULL, "is not a field here");
    else if (reading->seen & (UINT64_C(1) << i))
        diag_field(&reading->x->diag, name, NULL, "stands twice");
    if (jsonread_next(&reading->reader, &value) == JSON_ERROR)
        return body_parse_error(&reading->reader, reading->session);
    if (is_known) {
        reading->seen |= UINT64_C(1) << i;
        read_text(reading, &reading->texts[i], &value);
    }
    return jsonread_finish(&reading->reader, &value, &skipped) == OK
               ? OK
               : body_parse_error(&reading->reader, reading->session);
}

static enum error read_members(struct reading *reading)
{
    struct json_value value;
    if (jsonread_next(&reading->reader, &value) != JSON_OBJECT_BEGIN) {
        if (value.token == JSON_ERROR)
            return body_parse_error(&reading->reader, reading->session);
        diag_say(&reading->x->diag, NULL, "the body must be an object");
        return ERROR_VALIDATION;
    }
    while (jsonread_next(&reading->reader, &value) == JSON_KEY)
        TRY(read_member(reading, value.text));
    if (value.token == JSON_ERROR || jsonread_next(&reading->reader, &value) != JSON_END)
        return body_parse_error(&reading->reader, reading->session);
    return OK;
}

enum error auth_read_texts(struct exchange *x, struct session *session, const struct auth_text *texts, size_t count)
{
    struct reading reading = {.x = x, .session = session, .texts = texts, .count = count};
    struct slice body;
    TRY(body_read_json(x, &body));
    jsonread_init(&reading.reader, body, x->arena, JSONREAD_DEPTH_DEFAULT);
    TRY(read_members(&reading));
    for (size_t i = 0; i < count; i++)
        if (!(reading.seen & (UINT64_C(1) << i)) && !texts[i].is_optional)
            diag_field(&x->diag, texts[i].name, NULL, "is required");
    return x->diag.count > 0 ? ERROR_VALIDATION : OK;
}

/* The value of the one parameter that is known; empty: it was not sent. */
static enum error read_parameter(struct exchange *x, const char *name, struct slice *out)
{
    struct urlquery query;
    *out = SLICE("");
    TRY(urlquery_parse(x->head->query, URLQUERY_PAIRS_MAX, x->arena, &x->diag, &query));
    for (size_t i = 0; i < query.count; i++) {
        const struct urlquery_pair *pair = &query.pairs[i];
        if (!slice_eq_text(pair->name, name) || pair->op.ptr)
            diag_field(&x->diag, pair->name, NULL, "is not a parameter here");
        else if (out->len > 0)
            diag_field(&x->diag, pair->name, NULL, "stands twice");
        else
            *out = pair->value;
    }
    return x->diag.count > 0 ? ERROR_VALIDATION : OK;
}

enum error auth_read_mode(struct exchange *x, enum signin_mode *out)
{
    struct slice value;
    TRY(read_parameter(x, "session", &value));
    *out = slice_eq_text(value, "cookie") ? SIGNIN_COOKIE : SIGNIN_TOKENS;
    if (*out == SIGNIN_COOKIE)
        return gate_check_origin(x);
    if (value.len == 0 || slice_eq_text(value, "token"))
        return OK;
    diag_field(&x->diag, SLICE("session"), NULL, "must be cookie or token");
    return ERROR_VALIDATION;
}

enum error auth_read_flag(struct exchange *x, const char *name, bool *out)
{
    struct slice value;
    TRY(read_parameter(x, name, &value));
    *out = slice_eq_text(value, "true");
    if (value.len == 0 || *out || slice_eq_text(value, "false"))
        return OK;
    diag_field(&x->diag, slice_from(name), NULL, "must be true or false");
    return ERROR_VALIDATION;
}

/* ---- what is answered ---- */

static bool is_unreadable(enum error error)
{
    return error == ERROR_NOT_FOUND || error == ERROR_FORBIDDEN || error == ERROR_UNAUTHORIZED;
}

enum error auth_put_account(struct auth *auth, struct session *session, struct value id, struct buf *out)
{
    const struct resource *account = auth->rest->model->schema->account;
    size_t before = out->len;
    int64_t version;
    buf_put_literal(out, ",\"account\":");
    enum error error = rest_put_row(auth->rest, session, rest_plain(&auth->rest->resources[account->index], session),
                                    &id, out, &version);
    if (!is_unreadable(error))
        return error;
    buf_truncate(out, before);
    return OK;
}

static void put_tokens(const struct identity_config *config, const struct signin *signin, struct buf *out)
{
    buf_put_literal(out, "\"access_token\":");
    jsonwrite_string(out, signin->access);
    buf_put_literal(out, ",\"token_type\":\"Bearer\",\"expires_in\":");
    buf_put_int(out, config->access_ms / 1000);
    buf_put_literal(out, ",\"refresh_token\":");
    jsonwrite_string(out, signin->refresh);
}

enum error auth_answer(struct signin *signin, void *state)
{
    struct auth *auth = state;
    struct exchange *x = signin->x;
    const struct api_settings *settings = &auth->rest->settings;
    envelope_begin(settings, &x->body);
    buf_put_byte(&x->body, '{');
    if (signin->mode == SIGNIN_COOKIE) {
        buf_put_literal(&x->body, "\"csrf_token\":");
        jsonwrite_string(&x->body, signin->csrf);
    } else {
        put_tokens(auth->identity->config, signin, &x->body);
    }
    TRY(auth_put_account(auth, signin->session, signin->account.id, &x->body));
    buf_put_byte(&x->body, '}');
    envelope_end(settings, &x->body, NULL, x->now_us);
    exchange_add_header(x, "Cache-Control", SLICE("no-store"));
    exchange_status(x, 200);
    TRY(buf_error(&x->headers));
    return buf_error(&x->body);
}
