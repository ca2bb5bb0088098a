/* SPDX-License-Identifier: Apache-2.0 */
/* The limit on PostgreSQL: what the hardware, the kernel, libpq and the server leave to a program that knows its tables
 * by heart. It answers what limit.c answers, byte for byte, from the tables that Tenon has made.
 *
 * Idea: one thread with epoll, a few connections in libpq's pipeline mode, prepared statements and binary results. What
 * a turn of the loop brings is spread over the connections that owe nothing; what goes to one of them is one batch: one
 * system call, one synchronisation point, one transaction. Creates wait for the end of their batch: that is their
 * commit. A batch holds only reads or only creates.
 *
 * usage: limit_postgres PORT DATABASE-URL */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <libpq-fe.h>

#include "limit_http.h"

enum { CONNECTIONS = 4, BATCH_MIN = 8, BATCH_MAX = 64, ITEMS = 256, POSITIONS = 20, ID_TEXT = 24 };
enum kind { ONE, LIST, POSITION_LIST, POSITION_MARKETS, CREATE };

#define MARKET "id, name, status, volume, creator, created_at, updated_at, version"

struct job {
    struct job *next;
    enum kind kind;
    int64_t id; /* of the market, or the holder */
    int64_t limit;
    bool is_counted;
    size_t status_len;
    char status[16];
    struct market market;
    PGresult *rows, *more; /* `more`: the total, or the markets of positions */
};

/* What the server owes: the answers of jobs, in order. */
struct item {
    struct job *job; /* NULL: the end of a batch */
    bool is_second;  /* for job->more */
};

struct link {
    PGconn *pg;
    struct item items[ITEMS];
    unsigned first, count;
    struct job *created, **created_end; /* of the batch that is not committed yet */
};

/* What waits to be sent. */
struct line {
    struct job *first, **end;
    unsigned count;
};

struct postgres {
    struct link links[CONNECTIONS];
    struct line reads, creates;
    bool is_creating; /* a batch of creates is on its way: the next one grows meanwhile, and they share its commit */
};

static struct conn *conn_of(struct job *job)
{
    return (struct conn *)(void *)((char *)job - offsetof(struct conn, job));
}

static void queue(struct postgres *postgres, struct job *job)
{
    struct line *line = job->kind == CREATE ? &postgres->creates : &postgres->reads;
    job->next = NULL;
    *line->end = job;
    line->end = &job->next;
    line->count++;
}

/* Rows, in PostgreSQL's binary formats. */

static uint64_t load(const char *bytes, int size)
{
    uint64_t number = 0;
    for (int i = 0; i < size; i++)
        number = number << 8 | (unsigned char)bytes[i];
    return number;
}

static int64_t integer(const PGresult *rows, int row, int column)
{
    return (int64_t)load(PQgetvalue(rows, row, column), 8);
}

/* A numeric of two places, in hundredths. */
static int64_t hundredths(const char *bytes)
{
    int count = (int)load(bytes, 2), weight = (int16_t)load(bytes + 2, 2);
    int64_t number = 0;
    for (int i = 0; i <= weight; i++)
        number = number * 10000 + (i < count ? (int64_t)load(bytes + 8 + 2 * i, 2) : 0);
    int at = weight + 1; /* the group behind the point */
    number = number * 100 + (at >= 0 && at < count ? (int64_t)load(bytes + 8 + 2 * at, 2) / 100 : 0);
    return load(bytes + 4, 2) == 0x4000 ? -number : number;
}

/* 2000-01-01 and microseconds as text; the days are worked out by the method of Howard Hinnant's civil_from_days(). */
static void put_instant(char *out, int64_t us)
{
    us += INT64_C(946684800000000);
    int64_t days = us / INT64_C(86400000000), rest = us % INT64_C(86400000000) / 1000000;
    int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153, day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    int64_t year = yoe + era * 400 + (month <= 2);
    memcpy(out, "0000-00-00T00:00:00.000000Z", DATETIME_BYTES);
    put_digits(out, (unsigned)year, 4);
    put_digits(out + 5, (unsigned)month, 2);
    put_digits(out + 8, (unsigned)day, 2);
    put_digits(out + 11, (unsigned)(rest / 3600), 2);
    put_digits(out + 14, (unsigned)(rest / 60 % 60), 2);
    put_digits(out + 17, (unsigned)(rest % 60), 2);
    put_digits(out + 20, (unsigned)(us % 1000000), 6);
}

