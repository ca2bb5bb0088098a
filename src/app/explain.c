/* SPDX-License-Identifier: Apache-2.0 */
/* Explaining a request.
 *
 *   app file -> generation, as serve builds it, on a window (data/observed.h) onto the database
 *   request  -> an exchange without a connection, on a fiber of the one core: the same site, routes and rules
 *   window   -> each statement with its arguments; the model says which query it is for (model_watch)
 *   then     -> on the same fiber, past the window: plans, sizes of tables, advice
 *
 * Advice is given for what was seen, not for what might be: a statement must have looked at many more rows than it
 * returned, in a table that is large enough for it to matter, and no index of the schema may begin with the fields. */
#include "app/explain.h"

#include <string.h>
#include <unistd.h>

#include "app/explain_patch.h"
#include "app/explain_plan.h"
#include "app/health.h"
#include "app/impersonate.h"
#include "app/rehearsal.h"
#include "app/worker.h"
#include "base/buf.h"
#include "base/log.h"
#include "data/db.h"
#include "data/observed.h"
#include "http/site.h"
#include "model/advice.h"
#include "model/schema_sync.h"
#include "rt/core.h"
#include "rt/fiber.h"

enum {
    REQUEST_BYTES_MAX = 64 * 1024,
    PATIENCE_MS = 10 * 60 * 1000,
    ROWS_THAT_MATTER = 1000, /* of a table: below, reading all of it costs less than a second index */
    ROWS_WASTED = 200,       /* looked at in vain before an index is worth its upkeep */
    TIMES_WASTED = 4
};

/* A statement that was seen. */
struct record {
    struct record *next;
    struct explain_statement shown;
    struct observed_run run;
    const struct resource *resource; /* NULL: not known */
    int64_t offset;                  /* rows that had to be passed over */
    bool has_advice;
    struct advice advice;
};

struct advice_record {
    struct advice_record *next;
    struct advice advice;
    const struct record *because;
};

struct explain {
    const struct explain_options *options;
    struct arena *arena;
    struct diag *diag;
    struct explain_report *report;
    struct generation *generation;
    struct worker worker;
    struct db *db, *window;
    struct health health;
    struct caller caller;
    struct model_watch watch;
    const struct http1_head *head;
    struct diag refusal; /* of the request's form */
    struct core_message begin;
    struct record *first, **end;
    struct record next; /* what the model has said of the statement that comes next */
    struct advice_record *advice;
    enum error error;
    int log_fd;
    struct log log; /* of the writer's thread */
};

/* ---- what is seen ---- */

static void see_query(void *state, const struct session *session, const struct query *query, bool is_count)
{
    struct explain *explain = state;
    const struct expr_context context = session_context(session);
    struct record *next = &explain->next;
    *next = (struct record){.resource = query->resource, .shown.is_count = is_count};
    next->offset = is_count ? 0 : query->offset;
    next->has_advice =
        advice_make(query, &context, db_dialect(explain->db), is_count ? ADVICE_COUNT : ADVICE_ROWS, &next->advice);
}

static enum error copy_arguments(struct explain *explain, const struct value *arguments, size_t count,
                                 struct explain_statement *out)
{
    struct value *copy = arena_array(explain->arena, count + 1, sizeof *copy);
    if (!copy)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        copy[i] = arguments[i];
        if (copy[i].kind == VALUE_TEXT || copy[i].kind == VALUE_BLOB)
            copy[i].text = arena_slice(explain->arena, copy[i].text);
        if ((copy[i].kind == VALUE_TEXT || copy[i].kind == VALUE_BLOB) && !copy[i].text.ptr)
            return ERROR_MEMORY;
    }
    out->arguments = copy;
    out->argument_count = count;
    return OK;
}

