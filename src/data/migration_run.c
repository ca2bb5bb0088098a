/* SPDX-License-Identifier: Apache-2.0 */
/* Idea: a migration is a list of statements, run in one transaction or (stepwise) in one for each. Its record says
 * which statement comes next; it is written by the transaction that ran the one before, and read again at the beginning
 * of each. So a run that is killed at any statement is gone on with, and of runs on several nodes at once each does
 * what is left. On PostgreSQL a lock of the session has them come one after the other besides.
 *
 * What cannot be part of a transaction (CREATE INDEX CONCURRENTLY) commits before it is recorded, so it may be met
 * again: an index that is not valid is what a run has left that was cut, and is dropped first.
 *
 * SQLite enforces no foreign keys while a migration runs, because it may make a table anew; before the commit they are
 * checked. On PostgreSQL a statement that waits for a lock holds up everybody behind it: it waits for a moment only,
 * and is tried again later.
 *
 *   (no record) --first statement--> applying --last--> applied --first of down--> undoing --last--> (no record) */
#include "data/migration_run.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "data/migration_batch.h"
#include "data/migration_record.h"
#include "data/script.h"

enum { PATIENCE_MS = 600 * 1000, PAUSE_MS = 250, STATEMENTS_MAX = 10000 };

static const struct preparation {
    struct slice session, begin;
} preparations[] = {
    [DIALECT_SQLITE] = {SLICE_INIT("PRAGMA foreign_keys=OFF; PRAGMA busy_timeout=30000"),
                        SLICE_INIT("BEGIN IMMEDIATE")},
    [DIALECT_POSTGRES] = {SLICE_INIT("SET lock_timeout = '250ms'; SET client_min_messages = error"),
                          SLICE_INIT("BEGIN")},
};

struct running {
    struct migration_run *run;
    struct db_conn *conn;
    const struct migration *migration;
    const struct migration_script *script;
    bool is_down;
    struct script_statement *statements;
    size_t count;
    int64_t give_up_us; /* waiting, of the present statement */
};

static enum dialect dialect_of(const struct running *own)
{
    return db_conn_dialect(own->conn);
}

/* ---- waiting ---- */

static void tell(const struct running *own, struct migration_progress progress)
{
    progress.id = own->migration ? own->migration->id : SLICE("");
    progress.steps = own->count;
    if (own->run->progress)
        own->run->progress(own->run->state, &progress);
}

static void begin_waiting(struct running *own)
{
    int64_t patience_ms = own->run->patience_ms ? own->run->patience_ms : PATIENCE_MS;
    own->give_up_us = clock_monotonic_us(clock_system()) + patience_ms * 1000;
}

static enum error wait_for(const struct running *own, size_t step, const char *what)
{
    if (clock_monotonic_us(clock_system()) >= own->give_up_us) {
        diag_say(own->run->diag, "try again when less is going on, or look who holds it", "gave up waiting for %s",
                 what);
        return ERROR_TIMEOUT;
    }
    tell(own, (struct migration_progress){.step = step, .waiting = what});
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    return OK;
}

/* "tenon" and "migrate" as a number: what all nodes agree upon. It is the session's, and ends with it. */
static enum error take_lock(struct running *own)
{
    begin_waiting(own);
    for (bool is_ours = dialect_of(own) == DIALECT_SQLITE; !is_ours;) {
        struct db_rows *rows;
        bool has_row;
        TRY(db_query(own->conn, SLICE("SELECT pg_try_advisory_lock(500068215663)"), NULL, 0, &rows));
        enum error error = db_next(rows, &has_row);
        is_ours = error == OK && has_row && db_column(rows, 0).integer != 0;
        db_rows_close(rows);
        TRY(error);
        if (!is_ours)
            TRY(wait_for(own, 0, "another node that is migrating"));
    }
    return OK;
}

/* ---- failures ---- */

