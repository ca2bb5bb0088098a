/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(TOOLING_VALGRIND)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define IS_THREAD_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) && !defined(IS_THREAD_SANITIZED)
#define IS_THREAD_SANITIZED 1
#endif
#if !defined(IS_THREAD_SANITIZED)
#define IS_THREAD_SANITIZED 0
#endif

struct run {
    fiber_main *main;
    void *argument;
};

static void run_then_stop(struct fiber *self, void *argument)
{
    const struct run *run = argument;
    run->main(self, run->argument);
    core_stop(fiber_core(self));
}

struct core *support_run_and_keep(const struct core_config *config, fiber_main *main, void *argument)
{
    struct core *core;
    struct run run = {main, argument};
    assert_int_equal(core_create(config, &core), OK);
    assert_int_equal(fiber_spawn(core, run_then_stop, &run), OK);
    core_run(core);
    return core;
}

void support_run_on(const struct core_config *config, fiber_main *main, void *argument)
{
    core_destroy(support_run_and_keep(config, main, argument));
}

void support_run(fiber_main *main, void *argument)
{
    const struct core_config config = {.index = 0};
    support_run_on(&config, main, argument);
}

void support_expect(bool holds, const char *condition, const char *file, int line)
{
    if (holds)
        return;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

bool support_is_slow(void)
{
    return IS_THREAD_SANITIZED || RUNNING_ON_VALGRIND;
}
