/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints of clients.
 *
 *   read the form -> who is the client -> what does it want -> answer
 *
 * Each step answers by itself when it refuses (is_answered); errors that are returned are the server's own. */
#include "api/oauth_token.h"

#include "api/oauth.h"
#include "api/oauth_form.h"
#include "base/base64.h"
#include "base/jsonwrite.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "http/http1.h"
#include "svc/gate.h"
#include "svc/oauthgrant.h"

enum { VERIFIER_BYTES_MIN = 43, VERIFIER_BYTES_MAX = 128 };

struct asking {
    struct oauth *oauth;
    struct exchange *x;
    struct session session;
    struct oauth_form form;
    const struct oauthclient *client;
    bool is_answered;
};

static enum error refuse(struct asking *asking, const char *code, const char *description)
{
    asking->is_answered = true;
    oauth_refuse(asking->x, 400, code, description);
    return OK;
}

/* ---- the form ---- */

static enum error read_form(struct asking *asking)
{
    enum error error = oauth_form_read(asking->x, &asking->form);
    if (error == ERROR_UNSUPPORTED_MEDIA_TYPE)
        return refuse(asking, "invalid_request", "the body must be application/x-www-form-urlencoded");
    if (error == ERROR_PARSE || error == ERROR_LIMIT)
        return refuse(asking, "invalid_request", "the form cannot be read");
    if (error == OK && asking->form.twice)
        return refuse(asking, "invalid_request", "a parameter stands there twice");
    return error;
}

/* ---- the client ---- */

struct shown {
    struct slice id, secret;
    bool is_basic, has_secret;
};

/* Both halves are form-encoded before they are joined (RFC 6749 section 2.3.1). */
static enum error read_basic(struct slice text, struct arena *arena, struct shown *out)
{
    struct slice decoded, id;
    TRY(base64_decode_standard(text, arena, &decoded));
    if (slice_index(decoded, ':') == decoded.len || !slice_split(&decoded, ':', &id))
        return ERROR_PARSE;
    TRY(percent_decode_query(id, arena, &out->id));
    TRY(percent_decode_query(decoded, arena, &out->secret));
    return utf8_is_valid(out->id) ? OK : ERROR_PARSE;
}

static enum error read_shown(struct asking *asking, struct shown *out)
{
    static const struct slice scheme = SLICE_INIT("Basic ");
    struct slice header = exchange_header(asking->x, HTTP1_HEADER_AUTHORIZATION);
    const struct slice *values = asking->form.values;
    *out = (struct shown){.id = values[OAUTH_CLIENT_ID], .secret = values[OAUTH_CLIENT_SECRET]};
    out->has_secret = out->secret.len > 0;
    if (!header.ptr)
        return OK;
    if (out->has_secret)
        return refuse(asking, "invalid_request", "the client says twice who it is");
    struct slice begin = slice_of(header.ptr, header.len < scheme.len ? header.len : scheme.len), named = out->id;
    out->is_basic = out->has_secret = true;
    out->id = SLICE("");
    if (!slice_eq_nocase(begin, scheme))
        return OK;
    enum error error = read_basic(slice_trim(slice_from_index(header, scheme.len)), asking->x->arena, out);
    if (error == OK && named.len > 0 && !slice_eq(named, out->id))
        return refuse(asking, "invalid_request", "the client says twice who it is");
    if (error == ERROR_PARSE)
        out->id = SLICE("");
    return error == ERROR_PARSE ? OK : error;
}

static enum error refuse_client(struct asking *asking, const struct shown *shown, const char *reason)
{
    struct exchange *x = asking->x;
    asking->is_answered = true;
    oauth_refuse(x, 401, "invalid_client", "there is no such client, or it has not shown that it is this one");
    if (shown->is_basic)
        exchange_add_header(x, "WWW-Authenticate", SLICE("Basic realm=\"oauth\", charset=\"UTF-8\""));
    gate_tell(asking->oauth->identity, x, AUDIT_CLIENT_REFUSED, shown->id, reason);
    return OK;
}

static enum error find_client(struct asking *asking)
{
    struct shown shown;
    TRY(read_shown(asking, &shown));
    if (asking->is_answered)
        return OK;
    const struct oauthclient *client = oauthclient_find(&asking->oauth->identity->config->oauth, shown.id);
    bool is_right = oauthclient_is_secret(client, shown.secret);
    if (!client)
        return refuse_client(asking, &shown, "there is no such client");
    if (shown.has_secret ? !is_right : client->is_confidential)
        return refuse_client(asking, &shown, shown.has_secret ? "wrong secret" : "no secret");
    asking->client = client;
    return OK;
}