static enum error refuse(const struct running *own, size_t step, enum error error, const char *reason)
{
    struct diag *diag = own->run->diag;
    if (error == ERROR_MEMORY || diag->message)
        return error;
    diag_say(diag,
             own->script->is_stepwise ? "the statements before it are done: mend it, and run the command again"
                                      : "nothing of it was done: mend it, and run the command again",
             "migration %.*s failed", SLICE_ARG(own->migration->id));
    diag_at(diag, (struct place){own->script->path, own->statements[step].line, 1}, NULL, "%s",
            reason && reason[0] ? reason : "the database refused");
    return error == ERROR_INTERNAL ? ERROR_VALIDATION : error;
}

/* A lock that was not to be had, or a deadlock: all of the transaction may be tried again. */
static bool may_pass(const struct running *own, enum error error)
{
    return dialect_of(own) == DIALECT_POSTGRES && (error == ERROR_TIMEOUT || error == ERROR_UNAVAILABLE);
}

/* Every reference leads to a row, or what was done is undone. */
static enum error check_references(const struct running *own)
{
    struct db_rows *rows;
    bool has_row;
    if (dialect_of(own) != DIALECT_SQLITE)
        return OK;
    TRY(db_query(own->conn, SLICE("SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1"), NULL, 0, &rows));
    enum error error = db_next(rows, &has_row);
    if (error == OK && has_row) {
        const char *reason = arena_printf(own->run->arena, "a row of \"%.*s\" would refer to one that is not there",
                                          SLICE_ARG(db_column(rows, 0).text));
        error = refuse(own, own->count - 1, ERROR_CONFLICT, reason);
    }
    db_rows_close(rows);
    return error;
}

/* ---- statements ---- */

/* The statement that comes next; own->count: there is none left. */
static enum error find_step(const struct running *own, size_t *step, struct migration_record *record)
{
    TRY(migration_record_read(own->conn, own->migration->id, own->run->arena, record));
    bool is_over = own->is_down ? !record->is_there : record->is_there && record->state == MIGRATION_APPLIED;
    bool is_begun = record->is_there && record->state == (own->is_down ? MIGRATION_UNDOING : MIGRATION_APPLYING);
    *step = is_over ? own->count : is_begun && record->steps > 0 ? (size_t)record->steps : 0;
    return OK;
}

/* Records that the statements before `step` are done. */
static enum error record_step(const struct running *own, size_t step, struct slice cursor)
{
    if (step < own->count)
        return migration_record_write(own->conn, own->migration, own->is_down ? MIGRATION_UNDOING : MIGRATION_APPLYING,
                                      (int64_t)step, cursor);
    if (own->is_down)
        return migration_record_erase(own->conn, own->migration->id);
    return migration_record_write(own->conn, own->migration, MIGRATION_APPLIED, 0, (struct slice){0});
}

static enum error run_statement(const struct running *own, size_t step)
{
    enum error error = db_script(own->conn, own->statements[step].text);
    return error == OK || may_pass(own, error) ? error : refuse(own, step, error, db_message(own->conn));
}

/* What happens in one transaction; `*step` is what comes next then. */
typedef enum error body(struct running *own, size_t *step);

static enum error run_all(struct running *own, size_t *step)
{
    struct migration_record record;
    TRY(find_step(own, step, &record));
    if (*step == own->count)
        return OK;
    for (; *step < own->count; ++*step) {
        tell(own, (struct migration_progress){.step = *step + 1});
        TRY(run_statement(own, *step));
    }
    TRY(check_references(own));
    return record_step(own, own->count, (struct slice){0});
}

static enum error run_one(struct running *own, size_t *step)
{
    struct migration_record record;
    size_t next = *step;
    TRY(find_step(own, step, &record));
    if (*step != next)
        return OK; /* another run has done it meanwhile */
    TRY(run_statement(own, next));
    TRY(check_references(own));
    TRY(record_step(own, next + 1, (struct slice){0}));
    *step = next + 1;
    return OK;
}

