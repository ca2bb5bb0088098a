/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of an external issuer.
 *
 * Idea: the keys are an immutable snapshot with a count of references. Readers take a reference under the mutex and let
 * go of it; a refresh makes a new snapshot and swaps it in. A refresh is a fiber of its own, so that it serves whoever
 * waits and outlives the request that began it; what blocks or burns CPU in it is done on a thread of the fetch pool.
 *
 *     quiet --stale, or a kid that is not there--> refreshing --swapped, or failed--> quiet
 *
 * When a refresh may begin:
 *     no keys at hand, or stale ones: not in the pause after a failure, which is 1 s, then twice as long, 30 s at most
 *     a key that is not among them: 30 s after the last that was not
 * Between, a key that is not there is unknown: what was asked lately need not be asked again.
 *
 * Invariants
 *   (1) everything that changes is touched under the mutex, which is never held across a yield or a request
 *   (2) one refresh runs at a time; it wakes every fiber that waits, whether it succeeds or not
 *   (3) a waiter lies on its fiber's stack; the fiber returns only when it is out of the list, and its message, if one
 *       was sent, has run
 *   (4) the owner, and a refresh while it runs, hold a reference to the issuer
 *   (5) keys are used for 24 hours at most after they were fetched */
#include "svc/issuer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/fetch.h"
#include "rt/core.h"
#include "rt/fiber.h"
#include "rt/offload.h"

enum { FIRST_PAUSE_MS = 1000, US_PER_MS = 1000, ANSWER_MEMORY = 2 * JWK_SET_BYTES_MAX, HTTP_OK = 200 };

/* A snapshot. */
struct issuer_hold {
    atomic_uint references;
    struct jwk_set *set;
    int64_t fetched_us;
};

/* A fiber that waits for the refresh that is under way. */
struct waiter {
    struct core_message message;
    struct waiter *next, *previous;
    struct fiber *fiber;
    struct core *core;
    bool is_listed; /* under the mutex */
    bool is_woken;  /* on the fiber's core */
};

struct issuer {
    char *name, *url;
    uint32_t algorithms;
    int64_t max_age_us;
    struct fetch *fetch;
    struct log *const *core_logs;
    atomic_uint references;

    pthread_mutex_t mutex;
    struct issuer_hold *snapshot; /* NULL: none yet */
    struct waiter *first_waiter;
    size_t waiter_count;
    bool is_refreshing;
    bool has_asked;
    int64_t asked_us; /* when the last refresh ended */
    bool has_missed;
    int64_t missed_us; /* when a key that was not there last made one begin */
    unsigned failures_in_a_row;
    uint64_t requests, failures;
};

static enum error refuse(const char **reason, enum error error, const char *sentence)
{
    if (reason)
        *reason = sentence;
    return error;
}

/* Whether keys may come in the clear: from this machine only. */
static bool is_local(struct slice url)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
    struct slice rest = slice_from_index(url, sizeof "http://" - 1);
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct slice behind = slice_from_index(rest, strlen(hosts[i]));
        if (slice_starts(rest, slice_from(hosts[i])) && (behind.len == 0 || strchr(":/?", behind.ptr[0])))
            return true;
    }
    return false;
}

static enum error check_config(const struct issuer_config *config, struct diag *diag)
{
    if (!fetch_is_url(config->jwks_url) ||
        !(slice_starts(config->jwks_url, SLICE("https://")) || is_local(config->jwks_url))) {
        diag_say(diag, "such as https://login.example.com/.well-known/jwks.json; http only to this machine",
                 "the URL of the keys is not one that can be trusted");
        return ERROR_VALIDATION;
    }
    if (config->issuer.len == 0) {
        diag_say(diag, "what its tokens say in iss", "an issuer needs its name");
        return ERROR_VALIDATION;
    }
    if ((config->algorithms & JWK_SYMMETRIC) != 0) {
        diag_say(diag, "RS256, ES256 or EdDSA", "an issuer whose keys are public does not sign with a shared secret");
        return ERROR_VALIDATION;
    }
    return OK;
}

