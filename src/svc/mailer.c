/* SPDX-License-Identifier: Apache-2.0 */
/* Sends mail by a thread of its own.
 *
 * Idea: a mail is made into its whole text by whoever sends it, and stands in one queue, ordered by when it is due. The
 * thread takes the first one that is due and delivers it outside the mutex. One that fails is due again later, behind
 * those that are new; each wait is three times the one before it, and a fifth of it is random, so that many servers do
 * not come back at once.
 *
 *     queued --due--> tried --delivered--> freed
 *        ^               |--refused for good, or too often--> logged, freed
 *        |--failed-------|
 *
 * At the end all that is queued is due, and what fails now is given up; a delivery that takes too long is cut.
 *
 * Invariants
 *   (1) count <= limit, counting the one that is being tried
 *   (2) what the thread tries is its own: the mutex is not held while it does
 *   (3) neither addresses nor texts are logged */
#include "svc/mailer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "base/uuid.h"
#include "svc/mailroute.h"

enum { QUEUE_LIMIT = 1000, TRIES = 5, RETRY_MS = 5000, CONFIG_BYTES_MAX = 64 * 1024 };

struct mail {
    struct mail *next;
    int64_t due_us;
    unsigned tries;
    char id[UUID_TEXT_BYTES];
    struct buf content;
    char to[MAILTEXT_ADDRESS_MAX + 1];
};

struct mailer {
    struct arena memory;
    struct mailroute route;
    struct log *log;
    size_t limit;
    unsigned tries;
    int64_t retry_ms;
    struct random_source jitter; /* the thread's */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a mail came, or it is to stop */
    /* Under the mutex. */
    struct mail *first;
    size_t count;
    bool is_stopping;
    struct mailer_figures figures;
    struct random_source random;
    struct uuid_source uuids;
    _Atomic int64_t stop_at_us; /* monotonic */
};

static int64_t now_us(void)
{
    return clock_monotonic_us(clock_system());
}

static void free_mail(struct mail *mail)
{
    if (mail)
        buf_fini(&mail->content);
    free(mail);
}

/* ---- the queue; with the mutex held ---- */

static void put_in(struct mailer *mailer, struct mail *mail)
{
    struct mail **link = &mailer->first;
    while (*link && (*link)->due_us <= mail->due_us)
        link = &(*link)->next;
    mail->next = *link;
    *link = mail;
}

static void wait_until(struct mailer *mailer, int64_t at_us)
{
    const struct timespec at = {at_us / 1000000, at_us % 1000000 * 1000};
    pthread_cond_timedwait(&mailer->changed, &mailer->mutex, &at);
}

/* The next mail to be tried, waiting for one; NULL when it is to stop and none is left, or no time. */
static struct mail *take_next(struct mailer *mailer)
{
    for (;;) {
        struct mail *first = mailer->first;
        if (mailer->is_stopping && (!first || now_us() >= atomic_load(&mailer->stop_at_us)))
            return NULL;
        if (first && (mailer->is_stopping || first->due_us <= now_us())) {
            mailer->first = first->next;
            return first;
        }
        if (first)
            wait_until(mailer, first->due_us);
        else
            pthread_cond_wait(&mailer->changed, &mailer->mutex);
    }
}

/* ---- the thread ---- */

static int64_t next_wait_us(struct mailer *mailer, unsigned tries)
{
    int64_t wait_ms = mailer->retry_ms;
    uint64_t extra;
    for (unsigned i = 1; i < tries && wait_ms < INT64_MAX / 1000000; i++)
        wait_ms *= 3;
    if (random_below(&mailer->jitter, (uint64_t)wait_ms * 200 + 1, &extra) != OK)
        extra = 0;
    return wait_ms * 1000 + (int64_t)extra;
}

static void say_given_up(const struct mailer *mailer, const struct mail *mail, const char *reason, long reply)
{
    LOG_ERROR(mailer->log, "mail given up", LOG_STR("mail", slice_of(mail->id, sizeof mail->id)),
              LOG_INT("tries", mail->tries), LOG_TEXT("reason", reason), LOG_INT("reply", reply));
}

