/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in with a provider.
 *
 *     GET /auth/provider/:name            a state and a cookie of its own; the browser goes to the provider
 *     GET /auth/provider/:name/callback   the browser is back: state, code, ID token, account, sign-in
 *
 * The state is used up before the provider is asked, so that of many who bring the same one a single one goes on. What
 * the provider says of an error is shown, but only to the browser that has begun. No token is ever part of a URL: where
 * tokens are asked for, the callback answers with them. A refusal is a page where a browser shows it to somebody. */
#include "api/auth_provider.h"

#include "api/auth.h"
#include "api/envelope.h"
#include "api/oauth.h"
#include "api/page.h"
#include "base/base64.h"
#include "base/jsonwrite.h"
#include "base/percent.h"
#include "base/timecode.h"
#include "http/http1.h"
#include "http/urlquery.h"
#include "model/model.h"
#include "rt/core.h"
#include "svc/credential.h"
#include "svc/gate.h"
#include "svc/provider_link.h"
#include "svc/provider_signin.h"
#include "svc/provider_state.h"

enum { LOCATION_BYTES_MAX = 8 * 1024, CODE_BYTES_MAX = 4096, RETRY_AFTER_S = 5 };

/* ---- parameters ---- */

struct parameter {
    const char *name;
    struct slice *out; /* NULL pointer: not sent */
};

/* The values of those that are known, each at most once. Providers may add others to what they send back. */
static enum error read_parameters(struct exchange *x, const struct parameter *known, size_t count, bool may_have_others)
{
    struct urlquery query;
    TRY(urlquery_parse(x->head->query, URLQUERY_PAIRS_MAX, x->arena, &x->diag, &query));
    for (size_t i = 0; i < query.count; i++) {
        const struct urlquery_pair *pair = &query.pairs[i];
        size_t k = 0;
        while (k < count && (pair->op.ptr || !slice_eq_text(pair->name, known[k].name)))
            k++;
        if (k == count && !may_have_others)
            diag_field(&x->diag, pair->name, NULL, "is not a parameter here");
        else if (k < count && known[k].out->ptr)
            diag_field(&x->diag, pair->name, NULL, "stands twice");
        else if (k < count)
            *known[k].out = slice_of(pair->value.ptr ? pair->value.ptr : "", pair->value.len);
    }
    return x->diag.count > 0 ? ERROR_VALIDATION : OK;
}

static enum error find_provider(const struct auth *auth, struct exchange *x, struct provider **out)
{
    *out = identity_find_provider(auth->identity, x->params[0]);
    if (*out)
        return OK;
    diag_say(&x->diag, "GET /auth/providers names them", "there is no provider of this name");
    return ERROR_NOT_FOUND;
}

static enum error make_redirect(const struct auth *auth, const struct provider *provider, struct arena *arena,
                                struct slice *out)
{
    *out = slice_from(arena_printf(arena, "%.*s/auth/provider/%.*s/callback", SLICE_ARG(auth->identity->config->url),
                                   SLICE_ARG(provider_config(provider)->name)));
    return out->ptr ? OK : ERROR_MEMORY;
}

static enum error unavailable(struct exchange *x, enum error error)
{
    if (error != ERROR_UNAVAILABLE && error != ERROR_LIMIT)
        return error;
    x->retry_after_s = RETRY_AFTER_S;
    diag_say(&x->diag, "try again in a moment", "the provider cannot be reached, or does not answer as it should");
    return ERROR_UNAVAILABLE;
}

static void send_to(struct exchange *x, int status, struct slice location)
{
    exchange_add_header(x, "Location", location);
    exchange_add_header(x, "Cache-Control", SLICE("no-store"));
    exchange_status(x, status);
}

static void put_pair(struct buf *out, const char *name, struct slice value)
{
    buf_put_text(out, name);
    percent_encode_query(out, value);
}

