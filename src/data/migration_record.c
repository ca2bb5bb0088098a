/* SPDX-License-Identifier: Apache-2.0 */
/* The table is made by the first migration, not with the engine's others: an app without migrations has no need of it.
 */
#include "data/migration_record.h"

#include "base/clock.h"
#include "base/timecode.h"

#define COLUMNS "\"id\", \"checksum\", \"state\", \"steps\", \"cursor\", \"changed_at\""

static const struct questions {
    struct slice has_table, read, write, erase;
} questions[] = {
    [DIALECT_SQLITE] =
        {
            .has_table = SLICE_INIT("SELECT 1 FROM sqlite_schema WHERE name = '_tenon_migrations'"),
            .read = SLICE_INIT("SELECT " COLUMNS " FROM \"_tenon_migrations\" WHERE \"id\" = ?1"),
            .write = SLICE_INIT("INSERT OR REPLACE INTO \"_tenon_migrations\" (" COLUMNS ") "
                                "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
            .erase = SLICE_INIT("DELETE FROM \"_tenon_migrations\" WHERE \"id\" = ?1"),
        },
    [DIALECT_POSTGRES] =
        {
            .has_table = SLICE_INIT("SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                                    "WHERE n.nspname = current_schema() AND c.relname = '_tenon_migrations'"),
            .read = SLICE_INIT("SELECT " COLUMNS " FROM \"_tenon_migrations\" WHERE \"id\" = $1"),
            .write = SLICE_INIT(
                "INSERT INTO \"_tenon_migrations\" (" COLUMNS ") VALUES ($1, $2, $3, $4::bigint, $5, $6) "
                "ON CONFLICT (\"id\") DO UPDATE SET \"checksum\" = excluded.\"checksum\", "
                "\"state\" = excluded.\"state\", \"steps\" = excluded.\"steps\", \"cursor\" = excluded.\"cursor\", "
                "\"changed_at\" = excluded.\"changed_at\""),
            .erase = SLICE_INIT("DELETE FROM \"_tenon_migrations\" WHERE \"id\" = $1"),
        },
};

static const char *const state_names[] = {
    [MIGRATION_APPLYING] = "applying", [MIGRATION_APPLIED] = "applied", [MIGRATION_UNDOING] = "undoing"};

static const struct questions *questions_for(const struct db_conn *conn)
{
    return &questions[db_conn_dialect(conn)];
}

enum error migration_record_prepare(struct db_conn *conn)
{
    return db_script(conn, SLICE("CREATE TABLE IF NOT EXISTS \"_tenon_migrations\" (\n"
                                 "  \"id\" text PRIMARY KEY NOT NULL,\n"
                                 "  \"checksum\" text NOT NULL,\n"
                                 "  \"state\" text NOT NULL,\n"
                                 "  \"steps\" bigint NOT NULL,\n"
                                 "  \"cursor\" text,\n"
                                 "  \"changed_at\" text NOT NULL\n"
                                 ")"));
}

static enum error take_text(const struct db_rows *rows, unsigned column, struct arena *arena, struct slice *out)
{
    struct value value = db_column(rows, column);
    *out = (struct slice){0};
    if (value.kind != VALUE_TEXT)
        return OK;
    *out = arena_slice(arena, value.text);
    return out->ptr ? OK : ERROR_MEMORY;
}

static enum error take_record(const struct db_rows *rows, struct arena *arena, struct migration_record *out)
{
    struct slice state;
    *out = (struct migration_record){.is_there = true, .state = MIGRATION_APPLIED, .steps = db_column(rows, 3).integer};
    TRY(take_text(rows, 0, arena, &out->id));
    TRY(take_text(rows, 1, arena, &out->checksum));
    TRY(take_text(rows, 2, arena, &state));
    TRY(take_text(rows, 4, arena, &out->cursor));
    for (size_t i = 0; i < ARRAY_LEN(state_names); i++)
        if (state_names[i] && slice_eq_text(state, state_names[i]))
            out->state = (enum migration_state)i;
    return take_text(rows, 5, arena, &out->changed_at);
}

static enum error has_table(struct db_conn *conn, bool *out)
{
    struct db_rows *rows;
    TRY(db_query(conn, questions_for(conn)->has_table, NULL, 0, &rows));
    enum error error = db_next(rows, out);
    db_rows_close(rows);
    return error;
}

static enum error take_all(struct db_rows *rows, struct arena *arena, struct migration_records *out)
{
    bool has_row;
    TRY(db_next(rows, &has_row));
    while (has_row) {
        if (out->count == MIGRATION_COUNT_MAX)
            return ERROR_LIMIT;
        TRY(take_record(rows, arena, &out->items[out->count++]));
        TRY(db_next(rows, &has_row));
    }
    return OK;
}

enum error migration_record_read_all(struct db_conn *conn, struct arena *arena, struct migration_records *out)
{
    struct db_rows *rows;
    bool is_there = false;
    *out = (struct migration_records){0};
    TRY(has_table(conn, &is_there));
    if (!is_there)
        return OK;
    out->items = arena_array(arena, MIGRATION_COUNT_MAX, sizeof *out->items);
    if (!out->items)
        return ERROR_MEMORY;
    TRY(db_query(conn, SLICE("SELECT " COLUMNS " FROM \"_tenon_migrations\" ORDER BY \"id\""), NULL, 0, &rows));
    enum error error = take_all(rows, arena, out);
    db_rows_close(rows);
    return error;
}

enum error migration_record_read(struct db_conn *conn, struct slice id, struct arena *arena,
                                 struct migration_record *out)
{
    const struct value argument = value_text(id);
    struct db_rows *rows;
    bool has_row = false;
    *out = (struct migration_record){.is_there = false};
    TRY(db_query(conn, questions_for(conn)->read, &argument, 1, &rows));
    enum error error = db_next(rows, &has_row);
    if (error == OK && has_row)
        error = take_record(rows, arena, out);
    db_rows_close(rows);
    return error;
}

enum error migration_record_write(struct db_conn *conn, const struct migration *migration, enum migration_state state,
                                  int64_t steps, struct slice cursor)
{
    char now[TIMECODE_DATETIME_BYTES];
    timecode_format_datetime(clock_wall_us(clock_system()), now);
    const struct value values[] = {value_text(migration->id),
                                   value_text(slice_of(migration->checksum, MIGRATION_CHECKSUM_BYTES)),
                                   value_text(slice_from(state_names[state])),
                                   value_int(steps),
                                   cursor.ptr ? value_text(cursor) : VALUE_NOTHING,
                                   value_text(slice_of(now, sizeof now))};
    return db_execute(conn, questions_for(conn)->write, values, ARRAY_LEN(values), NULL);
}

enum error migration_record_erase(struct db_conn *conn, struct slice id)
{
    const struct value argument = value_text(id);
    return db_execute(conn, questions_for(conn)->erase, &argument, 1, NULL);
}
