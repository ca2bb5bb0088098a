/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: the one file that shows all joints.
 *
 *   app file -> generation (settings, schema, model, REST, site)
 *   workers  -> one core with its thread and log per CPU
 *   database -> readers hooked to the cores, one writer, one checkpointer
 *   servers  -> one per core and address for the public site, one on core 0 for the admin site
 *
 * The main thread waits for signals and does what blocks: loading, migrating, closing. Ends are in the reverse order of
 * beginnings.
 *
 *   OPENED --run--> SERVING --SIGTERM--> DRAINING --drained, or the time is up, or a second signal--> CLOSED
 *                    \--SIGHUP--> SERVING (another generation, or the old one and a log line)
 */
#include "app/engine.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/admin.h"
#include "app/gauges.h"
#include "app/health.h"
#include "app/housekeeping.h"
#include "app/migrate.h"
#include "app/watch.h"
#include "app/worker.h"
#include "base/digest.h"
#include "base/log.h"
#include "data/db.h"
#include "http/fetch.h"
#include "http/http_metrics.h"
#include "http/server.h"
#include "http/site.h"
#include "model/action_check.h"
#include "model/secret.h"
#include "net/address.h"
#include "net/listener.h"
#include "rt/metrics.h"
#include "rt/offload.h"
#include "svc/audit.h"
#include "svc/limit.h"
#include "svc/limit_metrics.h"
#include "svc/mailer.h"

enum {
    CORES_MAX = 256,
    OFFLOAD_QUEUE = 256,
    OFFLOAD_NICENESS = 10,
    MAIL_SHUTDOWN_MS = 5000,
    FETCH_THREADS = 4,
    FETCH_QUEUE = 64,
    BACKLOG = 4096,
    WATCH_MS = 250,
    SPARE_FILES = 256,
    URL_BYTES = 96,
    LOG_MEMORY_MAX = 1024 * 1024
};

struct engine {
    struct engine_options options;
    struct generation *generation; /* the site's reference to it is `site` */
    struct http_site *site;
    struct http_site *admin_site;
    struct worker *workers;
    struct core **cores;
    struct log **core_logs;
    unsigned core_count;
    struct offload *offload;
    struct fetch *fetch;   /* what other issuers publish; NULL: there are none */
    struct mailer *mailer; /* NULL: nothing can be mailed */
    struct audit *audits;  /* by core; NULL: nobody signs in */
    struct audit audit;    /* of the main thread, over its log */
    struct hmac_key *audit_key;
    struct limit *limit; /* of all generations, so that a reload forgets nothing; NULL: nobody is limited */
    struct limit_metrics *limit_metrics;
    struct log mail_log; /* of the mailer's thread */
    struct db *db;
    struct metrics *metrics;
    struct http_metrics *http_metrics;
    struct gauges gauges;
    struct health health;
    struct server **servers; /* by address, then by core */
    size_t server_count;
    struct server *admin_server;
    atomic_uint connections, admin_connections;
    atomic_size_t draining; /* servers that have not drained yet */
    bool is_waiting;        /* for a database that is away since before the start: only health is served */
    int log_fd;
    struct log log;          /* of the main thread */
    struct log writer_log;   /* of the writer's */
    struct arena log_memory; /* what the logs refer to for the life of the process */
    char url[URL_BYTES], admin_url[URL_BYTES];
};

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Logs outlive the generation that says what they redact. */
static enum error keep_redacted(struct engine *engine, struct settings *settings)
{
    struct settings_texts *redact = &settings->redact;
    struct slice *kept = arena_array(&engine->log_memory, redact->count, sizeof *kept);
    if (!kept)
        return ERROR_MEMORY;
    for (size_t i = 0; i < redact->count; i++) {
        kept[i] = arena_slice(&engine->log_memory, redact->items[i]);
        if (!kept[i].ptr)
            return ERROR_MEMORY;
    }
    redact->items = kept;
    return OK;
}

static unsigned choose_core_count(const struct engine *engine)
{
    unsigned count = engine->options.cores ? engine->options.cores : engine->generation->settings.cores;
    if (count == 0)
        count = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    return count > CORES_MAX ? CORES_MAX : count;
}

