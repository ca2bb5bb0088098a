/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency keys around a unit of work.
 *
 * The answer is made inside the transaction, so it is stored with the change or not at all. A business failure (403,
 * 404, 409, 412, 422) undoes the change alone: its answer is stored and committed. Whatever may come out differently
 * next time (validation, 401, 429, 5xx) is not stored.
 */
#include "api/retry.h"

#include "api/envelope.h"
#include "api/rest.h"
#include "base/digest.h"
#include "http/http1.h"
#include "http/negotiate.h"
#include "model/model.h"
#include "model/permission.h"

/* Of the body, and of what a token or key is narrowed to: an answer may hold what another token of the same caller does
 * not reach, so to that one it is an answer to something else. */
static void make_fingerprint(const struct rest *rest, const struct exchange *x, struct slice body, unsigned char *out)
{
    const uint64_t *scopes = x->caller ? x->caller->scopes : NULL;
    struct digest_state state;
    digest_begin(&state);
    digest_add(&state, body);
    if (scopes)
        digest_add(&state, slice_of((const char *)scopes, permission_words(rest->model->schema) * sizeof *scopes));
    digest_end(&state, out);
}

enum error retry_init(struct retry *retry, struct rest *rest, struct exchange *x, struct slice body)
{
    *retry = (struct retry){.rest = rest, .x = x, .isolation = DB_READ_COMMITTED};
    struct slice header = exchange_header(x, HTTP1_HEADER_IDEMPOTENCY_KEY);
    if (!header.ptr)
        return OK;
    enum error error = negotiate_idempotency_key(header, x->arena, &retry->key.key);
    if (error == ERROR_PARSE) {
        diag_say(&x->diag, NULL, "Idempotency-Key must be 1 to 255 visible characters");
        return ERROR_VALIDATION;
    }
    TRY(error);
    struct slice caller = x->caller ? x->caller->name : SLICE("anonymous");
    const char *scope = arena_printf(x->arena, "%.*s %.*s %.*s", SLICE_ARG(caller), SLICE_ARG(x->head->method_text),
                                     SLICE_ARG(x->head->path));
    if (!scope)
        return ERROR_MEMORY;
    retry->key.scope = slice_from(scope);
    make_fingerprint(rest, x, body, retry->key.fingerprint);
    retry->has_key = true;
    return OK;
}

static bool is_kept(enum error error)
{
    return error == OK || error == ERROR_FORBIDDEN || error == ERROR_NOT_FOUND || error == ERROR_CONFLICT ||
           error == ERROR_PRECONDITION_FAILED || error == ERROR_UNPROCESSABLE;
}

static void replay(struct exchange *x, const struct idempotency_answer *answer)
{
    exchange_reset_answer(x);
    exchange_status(x, answer->status);
    x->content_type = answer->content_type;
    x->etag = answer->etag;
    x->etag_is_weak = answer->etag_is_weak;
    buf_put_slice(&x->headers, answer->headers);
    buf_put_slice(&x->body, answer->body);
    exchange_add_header(x, "Idempotency-Replayed", SLICE("true"));
}

static enum error store(struct retry *retry, struct session *session)
{
    const struct exchange *x = retry->x;
    const struct idempotency_answer answer = {.status = x->status,
                                              .content_type = x->content_type,
                                              .headers = buf_slice(&x->headers),
                                              .etag = x->etag,
                                              .etag_is_weak = x->etag_is_weak,
                                              .body = buf_slice(&x->body)};
    if (buf_failed(&x->body) || buf_failed(&x->headers))
        return ERROR_MEMORY;
    return idempotency_store(session, &retry->key, &answer);
}

/* What the unit was refused for, in words; a reference that leads nowhere is the caller's mistake. */
static enum error explain(struct retry *retry, struct session *session, enum error error)
{
    const struct diag *diag = session->diag;
    if (error != ERROR_CONFLICT || diag->count > 0 || diag->message)
        return error;
    TRY(retry->explain(session, retry->argument));
    return diag->count > 0 ? ERROR_VALIDATION : error;
}

static enum error run(struct session *session, void *argument)
{
    struct retry *retry = argument;
    bool is_stored;
    struct idempotency_answer answer;
    enum error found = idempotency_find(session, &retry->key, &is_stored, &answer);
    if (found == ERROR_CONFLICT)
        retry->x->retry_after_s = 1;
    TRY(found);
    if (is_stored) {
        replay(retry->x, &answer);
        return OK;
    }
    enum error error = explain(retry, session, session_nested(session, retry->unit, retry->argument));
    if (!is_kept(error))
        return error;
    if (error != OK)
        envelope_error(&retry->rest->settings, retry->x, error);
    return store(retry, session);
}

/* Ends a unit without a key. */
static enum error told(struct retry *retry, struct session *session, enum error error)
{
    if (error == OK)
        rest_put_position(retry->x, session);
    return explain(retry, session, error);
}

enum error retry_run(struct retry *retry, struct session *session)
{
    struct exchange_mark mark = exchange_mark(retry->x);
    session->restart = exchange_restart;
    session->restart_state = &mark;
    if (!retry->has_key)
        return told(retry, session, session_write(session, retry->isolation, retry->unit, retry->argument));
    enum error error = idempotency_enter(retry->rest->idempotency, &retry->key);
    if (error == ERROR_CONFLICT) {
        retry->x->retry_after_s = 1;
        diag_say(session->diag, NULL, "a request with this Idempotency-Key is being worked on");
    }
    TRY(error);
    bool is_single = retry->isolation == DB_STATEMENT;
    error = session_write(session, is_single ? DB_READ_COMMITTED : retry->isolation, run, retry);
    idempotency_leave(retry->rest->idempotency, &retry->key);
    if (error == OK)
        rest_put_position(retry->x, session);
    return error;
}