static char *put_time(char *at, const PGresult *rows, int row, int column)
{
    *at++ = '"';
    put_instant(at, integer(rows, row, column));
    at[DATETIME_BYTES] = '"';
    return at + DATETIME_BYTES + 1;
}

static char *put_text_column(char *at, const PGresult *rows, int row, int column)
{
    if (PQgetisnull(rows, row, column))
        return PUT_TEXT(at, "null");
    return put_string(at, PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column));
}

static char *put_market_row(char *at, const PGresult *rows, int row)
{
    at = PUT_TEXT(at, "{\"id\":");
    at = put_int(at, integer(rows, row, 0));
    at = PUT_TEXT(at, ",\"name\":");
    at = put_text_column(at, rows, row, 1);
    at = PUT_TEXT(at, ",\"status\":");
    at = put_text_column(at, rows, row, 2);
    at = PUT_TEXT(at, ",\"volume\":");
    at = PQgetisnull(rows, row, 3) ? PUT_TEXT(at, "null") : put_decimal(at, hundredths(PQgetvalue(rows, row, 3)));
    at = PUT_TEXT(at, ",\"creator\":");
    at = PQgetisnull(rows, row, 4) ? PUT_TEXT(at, "null") : put_int(at, integer(rows, row, 4));
    at = PUT_TEXT(at, ",\"created_at\":");
    at = put_time(at, rows, row, 5);
    at = PUT_TEXT(at, ",\"updated_at\":");
    at = put_time(at, rows, row, 6);
    at = PUT_TEXT(at, ",\"version\":");
    at = put_int(at, integer(rows, row, 7));
    *at++ = '}';
    return at;
}

static char *put_market_of(char *at, const PGresult *markets, int64_t id)
{
    for (int i = 0; i < PQntuples(markets); i++)
        if (integer(markets, i, 0) == id)
            return put_market_row(at, markets, i);
    return PUT_TEXT(at, "null");
}

static char *put_position_row(char *at, const struct job *job, int row)
{
    at = PUT_TEXT(at, "{\"id\":");
    at = put_int(at, integer(job->rows, row, 0));
    at = PUT_TEXT(at, ",\"holder\":");
    at = put_int(at, integer(job->rows, row, 1));
    at = PUT_TEXT(at, ",\"market\":");
    at = put_market_of(at, job->more, integer(job->rows, row, 2));
    at = PUT_TEXT(at, ",\"shares\":");
    at = put_decimal(at, hundredths(PQgetvalue(job->rows, row, 3)));
    at = PUT_TEXT(at, ",\"created_at\":");
    at = put_time(at, job->rows, row, 4);
    at = PUT_TEXT(at, ",\"updated_at\":");
    at = put_time(at, job->rows, row, 5);
    at = PUT_TEXT(at, ",\"version\":");
    at = put_int(at, integer(job->rows, row, 6));
    *at++ = '}';
    return at;
}

/* Replies */

static void reply_one(struct loop *loop, const struct job *job)
{
    if (PQntuples(job->rows) == 0) {
        reply_error(loop, "404 Not Found", "NOT_FOUND", "not found");
        return;
    }
    char headers[40];
    char *end = PUT_TEXT(headers, "ETag: \"");
    end = PUT_TEXT(put_int(end, integer(job->rows, 0, 7)), "\"\r\n");
    struct text extra = {headers, (size_t)(end - headers)};
    struct reply reply = reply_begin(loop, "200 OK", extra, RECORD_DIGITS);
    reply.at = PUT_TEXT(reply.at, "{\"data\":");
    reply.at = put_market_row(reply.at, job->rows, 0);
    *reply.at++ = '}';
    reply_end(loop, &reply);
}