enum outcome { SENT, RETRIED, GIVEN_UP };

/* Tries a mail, and says what becomes of it. `is_last`: it is not tried again. */
static enum outcome try_mail(struct mailer *mailer, struct mail *mail, bool is_last)
{
    struct mailroute_failure failure = {.reason = ""};
    const struct mailroute_item item = {slice_of(mail->id, sizeof mail->id), buf_slice(&mail->content), mail->to};
    mail->tries++;
    if (mailroute_deliver(&mailer->route, &item, &failure) == OK)
        return SENT;
    if (failure.is_final || is_last || mail->tries >= mailer->tries) {
        say_given_up(mailer, mail, failure.reason, failure.reply);
        return GIVEN_UP;
    }
    int64_t wait_us = next_wait_us(mailer, mail->tries);
    mail->due_us = now_us() + wait_us;
    LOG_WARN(mailer->log, "mail not sent yet", LOG_STR("mail", slice_of(mail->id, sizeof mail->id)),
             LOG_INT("tries", mail->tries), LOG_TEXT("reason", failure.reason), LOG_INT("reply", failure.reply),
             LOG_INT("next_try_ms", wait_us / 1000));
    return RETRIED;
}

/* With the mutex held. */
static void settle(struct mailer *mailer, struct mail *mail, enum outcome outcome)
{
    if (outcome == RETRIED) {
        mailer->figures.retried++;
        put_in(mailer, mail);
        return;
    }
    mailer->figures.sent += outcome == SENT;
    mailer->figures.given_up += outcome == GIVEN_UP;
    mailer->count--;
    free_mail(mail);
}

/* When there is no time left; nobody puts anything into the queue any more. */
static void abandon_rest(struct mailer *mailer)
{
    while (mailer->first) {
        struct mail *mail = mailer->first;
        mailer->first = mail->next;
        say_given_up(mailer, mail, "the server has stopped", 0);
        pthread_mutex_lock(&mailer->mutex);
        settle(mailer, mail, GIVEN_UP);
        pthread_mutex_unlock(&mailer->mutex);
    }
}

static void *thread_main(void *argument)
{
    struct mailer *mailer = argument;
    pthread_mutex_lock(&mailer->mutex);
    for (struct mail *mail; (mail = take_next(mailer));) {
        bool is_last = mailer->is_stopping;
        pthread_mutex_unlock(&mailer->mutex);
        enum outcome outcome = try_mail(mailer, mail, is_last);
        pthread_mutex_lock(&mailer->mutex);
        settle(mailer, mail, outcome);
    }
    pthread_mutex_unlock(&mailer->mutex);
    abandon_rest(mailer);
    return NULL;
}

/* ---- life ---- */

enum error mailer_check(const struct mailer_config *config, struct diag *diag)
{
    struct arena arena;
    struct mailroute route;
    arena_init(&arena, CONFIG_BYTES_MAX);
    enum error error = mailroute_init(&route, config, &arena, diag);
    arena_fini(&arena);
    return error;
}

static void init_waiting(struct mailer *mailer)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&mailer->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&mailer->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void free_mailer(struct mailer *mailer)
{
    pthread_cond_destroy(&mailer->changed);
    pthread_mutex_destroy(&mailer->mutex);
    arena_fini(&mailer->memory);
    free(mailer);
}

/* With all signals blocked: those are for the thread that waits for them. */
static enum error start_thread(struct mailer *mailer)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&mailer->thread, NULL, thread_main, mailer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? ERROR_LIMIT : OK;
}

static enum error open_route(struct mailer *mailer, const struct mailer_config *config, struct diag *diag)
{
    TRY(mailroute_init(&mailer->route, config, &mailer->memory, diag));
    mailer->route.stop_at_us = &mailer->stop_at_us;
    TRY(mailroute_open(&mailer->route, diag));
    enum error error = start_thread(mailer);
    if (error != OK)
        mailroute_close(&mailer->route);
    return error;
}

