/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_DB_H
#define DATA_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/value.h"

/* The SQL interface: what every driver gives and all that the layers above see. */

struct core;
struct fiber;
struct log;
struct metrics;

struct db;      /* an opened database with its pools; safe from any core */
struct db_conn; /* a connection lent to one fiber, or a transaction on the writer */
struct db_rows; /* a statement that is running */

enum dialect { DIALECT_SQLITE, DIALECT_POSTGRES };

/* The connections to a PostgreSQL server. */
struct db_pool {
    unsigned max;                /* connections of the process, spread over its cores; 0 = 16 */
    unsigned idle;               /* that stay open when nobody needs them; 0 = all */
    unsigned waiters;            /* statements and transactions that may wait for one, per core; 0 = 1000 */
    int64_t acquire_ms;          /* how long they may wait; 0 = 5 s */
    int64_t lifetime_ms;         /* after which a connection is replaced, less up to a tenth; 0 = 30 min */
    int64_t idle_ms;             /* after which one above `idle` is closed; 0 = 10 min */
    int64_t statement_ms;        /* the server ends a longer statement; 0 = 30 s */
    int64_t connect_ms;          /* for one attempt to connect; 0 = 5 s */
    const char *const *replicas; /* URLs; reads go to them */
    size_t replica_count;
    int64_t replica_lag_ms; /* a replica further behind takes no reads; 0 = 10 s */
};

struct db_config {
    const char *url;       /* "sqlite:data/app.db"; a relative path is relative to `directory`; or "postgres://…" */
    const char *directory; /* of the app file */
    struct core **cores;   /* that will read; NULL and 0: only db_tx_blocking() and db_read_blocking() work */
    unsigned core_count;
    unsigned readers_per_core;    /* connections, 0 = 8 */
    unsigned reader_waiters;      /* fibers that may wait for one, 0 = 1000 */
    unsigned writer_queue_limit;  /* transactions that may wait, 0 = 10,000 */
    unsigned commit_batch_limit;  /* transactions that share one COMMIT, 0 = 512 */
    unsigned statement_cache;     /* prepared statements per connection, 0 = 256 */
    struct db_pool pool;          /* PostgreSQL only */
    bool must_exist;              /* an SQLite file that is not there is an error, and is not made */
    const char *name;             /* of the application, for the server's lists; NULL: "tenon" */
    struct log *log;              /* of the writer's thread alone */
    struct log *const *core_logs; /* by core, each of its core alone; NULL: reads log nothing */
};

/* Opens (and creates, with parent folders) a database: pragmas, connections for the readers as they are needed, the
 * writer's thread, the checkpointer's thread. Owner: the caller; db_close() when the cores no longer run.
 * A PostgreSQL server that is away is no error: figures.is_down says so, the diag why, and connecting goes on by
 * itself. Errors: ERROR_VALIDATION (the URL), ERROR_NOT_FOUND (must_exist), ERROR_IO, ERROR_MEMORY, ERROR_UNAVAILABLE
 * (the server refuses us); the diag says what and why. */
MUST_USE enum error db_open(const struct db_config *config, struct diag *diag, struct db **out);
/* Whether there is one to open: false for a file that db_open() would make. A server is asked by opening. */
MUST_USE bool db_exists(const struct db_config *config);
/* Commits what the writer still holds, checkpoints, closes. Accepts NULL. */
void db_close(struct db *db);
ANY_CORE enum dialect db_dialect(const struct db *db);
ANY_CORE enum dialect db_conn_dialect(const struct db_conn *conn);

/* Lends a connection of this core for reading. On SQLite everything read through it until db_read_end() is one
 * snapshot, no older than every request that was received in the core's present turn, and readers of one turn share a
 * read transaction. On PostgreSQL each statement sees what was committed when it began, and statements of many leases
 * share connections; they may be a replica's, of one that has seen the position `after` (0: any; DB_POSITION_PRIMARY:
 * no replica). Errors: ERROR_UNAVAILABLE (too many wait), ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_IO. */
YIELDS MUST_USE enum error db_read_begin(struct db *db, struct fiber *self, struct deadline deadline, uint64_t after,
                                         struct db_conn **out);
/* Where the commits are now: what a later read must see when it is to see everything committed so far. 0 where every
 * read does, because there are no replicas. Errors: those of db_next(). */