/* Whoever sits before a browser is told with a page, and a link to where it began. */
static enum error tell(struct exchange *x, const struct auth *auth, const struct provider *provider,
                       const struct provider_state *state, enum error error)
{
    struct buf again;
    if (error == OK)
        return OK;
    buf_init(&again, LOCATION_BYTES_MAX);
    buf_put_literal(&again, "/auth/provider/");
    buf_put_slice(&again, provider_config(provider)->name);
    if (state->mode == SIGNIN_TOKENS)
        buf_put_literal(&again, "?session=token");
    else if (state->path.len > 0)
        put_pair(&again, "?return=", state->path);
    const struct page_trouble trouble = {"Signing in did not work", auth->identity->config->app, buf_slice(&again)};
    error = buf_failed(&again) ? error : page_tell(x, error, &trouble);
    buf_fini(&again);
    return error;
}

/* ---- to the provider ---- */

struct departure {
    struct slice redirect, state, nonce, challenge;
};

static void put_location(const struct provider_config *config, const struct provider_metadata *metadata,
                         const struct departure *departure, struct buf *out)
{
    bool has_query = slice_index(metadata->authorization, '?') < metadata->authorization.len;
    buf_put_slice(out, metadata->authorization);
    put_pair(out, has_query ? "&response_type=" : "?response_type=", SLICE("code"));
    put_pair(out, "&client_id=", config->client);
    put_pair(out, "&redirect_uri=", departure->redirect);
    put_pair(out, "&scope=", config->scopes);
    put_pair(out, "&state=", departure->state);
    put_pair(out, "&nonce=", departure->nonce);
    put_pair(out, "&code_challenge=", departure->challenge);
    put_pair(out, "&code_challenge_method=", SLICE("S256"));
}

static enum error make_departure(const struct auth *auth, const struct provider *provider,
                                 const struct provider_state *state, struct slice cookie, struct arena *arena,
                                 struct departure *out)
{
    const struct provider_state_binding binding = {auth->identity->mac, provider_config(provider)->name, cookie};
    struct slice verifier;
    TRY(make_redirect(auth, provider, arena, &out->redirect));
    TRY(provider_state_make(&binding, state, arena, &out->state));
    TRY(provider_state_nonce(&binding, state->id, arena, &out->nonce));
    TRY(provider_state_verifier(&binding, state->id, arena, &verifier));
    return provider_state_challenge(verifier, arena, &out->challenge);
}

static enum error leave(const struct auth *auth, struct exchange *x, struct session *session, struct provider *provider,
                        struct provider_state *state)
{
    struct provider_hold *hold;
    const char *reason = NULL;
    struct departure departure;
    struct slice cookie = provider_state_cookie(x); /* of another tab: what it has begun goes on */
    struct buf location;
    TRY(unavailable(x, provider_discover(provider, x->fiber, x->deadline, &hold, &reason)));
    buf_init(&location, LOCATION_BYTES_MAX);
    enum error error = cookie.len > 0 ? OK : credential_random(session->core->random, x->arena, &cookie);
    if (error == OK)
        error = credential_random(session->core->random, x->arena, &state->id);
    if (error == OK)
        error = make_departure(auth, provider, state, cookie, x->arena, &departure);
    if (error == OK) {
        put_location(provider_config(provider), &hold->metadata, &departure, &location);
        error = buf_error(&location);
    }
    if (error == OK) {
        provider_state_put_cookie(x, cookie);
        send_to(x, 302, buf_slice(&location));
    }
    buf_fini(&location);
    provider_release(hold);
    return error;
}

static enum error read_wish(struct exchange *x, struct provider_state *out)
{
    struct slice session = {NULL, 0}, path = {NULL, 0};
    const struct parameter known[] = {{"session", &session}, {"return", &path}};
    TRY(read_parameters(x, known, ARRAY_LEN(known), false));
    bool wants_tokens = slice_eq_text(session, "token");
    if (session.ptr && !wants_tokens && !slice_eq_text(session, "cookie"))
        diag_field(&x->diag, SLICE("session"), NULL, "must be cookie or token");
    if (path.ptr && !provider_state_is_path(path))
        diag_field(&x->diag, SLICE("return"), "such as /welcome", "must be a path of this site");
    else if (path.ptr && wants_tokens)
        diag_field(&x->diag, SLICE("return"), NULL, "is for session=cookie: tokens are the answer itself");
    *out = (struct provider_state){.mode = wants_tokens ? SIGNIN_TOKENS : SIGNIN_COOKIE,
                                   .path = path.ptr ? path : SLICE(""),
                                   .expires_s = x->now_us / 1000000 + PROVIDER_STATE_S};
    return x->diag.count > 0 ? ERROR_VALIDATION : OK;
}

