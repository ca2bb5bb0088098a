/* SPDX-License-Identifier: Apache-2.0 */
/* Serving: the log goes to standard output as JSON lines; what a person wants to know goes to a terminal's standard
 * error, so that neither disturbs the other. */
#include "cli/serve.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/engine.h"
#include "base/number.h"
#include "cli/report.h"

enum { LARGE_BYTES = 256 * 1024 };
enum { DIAG_BYTES_MAX = 16 * 1024 * 1024, CORES_MAX = 256 };

static void tell_a_person(void *state, const struct engine *engine)
{
    const struct settings *settings = &engine_generation(engine)->settings;
    const struct schema *schema = settings->schema;
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "serving %.*s at %s (metrics and health: %s)\n", SLICE_ARG(settings->name), engine_url(engine),
            engine_admin_url(engine));
    if (schema->resource_count == 0)
        return;
    const char *url = engine_url(engine);
    const struct slice base = settings->api.base, name = schema->resources[0].name;
    fprintf(stderr, "try:  curl %s%.*s/%.*s\n      curl '%s%.*s/%.*s?limit=3&sort=-created_at'\n      curl %s/health\n",
            url, SLICE_ARG(base), SLICE_ARG(name), url, SLICE_ARG(base), SLICE_ARG(name), url);
}

static bool read_cores(const struct command_line *line, unsigned *out)
{
    int64_t cores = 0;
    if (line->cores && (number_parse_int(slice_from(line->cores), &cores) != OK || cores < 0 || cores > CORES_MAX)) {
        fprintf(stderr, "%s: --cores must be a whole number from 0 to %d\n", line->program, CORES_MAX);
        return false;
    }
    *out = (unsigned)cores;
    return true;
}

static enum command_exit run_engine(const struct engine_options *options)
{
    struct arena arena;
    struct diag diag;
    struct engine *engine = NULL;
    arena_init(&arena, DIAG_BYTES_MAX);
    diag_init(&diag, &arena);
    enum error error = engine_open(options, &diag, &engine);
    report_print(stderr, &diag, error);
    arena_fini(&arena);
    if (error == OK)
        error = engine_run(engine);
    engine_close(engine);
    return error == OK ? COMMAND_DONE : COMMAND_FAILED;
}

/* Large bodies and answers go back to the system when they are freed. Left alone, the C library raises the size from
 * which it does so each time, and a burst of them stays in memory for good. */
static void give_large_memory_back(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
}

static enum command_exit serve(const struct command_line *line, enum schema_sync_mode sync)
{
    struct engine_options options = {.app_path = line->arguments[0] ? line->arguments[0] : line->running->app_path,
                                     .listen = line->listen,
                                     .admin_listen = line->admin,
                                     .shares_port = line->shares_port,
                                     .sync = sync,
                                     .watch = sync == SCHEMA_SYNC_ADDITIVE,
                                     .log_fd = STDOUT_FILENO,
                                     .extend = line->running->extend,
                                     .extend_state = line->running->extend_state,
                                     .on_ready = tell_a_person};
    if (!read_cores(line, &options.cores))
        return COMMAND_USAGE;
    give_large_memory_back();
    return run_engine(&options);
}

enum command_exit serve_run(const struct command_line *line)
{
    return serve(line, SCHEMA_SYNC_CREATE_IF_EMPTY);
}

enum command_exit serve_dev(const struct command_line *line)
{
    return serve(line, SCHEMA_SYNC_ADDITIVE);
}
