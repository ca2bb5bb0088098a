/* SPDX-License-Identifier: Apache-2.0 */
/* Brings a database in line with a schema, or says how it differs.
 *
 * All of it happens in one write transaction: what was compared is what is changed, a second process that starts at the
 * same moment waits and then finds the tables made, and a failure leaves nothing half done.
 *
 * A database is empty when none of the schema's tables and none of the engine's exist; tables that somebody else made
 * are left alone. After each change the statements of the schema are recorded in _tenon_schema: what migrations will
 * compare with. */
#include "model/schema_sync.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/timecode.h"
#include "data/sql.h"
#include "model/ddl.h"
#include "model/schema_diff.h"
#include "model/tables.h"

enum { SYNC_ARENA_MAX = 256 * 1024 * 1024, SYNC_SCRIPT_MAX = 64 * 1024 * 1024 };

struct sync {
    const struct schema *schema;
    enum schema_sync_mode mode;
    struct diag *diag;
    struct arena *arena;
    struct ddl ddl;
};

static bool is_empty(const struct sync *sync, const struct tables *tables)
{
    for (size_t i = 0; i < sync->ddl.count; i++)
        if (tables_find(tables, "table", sync->ddl.statements[i].name))
            return false;
    return true;
}

/* What a person can do about it; NULL: nothing is known. */
static const char *hint_for(const char *message)
{
    return strstr(message, "_trgm_ops")
               ? "an index of texts using gin or gist needs an extension: let an administrator "
                 "run CREATE EXTENSION pg_trgm in the database"
               : NULL;
}

static enum error run(struct sync *sync, struct db_conn *tx, struct slice sql)
{
    enum error error = db_script(tx, sql);
    if (error != OK)
        diag_say(sync->diag, hint_for(db_message(tx)), "the database could not be changed: %s", db_message(tx));
    return error;
}

static enum error insert_record(struct sync *sync, struct db_conn *tx, struct slice script)
{
    char now[TIMECODE_DATETIME_BYTES];
    struct sql sql;
    timecode_format_datetime(clock_wall_us(clock_system()), now);
    sql_init(&sql, sync->arena, db_conn_dialect(tx));
    sql_insert(&sql, SLICE("_tenon_schema"));
    sql_item(&sql);
    sql_name(&sql, SLICE("recorded_at"));
    sql_item(&sql);
    sql_name(&sql, SLICE("ddl"));
    sql_values(&sql);
    sql_item(&sql);
    sql_bind(&sql, SQL_TEXT, value_text(slice_of(now, sizeof now)));
    sql_item(&sql);
    sql_bind(&sql, SQL_TEXT, value_text(script));
    sql_end_values(&sql);
    enum error error = sql_execute(&sql, tx, NULL);
    sql_fini(&sql);
    return error;
}

static enum error record(struct sync *sync, struct db_conn *tx)
{
    struct buf script;
    buf_init(&script, SYNC_SCRIPT_MAX);
    for (size_t i = 0; i < sync->ddl.count; i++) {
        buf_put_slice(&script, sync->ddl.statements[i].sql);
        buf_put_literal(&script, ";\n");
    }
    enum error error = buf_failed(&script) ? ERROR_MEMORY : insert_record(sync, tx, buf_slice(&script));
    buf_fini(&script);
    return error;
}

enum error schema_sync_record(struct db_conn *tx, const struct ddl *ddl, struct arena *arena, struct diag *diag)
{
    struct sync sync = {.arena = arena, .diag = diag, .ddl = *ddl};
    return record(&sync, tx);
}

static enum error create(struct sync *sync, struct db_conn *tx)
{
    for (size_t i = 0; i < sync->ddl.count; i++) {
        const struct ddl_statement *statement = &sync->ddl.statements[i];
        TRY(run(sync, tx, statement->sql));
        if (statement->comment.len > 0)
            TRY(run(sync, tx, statement->comment));
    }
    return record(sync, tx);
}

static enum error repair(struct sync *sync, struct db_conn *tx, const struct schema_difference *first)
{
    for (const struct schema_difference *difference = first; difference; difference = difference->next)
        for (size_t i = 0; i < difference->repair_count; i++)
            TRY(run(sync, tx, difference->repair[i]));
    return record(sync, tx);
}

static enum error refuse(const struct sync *sync, const struct schema_difference *first)
{
    bool is_additive = sync->mode == SCHEMA_SYNC_ADDITIVE;
    diag_say(sync->diag,
             is_additive ? "change the app file back, or begin with an empty database"
                         : "`tenon dev` applies what only adds; else change the app file back, or the database",
             "the database differs from the app file");
    for (const struct schema_difference *difference = first; difference; difference = difference->next)
        if (!is_additive || !difference->repair)
            diag_at(sync->diag, (struct place){0}, difference->hint, "%s", difference->message);
    return ERROR_CONFLICT;
}

static bool can_repair(const struct schema_difference *first)
{
    for (const struct schema_difference *difference = first; difference; difference = difference->next)
        if (!difference->repair)
            return false;
    return true;
}

static enum error sync_in(struct db_conn *conn, void *argument)
{
    struct sync *sync = argument;
    struct tables tables = {0};
    struct schema_difference *first = NULL;
    TRY(tables_read(conn, sync->arena, &tables));
    if (sync->mode != SCHEMA_SYNC_CHECK && is_empty(sync, &tables)) {
        TRY(schema_diff_adopted(conn, sync->schema, &tables, sync->arena, &first));
        return first ? refuse(sync, first) : create(sync, conn);
    }
    TRY(schema_diff(conn, sync->schema, &sync->ddl, &tables, sync->arena, &first));
    if (!first)
        return OK;
    if (sync->mode == SCHEMA_SYNC_ADDITIVE && can_repair(first))
        return repair(sync, conn, first);
    return refuse(sync, first);
}

static enum error check(struct db *db, struct sync *sync)
{
    struct db_conn *conn = NULL;
    TRY(db_read_blocking(db, &conn));
    enum error error = sync_in(conn, sync);
    db_read_end(conn);
    return error;
}

enum error schema_sync(struct db *db, const struct schema *schema, enum schema_sync_mode mode, struct diag *diag)
{
    struct arena arena;
    struct sync sync = {.schema = schema, .mode = mode, .diag = diag, .arena = &arena};
    arena_init(&arena, SYNC_ARENA_MAX);
    enum error error = ddl_create(schema, db_dialect(db), &arena, &sync.ddl);
    if (error == OK)
        error = mode == SCHEMA_SYNC_CHECK ? check(db, &sync) : db_tx_blocking(db, sync_in, &sync);
    arena_fini(&arena);
    return error;
}
