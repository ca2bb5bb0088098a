/* SPDX-License-Identifier: Apache-2.0 */
/* Forgotten passwords. Where nobody has this login a token is made for nobody and stored like any other: what is
 * written, and how long that takes, is the same. The mail itself is the mailer's, which keeps nobody waiting. */
#include "svc/recovery.h"

#include "http/exchange.h"
#include "svc/gate.h"
#include "svc/grant.h"
#include "svc/hashing.h"
#include "svc/limit.h"
#include "svc/lockout.h"
#include "svc/mailer.h"
#include "svc/passwordrule.h"
#include "svc/reset.h"

enum { ASKS_BY_LOGIN = 3, ASKS_BY_ADDRESS = 20 };

struct asking {
    struct identity *identity;
    struct slice account; /* empty: nobody's */
    struct slice token;
};

static bool is_within(struct identity *identity, struct exchange *x, const char *name, int64_t count, struct slice key)
{
    static const int64_t hour_us = 3600 * (int64_t)1000000;
    struct limit_rule rule;
    limit_rule_init(&rule, slice_from(name), LIMIT_TOKEN_BUCKET, (struct limit_rate){count, hour_us}, 0);
    struct limit_result result = limit_take(identity->limit, &rule, key, 1);
    unsigned wait_s = limit_retry_seconds(&result);
    x->retry_after_s = wait_s > x->retry_after_s ? wait_s : x->retry_after_s;
    return result.is_allowed;
}

/* Nobody's mailbox is filled by strangers, and nobody tries every address there is. */
static enum error check_limits(struct identity *identity, struct exchange *x, struct slice login)
{
    struct slice address = exchange_remote(x);
    struct lockout_subject subject;
    lockout_subject_make(LOCKOUT_ACCOUNT, login, &subject);
    struct slice digest = slice_of((const char *)subject.digest, sizeof subject.digest);
    if (is_within(identity, x, "recovery by address", ASKS_BY_ADDRESS, address) &&
        is_within(identity, x, "recovery by account", ASKS_BY_LOGIN, digest))
        return OK;
    diag_say(&x->diag, NULL, "this was asked for too often; try again later");
    return ERROR_RATE_LIMITED;
}

static enum error make(struct session *session, void *argument)
{
    struct asking *asking = argument;
    int64_t expires_us = session->now_us + asking->identity->config->reset_ms * 1000;
    return reset_make(session, asking->account, expires_us, &asking->token);
}

static void put_link(struct buf *text, struct slice pattern, struct slice token)
{
    static const struct slice mark = SLICE_INIT("{token}");
    const char *at = pattern.len > 0 ? memmem(pattern.ptr, pattern.len, mark.ptr, mark.len) : NULL;
    size_t before = at ? (size_t)(at - pattern.ptr) : pattern.len;
    buf_put_slice(text, slice_of(pattern.ptr, before));
    buf_put_slice(text, token);
    buf_put_slice(text, slice_from_index(pattern, before + mark.len));
}

static enum error mail(const struct asking *asking, struct slice address)
{
    enum { TEXT_BYTES_MAX = 8192 };
    const struct identity_config *config = asking->identity->config;
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    buf_put_literal(&text, "Somebody, hopefully you, has asked for another password for this address.\n\n");
    buf_put_text(&text, config->mail_reset.len > 0 ? "Set it here: " : "The token that lets you set it: ");
    put_link(&text, config->mail_reset, asking->token);
    buf_printf(&text,
               "\n\nThis works once, within %lld minutes. If you have not asked for it, there is nothing to do.\n",
               (long long)(config->reset_ms / 60000));
    const struct mailer_mail mail = {.to = address, .subject = SLICE("Your password"), .text = buf_slice(&text)};
    enum error error = buf_failed(&text) ? ERROR_MEMORY : mailer_send(asking->identity->mailer, &mail);
    buf_fini(&text);
    return error;
}

enum error recovery_ask(struct identity *identity, struct exchange *x, struct session *session, struct slice login)
{
    struct asking asking = {.identity = identity};
    struct account account;
    const struct account_form *form = &identity->form;
    if (!identity->mailer || form->login->type.kind != FIELD_EMAIL) {
        diag_say(&x->diag, NULL, "passwords cannot be mailed here");
        return ERROR_NOT_IMPLEMENTED;
    }
    TRY(check_limits(identity, x, login));
    enum error error = account_find_by(session, form, form->login, login, session->arena, &account);
    bool is_found = error == OK && account.is_active;
    if (error != ERROR_NOT_FOUND)
        TRY(error);
    if (is_found)
        asking.account = account.key;
    TRY(session_write(session, DB_READ_COMMITTED, make, &asking));
    gate_tell(identity, x, AUDIT_PASSWORD_RESET_ASKED, login, is_found ? NULL : "no such account");
    if (is_found && mail(&asking, account.login) != OK)
        LOG_WARN(x->log, "a mail could not be queued");
    return OK;
}

struct using
{
    struct identity *identity;
    struct slice token, hash;
    struct account account;
};

static enum error find(struct session *session, struct using *using)
{
    enum error error = reset_look(session, using->token, &using->account.key);
    if (error == OK)
        error = account_find_key(session, &using->identity->form, using->account.key, session->arena, &using->account);
    if (error == OK && !using->account.is_active)
        error = ERROR_NOT_FOUND;
    return error;
}

static enum error use(struct session *session, void *argument)
{
    struct using *using = argument;
    const struct account_form *form = &using->identity->form;
    struct lockout_subject subject;
    struct slice account;
    int64_t count;
    TRY(reset_take(session, using->token, &account));
    TRY(account_set_hash(session, form, using->account.id, using->hash));
    TRY(grant_revoke_all(session, account, &count));
    lockout_subject_make(LOCKOUT_ACCOUNT, using->account.login, &subject);
    return lockout_clear(session, &subject);
}

static enum error refuse(struct identity *identity, struct exchange *x)
{
    diag_say(&x->diag, "ask for another one", "the token is wrong, too old, or was used");
    gate_tell(identity, x, AUDIT_SIGN_IN_FAILED, SLICE(""), "a token for another password is wrong");
    return ERROR_UNAUTHORIZED;
}

enum error recovery_use(struct identity *identity, struct exchange *x, struct session *session, struct slice token,
                        struct slice wanted)
{
    struct using using = {.identity = identity, .token = token};
    enum error error = find(session, &using);
    if (error == ERROR_NOT_FOUND)
        return refuse(identity, x);
    TRY(error);
    const struct passwordrule_context context = {.login = using.account.login, .app = identity->config->app};
    TRY(passwordrule_check(wanted, &context, SLICE("new_password"), &x->diag));
    TRY(hashing_make(identity, session, wanted, &using.hash));
    error = session_write(session, DB_READ_COMMITTED, use, &using);
    if (error == ERROR_NOT_FOUND)
        return refuse(identity, x);
    TRY(error);
    identity_changed(identity, using.account.key);
    gate_tell(identity, x, AUDIT_PASSWORD_RESET, using.account.key, NULL);
    return OK;
}
