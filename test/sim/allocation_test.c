/* SPDX-License-Identifier: Apache-2.0 */
/* Any single allocation may fail: the nth one of a start, and the nth one of each kind of request, for n = 1 until none
 * fails. It must come to a clean end: the usual answer, an answer of 500 or above, or a connection that closes without
 * a byte; the next request works; what was refused has left no trace, what was acknowledged is there.
 *
 * It runs in the simulated world (world.h), on one thread, so that "the nth" is the same each time. A kind of request
 * is tried on a server that has answered it before, and on one that has just started, whose statements are not prepared
 * yet: there every COLD_STEP-th n, or each of them where TENON_SOAK is set. Leaks are the leak sanitizer's to find. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "disk.h"
#include "machine.h"
#include "network.h"
#include "shapes.h"
#include "threads.h"
#include "world.h"

enum { NEVER = -1, COLD_STEP = 23, TEXT_BYTES = 64 * 1024 };

/* Allocations */

static struct {
    long left; /* until one fails; NEVER */
    bool was_hit;
    unsigned long failed;
} memory = {.left = NEVER};

static sqlite3_mem_methods sqlite_memory;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *bytes, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *bytes, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static bool fails(void)
{
    if (memory.left == NEVER || world_is_allocating() || memory.left-- > 0)
        return false;
    memory.left = NEVER;
    memory.was_hit = true;
    memory.failed++;
    return true;
}

static void arm(long n)
{
    memory.left = n;
    memory.was_hit = false;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *bytes, size_t size)
{
    return fails() ? NULL : __real_realloc(bytes, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

static void *sqlite_malloc(int size)
{
    return fails() ? NULL : sqlite_memory.xMalloc(size);
}

static void *sqlite_realloc(void *bytes, int size)
{
    return fails() ? NULL : sqlite_memory.xRealloc(bytes, size);
}

static void watch_sqlite(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory);
    sqlite3_mem_methods watched = sqlite_memory;
    watched.xMalloc = sqlite_malloc;
    watched.xRealloc = sqlite_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &watched);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* so that its small pieces come here too */
}

/* A client that is straight-line code: a simulated thread that sleeps while it waits. */

struct answer {
    int status; /* 0: closed without a byte */
    const char *body;
    char text[TEXT_BYTES];
};

static void sleep_us(int64_t us)
{
    static pthread_cond_t nobody = PTHREAD_COND_INITIALIZER;
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    int64_t until_us = INT64_C(1800000000) * 1000000 + world_now_us() + us;
    const struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    pthread_cond_timedwait(&nobody, &mutex, &until);
}

static bool is_whole(struct answer *answer, size_t len, bool is_head)
{
    answer->text[len] = '\0';
    const char *blank = strstr(answer->text, "\r\n\r\n");
    const char *length = strstr(answer->text, "Content-Length: ");
    if (!blank)
        return false;
    answer->status = atoi(answer->text + 9);
    answer->body = blank + 4;
    size_t size = !is_head && length && length < blank ? strtoul(length + 16, NULL, 10) : 0;
    return (size_t)(answer->body - answer->text) + size <= len;
}

static void ask(const char *request, struct answer *answer)
{
    struct link *link = link_open();
    size_t len = 0;
    bool is_head = strncmp(request, "HEAD", 4) == 0;
    answer->status = 0;
    answer->body = "";
    link_send(link, request, strlen(request), 1);
    while (!is_whole(answer, len, is_head)) {
        bool is_over = link_is_over(link);
        size_t taken = link_take(link, answer->text + len, TEXT_BYTES - 1 - len);
        len += taken;
        if (is_over && taken == 0)
            break;
        sleep_us(200);
    }
    if (len > 0 && !is_whole(answer, len, is_head))
        world_fail("%zu bytes of an answer to %.60s: %s", len, request, answer->text);
    if (len == 0)
        answer->status = 0;
    link_close(link);
}

/* Shapes */

/* What answers have said, by letter (shapes.h). */
static struct {
    char letter;
    const char *marker, *end;
    char value[1024];
} captures[] = {{'I', "\"id\":", ",}", ""},
                {'A', "\"access_token\":\"", "\"", ""},
                {'R', "\"refresh_token\":\"", "\"", ""},
                {'X', "\"csrf_token\":\"", "\"", ""},
                {'F', "name=\"form\" value=\"", "\"", ""},
                {'C', "__Host-session=", ";", ""},
                {'K', "?code=", "&", ""},
                {'S', NULL, NULL, ""}};

static char *capture_of(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(captures); i++)
        if (captures[i].letter == letter)
            return captures[i].value;
    return NULL;
}

