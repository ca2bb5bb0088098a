/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_MAILER_H
#define SVC_MAILER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

/* Sends mail, by a thread of its own: nobody waits for a mail server. */

struct log;
struct mailer;

struct mailer_config {
    /* Where mail goes:
     *     smtp://user:password@host:587   STARTTLS is required; not of this machine itself, nor with ?tls=off
     *     smtps://user:password@host:465  TLS from the first byte
     *     file:mail                       a folder, one .eml file for each, to be looked at by developers and tests
     * The user and the password are percent-encoded. The ports are the defaults. Certificates are verified. */
    const char *url;
    const char *directory; /* that a relative folder is relative to; NULL: the current one */
    const char *from;      /* "Markets <no-reply@example.org>" */
    const char *ca_file;   /* certificates to trust instead of the system's; NULL: the system's */
    struct log *log;       /* of the mailer's thread alone; NULL: none */
    size_t queue_limit;    /* mails that may wait; 0 = 1000 */
    unsigned tries;        /* of a mail before it is given up; 0 = 5 */
    int64_t retry_ms;   /* before the second; three times as long before each later one, a fifth at random; 0 = 5 s */
    int64_t timeout_ms; /* of one try; 0 = 30 s */
};

/* What is wrong with a configuration; nothing is opened. Never says a part of the URL, which may hold a password.
 * Errors: ERROR_VALIDATION, told in `diag`; ERROR_MEMORY. */
MUST_USE enum error mailer_check(const struct mailer_config *config, struct diag *diag);
/* Starts the thread, and makes the folder of file:. Owner: the caller; mailer_destroy(). The texts of the configuration
 * are copied. Errors: ERROR_VALIDATION, ERROR_IO (the folder), both told in `diag`; ERROR_MEMORY, ERROR_LIMIT (no
 * thread). */
MUST_USE enum error mailer_create(const struct mailer_config *config, struct diag *diag, struct mailer **out);
/* Tries what still waits once more, for `shutdown_ms` at most, and ends the thread; what is left is logged. Blocks.
 * Accepts NULL. */
void mailer_destroy(struct mailer *mailer, int64_t shutdown_ms);

struct mailer_mail {
    struct slice to;      /* one address */
    struct slice subject; /* UTF-8 without control characters, 500 bytes at most */
    struct slice text;    /* UTF-8 without NUL, 64 KiB at most */
};

/* Copies a mail into the queue; that it returns OK says no more than that. Later failures are tried again, and in the
 * end logged with the mail's id, never with its text or its address.
 * Errors: ERROR_VALIDATION (no address, or a text that no mail can hold), ERROR_UNAVAILABLE (too many wait),
 * ERROR_CLOSED (it is being destroyed), ERROR_MEMORY, ERROR_IO (no random bytes). */
ANY_CORE MUST_USE enum error mailer_send(struct mailer *mailer, const struct mailer_mail *mail);

struct mailer_figures {
    size_t queued;
    uint64_t sent, retried, given_up;
};
ANY_CORE struct mailer_figures mailer_figures(struct mailer *mailer);

#endif
