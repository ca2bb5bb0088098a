/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit: what has queued up while one COMMIT was on its way to the disk is the next transaction.
 *
 * Idea: two lists under their own mutexes, each handed over whole. The thread sleeps only while the queue is empty, and
 * is woken, like the loop, only by the insert that ends the emptiness.
 *
 * Invariants
 *   (1) an insert is in the queue, in the batch, or in the done list
 *   (2) it is done after the COMMIT of its batch has returned; when that failed, all of the batch have failed */
#include "limit_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

sqlite3 *open_database(const char *path)
{
    sqlite3 *db;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL) ||
        sqlite3_busy_timeout(db, 5000) ||
        sqlite3_exec(db,
                     "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;"
                     "pragma cache_size = -8192; pragma mmap_size = 268435456",
                     NULL, NULL, NULL))
        die(path);
    return db;
}

sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL)) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
        exit(1);
    }
    return statement;
}

bool run(sqlite3_stmt *statement)
{
    bool is_done = sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_reset(statement);
    return is_done;
}

static void list_init(struct insert_list *list)
{
    pthread_mutex_init(&list->mutex, NULL);
    list->first = NULL;
    list->end = &list->first;
}

/* Appends a chain and says whether the list was empty. */
static bool list_append(struct insert_list *list, struct insert *first, struct insert **end)
{
    pthread_mutex_lock(&list->mutex);
    bool was_empty = !list->first;
    *list->end = first;
    list->end = end;
    pthread_mutex_unlock(&list->mutex);
    return was_empty;
}

static struct insert *list_take(struct insert_list *list)
{
    pthread_mutex_lock(&list->mutex);
    struct insert *first = list->first;
    list->first = NULL;
    list->end = &list->first;
    pthread_mutex_unlock(&list->mutex);
    return first;
}

static void insert_row(struct writer *writer, struct insert *insert)
{
    struct market *market = &insert->market;
    sqlite3_stmt *statement = writer->insert;
    sqlite3_bind_text(statement, 1, market->name, (int)market->name_len, SQLITE_STATIC);
    if (market->given & GIVEN_STATUS)
        sqlite3_bind_text(statement, 2, market->status, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, 2);
    if (market->given & GIVEN_VOLUME)
        sqlite3_bind_int64(statement, 3, market->volume);
    else
        sqlite3_bind_null(statement, 3);
    if (market->given & GIVEN_CREATOR)
        sqlite3_bind_int64(statement, 4, market->creator);
    else
        sqlite3_bind_null(statement, 4);
    sqlite3_bind_text(statement, 5, market->created_at, DATETIME_BYTES, SQLITE_STATIC);
    insert->failed = !run(statement);
    market->id = sqlite3_last_insert_rowid(writer->db);
}

static void *writer_main(void *argument)
{
    struct writer *writer = argument;
    for (;;) {
        pthread_mutex_lock(&writer->queue.mutex);
        while (!writer->queue.first)
            pthread_cond_wait(&writer->arrived, &writer->queue.mutex);
        pthread_mutex_unlock(&writer->queue.mutex);
        struct insert *first = list_take(&writer->queue), **end = &first;
        run(writer->begin);
        for (; *end; end = &(*end)->next)
            insert_row(writer, *end);
        if (!run(writer->commit)) {
            for (struct insert *insert = first; insert; insert = insert->next)
                insert->failed = true;
        }
        if (list_append(&writer->done, first, end) && eventfd_write(writer->done_fd, 1) != 0)
            die("eventfd");
    }
    return NULL;
}

void writer_start(struct writer *writer, const char *path)
{
    list_init(&writer->queue);
    list_init(&writer->done);
    pthread_cond_init(&writer->arrived, NULL);
    writer->done_fd = eventfd(0, EFD_NONBLOCK);
    writer->db = open_database(path);
    writer->begin = prepare(writer->db, "begin immediate");
    writer->commit = prepare(writer->db, "commit");
    writer->insert = prepare(writer->db, "insert into markets (name, status, volume, creator, created_at, updated_at, "
                                         "version) values (?1, ?2, ?3, ?4, ?5, ?5, 1)");
    pthread_t thread;
    if (writer->done_fd < 0 || pthread_create(&thread, NULL, writer_main, writer) != 0)
        die("writer");
}

void writer_add(struct writer *writer, struct insert *insert)
{
    insert->next = NULL;
    if (list_append(&writer->queue, insert, &insert->next))
        pthread_cond_signal(&writer->arrived);
}

struct insert *writer_collect(struct writer *writer)
{
    eventfd_t unused;
    eventfd_read(writer->done_fd, &unused);
    return list_take(&writer->done);
}
