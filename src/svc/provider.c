/* SPDX-License-Identifier: Apache-2.0 */
/* Providers: their documents, kept for an hour.
 *
 * A document is an immutable snapshot with a count of references, shared by all cores. One that is missing or too old
 * is asked for on a thread of the fetch pool:
 *
 *     of a core, the first fiber that misses it asks; the others wait for that one (wait_queue)
 *     of all cores, the first job that runs asks; the next finds the snapshot that it has left (asking)
 *
 * Invariants
 *   (1) the snapshot and what is noted of failures are touched under `mutex`, which is never held across a request
 *   (2) `asking` is taken on threads of the fetch pool only, never on a core
 *   (3) a core's slot is that core's own
 *   (4) behind a failure nobody asks for PROVIDER_PAUSE_MS: a provider that is away costs others nothing */
#include "svc/provider.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "http/fetch.h"
#include "rt/core.h"
#include "rt/fiber.h"
#include "rt/offload.h"
#include "rt/wait.h"
#include "svc/issuer.h"

enum { MEMORY_BYTES_MAX = 1024 * 1024, HTTP_OK = 200, US_PER_MS = 1000 };

struct snapshot {
    struct provider_hold hold; /* what is given out */
    atomic_uint references;
    struct arena arena;
    int64_t fetched_us;
};

/* What a core knows. */
struct slot {
    struct wait_queue waiters;
    bool is_asking;
};

struct provider {
    const struct provider_config *config;
    struct fetch *fetch;
    struct log *const *core_logs;
    struct slot *slots;
    pthread_mutex_t mutex, asking;
    struct snapshot *snapshot; /* NULL: none yet */
    bool has_failed;
    int64_t failed_us;
    const char *failure; /* a constant sentence */
};

enum error provider_create(const struct provider_config *config, struct fetch *fetch, struct log *const *core_logs,
                           unsigned core_count, struct provider **out)
{
    struct provider *provider = calloc(1, sizeof *provider);
    if (!provider)
        return ERROR_MEMORY;
    provider->config = config;
    provider->fetch = fetch;
    provider->core_logs = core_logs;
    provider->slots = calloc(core_count, sizeof *provider->slots);
    pthread_mutex_init(&provider->mutex, NULL);
    pthread_mutex_init(&provider->asking, NULL);
    if (!provider->slots) {
        provider_destroy(provider);
        return ERROR_MEMORY;
    }
    for (unsigned i = 0; i < core_count; i++)
        wait_queue_init(&provider->slots[i].waiters, PROVIDER_WAITERS_MAX);
    *out = provider;
    return OK;
}

static void let_go(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub(&snapshot->references, 1) > 1)
        return;
    issuer_destroy(snapshot->hold.issuer);
    arena_fini(&snapshot->arena);
    free(snapshot);
}

void provider_release(struct provider_hold *hold)
{
    let_go(hold ? CONTAINER_OF(hold, struct snapshot, hold) : NULL);
}

void provider_destroy(struct provider *provider)
{
    if (!provider)
        return;
    let_go(provider->snapshot);
    pthread_mutex_destroy(&provider->mutex);
    pthread_mutex_destroy(&provider->asking);
    free(provider->slots);
    free(provider);
}

const struct provider_config *provider_config(const struct provider *provider)
{
    return provider->config;
}

struct fetch *provider_fetch(const struct provider *provider)
{
    return provider->fetch;
}

/* ---- asking, on a thread of the pool ---- */

struct errand {
    struct provider *provider;
    int64_t now_us;     /* of the cores' clock */
    struct arena arena; /* of the answer */
    const char *reason;
    enum error error;
    bool has_asked;
};

static bool is_fresh(const struct snapshot *snapshot, int64_t now_us)
{
    return snapshot && now_us - snapshot->fetched_us < (int64_t)PROVIDER_MAX_AGE_MS * US_PER_MS;
}

/* With the mutex held. */
static bool is_pausing(const struct provider *provider, int64_t now_us)
{
    return provider->has_failed && now_us - provider->failed_us < (int64_t)PROVIDER_PAUSE_MS * US_PER_MS;
}

static enum error make(struct errand *errand, struct slice text, struct snapshot **out)
{
    struct provider *provider = errand->provider;
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return ERROR_MEMORY;
    atomic_init(&snapshot->references, 1);
    arena_init(&snapshot->arena, MEMORY_BYTES_MAX);
    snapshot->fetched_us = errand->now_us;
    enum error error = provider_metadata_read(text, provider->config->issuer, &snapshot->arena,
                                              &snapshot->hold.metadata, &errand->reason);
    const struct issuer_config issuer = {.issuer = provider->config->issuer,
                                         .jwks_url = snapshot->hold.metadata.jwks,
                                         .algorithms =
                                             1u << JWK_RS256 | 1u << JWK_PS256 | 1u << JWK_ES256 | 1u << JWK_EDDSA,
                                         .fetch = provider->fetch,
                                         .core_logs = provider->core_logs};
    if (error == OK)
        error = issuer_create(&issuer, NULL, &snapshot->hold.issuer);
    if (error != OK) {
        let_go(snapshot);
        return error;
    }
    *out = snapshot;
    return OK;
}

