/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LIMIT_HTTP_H
#define BENCH_LIMIT_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "limit_market.h"

/* What the limit servers share: everything but the database. A reply fits the loop's out buffer; replies leave when the
 * turn ends or the buffer is full, each connection's in one send and all sends in a row, so that a client of many
 * connections wakes up once. A client that does not take its answers is cut off. */

enum {
    IN_BYTES = 8192,
    OUT_BYTES = 1 << 19,
    REPLY_BYTES_MAX = 1 << 17, /* PAGE_MAX rows of escaped names */
    TURN_EVENTS = 256,
    UNSENT_MAX = 256,
    PAGE_DEFAULT = 20,
    PAGE_MAX = 100,
    BACKLOG = 1024,
    DATE_BYTES = 37,   /* with its name and CRLF */
    CURSOR_BYTES = 84, /* what Tenon's have for these lists */
};
enum { ERROR_DIGITS = 2, RECORD_DIGITS = 3, PAGE_DIGITS = 4 };

struct conn {
    int fd;
    bool is_waiting; /* for the database: nothing more of it is answered meanwhile */
    bool is_gone;
    size_t in_len;
    char in[IN_BYTES];
    _Alignas(16) char job[]; /* what it waits with: job_bytes of the loop */
};

/* Replies to one connection, as they stand in the out buffer. */
struct unsent {
    struct conn *conn;
    const char *begin;
    size_t len;
};

struct loop {
    /* The storage's. on_storage() is false for an event that is a connection's. */
    void (*answer)(struct loop *loop, struct conn *conn, struct text line, struct text body);
    bool (*on_storage)(struct loop *loop, void *source, unsigned events);
    void (*end_turn)(struct loop *loop);
    void *storage;
    size_t job_bytes;

    int epoll_fd;
    int listen_fd;
    uint64_t request_count;
    time_t second; /* what `clock` says */
    char clock[DATETIME_BYTES];
    time_t date_second; /* what `date` says */
    char date[DATE_BYTES];
    size_t unsent_count;
    struct unsent unsent[UNSENT_MAX];
    char *out_at;
    char out[OUT_BYTES];
};

struct reply {
    char *length; /* where the digits of the length go */
    char *body;
    char *at;
};

struct list_query {
    struct text status;
    int64_t limit;
    bool is_counted;
};

/* Says what failed, and ends the process. */
void die(const char *what) __attribute__((noreturn));
long port_of(int argc, char **argv);
void loop_listen(struct loop *loop, int port);
void loop_watch(struct loop *loop, int fd, unsigned events, void *source);
void loop_run(struct loop *loop);
/* What a connection has waited for is there: replies, and goes on with what it has sent meanwhile. */
void conn_done(struct loop *loop, struct conn *conn, void (*reply)(struct loop *loop, struct conn *conn));

struct reply reply_begin(struct loop *loop, const char *status, struct text headers, int digits);
void reply_end(struct loop *loop, struct reply *reply);
void reply_text(struct loop *loop, const char *status, const char *body);
void reply_error(struct loop *loop, const char *status, const char *code, const char *message);
void reply_created(struct loop *loop, const struct market *market);
/* The seconds are worked out once each, the microseconds every time. */
void read_clock(struct loop *loop, char *out);
void put_digits(char *at, unsigned number, int width);

bool starts_with(struct text text, const char *prefix);
bool equals(struct text text, const char *other);
bool parse_query(struct text query, struct list_query *out);
/* Knows one shape of the query only: the holder comes first, and the rest is the workload's. */
bool parse_positions(struct text query, int64_t *holder);
/* Where a list goes on: the last row's datetime and id. */
char *put_cursor(char *at, const char *created_at, int64_t id);

#endif