enum error issuer_create(const struct issuer_config *config, struct diag *diag, struct issuer **out)
{
    TRY(check_config(config, diag));
    struct issuer *issuer = calloc(1, sizeof *issuer);
    if (!issuer)
        return ERROR_MEMORY;
    pthread_mutex_init(&issuer->mutex, NULL);
    atomic_init(&issuer->references, 1);
    issuer->name = strndup(config->issuer.ptr, config->issuer.len);
    issuer->url = strndup(config->jwks_url.ptr, config->jwks_url.len);
    issuer->algorithms = config->algorithms ? config->algorithms : JWK_ASYMMETRIC & JWK_RECOMMENDED;
    issuer->max_age_us = (config->max_age_ms ? config->max_age_ms : ISSUER_MAX_AGE_MS) * US_PER_MS;
    issuer->fetch = config->fetch;
    issuer->core_logs = config->core_logs;
    if (!issuer->name || !issuer->url) {
        issuer_destroy(issuer);
        return ERROR_MEMORY;
    }
    *out = issuer;
    return OK;
}

void issuer_release(struct issuer_hold *hold)
{
    if (!hold || atomic_fetch_sub(&hold->references, 1) > 1)
        return;
    jwk_set_destroy(hold->set);
    free(hold);
}

void issuer_destroy(struct issuer *issuer)
{
    if (!issuer || atomic_fetch_sub(&issuer->references, 1) > 1)
        return;
    issuer_release(issuer->snapshot);
    pthread_mutex_destroy(&issuer->mutex);
    free(issuer->name);
    free(issuer->url);
    free(issuer);
}

struct slice issuer_name(const struct issuer *issuer)
{
    return slice_from(issuer->name);
}

struct issuer_figures issuer_figures(struct issuer *issuer)
{
    pthread_mutex_lock(&issuer->mutex);
    struct issuer_figures figures = {.requests = issuer->requests,
                                     .failures = issuer->failures,
                                     .keys = issuer->snapshot ? issuer->snapshot->set->count : 0,
                                     .waiters = issuer->waiter_count,
                                     .is_asking = issuer->is_refreshing};
    pthread_mutex_unlock(&issuer->mutex);
    return figures;
}

/* A request for the keys, on a thread of the pool. */
struct errand {
    const struct issuer *issuer;
    struct arena arena;
    struct jwk_set *set;
    const char *reason;
    int status;
    enum error error;
};

static void run_errand(void *argument)
{
    static const struct fetch_header accept = {SLICE_INIT("Accept"),
                                               SLICE_INIT("application/jwk-set+json, application/json")};
    struct errand *errand = argument;
    const struct issuer *issuer = errand->issuer;
    const struct fetch_request request = {
        .url = slice_from(issuer->url), .headers = &accept, .header_count = 1, .answer_limit = JWK_SET_BYTES_MAX};
    struct fetch_answer answer;
    errand->error =
        fetch_send_blocking(issuer->fetch, ISSUER_TIMEOUT_MS, &request, &errand->arena, &answer, &errand->reason);
    if (errand->error != OK)
        return;
    errand->status = answer.status;
    if (answer.status == HTTP_OK)
        errand->error = jwk_set_create(answer.body, issuer->algorithms, &errand->set, &errand->reason);
    else
        errand->error = refuse(&errand->reason, ERROR_UNAVAILABLE, "the status is not 200");
}

static void wake(struct core *core, struct core_message *message)
{
    struct waiter *waiter = CONTAINER_OF(message, struct waiter, message);
    waiter->is_woken = true;
    fiber_wake(waiter->fiber);
}

/* With the mutex held. */
static void unlist(struct issuer *issuer, struct waiter *waiter)
{
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        issuer->first_waiter = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    waiter->is_listed = false;
    issuer->waiter_count--;
}

/* Puts what came of a refresh in place and wakes all who wait. `fresh` is NULL when it failed; returns the snapshot
 * that was there before, if it has gone. */
static struct issuer_hold *conclude(struct issuer *issuer, struct issuer_hold *fresh, int64_t now_us)
{
    struct issuer_hold *before = NULL;
    pthread_mutex_lock(&issuer->mutex);
    if (fresh) {
        before = issuer->snapshot;
        issuer->snapshot = fresh;
        issuer->failures_in_a_row = 0;
    } else {
        issuer->failures_in_a_row++;
        issuer->failures++;
    }
    issuer->is_refreshing = false;
    issuer->has_asked = true;
    issuer->asked_us = now_us;
    for (struct waiter *waiter; (waiter = issuer->first_waiter);) {
        unlist(issuer, waiter);
        core_post(waiter->core, &waiter->message); /* the waiter may be gone from here on */
    }
    pthread_mutex_unlock(&issuer->mutex);
    return before;
}

