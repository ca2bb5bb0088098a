/* SPDX-License-Identifier: Apache-2.0 */
/* Copies a database.
 *
 * Idea: the source is one snapshot, the target one transaction. Tables are made bare, filled by whatever the database
 * has that is quickest, and get their indexes, references, search and triggers when all rows are there. Then every
 * table is read once more on both sides, and the two must have the same checksum.
 *
 * Invariants
 *   (1) nothing of the target is written over: none of the tables is there when it begins
 *   (2) after a bad value nothing is sent any more, but the rest is still read, so that all bad values are told at once
 *   (3) what a connection streams is closed before it is asked anything else */
#include "model/transfer.h"

#include "base/buf.h"
#include "data/bulk.h"
#include "data/migration_folder.h"
#include "data/migration_record.h"
#include "model/ddl.h"
#include "model/schema_sync.h"
#include "model/tables.h"
#include "model/transfer_table.h"

enum { TELL_ROWS = 4096, SCRATCH_BYTES_MAX = 1024 * 1024 * 1024 };

struct transfer {
    const struct transfer_options *options;
    struct arena *arena;
    struct diag *diag;
    struct ddl ddl; /* of the target */
    struct transfer_tables tables;
    struct db_conn *source;
    struct value *values; /* of the present row */
    char (*rooms)[TRANSFER_VALUE_ROOM];
    struct buf scratch;
    struct transfer_progress progress;
    size_t bad; /* values that the target cannot hold */
};

static void tell(struct transfer *t)
{
    if (t->options->on_progress)
        t->options->on_progress(t->options->state, &t->progress);
}

static void tell_row(struct transfer *t)
{
    t->progress.done++;
    if (++t->progress.table_rows % TELL_ROWS == 0)
        tell(t);
}

static void tell_table(struct transfer *t, bool is_done)
{
    t->progress.is_table_done = is_done;
    tell(t);
}

static void begin_phase(struct transfer *t, enum transfer_phase phase, int64_t total)
{
    t->progress = (struct transfer_progress){.phase = phase, .total = total};
}

static void begin_table(struct transfer *t, const struct transfer_table *table)
{
    t->progress.table = table->name;
    t->progress.table_rows = 0;
    tell_table(t, false);
}

/* ---- before ---- */

static enum error check_empty(struct transfer *t, struct db_conn *target)
{
    struct tables found = {0};
    TRY(tables_read(target, t->arena, &found));
    for (size_t i = 0; i < t->ddl.count; i++) {
        struct slice name = t->ddl.statements[i].name;
        bool is_table = t->ddl.statements[i].kind == DDL_TABLE || t->ddl.statements[i].kind == DDL_ENGINE;
        if (!is_table || !tables_find(&found, "table", name))
            continue;
        diag_say(t->diag, "copy into an empty database: make a new one, or drop these tables",
                 "the target has a table \"%.*s\" already: nothing was copied", SLICE_ARG(name));
        return ERROR_CONFLICT;
    }
    return OK;
}

/* Before anything is locked; also what finds that source and target are one. */
static enum error look_at_target(struct transfer *t)
{
    struct db_conn *conn;
    TRY(db_read_blocking(t->options->to, &conn));
    enum error error = check_empty(t, conn);
    db_read_end(conn);
    return error;
}

/* ---- rows ---- */

/* `column` empty: it is not known which. */
static void tell_bad(struct transfer *t, const struct transfer_table *table, struct value id, struct slice column,
                     const char *why)
{
    if (++t->bad > DIAG_ITEMS_MAX)
        return;
    const char *lead = arena_printf(t->arena, "table \"%.*s\", %s %s", SLICE_ARG(table->name),
                                    table->resource ? "id" : "key", transfer_table_show(t->arena, t->diag, id));
    if (column.len > 0)
        diag_at(t->diag, (struct place){0}, NULL, "%s: column \"%.*s\" %s", lead ? lead : "?", SLICE_ARG(column), why);
    else
        diag_at(t->diag, (struct place){0}, NULL, "%s %s", lead ? lead : "?", why);
}

