/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of a database. Two processes that make one at once agree: a name is stored once, and what is stored is what
 * both read. */
#include "model/secret.h"

#include <string.h>

#include "base/check.h"
#include "base/random.h"
#include "data/db.h"
#include "model/tables.h"

struct wanted {
    const char *name;
    void *out;
    size_t size;
};

/* What is asked of each database. */
static const struct statements {
    struct slice create, read, insert;
} statements[] = {
    [DIALECT_SQLITE] = {SLICE_INIT("CREATE TABLE IF NOT EXISTS _tenon_secret("
                                   "name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID"),
                        SLICE_INIT("SELECT value FROM _tenon_secret WHERE name = ?1"),
                        SLICE_INIT("INSERT INTO _tenon_secret(name, value) VALUES(?1, ?2) ON CONFLICT DO NOTHING")},
    [DIALECT_POSTGRES] = {SLICE_INIT("CREATE TABLE IF NOT EXISTS _tenon_secret("
                                     "name text PRIMARY KEY, value bytea NOT NULL)"),
                          SLICE_INIT("SELECT value FROM _tenon_secret WHERE name = $1"),
                          SLICE_INIT("INSERT INTO _tenon_secret(name, value) VALUES($1, $2) ON CONFLICT DO NOTHING")},
};

static enum error read_secret(struct db_conn *conn, const struct wanted *wanted, bool *found)
{
    const struct value name = value_text(slice_from(wanted->name));
    struct db_rows *rows;
    TRY(db_query(conn, statements[db_conn_dialect(conn)].read, &name, 1, &rows));
    enum error error = db_next(rows, found);
    if (error == OK && *found) {
        struct value value = db_column(rows, 0);
        if (value.kind == VALUE_BLOB && value.text.len == wanted->size)
            memcpy(wanted->out, value.text.ptr, value.text.len);
        else
            error = ERROR_IO;
    }
    db_rows_close(rows);
    return error;
}

static enum error make_up(const struct wanted *wanted, void *out)
{
    struct random_source random;
    random_source_system(&random);
    return random_bytes(&random, out, wanted->size);
}

static enum error get_or_make(struct db_conn *tx, void *argument)
{
    const struct wanted *wanted = argument;
    const struct statements *say = &statements[db_conn_dialect(tx)];
    char made[SECRET_BYTES_MAX];
    bool found;
    TRY(db_script(tx, say->create));
    TRY(read_secret(tx, wanted, &found));
    if (found)
        return OK;
    TRY(make_up(wanted, made));
    const struct value row[] = {value_text(slice_from(wanted->name)), value_blob(slice_of(made, wanted->size))};
    TRY(db_execute(tx, say->insert, row, ARRAY_LEN(row), NULL));
    explicit_bzero(made, sizeof made);
    TRY(read_secret(tx, wanted, &found));
    return found ? OK : ERROR_IO;
}

static enum error look_up(struct db *db, const struct wanted *wanted, bool *found)
{
    struct db_conn *conn;
    *found = false;
    TRY(db_read_blocking(db, &conn));
    enum error error = read_secret(conn, wanted, found);
    db_read_end(conn);
    return error;
}

enum error secret_get(struct db *db, const char *name, void *out, size_t size)
{
    struct wanted wanted = {name, out, size};
    bool found;
    CHECK(size <= SECRET_BYTES_MAX, "a secret fits its room");
    enum error error = db_tx_blocking(db, get_or_make, &wanted);
    if (error != ERROR_NOT_IMPLEMENTED)
        return error;
    TRY(look_up(db, &wanted, &found));
    return found ? OK : make_up(&wanted, out);
}

static enum error table_exists(struct db *db, bool *exists)
{
    struct db_conn *conn;
    struct arena arena;
    struct tables tables;
    TRY(db_read_blocking(db, &conn));
    arena_init(&arena, 256 * 1024 * 1024);
    enum error error = tables_read(conn, &arena, &tables);
    *exists = error == OK && tables_find(&tables, "table", SLICE("_tenon_secret"));
    arena_fini(&arena);
    db_read_end(conn);
    return error;
}

enum error secret_find(struct db *db, const char *name, void *out, size_t size, bool *found)
{
    struct wanted wanted = {name, out, size};
    CHECK(size <= SECRET_BYTES_MAX, "a secret fits its room");
    *found = false;
    bool exists;
    TRY(table_exists(db, &exists));
    return exists ? look_up(db, &wanted, found) : OK;
}
