/* SPDX-License-Identifier: Apache-2.0 */
/* Who I am, and my password. */
#include "api/auth_account.h"

#include "api/auth.h"
#include "api/envelope.h"
#include "base/bits.h"
#include "base/jsonwrite.h"
#include "model/model.h"
#include "svc/credential.h"
#include "svc/gate.h"
#include "svc/recovery.h"

typedef enum error auth_task(struct auth *auth, struct exchange *x, struct session *session);

static enum error run(struct exchange *x, struct auth *auth, auth_task *task)
{
    struct session session;
    enum error error = rest_begin(x, auth->rest->model, &session);
    if (error == OK)
        error = task(auth, x, &session);
    session_fini(&session);
    return error;
}

static void put_permissions(const struct schema *schema, const uint64_t *set, struct buf *out)
{
    bool is_first = true;
    buf_put_byte(out, '[');
    for (size_t i = 0; set && i < schema->permission_count; i++) {
        if (!bits_has(set, i))
            continue;
        buf_put_text(out, is_first ? "" : ",");
        is_first = false;
        jsonwrite_string(out, schema->permissions[i]);
    }
    buf_put_byte(out, ']');
}

static enum error put_me(struct auth *auth, struct exchange *x, struct session *session,
                         const struct principal *principal)
{
    const struct schema *schema = auth->rest->model->schema;
    const struct caller *caller = &principal->caller;
    struct buf *out = &x->body;
    buf_put_literal(out, "{\"name\":");
    jsonwrite_string(out, caller->name);
    if (caller->role.len > 0) {
        buf_put_literal(out, ",\"role\":");
        jsonwrite_string(out, caller->role);
    }
    buf_put_literal(out, ",\"permissions\":");
    put_permissions(schema, caller->held, out);
    if (caller->scopes) {
        buf_put_literal(out, ",\"scopes\":");
        put_permissions(schema, caller->scopes, out);
    }
    if (principal->kind == PRINCIPAL_COOKIE) {
        struct slice token;
        TRY(credential_make_csrf(auth->identity->mac, principal->id, session->core->random, x->arena, &token));
        buf_put_literal(out, ",\"csrf_token\":");
        jsonwrite_string(out, token);
    }
    if (auth->identity->has_accounts && caller->id.kind != VALUE_NULL)
        TRY(auth_put_account(auth, session, caller->id, out));
    buf_put_byte(out, '}');
    return OK;
}

static enum error me(struct auth *auth, struct exchange *x, struct session *session)
{
    const struct principal *principal = gate_principal(x);
    if (!principal)
        return ERROR_UNAUTHORIZED;
    envelope_begin(&auth->rest->settings, &x->body);
    TRY(put_me(auth, x, session, principal));
    envelope_end(&auth->rest->settings, &x->body, NULL, x->now_us);
    exchange_status(x, 200);
    return buf_error(&x->body);
}

static enum error change_password(struct auth *auth, struct exchange *x, struct session *session)
{
    struct slice present = {NULL, 0}, wanted = {NULL, 0};
    const struct auth_text texts[] = {{SLICE("current_password"), &present, false},
                                      {SLICE("new_password"), &wanted, false}};
    struct signin signin;
    if (!gate_principal(x))
        return ERROR_UNAUTHORIZED;
    TRY(auth_read_texts(x, session, texts, ARRAY_LEN(texts)));
    signin_init(&signin, auth->identity, x, session, SIGNIN_TOKENS);
    signin.answer = auth_answer;
    signin.answer_state = auth;
    enum error error = signin_change_password(&signin, present, wanted);
    signin_fini(&signin);
    return error;
}

static enum error forgot(struct auth *auth, struct exchange *x, struct session *session)
{
    struct slice login = {NULL, 0};
    const struct auth_text texts[] = {{auth->identity->form.login->json_name, &login, false}};
    TRY(auth_read_texts(x, session, texts, ARRAY_LEN(texts)));
    TRY(recovery_ask(auth->identity, x, session, login));
    exchange_add_header(x, "Cache-Control", SLICE("no-store"));
    exchange_status(x, 204);
    return OK;
}

static enum error reset(struct auth *auth, struct exchange *x, struct session *session)
{
    struct slice token = {NULL, 0}, wanted = {NULL, 0};
    const struct auth_text texts[] = {{SLICE("token"), &token, false}, {SLICE("new_password"), &wanted, false}};
    TRY(auth_read_texts(x, session, texts, ARRAY_LEN(texts)));
    TRY(recovery_use(auth->identity, x, session, token, wanted));
    exchange_add_header(x, "Cache-Control", SLICE("no-store"));
    exchange_status(x, 204);
    return OK;
}

enum error auth_account_me(struct exchange *x, void *data)
{
    return run(x, data, me);
}

enum error auth_account_change_password(struct exchange *x, void *data)
{
    return run(x, data, change_password);
}

enum error auth_account_forgot(struct exchange *x, void *data)
{
    return run(x, data, forgot);
}

enum error auth_account_reset(struct exchange *x, void *data)
{
    return run(x, data, reset);
}