/* Reads the present row into `values`; false when it has told of values that cannot be taken over. */
static bool read_row(struct transfer *t, const struct transfer_table *table, enum dialect dialect,
                     const struct db_rows *rows)
{
    bool is_good = true;
    for (size_t i = 0; i < table->column_count; i++) {
        const char *why =
            transfer_value_read(&table->columns[i], dialect, db_column(rows, (unsigned)i), t->rooms[i], &t->values[i]);
        if (UNLIKELY(why)) {
            tell_bad(t, table, db_column(rows, 0), table->columns[i].name, why);
            is_good = false;
        }
    }
    return is_good;
}

static enum error take_row(struct transfer *t, struct transfer_table *table, const struct db_rows *rows,
                           struct bulk_load *load)
{
    bool is_good = read_row(t, table, db_conn_dialect(t->source), rows);
    tell_row(t);
    if (!is_good)
        return OK;
    if (table->sequence_key && t->values[0].integer > table->last_id)
        table->last_id = t->values[0].integer;
    return load && t->bad == 0 ? bulk_load_row(load, t->values) : OK;
}

static enum error take_rows(struct transfer *t, struct transfer_table *table, struct bulk_load *load)
{
    struct db_rows *rows;
    bool has_row = true;
    TRY(bulk_query(t->source, table->select, &rows));
    enum error error = db_next(rows, &has_row);
    while (error == OK && has_row) {
        error = take_row(t, table, rows, load);
        if (error == OK)
            error = db_next(rows, &has_row);
    }
    db_rows_close(rows);
    return error;
}

/* Finds out which row it was that the database did not take, and says so. */
static enum error tell_fault(struct transfer *t, const struct transfer_table *table, const struct bulk_fault *fault)
{
    struct db_rows *rows;
    bool has_row = true;
    const char *why = arena_printf(t->arena, "was refused: %s", fault->message);
    struct slice column = slice_from(fault->column);
    TRY(bulk_query(t->source, table->select, &rows));
    enum error error = OK;
    for (int64_t i = 0; i < fault->row && error == OK && has_row; i++)
        error = db_next(rows, &has_row);
    if (error == OK && has_row)
        tell_bad(t, table, db_column(rows, 0), column, why ? why : "was refused");
    db_rows_close(rows);
    return error;
}

static enum error copy_table(struct transfer *t, struct db_conn *tx, struct transfer_table *table)
{
    struct bulk_load *load = NULL;
    struct bulk_fault fault = {0};
    begin_table(t, table);
    if (t->bad > 0)
        TRY(take_rows(t, table, NULL));
    else {
        TRY(bulk_load_begin(tx, table->name, table->bulk_columns, table->column_count, &load));
        enum error error = take_rows(t, table, load);
        bool is_given_up = error == OK && t->bad > 0;
        error = bulk_load_end(load, is_given_up ? ERROR_VALIDATION : error, &fault);
        if (is_given_up)
            return OK;
        if (error != OK && fault.message[0]) {
            diag_say(t->diag, NULL, "the table \"%.*s\" could not be copied: %s", SLICE_ARG(table->name),
                     fault.message);
            if (fault.row > 0)
                TRY(tell_fault(t, table, &fault));
        }
        TRY(error);
    }
    tell_table(t, true);
    return OK;
}

static enum error copy_tables(struct transfer *t, struct db_conn *tx)
{
    begin_phase(t, TRANSFER_COPY, t->tables.rows);
    for (size_t i = 0; i < t->tables.count; i++)
        TRY(copy_table(t, tx, &t->tables.items[i]));
    if (t->bad == 0)
        return OK;
    diag_say(t->diag, "mend the rows in the source, and copy again",
             "%zu value%s cannot be stored in the target: nothing was copied", t->bad, t->bad == 1 ? "" : "s");
    return ERROR_VALIDATION;
}