static void reply_list(struct loop *loop, const struct job *job, int time_column)
{
    struct text vary = {"Vary: Accept-Encoding\r\n", sizeof "Vary: Accept-Encoding\r\n" - 1};
    struct reply reply = reply_begin(loop, "200 OK", vary, PAGE_DIGITS);
    int count = PQntuples(job->rows), shown = count > job->limit ? (int)job->limit : count;
    reply.at = PUT_TEXT(reply.at, "{\"data\":[");
    for (int i = 0; i < shown; i++) {
        if (i > 0)
            *reply.at++ = ',';
        reply.at = job->kind == LIST ? put_market_row(reply.at, job->rows, i) : put_position_row(reply.at, job, i);
    }
    reply.at = PUT_TEXT(reply.at, "],\"pagination\":{\"page\":1,\"limit\":");
    reply.at = put_int(reply.at, job->limit);
    if (job->is_counted) {
        int64_t total = integer(job->more, 0, 0);
        reply.at = PUT_TEXT(reply.at, ",\"total\":");
        reply.at = put_int(reply.at, total);
        reply.at = PUT_TEXT(reply.at, ",\"totalPages\":");
        reply.at = put_int(reply.at, (total + job->limit - 1) / job->limit);
    }
    reply.at = PUT_TEXT(reply.at, ",\"nextCursor\":");
    if (count > job->limit) {
        char created_at[DATETIME_BYTES];
        put_instant(created_at, integer(job->rows, shown - 1, time_column));
        reply.at = put_cursor(reply.at, created_at, integer(job->rows, shown - 1, 0));
    } else {
        reply.at = PUT_TEXT(reply.at, "null");
    }
    reply.at = PUT_TEXT(reply.at, "}}");
    reply_end(loop, &reply);
}

static void reply_job(struct loop *loop, struct conn *conn)
{
    struct job *job = (struct job *)(void *)conn->job;
    bool is_fine = PQresultStatus(job->rows) == PGRES_TUPLES_OK;
    if (!is_fine)
        reply_error(loop, "500 Internal Server Error", "INTERNAL_ERROR", "something went wrong");
    else if (job->kind == ONE)
        reply_one(loop, job);
    else if (job->kind == LIST)
        reply_list(loop, job, 5);
    else if (job->kind == CREATE) {
        job->market.id = integer(job->rows, 0, 0);
        reply_created(loop, &job->market);
    } else
        reply_list(loop, job, 4);
    PQclear(job->rows);
    PQclear(job->more);
    job->rows = job->more = NULL;
}

/* Statements */

struct arguments {
    const char *values[5];
    int lengths[5], formats[5];
    char room[5][ID_TEXT];
};

static void add_integer(struct arguments *arguments, int i, int64_t number)
{
    for (int byte = 0; byte < 8; byte++)
        arguments->room[i][byte] = (char)((uint64_t)number >> (56 - 8 * byte));
    arguments->values[i] = arguments->room[i];
    arguments->lengths[i] = 8;
    arguments->formats[i] = 1;
}

static void add_text(struct arguments *arguments, int i, const char *text, size_t len)
{
    arguments->values[i] = text;
    arguments->lengths[i] = (int)len;
    arguments->formats[i] = 1;
}

static void send_statement(struct link *link, struct job *job, bool is_second, const char *name, int count,
                           const struct arguments *arguments)
{
    if (link->count == ITEMS ||
        !PQsendQueryPrepared(link->pg, name, count, arguments->values, arguments->lengths, arguments->formats, 1))
        die(PQerrorMessage(link->pg));
    link->items[(link->first + link->count++) % ITEMS] = (struct item){job, is_second};
}

static void send_create(struct link *link, struct job *job)
{
    const struct market *market = &job->market;
    struct arguments arguments = {0};
    add_text(&arguments, 0, market->name, market->name_len);
    if (market->given & GIVEN_STATUS)
        add_text(&arguments, 1, market->status, strlen(market->status));
    if (market->given & GIVEN_VOLUME) { /* as text: a numeric's digits */
        char *end = put_decimal(arguments.room[2], market->volume);
        end[-1] = '\0';
        arguments.values[2] = arguments.room[2] + 1; /* without the quotes */
    }
    if (market->given & GIVEN_CREATOR)
        add_integer(&arguments, 3, market->creator);
    char at[DATETIME_BYTES + 1];
    memcpy(at, market->created_at, DATETIME_BYTES);
    at[DATETIME_BYTES] = '\0';
    arguments.values[4] = at;
    send_statement(link, job, false, "create", 5, &arguments);
}

static void send_markets(struct link *link, struct job *job)
{
    char list[POSITIONS * ID_TEXT], *at = list;
    struct arguments arguments = {0};
    *at++ = '{';
    int count = PQntuples(job->rows) > POSITIONS ? POSITIONS : PQntuples(job->rows);
    for (int i = 0; i < count; i++) {
        if (i > 0)
            *at++ = ',';
        at = put_int(at, integer(job->rows, i, 2));
    }
    *at++ = '}';
    *at = '\0';
    arguments.values[0] = list;
    send_statement(link, job, true, "markets", 1, &arguments);
}

