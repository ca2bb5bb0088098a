/* SPDX-License-Identifier: Apache-2.0 */
/* Signing up, in, on and out. Signing up is a create of the account resource, under its rule for creating, which signs
 * in in the same unit of work. */
#include "api/auth_signin.h"

#include "api/auth.h"
#include "api/body.h"
#include "model/change.h"
#include "model/model.h"
#include "svc/gate.h"
#include "svc/identity.h"

struct registration {
    struct auth *auth;
    struct signin *signin;
    struct change *change;
    struct value key;
};

static enum error create(struct session *session, void *argument)
{
    struct registration *registration = argument;
    struct change_result result;
    struct slice account;
    TRY(change_apply(registration->change, session, &result));
    registration->key = result.key[0];
    TRY(account_key_of(result.key[0], session->arena, &account));
    return signin_begin(registration->signin, account);
}

static enum error explain(struct registration *registration, struct session *session, enum error error)
{
    const struct diag *diag = session->diag;
    if (error != ERROR_CONFLICT || diag->count > 0 || diag->message)
        return error;
    TRY(change_explain(registration->change, session));
    return diag->count > 0 ? ERROR_VALIDATION : error;
}

static enum error read_change(struct auth *auth, struct session *session, struct exchange *x, struct change **out)
{
    struct slice body;
    size_t count, passwords = 0;
    bool is_many;
    const struct resource *account = auth->identity->form.resource;
    TRY(body_read_json(x, &body));
    TRY(body_read_changes(body, CHANGE_CREATE, account, session, out, &count, &is_many));
    if (is_many) {
        diag_say(&x->diag, NULL, "the body must be an object");
        return ERROR_VALIDATION;
    }
    const struct field *password = auth->identity->form.password;
    if (!change_has(*out, password))
        diag_field(&x->diag, password->json_name, NULL, "is required");
    if (auth->rest->before)
        TRY(auth->rest->before(auth->rest->before_state, x, account, ACTION_CREATE));
    TRY(change_count_passwords(*out, session, &passwords));
    return change_prepare(*out, session);
}

static void add_location(struct registration *registration, struct exchange *x)
{
    char room[256];
    struct buf location = {.ptr = room, .cap = sizeof room, .limit_bytes = sizeof room};
    const struct auth *auth = registration->auth;
    rest_put_path(auth->rest, auth->identity->form.resource, &registration->key, &location);
    if (!buf_failed(&location))
        exchange_add_header(x, "Location", buf_slice(&location));
}

static enum error answer_registration(struct signin *signin, void *state)
{
    struct registration *registration = state;
    add_location(registration, signin->x);
    TRY(auth_answer(signin, registration->auth));
    exchange_status(signin->x, 201);
    return OK;
}

static enum error sign_up(struct auth *auth, struct signin *signin)
{
    struct session *session = signin->session;
    struct exchange *x = signin->x;
    struct registration registration = {.auth = auth, .signin = signin};
    TRY(auth_read_mode(x, &signin->mode));
    TRY(change_admit(session, auth->identity->form.resource, CHANGE_CREATE));
    TRY(read_change(auth, session, x, &registration.change));
    signin->answer = answer_registration;
    signin->answer_state = &registration;
    TRY(explain(&registration, session, signin_write(signin, create, &registration)));
    gate_tell(auth->identity, x, AUDIT_REGISTERED, signin->account.key, NULL);
    return OK;
}

static enum error sign_in(struct auth *auth, struct signin *signin)
{
    const struct account_form *form = &auth->identity->form;
    struct slice login = {NULL, 0}, password = {NULL, 0};
    const struct auth_text texts[] = {{form->login->json_name, &login, false},
                                      {form->password->json_name, &password, false}};
    TRY(auth_read_mode(signin->x, &signin->mode));
    TRY(auth_read_texts(signin->x, signin->session, texts, ARRAY_LEN(texts)));
    return signin_password(signin, login, password);
}

static enum error sign_on(struct auth *auth, struct signin *signin)
{
    struct slice token = {NULL, 0};
    const struct auth_text texts[] = {{SLICE("refresh_token"), &token, false}};
    TRY(auth_read_texts(signin->x, signin->session, texts, ARRAY_LEN(texts)));
    return signin_refresh(signin, token);
}

static enum error sign_out(struct auth *auth, struct signin *signin)
{
    bool is_everywhere;
    TRY(auth_read_flag(signin->x, "everywhere", &is_everywhere));
    TRY(signin_end(signin, is_everywhere));
    exchange_status(signin->x, 204);
    return OK;
}

static enum error run(struct exchange *x, struct auth *auth, enum error (*what)(struct auth *, struct signin *))
{
    struct session session;
    struct signin signin;
    enum error error = rest_begin(x, auth->rest->model, &session);
    signin_init(&signin, auth->identity, x, &session, SIGNIN_TOKENS);
    signin.answer = auth_answer;
    signin.answer_state = auth;
    if (error == OK)
        error = what(auth, &signin);
    signin_fini(&signin);
    session_fini(&session);
    return error;
}

enum error auth_signin_register(struct exchange *x, void *data)
{
    return run(x, data, sign_up);
}

enum error auth_signin_login(struct exchange *x, void *data)
{
    return run(x, data, sign_in);
}

enum error auth_signin_refresh(struct exchange *x, void *data)
{
    return run(x, data, sign_on);
}

enum error auth_signin_logout(struct exchange *x, void *data)
{
    return run(x, data, sign_out);
}