static enum error open_workers(struct engine *engine)
{
    engine->core_count = choose_core_count(engine);
    engine->workers = calloc(engine->core_count, sizeof *engine->workers);
    engine->cores = calloc(engine->core_count, sizeof *engine->cores);
    engine->core_logs = calloc(engine->core_count, sizeof *engine->core_logs);
    if (!engine->workers || !engine->cores || !engine->core_logs)
        return ERROR_MEMORY;
    for (unsigned i = 0; i < engine->core_count; i++) {
        TRY(worker_init(&engine->workers[i], i, &engine->generation->settings, &engine->log_fd));
        engine->cores[i] = engine->workers[i].core;
        engine->core_logs[i] = &engine->workers[i].log;
    }
    return OK;
}

/* As the database server lists its clients. */
static const char *app_name(struct engine *engine)
{
    const char *name = arena_text(&engine->log_memory, engine->generation->settings.name);
    return name ? name : "tenon";
}

static const char **replica_urls(struct engine *engine)
{
    const struct settings_texts *replicas = &engine->generation->settings.database.replicas;
    const char **urls = arena_array(&engine->log_memory, replicas->count + 1, sizeof *urls);
    for (size_t i = 0; urls && i < replicas->count; i++) {
        urls[i] = arena_text(&engine->log_memory, replicas->items[i]);
        if (!urls[i])
            return NULL;
    }
    return urls;
}

/* The database has all migrations, and is as the app file says. */
static enum error bring_in_line(struct engine *engine, const struct settings *settings, struct diag *diag)
{
    TRY(migrate_gate(engine->db, settings, engine->options.sync == SCHEMA_SYNC_ADDITIVE, diag));
    return schema_sync(engine->db, settings->schema, engine->options.sync, diag);
}

static enum error open_database(struct engine *engine, struct diag *diag)
{
    const struct settings *settings = &engine->generation->settings;
    const char **replicas = replica_urls(engine);
    if (!replicas)
        return ERROR_MEMORY;
    struct db_config config = {.url = settings->database.url,
                               .directory = settings->directory,
                               .cores = engine->cores,
                               .core_count = engine->core_count,
                               .log = &engine->writer_log,
                               .core_logs = engine->core_logs,
                               .pool = settings->database.pool,
                               .name = app_name(engine)};
    config.pool.replicas = replicas;
    config.pool.replica_count = settings->database.replicas.count;
    TRY(db_open(&config, diag, &engine->db));
    engine->health.db = engine->db;
    engine->is_waiting = db_figures(engine->db).is_down;
    if (engine->is_waiting)
        return settings->database.start_ms > 0 ? OK : ERROR_UNAVAILABLE;
    return bring_in_line(engine, settings, diag);
}

/* Each core writes a chain of its own, from here on to its end; so does the main thread. */
static enum error open_audits(struct engine *engine)
{
    char key[AUDIT_KEY_BYTES];
    if (engine->is_waiting || engine->audits)
        return OK;
    TRY(secret_get(engine->db, "audit", key, sizeof key));
    TRY(digest_hmac_create(slice_of(key, sizeof key), &engine->audit_key));
    TRY(audit_init(&engine->audit, &engine->log, engine->audit_key));
    engine->audits = calloc(engine->core_count, sizeof *engine->audits);
    if (!engine->audits)
        return ERROR_MEMORY;
    for (unsigned i = 0; i < engine->core_count; i++)
        TRY(audit_init(&engine->audits[i], engine->core_logs[i], engine->audit_key));
    return OK;
}

static void close_audits(struct engine *engine)
{
    for (unsigned i = 0; engine->audits && i < engine->core_count; i++)
        audit_fini(&engine->audits[i]);
    audit_fini(&engine->audit);
    free(engine->audits);
    digest_hmac_destroy(engine->audit_key);
}

static enum error open_metrics(struct engine *engine)
{
    gauges_init(&engine->gauges, engine->cores, engine->core_count, engine->db, engine->offload);
    TRY(metrics_create(engine->core_count, &engine->metrics));
    TRY(http_metrics_create(engine->metrics, &engine->http_metrics));
    TRY(limit_metrics_create(engine->metrics, &engine->limit_metrics));
    return gauges_add(&engine->gauges, engine->metrics);
}

/* What every public site serves besides the resources. */
static enum error extend(void *state, struct generation *generation, struct diag *diag)
{
    struct engine *engine = state;
    TRY(health_add_public(&engine->health, generation->site, diag));
    const struct engine_options *options = &engine->options;
    return options->extend ? options->extend(options->extend_state, generation, diag) : OK;
}

/* What signing in needs besides the database, made when the first app file asks for it. Where mail goes is decided
 * then, for good: a mail server is not changed under way. */