static void send_job(struct link *link, struct job *job)
{
    struct arguments arguments = {0};
    if (job->kind == CREATE) {
        send_create(link, job);
    } else if (job->kind == POSITION_MARKETS) {
        send_markets(link, job);
    } else if (job->kind == LIST) {
        add_text(&arguments, 0, job->status, job->status_len);
        add_integer(&arguments, 1, job->limit + 1);
        send_statement(link, job, false, "list", 2, &arguments);
        if (job->is_counted)
            send_statement(link, job, true, "count", 1, &arguments);
    } else {
        add_integer(&arguments, 0, job->id);
        send_statement(link, job, false, job->kind == ONE ? "one" : "positions", 1, &arguments);
    }
}

static void send_batch(struct link *link, struct line *line, unsigned most)
{
    for (; most > 0 && line->first; most--) {
        struct job *job = line->first;
        line->first = job->next;
        line->count--;
        send_job(link, job);
    }
    if (!line->first)
        line->end = &line->first;
    link->items[(link->first + link->count++) % ITEMS] = (struct item){0};
    if (!PQpipelineSync(link->pg) || PQflush(link->pg) < 0)
        die(PQerrorMessage(link->pg));
}

/* Spreads what waits over the connections that owe nothing. */
static void dispatch(struct loop *loop)
{
    struct postgres *postgres = loop->storage;
    unsigned idle = 0;
    for (int i = 0; i < CONNECTIONS; i++)
        idle += postgres->links[i].count == 0;
    for (int i = 0; i < CONNECTIONS && (postgres->reads.first || postgres->creates.first); i++) {
        struct link *link = &postgres->links[i];
        if (link->count > 0)
            continue;
        if (postgres->creates.first && !postgres->is_creating) {
            postgres->is_creating = true;
            send_batch(link, &postgres->creates, BATCH_MAX);
        } else if (postgres->reads.first) {
            unsigned share = (postgres->reads.count + idle - 1) / idle;
            send_batch(link, &postgres->reads, share < BATCH_MIN ? BATCH_MIN : share > BATCH_MAX ? BATCH_MAX : share);
        }
        idle--;
    }
}

/* Answers */

static void end_batch(struct loop *loop, struct link *link)
{
    struct postgres *postgres = loop->storage;
    if (link->created)
        postgres->is_creating = false;
    for (struct job *job = link->created, *next; job; job = next) {
        next = job->next;
        conn_done(loop, conn_of(job), reply_job);
    }
    link->created = NULL;
    link->created_end = &link->created;
}

static void take_answer(struct loop *loop, struct link *link, PGresult *result)
{
    struct item item = link->items[link->first];
    link->first = (link->first + 1) % ITEMS;
    link->count--;
    if (!item.job) {
        PQclear(result);
        end_batch(loop, link);
        return;
    }
    struct job *job = item.job;
    *(item.is_second ? &job->more : &job->rows) = result;
    if (job->kind == CREATE) {
        job->next = NULL;
        *link->created_end = job;
        link->created_end = &job->next;
    } else if (job->kind == POSITION_LIST && PQntuples(result) > 0) {
        job->kind = POSITION_MARKETS;
        queue(loop->storage, job);
    } else if (item.is_second || !job->is_counted) {
        conn_done(loop, conn_of(job), reply_job);
    }
}

static bool receive(struct loop *loop, void *source, unsigned events)
{
    struct postgres *postgres = loop->storage;
    struct link *link = source;
    if (link < postgres->links || link >= postgres->links + CONNECTIONS)
        return false;
    if (!PQconsumeInput(link->pg))
        die(PQerrorMessage(link->pg));
    for (int nothing = 0; link->count > 0 && nothing < 2 && !PQisBusy(link->pg);) {
        PGresult *result = PQgetResult(link->pg);
        nothing = result ? 0 : nothing + 1;
        if (result)
            take_answer(loop, link, result);
    }
    return true;
}

/* The routes */

static struct job *begin_job(struct conn *conn, enum kind kind)
{
    struct job *job = (struct job *)(void *)conn->job;
    job->kind = kind;
    job->is_counted = false;
    conn->is_waiting = true;
    return job;
}

static void list_markets(struct loop *loop, struct conn *conn, struct text text)
{
    struct list_query query;
    if (!parse_query(text, &query) || query.status.len > sizeof((struct job *)0)->status) {
        reply_error(loop, "400 Bad Request", "VALIDATION_ERROR", "not a query that this server knows");
        return;
    }
    struct job *job = begin_job(conn, LIST);
    job->limit = query.limit;
    job->is_counted = query.is_counted;
    job->status_len = query.status.len;
    memcpy(job->status, query.status.ptr, query.status.len);
    queue(loop->storage, job);
}

