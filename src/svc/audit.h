/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_AUDIT_H
#define SVC_AUDIT_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/log.h"
#include "base/slice.h"
#include "base/timecode.h"

/* The audit trail: who signed in, who was refused, who changed keys and roles, as lines of the log that nobody without
 * the key can change, leave out, add to or put in another order unnoticed:
 *     {"timestamp":"…","level":"info","message":"audit","event":"sign_in","outcome":"done","actor":"users:7",
 *      "remote":"192.0.2.1","request_id":"…","route":"/auth/login","chain_id":"…","sequence":12,"previous":"…",
 *      "chain":"…"}
 * Lines are written whatever the level of the log is. Nothing that is given here may be a secret. */

struct hmac_key;
struct exchange;

enum audit_kind {
#define X(name, text) AUDIT_##name,
#include "svc/audit.def"
#undef X
    AUDIT_KIND_COUNT
};

/* "sign_in"; static memory. */
ANY_CORE const char *audit_kind_name(enum audit_kind kind);

enum audit_outcome { AUDIT_OUTCOME_DONE, AUDIT_OUTCOME_FAILED, AUDIT_OUTCOME_DENIED, AUDIT_OUTCOME_COUNT };

/* What is said of an event; empty: nothing. What is longer than AUDIT_VALUE_MAX bytes is cut, what is not UTF-8 is
 * replaced. */
struct audit_event {
    enum audit_kind kind;
    enum audit_outcome outcome;
    struct slice actor;   /* who did it: "users:7", "key:ab12"; of a sign-in that failed: empty */
    struct slice subject; /* to what or whom: "users:9", "markets:update" */
    struct slice remote;  /* the address that it came from */
    struct slice request_id;
    struct slice route;
    struct slice reason; /* a constant sentence */
};

enum { AUDIT_VALUE_MAX = 256, AUDIT_MARK_BYTES = 32, AUDIT_KEY_BYTES = 32 };

/* The values of a line, in the order in which they are authenticated. */
enum audit_part {
    AUDIT_PART_TIMESTAMP,
    AUDIT_PART_EVENT,
    AUDIT_PART_OUTCOME,
    AUDIT_PART_ACTOR,
    AUDIT_PART_SUBJECT,
    AUDIT_PART_REMOTE,
    AUDIT_PART_REQUEST_ID,
    AUDIT_PART_ROUTE,
    AUDIT_PART_REASON,
    AUDIT_PART_CHAIN_ID,
    AUDIT_PART_SEQUENCE,
    AUDIT_PART_PREVIOUS,
    AUDIT_PART_COUNT
};

/* What a line calls a part; static memory. */
ANY_CORE const char *audit_part_name(enum audit_part part);

/* The mark of a line: hexadecimal, the first half of HMAC-SHA256(key, "tenon-audit-1" and of each part
 * "<bytes>:<part>,"). A line holds it as "chain", and the mark of the line before it as "previous", so that each line
 * vouches for itself and for what came before it. */
ANY_CORE void audit_mark(const struct hmac_key *key, const struct slice parts[AUDIT_PART_COUNT],
                         char out[AUDIT_MARK_BYTES]);

/* One chain of lines. It belongs to its log's thread. */
struct audit {
    struct log *log;
    const struct hmac_key *key;
    uint64_t sequence; /* of the next line */
    char chain_id[AUDIT_MARK_BYTES];
    char previous[AUDIT_MARK_BYTES];
    char values[AUDIT_PART_COUNT][AUDIT_VALUE_MAX]; /* of the line that is being written */
};

/* Makes a chain ready, on any thread; its first line is written before the first event. `log` and `key` are borrowed;
 * the key is made of the database's secret "audit" (model/secret.h), AUDIT_KEY_BYTES long. Errors: ERROR_IO (no random
 * bytes). */
MUST_USE enum error audit_init(struct audit *audit, struct log *log, const struct hmac_key *key);
/* Writes the first line, unless it is written. */
void audit_begin(struct audit *audit);
/* Writes the last line of a chain that was begun: that nothing was cut off behind it can be seen. */
void audit_fini(struct audit *audit);

/* Writes one event. NULL: does nothing. */
void audit_write(struct audit *audit, const struct audit_event *event);
/* The same with remote, request_id and route of a request. */
void audit_write_of(struct audit *audit, struct exchange *x, const struct audit_event *event);

#endif
