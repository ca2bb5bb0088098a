/* SPDX-License-Identifier: Apache-2.0 */
/* The authorization endpoint.
 *
 *   who is the client, where does it want people sent back to   not good: a page says so, and nobody is sent anywhere
 *   what does it ask for                                        not good: sent back with an error
 *   who is the person                                           nobody: the page to sign in
 *   have they allowed this                                      no: the page to allow or deny
 *   a code                                                      sent back with it
 *
 * What was asked stays in the query string from the first step to the last, and is read anew in each; the forms hold
 * only what the person answers, and a token that binds them to this query and to who was shown the page.
 *
 * Consent is not asked for twice, unless nobody can be sure that the client is who it says (RFC 8252 section 8.6): a
 * public one that waits on somebody's machine.
 *
 * Invariants
 *   (1) nobody is sent to an address that is not the client's own
 *   (2) a code is made for a person whose cookie, and whose answer on our own page, the request brings */
#include "api/oauth_authorize.h"

#include "api/oauth.h"
#include "api/oauth_form.h"
#include "api/oauth_page.h"
#include "base/percent.h"
#include "http/http1.h"
#include "model/model.h"
#include "svc/consent.h"
#include "svc/credential.h"
#include "svc/gate.h"
#include "svc/oauthcode.h"
#include "svc/oauthgrant.h"
#include "svc/provider_state.h"

enum { CHALLENGE_BYTES = 43, TEXT_BYTES_MAX = 1000, QUERY_BYTES_MAX = 8 * 1024, LOCATION_BYTES_MAX = 32 * 1024 };

struct asking {
    struct oauth *oauth;
    struct exchange *x;
    struct session session;
    struct oauth_form form; /* the query string */
    const struct oauthclient *client;
    struct slice redirect, scopes;
    bool is_login, is_consent, is_none; /* of prompt */
    struct principal *principal;        /* NULL: nobody has signed in */
    bool is_answered;
};

static const struct identity *identity_of(const struct asking *asking)
{
    return asking->oauth->identity;
}

/* ---- answers ---- */

static enum error show_error(struct asking *asking, const char *sentence, int status)
{
    asking->is_answered = true;
    return oauth_page_error(asking->x, identity_of(asking)->config->app, sentence, status);
}

static enum error send_to(struct asking *asking, const struct buf *location)
{
    asking->is_answered = true;
    TRY(buf_error(location));
    exchange_add_header(asking->x, "Location", buf_slice(location));
    oauth_forbid_keeping(asking->x);
    exchange_status(asking->x, 303);
    return buf_error(&asking->x->headers);
}

static void put_pair(struct buf *out, char separator, const char *name, struct slice value)
{
    buf_put_byte(out, separator);
    buf_put_text(out, name);
    buf_put_byte(out, '=');
    percent_encode_query(out, value);
}

/* Back to the client, with a code or an error. */
static enum error send_back(struct asking *asking, const char *name, struct slice value, const char *description)
{
    struct buf location;
    char separator = slice_index(asking->redirect, '?') < asking->redirect.len ? '&' : '?';
    struct slice state = asking->form.values[OAUTH_STATE];
    buf_init(&location, LOCATION_BYTES_MAX);
    buf_put_slice(&location, asking->redirect);
    put_pair(&location, separator, name, value);
    if (description)
        put_pair(&location, '&', "error_description", slice_from(description));
    if (state.len > 0)
        put_pair(&location, '&', "state", state);
    put_pair(&location, '&', "iss", identity_of(asking)->issuer);
    enum error error = send_to(asking, &location);
    buf_fini(&location);
    return error;
}

static enum error refuse(struct asking *asking, const char *code, const char *description)
{
    return send_back(asking, "error", slice_from(code), description);
}

/* The query as it is, but for what prompt says: once somebody has signed in, they are not asked to again. */
static void put_query(const struct asking *asking, const char *prompt, struct buf *out)
{
    static const enum oauth_parameter kept[] = {
        OAUTH_RESPONSE_TYPE, OAUTH_CLIENT_ID,     OAUTH_REDIRECT_URI,   OAUTH_SCOPE,
        OAUTH_STATE,         OAUTH_RESPONSE_MODE, OAUTH_CODE_CHALLENGE, OAUTH_CODE_CHALLENGE_METHOD};
    bool is_first = true;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        struct slice value = asking->form.values[kept[i]];
        if (value.len == 0)
            continue;
        if (!is_first)
            buf_put_byte(out, '&');
        is_first = false;
        buf_put_text(out, oauth_form_name(kept[i]));
        buf_put_byte(out, '=');
        percent_encode_query(out, value);
    }
    if (prompt)
        put_pair(out, '&', "prompt", slice_from(prompt));
}