static void list_positions(struct loop *loop, struct conn *conn, struct text text)
{
    int64_t holder;
    if (!parse_positions(text, &holder)) {
        reply_error(loop, "400 Bad Request", "VALIDATION_ERROR", "not a query that this server knows");
        return;
    }
    struct job *job = begin_job(conn, POSITION_LIST);
    job->id = holder;
    job->limit = POSITIONS;
    queue(loop->storage, job);
}

static void create_market(struct loop *loop, struct conn *conn, struct text body)
{
    struct job *job = (struct job *)(void *)conn->job;
    if (!parse_market(body, &job->market)) {
        reply_error(loop, "400 Bad Request", "VALIDATION_ERROR", "the request is not valid");
        return;
    }
    read_clock(loop, job->market.created_at);
    queue(loop->storage, begin_job(conn, CREATE));
}

static void get_market(struct loop *loop, struct conn *conn, struct text text)
{
    struct cursor cursor = {text.ptr, text.ptr + text.len};
    struct job *job = begin_job(conn, ONE);
    if (!parse_digits(&cursor, &job->id) || cursor.at != cursor.end)
        job->id = 0;
    queue(loop->storage, job);
}

static struct text behind(struct text line, size_t prefix)
{
    return (struct text){line.ptr + prefix, line.len - prefix};
}

static void answer(struct loop *loop, struct conn *conn, struct text line, struct text body)
{
    static const char record[] = "GET /api/v1/markets/", list[] = "GET /api/v1/markets?";
    static const char positions[] = "GET /api/v1/positions?holder=";
    if (equals(line, "GET /health"))
        reply_text(loop, "200 OK", "{\"status\":\"ok\"}");
    else if (starts_with(line, record))
        get_market(loop, conn, behind(line, sizeof record - 1));
    else if (starts_with(line, list))
        list_markets(loop, conn, behind(line, sizeof list - 1));
    else if (starts_with(line, positions))
        list_positions(loop, conn, behind(line, sizeof positions - 1));
    else if (equals(line, "POST /api/v1/markets"))
        create_market(loop, conn, body);
    else
        reply_error(loop, "404 Not Found", "NOT_FOUND", "not found");
}

/* Start */

static void prepare_statement(PGconn *pg, const char *name, const char *sql)
{
    PGresult *result = PQprepare(pg, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die(PQerrorMessage(pg));
    PQclear(result);
}

static void open_link(struct loop *loop, struct link *link, const char *url)
{
    link->created_end = &link->created;
    link->pg = PQconnectdb(url);
    if (PQstatus(link->pg) != CONNECTION_OK)
        die(PQerrorMessage(link->pg));
    PQclear(PQexec(link->pg, "set time zone 'UTC'"));
    prepare_statement(link->pg, "one", "select " MARKET " from markets where id = $1");
    prepare_statement(link->pg, "list",
                      "select " MARKET " from markets where status = $1 order by created_at desc, id limit $2");
    prepare_statement(link->pg, "count", "select count(*) from markets where status = $1");
    prepare_statement(link->pg, "positions",
                      "select id, holder, market, shares, created_at, updated_at, version from positions "
                      "where holder = $1 order by created_at desc, id limit 21");
    prepare_statement(link->pg, "markets", "select " MARKET " from markets where id = any($1::bigint[])");
    prepare_statement(link->pg, "create",
                      "insert into markets (name, status, volume, creator, created_at, updated_at, version) "
                      "values ($1, $2, $3, $4, $5, $5, 1) returning id");
    if (PQsetnonblocking(link->pg, 1) != 0 || !PQenterPipelineMode(link->pg))
        die(PQerrorMessage(link->pg));
    loop_watch(loop, PQsocket(link->pg), EPOLLIN, link);
}

int main(int argc, char **argv)
{
    long port = port_of(argc, argv);
    struct postgres *postgres = calloc(1, sizeof *postgres);
    struct loop *loop = calloc(1, sizeof *loop);
    if (!postgres || !loop)
        die("loop");
    postgres->reads.end = &postgres->reads.first;
    postgres->creates.end = &postgres->creates.first;
    loop->answer = answer;
    loop->on_storage = receive;
    loop->end_turn = dispatch;
    loop->storage = postgres;
    loop->job_bytes = sizeof(struct job);
    loop_listen(loop, (int)port);
    for (int i = 0; i < CONNECTIONS; i++)
        open_link(loop, &postgres->links[i], argv[2]);
    loop_run(loop);
}