static void log_outcome(const struct issuer *issuer, const struct errand *errand, struct core *core)
{
    struct log *log = issuer->core_logs ? issuer->core_logs[core_index(core)] : NULL;
    if (errand->error == ERROR_CANCELLED)
        return;
    if (errand->error != OK)
        LOG_WARN(log, "the keys of an issuer could not be had", LOG_TEXT("issuer", issuer->name),
                 LOG_TEXT("url", issuer->url), LOG_TEXT("reason", errand->reason ? errand->reason : ""),
                 LOG_TEXT("error", error_sentence(errand->error)), LOG_INT("status", errand->status));
    else if (errand->set->count == 0)
        LOG_WARN(log, "an issuer has no key that can be used", LOG_TEXT("issuer", issuer->name),
                 LOG_TEXT("url", issuer->url), LOG_INT("skipped", (int64_t)errand->set->skipped));
    else
        LOG_INFO(log, "the keys of an issuer were fetched", LOG_TEXT("issuer", issuer->name),
                 LOG_INT("keys", (int64_t)errand->set->count), LOG_INT("skipped", (int64_t)errand->set->skipped));
}

static struct issuer_hold *make_hold(struct jwk_set *set, int64_t now_us)
{
    struct issuer_hold *hold = malloc(sizeof *hold);
    if (!hold)
        return NULL;
    atomic_init(&hold->references, 1);
    hold->set = set;
    hold->fetched_us = now_us;
    return hold;
}

/* The fiber of a refresh; it has a reference to the issuer. */
static void refresh(struct fiber *self, void *argument)
{
    struct issuer *issuer = argument;
    struct core *core = fiber_core(self);
    struct errand errand = {.issuer = issuer, .status = 0};
    struct issuer_hold *fresh = NULL;
    arena_init(&errand.arena, ANSWER_MEMORY);
    struct deadline deadline = deadline_after(core_now_us(core), ISSUER_TIMEOUT_MS);
    enum error error = offload_run(fetch_pool(issuer->fetch), self, deadline, run_errand, &errand);
    if (error != OK)
        errand.error = error;
    if (errand.error == OK)
        fresh = make_hold(errand.set, core_now_us(core));
    if (errand.error == OK && !fresh) {
        errand.error = ERROR_MEMORY;
        jwk_set_destroy(errand.set);
    }
    log_outcome(issuer, &errand, core);
    issuer_release(conclude(issuer, fresh, core_now_us(core)));
    arena_fini(&errand.arena);
    issuer_destroy(issuer);
}

/* Whether the last request was so lately that there is no other yet. With the mutex held. */
static bool is_pausing(const struct issuer *issuer, int64_t pause_ms, int64_t now_us)
{
    return issuer->has_asked && now_us - issuer->asked_us < pause_ms * US_PER_MS;
}

/* Whether a key that is not there is to be asked for: its issuer may have made it a moment ago. With the mutex held. */
static bool may_miss(struct issuer *issuer, int64_t now_us)
{
    if (issuer->has_missed && now_us - issuer->missed_us < (int64_t)ISSUER_PAUSE_MS * US_PER_MS)
        return false;
    issuer->has_missed = true;
    issuer->missed_us = now_us;
    return true;
}

static int64_t pause_after_failures(const struct issuer *issuer)
{
    int64_t pause_ms = FIRST_PAUSE_MS;
    if (issuer->failures_in_a_row == 0)
        return 0;
    for (unsigned i = 1; i < issuer->failures_in_a_row && pause_ms < ISSUER_PAUSE_MS; i++)
        pause_ms *= 2;
    return pause_ms < ISSUER_PAUSE_MS ? pause_ms : ISSUER_PAUSE_MS;
}

/* Begins a refresh unless one is running. With the mutex held. */
static enum error begin_refresh(struct issuer *issuer, struct core *core)
{
    if (issuer->is_refreshing)
        return OK;
    atomic_fetch_add(&issuer->references, 1);
    enum error error = fiber_spawn(core, refresh, issuer);
    if (error != OK) {
        atomic_fetch_sub(&issuer->references, 1);
        return error;
    }
    issuer->is_refreshing = true;
    issuer->requests++;
    return OK;
}

/* What a look at the keys has come to. */
enum verdict { FOUND, WAIT, GIVE_UP };

struct question {
    struct slice kid;
    enum jwk_algorithm algorithm;
    bool has_waited;
    const struct jwk *key;
    struct issuer_hold *hold;
    const char **reason;
    enum error error;
};