/* This endpoint again, for somebody who has signed in. */
static void put_again(const struct asking *asking, struct buf *out)
{
    buf_put_literal(out, OAUTH_AUTHORIZE "?");
    put_query(asking, asking->is_consent ? "consent" : NULL, out);
}

static enum error send_on(struct asking *asking)
{
    struct buf location;
    buf_init(&location, LOCATION_BYTES_MAX);
    put_again(asking, &location);
    enum error error = send_to(asking, &location);
    buf_fini(&location);
    return error;
}

/* ---- what is asked ---- */

/* Until these two are good nobody is sent anywhere. */
static enum error read_client(struct asking *asking)
{
    const struct oauth_form *form = &asking->form;
    struct slice query = asking->x->head->query;
    if (query.len > QUERY_BYTES_MAX)
        return show_error(asking, "the request is too long", 400);
    enum error error = oauth_form_parse(query, asking->x->arena, &asking->form);
    if (error == ERROR_PARSE || error == ERROR_LIMIT)
        return show_error(asking, "the request cannot be read", 400);
    TRY(error);
    asking->client = oauth_form_has(form, OAUTH_CLIENT_ID)
                         ? oauthclient_find(&identity_of(asking)->config->oauth, form->values[OAUTH_CLIENT_ID])
                         : NULL;
    if (!asking->client)
        return show_error(asking, "the client is not known here", 400);
    asking->redirect = form->values[OAUTH_REDIRECT_URI];
    if (!oauth_form_has(form, OAUTH_REDIRECT_URI) || !oauthclient_has_redirect(asking->client, asking->redirect))
        return show_error(asking, "the redirect_uri is not one of the client's", 400);
    return OK;
}

static bool is_challenge(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_letter && !(byte >= '0' && byte <= '9') && byte != '-' && byte != '_')
            return false;
    }
    return text.len == CHALLENGE_BYTES;
}

static bool read_prompt(struct asking *asking)
{
    struct slice rest = asking->form.values[OAUTH_PROMPT], word;
    unsigned count = 0;
    while (rest.len > 0 && slice_split(&rest, ' ', &word)) {
        bool is_select = slice_eq_text(word, "select_account");
        count++;
        if (slice_eq_text(word, "none"))
            asking->is_none = true;
        else if (slice_eq_text(word, "login") || is_select)
            asking->is_login = true;
        else if (slice_eq_text(word, "consent"))
            asking->is_consent = true;
        else
            return false;
    }
    return !asking->is_none || count == 1;
}

static enum error read_scope(struct asking *asking)
{
    struct slice text = asking->form.values[OAUTH_SCOPE];
    if (text.len == 0) {
        asking->scopes = asking->client->scopes;
        return OK;
    }
    enum error error = oauthclient_read_scope(text, asking->x->arena, &asking->scopes);
    if (error == ERROR_VALIDATION || (error == OK && !oauthclient_covers(asking->client->scopes, asking->scopes)))
        return refuse(asking, "invalid_scope", "the client may not ask for this");
    return error;
}

static enum error read_request(struct asking *asking)
{
    const struct slice *values = asking->form.values;
    if (asking->form.twice)
        return refuse(asking, "invalid_request", "a parameter stands there twice");
    if (values[OAUTH_REQUEST].len > 0)
        return refuse(asking, "request_not_supported", NULL);
    if (values[OAUTH_REQUEST_URI].len > 0)
        return refuse(asking, "request_uri_not_supported", NULL);
    if (values[OAUTH_RESPONSE_TYPE].len == 0)
        return refuse(asking, "invalid_request", "response_type is required");
    if (!slice_eq_text(values[OAUTH_RESPONSE_TYPE], "code"))
        return refuse(asking, "unsupported_response_type", "response_type must be code");
    if (values[OAUTH_RESPONSE_MODE].len > 0 && !slice_eq_text(values[OAUTH_RESPONSE_MODE], "query"))
        return refuse(asking, "invalid_request", "response_mode must be query");
    if (!oauthclient_may(asking->client, OAUTHCLIENT_CODE))
        return refuse(asking, "unauthorized_client", "the client may not do this");
    if (!slice_eq_text(values[OAUTH_CODE_CHALLENGE_METHOD], "S256") || !is_challenge(values[OAUTH_CODE_CHALLENGE]))
        return refuse(asking, "invalid_request", "code_challenge is required, with code_challenge_method S256");
    if (!read_prompt(asking))
        return refuse(asking, "invalid_request", "prompt must be none, or any of login and consent");
    return read_scope(asking);
}

