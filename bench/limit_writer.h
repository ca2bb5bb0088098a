/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LIMIT_WRITER_H
#define BENCH_LIMIT_WRITER_H

#include <pthread.h>
#include <stdbool.h>

#include <sqlite3.h>

#include "limit_http.h"

struct insert {
    struct insert *next;
    struct market market;
    bool failed;
};

struct insert_list {
    pthread_mutex_t mutex;
    struct insert *first;
    struct insert **end;
};

/* The thread that inserts, and its two lists: what it shall do, and what it has done. */
struct writer {
    struct insert_list queue;
    struct insert_list done;
    pthread_cond_t arrived;
    int done_fd; /* an eventfd, readable when `done` has become non-empty */
    sqlite3 *db;
    sqlite3_stmt *begin, *insert, *commit;
};

/* Opens, prepares and runs with the settings that Tenon uses; the process ends when it cannot. */
sqlite3 *open_database(const char *path);
sqlite3_stmt *prepare(sqlite3 *db, const char *sql);
bool run(sqlite3_stmt *statement);

void writer_start(struct writer *writer, const char *path);
/* Queues an insert; it comes back through writer_collect() once it is on disk, or has failed. Never blocks on the disk.
 */
void writer_add(struct writer *writer, struct insert *insert);
/* Takes the chain of all inserts that are done. */
struct insert *writer_collect(struct writer *writer);

#endif