static enum verdict give_up(struct question *question, enum error error, const char *sentence)
{
    question->error = refuse(question->reason, error, sentence);
    return GIVE_UP;
}

/* Looks for the key, and has the keys fetched again where that could help. With the mutex held. */
static enum verdict look(struct issuer *issuer, struct question *question, struct core *core)
{
    int64_t now_us = core_now_us(core);
    struct issuer_hold *snapshot = issuer->snapshot;
    int64_t age_us = snapshot ? now_us - snapshot->fetched_us : INT64_MAX;
    bool is_usable = age_us < (int64_t)ISSUER_KEEP_MS * US_PER_MS;
    bool is_stale = age_us >= issuer->max_age_us;
    if (is_usable)
        question->key = jwk_find(snapshot->set->keys, snapshot->set->count, question->kid, question->algorithm);
    bool may_ask = issuer->is_refreshing;
    if (!may_ask && !question->has_waited) /* else it has just been asked */
        may_ask = is_stale ? !is_pausing(issuer, pause_after_failures(issuer), now_us)
                           : !question->key && may_miss(issuer, now_us);
    enum error error = may_ask && (is_stale || !question->key) ? begin_refresh(issuer, core) : OK;
    if (question->key) {
        question->hold = snapshot;
        atomic_fetch_add(&snapshot->references, 1);
        return FOUND; /* also when the keys could not be asked for again: they will be, next time */
    }
    if (error != OK)
        return give_up(question, error, "the keys of the issuer could not be asked for");
    if (may_ask && !question->has_waited)
        return WAIT;
    return is_usable ? give_up(question, ERROR_UNAUTHORIZED, "the issuer has no key of that name and algorithm")
                     : give_up(question, ERROR_UNAVAILABLE, "the keys of the issuer could not be had");
}

/* With the mutex held. */
static enum error enlist(struct issuer *issuer, struct waiter *waiter)
{
    if (issuer->waiter_count == ISSUER_WAITERS_MAX)
        return ERROR_LIMIT;
    waiter->next = issuer->first_waiter;
    if (waiter->next)
        waiter->next->previous = waiter;
    issuer->first_waiter = waiter;
    waiter->is_listed = true;
    issuer->waiter_count++;
    return OK;
}

/* Waits until the refresh has woken this waiter; leaves the list at the deadline. */
static enum error await(struct issuer *issuer, struct waiter *waiter, struct deadline deadline)
{
    enum error error = OK;
    while (!waiter->is_woken && error == OK)
        error = fiber_park(waiter->fiber, deadline);
    if (waiter->is_woken)
        return OK;
    pthread_mutex_lock(&issuer->mutex);
    bool was_listed = waiter->is_listed;
    if (was_listed)
        unlist(issuer, waiter);
    pthread_mutex_unlock(&issuer->mutex);
    if (was_listed)
        return error;
    while (!waiter->is_woken)
        fiber_park_shielded(waiter->fiber);
    return OK;
}

enum error issuer_find_key(struct issuer *issuer, struct fiber *self, struct deadline deadline, struct slice kid,
                           enum jwk_algorithm algorithm, const struct jwk **out, struct issuer_hold **hold,
                           const char **reason)
{
    struct core *core = fiber_core(self);
    struct question question = {.kid = kid, .algorithm = algorithm, .reason = reason};
    struct waiter waiter = {.message.run = wake, .fiber = self, .core = core};
    if ((issuer->algorithms >> algorithm & 1) == 0)
        return refuse(reason, ERROR_UNAUTHORIZED, "the issuer does not sign with that algorithm");
    pthread_mutex_lock(&issuer->mutex);
    enum verdict verdict = look(issuer, &question, core);
    enum error error = verdict == WAIT ? enlist(issuer, &waiter) : question.error;
    pthread_mutex_unlock(&issuer->mutex);
    if (verdict == WAIT) {
        if (error != OK)
            return refuse(reason, error, "too many wait for the keys of the issuer");
        TRY(await(issuer, &waiter, deadline));
        question.has_waited = true;
        pthread_mutex_lock(&issuer->mutex);
        verdict = look(issuer, &question, core);
        error = question.error;
        pthread_mutex_unlock(&issuer->mutex);
    }
    if (verdict != FOUND)
        return error;
    *out = question.key;
    *hold = question.hold;
    return OK;
}
