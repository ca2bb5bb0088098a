/* SPDX-License-Identifier: Apache-2.0 */
/* Proves migrations on a copy: whatever goes wrong, goes wrong there. */
#include "app/migrate_check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/fingerprint.h"
#include "data/sql.h"

enum { NAME_BYTES = 64 };

struct check {
    struct migrate *migrate;
    struct migrate copy; /* the same files, on the copy */
    void (*progress)(void *state, const struct migration_progress *progress);
    void *state;
    struct migrate_check_result *result;
    const char *url, *path;   /* of the copy; `path` of SQLite's file */
    const char *admin, *name; /* PostgreSQL: where databases are made from; the copy's name */
};

static enum error open_at(struct check *check, const char *url, struct db **out)
{
    const struct settings *settings = &check->migrate->settings;
    const struct db_config config = {
        .url = url, .directory = settings->directory, .pool = settings->database.pool, .name = "tenon migrate"};
    TRY(db_open(&config, check->migrate->diag, out));
    return db_figures(*out).is_down ? ERROR_UNAVAILABLE : OK;
}

/* Runs a statement that can be no part of a transaction. */
static enum error run_on(struct check *check, struct db *db, const struct sql *sql)
{
    struct db_conn *conn;
    TRY(sql_finish(sql));
    TRY(db_write_blocking(db, &conn));
    enum error error = db_script(conn, buf_slice(&sql->text));
    if (error != OK)
        diag_say(check->migrate->diag,
                 "on PostgreSQL nobody else may be connected while it is copied: --database names another one to prove "
                 "the migrations on",
                 "the database cannot be copied: %s", db_message(conn));
    db_read_end(conn);
    return error;
}

/* ---- copies ---- */

static enum error copy_sqlite(struct check *check)
{
    struct arena *arena = check->migrate->arena;
    const struct settings *settings = &check->migrate->settings;
    const char *name = settings->database.url + sizeof "sqlite:" - 1;
    bool is_whole = name[0] == '/';
    check->path = arena_printf(arena, "%s%s%s.check-%ld", is_whole ? "" : settings->directory, is_whole ? "" : "/",
                               name, (long)getpid());
    check->url = arena_printf(arena, "sqlite:%s.check-%ld", name, (long)getpid());
    if (!check->path || !check->url)
        return ERROR_MEMORY;
    struct sql sql;
    sql_init(&sql, arena, DIALECT_SQLITE);
    sql_put(&sql, "VACUUM INTO ");
    sql_quote(&sql, slice_from(check->path));
    enum error error = run_on(check, check->migrate->db, &sql);
    sql_fini(&sql);
    return error;
}

static enum error read_name(struct check *check, char name[NAME_BYTES])
{
    struct db_conn *conn;
    struct db_rows *rows;
    bool has_row;
    TRY(db_read_blocking(check->migrate->db, &conn));
    enum error error = db_query(conn, SLICE("SELECT current_database()::text"), NULL, 0, &rows);
    if (error == OK) {
        error = db_next(rows, &has_row);
        if (error == OK && has_row)
            snprintf(name, NAME_BYTES, "%.*s", SLICE_ARG(db_column(rows, 0).text));
        db_rows_close(rows);
    }
    db_read_end(conn);
    return error;
}

/* A parameter of a URL wins over its path. */
static const char *with_name(struct check *check, const char *name)
{
    const char *url = check->migrate->settings.database.url;
    return arena_printf(check->migrate->arena, "%s%sdbname=%s", url, strchr(url, '?') ? "&" : "?", name);
}

static enum error run_on_admin(struct check *check, const struct sql *sql)
{
    struct db *db = NULL;
    enum error error = open_at(check, check->admin, &db);
    if (error == OK)
        error = run_on(check, db, sql);
    db_close(db);
    return error;
}

static enum error copy_postgres(struct check *check)
{
    char original[NAME_BYTES] = "";
    struct sql sql;
    TRY(read_name(check, original));
    check->name = arena_printf(check->migrate->arena, "tenon_check_%ld", (long)getpid());
    check->admin = with_name(check, "postgres");
    check->url = check->name ? with_name(check, check->name) : NULL;
    if (!check->admin || !check->url)
        return ERROR_MEMORY;
    db_close(check->migrate->db);
    check->migrate->db = NULL;
    sql_init(&sql, check->migrate->arena, DIALECT_POSTGRES);
    sql_put(&sql, "CREATE DATABASE ");
    sql_name(&sql, slice_from(check->name));
    sql_put(&sql, " TEMPLATE ");
    sql_name(&sql, slice_from(original));
    enum error error = run_on_admin(check, &sql);
    sql_fini(&sql);
    return error;
}

static void drop_copy(struct check *check, bool is_made)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    db_close(check->copy.db);
    for (size_t i = 0; check->path && i < ARRAY_LEN(ends); i++) {
        const char *path = arena_printf(check->migrate->arena, "%s%s", check->path, ends[i]);
        if (path)
            unlink(path);
    }
    if (!check->name || !is_made)
        return;
    struct sql sql;
    sql_init(&sql, check->migrate->arena, DIALECT_POSTGRES);
    sql_put(&sql, "DROP DATABASE ");
    sql_name(&sql, slice_from(check->name));
    (void)!run_on_admin(check, &sql);
    sql_fini(&sql);
}

/* ---- the proof ---- */

static struct migration_run new_run(struct check *check)
{
    return (struct migration_run){.contracts = true, .progress = check->progress, .state = check->state};
}

static enum error go_up(struct check *check, struct fingerprint *print)
{
    struct migration_run run = new_run(check);
    TRY(migrate_up(&check->copy, &run));
    check->result->migrations = run.done;
    return fingerprint_read(check->copy.db, check->copy.arena, print);
}

static enum error refuse(struct check *check)
{
    diag_say(check->copy.diag,
             "mend the down, or delete it if it cannot be done and say `migrations: forward_only` in the app file",
             "the migrations cannot be taken back");
    return ERROR_CONFLICT;
}

static enum error prove(struct check *check)
{
    struct fingerprint before, above, below, again;
    struct migrate *copy = &check->copy;
    TRY(fingerprint_read(copy->db, copy->arena, &before));
    TRY(go_up(check, &above));
    check->result->tables = before.tables;
    check->result->rows = before.rows;
    check->result->is_forward_only = copy->settings.migrations == SETTINGS_FORWARD_ONLY;
    if (check->result->is_forward_only)
        return OK;
    struct migration_run run = new_run(check);
    if (check->result->migrations > 0)
        TRY(migrate_down(copy, &run, check->result->migrations));
    TRY(fingerprint_read(copy->db, copy->arena, &below));
    if (!fingerprint_compare(&before, &below, "after up and down", copy->diag))
        return refuse(check);
    TRY(go_up(check, &again));
    return fingerprint_compare(&above, &again, "after up, down and up", copy->diag) ? OK : refuse(check);
}

enum error migrate_check_run(struct migrate *migrate,
                             void (*progress)(void *state, const struct migration_progress *progress), void *state,
                             struct migrate_check_result *out)
{
    struct check check = {.migrate = migrate, .copy = *migrate, .progress = progress, .state = state, .result = out};
    check.copy.db = NULL;
    enum error made = db_dialect(migrate->db) == DIALECT_POSTGRES ? copy_postgres(&check) : copy_sqlite(&check);
    enum error error = made;
    if (error == OK)
        error = open_at(&check, check.url, &check.copy.db);
    if (error == OK)
        error = prove(&check);
    drop_copy(&check, made == OK);
    return error;
}