/* ---- pages ---- */

static enum error make_page(struct asking *asking, struct slice id, const char *problem, struct oauth_page *out)
{
    const struct identity *identity = identity_of(asking);
    const struct field *login = identity->form.login;
    *out = (struct oauth_page){.app = identity->config->app,
                               .client = asking->client->name,
                               .query = asking->x->head->query,
                               .redirect = asking->redirect,
                               .problem = problem,
                               .login_name = login->json_name,
                               .is_email = login->type.kind == FIELD_EMAIL,
                               .scopes = asking->scopes};
    return credential_make_form(identity->mac, id, out->query, asking->x->now_us, asking->x->arena, &out->form);
}

static enum error show_signin(struct asking *asking, struct slice login, const char *problem, int status)
{
    const struct identity_config *config = identity_of(asking)->config;
    struct oauth_page page;
    struct buf again;
    asking->is_answered = true;
    TRY(make_page(asking, SLICE(""), problem, &page));
    page.login = login;
    buf_init(&again, LOCATION_BYTES_MAX);
    put_again(asking, &again);
    page.again = buf_slice(&again);
    if (provider_state_is_path(page.again)) { /* else it is too long to be taken to a provider and back */
        page.providers = config->providers;
        page.provider_count = config->provider_count;
    }
    enum error error = buf_error(&again);
    if (error == OK)
        error = oauth_page_signin(asking->x, &page, status);
    buf_fini(&again);
    return error;
}

static enum error show_consent(struct asking *asking, const char *problem)
{
    struct oauth_page page;
    struct account account;
    struct buf other;
    TRY(make_page(asking, asking->principal->id, problem, &page));
    enum error error = account_find_key(&asking->session, &identity_of(asking)->form, asking->principal->account,
                                        asking->x->arena, &account);
    if (error == ERROR_NOT_FOUND) /* deleted meanwhile */
        return show_signin(asking, SLICE(""), NULL, 200);
    TRY(error);
    page.login = account.login;
    buf_init(&other, LOCATION_BYTES_MAX);
    put_query(asking, "login", &other);
    page.other_query = buf_slice(&other);
    asking->is_answered = true;
    error = buf_error(&other);
    if (error == OK)
        error = oauth_page_consent(asking->x, &page, problem ? 403 : 200);
    buf_fini(&other);
    return error;
}

static enum error ask_signin(struct asking *asking)
{
    return asking->is_none ? refuse(asking, "login_required", NULL) : show_signin(asking, SLICE(""), NULL, 200);
}

static enum error ask_consent(struct asking *asking)
{
    return asking->is_none ? refuse(asking, "consent_required", NULL) : show_consent(asking, NULL);
}

/* ---- codes ---- */

static enum error give_code(struct asking *asking, bool is_new)
{
    const struct oauthgrant_leave leave = {.client = asking->client,
                                           .person = asking->principal,
                                           .redirect = asking->redirect,
                                           .challenge = asking->form.values[OAUTH_CODE_CHALLENGE],
                                           .scopes = asking->scopes,
                                           .is_new = is_new};
    struct slice code;
    TRY(oauthcode_make(&asking->session, &code));
    TRY(send_back(asking, "code", code, NULL));
    enum error error = oauthgrant_allow(asking->oauth->identity, asking->x, &asking->session, &leave, code);
    if (error == ERROR_UNAUTHORIZED || error == ERROR_FORBIDDEN)
        exchange_reset_answer(asking->x);
    if (error == ERROR_UNAUTHORIZED)
        return ask_signin(asking);
    return error == ERROR_FORBIDDEN ? ask_consent(asking) : error;
}

static enum error decide(struct asking *asking)
{
    struct slice allowed;
    TRY(consent_find(&asking->session, asking->principal->account, asking->client->id, &allowed));
    bool is_allowed =
        oauthclient_covers(allowed, asking->scopes) && oauthclient_is_certain(asking->client, asking->redirect);
    if (is_allowed && !asking->is_consent)
        return give_code(asking, false);
    return ask_consent(asking);
}

