/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_MAILROUTE_H
#define SVC_MAILROUTE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"
#include "svc/mailtext.h"

/* Where mail goes: a mail server, or a folder. What delivers blocks; all of it belongs to one thread. */

struct mailer_config;

struct mailroute {
    bool is_folder, has_tls, begins_plain; /* TLS at all; from STARTTLS on instead of the first byte */
    struct mailtext_sender sender;
    const char *folder;          /* a path */
    const char *url;             /* for libcurl, without user and password */
    const char *user, *password; /* NULL: none */
    const char *ca_file;
    int64_t timeout_ms;
    void *curl;                        /* keeps the connection between mails; NULL before the first */
    const _Atomic int64_t *stop_at_us; /* monotonic: deliveries are cut then */
};

/* Reads a configuration; texts are the arena's. Nothing is opened yet. Errors: ERROR_VALIDATION, told in `diag`;
 * ERROR_MEMORY. */
MUST_USE enum error mailroute_init(struct mailroute *route, const struct mailer_config *config, struct arena *arena,
                                   struct diag *diag);
/* Makes the folder, or readies libcurl. Errors: ERROR_IO, told in `diag`. */
MUST_USE enum error mailroute_open(struct mailroute *route, struct diag *diag);
/* After mailroute_open() alone. */
void mailroute_close(struct mailroute *route);

struct mailroute_item {
    struct slice id, content; /* a whole message, lines with CR LF */
    const char *to;
};

struct mailroute_failure {
    const char *reason; /* a constant sentence */
    long reply;         /* of the server; 0: none */
    bool is_final;      /* trying again is pointless */
};

/* Delivers one message. Errors: ERROR_IO, told in `failure`. */
MUST_USE enum error mailroute_deliver(struct mailroute *route, const struct mailroute_item *item,
                                      struct mailroute_failure *failure);

#endif