static void *see_begin(void *state, struct slice sql, const struct value *arguments, size_t count)
{
    struct explain *explain = state;
    struct record *record = arena_alloc(explain->arena, sizeof *record);
    if (record) {
        *record = explain->next;
        explain->next = (struct record){0};
        record->shown.sql = arena_slice(explain->arena, sql);
    }
    if (!record || !record->shown.sql.ptr || copy_arguments(explain, arguments, count, &record->shown) != OK) {
        explain->error = ERROR_MEMORY;
        return NULL;
    }
    *explain->end = record;
    explain->end = &record->next;
    return record;
}

static void see_end(void *state, void *seen, const struct observed_run *run)
{
    struct record *record = seen;
    if (!record)
        return;
    record->run = *run;
    record->shown.returned = record->shown.is_count ? run->number : run->returned;
    record->shown.elapsed_us = run->elapsed_us;
}

/* ---- what is made of it ---- */

/* Whether far more was read than was wanted. */
static bool is_wasteful(const struct record *record)
{
    const struct explain_statement *statement = &record->shown;
    int64_t wanted = statement->returned + record->offset > 0 ? statement->returned + record->offset : 1;
    return statement->scanned - wanted >= ROWS_WASTED && statement->scanned / wanted >= TIMES_WASTED;
}

/* Keeps the advice unless another serves for it, and drops those that it serves for. */
static enum error keep_advice(struct explain *explain, const struct record *record)
{
    enum dialect dialect = db_dialect(explain->db);
    struct advice_record **link = &explain->advice;
    while (*link) {
        if (advice_covers(&(*link)->advice, &record->advice, dialect))
            return OK;
        if (advice_covers(&record->advice, &(*link)->advice, dialect))
            *link = (*link)->next;
        else
            link = &(*link)->next;
    }
    struct advice_record *kept = arena_zalloc(explain->arena, sizeof *kept);
    if (!kept)
        return ERROR_MEMORY;
    *kept = (struct advice_record){.advice = record->advice, .because = record};
    *link = kept;
    return OK;
}

static bool is_in_plan(const struct explain_statement *statement, struct slice name)
{
    for (size_t i = 0; i < statement->plan_count; i++)
        if (memmem(statement->plan[i], strlen(statement->plan[i]), name.ptr, name.len))
            return true;
    return false;
}

/* The index is there, and much is read nevertheless. */
static enum error note_present(struct explain *explain, struct record *record)
{
    struct explain_statement *shown = &record->shown;
    struct slice name = record->advice.present->name;
    bool is_used = is_in_plan(shown, name);
    if (is_used && shown->is_sorted && advice_break_ties(&record->advice, db_dialect(explain->db)) &&
        !record->advice.present)
        return keep_advice(explain, record);
    shown->note = arena_printf(explain->arena,
                               is_used ? "the index \"%.*s\" was used, and no other would find the rows sooner"
                                       : "the index \"%.*s\" is for this, and the database has read another way",
                               SLICE_ARG(name));
    return shown->note ? OK : ERROR_MEMORY;
}

static enum error advise(struct explain *explain, struct db_conn *conn, struct record *record)
{
    struct explain_statement *shown = &record->shown;
    int64_t rows;
    if (!record->has_advice || shown->scanned <= shown->returned)
        return OK;
    TRY(explain_plan_count(conn, record->resource->name, ROWS_THAT_MATTER, explain->arena, &rows));
    if (rows < ROWS_THAT_MATTER) {
        shown->note = arena_printf(explain->arena, "too small to matter: \"%.*s\" has %lld rows",
                                   SLICE_ARG(record->resource->name), (long long)rows);
        return shown->note ? OK : ERROR_MEMORY;
    }
    if (!is_wasteful(record))
        return OK;
    return record->advice.present ? note_present(explain, record) : keep_advice(explain, record);
}

static enum error examine(struct explain *explain, struct db_conn *conn)
{
    for (struct record *record = explain->first; record; record = record->next) {
        TRY(explain_plan_read(conn, &record->run, explain->arena, &record->shown));
        TRY(advise(explain, conn, record));
    }
    return OK;
}

