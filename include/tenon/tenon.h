/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TENON_TENON_H
#define TENON_TENON_H

/* Tenon for C programs: an app file serves what it declares, and what it cannot say is written here, as straight-line
 * code.
 *
 *     static tn_error hello(tn_request *r)
 *     {
 *         return tn_reply_json(r, 200, "\"hello\"");
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         tn_app *app = tn_app_open("app.yaml");
 *         tn_route(app, "GET /hello", hello);
 *         return tn_app_main(app, argc, argv);
 *     }
 *
 * Handlers run on fibers: a call marked "may wait" lets other requests go on meanwhile, and must not be made while a
 * native lock is held. A handler that burns CPU or blocks in a call of its own holds up its core. Everything a handler
 * is given lives as long as the request, unless said otherwise; nothing of it is to be freed or used from another
 * thread.
 *
 * SQL in C is the program's own: access rules apply to the declared routes, not to tn_db_*. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_API              __attribute__((visibility("default")))
#define TN_MUST_USE         __attribute__((warn_unused_result))
#define TN_PRINTF(at, from) __attribute__((format(printf, at, from)))

typedef struct tn_app tn_app;
typedef struct tn_request tn_request;

/* What a call came to; zero is success. A handler returns one, and a client gets its HTTP status (in parentheses), its
 * code and a sentence in the app's envelope. */
typedef enum tn_error {
    TN_OK = 0,
    TN_PARSE,                  /* 400: the request could not be parsed */
    TN_VALIDATION,             /* 400 */
    TN_UNAUTHORIZED,           /* 401 */
    TN_FORBIDDEN,              /* 403 */
    TN_NOT_FOUND,              /* 404 */
    TN_METHOD_NOT_ALLOWED,     /* 405 */
    TN_NOT_ACCEPTABLE,         /* 406 */
    TN_CONFLICT,               /* 409 */
    TN_PRECONDITION_FAILED,    /* 412 */
    TN_PAYLOAD_TOO_LARGE,      /* 413 */
    TN_URI_TOO_LONG,           /* 414 */
    TN_UNSUPPORTED_MEDIA_TYPE, /* 415 */
    TN_UNPROCESSABLE,          /* 422: a business rule */
    TN_RATE_LIMITED,           /* 429 */
    TN_HEADERS_TOO_LARGE,      /* 431 */
    TN_INTERNAL,               /* 500; its cause goes to the log, never to a client */
    TN_NOT_IMPLEMENTED,        /* 501 */
    TN_UNAVAILABLE,            /* 503 */
    TN_TIMEOUT,                /* 504 */
    TN_HTTP_VERSION,           /* 505 */
    TN_INSUFFICIENT_STORAGE,   /* 507 */
    TN_MEMORY,                 /* 503 */
    TN_CANCELLED,              /* the client went away */
    TN_CLOSED,
    TN_OUTCOME_UNKNOWN, /* 500: the connection to the database broke during a commit, which may have happened or not */
    TN_IO,              /* 503 */
    TN_LIMIT,           /* 503: a limit was reached */
} tn_error;

/* Returns the failure of `expression` from the function it stands in. */
#define TN_TRY(expression)                                                                                             \
    do {                                                                                                               \
        tn_error tn_try_error = (expression);                                                                          \
        if (tn_try_error != TN_OK)                                                                                     \
            return tn_try_error;                                                                                       \
    } while (0)

/* A value of a row, or an argument of a statement. */
typedef enum tn_kind { TN_NULL, TN_INT, TN_FLOAT, TN_TEXT, TN_BLOB } tn_kind;
typedef struct tn_value {
    tn_kind kind;
    int64_t integer;  /* of TN_INT */
    double number;    /* of TN_FLOAT */
    const char *text; /* of TN_TEXT (UTF-8) and TN_BLOB: `length` bytes, with a NUL behind them in what Tenon returns */
    size_t length;
} tn_value;

TN_API tn_value tn_value_null(void);
TN_API tn_value tn_value_int(int64_t integer);
TN_API tn_value tn_value_float(double number);
TN_API tn_value tn_value_bool(bool truth);       /* stored as 0 and 1 */
TN_API tn_value tn_value_text(const char *text); /* borrowed; NULL is null */
TN_API tn_value tn_value_same(tn_value value);

/* --- The app --- */

/* Begins a program around an app file; nothing is read yet. The path is borrowed.
 * Returns NULL when memory is exhausted. Owner: the caller, until tn_app_main(). */
TN_API TN_MUST_USE tn_app *tn_app_open(const char *path);

/* What serves a route, or runs before a change. */
typedef tn_error tn_handler(tn_request *request);

/* Adds a route: "GET /api/v1/markets/:id/depth". `spec` is borrowed. Before tn_app_main(), which reports one that is
 * wrong or declared twice. */
