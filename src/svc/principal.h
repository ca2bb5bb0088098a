/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_PRINCIPAL_H
#define SVC_PRINCIPAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/caller.h"

/* Who a credential stands for, as one core remembers it: found by the SHA-256 of the credential, so that a request
 * costs a digest and a look-up. Bounded; who was not seen for longest goes first. Everything here is one core's own. */

enum principal_kind {
    PRINCIPAL_TOKEN, /* a token of ours */
    PRINCIPAL_COOKIE,
    PRINCIPAL_KEY,
    PRINCIPAL_CLIENT, /* a client of OAuth, for itself */
    PRINCIPAL_FOREIGN /* a token of another issuer */
};

struct principal {
    struct caller caller; /* what the request borrows */
    enum principal_kind kind;
    struct slice id;      /* of the sign-in or of the key; empty: neither */
    struct slice account; /* its id as text; empty: none */
    struct slice scopes;  /* of the token or the key: patterns; with a NULL pointer: it is not narrowed */
    struct slice client;  /* of OAuth, that the token is for; empty: none */
    struct slice role;    /* of a client, or of a foreign token where there are no accounts */
    struct slice rate;    /* of the key */
    int64_t expires_us;   /* wall clock: what was proven holds until then */
    int64_t checked_us;   /* the core's clock when the database was asked */
    int64_t seen_us;      /* wall clock: what the database knows of its last use */
    uint64_t epoch;       /* of the account when the database was asked */
    struct arena arena;   /* of the texts above */

    /* The cache's own. */
    unsigned char digest[DIGEST_SHA256_BYTES];
    unsigned holders;
    bool is_cached;
    struct principal *next;            /* in its bucket */
    struct principal *older, *younger; /* by last use */
};

struct principal_cache {
    struct principal **buckets; /* made with the first entry */
    struct principal *oldest, *youngest;
    size_t count, capacity;
};

void principal_cache_init(struct principal_cache *cache, size_t capacity);
/* When no request holds any. */
void principal_cache_fini(struct principal_cache *cache);

/* Makes an empty one, held once. Errors: ERROR_MEMORY. */
MUST_USE enum error principal_create(const unsigned char digest[DIGEST_SHA256_BYTES], struct principal **out);
/* The remembered one, held once more; NULL: there is none. */
struct principal *principal_find(struct principal_cache *cache, const unsigned char digest[DIGEST_SHA256_BYTES]);
/* Remembers one, in place of another with its digest. For want of memory it is not remembered. */
void principal_remember(struct principal_cache *cache, struct principal *principal);
/* Forgets it; who holds it may go on. */
void principal_forget(struct principal_cache *cache, struct principal *principal);
/* Lets go of it; accepts NULL. */
void principal_release(struct principal *principal);

#endif