/* Runs a body in a transaction, again and again while a lock is not to be had. */
static enum error transact(struct running *own, body *run, size_t *step)
{
    size_t first = *step;
    begin_waiting(own);
    for (;;) {
        *step = first;
        enum error error = db_script(own->conn, preparations[dialect_of(own)].begin);
        if (error == OK)
            error = run(own, step);
        if (error == OK)
            error = db_script(own->conn, SLICE("COMMIT"));
        if (error == OK)
            return OK;
        const char *reason = arena_text(own->run->arena, slice_from(db_message(own->conn)));
        size_t failed = *step < own->count ? *step : own->count - 1;
        if (db_script(own->conn, SLICE("ROLLBACK")) != OK || !may_pass(own, error))
            return refuse(own, failed, error, reason);
        TRY(wait_for(own, failed + 1, "a lock"));
    }
}

/* ---- step by step ---- */

static bool contains_word(struct slice text, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= text.len; i++)
        if (strncasecmp(text.ptr + i, word, length) == 0)
            return true;
    return false;
}

/* Whether a statement can be no part of a transaction. */
static bool is_outside(const struct running *own, struct slice sql)
{
    bool is_vacuum = sql.len >= 6 && strncasecmp(sql.ptr, "VACUUM", 6) == 0;
    return is_vacuum || (dialect_of(own) == DIALECT_POSTGRES && contains_word(sql, "CONCURRENTLY"));
}

/* DROP INDEX CONCURRENTLY for each index of the statement that is not valid. */
static enum error drop_remains(struct running *own, struct slice sql)
{
    const struct value text = value_text(sql);
    for (;;) {
        struct db_rows *rows;
        bool has_row;
        TRY(db_query(
            own->conn,
            SLICE("SELECT 'DROP INDEX CONCURRENTLY ' || i.indexrelid::regclass::text FROM pg_index i "
                  "JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND "
                  "c.relnamespace = current_schema()::regnamespace AND strpos($1::text, c.relname) > 0 LIMIT 1"),
            &text, 1, &rows));
        enum error error = db_next(rows, &has_row);
        struct slice drop = error == OK && has_row ? arena_slice(own->run->arena, db_column(rows, 0).text) : SLICE("");
        db_rows_close(rows);
        TRY(error);
        if (drop.len == 0)
            return OK;
        TRY(db_script(own->conn, drop));
    }
}

static enum error run_outside(struct running *own, size_t step)
{
    struct slice sql = own->statements[step].text;
    bool is_postgres = dialect_of(own) == DIALECT_POSTGRES;
    if (is_postgres) { /* it waits for transactions, and holds nobody up meanwhile */
        TRY(db_script(own->conn, SLICE("SET lock_timeout = 0")));
        TRY(drop_remains(own, sql));
    }
    enum error error = db_script(own->conn, sql);
    if (error != OK)
        error = refuse(own, step, error, db_message(own->conn));
    if (is_postgres)
        TRY(db_script(own->conn, preparations[DIALECT_POSTGRES].session));
    return error == OK ? record_step(own, step + 1, (struct slice){0}) : error;
}

struct batching {
    struct running running; /* first: a body is given this */
    const struct migration_batch *batch;
    int64_t rows, total;
    bool is_over;
};

static enum error run_batch(struct running *own, size_t *step)
{
    struct batching *batching = CONTAINER_OF(own, struct batching, running);
    struct migration_record record;
    size_t next = *step;
    int64_t rows;
    TRY(find_step(own, step, &record));
    batching->is_over = *step != next;
    if (batching->is_over)
        return OK;
    enum error error = migration_batch_run(batching->batch, own->conn, own->run->arena, &record.cursor, &rows);
    if (error != OK)
        return may_pass(own, error) ? error : refuse(own, next, error, db_message(own->conn));
    batching->rows += rows;
    batching->is_over = !record.cursor.ptr;
    TRY(check_references(own));
    return record_step(own, batching->is_over ? next + 1 : next, record.cursor);
}

