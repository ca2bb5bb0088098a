/* SPDX-License-Identifier: Apache-2.0 */
/* The model's root: what sessions share. The key that signs cursors is made once per database and kept in it, so that a
 * cursor outlives a restart and holds on every node. */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/uuid.h"
#include "data/sql.h"

static enum error core_init(struct model_core *core, enum dialect dialect)
{
    core->sql = calloc(1, sizeof *core->sql); /* so that core_fini() may come at any point */
    core->random = malloc(sizeof *core->random);
    core->uuids = malloc(sizeof *core->uuids);
    if (!core->sql || !core->random || !core->uuids)
        return ERROR_MEMORY;
    sql_init(core->sql, NULL, dialect);
    random_source_system(core->random);
    uuid_source_init(core->uuids);
    return OK;
}

static void core_fini(struct model_core *core)
{
    if (core->sql)
        sql_fini(core->sql);
    free(core->sql);
    free(core->random);
    free(core->uuids);
}

static enum error read_key(struct db_conn *tx, char *key, bool *found)
{
    struct db_rows *rows;
    TRY(db_query(tx, SLICE("SELECT value FROM _tenon_secret WHERE name = 'cursor'"), NULL, 0, &rows));
    enum error error = db_next(rows, found);
    if (error == OK && *found) {
        struct value value = db_column(rows, 0);
        if (value.text.len == sizeof((struct model *)0)->cursor_key)
            memcpy(key, value.text.ptr, value.text.len);
        else
            error = ERROR_IO;
    }
    db_rows_close(rows);
    return error;
}

/* Reads the key, or makes it: two processes that start at once agree, because this runs in a transaction. */
static enum error load_key(struct db_conn *tx, void *argument)
{
    struct model *model = argument;
    bool found;
    bool is_sqlite = db_conn_dialect(tx) == DIALECT_SQLITE;
    TRY(db_script(tx, is_sqlite ? SLICE("CREATE TABLE IF NOT EXISTS _tenon_secret("
                                        "name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID")
                                : SLICE("CREATE TABLE IF NOT EXISTS _tenon_secret("
                                        "name text PRIMARY KEY, value bytea NOT NULL)")));
    TRY(read_key(tx, model->cursor_key, &found));
    if (found)
        return OK;
    TRY(random_bytes(model->cores[0].random, model->cursor_key, sizeof model->cursor_key));
    struct value key = value_blob(slice_of(model->cursor_key, sizeof model->cursor_key));
    return db_execute(tx,
                      is_sqlite ? SLICE("INSERT INTO _tenon_secret(name, value) VALUES('cursor', ?1)")
                                : SLICE("INSERT INTO _tenon_secret(name, value) VALUES('cursor', $1)"),
                      &key, 1, NULL);
}

/* On a database that is only looked at (data/observed.h) the key is read; where it was never made any will do. */
static enum error look_up_key(struct model *model)
{
    struct db_conn *conn;
    bool found = false;
    TRY(db_read_blocking(model->db, &conn));
    enum error error = read_key(conn, model->cursor_key, &found);
    db_read_end(conn);
    if (error == OK && found)
        return OK;
    return random_bytes(model->cores[0].random, model->cursor_key, sizeof model->cursor_key);
}

static enum error find_key(struct model *model)
{
    enum error error = db_tx_blocking(model->db, load_key, model);
    return error == ERROR_NOT_IMPLEMENTED ? look_up_key(model) : error;
}

enum error model_create(const struct schema *schema, struct db *db, struct offload *offload, unsigned core_count,
                        struct model **out)
{
    struct model *model = calloc(1, sizeof *model);
    if (!model)
        return ERROR_MEMORY;
    enum error error = ERROR_MEMORY;
    *model = (struct model){.schema = schema, .db = db, .offload = offload, .core_count = core_count};
    model->password = password_params_default();
    model->cores = calloc(core_count + 1, sizeof *model->cores);
    if (!model->cores)
        goto fail;
    for (unsigned i = 0; i <= core_count; i++)
        if ((error = core_init(&model->cores[i], db ? db_dialect(db) : DIALECT_SQLITE)) != OK)
            goto fail;
    if (db && (error = find_key(model)) != OK)
        goto fail;
    *out = model;
    return OK;
fail:
    model_destroy(model);
    return error;
}

void model_destroy(struct model *model)
{
    if (!model)
        return;
    for (unsigned i = 0; model->cores && i <= model->core_count; i++)
        core_fini(&model->cores[i]);
    free(model->cores);
    free(model);
}