static enum error open_parts(struct engine *engine, const struct settings *settings, struct diag *diag)
{
    const struct fetch_config fetch = {.threads = FETCH_THREADS, .queue_limit = FETCH_QUEUE};
    bool has_identity = identity_is_needed(&settings->auth.config, settings->schema);
    if (has_identity)
        TRY(open_audits(engine));
    if ((has_identity || settings->limits.count > 0) && !engine->limit) {
        TRY(limit_create(&(const struct limit_config){0}, &engine->limit));
        gauges_set_limit(&engine->gauges, engine->limit);
    }
    if (settings->auth.config.issuer_count + settings->auth.config.provider_count > 0 && !engine->fetch)
        TRY(fetch_create(&fetch, &engine->fetch));
    if (!settings->mail.url || engine->mailer)
        return OK;
    const char *from = arena_text(&engine->log_memory, settings->mail.from);
    const struct mailer_config config = {
        .url = settings->mail.url, .directory = settings->directory, .from = from, .log = &engine->mail_log};
    return from ? mailer_create(&config, diag, &engine->mailer) : ERROR_MEMORY;
}

static enum error build(struct engine *engine, struct generation *generation, struct diag *diag)
{
    if (!engine->is_waiting)
        TRY(open_parts(engine, &generation->settings, diag));
    const struct generation_parts parts = {.db = engine->db,
                                           .offload = engine->offload,
                                           .mailer = engine->mailer,
                                           .fetch = engine->fetch,
                                           .audits = engine->audits,
                                           .limit = engine->limit,
                                           .limit_metrics = engine->limit_metrics,
                                           .core_logs = engine->core_logs,
                                           .metrics = engine->http_metrics,
                                           .core_count = engine->core_count,
                                           .extend = extend,
                                           .extend_state = engine,
                                           .is_closed = engine->is_waiting};
    if (!engine->is_waiting)
        TRY(action_check(generation->settings.schema, engine->db, diag));
    return generation_build(generation, &parts, diag);
}

static enum error open_sites(struct engine *engine, struct diag *diag)
{
    TRY(build(engine, engine->generation, diag));
    engine->site = engine->generation->site;
    const struct admin_parts admin = {
        .settings = &engine->generation->settings.http, .health = &engine->health, .metrics = engine->metrics};
    TRY(admin_create_site(&admin, diag, &engine->admin_site));
    http_metrics_freeze(engine->http_metrics);
    limit_metrics_freeze(engine->limit_metrics);
    return OK;
}

static void format_url(const struct address *address, char *url)
{
    char text[ADDRESS_TEXT_BYTES];
    address_format(address, text);
    snprintf(url, URL_BYTES, "http://%s", text);
}

static enum error add_server(struct engine *engine, unsigned core, struct listener listener, struct http_site *site,
                             atomic_uint *connections, struct server **out);

/* Listens on one address with every core. */
static enum error listen_on(struct engine *engine, const struct address *address, struct diag *diag)
{
    struct listener first;
    enum listener_sharing sharing = engine->options.shares_port ? LISTENER_SHARED : LISTENER_ALONE;
    TRY(listener_open(address, sharing, BACKLOG, diag, &first));
    if (engine->url[0] == '\0')
        format_url(&first.address, engine->url);
    struct listener next = first;
    for (unsigned i = 0; i < engine->core_count; i++) {
        if (i > 0)
            TRY(listener_join(&first, BACKLOG, diag, &next));
        enum error error =
            add_server(engine, i, next, engine->site, &engine->connections, &engine->servers[engine->server_count]);
        if (error != OK) {
            listener_close(&next);
            return error;
        }
        engine->server_count++;
    }
    return OK;
}

/* "host:port" of a settings address as a socket address. */
static enum error resolve(const struct settings_address *setting, struct diag *diag, struct address *out)
{
    return address_parse(setting->text, diag, out);
}

static enum error listen_public(struct engine *engine, struct diag *diag)
{
    const struct settings_addresses *listen = &engine->generation->settings.listen;
    size_t count = engine->options.listen ? 1 : listen->count;
    engine->servers = calloc(count * engine->core_count, sizeof *engine->servers);
    if (!engine->servers)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct address address;
        if (engine->options.listen)
            TRY(address_parse(slice_from(engine->options.listen), diag, &address));
        else
            TRY(resolve(&listen->items[i], diag, &address));
        TRY(listen_on(engine, &address, diag));
    }
    return OK;
}