static enum error run_batches(const struct running *own, const struct migration_batch *batch, size_t step)
{
    struct batching batching = {.running = *own, .batch = batch};
    TRY(migration_batch_count(batch, own->conn, own->run->arena, &batching.total));
    while (!batching.is_over) {
        int64_t rows = batching.rows < batching.total ? batching.rows : batching.total;
        tell(own, (struct migration_progress){.step = step + 1, .rows = rows, .total = batching.total});
        size_t next = step;
        TRY(transact(&batching.running, run_batch, &next));
    }
    return OK;
}

static enum error run_step(struct running *own, size_t step)
{
    const struct script_statement *statement = &own->statements[step];
    struct migration_batch batch;
    const char *reason = NULL;
    bool is_batch;
    enum error error = migration_batch_parse(statement, dialect_of(own), own->run->arena, &is_batch, &batch, &reason);
    if (error != OK)
        return refuse(own, step, error, reason);
    if (is_batch)
        return run_batches(own, &batch, step);
    tell(own, (struct migration_progress){.step = step + 1});
    if (is_outside(own, statement->text))
        return run_outside(own, step);
    return transact(own, run_one, &step);
}

static enum error run_steps(struct running *own)
{
    struct migration_record record;
    size_t step;
    TRY(find_step(own, &step, &record));
    while (step < own->count) {
        TRY(run_step(own, step));
        TRY(find_step(own, &step, &record));
    }
    return OK;
}

/* ---- migrations ---- */

/* A statement that begins or ends a transaction would take the record apart from what it records. */
static enum error refuse_transactions(struct running *own)
{
    static const char *const words[] = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"};
    for (size_t i = 0; i < own->count; i++) {
        struct slice text = own->statements[i].text;
        for (size_t j = 0; j < ARRAY_LEN(words); j++) {
            size_t length = strlen(words[j]);
            bool is_longer = text.len > length && (isalnum((unsigned char)text.ptr[length]) || text.ptr[length] == '_');
            if (text.len >= length && !is_longer && strncasecmp(text.ptr, words[j], length) == 0)
                return refuse(own, i, ERROR_VALIDATION,
                              "a migration is a transaction already, or says `no transaction`");
        }
    }
    return OK;
}

static enum error read_statements(struct running *own)
{
    struct script script;
    struct script_statement statement;
    own->statements = arena_array(own->run->arena, STATEMENTS_MAX, sizeof *own->statements);
    if (!own->statements)
        return ERROR_MEMORY;
    script_init(&script, own->script->text, dialect_of(own));
    for (own->count = 0; script_next(&script, &statement); own->statements[own->count++] = statement)
        if (own->count == STATEMENTS_MAX) {
            diag_say(own->run->diag, NULL, "%s has more than %d statements", own->script->path, STATEMENTS_MAX);
            return ERROR_LIMIT;
        }
    TRY(script_finish(&script, own->script->path, own->run->diag));
    return refuse_transactions(own);
}

/* A file without statements does nothing, and is recorded. */
static enum error record_empty(struct running *own, size_t *step)
{
    *step = 0;
    return record_step(own, 0, (struct slice){0});
}

static enum error run_migration(struct running *own, const struct migration *migration, bool is_down)
{
    own->migration = migration;
    own->is_down = is_down;
    own->script = is_down ? &migration->down : &migration->up;
    TRY(read_statements(own));
    size_t step = 0;
    if (own->count == 0)
        TRY(transact(own, record_empty, &step));
    else if (own->script->is_stepwise)
        TRY(run_steps(own));
    else
        TRY(transact(own, run_all, &step));
    tell(own, (struct migration_progress){.step = own->count, .is_done = true});
    own->run->done++;
    return OK;
}