static enum error ask(struct errand *errand, struct snapshot **out)
{
    static const struct fetch_header accept = {SLICE_INIT("Accept"), SLICE_INIT("application/json")};
    struct provider *provider = errand->provider;
    struct slice issuer = provider->config->issuer;
    struct fetch_answer answer;
    while (issuer.len > 0 && issuer.ptr[issuer.len - 1] == '/')
        issuer.len--;
    const char *url = arena_printf(&errand->arena, "%.*s/.well-known/openid-configuration", SLICE_ARG(issuer));
    if (!url)
        return ERROR_MEMORY;
    const struct fetch_request request = {
        .url = slice_from(url), .headers = &accept, .header_count = 1, .answer_limit = PROVIDER_METADATA_BYTES_MAX};
    TRY(fetch_send_blocking(provider->fetch, PROVIDER_TIMEOUT_MS, &request, &errand->arena, &answer, &errand->reason));
    if (answer.status != HTTP_OK) {
        errand->reason = "the status of the provider's document is not 200";
        return ERROR_UNAVAILABLE;
    }
    return make(errand, answer.body, out);
}

/* A fetch takes seconds where it fails: the pause begins behind it. */
static int64_t thread_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Puts what came of it in place. */
static void conclude(struct errand *errand, struct snapshot *fresh)
{
    struct provider *provider = errand->provider;
    struct snapshot *before = NULL;
    pthread_mutex_lock(&provider->mutex);
    provider->has_failed = !fresh;
    provider->failed_us = errand->now_us;
    provider->failure = errand->reason;
    if (fresh) {
        before = provider->snapshot;
        provider->snapshot = fresh;
    }
    pthread_mutex_unlock(&provider->mutex);
    let_go(before);
}

static void run_errand(void *argument)
{
    struct errand *errand = argument;
    struct provider *provider = errand->provider;
    struct snapshot *fresh = NULL;
    pthread_mutex_lock(&provider->asking);
    pthread_mutex_lock(&provider->mutex);
    bool is_done = is_fresh(provider->snapshot, errand->now_us) || is_pausing(provider, errand->now_us);
    pthread_mutex_unlock(&provider->mutex);
    if (!is_done) {
        int64_t began_us = thread_now_us();
        errand->has_asked = true;
        errand->error = ask(errand, &fresh);
        errand->now_us += thread_now_us() - began_us;
        conclude(errand, fresh);
    }
    pthread_mutex_unlock(&provider->asking);
}

/* ---- of a core ---- */

static void log_outcome(const struct provider *provider, const struct errand *errand, struct core *core)
{
    struct log *log = provider->core_logs ? provider->core_logs[core_index(core)] : NULL;
    const struct provider_config *config = provider->config;
    if (!errand->has_asked)
        return;
    if (errand->error == OK)
        LOG_INFO(log, "a provider's document was fetched", LOG_STR("provider", config->name));
    else
        LOG_WARN(log, "a provider's document could not be had", LOG_STR("provider", config->name),
                 LOG_STR("issuer", config->issuer), LOG_TEXT("reason", errand->reason ? errand->reason : ""),
                 LOG_TEXT("error", error_sentence(errand->error)));
}

static enum error send_errand(struct provider *provider, struct fiber *self, struct deadline deadline)
{
    struct core *core = fiber_core(self);
    struct errand errand = {.provider = provider, .now_us = core_now_us(core)};
    arena_init(&errand.arena, MEMORY_BYTES_MAX);
    enum error error = offload_run(fetch_pool(provider->fetch), self, deadline, run_errand, &errand);
    if (error == OK)
        log_outcome(provider, &errand, core);
    arena_fini(&errand.arena);
    return error;
}

/* A snapshot that is at hand; or ERROR_NOT_FOUND: it must be asked for. One that has grown old serves while a provider
 * cannot be asked. */
static enum error look(struct provider *provider, int64_t now_us, struct provider_hold **out, const char **reason)
{
    enum error error = ERROR_NOT_FOUND;
    pthread_mutex_lock(&provider->mutex);
    struct snapshot *snapshot = provider->snapshot;
    bool is_paused = is_pausing(provider, now_us);
    if (snapshot && (is_paused || is_fresh(snapshot, now_us))) {
        atomic_fetch_add(&snapshot->references, 1);
        *out = &snapshot->hold;
        error = OK;
    } else if (is_paused) {
        *reason = provider->failure;
        error = ERROR_UNAVAILABLE;
    }
    pthread_mutex_unlock(&provider->mutex);
    return error;
}

enum error provider_discover(struct provider *provider, struct fiber *self, struct deadline deadline,
                             struct provider_hold **out, const char **reason)
{
    struct core *core = fiber_core(self);
    struct slot *slot = &provider->slots[core_index(core)];
    for (;;) {
        enum error error = look(provider, core_now_us(core), out, reason);
        if (error != ERROR_NOT_FOUND)
            return error;
        if (slot->is_asking) {
            TRY(wait_queue_park(&slot->waiters, self, deadline, NULL));
            continue;
        }
        slot->is_asking = true;
        error = send_errand(provider, self, deadline);
        slot->is_asking = false;
        wait_queue_wake_all(&slot->waiters, NULL);
        TRY(error);
    }
}