TN_API void tn_route(tn_app *app, const char *spec, tn_handler *handler);

/* Runs `handler` before each change of a resource: "markets.create", "markets.update" (PUT and PATCH) or
 * "markets.delete"; also for each operation of a batch; or before an action, by its name: "place_order". An error
 * refuses the change with that answer; otherwise the headers that it has added are all that is left of what it
 * answered. */
TN_API void tn_before(tn_app *app, const char *event, tn_handler *handler);

/* The whole command line: serve, dev, check, routes, … for the app file of tn_app_open(). Frees the app.
 * Returns the exit code of the process. */
TN_API TN_MUST_USE int tn_app_main(tn_app *app, int argc, char **argv);

/* --- The request --- */

/* A parameter of the path, decoded; NULL when the route has none of that name. */
TN_API const char *tn_param(tn_request *request, const char *name);
/* A parameter of the query string, decoded, the first of that name; NULL when it was not sent or the string is
 * malformed. */
TN_API const char *tn_query_param(tn_request *request, const char *name);
/* A request header by its name in any case; NULL when it was not sent. */
TN_API const char *tn_header(tn_request *request, const char *name);
/* The whole body, `*length` bytes with a NUL behind them; may wait.
 * Inside tn_db_tx() it gives a body that was read before, or TN_INTERNAL.
 * Errors: TN_PAYLOAD_TOO_LARGE, TN_PARSE, TN_TIMEOUT, TN_CANCELLED, TN_MEMORY. */
TN_API TN_MUST_USE tn_error tn_body(tn_request *request, const char **body, size_t *length);
/* Memory of the request, not zeroed; NULL when it is exhausted. */
TN_API TN_MUST_USE void *tn_alloc(tn_request *request, size_t size);

/* --- The database --- */

typedef const struct tn_row_data *tn_row;   /* one row, all its values */
typedef const struct tn_rows_data *tn_rows; /* rows, all of them */

/* Arguments of a statement, up to ten: TN_ARGS(id, 5, 1.5, "text", true, tn_get(row, "x")), or TN_NO_ARGS. They stand
 * for $1, $2, … ; another number of arguments than the statement has placeholders is TN_INTERNAL, and logged. */
#define TN_NO_ARGS NULL, 0
#define TN_ARGS(...)                                                                                                   \
    (const tn_value[]){TN_EACH(__VA_ARGS__)}, sizeof((const tn_value[]){TN_EACH(__VA_ARGS__)}) / sizeof(tn_value)
#define TN_VALUE(x)                                                                                                    \
    _Generic((x),                                                                                                      \
        bool: tn_value_bool,                                                                                           \
        int: tn_value_int,                                                                                             \
        unsigned: tn_value_int,                                                                                        \
        long: tn_value_int,                                                                                            \
        long long: tn_value_int,                                                                                       \
        double: tn_value_float,                                                                                        \
        char *: tn_value_text,                                                                                         \
        const char *: tn_value_text,                                                                                   \
        tn_value: tn_value_same)(x)
#define TN_EACH(...)                                     TN_PICK(__VA_ARGS__, TN_10, TN_9, TN_8, TN_7, TN_6, TN_5, TN_4, TN_3, TN_2, TN_1, )(__VA_ARGS__)
#define TN_PICK(a, b, c, d, e, f, g, h, i, j, name, ...) name
#define TN_1(x)                                          TN_VALUE(x)
#define TN_2(x, ...)                                     TN_VALUE(x), TN_1(__VA_ARGS__)
#define TN_3(x, ...)                                     TN_VALUE(x), TN_2(__VA_ARGS__)
#define TN_4(x, ...)                                     TN_VALUE(x), TN_3(__VA_ARGS__)
#define TN_5(x, ...)                                     TN_VALUE(x), TN_4(__VA_ARGS__)
#define TN_6(x, ...)                                     TN_VALUE(x), TN_5(__VA_ARGS__)
#define TN_7(x, ...)                                     TN_VALUE(x), TN_6(__VA_ARGS__)
#define TN_8(x, ...)                                     TN_VALUE(x), TN_7(__VA_ARGS__)
#define TN_9(x, ...)                                     TN_VALUE(x), TN_8(__VA_ARGS__)
#define TN_10(x, ...)                                    TN_VALUE(x), TN_9(__VA_ARGS__)

/* The first row of a statement; may wait. On SQLite all reads of a request see one snapshot, until it writes.
 * Errors: TN_NOT_FOUND (no row), TN_INTERNAL (the statement), TN_TIMEOUT, TN_CANCELLED, TN_UNAVAILABLE, TN_MEMORY. */
TN_API TN_MUST_USE tn_error tn_db_one(tn_request *request, tn_row *out, const char *sql, const tn_value *arguments,
                                      size_t count);