static enum error begin_asking(struct asking *asking)
{
    TRY(read_client(asking));
    if (!asking->is_answered)
        TRY(read_request(asking));
    if (asking->is_answered)
        return OK;
    TRY(gate_find_cookie(asking->x, asking->oauth->identity, &asking->principal));
    asking->x->caller = asking->principal ? &asking->principal->caller : NULL;
    return OK;
}

static enum error show(struct asking *asking)
{
    TRY(begin_asking(asking));
    if (asking->is_answered)
        return OK;
    if (asking->principal && !asking->is_login)
        return decide(asking);
    return ask_signin(asking);
}

/* ---- what people answer ---- */

static bool is_form(const struct asking *asking, const struct oauth_form *sent, struct slice id)
{
    const struct exchange *x = asking->x;
    return oauth_form_has(sent, OAUTH_FORM) && credential_is_form(identity_of(asking)->mac, id, x->head->query,
                                                                  sent->values[OAUTH_FORM], x->now_us, x->arena);
}

static enum error go_on(struct signin *signin, void *asking)
{
    return send_on(asking);
}

static enum error try_password(struct asking *asking, struct slice login, struct slice password)
{
    struct signin signin;
    signin_init(&signin, asking->oauth->identity, asking->x, &asking->session, SIGNIN_COOKIE);
    signin.answer = go_on;
    signin.answer_state = asking;
    enum error error = signin_password(&signin, login, password);
    signin_fini(&signin);
    if (error == ERROR_UNAUTHORIZED)
        return show_signin(asking, login, "The account or the password is wrong.", 403);
    if (error == ERROR_RATE_LIMITED)
        return show_signin(asking, login, "There were too many attempts. Try again later.", 429);
    return error;
}

static enum error sign_in(struct asking *asking, const struct oauth_form *sent)
{
    struct slice login = sent->values[OAUTH_LOGIN], password = sent->values[OAUTH_PASSWORD];
    if (!is_form(asking, sent, SLICE("")))
        return show_signin(asking, login, "This page was open for too long. Try again.", 403);
    if (!oauth_form_has(sent, OAUTH_LOGIN) || !oauth_form_has(sent, OAUTH_PASSWORD) || login.len > TEXT_BYTES_MAX ||
        password.len > TEXT_BYTES_MAX)
        return show_signin(asking, SLICE(""), "Fill in both fields.", 400);
    return try_password(asking, login, password);
}

static enum error take_decision(struct asking *asking, const struct oauth_form *sent)
{
    struct slice decision = sent->values[OAUTH_DECISION];
    if (!asking->principal)
        return send_on(asking);
    if (!is_form(asking, sent, asking->principal->id))
        return show_consent(asking, "This page was open for too long. Try again.");
    if (slice_eq_text(decision, "allow"))
        return give_code(asking, true);
    if (!slice_eq_text(decision, "deny"))
        return show_consent(asking, "Say whether you allow this.");
    gate_tell(identity_of(asking), asking->x, AUDIT_CONSENT_DENIED, asking->client->id, NULL);
    return refuse(asking, "access_denied", NULL);
}

static enum error take(struct asking *asking)
{
    struct oauth_form sent;
    TRY(begin_asking(asking));
    if (asking->is_answered)
        return OK;
    if (gate_check_origin(asking->x) != OK)
        return show_error(asking, "the form was sent by a page of another site", 403);
    enum error error = oauth_form_read(asking->x, &sent);
    if (error == ERROR_PARSE || error == ERROR_LIMIT || error == ERROR_UNSUPPORTED_MEDIA_TYPE)
        return show_error(asking, "the form cannot be read", 400);
    TRY(error);
    return sent.values[OAUTH_DECISION].len > 0 ? take_decision(asking, &sent) : sign_in(asking, &sent);
}

static enum error run(struct exchange *x, struct oauth *oauth, enum error (*task)(struct asking *))
{
    struct asking asking = {.oauth = oauth, .x = x};
    oauth_begin(oauth, x, &asking.session);
    enum error error = task(&asking);
    session_fini(&asking.session);
    x->caller = NULL;
    principal_release(asking.principal);
    return error;
}

enum error oauth_authorize_get(struct exchange *x, void *oauth)
{
    return run(x, oauth, show);
}

enum error oauth_authorize_post(struct exchange *x, void *oauth)
{
    return run(x, oauth, take);
}