static void capture(const struct answer *answer)
{
    for (size_t i = 0; i < ARRAY_LEN(captures); i++) {
        const char *at = captures[i].marker ? strstr(answer->text, captures[i].marker) : NULL;
        if (!at)
            continue;
        at += strlen(captures[i].marker);
        if (captures[i].letter == 'R')
            strcpy(capture_of('S'), captures[i].value);
        snprintf(captures[i].value, sizeof captures[i].value, "%.*s", (int)strcspn(at, captures[i].end), at);
    }
}

static void fill_in(const char *from, unsigned long n, char *out)
{
    size_t len = 0;
    for (; *from && len < TEXT_BYTES - 2048; from++) {
        const char *value = from[0] == '%' && from[1] ? capture_of(from[1]) : NULL;
        if (from[0] == '%' && from[1] == 'N')
            len += (size_t)sprintf(out + len, "%lu", n), from++;
        else if (value)
            len += (size_t)sprintf(out + len, "%s", value), from++;
        else
            out[len++] = *from;
    }
    out[len] = '\0';
}

/* The request with its head completed: every shape is a line, headers, a blank line, and a body. */
static void complete(const char *shape, char *out)
{
    const char *line_end = strchr(shape, '\n');
    const char *body = strstr(shape, "\n\n");
    size_t line = (size_t)((line_end ? line_end : shape + strlen(shape)) - shape);
    const char *headers_end = body ? body + 1 : shape + strlen(shape);
    size_t len = (size_t)sprintf(out, "%.*s HTTP/1.1\r\nHost: sim\r\n", (int)line, shape);
    for (const char *at = shape + line + (line_end != NULL); at < headers_end; at++) {
        if (*at == '\n')
            out[len++] = '\r';
        out[len++] = *at;
    }
    bool is_chunked = strstr(shape, "chunked") != NULL;
    if (body && !strstr(shape, "Content-Type: "))
        len += (size_t)sprintf(out + len, "Content-Type: application/json\r\n");
    if (body && !is_chunked)
        len += (size_t)sprintf(out + len, "Content-Length: %zu\r\n", strlen(body + 2));
    if (body && is_chunked)
        sprintf(out + len, "\r\n%zx\r\n%s\r\n0\r\n\r\n", strlen(body + 2), body + 2);
    else
        sprintf(out + len, "\r\n%s", body ? body + 2 : "");
}

