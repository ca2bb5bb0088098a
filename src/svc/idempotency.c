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
#include "data/sql.h"

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

static const struct slice table = SLICE_INIT("_tenon_idempotency");

/* The columns, the key first. What is read back begins at COLUMN_FINGERPRINT. */
enum column {
    COLUMN_SCOPE,
    COLUMN_KEY,
    COLUMN_FINGERPRINT,
    COLUMN_STATUS,
    COLUMN_CONTENT_TYPE,
    COLUMN_HEADERS,
    COLUMN_ETAG,
    COLUMN_WEAK,
    COLUMN_BODY,
    COLUMN_CREATED,
    COLUMN_COUNT
};
static const struct slice columns[COLUMN_COUNT] = {
    SLICE_INIT("scope"),        SLICE_INIT("key"),       SLICE_INIT("fingerprint"), SLICE_INIT("status"),
    SLICE_INIT("content_type"), SLICE_INIT("headers"),   SLICE_INIT("etag"),        SLICE_INIT("is_weak"),
    SLICE_INIT("body"),         SLICE_INIT("created_us")};

static struct value read_column(const struct db_rows *rows, enum column column)
{
    return db_column(rows, column - COLUMN_FINGERPRINT);
}

static enum error copy_text(struct session *session, const struct db_rows *rows, enum column column, struct slice *out)
{
    *out = arena_slice(session->arena, read_column(rows, column).text);
    return out->ptr ? OK : ERROR_MEMORY;
}

static enum error read_answer(struct session *session, const struct db_rows *rows, struct idempotency_answer *out)
{
    out->status = (int)read_column(rows, COLUMN_STATUS).integer;
    out->etag_is_weak = read_column(rows, COLUMN_WEAK).integer != 0;
    TRY(copy_text(session, rows, COLUMN_CONTENT_TYPE, &out->content_type));
    TRY(copy_text(session, rows, COLUMN_HEADERS, &out->headers));
    TRY(copy_text(session, rows, COLUMN_ETAG, &out->etag));
    return copy_text(session, rows, COLUMN_BODY, &out->body);
}

static int64_t oldest_us(const struct session *session)
{
    return session->now_us - (int64_t)IDEMPOTENCY_HOURS * 3600 * 1000000;
}

static enum error open_stored(struct session *session, const struct idempotency_key *key, struct db_rows **out)
{
    struct sql *sql = session_sql(session);
    sql_select(sql);
    for (size_t i = COLUMN_FINGERPRINT; i <= COLUMN_BODY; i++) {
        sql_item(sql);
        sql_column(sql, 0, columns[i]);
    }
    sql_from(sql, table, 0);
    sql_where(sql);
    sql_column(sql, 0, columns[COLUMN_SCOPE]);
    sql_put(sql, "=");
    sql_bind(sql, SQL_TEXT, value_text(key->scope));
    sql_where(sql);
    sql_column(sql, 0, columns[COLUMN_KEY]);
    sql_put(sql, "=");
    sql_bind(sql, SQL_TEXT, value_text(key->key));
    sql_where(sql);
    sql_column(sql, 0, columns[COLUMN_CREATED]);
    sql_put(sql, ">");
    sql_bind(sql, SQL_INTEGER, value_int(oldest_us(session)));
    return sql_query(sql, session->conn, out);
}

/* Another node may be at work on the same key; this one's set of keys in flight does not know. */
static enum error lock(struct session *session, const struct idempotency_key *key)
{
    bool is_locked;
    TRY(db_try_lock(session->conn, digest_of(key), &is_locked));
    if (!is_locked)
        diag_say(session->diag, NULL, "a request with this Idempotency-Key is being worked on");
    return is_locked ? OK : ERROR_CONFLICT;
}

enum error idempotency_find(struct session *session, const struct idempotency_key *key, bool *found,
                            struct idempotency_answer *out)
{
    struct db_rows *rows;
    TRY(lock(session, key));
    TRY(open_stored(session, key, &rows));
    enum error error = db_next(rows, found);
    if (error == OK && *found) {
        struct slice fingerprint = slice_of((const char *)key->fingerprint, sizeof key->fingerprint);
        if (!slice_eq(read_column(rows, COLUMN_FINGERPRINT).text, fingerprint)) {
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
    const struct value values[COLUMN_COUNT] = {
        [COLUMN_SCOPE] = value_text(key->scope),
        [COLUMN_KEY] = value_text(key->key),
        [COLUMN_FINGERPRINT] = value_blob(slice_of((const char *)key->fingerprint, sizeof key->fingerprint)),
        [COLUMN_STATUS] = value_int(answer->status),
        [COLUMN_CONTENT_TYPE] = value_text(answer->content_type),
        [COLUMN_HEADERS] = value_text(answer->headers),
        [COLUMN_ETAG] = value_text(answer->etag),
        [COLUMN_WEAK] = value_int(answer->etag_is_weak),
        [COLUMN_BODY] = value_blob(answer->body),
        [COLUMN_CREATED] = value_int(session->now_us),
    };
    struct sql *sql = session_sql(session);
    sql_insert(sql, table);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        sql_item(sql);
        sql_name(sql, columns[i]);
    }
    sql_values(sql);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        sql_item(sql);
        sql_bind(sql, SQL_ANY, values[i]);
    }
    sql_end_values(sql);
    sql_upsert(sql, columns, COLUMN_FINGERPRINT, columns + COLUMN_FINGERPRINT, COLUMN_COUNT - COLUMN_FINGERPRINT);
    return sql_execute(sql, session->conn, NULL);
}

enum error idempotency_sweep(struct session *session, int64_t limit, int64_t *deleted)
{
    struct sql *sql = session_sql(session);
    sql_delete(sql, table);
    sql_where(sql);
    sql_put(sql, "(scope, key) IN (");
    sql_put(sql, "SELECT scope, key FROM _tenon_idempotency WHERE created_us <= ");
    sql_bind(sql, SQL_INTEGER, value_int(oldest_us(session)));
    sql_limit(sql, limit, 0);
    sql_put(sql, ")");
    return sql_execute(sql, session->conn, deleted);
}
