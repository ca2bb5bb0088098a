/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where an error becomes an answer.
 *
 * Whatever the handler had written of its own answer is thrown away first. An answer that did not fit into its memory
 * is an error too. When even the error's answer does not fit, the status alone is sent.
 *
 * An exchange whose client has gone, or was too slow to send its body, is not answered: it gets the status 499 or 408
 * that only logs and metrics see. */
#include "http/recover.h"

#include "http/middleware.h"
#include "http/site.h"

enum { STATUS_CLIENT_SLOW = 408, STATUS_CLIENT_GONE = 499, RETRY_AFTER_S = 1 };

static bool is_overflown(const struct exchange *x)
{
    return buf_failed(&x->body) || buf_failed(&x->headers);
}

static void recover_leave(struct exchange *x)
{
    if (x->error == OK && is_overflown(x))
        x->error = ERROR_MEMORY;
    if (x->error == OK)
        return;
    exchange_reset_answer(x);
    if (x->is_cut || x->error == ERROR_CANCELLED) {
        x->status = x->error == ERROR_TIMEOUT ? STATUS_CLIENT_SLOW : STATUS_CLIENT_GONE;
        return;
    }
    x->status = error_http_status(x->error);
    if (x->status == 503 && x->retry_after_s == 0)
        x->retry_after_s = RETRY_AFTER_S;
    x->site->config.render_error(x, x->error, x->site->config.render_data);
    if (is_overflown(x)) {
        int status = x->status;
        exchange_reset_answer(x);
        x->status = status;
    }
}

const struct middleware recover_middleware = {.name = "recover", .leave = recover_leave};