static long stored(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    if (sqlite3_open("/sim.db", &db) != SQLITE_OK || sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        world_fail("%s: %s", sql, sqlite3_errmsg(db));
    long value = (long)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static void ask_shape(const char *shape, unsigned long n, struct answer *answer)
{
    static char filled[TEXT_BYTES], request[TEXT_BYTES + 512];
    fill_in(shape, n, filled);
    complete(filled, request);
    ask(request, answer);
}

static unsigned long tries; /* of all shapes: it makes names unique */

static void judge(const struct shape *shape, long n, const struct answer *answer)
{
    static char sql[TEXT_BYTES];
    bool is_usual = answer->status == shape->status;
    if (!is_usual && (!memory.was_hit || (answer->status != 0 && answer->status < 500)))
        world_fail("%s, allocation %ld: answered %d: %.300s", shape->name, n, answer->status, answer->body);
    if (!shape->check)
        return;
    fill_in(shape->check, tries, sql);
    long value = stored(sql);
    bool is_done = value == shape->done, is_undone = value == shape->undone;
    if (answer->status == 0 ? !is_done && !is_undone : is_usual ? !is_done : !is_undone)
        world_fail("%s, allocation %ld: answered %d, and %ld is stored", shape->name, n, answer->status, value);
}

/* One request with its nth allocation failing; false when it has fewer. */
static bool try_once(const struct shape *shape, long n)
{
    static struct answer answer;
    tries++;
    for (size_t i = 0; shape->before && shape->before[i]; i++) {
        ask_shape(shape->before[i], tries, &answer);
        capture(&answer);
        if (answer.status == 0 || answer.status >= 500)
            world_fail("%s: a request before it was answered %d: %s", shape->name, answer.status, answer.body);
    }
    arm(n);
    ask_shape(shape->request, tries, &answer);
    memory.left = NEVER;
    judge(shape, n, &answer);
    bool was_hit = memory.was_hit;
    ask_shape("GET /api/v1/people/1", 0, &answer);
    if (answer.status != 200)
        world_fail("%s, allocation %ld: the next request was answered %d: %s", shape->name, n, answer.status,
                   answer.body);
    return was_hit;
}

/* What the client thread does while the server runs */

static const struct shape_set *set;

static struct {
    const struct shape *shape; /* NULL: only the rows that all shapes need are made */
    long n;                    /* of the one try; NEVER: all of them */
    bool was_hit;
} task;

static void *client_main(void *unused)
{
    static struct answer answer;
    while (!machine_is_up())
        sleep_us(100);
    for (size_t i = 0; !task.shape && i < set->row_count; i++) {
        ask_shape(set->rows[i], 0, &answer);
        if (answer.status != 201)
            world_fail("%s: %d %s", set->rows[i], answer.status, answer.body);
    }
    if (task.shape && task.n == NEVER)
        for (long n = 0; try_once(task.shape, n); n++)
            continue;
    else if (task.shape)
        task.was_hit = try_once(task.shape, task.n);
    machine_stop(false);
    return NULL;
}

static void step(int64_t limit_us)
{
    world_pass_us(5);
    int64_t next_us = network_next_us() < threads_next_us() ? network_next_us() : threads_next_us();
    int64_t until_us = next_us < limit_us ? next_us : limit_us;
    if (until_us > world_now_us() && until_us != INT64_MAX)
        world_pass_us(until_us - world_now_us());
    if (threads_next_us() <= world_now_us())
        threads_run_one();
    network_arrive();
}

static void serve(const char *app_path, const struct shape *shape, long n)
{
    pthread_t client;
    task.shape = shape;
    task.n = n;
    network_begin(step);
    pthread_create(&client, NULL, client_main, NULL);
    if (!machine_run(app_path))
        world_fail("the server does not start");
    pthread_join(client, NULL);
    network_end();
}

/* Starts */

static void *stop_main(void *unused)
{
    for (int i = 0; i < 1000 && !machine_is_up(); i++)
        sleep_us(1000);
    machine_stop(false);
    return NULL;
}

static bool start_once(const char *app_path, long n)
{
    pthread_t stopper;
    network_begin(step);
    pthread_create(&stopper, NULL, stop_main, NULL);
    arm(n);
    bool is_up = machine_run(app_path);
    memory.left = NEVER;
    pthread_join(stopper, NULL);
    network_end();
    if (!is_up && !memory.was_hit)
        world_fail("the server does not start after allocation %ld of an earlier start had failed", n);
    return memory.was_hit;
}

static void try_starts(const char *app_path)
{
    for (long n = 0; start_once(app_path, n); n++)
        continue;
    start_once(app_path, 1000000000);
}

static void write_app(const char *envelope, char *path)
{
    int fd = mkstemps(path, 5);
    if (fd < 0 || dprintf(fd, "api: {envelope: %s}\n%s", envelope, set->app) < 0)
        exit(2);
    close(fd);
}

static void try_shapes(const char *app_path)
{
    long cold_step = getenv("TENON_SOAK") ? 1 : COLD_STEP;
    serve(app_path, NULL, NEVER);
    for (size_t i = 0; i < set->count; i++) {
        serve(app_path, &set->shapes[i], NEVER);
        task.was_hit = true;
        for (long n = (long)i % cold_step; task.was_hit; n += cold_step)
            serve(app_path, &set->shapes[i], n);
    }
}

static void try_envelope(const char *envelope, bool has_starts)
{
    char app_path[] = "/tmp/tenon-sim-XXXXXX.yaml";
    write_app(envelope, app_path);
    disk_begin();
    if (has_starts)
        try_starts(app_path);
    else
        try_shapes(app_path);
    disk_end();
    unlink(app_path);
}

static unsigned long try_set(const struct shape_set *chosen, const char *const *envelopes, size_t count)
{
    unsigned long before = memory.failed;
    set = chosen;
    for (size_t i = 0; i < count; i++)
        try_envelope(envelopes[i], false);
    return memory.failed - before;
}

static unsigned long try_start(const struct shape_set *chosen)
{
    unsigned long before = memory.failed;
    set = chosen;
    try_envelope("data", true);
    return memory.failed - before;
}

int main(void)
{
    static const char *const envelopes[] = {"data", "problem", "success", "full"};
    size_t count = getenv("TENON_SOAK") ? ARRAY_LEN(envelopes) : 2;
    watch_sqlite();
    printf("1..2\n");
    world_begin(1, getenv("TENON_TOLD") != NULL);
    unsigned long in_requests = try_set(&shapes_rest, envelopes, count) + try_set(&shapes_identity, envelopes, count);
    printf("ok 1 - a_request_whose_nth_allocation_fails_ends_cleanly\n");
    unsigned long in_starts = try_start(&shapes_rest) + try_start(&shapes_identity);
    printf("ok 2 - a_start_whose_nth_allocation_fails_ends_cleanly\n");
    printf("# figure P3: %zu kinds of requests in %zu envelopes, and the start: %lu and %lu failed allocations, each "
           "ended cleanly\n",
           shapes_rest.count + shapes_identity.count, count, in_requests, in_starts);
    return 0;
}
