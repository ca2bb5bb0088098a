/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/offload.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rt/core.h"
#include "support.h"

/* Work that waits until it is let go. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    bool is_open;
    atomic_uint begun, done;
};

struct stage {
    struct offload *offload;
    struct gate gate;
    enum error errors[8];
    struct fiber *fibers[8];
    unsigned arrived, returned;
    int64_t wait_ms;
};

static void pass_gate(void *argument)
{
    struct gate *gate = argument;
    atomic_fetch_add(&gate->begun, 1);
    pthread_mutex_lock(&gate->mutex);
    while (!gate->is_open)
        pthread_cond_wait(&gate->opened, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
    atomic_fetch_add(&gate->done, 1);
}

static void open_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->is_open = true;
    pthread_cond_broadcast(&gate->opened);
    pthread_mutex_unlock(&gate->mutex);
}

/* The pool's threads post to the core, so they end first. */
static void run_then_destroy(fiber_main *main, void *argument, struct offload *offload)
{
    static const struct core_config config = {.index = 0};
    struct core *core = support_run_and_keep(&config, main, argument);
    offload_destroy(offload);
    core_destroy(core);
}

static void stage_run(fiber_main *main, unsigned threads, size_t queue_limit, struct stage *stage)
{
    *stage = (struct stage){.wait_ms = 60000};
    pthread_mutex_init(&stage->gate.mutex, NULL);
    pthread_cond_init(&stage->gate.opened, NULL);
    assert_int_equal(offload_create(threads, queue_limit, 0, &stage->offload), OK);
    run_then_destroy(main, stage, stage->offload);
}

static void offload_one(struct fiber *self, void *argument)
{
    struct stage *stage = argument;
    unsigned me = stage->arrived++;
    struct deadline deadline = deadline_after(core_now_us(fiber_core(self)), stage->wait_ms);
    stage->fibers[me] = self;
    stage->errors[me] = offload_run(stage->offload, self, deadline, pass_gate, &stage->gate);
    stage->returned++;
}

static void spawn_one(struct fiber *self, struct stage *stage)
{
    EXPECT(fiber_spawn(fiber_core(self), offload_one, stage) == OK);
    fiber_yield(self);
}

static void wait_until_begun(struct fiber *self, struct stage *stage, unsigned count)
{
    while (atomic_load(&stage->gate.begun) < count)
        EXPECT(fiber_sleep(self, 1) == OK);
}

static void wait_until_returned(struct fiber *self, const struct stage *stage, unsigned count)
{
    while (stage->returned < count)
        EXPECT(fiber_sleep(self, 1) == OK);
}

static void fill_the_queue(struct fiber *self, void *argument)
{
    struct stage *stage = argument;
    spawn_one(self, stage);
    wait_until_begun(self, stage, 1);
    spawn_one(self, stage);
    spawn_one(self, stage);
    struct offload_figures figures = offload_figures(stage->offload);
    EXPECT(figures.threads == 1 && figures.busy == 1 && figures.queued == 1);
    EXPECT(stage->returned == 1);
    open_gate(&stage->gate);
    wait_until_returned(self, stage, 3);
}

static void offload_run_is_unavailable_when_the_queue_is_full(void **state)
{
    struct stage stage;
    stage_run(fill_the_queue, 1, 1, &stage);
    assert_int_equal(stage.errors[0], OK);
    assert_int_equal(stage.errors[1], OK);
    assert_int_equal(stage.errors[2], ERROR_UNAVAILABLE);
    assert_int_equal(stage.gate.done, 2);
}

static void time_out_in_the_queue(struct fiber *self, void *argument)
{
    struct stage *stage = argument;
    spawn_one(self, stage);
    wait_until_begun(self, stage, 1);
    stage->wait_ms = 5;
    spawn_one(self, stage);
    wait_until_returned(self, stage, 1);
    EXPECT(stage->errors[1] == ERROR_TIMEOUT);
    open_gate(&stage->gate);
    wait_until_returned(self, stage, 2);
}

static void offload_run_gives_up_what_still_waits_at_the_deadline(void **state)
{
    struct stage stage;
    stage_run(time_out_in_the_queue, 1, 10, &stage);
    assert_int_equal(stage.errors[0], OK);
    assert_int_equal(stage.gate.begun, 1);
}