static enum error examine_all(struct explain *explain, struct fiber *self)
{
    struct db_conn *conn;
    TRY(explain->error);
    TRY(db_read_begin(explain->db, self, DEADLINE_NEVER, 0, &conn));
    enum error error = examine(explain, conn);
    if (error != OK)
        diag_say(explain->diag, NULL, "a plan could not be read: %s", db_message(conn));
    db_read_end(conn);
    return error;
}

static enum error format_advice(struct explain *explain, const struct advice_record *record, struct explain_advice *out)
{
    const struct resource *resource = record->advice.resource;
    const struct explain_statement *because = &record->because->shown;
    struct buf text;
    buf_init(&text, REQUEST_BYTES_MAX);
    advice_format(&record->advice, &text);
    struct slice index = arena_slice(explain->arena, buf_slice(&text));
    bool failed = buf_failed(&text);
    buf_fini(&text);
    if (failed || !index.ptr)
        return ERROR_MEMORY;
    *out = (struct explain_advice){.resource = arena_slice(explain->arena, resource->name), .index = index.ptr};
    out->file = arena_text(explain->arena, slice_from(resource->place.file));
    out->reason = arena_printf(explain->arena, "%lld rows were read%s for %lld", (long long)because->scanned,
                               because->is_sorted ? ", then sorted," : "", (long long)because->returned);
    TRY(explain_patch_index(resource->place, index, explain->arena, &out->patch, &out->line));
    return out->reason && out->file && out->resource.ptr ? OK : ERROR_MEMORY;
}

/* The report outlives the generation whose resources it names. */
static enum error make_report(struct explain *explain)
{
    struct explain_report *report = explain->report;
    struct explain_statement **end = &report->statements;
    struct explain_advice **advice_end = &report->advice;
    for (struct record *record = explain->first; record; record = record->next) {
        if (record->resource)
            record->shown.resource = arena_slice(explain->arena, record->resource->name);
        if (record->resource && !record->shown.resource.ptr)
            return ERROR_MEMORY;
        *end = &record->shown;
        end = &record->shown.next;
    }
    for (const struct advice_record *record = explain->advice; record; record = record->next) {
        struct explain_advice *made = arena_zalloc(explain->arena, sizeof *made);
        if (!made)
            return ERROR_MEMORY;
        TRY(format_advice(explain, record, made));
        *advice_end = made;
        advice_end = &made->next;
    }
    return OK;
}

/* ---- the request ---- */

static enum error refuse_request(struct explain *explain, const char *why)
{
    diag_say(explain->diag, "write it as 'GET /api/v1/markets?status=active&limit=20'", "%s", why);
    return ERROR_PARSE;
}

static enum error parse_request(struct explain *explain)
{
    struct slice target = slice_trim(slice_from(explain->options->request));
    struct slice rest = target, method = SLICE("GET");
    if (target.len == 0)
        return refuse_request(explain, "there is no request to explain");
    if (target.ptr[0] != '/') {
        slice_split(&rest, ' ', &method);
        target = slice_trim(rest);
    }
    if (target.len == 0 || target.ptr[0] != '/')
        return refuse_request(explain, "a request is a method and a path");
    if (!slice_eq_text(method, "GET"))
        return refuse_request(explain, "only GET can be explained: anything else would have to be done");
    enum error error =
        rehearsal_head(explain->generation, method, target, false, explain->arena, &explain->refusal, &explain->head);
    return error == ERROR_PARSE ? refuse_request(explain, explain->refusal.message) : error;
}

static enum error serve(struct explain *explain, struct fiber *self)
{
    const struct rehearsal rehearsal = {.generation = explain->generation, .worker = &explain->worker};
    struct rehearsal_answer answer;
    TRY(rehearsal_serve(&rehearsal, self, explain->head, SLICE(""), explain->arena, &answer));
    explain->report->status = answer.status;
    explain->report->body = answer.body;
    return examine_all(explain, self);
}

static void fiber_work(struct fiber *self, void *argument)
{
    struct explain *explain = argument;
    explain->error = serve(explain, self);
    core_stop(explain->worker.core);
}