enum error auth_provider_depart(struct exchange *x, void *data)
{
    struct auth *auth = data;
    struct provider *provider;
    struct provider_state state;
    struct session session;
    TRY(find_provider(auth, x, &provider));
    TRY(read_wish(x, &state));
    rest_begin_page(x, auth->rest->model, &session);
    enum error error = leave(auth, x, &session, provider, &state);
    session_fini(&session);
    return tell(x, auth, provider, &state, error);
}

/* ---- and back ---- */

struct arrival {
    struct auth *auth;
    struct exchange *x;
    struct session *session;
    struct provider *provider;
    struct provider_hold *hold;
    struct provider_state state;
    struct provider_state_binding binding;
    struct slice code, text, issuer, error, description; /* parameters */
    struct provider_signin entry;
    bool is_first;
};

static enum error refuse(struct arrival *arrival, const char *sentence)
{
    struct exchange *x = arrival->x;
    gate_tell(arrival->auth->identity, x, AUDIT_PROVIDER_REFUSED, provider_config(arrival->provider)->name, sentence);
    diag_say(&x->diag, "begin the sign-in again", "%s", sentence);
    return ERROR_FORBIDDEN;
}

static enum error use_state(struct session *session, void *argument)
{
    struct arrival *arrival = argument;
    return provider_link_use_state(session, arrival->state.id, arrival->state.expires_s * 1000000, &arrival->is_first);
}

static enum error take_state(struct arrival *arrival)
{
    struct exchange *x = arrival->x;
    arrival->binding = (struct provider_state_binding){
        arrival->auth->identity->mac, provider_config(arrival->provider)->name, provider_state_cookie(x)};
    if (!provider_state_parse(&arrival->binding, arrival->text, x->now_us, x->arena, &arrival->state))
        return refuse(arrival, "this sign-in was not begun in this browser, or too long ago");
    TRY(session_write(arrival->session, DB_READ_COMMITTED, use_state, arrival));
    return arrival->is_first ? OK : refuse(arrival, "this sign-in has been used already");
}

/* What a provider says instead of a code (RFC 6749 section 4.1.2.1). */
static enum error show_error(struct arrival *arrival)
{
    struct diag *diag = &arrival->x->diag;
    gate_tell(arrival->auth->identity, arrival->x, AUDIT_PROVIDER_REFUSED, provider_config(arrival->provider)->name,
              "the provider says an error");
    const char *code = diag_quote(diag, arrival->error);
    const char *more = arrival->description.len > 0 ? diag_quote(diag, arrival->description) : "";
    diag_say(diag, "begin the sign-in again", "the provider has refused: %s%s%s", code, more[0] ? " " : "", more);
    return ERROR_FORBIDDEN;
}

/* Which provider this answer is from, if it says so: not another than the one that was asked (RFC 9207). */
static enum error check_issuer(struct arrival *arrival)
{
    bool is_said = arrival->issuer.ptr != NULL;
    if (is_said ? slice_eq(arrival->issuer, provider_config(arrival->provider)->issuer)
                : !arrival->hold->metadata.names_itself)
        return OK;
    return refuse(arrival, "this answer is from another provider than the one that was asked");
}

/* Where the browser goes: the path that was asked for, on the site that the app file says; but the pages of OAuth are
 * here. */
static enum error make_target(const struct arrival *arrival, struct slice *out)
{
    struct slice after = arrival->auth->identity->config->after, path = arrival->state.path;
    if (path.len == 0 || !provider_state_is_path(path)) {
        *out = after.len > 0 ? after : SLICE("/");
        return OK;
    }
    if (slice_starts(path, SLICE(OAUTH_AUTHORIZE "?"))) {
        *out = path;
        return OK;
    }
    size_t host = slice_starts(after, SLICE("https://")) ? 8 : slice_starts(after, SLICE("http://")) ? 7 : after.len;
    size_t end = host + slice_index(slice_from_index(after, host), '/');
    struct slice origin = host < after.len ? slice_of(after.ptr, end) : SLICE("");
    *out = slice_from(arena_printf(arrival->x->arena, "%.*s%.*s", SLICE_ARG(origin), SLICE_ARG(path)));
    return out->ptr ? OK : ERROR_MEMORY;
}