static void time_out_and_cancel_begun(struct fiber *self, void *argument)
{
    struct stage *stage = argument;
    stage->wait_ms = 5;
    spawn_one(self, stage);
    stage->wait_ms = 60000;
    spawn_one(self, stage);
    wait_until_begun(self, stage, 2);
    fiber_cancel(stage->fibers[1]);
    EXPECT(fiber_sleep(self, 20) == OK);
    EXPECT(stage->returned == 0);
    open_gate(&stage->gate);
    wait_until_returned(self, stage, 2);
}

static void offload_run_waits_for_what_has_begun_in_spite_of_deadline_and_cancel(void **state)
{
    struct stage stage;
    stage_run(time_out_and_cancel_begun, 2, 10, &stage);
    assert_int_equal(stage.errors[0], OK);
    assert_int_equal(stage.errors[1], OK);
    assert_int_equal(stage.gate.done, 2);
}

static void cancel_in_the_queue(struct fiber *self, void *argument)
{
    struct stage *stage = argument;
    spawn_one(self, stage);
    wait_until_begun(self, stage, 1);
    spawn_one(self, stage);
    fiber_cancel(stage->fibers[1]);
    fiber_yield(self);
    EXPECT(stage->returned == 1 && stage->errors[1] == ERROR_CANCELLED);
    open_gate(&stage->gate);
    wait_until_returned(self, stage, 2);
}

static void offload_run_gives_up_what_still_waits_when_cancelled(void **state)
{
    struct stage stage;
    stage_run(cancel_in_the_queue, 1, 10, &stage);
    assert_int_equal(stage.gate.begun, 1);
}

struct sums {
    struct offload *offload;
    unsigned finished;
    atomic_uint total;
    bool saw_open_signals;
};

static void add_one(void *argument)
{
    struct sums *sums = argument;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (!sigismember(&blocked, SIGTERM))
        sums->saw_open_signals = true;
    atomic_fetch_add(&sums->total, 1);
}

static void offload_many(struct fiber *self, void *argument)
{
    struct sums *sums = argument;
    for (int i = 0; i < 20; i++)
        EXPECT(offload_run(sums->offload, self, DEADLINE_NEVER, add_one, sums) == OK);
    sums->finished++;
}

static void spawn_offloaders(struct fiber *self, void *argument)
{
    const struct sums *sums = argument;
    for (int i = 0; i < 100; i++)
        EXPECT(fiber_spawn(fiber_core(self), offload_many, argument) == OK);
    while (sums->finished < 100)
        EXPECT(fiber_sleep(self, 1) == OK);
}

static void offload_run_runs_every_job_once_on_threads_without_signals(void **state)
{
    struct sums sums = {.finished = 0};
    assert_int_equal(offload_create(3, 100, 0, &sums.offload), OK);
    run_then_destroy(spawn_offloaders, &sums, sums.offload);
    assert_int_equal(sums.total, 2000);
    assert_false(sums.saw_open_signals);
}

struct niceness {
    struct offload *offload;
    int of_work;
};

static void read_niceness(void *argument)
{
    struct niceness *niceness = argument;
    niceness->of_work = getpriority(PRIO_PROCESS, (id_t)gettid());
}

static void offload_niceness(struct fiber *self, void *argument)
{
    struct niceness *niceness = argument;
    EXPECT(offload_run(niceness->offload, self, DEADLINE_NEVER, read_niceness, niceness) == OK);
}

static void offload_threads_stand_back_as_far_as_asked_and_the_loop_does_not(void **state)
{
    int mine = getpriority(PRIO_PROCESS, 0), asked = mine + 3 > 19 ? 19 : mine + 3;
    struct niceness niceness = {.of_work = -100};
    assert_int_equal(offload_create(1, 10, asked, &niceness.offload), OK);
    run_then_destroy(offload_niceness, &niceness, niceness.offload);
    assert_int_equal(niceness.of_work, asked);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offload_run_is_unavailable_when_the_queue_is_full),
        cmocka_unit_test(offload_run_gives_up_what_still_waits_at_the_deadline),
        cmocka_unit_test(offload_run_waits_for_what_has_begun_in_spite_of_deadline_and_cancel),
        cmocka_unit_test(offload_run_gives_up_what_still_waits_when_cancelled),
        cmocka_unit_test(offload_run_runs_every_job_once_on_threads_without_signals),
        cmocka_unit_test(offload_threads_stand_back_as_far_as_asked_and_the_loop_does_not),
    };
    return cmocka_run_group_tests_name("rt/offload", tests, NULL, NULL);
}