/* ---- statements ---- */

static enum error run(struct transfer *t, struct db_conn *tx, struct slice sql)
{
    enum error error = db_script(tx, sql);
    const char *hint = error == ERROR_PAYLOAD_TOO_LARGE
                           ? "PostgreSQL indexes values of up to some 2,700 bytes: shorten them, or drop the index"
                           : NULL;
    if (error != OK)
        diag_say(t->diag, hint, "the target could not be made: %s", db_message(tx));
    return error;
}

static bool is_bare(const struct ddl_statement *statement)
{
    return statement->kind == DDL_FUNCTION || statement->kind == DDL_TABLE || statement->kind == DDL_ENGINE;
}

static enum error run_statement(struct transfer *t, struct db_conn *tx, const struct ddl_statement *statement)
{
    TRY(run(t, tx, statement->sql));
    if (statement->comment.len > 0)
        TRY(run(t, tx, statement->comment));
    if (statement->kind != DDL_SEARCH)
        return OK;
    struct sql sql;
    sql_init(&sql, t->arena, db_conn_dialect(tx));
    sql_insert(&sql, statement->name);
    sql_name(&sql, statement->name);
    sql_put(&sql, ") VALUES ('rebuild')");
    enum error error = sql_finish(&sql);
    if (error == OK)
        error = run(t, tx, buf_slice(&sql.text));
    sql_fini(&sql);
    return error;
}

static bool makes(const struct ddl *ddl, struct slice table)
{
    for (size_t i = 0; i < ddl->count; i++)
        if (slice_eq(ddl->statements[i].name, table))
            return true;
    return false;
}

/* The tables, without what is derived from their rows. On SQLite references are part of them: they are not looked at
 * until the commit. What an index is sorted with must not all be in memory. */
static enum error make_tables(struct transfer *t, struct db_conn *tx)
{
    if (db_conn_dialect(tx) == DIALECT_SQLITE)
        TRY(run(t, tx, SLICE("PRAGMA defer_foreign_keys=ON; PRAGMA temp_store=FILE")));
    for (size_t i = 0; i < t->ddl.count; i++)
        if (is_bare(&t->ddl.statements[i]))
            TRY(run_statement(t, tx, &t->ddl.statements[i]));
    for (size_t i = 0; i < t->tables.count; i++)
        if (!makes(&t->ddl, t->tables.items[i].name))
            TRY(transfer_table_create(tx, &t->tables.items[i], t->arena));
    return OK;
}

/* The tables are as all of them together make them, and the rows come from a source that had all of its own. */
static enum error record_migrations(struct transfer *t, struct db_conn *tx)
{
    const struct migration_folder *migrations = t->options->migrations;
    bool is_other_dialect = db_conn_dialect(tx) != db_conn_dialect(t->source);
    if (!is_other_dialect || !migrations || migrations->count == 0)
        return OK; /* copied with the other tables, if there are any */
    TRY(migration_record_prepare(tx));
    for (size_t i = 0; i < migrations->count; i++)
        TRY(migration_record_write(tx, &migrations->items[i], MIGRATION_APPLIED, 0, (struct slice){0}));
    return OK;
}

static enum error make_the_rest(struct transfer *t, struct db_conn *tx)
{
    int64_t total = 0;
    for (size_t i = 0; i < t->ddl.count; i++)
        total += !is_bare(&t->ddl.statements[i]);
    begin_phase(t, TRANSFER_FINISH, total);
    for (size_t i = 0; i < t->ddl.count; i++) {
        if (is_bare(&t->ddl.statements[i]))
            continue;
        t->progress.table = t->ddl.statements[i].name;
        tell(t);
        TRY(run_statement(t, tx, &t->ddl.statements[i]));
        t->progress.done++;
    }
    tell_table(t, true);
    for (size_t i = 0; i < t->tables.count; i++)
        TRY(transfer_table_set_sequence(tx, &t->tables.items[i], t->arena));
    TRY(record_migrations(t, tx));
    return schema_sync_record(tx, &t->ddl, t->arena, t->diag);
}