/* ---- tokens ---- */

static enum error answer_tokens(struct asking *asking, struct slice access, struct slice refresh, struct slice scopes)
{
    struct buf *out = &asking->x->body;
    buf_put_literal(out, "{\"access_token\":");
    jsonwrite_string(out, access);
    buf_put_literal(out, ",\"token_type\":\"Bearer\",\"expires_in\":");
    buf_put_int(out, asking->oauth->identity->config->access_ms / 1000);
    if (refresh.len > 0) {
        buf_put_literal(out, ",\"refresh_token\":");
        jsonwrite_string(out, refresh);
    }
    buf_put_literal(out, ",\"scope\":");
    jsonwrite_string(out, scopes);
    buf_put_byte(out, '}');
    oauth_forbid_keeping(asking->x);
    exchange_status(asking->x, 200);
    TRY(buf_error(&asking->x->headers));
    return buf_error(out);
}

/* RFC 7636 section 4.1. */
static bool is_verifier(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_letter && !(byte >= '0' && byte <= '9') && byte != '-' && byte != '.' && byte != '_' && byte != '~')
            return false;
    }
    return text.len >= VERIFIER_BYTES_MIN && text.len <= VERIFIER_BYTES_MAX;
}

static enum error answer_signin(struct signin *signin, void *asking)
{
    return answer_tokens(asking, signin->access, signin->refresh, signin->scopes);
}

/* What a sign-in for the client has come to. */
static enum error explain(struct asking *asking, enum error error)
{
    if (error == ERROR_UNAUTHORIZED)
        return refuse(asking, "invalid_grant", "it is wrong, too old, or was used already");
    if (error == ERROR_VALIDATION)
        return refuse(asking, "invalid_scope", "this is more than what was given");
    return error;
}

static void begin_signin(struct asking *asking, struct signin *signin)
{
    signin_init(signin, asking->oauth->identity, asking->x, &asking->session, SIGNIN_TOKENS);
    signin->client = asking->client;
    signin->answer = answer_signin;
    signin->answer_state = asking;
}

static enum error by_code(struct asking *asking)
{
    const struct slice *values = asking->form.values;
    const struct oauthgrant_code shown = {values[OAUTH_CODE], values[OAUTH_REDIRECT_URI], values[OAUTH_CODE_VERIFIER]};
    struct signin signin;
    if (shown.text.len == 0 || shown.redirect.len == 0)
        return refuse(asking, "invalid_request", "code and redirect_uri are required");
    if (!is_verifier(shown.verifier))
        return refuse(asking, "invalid_request", "code_verifier is required: 43 to 128 letters, digits, - . _ ~");
    begin_signin(asking, &signin);
    enum error error = explain(asking, oauthgrant_redeem(&signin, &shown));
    signin_fini(&signin);
    return error;
}

/* What is asked for; empty: nothing was said. Answers by itself. */
static enum error read_scope(struct asking *asking, struct slice *out)
{
    struct slice text = asking->form.values[OAUTH_SCOPE];
    *out = SLICE("");
    enum error error = text.len > 0 ? oauthclient_read_scope(text, asking->x->arena, out) : OK;
    if (error == ERROR_VALIDATION || (error == OK && !oauthclient_covers(asking->client->scopes, *out)))
        return refuse(asking, "invalid_scope", "the client may not ask for this");
    return error;
}

static enum error by_refresh(struct asking *asking)
{
    struct slice token = asking->form.values[OAUTH_REFRESH_TOKEN], scopes;
    struct signin signin;
    if (token.len == 0)
        return refuse(asking, "invalid_request", "refresh_token is required");
    TRY(read_scope(asking, &scopes));
    if (asking->is_answered)
        return OK;
    begin_signin(asking, &signin);
    signin.scopes = scopes;
    enum error error = explain(asking, signin_refresh(&signin, token));
    signin_fini(&signin);
    return error;
}

static enum error by_credentials(struct asking *asking)
{
    struct slice scopes, access;
    TRY(read_scope(asking, &scopes));
    if (asking->is_answered)
        return OK;
    if (scopes.len == 0)
        scopes = asking->client->scopes;
    TRY(oauthgrant_client(asking->oauth->identity, asking->x, &asking->session, asking->client, scopes, &access));
    return answer_tokens(asking, access, SLICE(""), scopes);
}

typedef enum error oauth_task(struct asking *asking);