struct making {
    struct auth *auth;
    struct exchange *x;
};

static enum error before_create(void *state)
{
    const struct making *making = state;
    const struct rest *rest = making->auth->rest;
    return rest->before
               ? rest->before(rest->before_state, making->x, making->auth->identity->form.resource, ACTION_CREATE)
               : OK;
}

static enum error answer(struct signin *signin, void *state)
{
    struct arrival *arrival = state;
    struct exchange *x = arrival->x;
    struct slice target;
    if (signin->mode == SIGNIN_TOKENS) {
        TRY(auth_answer(signin, arrival->auth));
        exchange_status(x, arrival->entry.is_new ? 201 : 200);
        return OK;
    }
    TRY(make_target(arrival, &target));
    send_to(x, 303, target);
    return buf_error(&x->headers);
}

static enum error enter(struct arrival *arrival, struct signin *signin)
{
    struct exchange *x = arrival->x;
    struct making making = {arrival->auth, x};
    struct provider_signin *entry = &arrival->entry;
    *entry = (struct provider_signin){.signin = signin, .before = before_create, .before_state = &making};
    struct provider_token_request *token = &entry->token;
    *token =
        (struct provider_token_request){.provider = arrival->provider, .hold = arrival->hold, .code = arrival->code};
    signin->mode = arrival->state.mode;
    signin->answer = answer;
    signin->answer_state = arrival;
    TRY(provider_state_nonce(&arrival->binding, arrival->state.id, x->arena, &token->nonce));
    TRY(provider_state_verifier(&arrival->binding, arrival->state.id, x->arena, &token->verifier));
    TRY(make_redirect(arrival->auth, arrival->provider, x->arena, &token->redirect));
    TRY(provider_signin_identify(entry));
    return provider_signin_enter(entry);
}

static enum error take(struct arrival *arrival, struct signin *signin)
{
    struct exchange *x = arrival->x;
    const char *reason = NULL;
    TRY(take_state(arrival));
    TRY(unavailable(x, provider_discover(arrival->provider, x->fiber, x->deadline, &arrival->hold, &reason)));
    TRY(check_issuer(arrival));
    if (arrival->error.ptr)
        return show_error(arrival);
    if (arrival->code.len > 0 && arrival->code.len <= CODE_BYTES_MAX)
        return enter(arrival, signin);
    return refuse(arrival, "the provider has sent no code");
}

static enum error read_answer(struct arrival *arrival)
{
    const struct parameter known[] = {{"code", &arrival->code},
                                      {"state", &arrival->text},
                                      {"iss", &arrival->issuer},
                                      {"error", &arrival->error},
                                      {"error_description", &arrival->description}};
    return read_parameters(arrival->x, known, ARRAY_LEN(known), true);
}

enum error auth_provider_arrive(struct exchange *x, void *data)
{
    struct arrival arrival = {.auth = data, .x = x, .state.mode = SIGNIN_COOKIE};
    struct session session;
    struct signin signin;
    if (x->head->method == HTTP_HEAD) /* a look that would use up the state */
        return ERROR_METHOD_NOT_ALLOWED;
    TRY(find_provider(data, x, &arrival.provider));
    TRY(read_answer(&arrival));
    rest_begin_page(x, arrival.auth->rest->model, &session);
    arrival.session = &session;
    signin_init(&signin, arrival.auth->identity, x, &session, SIGNIN_COOKIE);
    enum error error = take(&arrival, &signin);
    provider_release(arrival.hold);
    signin_fini(&signin);
    session_fini(&session);
    return tell(x, data, arrival.provider, &arrival.state, error);
}

/* ---- what there is ---- */