static enum error refuse_wrong(const struct migration_run *run, const struct migration_status *status)
{
    static const struct {
        const char *message, *hint;
    } texts[] = {
        [MIGRATION_EDITED] = {"it is applied, and its file was edited since",
                              "put the file back as it was, and write what is to change into a new migration"},
        [MIGRATION_MISSING] = {"it is applied, and its file is missing",
                               "bring the file back; is the folder older than the database?"},
        [MIGRATION_LATE] = {"it is not applied, but later ones are", "give it the next number"},
    };
    diag_say(run->diag, NULL, "the migrations do not fit the database");
    for (size_t i = 0; i < status->count; i++) {
        const struct migration_entry *entry = &status->entries[i];
        if (entry->state < ARRAY_LEN(texts) && texts[entry->state].message)
            diag_at(run->diag, (struct place){entry->file ? entry->file->up.path : NULL, 0, 0},
                    texts[entry->state].hint, "migration %.*s: %s", SLICE_ARG(entry->id), texts[entry->state].message);
    }
    return ERROR_CONFLICT;
}

static enum error run_up(struct running *own, size_t count)
{
    struct migration_status status;
    const struct migration_run *run = own->run;
    TRY(migration_read_status(own->conn, run->folder, run->arena, &status));
    if (status.wrong > 0)
        return refuse_wrong(run, &status);
    for (size_t i = 0; i < status.count; i++) {
        const struct migration_entry *entry = &status.entries[i];
        bool is_waiting = entry->state == MIGRATION_PENDING && (run->contracts || !entry->file->is_contract);
        if (is_waiting || entry->state == MIGRATION_APPLYING)
            TRY(run_migration(own, entry->file, false));
        else if (entry->state == MIGRATION_UNDOING)
            TRY(run_migration(own, entry->file, true));
    }
    return OK;
}

static enum error run_down(struct running *own, size_t count)
{
    struct migration_status status;
    TRY(migration_read_status(own->conn, own->run->folder, own->run->arena, &status));
    if (status.wrong > 0)
        return refuse_wrong(own->run, &status);
    for (size_t i = status.count; i-- > 0 && count > 0;) {
        const struct migration_entry *entry = &status.entries[i];
        if (entry->state == MIGRATION_PENDING)
            continue;
        if (!entry->file->down.path) {
            diag_say(own->run->diag, "write the statements that take it back into a file that ends with .down.sql",
                     "migration %.*s has no down", SLICE_ARG(entry->id));
            return ERROR_CONFLICT;
        }
        TRY(run_migration(own, entry->file, true));
        count--;
    }
    return OK;
}

static enum error run_record(struct running *own, size_t number)
{
    struct migration_status status;
    TRY(migration_read_status(own->conn, own->run->folder, own->run->arena, &status));
    for (size_t i = 0; i < status.count; i++) {
        const struct migration_entry *entry = &status.entries[i];
        if (entry->state != MIGRATION_PENDING || entry->file->number > (int64_t)number)
            continue;
        TRY(migration_record_write(own->conn, entry->file, MIGRATION_APPLIED, 0, (struct slice){0}));
        own->run->done++;
    }
    return OK;
}

/* On a session that no other node has at the same time. */
static enum error in_session(struct migration_run *run, enum error (*what)(struct running *own, size_t count),
                             size_t count)
{
    struct running own = {.run = run};
    TRY(db_write_blocking(run->db, &own.conn));
    enum error error = db_script(own.conn, preparations[dialect_of(&own)].session);
    if (error == OK)
        error = take_lock(&own);
    if (error == OK)
        error = migration_record_prepare(own.conn);
    if (error == OK)
        error = what(&own, count);
    if (error != OK)
        diag_say(run->diag, NULL, "the database refused: %s", db_message(own.conn));
    db_read_end(own.conn);
    return error;
}

enum error migration_run_up(struct migration_run *run)
{
    return in_session(run, run_up, 0);
}

enum error migration_run_down(struct migration_run *run, size_t count)
{
    return in_session(run, run_down, count);
}

enum error migration_run_record(struct migration_run *run, int64_t number)
{
    return in_session(run, run_record, (size_t)number);
}