/* An admin port that nobody chose moves away from one that is taken. */
static enum error open_admin_listener(struct engine *engine, struct diag *diag, struct listener *out)
{
    const struct settings *settings = &engine->generation->settings;
    struct address address;
    bool is_chosen = settings->admin_is_chosen || engine->options.admin_listen;
    if (engine->options.admin_listen)
        TRY(address_parse(slice_from(engine->options.admin_listen), diag, &address));
    else
        TRY(resolve(&settings->admin, diag, &address));
    enum error error = listener_open(&address, LISTENER_ALONE, BACKLOG, is_chosen ? diag : NULL, out);
    if (error != ERROR_CONFLICT || is_chosen)
        return error;
    address_set_port(&address, 0);
    return listener_open(&address, LISTENER_ALONE, BACKLOG, diag, out);
}

static enum error listen_admin(struct engine *engine, struct diag *diag)
{
    struct listener listener;
    TRY(open_admin_listener(engine, diag, &listener));
    format_url(&listener.address, engine->admin_url);
    enum error error =
        add_server(engine, 0, listener, engine->admin_site, &engine->admin_connections, &engine->admin_server);
    if (error != OK)
        listener_close(&listener);
    return error;
}

static void count_drained(void *data)
{
    struct engine *engine = data;
    atomic_fetch_sub(&engine->draining, 1);
}

static enum error add_server(struct engine *engine, unsigned core, struct listener listener, struct http_site *site,
                             atomic_uint *connections, struct server **out)
{
    const struct server_config config = {.core = engine->cores[core],
                                         .listener = listener,
                                         .site = site,
                                         .log = engine->core_logs[core],
                                         .core_count = site == engine->admin_site ? 1 : engine->core_count,
                                         .connections = connections,
                                         .on_drained = count_drained,
                                         .data = engine};
    return server_create(&config, out);
}

static void raise_file_limit(struct engine *engine)
{
    rlim_t needed = engine->generation->settings.http.limits.connections + SPARE_FILES;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return;
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= needed)
        return;
    LOG_WARN(&engine->log, "fewer files may be open than http.connections needs",
             LOG_INT("limit", (int64_t)limit.rlim_cur), LOG_INT("needed", (int64_t)needed));
}

static enum error open_all(struct engine *engine, struct diag *diag)
{
    TRY(generation_load(engine->options.app_path, diag, &engine->generation));
    TRY(keep_redacted(engine, &engine->generation->settings));
    worker_configure_log(&engine->log, &engine->generation->settings);
    worker_configure_log(&engine->writer_log, &engine->generation->settings);
    worker_configure_log(&engine->mail_log, &engine->generation->settings);
    raise_file_limit(engine);
    TRY(open_workers(engine));
    TRY(offload_create(engine->core_count, OFFLOAD_QUEUE, OFFLOAD_NICENESS, &engine->offload));
    TRY(open_database(engine, diag));
    TRY(open_metrics(engine));
    TRY(open_sites(engine, diag));
    TRY(listen_public(engine, diag));
    return listen_admin(engine, diag);
}

enum error engine_open(const struct engine_options *options, struct diag *diag, struct engine **out)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return ERROR_MEMORY;
    sigset_t signals;
    block_signals(&signals);
    engine->options = *options;
    engine->log_fd = options->log_fd;
    arena_init(&engine->log_memory, LOG_MEMORY_MAX);
    log_init(&engine->log, clock_system(), log_write_fd, &engine->log_fd);
    log_init(&engine->writer_log, clock_system(), log_write_fd, &engine->log_fd);
    log_init(&engine->mail_log, clock_system(), log_write_fd, &engine->log_fd);
    enum error error = open_all(engine, diag);
    if (error != OK) {
        engine_close(engine);
        return error;
    }
    *out = engine;
    return OK;
}

static enum error start(struct engine *engine)
{
    for (size_t i = 0; i < engine->server_count; i++)
        TRY(server_start(engine->servers[i]));
    TRY(server_start(engine->admin_server));
    for (unsigned i = 0; i < engine->core_count; i++)
        TRY(worker_start(&engine->workers[i]));
    return OK;
}

static void tell_ready(struct engine *engine)
{
    atomic_store(&engine->health.is_serving, true);
    LOG_INFO(&engine->log, "serving", LOG_STR("url", slice_from(engine->url)),
             LOG_STR("admin", slice_from(engine->admin_url)), LOG_INT("cores", engine->core_count));
    if (engine->options.on_ready)
        engine->options.on_ready(engine->options.ready_state, engine);
}

