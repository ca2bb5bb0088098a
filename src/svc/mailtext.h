/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_MAILTEXT_H
#define SVC_MAILTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

/* Mails as text (RFC 5322, MIME). Pure. */

enum {
    MAILTEXT_ADDRESS_MAX = 254,      /* bytes (RFC 5321 section 4.5.3.1) */
    MAILTEXT_SUBJECT_MAX = 500,      /* bytes */
    MAILTEXT_TEXT_MAX = 64 * 1024,   /* bytes */
    MAILTEXT_BYTES_MAX = 512 * 1024, /* what the longest of all becomes */
};

/* Whether mail can be sent there: name@domain, without quotes, comments and control characters. Letters beyond ASCII
 * are for servers that know SMTPUTF8. */
bool mailtext_is_address(struct slice text);

struct mailtext_sender {
    struct slice name, address; /* name: empty, there is none; both borrowed */
};

/* Reads "Markets <no-reply@example.org>" or "no-reply@example.org". Errors: ERROR_PARSE. */
MUST_USE enum error mailtext_parse_sender(struct slice text, struct mailtext_sender *out);
/* The part of a valid address behind the @. */
struct slice mailtext_domain(struct slice address);

struct mailtext {
    const struct mailtext_sender *sender;
    struct slice to;      /* an address */
    struct slice subject; /* UTF-8 without control characters */
    struct slice text;    /* UTF-8 without NUL; lines end with LF or CR LF */
    struct slice id;      /* of the message, without the domain: letters, digits, hyphens */
    int64_t sent_us;      /* wall clock */
};

/* Appends the whole message, with CR LF. The body is 7bit where it can be, else quoted-printable.
 * Errors: ERROR_VALIDATION (an address, the subject or the text is not as above, or too long), ERROR_MEMORY. */
MUST_USE enum error mailtext_format(struct buf *out, const struct mailtext *mail);

#endif
