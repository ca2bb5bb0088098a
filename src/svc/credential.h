/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_CREDENTIAL_H
#define SVC_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/slice.h"

struct exchange;
struct hmac_key;
struct random_source;

/* What a request shows to say who it is from, and the forms of what is ours to give. */

enum credential_kind {
    CREDENTIAL_NONE,
    CREDENTIAL_BEARER, /* Authorization: Bearer … (RFC 6750) */
    CREDENTIAL_KEY,    /* X-API-Key */
    CREDENTIAL_COOKIE,
};

struct credential {
    enum credential_kind kind;
    struct slice text;
};

/* Reads it from the headers; headers win over a cookie, which browsers send by themselves. Never from the query string.
 * Errors: ERROR_UNAUTHORIZED (another scheme than Bearer, or an empty one), ERROR_VALIDATION (both headers); the diag
 * says which. */
MUST_USE enum error credential_read(struct exchange *x, struct credential *out);
/* The same of the cookie alone, whatever the headers say: for pages that browsers are shown. */
void credential_read_cookie(const struct exchange *x, struct credential *out);
/* The value of our cookie alone; empty: there is none, or more than one. */
struct slice credential_cookie(const struct exchange *x);
/* What it is remembered by. */
void credential_digest(const struct credential *credential, unsigned char out[DIGEST_SHA256_BYTES]);

/* "<id>.<secret>" of a sign-in by cookie: 128 random bits each, in base64url. */
enum { CREDENTIAL_PART_BYTES = 22, CREDENTIAL_COOKIE_BYTES = 2 * CREDENTIAL_PART_BYTES + 1 };
#define CREDENTIAL_COOKIE_NAME "__Host-session"
/* 128 random bits as text. Errors: ERROR_IO, ERROR_MEMORY. */
MUST_USE enum error credential_random(struct random_source *random, struct arena *arena, struct slice *out);
bool credential_parse_cookie(struct slice text, struct slice *id, struct slice *secret);
/* Adds Set-Cookie with this value for so long; an empty value takes the cookie away. */
void credential_put_cookie(struct exchange *x, struct slice value, int64_t seconds);
/* The same for a cookie of another name, and its value in the headers that came; two of one name are none, for one
 * cannot be ours: then, and without any, the pointer is NULL. */
void credential_put_cookie_of(struct exchange *x, const char *name, struct slice value, int64_t seconds);
struct slice credential_find_cookie(const struct exchange *x, const char *wanted);

/* "rt_<id>.<generation>.<secret>.<tag>": a refresh token. The tag proves that it was ours once, so that one that was
 * used already can be told from one that was made up. */
struct credential_refresh {
    struct slice id, secret;
    int64_t generation;
};
MUST_USE enum error credential_make_refresh(const struct hmac_key *key, const struct credential_refresh *refresh,
                                            struct arena *arena, struct slice *out);
/* False: it is none of ours. */
bool credential_parse_refresh(const struct hmac_key *key, struct slice text, struct arena *arena,
                              struct credential_refresh *out);

/* A token against requests that another site makes with the cookie: bound to the sign-in, masked so that it differs
 * each time. */
MUST_USE enum error credential_make_csrf(const struct hmac_key *key, struct slice id, struct random_source *random,
                                         struct arena *arena, struct slice *out);
bool credential_is_csrf(const struct hmac_key *key, struct slice id, struct slice token, struct arena *arena);

/* The same for a form of a page without a script: "<expiry>.<tag>", bound to who is shown it (the id of their sign-in;
 * empty: nobody yet) and to what the page was asked for; good for CREDENTIAL_FORM_S seconds. */
enum { CREDENTIAL_FORM_S = 600 };
MUST_USE enum error credential_make_form(const struct hmac_key *key, struct slice id, struct slice asked,
                                         int64_t now_us, struct arena *arena, struct slice *out);
bool credential_is_form(const struct hmac_key *key, struct slice id, struct slice asked, struct slice token,
                        int64_t now_us, struct arena *arena);

#endif
