/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_AUDIT_TRAIL_H
#define SVC_AUDIT_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/map.h"
#include "base/slice.h"
#include "svc/audit.h"

/* Reads log lines, and says whether the audit trail in them (svc/audit.h) is as it was written. No I/O. */

enum audit_trail_kind {
    AUDIT_TRAIL_CHANGED,      /* a line that the key does not vouch for: changed, or made by somebody else */
    AUDIT_TRAIL_MISSING,      /* lines between two that are there */
    AUDIT_TRAIL_OUT_OF_ORDER, /* a line behind a later one */
    AUDIT_TRAIL_REPEATED,     /* a line that was there before */
    AUDIT_TRAIL_NOT_BEGUN,    /* the first lines of a chain are not there: rotated away, it may be */
    AUDIT_TRAIL_NOT_ENDED,    /* nor is the last one: it may run still */
    AUDIT_TRAIL_KIND_COUNT
};

/* "changed", "missing", "out_of_order" …; static memory. */
const char *audit_trail_kind_name(enum audit_trail_kind kind);

struct audit_trail_place {
    const char *file; /* lives as long as the trail */
    uint64_t line;    /* from 1 */
};

struct audit_trail_finding {
    enum audit_trail_kind kind;
    struct audit_trail_place
        place;             /* of the line; of what is missing: of the line behind it, or the chain's last one */
    struct slice chain_id; /* empty: the line does not say */
    uint64_t from, to;     /* sequence numbers, both included; of NOT_ENDED: the next one */
};

struct audit_trail {
    const struct hmac_key *key;
    struct arena *memory;
    void (*found)(void *state, const struct audit_trail_finding *finding);
    void *state;
    struct map chains;
    struct arena line;
    uint64_t lines, good; /* lines of audit trails; those that the key vouches for */
};

/* `found` hears of each finding as soon as it is certain. What is kept of chains is `memory`'s. */
void audit_trail_init(struct audit_trail *trail, const struct hmac_key *key, struct arena *memory,
                      void (*found)(void *state, const struct audit_trail_finding *finding), void *state);
void audit_trail_fini(struct audit_trail *trail);
/* Looks at one line of a log, without its newline; most are no lines of an audit trail. Errors: ERROR_MEMORY,
 * ERROR_LIMIT (too many chains). */
MUST_USE enum error audit_trail_read(struct audit_trail *trail, struct slice line, struct audit_trail_place place);
/* When all was read: says what is missing, and where chains do not begin or end. */
void audit_trail_end(struct audit_trail *trail);

#endif
