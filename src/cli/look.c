/* SPDX-License-Identifier: Apache-2.0 */
/* check, routes, schema, version: what can be said without a database. */
#include "cli/look.h"

#include <stdio.h>
#include <string.h>

#include "app/inspect.h"
#include "base/jsonwrite.h"
#include "cli/report.h"

enum { ARENA_BYTES_MAX = 256 * 1024 * 1024, TEXT_BYTES_MAX = 16 * 1024 * 1024 };

static const char *app_of(const struct command_line *line)
{
    return line->arguments[0] ? line->arguments[0] : line->running->app_path;
}

static void print_verdict(const struct command_line *line, const struct diag *diag, enum error error,
                          const struct ruletest_result *tests)
{
    if (line->is_json)
        report_print_json(stdout, diag, error);
    else
        report_print(stderr, diag, error);
    if (!line->is_json && tests->count > 0)
        fprintf(error == OK ? stdout : stderr, "%zu of %zu tests passed\n", tests->passed, tests->count);
    if (!line->is_json && error == OK)
        printf("%s is right%s\n", app_of(line), diag->warning_count ? ", with warnings" : "");
}

enum command_exit look_check(const struct command_line *line)
{
    struct arena arena;
    struct diag diag;
    arena_init(&arena, ARENA_BYTES_MAX);
    diag_init(&diag, &arena);
    struct ruletest_result tests;
    enum error error = inspect_check(app_of(line), line->running->extend, line->running->extend_state, &diag, &tests);
    print_verdict(line, &diag, error, &tests);
    arena_fini(&arena);
    return error == OK ? COMMAND_DONE : COMMAND_FAILED;
}

static void print_routes(const struct inspect_route *routes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("%-7s %-40s %-20s", routes[i].method, routes[i].pattern, routes[i].name);
        for (size_t j = 0; j < routes[i].middleware_count; j++)
            printf("%s%s", j ? " > " : "  ", routes[i].middleware[j]);
        for (size_t j = 0; j < routes[i].limit_count; j++)
            printf("%s%s", j ? ", " : "  limits: ", routes[i].limits[j]);
        putchar('\n');
    }
}

static void put_member(struct buf *out, const char *key, const char *text)
{
    buf_put_text(out, key);
    jsonwrite_string(out, slice_from(text));
}

static void print_routes_json(const struct inspect_route *routes, size_t count)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    buf_put_byte(&out, '[');
    for (size_t i = 0; i < count; i++) {
        put_member(&out, i ? ",{\"method\":" : "{\"method\":", routes[i].method);
        put_member(&out, ",\"path\":", routes[i].pattern);
        put_member(&out, ",\"name\":", routes[i].name);
        buf_put_literal(&out, ",\"middleware\":[");
        for (size_t j = 0; j < routes[i].middleware_count; j++)
            put_member(&out, j ? "," : "", routes[i].middleware[j]);
        buf_put_literal(&out, "],\"limits\":[");
        for (size_t j = 0; j < routes[i].limit_count; j++)
            put_member(&out, j ? "," : "", routes[i].limits[j]);
        buf_put_literal(&out, "]}");
    }
    buf_put_literal(&out, "]\n");
    fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
}

enum command_exit look_routes(const struct command_line *line)
{
    struct arena arena;
    struct diag diag;
    const struct inspect_route *routes;
    size_t count;
    arena_init(&arena, ARENA_BYTES_MAX);
    diag_init(&diag, &arena);
    enum error error = inspect_routes(app_of(line), line->running->extend, line->running->extend_state, &arena, &diag,
                                      &routes, &count);
    if (error != OK)
        report_print(stderr, &diag, error);
    else if (line->is_json)
        print_routes_json(routes, count);
    else
        print_routes(routes, count);
    arena_fini(&arena);
    return error == OK ? COMMAND_DONE : COMMAND_FAILED;
}

enum command_exit look_schema(const struct command_line *line)
{
    if (!line->arguments[0] || strcmp(line->arguments[0], "app") != 0) {
        fprintf(stderr, "%s schema: say of what; there is: app\n", line->program);
        return COMMAND_USAGE;
    }
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    inspect_schema(&out);
    fwrite(out.ptr, 1, out.len, stdout);
    bool failed = buf_failed(&out);
    buf_fini(&out);
    return failed ? COMMAND_FAILED : COMMAND_DONE;
}

enum command_exit look_version(const struct command_line *line)
{
    if (line->is_json)
        printf("{\"name\":\"tenon\",\"version\":\"%s\"}\n", inspect_version());
    else
        printf("tenon %s\n", inspect_version());
    return COMMAND_DONE;
}
