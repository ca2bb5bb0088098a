/* SPDX-License-Identifier: Apache-2.0 */
/* Consents of whoever asks, in the app's envelope as the other routes under /auth. */
#include "api/oauth_consent.h"

#include "api/envelope.h"
#include "api/oauth.h"
#include "base/jsonwrite.h"
#include "base/timecode.h"
#include "model/model.h"
#include "svc/consent.h"
#include "svc/gate.h"
#include "svc/identity.h"

typedef enum error consent_task(struct oauth *oauth, struct exchange *x, struct session *session,
                                const struct principal *principal);

static void put_consent(const struct oauth *oauth, const struct consent *consent, struct buf *out)
{
    const struct oauthclient *client = oauthclient_find(&oauth->identity->config->oauth, consent->client);
    char given[TIMECODE_DATETIME_BYTES];
    timecode_format_datetime(consent->given_us, given);
    buf_put_literal(out, "{\"client\":");
    jsonwrite_string(out, consent->client);
    buf_put_literal(out, ",\"name\":");
    jsonwrite_string(out, client ? client->name : consent->client);
    buf_put_literal(out, ",\"scope\":");
    jsonwrite_string(out, consent->scopes);
    buf_put_literal(out, ",\"given_at\":");
    jsonwrite_string(out, slice_of(given, sizeof given));
    buf_put_byte(out, '}');
}

static enum error list(struct oauth *oauth, struct exchange *x, struct session *session,
                       const struct principal *principal)
{
    const struct api_settings *settings = &oauth->rest->settings;
    const struct consent *consents;
    size_t count;
    TRY(consent_list(session, principal->account, &consents, &count));
    envelope_begin(settings, &x->body);
    buf_put_byte(&x->body, '[');
    for (size_t i = 0; i < count; i++) {
        buf_put_text(&x->body, i > 0 ? "," : "");
        put_consent(oauth, &consents[i], &x->body);
    }
    buf_put_byte(&x->body, ']');
    envelope_end(settings, &x->body, NULL, x->now_us);
    exchange_status(x, 200);
    return buf_error(&x->body);
}

struct withdrawing {
    const struct identity *identity;
    const struct principal *principal;
    struct slice client;
};

/* With the account held: a code that somebody is being given is waited for, and seen. */
static enum error take_back(struct session *session, void *argument)
{
    const struct withdrawing *withdrawing = argument;
    const struct principal *principal = withdrawing->principal;
    struct account account;
    TRY(account_hold(session, &withdrawing->identity->form, principal->caller.id, session->arena, &account));
    return consent_withdraw(session, principal->account, withdrawing->client);
}

static enum error withdraw(struct oauth *oauth, struct exchange *x, struct session *session,
                           const struct principal *principal)
{
    struct withdrawing withdrawing = {oauth->identity, principal, x->params[0]};
    TRY(session_write(session, DB_READ_COMMITTED, take_back, &withdrawing));
    identity_changed(oauth->identity, principal->account);
    gate_tell(oauth->identity, x, AUDIT_CONSENT_WITHDRAWN, withdrawing.client, NULL);
    exchange_status(x, 204);
    return OK;
}

static enum error run(struct exchange *x, struct oauth *oauth, consent_task *task)
{
    struct session session;
    const struct principal *principal;
    TRY(gate_require_person(x, &principal));
    enum error error = rest_begin(x, oauth->rest->model, &session);
    session.position = DB_POSITION_PRIMARY;
    if (error == OK)
        error = task(oauth, x, &session, principal);
    session_fini(&session);
    return error;
}

enum error oauth_consent_list(struct exchange *x, void *oauth)
{
    return run(x, oauth, list);
}

enum error oauth_consent_withdraw(struct exchange *x, void *oauth)
{
    return run(x, oauth, withdraw);
}