static const struct grant_row {
    const char *name;
    enum oauthclient_grant grant;
    oauth_task *task;
    bool is_for_people;
} grant_rows[] = {
    {"authorization_code", OAUTHCLIENT_CODE, by_code, true},
    {"refresh_token", OAUTHCLIENT_REFRESH, by_refresh, true},
    {"client_credentials", OAUTHCLIENT_CREDENTIALS, by_credentials, false},
};

static enum error give_tokens(struct asking *asking)
{
    struct slice name = asking->form.values[OAUTH_GRANT_TYPE];
    size_t i = 0;
    while (i < ARRAY_LEN(grant_rows) && !slice_eq_text(name, grant_rows[i].name))
        i++;
    if (name.len == 0)
        return refuse(asking, "invalid_request", "grant_type is required");
    if (i == ARRAY_LEN(grant_rows) || (grant_rows[i].is_for_people && !asking->oauth->has_accounts))
        return refuse(asking, "unsupported_grant_type", NULL);
    if (!oauthclient_may(asking->client, grant_rows[i].grant))
        return refuse(asking, "unauthorized_client", "the client may not do this");
    return grant_rows[i].task(asking);
}

/* ---- what a token is worth, and its end ---- */

static enum error require_token(struct asking *asking, struct slice *out)
{
    *out = asking->form.values[OAUTH_TOKEN];
    return out->len > 0 ? OK : refuse(asking, "invalid_request", "token is required");
}

static void put_token(struct asking *asking, const struct oauthgrant_token *token, struct buf *out)
{
    const struct identity *identity = asking->oauth->identity;
    buf_put_literal(out, "{\"active\":true,\"iss\":");
    jsonwrite_string(out, identity->issuer);
    buf_put_literal(out, ",\"aud\":");
    jsonwrite_string(out, identity->audience);
    buf_put_literal(out, ",\"client_id\":");
    jsonwrite_string(out, asking->client->id);
    if (token->account.len > 0) {
        buf_put_literal(out, ",\"sub\":");
        jsonwrite_string(out, token->account);
    }
    buf_put_literal(out, ",\"scope\":");
    jsonwrite_string(out, token->scopes);
    if (!token->is_refresh)
        buf_put_literal(out, ",\"token_type\":\"Bearer\"");
    buf_put_literal(out, ",\"exp\":");
    buf_put_int(out, token->expires_us / 1000000);
    buf_put_byte(out, '}');
}

static enum error introspect(struct asking *asking)
{
    struct slice text;
    struct oauthgrant_token token = {0};
    TRY(require_token(asking, &text));
    if (asking->is_answered)
        return OK;
    if (!asking->client->is_confidential) {
        const struct shown shown = {.id = asking->client->id};
        return refuse_client(asking, &shown, "a public client asks what a token is worth");
    }
    TRY(oauthgrant_look(asking->oauth->identity, asking->x, &asking->session, asking->client, text, &token));
    if (token.is_active)
        put_token(asking, &token, &asking->x->body);
    else
        buf_put_literal(&asking->x->body, "{\"active\":false}");
    oauth_forbid_keeping(asking->x);
    exchange_status(asking->x, 200);
    return buf_error(&asking->x->body);
}

static enum error revoke(struct asking *asking)
{
    struct slice token;
    TRY(require_token(asking, &token));
    if (asking->is_answered)
        return OK;
    TRY(oauthgrant_revoke(asking->oauth->identity, asking->x, &asking->session, asking->client, token));
    oauth_forbid_keeping(asking->x);
    exchange_status(asking->x, 200);
    return OK;
}

/* ---- the three doors ---- */

static enum error ask(struct asking *asking, oauth_task *task)
{
    TRY(read_form(asking));
    if (!asking->is_answered)
        TRY(find_client(asking));
    return asking->is_answered ? OK : task(asking);
}

static enum error run(struct exchange *x, struct oauth *oauth, oauth_task *task)
{
    struct asking asking = {.oauth = oauth, .x = x};
    oauth_begin(oauth, x, &asking.session);
    enum error error = ask(&asking, task);
    session_fini(&asking.session);
    return error;
}

enum error oauth_token(struct exchange *x, void *oauth)
{
    return run(x, oauth, give_tokens);
}

enum error oauth_token_introspect(struct exchange *x, void *oauth)
{
    return run(x, oauth, introspect);
}

enum error oauth_token_revoke(struct exchange *x, void *oauth)
{
    return run(x, oauth, revoke);
}