static void begin(struct core *core, struct core_message *message)
{
    struct explain *explain = CONTAINER_OF(message, struct explain, begin);
    explain->error = fiber_spawn(core, fiber_work, explain);
    if (explain->error != OK)
        core_stop(core);
}

/* ---- the whole ---- */

static enum error add_the_rest(void *state, struct generation *generation, struct diag *diag)
{
    struct explain *explain = state;
    const struct explain_options *options = explain->options;
    TRY(health_add_public(&explain->health, generation->site, diag));
    return options->extend ? options->extend(options->extend_state, generation, diag) : OK;
}

static enum error open_database(struct explain *explain)
{
    struct settings *settings = &explain->generation->settings;
    struct db_config config = {.url = settings->database.url,
                               .directory = settings->directory,
                               .cores = &explain->worker.core,
                               .core_count = 1,
                               .log = &explain->log,
                               .pool = settings->database.pool,
                               .name = "tenon explain"};
    config.pool.statement_ms = PATIENCE_MS;
    if (!db_exists(&config)) {
        diag_say(explain->diag, "serve the app once: that makes it", "there is no database yet");
        return ERROR_NOT_FOUND;
    }
    TRY(db_open(&config, explain->diag, &explain->db));
    if (db_figures(explain->db).is_down)
        return ERROR_UNAVAILABLE;
    TRY(schema_sync(explain->db, settings->schema, SCHEMA_SYNC_CHECK, explain->diag));
    const struct observed_watcher watcher = {.begun = see_begin, .ended = see_end, .state = explain};
    explain->health.db = explain->db;
    return observed_open(explain->db, &watcher, &explain->window);
}

static enum error build(struct explain *explain)
{
    const struct generation_parts parts = {
        .db = explain->window, .core_count = 1, .extend = add_the_rest, .extend_state = explain};
    struct generation *generation = explain->generation;
    generation->settings.http.timeouts.handler_ms = PATIENCE_MS;
    TRY(generation_build(generation, &parts, explain->diag));
    explain->watch = (struct model_watch){.query = see_query, .state = explain};
    generation->model->watch = &explain->watch;
    if (!explain->options->as)
        return OK;
    TRY(impersonate_find(explain->db, generation->settings.schema, explain->options->as, explain->arena, explain->diag,
                         &explain->caller));
    generation->model->caller = &explain->caller;
    return OK;
}

static enum error run(struct explain *explain)
{
    TRY(generation_load(explain->options->app_path, explain->diag, &explain->generation));
    TRY(parse_request(explain));
    TRY(worker_init(&explain->worker, 0, &explain->generation->settings, &explain->log_fd));
    explain->worker.log.level = LOG_LEVEL_ERROR;
    TRY(open_database(explain));
    TRY(build(explain));
    explain->begin.run = begin;
    core_post(explain->worker.core, &explain->begin);
    core_run(explain->worker.core);
    TRY(explain->error);
    return make_report(explain);
}

static void close_all(struct explain *explain)
{
    struct generation *generation = explain->generation;
    if (generation && generation->site && generation->site->config.release)
        site_unref(generation->site);
    else
        generation_destroy(generation);
    db_close(explain->window);
    db_close(explain->db);
    worker_fini(&explain->worker);
    log_fini(&explain->log);
}

enum error explain_run(const struct explain_options *options, struct arena *arena, struct diag *diag,
                       struct explain_report *out)
{
    struct explain *explain = arena_zalloc(arena, sizeof *explain);
    if (!explain)
        return ERROR_MEMORY;
    *out = (struct explain_report){0};
    explain->options = options;
    explain->arena = arena;
    explain->diag = diag;
    explain->report = out;
    explain->end = &explain->first;
    diag_init(&explain->refusal, arena);
    explain->log_fd = STDERR_FILENO;
    log_init(&explain->log, clock_system(), log_write_fd, &explain->log_fd);
    explain->log.level = LOG_LEVEL_ERROR;
    enum error error = run(explain);
    close_all(explain);
    return error;
}