YIELDS MUST_USE enum error db_position(struct db *db, struct fiber *self, struct deadline deadline, uint64_t *out);
#define DB_POSITION_PRIMARY UINT64_MAX
/* Gives it back; closes rows that are still open. */
void db_read_end(struct db_conn *conn);

/* The body of a transaction. On SQLite it runs on the writer's thread: it may block, must not touch anything of the
 * fiber's core but `argument` (the fiber waits meanwhile), and must not call what yields but db_*. On PostgreSQL it
 * runs on the fiber. An error rolls back. A body may be run again from its beginning, after a rollback, when the
 * database asks for that (a serialization failure, a deadlock): it must do nothing that cannot be done twice. After a
 * statement has failed the body can only fail, too, unless it rolls back to a savepoint of its own. */
typedef enum error db_tx_body(struct db_conn *tx, void *argument);

/* How much a transaction is told apart from those that run beside it. On SQLite every one is serializable. */
enum db_isolation {
    DB_SERIALIZABLE,   /* as if it ran alone */
    DB_READ_COMMITTED, /* each statement sees what is committed when it begins: what it decides upon must be locked */
    DB_STATEMENT,      /* the body runs one statement, which needs no transaction around it */
};

/* Runs `body` in a transaction of its own; returns OK only after its commit is on disk. On SQLite transactions that
 * arrive together share one COMMIT, each in its own savepoint: one that fails rolls back alone; when the COMMIT itself
 * fails all fail. A transaction that still waits in the queue is given up at the deadline or when the fiber is
 * cancelled; one that runs is then undone, at its next statement or in the middle of it; once its commit has begun the
 * outcome is always waited for and reported.
 * Errors: those of `body`; ERROR_UNAVAILABLE (too many wait, the server is away, it has rolled back time and again),
 * ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_INSUFFICIENT_STORAGE, ERROR_IO, ERROR_OUTCOME_UNKNOWN (the connection broke
 * while the commit was on its way: it may have happened or not). */
YIELDS MUST_USE enum error db_tx(struct db *db, struct fiber *self, struct deadline deadline,
                                 enum db_isolation isolation, db_tx_body *body, void *argument);

/* The same for threads without a core: start-up, the command line, tests. */
MUST_USE ANY_CORE enum error db_tx_blocking(struct db *db, db_tx_body *body, void *argument);
/* A read connection for such a thread, opened for it. */
MUST_USE ANY_CORE enum error db_read_blocking(struct db *db, struct db_conn **out);
/* A connection of its own for such a thread, that writes: each statement commits by itself, unless db_script() has
 * begun a transaction. Without limits of time. For what changes the tables themselves; db_read_end() closes it.
 * Errors: ERROR_IO, ERROR_UNAVAILABLE, ERROR_MEMORY. */
MUST_USE ANY_CORE enum error db_write_blocking(struct db *db, struct db_conn **out);

/* Starts a statement. `sql` holds one statement with ?1…?n ($1…$n on PostgreSQL) and is cached by its text; `arguments`
 * are borrowed until db_rows_close(). In a read connection a long statement lets other fibers run and is cut at the
 * lease's deadline.
 * Errors: ERROR_INTERNAL (the statement does not compile, or takes another number of arguments; logged),
 * ERROR_MEMORY. */
MUST_USE enum error db_query(struct db_conn *conn, struct slice sql, const struct value *arguments, size_t count,
                             struct db_rows **out);
/* Steps to the next row; false at the end.
 * Errors: ERROR_TIMEOUT, ERROR_CANCELLED, ERROR_CONFLICT (a constraint: see db_fault()), ERROR_INSUFFICIENT_STORAGE,
 * ERROR_IO, ERROR_INTERNAL. */
YIELDS MUST_USE enum error db_next(struct db_rows *rows, bool *has_row);
/* Ends the statement; accepts NULL. Everything read from its columns is gone. */
void db_rows_close(struct db_rows *rows);

/* Of the columns, once db_next() has been called. */
unsigned db_column_count(const struct db_rows *rows);
/* The name of a column; borrowed until db_rows_close(). */
struct slice db_column_name(const struct db_rows *rows, unsigned column);
/* The column of the present row; texts are borrowed until the next db_next() or db_rows_close(). What PostgreSQL has
 * types for comes in the stored forms of model/schema.h: instants, dates and uuids as texts, numerics as integers with
 * their scale, booleans as 0 and 1. */
