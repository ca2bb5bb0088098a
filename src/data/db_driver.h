/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_DB_DRIVER_H
#define DATA_DB_DRIVER_H

#include "data/db.h"

/* What a driver gives to db.h: each function is the one of that name there. A driver's own structs begin with these. */

struct bulk_fault;

struct db_driver {
    enum dialect dialect;
    void (*close)(struct db *db);
    enum error (*read_begin)(struct db *db, struct fiber *self, struct deadline deadline, uint64_t after,
                             struct db_conn **out);
    enum error (*position)(struct db *db, struct fiber *self, struct deadline deadline, uint64_t *out);
    enum error (*read_blocking)(struct db *db, struct db_conn **out);
    enum error (*write_blocking)(struct db *db, struct db_conn **out);
    void (*read_end)(struct db_conn *conn);
    enum error (*tx)(struct db *db, struct fiber *self, struct deadline deadline, enum db_isolation isolation,
                     db_tx_body *body, void *argument);
    enum error (*tx_blocking)(struct db *db, db_tx_body *body, void *argument);
    enum error (*query)(struct db_conn *conn, struct slice sql, const struct value *arguments, size_t count,
                        struct db_rows **out);
    enum error (*next)(struct db_rows *rows, bool *has_row);
    void (*rows_close)(struct db_rows *rows);
    int64_t (*changes)(const struct db_rows *rows);
    void (*effort)(const struct db_rows *rows, struct db_effort *out); /* of this run; NULL: not known */
    unsigned (*column_count)(const struct db_rows *rows);
    struct slice (*column_name)(const struct db_rows *rows, unsigned column);
    struct value (*column)(const struct db_rows *rows, unsigned column);
    enum db_type (*column_type)(const struct db_rows *rows, unsigned column);
    bool (*column_origin)(const struct db_rows *rows, unsigned column, struct slice *table, struct slice *name);
    enum error (*check)(struct db_conn *conn, struct slice sql, size_t *parameters);
    enum error (*script)(struct db_conn *conn, struct slice sql);
    /* Of bulk.h; PostgreSQL only. `copy_end` gives the load up unless `outcome` is OK, and returns what came of it. */
    enum error (*stream)(struct db_conn *conn, struct slice sql, struct db_rows **out);
    enum error (*copy_begin)(struct db_conn *conn, struct slice sql);
    enum error (*copy_put)(struct db_conn *conn, struct slice bytes);
    enum error (*copy_end)(struct db_conn *conn, enum error outcome, struct bulk_fault *fault);
    const struct db_fault *(*fault)(const struct db_conn *conn);
    const char *(*message)(const struct db_conn *conn);
    int64_t (*last_id)(const struct db_conn *conn);
    void (*figures)(const struct db *db, struct db_figures *out);
};

struct db {
    const struct db_driver *driver;
};

struct db_conn {
    const struct db_driver *driver;
};

struct db_rows {
    const struct db_driver *driver;
};

#endif
