/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail, as a chain of log lines.
 *
 * What is authenticated are the values of a line and not its bytes, so that a line may pass through programs that write
 * JSON in their own way; each with its length before it, so that no two lines have one text. The time is that of the
 * line: the log is lent a clock that stands still while it writes. A value that the log redacts is authenticated as it
 * is written.
 *
 * A line that the log loses (a full disk) is missing from the chain, as it should be. */
#include "svc/audit.h"

#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/hex.h"
#include "base/random.h"
#include "base/utf8.h"
#include "http/exchange.h"
#include "http/router.h"

const char *audit_kind_name(enum audit_kind kind)
{
    static const char *const names[] = {
#define X(name, text) [AUDIT_##name] = text,
#include "svc/audit.def"
#undef X
    };
    return names[kind];
}

const char *audit_part_name(enum audit_part part)
{
    static const char *const names[AUDIT_PART_COUNT] = {
        [AUDIT_PART_TIMESTAMP] = "timestamp",   [AUDIT_PART_EVENT] = "event",       [AUDIT_PART_OUTCOME] = "outcome",
        [AUDIT_PART_ACTOR] = "actor",           [AUDIT_PART_SUBJECT] = "subject",   [AUDIT_PART_REMOTE] = "remote",
        [AUDIT_PART_REQUEST_ID] = "request_id", [AUDIT_PART_ROUTE] = "route",       [AUDIT_PART_REASON] = "reason",
        [AUDIT_PART_CHAIN_ID] = "chain_id",     [AUDIT_PART_SEQUENCE] = "sequence", [AUDIT_PART_PREVIOUS] = "previous",
    };
    return names[part];
}

/* ---- marks ---- */

/* "<number><end>", in a room of 24 bytes. */
static struct slice digits_of(uint64_t number, char end, char room[24])
{
    char *at = room + 24;
    if (end)
        *--at = end;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    return slice_of(at, (size_t)(room + 24 - at));
}

void audit_mark(const struct hmac_key *key, const struct slice parts[AUDIT_PART_COUNT], char out[AUDIT_MARK_BYTES])
{
    struct slice pieces[1 + AUDIT_PART_COUNT * 3] = {SLICE("tenon-audit-1")};
    char lengths[AUDIT_PART_COUNT][24];
    unsigned char digest[DIGEST_SHA256_BYTES];
    for (size_t i = 0; i < AUDIT_PART_COUNT; i++) {
        pieces[1 + i * 3] = digits_of(parts[i].len, ':', lengths[i]);
        pieces[2 + i * 3] = parts[i];
        pieces[3 + i * 3] = SLICE(",");
    }
    digest_hmac(key, pieces, ARRAY_LEN(pieces), digest);
    hex_encode(slice_of((const char *)digest, AUDIT_MARK_BYTES / 2), out);
}

/* ---- values ---- */

/* A value as a reader of the line will find it: UTF-8 without NUL, not too long. */
static struct slice clean(struct slice value, char room[AUDIT_VALUE_MAX])
{
    static const struct slice replacement = SLICE_INIT("\xEF\xBF\xBD");
    size_t used = 0;
    for (struct slice rest = value; rest.len > 0;) {
        struct slice before = rest;
        uint32_t code_point;
        bool is_good = utf8_next(&rest, &code_point) && code_point != 0;
        if (!is_good)
            rest = slice_from_index(before, 1);
        struct slice piece = is_good ? slice_of(before.ptr, before.len - rest.len) : replacement;
        if (used + piece.len > AUDIT_VALUE_MAX)
            break;
        memcpy(room + used, piece.ptr, piece.len);
        used += piece.len;
    }
    return slice_of(room, used);
}

static void clean_all(struct audit *audit, struct slice parts[AUDIT_PART_COUNT])
{
    for (size_t i = AUDIT_PART_EVENT; i <= AUDIT_PART_REASON; i++) {
        parts[i] = clean(parts[i], audit->values[i]);
        if (parts[i].len > 0 && log_redacts(audit->log, audit_part_name((enum audit_part)i)))
            parts[i] = SLICE("[redacted]");
    }
}

/* ---- lines ---- */

static int64_t standing_us(void *state)
{
    return *(int64_t *)state;
}