struct value db_column(const struct db_rows *rows, unsigned column);
/* What the database says of a column: its type (PostgreSQL), or the table and column that it shows (SQLite; false for
 * an expression). Texts are borrowed until db_rows_close(). */
enum db_type {
    DB_TYPE_UNKNOWN,
    DB_TYPE_INTEGER,
    DB_TYPE_FLOAT,
    DB_TYPE_DECIMAL,
    DB_TYPE_BOOLEAN,
    DB_TYPE_TEXT,
    DB_TYPE_JSON,
    DB_TYPE_BYTES
};
enum db_type db_column_type(const struct db_rows *rows, unsigned column);
bool db_column_origin(const struct db_rows *rows, unsigned column, struct slice *table, struct slice *name);

/* Runs a statement to its end, discarding rows; `*changes` (may be NULL) is the number of rows changed.
 * Errors: those of db_query() and db_next(). */
YIELDS MUST_USE enum error db_execute(struct db_conn *conn, struct slice sql, const struct value *arguments,
                                      size_t count, int64_t *changes);
/* Compiles a statement without running it; `*parameters` is how many it takes. For start-up: on a connection of
 * db_read_blocking() or in db_tx_blocking(). Errors: ERROR_VALIDATION (db_message() says why), those of db_query(). */
MUST_USE enum error db_check(struct db_conn *conn, struct slice sql, size_t *parameters);
/* Inside a transaction: keeps everybody else, on every node, from the same lock until this transaction has ended; false
 * when somebody has it. On SQLite always true, for transactions come one after another. Errors: those of db_query(). */
MUST_USE enum error db_try_lock(struct db_conn *conn, uint64_t lock, bool *is_locked);
/* Runs several statements without arguments, separated by semicolons; for DDL inside a transaction. */
MUST_USE enum error db_script(struct db_conn *conn, struct slice sql);

/* Which constraint the last ERROR_CONFLICT of this connection broke. */
enum db_fault_kind { DB_FAULT_NONE, DB_FAULT_UNIQUE, DB_FAULT_FOREIGN_KEY, DB_FAULT_NOT_NULL, DB_FAULT_CHECK };
struct db_fault {
    enum db_fault_kind kind;
    char table[128];   /* "" when the database does not say */
    char columns[512]; /* comma-separated column names, or the index's name after "index:" */
    char key[512];     /* behind an index's name: its columns as SQL names them; "" when the database does not say */
};
const struct db_fault *db_fault(const struct db_conn *conn);
/* The database's own message of the last failure, for the log only. */
const char *db_message(const struct db_conn *conn);

/* The rowid of the last insert on this connection. SQLite only: elsewhere the insert returns it. */
int64_t db_last_id(const struct db_conn *conn);

/* What running a statement has taken so far. SQLite only. */
struct db_effort {
    int64_t scanned; /* steps through whole tables or whole indexes: rows that no condition had chosen */
    int64_t sorts;   /* sorting that no index spared */
    int64_t indexed; /* rows put into indexes that were made for this run alone */
    int64_t steps;   /* of SQLite's machine */
};

/* Figures for metrics and health; may be a moment old. */
struct db_figures {
    unsigned readers_open, readers_lent, readers_waiting;
    size_t writer_queue;
    uint64_t queries; /* statements begun on read connections */
    uint64_t commits, transactions, rollbacks, checkpoints;
    uint64_t last_commit_us;        /* how long the last COMMIT took */
    uint64_t round_trips;           /* to a PostgreSQL server, of requests; many statements may share one */
    uint64_t waits_timed_out;       /* for a connection */
    uint64_t reruns;                /* of transactions, after serialization failures and deadlocks */
    unsigned replicas, replicas_up; /* replicas that take reads at the moment */
    uint64_t replica_queries;
    enum error state; /* OK, or why writes fail at the moment (INSUFFICIENT_STORAGE, IO, UNAVAILABLE) */
    bool is_down;     /* nothing can be read either */
};
ANY_CORE struct db_figures db_figures(const struct db *db);

#endif