/* What the planner knows of the new tables. SQLite's does without, as it does for a server. */
static enum error analyze(struct transfer *t, struct db_conn *tx)
{
    enum error error = OK;
    for (size_t i = 0; i < t->tables.count && error == OK && db_conn_dialect(tx) == DIALECT_POSTGRES; i++) {
        struct sql sql;
        sql_init(&sql, t->arena, DIALECT_POSTGRES);
        sql_put(&sql, "ANALYZE ");
        sql_name(&sql, t->tables.items[i].name);
        error = sql_finish(&sql);
        if (error == OK)
            error = run(t, tx, buf_slice(&sql.text));
        sql_fini(&sql);
    }
    return error;
}

/* ---- verification ---- */

static enum error sum_row(struct transfer *t, const struct transfer_table *table, enum dialect dialect,
                          const struct db_rows *rows, struct transfer_sum *sum)
{
    bool is_good = read_row(t, table, dialect, rows);
    tell_row(t);
    return is_good ? transfer_value_add(sum, t->values, table->column_count, &t->scratch) : ERROR_CONFLICT;
}

static enum error sum_rows(struct transfer *t, const struct transfer_table *table, struct db_conn *conn,
                           struct transfer_sum *sum)
{
    struct db_rows *rows;
    bool has_row = true;
    TRY(bulk_query(conn, table->select, &rows));
    enum error error = db_next(rows, &has_row);
    while (error == OK && has_row) {
        error = sum_row(t, table, db_conn_dialect(conn), rows, sum);
        if (error == OK)
            error = db_next(rows, &has_row);
    }
    db_rows_close(rows);
    return error;
}

static void tell_difference(struct transfer *t, const struct transfer_table *table)
{
    char source[TRANSFER_SUM_TEXT], copy[TRANSFER_SUM_TEXT];
    transfer_value_format(&table->in_source, source);
    transfer_value_format(&table->in_copy, copy);
    diag_at(t->diag, (struct place){0}, NULL,
            "table \"%.*s\": the source has %lld rows with the checksum %s, the copy "
            "%lld with %s",
            SLICE_ARG(table->name), (long long)table->in_source.rows, source, (long long)table->in_copy.rows, copy);
}

static enum error verify(struct transfer *t, struct db_conn *tx)
{
    bool is_same = true;
    begin_phase(t, TRANSFER_VERIFY, 2 * t->tables.rows);
    for (size_t i = 0; i < t->tables.count; i++) {
        struct transfer_table *table = &t->tables.items[i];
        begin_table(t, table);
        TRY(sum_rows(t, table, t->source, &table->in_source));
        TRY(sum_rows(t, table, tx, &table->in_copy));
        tell_table(t, true);
        if (transfer_value_is_same(&table->in_source, &table->in_copy))
            continue;
        tell_difference(t, table);
        is_same = false;
    }
    if (is_same)
        return OK;
    diag_say(t->diag, "this must not happen: keep the source, and report it",
             "the copy is not what the source is: it was undone");
    return ERROR_CONFLICT;
}

/* ---- all ---- */

static enum error fill_target(struct db_conn *tx, void *argument)
{
    struct transfer *t = argument;
    TRY(check_empty(t, tx));
    TRY(make_tables(t, tx));
    TRY(copy_tables(t, tx));
    TRY(make_the_rest(t, tx));
    TRY(analyze(t, tx));
    return verify(t, tx);
}

static enum error check_references(struct transfer *t)
{
    if (db_conn_dialect(t->source) == DIALECT_POSTGRES)
        return OK; /* its constraints have seen to that */
    TRY(transfer_table_check_references(t->source, t->options->schema, t->arena, t->diag, &t->bad));
    if (t->bad == 0)
        return OK;
    diag_say(t->diag, "mend the rows in the source, and copy again",
             "references in the source lead to rows that are not there: nothing was copied");
    return ERROR_VALIDATION;
}