static void log_mistakes(struct engine *engine, enum error error, const struct diag *diag, const char *outcome)
{
    for (const struct diag_item *item = diag->first; item; item = item->next)
        if (!item->is_warning)
            LOG_ERROR(&engine->log, "a mistake in the app file",
                      LOG_STR("file", slice_from(item->place.file ? item->place.file : "")),
                      LOG_INT("line", item->place.line), LOG_INT("column", item->place.column),
                      LOG_STR("reason", slice_from(item->message)));
    LOG_ERROR(&engine->log, outcome,
              LOG_STR("reason", slice_from(diag->message ? diag->message : error_sentence(error))));
}

/* What is read once: until a restart the old one holds. */
static void tell_of_restart(struct engine *engine, const struct settings *next)
{
    static const char *const keys[] = {"listen", "admin", "cores", "database", "log", "mail"};
    const struct node *present = engine->generation->settings.root;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        bool is_first_mail = slice_eq_text(SLICE("mail"), keys[i]) && !engine->mailer;
        if (!is_first_mail && !node_equal(node_find(present, keys[i]), node_find(next->root, keys[i])))
            LOG_WARN(&engine->log, "a change of the app file needs a restart", LOG_STR("key", slice_from(keys[i])));
    }
}

/* Builds the next generation beside the present one. */
static enum error load_next(struct engine *engine, struct diag *diag, struct generation **out)
{
    struct generation *next;
    TRY(generation_load(engine->options.app_path, diag, &next));
    tell_of_restart(engine, &next->settings);
    enum error error = bring_in_line(engine, &next->settings, diag);
    if (error == OK)
        error = build(engine, next, diag);
    if (error != OK) {
        generation_destroy(next);
        return error;
    }
    *out = next;
    return OK;
}

static void swap(struct engine *engine, struct generation *next)
{
    struct http_site *old = engine->site;
    for (size_t i = 0; i < engine->server_count; i++)
        if (server_swap_site(engine->servers[i], next->site) != OK)
            LOG_ERROR(&engine->log, "out of memory: a core goes on with the old app file");
    engine->generation = next;
    engine->site = next->site;
    site_unref(old);
    LOG_INFO(&engine->log, "the app file was reloaded");
}

static void reload(struct engine *engine)
{
    struct arena arena;
    struct diag diag;
    struct generation *next;
    arena_init(&arena, 16 * 1024 * 1024);
    diag_init(&diag, &arena);
    enum error error = load_next(engine, &diag, &next);
    if (error == OK)
        swap(engine, next);
    else
        log_mistakes(engine, error, &diag, "the old app file goes on being served");
    arena_fini(&arena);
}

/* Waits for the next signal; in dev also for a change of the app's files, which counts as SIGHUP. */
static int next_signal(struct engine *engine, const sigset_t *signals, int64_t wait_ms)
{
    const struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    int received = sigtimedwait(signals, NULL, &wait);
    return received > 0 ? received : 0;
}

/* Replaces the closed site by one on the database that has come. */
static enum error open_late(struct engine *engine)
{
    struct arena arena;
    struct diag diag;
    struct generation *next;
    arena_init(&arena, 16 * 1024 * 1024);
    diag_init(&diag, &arena);
    engine->is_waiting = false;
    enum error error = load_next(engine, &diag, &next);
    if (error == OK)
        swap(engine, next);
    else
        log_mistakes(engine, error, &diag, "the app cannot be served");
    arena_fini(&arena);
    return error;
}

/* The pools connect by themselves; here they are watched. Errors: ERROR_UNAVAILABLE (the time is up), ERROR_CANCELLED
 * (a signal), those of load_next(). */
static enum error await_database(struct engine *engine, const sigset_t *signals)
{
    enum { POLL_MS = 50 };
    int64_t limit_ms = engine->generation->settings.database.start_ms;
    int64_t end_us = clock_monotonic_us(clock_system()) + limit_ms * 1000;
    LOG_INFO(&engine->log, "waiting for the database", LOG_STR("url", slice_from(engine->url)),
             LOG_INT("limit_ms", limit_ms));
    while (db_figures(engine->db).is_down) {
        int received = next_signal(engine, signals, POLL_MS);
        if (received == SIGTERM || received == SIGINT)
            return ERROR_CANCELLED;
        if (clock_monotonic_us(clock_system()) > end_us) {
            LOG_ERROR(&engine->log, "the database cannot be connected to; giving up",
                      LOG_STR("hint", SLICE("database.start_timeout says how long to wait")));
            return ERROR_UNAVAILABLE;
        }
    }
    return open_late(engine);
}

