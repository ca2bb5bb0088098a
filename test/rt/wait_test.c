/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/wait.h"

#include "rt/core.h"
#include "support.h"

struct scene {
    struct wait_queue queue;
    char order[16];
    size_t len;
    struct fiber *fibers[4];
    unsigned arrived;
    enum error errors[4];
    int gifts[4];
};

static void wait_for_gift(struct fiber *self, void *argument)
{
    struct scene *scene = argument;
    unsigned me = scene->arrived++;
    void *held = &scene->gifts[me];
    scene->fibers[me] = self;
    scene->errors[me] =
        wait_queue_park(&scene->queue, self, deadline_after(core_now_us(fiber_core(self)), 60000), &held);
    scene->order[scene->len++] = (char)('0' + me);
    if (scene->errors[me] == OK && held)
        *(int *)held += 1;
}

static void spawn_three(struct fiber *self, struct scene *scene)
{
    for (int i = 0; i < 3; i++)
        EXPECT(fiber_spawn(fiber_core(self), wait_for_gift, scene) == OK);
    fiber_yield(self);
    EXPECT(scene->queue.count == 3);
}

static void wake_one_by_one(struct fiber *self, void *argument)
{
    struct scene *scene = argument;
    int gift = 0;
    spawn_three(self, scene);
    EXPECT(wait_queue_peek(&scene->queue) == &scene->gifts[0]);
    EXPECT(wait_queue_park(&scene->queue, self, DEADLINE_NEVER, NULL) == ERROR_LIMIT);
    for (int i = 0; i < 3; i++) {
        EXPECT(wait_queue_wake_one(&scene->queue, &gift));
        fiber_yield(self);
        EXPECT(gift == i + 1);
    }
    EXPECT(!wait_queue_wake_one(&scene->queue, &gift));
    EXPECT(wait_queue_is_empty(&scene->queue));
}

static void wait_queue_wakes_first_come_first_served_and_is_bounded(void **state)
{
    struct scene scene = {.len = 0};
    wait_queue_init(&scene.queue, 3);
    support_run(wake_one_by_one, &scene);
    assert_string_equal(scene.order, "012");
}

static void wake_all(struct fiber *self, void *argument)
{
    struct scene *scene = argument;
    spawn_three(self, scene);
    EXPECT(wait_queue_wake_all(&scene->queue, NULL) == 3);
    fiber_yield(self);
}

static void wait_queue_wake_all_wakes_all(void **state)
{
    struct scene scene = {.len = 0};
    wait_queue_init(&scene.queue, 3);
    support_run(wake_all, &scene);
    assert_string_equal(scene.order, "012");
}

static void cancel_the_middle_one(struct fiber *self, void *argument)
{
    struct scene *scene = argument;
    spawn_three(self, scene);
    fiber_cancel(scene->fibers[1]);
    fiber_yield(self);
    EXPECT(scene->errors[1] == ERROR_CANCELLED);
    EXPECT(scene->queue.count == 2);
    EXPECT(wait_queue_wake_all(&scene->queue, NULL) == 2);
    fiber_yield(self);
}

static void wait_queue_loses_one_that_is_cancelled_and_keeps_the_others(void **state)
{
    struct scene scene = {.len = 0};
    wait_queue_init(&scene.queue, 10);
    support_run(cancel_the_middle_one, &scene);
    assert_string_equal(scene.order, "102");
}

static void give_then_cancel(struct fiber *self, void *argument)
{
    struct scene *scene = argument;
    int gift = 0;
    spawn_three(self, scene);
    fiber_cancel(scene->fibers[0]); /* it is ready to run, but still in the queue */
    EXPECT(wait_queue_wake_one(&scene->queue, &gift));
    EXPECT(wait_queue_wake_one(&scene->queue, &gift));
    fiber_cancel(scene->fibers[1]);
    fiber_yield(self);
    EXPECT(scene->errors[0] == OK);
    EXPECT(scene->errors[1] == OK);
    EXPECT(gift == 2);
    fiber_cancel(scene->fibers[2]);
    fiber_yield(self);
}

static void wait_queue_gift_is_not_lost_to_a_cancellation(void **state)
{
    struct scene scene = {.len = 0};
    wait_queue_init(&scene.queue, 10);
    support_run(give_then_cancel, &scene);
    assert_int_equal(scene.errors[2], ERROR_CANCELLED);
}

static void wait_too_long(struct fiber *self, void *argument)
{
    struct scene *scene = argument;
    fiber_wake(self); /* a left-over wake ends no wait */
    EXPECT(wait_queue_park(&scene->queue, self, deadline_after(core_now_us(fiber_core(self)), 5), NULL) ==
           ERROR_TIMEOUT);
    EXPECT(wait_queue_is_empty(&scene->queue));
}

static void wait_queue_times_out(void **state)
{
    struct scene scene = {.len = 0};
    wait_queue_init(&scene.queue, 1);
    support_run(wait_too_long, &scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_queue_wakes_first_come_first_served_and_is_bounded),
        cmocka_unit_test(wait_queue_wake_all_wakes_all),
        cmocka_unit_test(wait_queue_loses_one_that_is_cancelled_and_keeps_the_others),
        cmocka_unit_test(wait_queue_gift_is_not_lost_to_a_cancellation),
        cmocka_unit_test(wait_queue_times_out),
    };
    return cmocka_run_group_tests_name("rt/wait", tests, NULL, NULL);
}