enum error mailer_create(const struct mailer_config *config, struct diag *diag, struct mailer **out)
{
    struct mailer *mailer = calloc(1, sizeof *mailer);
    if (!mailer)
        return ERROR_MEMORY;
    arena_init(&mailer->memory, CONFIG_BYTES_MAX);
    mailer->log = config->log;
    mailer->limit = config->queue_limit > 0 ? config->queue_limit : QUEUE_LIMIT;
    mailer->tries = config->tries > 0 ? config->tries : TRIES;
    mailer->retry_ms = config->retry_ms > 0 ? config->retry_ms : RETRY_MS;
    random_source_system(&mailer->random);
    random_source_system(&mailer->jitter);
    uuid_source_init(&mailer->uuids);
    atomic_init(&mailer->stop_at_us, INT64_MAX);
    init_waiting(mailer);
    enum error error = open_route(mailer, config, diag);
    if (error != OK) {
        free_mailer(mailer);
        return error;
    }
    *out = mailer;
    return OK;
}

void mailer_destroy(struct mailer *mailer, int64_t shutdown_ms)
{
    if (!mailer)
        return;
    pthread_mutex_lock(&mailer->mutex);
    mailer->is_stopping = true;
    atomic_store(&mailer->stop_at_us, deadline_after(now_us(), shutdown_ms).at_us);
    pthread_cond_signal(&mailer->changed);
    pthread_mutex_unlock(&mailer->mutex);
    pthread_join(mailer->thread, NULL);
    mailroute_close(&mailer->route);
    free_mailer(mailer);
}

/* ---- sending ---- */

static enum error make_mail(struct mailer *mailer, const struct mailer_mail *wanted, struct mail *mail)
{
    struct mailtext text = {.sender = &mailer->route.sender,
                            .to = wanted->to,
                            .subject = wanted->subject,
                            .text = wanted->text,
                            .id = slice_of(mail->id, sizeof mail->id),
                            .sent_us = clock_wall_us(clock_system())};
    buf_init(&mail->content, MAILTEXT_BYTES_MAX);
    pthread_mutex_lock(&mailer->mutex);
    enum error error = uuid_generate(&mailer->uuids, text.sent_us / 1000, &mailer->random, mail->id);
    pthread_mutex_unlock(&mailer->mutex);
    TRY(error);
    TRY(mailtext_format(&mail->content, &text));
    memcpy(mail->to, wanted->to.ptr, wanted->to.len); /* of MAILTEXT_ADDRESS_MAX at most, or it was refused */
    return OK;
}

static enum error enqueue(struct mailer *mailer, struct mail *mail)
{
    enum error error = mailer->is_stopping ? ERROR_CLOSED : mailer->count >= mailer->limit ? ERROR_UNAVAILABLE : OK;
    if (error != OK)
        return error;
    mail->due_us = now_us();
    mailer->count++;
    put_in(mailer, mail);
    pthread_cond_signal(&mailer->changed);
    return OK;
}

enum error mailer_send(struct mailer *mailer, const struct mailer_mail *wanted)
{
    struct mail *mail = calloc(1, sizeof *mail);
    if (!mail)
        return ERROR_MEMORY;
    enum error error = make_mail(mailer, wanted, mail);
    if (error == OK) {
        pthread_mutex_lock(&mailer->mutex);
        error = enqueue(mailer, mail);
        pthread_mutex_unlock(&mailer->mutex);
    }
    if (error != OK)
        free_mail(mail);
    return error;
}

struct mailer_figures mailer_figures(struct mailer *mailer)
{
    pthread_mutex_lock(&mailer->mutex);
    struct mailer_figures figures = mailer->figures;
    figures.queued = mailer->count;
    pthread_mutex_unlock(&mailer->mutex);
    return figures;
}
