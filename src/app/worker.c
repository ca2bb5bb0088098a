/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of cores. A core's log belongs to its thread alone, so a line takes no lock; whole lines are written with one
 * call at the end of a turn, so lines of several cores do not mix. */
#include "app/worker.h"

#include "app/settings.h"

enum { LINES_BYTES_MAX = 1024 * 1024 };

static void flush_lines(struct core *core, struct core_hook *hook)
{
    struct worker *worker = CONTAINER_OF(hook, struct worker, flush);
    if (log_buffered_flush(&worker->lines) != OK)
        worker->log.lost++;
}

void worker_configure_log(struct log *log, const struct settings *settings)
{
    static const enum log_level levels[] = {[SETTINGS_DEBUG] = LOG_LEVEL_DEBUG,
                                            [SETTINGS_INFO] = LOG_LEVEL_INFO,
                                            [SETTINGS_WARN] = LOG_LEVEL_WARN,
                                            [SETTINGS_ERROR] = LOG_LEVEL_ERROR};
    log->level = levels[settings->log_level];
    if (settings->redact.count > 0)
        log_redact(log, settings->redact.items, settings->redact.count);
}

enum error worker_init(struct worker *worker, unsigned index, const struct settings *settings, int *fd)
{
    *worker = (struct worker){.flush = {.run = flush_lines}};
    log_buffered_init(&worker->lines, LINES_BYTES_MAX, log_write_fd, fd);
    log_init(&worker->log, clock_system(), log_buffered_write, &worker->lines);
    worker_configure_log(&worker->log, settings);
    const struct core_config config = {.index = index, .log = &worker->log};
    TRY(core_create(&config, &worker->core));
    core_add_hook(worker->core, &worker->flush);
    return OK;
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    core_run(worker->core);
    return NULL;
}

enum error worker_start(struct worker *worker)
{
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
        return ERROR_LIMIT;
    worker->is_running = true;
    return OK;
}

void worker_stop(struct worker *worker)
{
    if (!worker->is_running)
        return;
    core_stop(worker->core);
    pthread_join(worker->thread, NULL);
    worker->is_running = false;
}

void worker_fini(struct worker *worker)
{
    if (!worker->core)
        return;
    core_destroy(worker->core);
    if (log_buffered_flush(&worker->lines) != OK)
        worker->log.lost++;
    log_buffered_fini(&worker->lines);
    log_fini(&worker->log);
    worker->core = NULL;
}