static enum error make_room(struct transfer *t)
{
    size_t most = 1;
    for (size_t i = 0; i < t->tables.count; i++)
        most = t->tables.items[i].column_count > most ? t->tables.items[i].column_count : most;
    t->values = arena_array(t->arena, most, sizeof *t->values);
    t->rooms = arena_array(t->arena, most, sizeof *t->rooms);
    return t->values && t->rooms ? OK : ERROR_MEMORY;
}

static enum error copy_from(struct transfer *t)
{
    const struct transfer_options *options = t->options;
    if (!options->is_unlocked && db_conn_dialect(t->source) == DIALECT_POSTGRES)
        TRY(transfer_table_lock(t->source, options->schema, t->arena));
    TRY(transfer_table_list(t->source, db_dialect(options->to), options->schema, t->arena, t->diag, &t->tables));
    TRY(make_room(t));
    TRY(check_references(t));
    return db_tx_blocking(options->to, fill_target, t);
}

/* With the source's one writer held (SQLite), or not. */
static enum error copy_snapshot(struct db_conn *lock, void *argument)
{
    struct transfer *t = argument;
    TRY(bulk_snapshot(t->options->from, &t->source));
    enum error error = copy_from(t);
    db_read_end(t->source);
    return error;
}

static enum error copy_all(struct transfer *t)
{
    const struct transfer_options *options = t->options;
    TRY(ddl_create(options->schema, db_dialect(options->to), t->arena, &t->ddl));
    TRY(look_at_target(t));
    TRY(schema_sync(options->from, options->schema, SCHEMA_SYNC_CHECK, t->diag));
    if (options->is_unlocked || db_dialect(options->from) == DIALECT_POSTGRES)
        return copy_snapshot(NULL, t);
    enum error error = db_tx_blocking(options->from, copy_snapshot, t);
    if (error == ERROR_UNAVAILABLE)
        diag_say(t->diag, "stop the server that writes to it, or try again",
                 "the source could not be kept from being written to, or the target went away");
    return error;
}

static enum error report(struct transfer *t, struct transfer_report *out)
{
    struct transfer_report_table *tables = arena_array(t->arena, t->tables.count, sizeof *tables);
    if (!tables)
        return ERROR_MEMORY;
    *out = (struct transfer_report){.tables = tables, .count = t->tables.count};
    for (size_t i = 0; i < t->tables.count; i++) {
        const struct transfer_table *table = &t->tables.items[i];
        tables[i] =
            (struct transfer_report_table){.name = arena_slice(t->arena, table->name), .rows = table->in_copy.rows};
        if (!tables[i].name.ptr)
            return ERROR_MEMORY;
        transfer_value_format(&table->in_copy, tables[i].checksum);
        out->rows += table->in_copy.rows;
    }
    return OK;
}

/* The engine could not make the tables that it would copy into. */
static enum error refuse_adopted(const struct schema *schema, struct diag *diag)
{
    for (size_t i = 0; i < schema->resource_count; i++)
        if (schema->resources[i].is_adopted) {
            diag_say(diag, "move it with the tools of the databases, and adopt what has come of it",
                     "\"%.*s\" is an adopted table, which the engine does not make",
                     SLICE_ARG(schema->resources[i].table));
            return ERROR_VALIDATION;
        }
    return OK;
}

enum error transfer_run(const struct transfer_options *options, struct arena *arena, struct diag *diag,
                        struct transfer_report *out)
{
    struct transfer t = {.options = options, .arena = arena, .diag = diag};
    TRY(refuse_adopted(options->schema, diag));
    buf_init(&t.scratch, SCRATCH_BYTES_MAX);
    enum error error = copy_all(&t);
    buf_fini(&t.scratch);
    return error == OK ? report(&t, out) : error;
}
