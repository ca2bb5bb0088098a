/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency keys.
 *
 * Two places know a key. The table _tenon_idempotency holds finished answers; its row is written in the transaction of
 * the change, so either both exist or none. The set of keys in flight is this process's memory: it lets the second of
 * two simultaneous requests be answered at once with 409 instead of doing the work twice. Two processes meet at the
 * table's primary key.
 *
 * The set holds 64-bit digests of (scope, key) in an open-addressed table behind a mutex that is held for a few loads
 * and never across a yield. Two keys with one digest are taken for the same: a 409 that a retry resolves.
 */
#include "svc/idempotency.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/value.h"
#include "data/db.h"

struct idempotency {
    pthread_mutex_t mutex;
    uint64_t *digests; /* 0: a free place */
    size_t capacity;   /* a power of two, at least twice the limit */
    size_t count, limit;
};

enum error idempotency_create(size_t in_flight_max, struct idempotency **out)
{
    struct idempotency *idempotency = calloc(1, sizeof *idempotency);
    if (!idempotency)
        return ERROR_MEMORY;
    idempotency->limit = in_flight_max;
    idempotency->capacity = 16;
    while (idempotency->capacity < in_flight_max * 2)
        idempotency->capacity *= 2;
    idempotency->digests = calloc(idempotency->capacity, sizeof *idempotency->digests);
    if (!idempotency->digests) {
        free(idempotency);
        return ERROR_MEMORY;
    }
    pthread_mutex_init(&idempotency->mutex, NULL);
    *out = idempotency;
    return OK;
}

void idempotency_destroy(struct idempotency *idempotency)
{
    if (!idempotency)
        return;
    pthread_mutex_destroy(&idempotency->mutex);
    free(idempotency->digests);
    free(idempotency);
}

static uint64_t digest_of(const struct idempotency_key *key)
{
    uint64_t digest = digest_hash64(digest_hash64(0, key->scope), key->key);
    return digest ? digest : 1;
}

static size_t place_of(const struct idempotency *set, uint64_t digest)
{
    size_t place = digest & (set->capacity - 1);
    while (set->digests[place] != 0 && set->digests[place] != digest)
        place = (place + 1) & (set->capacity - 1);
    return place;
}

static enum error add(struct idempotency *set, uint64_t digest)
{
    size_t place = place_of(set, digest);
    if (set->digests[place] == digest)
        return ERROR_CONFLICT;
    if (set->count == set->limit)
        return ERROR_UNAVAILABLE;
    set->digests[place] = digest;
    set->count++;
    return OK;
}

enum error idempotency_enter(struct idempotency *idempotency, const struct idempotency_key *key)
{
    pthread_mutex_lock(&idempotency->mutex);
    enum error error = add(idempotency, digest_of(key));
    pthread_mutex_unlock(&idempotency->mutex);
    return error;
}

/* Takes a digest out and moves up those behind it that would no longer be found. */
static void take_out(struct idempotency *set, uint64_t digest)
{
    size_t place = place_of(set, digest);
    if (set->digests[place] == 0)
        return;
    set->digests[place] = 0;
    set->count--;
    for (size_t next = (place + 1) & (set->capacity - 1); set->digests[next] != 0;
         next = (next + 1) & (set->capacity - 1)) {
        uint64_t moved = set->digests[next];
        set->digests[next] = 0;
        set->digests[place_of(set, moved)] = moved;
    }
}

void idempotency_leave(struct idempotency *idempotency, const struct idempotency_key *key)
{
    pthread_mutex_lock(&idempotency->mutex);
    take_out(idempotency, digest_of(key));
    pthread_mutex_unlock(&idempotency->mutex);
}

enum column {
    COLUMN_FINGERPRINT,
    COLUMN_STATUS,
    COLUMN_CONTENT_TYPE,
    COLUMN_HEADERS,
    COLUMN_ETAG,
    COLUMN_WEAK,
    COLUMN_BODY
};

static enum error copy_text(struct session *session, const struct db_rows *rows, enum column column, struct slice *out)
{
    *out = arena_slice(session->arena, db_column(rows, column).text);
    return out->ptr ? OK : ERROR_MEMORY;
}

static enum error read_answer(struct session *session, const struct db_rows *rows, struct idempotency_answer *out)
{
    out->status = (int)db_column(rows, COLUMN_STATUS).integer;
    out->etag_is_weak = db_column(rows, COLUMN_WEAK).integer != 0;
    TRY(copy_text(session, rows, COLUMN_CONTENT_TYPE, &out->content_type));
    TRY(copy_text(session, rows, COLUMN_HEADERS, &out->headers));
    TRY(copy_text(session, rows, COLUMN_ETAG, &out->etag));
    return copy_text(session, rows, COLUMN_BODY, &out->body);
}

static int64_t oldest_us(const struct session *session)
{
    return session->now_us - (int64_t)IDEMPOTENCY_HOURS * 3600 * 1000000;
}

enum error idempotency_find(struct session *session, const struct idempotency_key *key, bool *found,
                            struct idempotency_answer *out)
{
    const struct value arguments[] = {value_text(key->scope), value_text(key->key), value_int(oldest_us(session))};
    struct db_rows *rows;
    TRY(db_query(session->conn,
                 SLICE("SELECT fingerprint, status, content_type, headers, etag, is_weak, body FROM _tenon_idempotency "
                       "WHERE scope = ?1 AND key = ?2 AND created_us > ?3"),
                 arguments, ARRAY_LEN(arguments), &rows));
    enum error error = db_next(rows, found);
    if (error == OK && *found) {
        struct slice fingerprint = slice_of((const char *)key->fingerprint, sizeof key->fingerprint);
        if (!slice_eq(db_column(rows, COLUMN_FINGERPRINT).text, fingerprint)) {
            diag_say(session->diag, "use a new key for another request",
                     "this Idempotency-Key was used with another body");
            error = ERROR_UNPROCESSABLE;
        } else {
            error = read_answer(session, rows, out);
        }
    }
    db_rows_close(rows);
    return error;
}

enum error idempotency_store(struct session *session, const struct idempotency_key *key,
                             const struct idempotency_answer *answer)
{
    const struct value arguments[] = {
        value_text(key->scope),
        value_text(key->key),
        value_blob(slice_of((const char *)key->fingerprint, sizeof key->fingerprint)),
        value_int(answer->status),
        value_text(answer->content_type),
        value_text(answer->headers),
        value_text(answer->etag),
        value_int(answer->etag_is_weak),
        value_blob(answer->body),
        value_int(session->now_us),
    };
    return db_execute(
        session->conn,
        SLICE("INSERT OR REPLACE INTO _tenon_idempotency(scope, key, fingerprint, status, content_type, "
              "headers, etag, is_weak, body, created_us) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"),
        arguments, ARRAY_LEN(arguments), NULL);
}

enum error idempotency_sweep(struct session *session, int64_t limit, int64_t *deleted)
{
    const struct value arguments[] = {value_int(oldest_us(session)), value_int(limit)};
    return db_execute(session->conn,
                      SLICE("DELETE FROM _tenon_idempotency WHERE (scope, key) IN (SELECT scope, key FROM "
                            "_tenon_idempotency WHERE created_us <= ?1 LIMIT ?2)"),
                      arguments, ARRAY_LEN(arguments), deleted);
}