/* All rows of a statement, 10,000 at most; may wait. Errors: as above, but none when there are no rows; TN_LIMIT. */
TN_API TN_MUST_USE tn_error tn_db_query(tn_request *request, tn_rows *out, const char *sql, const tn_value *arguments,
                                        size_t count);
/* Runs a statement that changes rows; `changes` (NULL allowed) is how many. Outside tn_db_tx() it is a transaction of
 * its own; it returns when that is on disk. May wait. Errors: as tn_db_one(), TN_CONFLICT (a constraint),
 * TN_INSUFFICIENT_STORAGE. */
TN_API TN_MUST_USE tn_error tn_db_exec(tn_request *request, int64_t *changes, const char *sql,
                                       const tn_value *arguments, size_t count);
/* A unit of work: all tn_db_* calls of `body` are one transaction, committed when it returns TN_OK and undone
 * otherwise. Returns when the commit is on disk; may wait. `body` should be brief: on SQLite it runs on the database's
 * writer thread while the fiber waits, and writes come one after the other. It may use the request and `argument`.
 * On PostgreSQL the transaction is serializable, and `body` is run again from its beginning, after a rollback, when
 * another one got in its way: it must do nothing but tn_db_*, tn_reply_*, tn_fail and what can be done twice.
 * Inside another tn_db_tx() it is a savepoint: when `body` fails only its own changes are undone. A tn_db_* call that
 * fails dooms the tn_db_tx() it stands in: return its error.
 * Errors: those of `body` and of the commit; TN_OUTCOME_UNKNOWN; TN_UNAVAILABLE (others were in the way each time). */
TN_API TN_MUST_USE tn_error tn_db_tx(tn_request *request, tn_error (*body)(tn_request *request, void *argument),
                                     void *argument);
/* Who asks: "user:<id>" of an account, "key:<id>" of a program's key that nobody owns; NULL: nobody. */
TN_API const char *tn_caller(tn_request *request);
/* The id of their account; TN_NULL: there is none. For arguments: TN_ARGS(tn_caller_id(r)). */
TN_API tn_value tn_caller_id(tn_request *request);
/* The role of their account; NULL: none. */
TN_API const char *tn_caller_role(tn_request *request);
/* Whether they hold a permission such as "markets:settle": their role has it under `roles:`, as far as the scopes of
 * their token or key go. It need not stand in the app file. */
TN_API bool tn_can(tn_request *request, const char *permission);
/* The same, to be returned: TN_OK, TN_UNAUTHORIZED (nobody asks) or TN_FORBIDDEN. */
TN_API TN_MUST_USE tn_error tn_require(tn_request *request, const char *permission);

/* Inside tn_db_tx(): calls `effect` once the outermost one has been committed, and not at all when it is undone. It
 * runs on the request's fiber, before that tn_db_tx() returns. Errors: TN_INTERNAL (outside), TN_MEMORY. */
TN_API TN_MUST_USE tn_error tn_after_commit(tn_request *request, void (*effect)(void *argument), void *argument);

/* The value of a column; null when there is none of that name. */
TN_API tn_value tn_get(tn_row row, const char *column);
/* The same as an integer (0 for what is none), and as a text (NULL for what is none). */
TN_API int64_t tn_int(tn_row row, const char *column);
TN_API const char *tn_text(tn_row row, const char *column);
/* Whether a column holds exactly this text. */
TN_API bool tn_is(tn_row row, const char *column, const char *text);

TN_API size_t tn_rows_count(tn_rows rows);
/* The row at an index below the count; NULL behind it. */
TN_API tn_row tn_rows_at(tn_rows rows, size_t index);

/* --- The answer --- */

/* Answers with rows as a JSON list of objects, with one row as an object, or with JSON of your own (borrowed, must be
 * valid) as the data of the app's envelope. `status` is 200 to 599. The last answer counts; headers added before it
 * stay. Errors: TN_MEMORY; TN_INTERNAL (text that is no JSON, another status). */
TN_API TN_MUST_USE tn_error tn_reply_rows(tn_request *request, int status, tn_rows rows);
TN_API TN_MUST_USE tn_error tn_reply_row(tn_request *request, int status, tn_row row);
TN_API TN_MUST_USE tn_error tn_reply_json(tn_request *request, int status, const char *json);
/* Answers with a status and no body. */
TN_API TN_MUST_USE tn_error tn_reply_status(tn_request *request, int status);
/* Adds a header; line breaks in the value are dropped. `name` must outlive the request. */
TN_API void tn_reply_header(tn_request *request, const char *name, const char *value);
/* Says what went wrong in words a client may read, and returns `error` for the handler to return. */
TN_API TN_MUST_USE tn_error tn_fail(tn_request *request, tn_error error, const char *format, ...) TN_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