enum error auth_provider_list(struct exchange *x, void *data)
{
    const struct auth *auth = data;
    const struct identity_config *config = auth->identity->config;
    struct buf *out = &x->body;
    envelope_begin(&auth->rest->settings, out);
    buf_put_byte(out, '[');
    for (size_t i = 0; i < config->provider_count; i++) {
        struct slice name = config->providers[i].name;
        const char *url = arena_printf(x->arena, "%.*s/auth/provider/%.*s", SLICE_ARG(config->url), SLICE_ARG(name));
        if (!url)
            return ERROR_MEMORY;
        buf_put_text(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        jsonwrite_string(out, name);
        buf_put_literal(out, ",\"url\":");
        jsonwrite_string(out, slice_from(url));
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, ']');
    envelope_end(&auth->rest->settings, out, NULL, x->now_us);
    exchange_status(x, 200);
    return buf_error(out);
}

/* ---- of an account ---- */

static void put_link(const struct provider_link *link, struct buf *out)
{
    char room[TIMECODE_DATETIME_BYTES];
    timecode_format_datetime(link->created_us, room);
    buf_put_literal(out, "{\"provider\":");
    jsonwrite_string(out, link->provider);
    buf_put_literal(out, ",\"email\":");
    jsonwrite_string(out, link->email);
    buf_put_literal(out, ",\"created_at\":");
    jsonwrite_string(out, slice_of(room, sizeof room));
    buf_put_byte(out, '}');
}

static enum error put_links(struct auth *auth, struct exchange *x, struct session *session)
{
    const struct principal *principal;
    struct provider_link *links;
    size_t count;
    TRY(gate_require_person(x, &principal));
    TRY(provider_link_list(session, principal->account, &links, &count));
    envelope_begin(&auth->rest->settings, &x->body);
    buf_put_byte(&x->body, '[');
    for (size_t i = 0; i < count; i++) {
        buf_put_text(&x->body, i > 0 ? "," : "");
        put_link(&links[i], &x->body);
    }
    buf_put_byte(&x->body, ']');
    envelope_end(&auth->rest->settings, &x->body, NULL, x->now_us);
    exchange_status(x, 200);
    return buf_error(&x->body);
}

struct removal {
    const struct identity *identity;
    struct slice account, provider;
    bool is_last;
};

/* Whoever has neither a password nor another provider would never come in again. */
static enum error remove_link(struct session *session, void *argument)
{
    struct removal *removal = argument;
    struct account account;
    struct provider_link *links;
    size_t count, others = 0;
    bool is_there = false;
    int64_t removed;
    const struct account_form *form = &removal->identity->form;
    TRY(account_find_key(session, form, removal->account, session->arena, &account));
    TRY(account_hold(session, form, account.id, session->arena, &account));
    TRY(provider_link_list(session, removal->account, &links, &count));
    for (size_t i = 0; i < count; i++) {
        bool is_other = !slice_eq(links[i].provider, removal->provider);
        is_there |= !is_other;
        others += is_other && identity_find_provider(removal->identity, links[i].provider); /* it is declared still */
    }
    if (!is_there)
        return ERROR_NOT_FOUND;
    removal->is_last = others == 0 && account.hash.len == 0;
    if (removal->is_last)
        return ERROR_CONFLICT;
    return provider_link_delete_of(session, removal->account, removal->provider, &removed);
}

static enum error take_link(struct auth *auth, struct exchange *x, struct session *session)
{
    const struct principal *principal;
    TRY(gate_require_person(x, &principal));
    struct removal removal = {
        .identity = auth->identity, .account = principal->account, .provider = x->params[0], .is_last = false};
    enum error error = session_write(session, DB_READ_COMMITTED, remove_link, &removal);
    if (error == ERROR_CONFLICT && removal.is_last)
        diag_say(&x->diag, "set a password first: POST /auth/password/forgot", "this is the only way into the account");
    TRY(error);
    gate_tell(auth->identity, x, AUDIT_IDENTITY_REMOVED, x->params[0], NULL);
    exchange_status(x, 204);
    return OK;
}

static enum error run(struct exchange *x, struct auth *auth,
                      enum error (*what)(struct auth *, struct exchange *, struct session *))
{
    struct session session;
    enum error error = rest_begin(x, auth->rest->model, &session);
    session.position = DB_POSITION_PRIMARY;
    if (error == OK)
        error = what(auth, x, &session);
    session_fini(&session);
    return error;
}

enum error auth_provider_list_links(struct exchange *x, void *data)
{
    return run(x, data, put_links);
}

enum error auth_provider_remove_link(struct exchange *x, void *data)
{
    return run(x, data, take_link);
}