/* Writes the line at the time that is in it, whatever the level is. */
static void write_line(struct audit *audit, int64_t now_us, const struct slice parts[AUDIT_PART_COUNT],
                       const char mark[AUDIT_MARK_BYTES])
{
    struct log *log = audit->log;
    struct log_field fields[AUDIT_PART_COUNT];
    size_t count = 0;
    for (size_t i = AUDIT_PART_EVENT; i < AUDIT_PART_COUNT; i++) {
        const char *name = audit_part_name((enum audit_part)i);
        if (i == AUDIT_PART_SEQUENCE)
            fields[count++] = LOG_INT(name, (int64_t)audit->sequence);
        else if (parts[i].len > 0)
            fields[count++] = LOG_STR(name, parts[i]);
    }
    fields[count++] = LOG_STR("chain", slice_of(mark, AUDIT_MARK_BYTES));
    const struct clock *clock = log->clock, standing = {standing_us, standing_us, &now_us};
    enum log_level level = log->level;
    log->clock = &standing;
    log->level = LOG_LEVEL_DEBUG;
    log_event(log, LOG_LEVEL_INFO, "audit", fields, count);
    log->clock = clock;
    log->level = level;
}

static void write_event(struct audit *audit, const struct audit_event *event)
{
    static const char *const outcomes[AUDIT_OUTCOME_COUNT] = {"done", "failed", "denied"};
    char timestamp[TIMECODE_DATETIME_BYTES], sequence[24], mark[AUDIT_MARK_BYTES];
    int64_t now_us = clock_wall_us(audit->log->clock);
    timecode_format_datetime(now_us, timestamp);
    struct slice parts[AUDIT_PART_COUNT] = {
        [AUDIT_PART_TIMESTAMP] = slice_of(timestamp, sizeof timestamp),
        [AUDIT_PART_EVENT] = slice_from(audit_kind_name(event->kind)),
        [AUDIT_PART_OUTCOME] = slice_from(outcomes[event->outcome]),
        [AUDIT_PART_ACTOR] = event->actor,
        [AUDIT_PART_SUBJECT] = event->subject,
        [AUDIT_PART_REMOTE] = event->remote,
        [AUDIT_PART_REQUEST_ID] = event->request_id,
        [AUDIT_PART_ROUTE] = event->route,
        [AUDIT_PART_REASON] = event->reason,
        [AUDIT_PART_CHAIN_ID] = slice_of(audit->chain_id, sizeof audit->chain_id),
        [AUDIT_PART_SEQUENCE] = digits_of(audit->sequence, '\0', sequence),
        [AUDIT_PART_PREVIOUS] = slice_of(audit->previous, audit->sequence > 0 ? sizeof audit->previous : 0),
    };
    clean_all(audit, parts);
    audit_mark(audit->key, parts, mark);
    write_line(audit, now_us, parts, mark);
    memcpy(audit->previous, mark, sizeof audit->previous);
    audit->sequence++;
}

void audit_begin(struct audit *audit)
{
    if (audit->sequence == 0)
        write_event(audit, &(struct audit_event){.kind = AUDIT_CHAIN_BEGUN});
}

void audit_write(struct audit *audit, const struct audit_event *event)
{
    if (!audit)
        return;
    audit_begin(audit);
    write_event(audit, event);
}

void audit_write_of(struct audit *audit, struct exchange *x, const struct audit_event *event)
{
    if (!audit)
        return;
    struct audit_event whole = *event;
    whole.remote = exchange_remote(x);
    whole.request_id = x->request_id;
    whole.route = x->route ? x->route->pattern : SLICE("unmatched");
    audit_write(audit, &whole);
}

enum error audit_init(struct audit *audit, struct log *log, const struct hmac_key *key)
{
    struct random_source random;
    char id[AUDIT_MARK_BYTES / 2];
    random_source_system(&random);
    TRY(random_bytes(&random, id, sizeof id));
    *audit = (struct audit){.log = log, .key = key};
    hex_encode(slice_of(id, sizeof id), audit->chain_id);
    return OK;
}

void audit_fini(struct audit *audit)
{
    if (audit->sequence > 0)
        write_event(audit, &(struct audit_event){.kind = AUDIT_CHAIN_ENDED});
}