static void keep_house(struct engine *engine, int64_t *due_us)
{
    int64_t now_us = clock_monotonic_us(clock_system());
    if (now_us < *due_us)
        return;
    *due_us = now_us + (int64_t)HOUSEKEEPING_MS * 1000;
    struct audit *audit = engine->generation->identity ? &engine->audit : NULL;
    if (housekeeping_run(engine->generation->model, audit) != OK)
        LOG_WARN(&engine->log, "what is too old could not be deleted; it is tried again");
}

static void serve(struct engine *engine, const sigset_t *signals)
{
    struct watch watch;
    int64_t due_us = clock_monotonic_us(clock_system());
    watch_init(&watch, engine->generation->settings.files, engine->generation->settings.file_count);
    for (;;) {
        keep_house(engine, &due_us);
        int received = next_signal(engine, signals, engine->options.watch ? WATCH_MS : HOUSEKEEPING_MS);
        if (received == SIGTERM || received == SIGINT)
            return;
        if (received != SIGHUP && !(engine->options.watch && watch_has_changed(&watch)))
            continue;
        reload(engine);
        watch_init(&watch, engine->generation->settings.files, engine->generation->settings.file_count);
    }
}

/* Answers what was asked and asks nobody new; a second signal or the timeout cuts it short. */
static enum error drain(struct engine *engine, const sigset_t *signals)
{
    enum { POLL_MS = 20, GRACE_MS = 1000 };
    int64_t limit_ms = engine->generation->settings.http.timeouts.shutdown_ms;
    atomic_store(&engine->health.is_serving, false);
    LOG_INFO(&engine->log, "draining", LOG_INT("limit_ms", limit_ms));
    atomic_store(&engine->draining, engine->server_count);
    for (size_t i = 0; i < engine->server_count; i++)
        server_drain(engine->servers[i], limit_ms);
    int64_t end_us = clock_monotonic_us(clock_system()) + (limit_ms + GRACE_MS) * 1000;
    while (atomic_load(&engine->draining) > 0) {
        int received = next_signal(engine, signals, POLL_MS);
        bool is_over = clock_monotonic_us(clock_system()) > end_us;
        if (received == SIGTERM || received == SIGINT || is_over) {
            LOG_WARN(&engine->log, "the drain was cut short");
            return ERROR_TIMEOUT;
        }
    }
    return OK;
}

enum error engine_run(struct engine *engine)
{
    sigset_t signals;
    block_signals(&signals);
    enum error error = start(engine);
    if (error == OK && engine->is_waiting)
        error = await_database(engine, &signals);
    if (error == ERROR_CANCELLED)
        error = OK; /* stopped before there was anything to drain */
    else if (error == OK) {
        tell_ready(engine);
        serve(engine, &signals);
        error = drain(engine, &signals);
    }
    for (unsigned i = 0; i < engine->core_count; i++)
        worker_stop(&engine->workers[i]);
    LOG_INFO(&engine->log, "stopped");
    return error;
}

static void close_generation(struct engine *engine)
{
    if (engine->site)
        site_unref(engine->site);
    else
        generation_destroy(engine->generation);
}

void engine_close(struct engine *engine)
{
    if (!engine)
        return;
    for (size_t i = 0; i < engine->server_count; i++)
        server_destroy(engine->servers[i]);
    server_destroy(engine->admin_server);
    site_unref(engine->admin_site);
    mailer_destroy(engine->mailer, MAIL_SHUTDOWN_MS);
    close_generation(engine);
    close_audits(engine);
    limit_destroy(engine->limit);
    db_close(engine->db);
    offload_destroy(engine->offload);
    fetch_destroy(engine->fetch);
    for (unsigned i = 0; engine->workers && i < engine->core_count; i++)
        worker_fini(&engine->workers[i]);
    http_metrics_destroy(engine->http_metrics);
    limit_metrics_destroy(engine->limit_metrics);
    metrics_destroy(engine->metrics);
    log_fini(&engine->log);
    log_fini(&engine->writer_log);
    log_fini(&engine->mail_log);
    arena_fini(&engine->log_memory);
    free(engine->servers);
    free(engine->workers);
    free(engine->cores);
    free(engine->core_logs);
    free(engine);
}

const char *engine_url(const struct engine *engine)
{
    return engine->url;
}

const char *engine_admin_url(const struct engine *engine)
{
    return engine->admin_url;
}

const struct generation *engine_generation(const struct engine *engine)
{
    return engine->generation;
}
