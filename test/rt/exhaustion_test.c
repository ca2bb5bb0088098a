/* SPDX-License-Identifier: Apache-2.0 */
/* What rt does when memory runs out: each scene is played again and again with the first, second, … allocation failing,
 * until it gets through. The linker puts the functions below in front of the allocator (--wrap). */
#include <stdlib.h>

#include "base/attr.h"
#include "rt/channel.h"
#include "rt/core.h"
#include "rt/metrics.h"
#include "rt/offload.h"
#include "support.h"

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

/* The allocator has no argument to carry this in: how many allocations still succeed; negative: all. */
static _Thread_local int allocations_left = -1;

static bool fails_now(void)
{
    if (allocations_left < 0)
        return false;
    return allocations_left-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails_now() ? NULL : __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails_now() ? NULL : __real_aligned_alloc(alignment, size);
}

static void do_nothing(struct fiber *self, void *argument)
{
}

static enum error make_core(void)
{
    static const struct core_config config = {.index = 0};
    struct core *core;
    TRY(core_create(&config, &core));
    enum error error = fiber_spawn(core, do_nothing, NULL);
    core_stop(core);
    core_run(core);
    core_destroy(core);
    return error;
}

static enum error make_channel(void)
{
    struct channel *channel;
    TRY(channel_create(10, 10, &channel));
    channel_destroy(channel);
    return OK;
}

static enum error make_offload(void)
{
    struct offload *offload;
    TRY(offload_create(2, 10, 0, &offload));
    offload_destroy(offload);
    return OK;
}

static enum error fill_metrics(struct metrics *metrics)
{
    static const double bounds[] = {1, 2, 3};
    unsigned family, series;
    for (unsigned i = 0; i < 40; i++) {
        const char letter = (char)('A' + i);
        const struct slice value = slice_of(&letter, 1);
        if (i == 0)
            TRY(metrics_add_histogram(metrics, "h", "", "l", bounds, ARRAY_LEN(bounds), &family));
        TRY(metrics_add_series(metrics, family, &value, 1, &series));
        metrics_observe(metrics, 1, series, i);
    }
    return OK;
}

static enum error make_metrics(void)
{
    struct metrics *metrics;
    TRY(metrics_create(2, &metrics));
    enum error error = fill_metrics(metrics);
    metrics_destroy(metrics);
    return error;
}

static void play(enum error (*scene)(void))
{
    enum error error;
    int round = 0;
    do {
        allocations_left = round++;
        error = scene();
        allocations_left = -1;
        assert_true(error == OK || error == ERROR_MEMORY || error == ERROR_LIMIT);
        assert_true(round < 1000);
    } while (error != OK);
    assert_true(round > 1);
}

static void every_failed_allocation_is_returned_as_an_error_and_leaks_nothing(void **state)
{
    enum error (*const scenes[])(void) = {make_core, make_channel, make_offload, make_metrics};
    for (size_t i = 0; i < ARRAY_LEN(scenes); i++)
        play(scenes[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failed_allocation_is_returned_as_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("rt/exhaustion", tests, NULL, NULL);
}
