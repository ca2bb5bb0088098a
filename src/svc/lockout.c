/* SPDX-License-Identifier: Apache-2.0 */
/* Wrong passwords in _tenon_attempts: how many in a row, when the last one was, and until when nobody may try. */
#include "svc/lockout.h"

#include "data/sql.h"

enum { NAME_BYTES_MAX = 512 };

void lockout_subject_make(enum lockout_kind kind, struct slice name, struct lockout_subject *out)
{
    static const char *const prefixes[] = {"account:", "address:"};
    char folded[NAME_BYTES_MAX];
    struct digest_state state;
    digest_begin(&state);
    digest_add(&state, slice_from(prefixes[kind]));
    while (name.len > 0) {
        size_t piece = name.len < sizeof folded ? name.len : sizeof folded;
        for (size_t i = 0; i < piece; i++) {
            char byte = name.ptr[i];
            folded[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
        }
        digest_add(&state, slice_of(folded, piece));
        name = slice_from_index(name, piece);
    }
    digest_end(&state, out->digest);
}

static struct value blob_of(const struct lockout_subject *subject)
{
    return value_blob(slice_of((const char *)subject->digest, sizeof subject->digest));
}

static int64_t forgotten_us(const struct session *session, const struct lockout_config *config)
{
    return session->now_us - config->window_ms * 1000;
}

/* A row for each subject that has failed at all. */
static void see_row(const struct session *session, const struct lockout_config *config, const struct db_rows *rows,
                    const struct lockout_subject *first, struct lockout_state *out)
{
    int64_t until_us = db_column(rows, 1).integer, failures = db_column(rows, 2).integer;
    if (until_us > session->now_us) {
        unsigned wait_s = (unsigned)((until_us - session->now_us + 999999) / 1000000);
        out->wait_s = wait_s > out->wait_s ? wait_s : out->wait_s;
    }
    bool is_first = slice_eq(db_column(rows, 0).text, blob_of(first).text);
    if (is_first && db_column(rows, 3).integer > forgotten_us(session, config))
        out->tries = failures < config->failures ? config->failures - (unsigned)failures : 1;
}

enum error lockout_ask(struct session *session, const struct lockout_config *config,
                       const struct lockout_subject *subjects, size_t count, struct lockout_state *out)
{
    *out = (struct lockout_state){.tries = config->failures};
    TRY(session_read(session));
    struct sql *sql = session_sql(session);
    sql_put(sql, "SELECT subject, until_us, failures, last_us FROM _tenon_attempts WHERE subject IN (");
    for (size_t i = 0; i < count; i++) {
        buf_put_text(&sql->text, i > 0 ? ", " : "");
        sql_bind(sql, SQL_BYTES, blob_of(&subjects[i]));
    }
    sql_put(sql, ")");
    struct db_rows *rows;
    bool has_row;
    TRY(sql_query(sql, session->conn, &rows));
    enum error error;
    while ((error = db_next(rows, &has_row)) == OK && has_row)
        see_row(session, config, rows, &subjects[0], out);
    db_rows_close(rows);
    return error;
}

/* Makes the row that is kept from others below: where there is none, several first failures would each be the first. */
static enum error make_row(struct session *session, const struct lockout_subject *subject)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "INSERT INTO _tenon_attempts(subject, failures, last_us, until_us) VALUES (");
    sql_bind(sql, SQL_BYTES, blob_of(subject));
    sql_put(sql, ", 0, ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_put(sql, ", 0) ON CONFLICT (subject) DO NOTHING");
    return sql_execute(sql, session->conn, NULL);
}

/* The failures so far, and the row kept from others. */
static enum error read_failures(struct session *session, const struct lockout_config *config,
                                const struct lockout_subject *subject, int64_t *out)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "SELECT failures FROM _tenon_attempts AS t0 WHERE subject = ");
    sql_bind(sql, SQL_BYTES, blob_of(subject));
    sql_put(sql, " AND last_us > ");
    sql_bind(sql, SQL_INTEGER, value_int(forgotten_us(session, config)));
    sql_lock(sql, SQL_LOCK_CHANGE);
    struct db_rows *rows;
    bool has_row;
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = db_next(rows, &has_row);
    *out = error == OK && has_row ? db_column(rows, 0).integer : 0;
    db_rows_close(rows);
    return error;
}

static int64_t lock_us(const struct lockout_config *config, int64_t failures)
{
    int64_t lock_ms = config->wait_ms;
    for (int64_t i = config->failures; i < failures && lock_ms < config->longest_ms; i++)
        lock_ms *= 2;
    return (lock_ms < config->longest_ms ? lock_ms : config->longest_ms) * 1000;
}

enum error lockout_count(struct session *session, const struct lockout_config *config,
                         const struct lockout_subject *subject, bool *is_locked)
{
    static const struct slice columns[] = {SLICE_INIT("subject"), SLICE_INIT("failures"), SLICE_INIT("last_us"),
                                           SLICE_INIT("until_us")};
    int64_t failures;
    TRY(make_row(session, subject));
    TRY(read_failures(session, config, subject, &failures));
    failures++;
    *is_locked = failures >= config->failures;
    int64_t until_us = *is_locked ? session->now_us + lock_us(config, failures) : 0;
    const struct value values[] = {blob_of(subject), value_int(failures), value_int(session->now_us),
                                   value_int(until_us)};
    struct sql *sql = session_sql(session);
    sql_insert(sql, SLICE("_tenon_attempts"));
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        sql_item(sql);
        sql_name(sql, columns[i]);
    }
    sql_values(sql);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        sql_item(sql);
        sql_bind(sql, SQL_ANY, values[i]);
    }
    sql_end_values(sql);
    sql_upsert(sql, columns, 1, columns + 1, ARRAY_LEN(columns) - 1);
    return sql_execute(sql, session->conn, NULL);
}

enum error lockout_clear(struct session *session, const struct lockout_subject *subject)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_attempts WHERE subject = ");
    sql_bind(sql, SQL_BYTES, blob_of(subject));
    return sql_execute(sql, session->conn, NULL);
}

enum error lockout_sweep(struct session *session, int64_t limit, int64_t *deleted)
{
    static const int64_t day_us = 24 * 3600 * (int64_t)1000000;
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_attempts WHERE subject IN (SELECT subject FROM _tenon_attempts WHERE last_us <= ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us - LOCKOUT_WINDOW_DAYS_MAX * day_us));
    sql_put(sql, " AND until_us <= ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_limit(sql, limit, 0);
    sql_put(sql, ")");
    return sql_execute(sql, session->conn, deleted);
}
