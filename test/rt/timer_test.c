/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/timer.h"

#include <stdlib.h>

#include "base/attr.h"
#include "support.h"

enum { MANY = 2000 };

/* A wheel with its own clock, and timers that write down when they fired. */
struct probe {
    struct timer timer;
    struct world *world;
    int64_t fired_us; /* 0: not yet */
    int64_t again_us; /* armed again in `fire` when not 0 */
    struct timer *victim;
};

struct world {
    struct timer_wheel wheel;
    int64_t now_us;
    unsigned fired;
    char order[16];
};

static void fire(struct core *core, struct timer *timer)
{
    struct probe *probe = CONTAINER_OF(timer, struct probe, timer);
    struct world *world = probe->world;
    probe->fired_us = world->now_us;
    if (world->fired < sizeof world->order)
        world->order[world->fired] = (char)('a' + probe->timer.at_us % 26);
    world->fired++;
    if (probe->victim)
        timer_wheel_disarm(&world->wheel, probe->victim);
    if (probe->again_us) {
        int64_t at_us = probe->again_us;
        probe->again_us = 0;
        timer_wheel_arm(&world->wheel, timer, at_us);
    }
}

static struct world *world_new(int64_t now_us)
{
    struct world *world = test_calloc(1, sizeof *world);
    world->now_us = now_us;
    timer_wheel_init(&world->wheel, now_us);
    return world;
}

static void arm(struct world *world, struct probe *probe, int64_t at_us)
{
    probe->world = world;
    probe->timer.fire = fire;
    timer_wheel_arm(&world->wheel, &probe->timer, at_us);
}

static void advance(struct world *world, int64_t to_us)
{
    world->now_us = to_us;
    timer_wheel_advance(&world->wheel, NULL, to_us);
}

static void timer_fires_within_a_tick_after_its_time_at_every_distance(void **state)
{
    static const int64_t distances_us[] = {
        1,         999,       1000,      1001,      62999,    63000,        64000,         65000,
        4095000,   4096000,   4096001,   262144000, 75000000, 3600000000LL, 86400000000LL, 31536000000000LL,
        1LL << 40, 1LL << 50, 1LL << 60,
    };
    static const int64_t starts_us[] = {0, 999, 63 * 1000, 4095 * 1000 + 1, 1234567890123, 68719476735999};
    for (size_t s = 0; s < ARRAY_LEN(starts_us); s++)
        for (size_t d = 0; d < ARRAY_LEN(distances_us); d++) {
            struct probe probe = {.fired_us = 0};
            struct world *world = world_new(starts_us[s]);
            int64_t at_us = starts_us[s] + distances_us[d];
            arm(world, &probe, at_us);
            unsigned waits = 0;
            while (!probe.fired_us) {
                int64_t next_us = timer_wheel_next_us(&world->wheel);
                assert_true(next_us > world->now_us);
                assert_true(next_us <= at_us + 999);
                advance(world, next_us);
                assert_true(++waits <= TIMER_LEVELS);
            }
            assert_true(probe.fired_us >= at_us);
            assert_true(probe.fired_us < at_us + 1000);
            assert_int_equal(timer_wheel_next_us(&world->wheel), INT64_MAX);
            test_free(world);
        }
}

static void timer_that_is_never_due_does_not_end_a_wait(void **state)
{
    struct probe probe = {.fired_us = 0};
    struct world *world = world_new(5000000);
    arm(world, &probe, INT64_MAX);
    assert_true(timer_wheel_next_us(&world->wheel) > (int64_t)1 << 60);
    advance(world, (int64_t)1 << 61);
    assert_int_equal(probe.fired_us, 0);
    timer_wheel_disarm(&world->wheel, &probe.timer);
    assert_false(timer_is_armed(&probe.timer));
    assert_int_equal(timer_wheel_next_us(&world->wheel), INT64_MAX);
    test_free(world);
}

static int compare_probes(const void *a, const void *b)
{
    int64_t x = (*(struct probe *const *)a)->timer.at_us, y = (*(struct probe *const *)b)->timer.at_us;
    return x < y ? -1 : x > y;
}

/* Times from a fixed generator, dense near and sparse far. */
static int64_t pseudo_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)(*seed >> 33);
}

static void timer_wheel_fires_many_in_order_and_none_that_was_disarmed(void **state)
{
    struct probe *probes = test_calloc(MANY, sizeof *probes);
    struct probe **sorted = test_calloc(MANY, sizeof(struct probe *));
    uint64_t seed = 42;
    struct world *world = world_new(123456789);
    for (int i = 0; i < MANY; i++) {
        int64_t span_us = (int64_t)1000 << pseudo_random(&seed) % 28;
        arm(world, &probes[i], world->now_us + pseudo_random(&seed) * 1000 % span_us);
        sorted[i] = &probes[i];
    }
    for (int i = 0; i < MANY; i += 3)
        timer_wheel_disarm(&world->wheel, &probes[i].timer);
    qsort(sorted, MANY, sizeof(struct probe *), compare_probes);
    int64_t next_us;
    while ((next_us = timer_wheel_next_us(&world->wheel)) != INT64_MAX)
        advance(world, next_us + pseudo_random(&seed) % 3000);
    int64_t last_us = 0;
    for (int i = 0; i < MANY; i++) {
        bool is_disarmed = (sorted[i] - probes) % 3 == 0;
        assert_int_equal(sorted[i]->fired_us != 0, !is_disarmed);
        if (is_disarmed)
            continue;
        assert_true(sorted[i]->fired_us >= last_us);
        assert_true(sorted[i]->fired_us >= sorted[i]->timer.at_us);
        assert_true(sorted[i]->fired_us < sorted[i]->timer.at_us + 1000 + 3000);
        last_us = sorted[i]->fired_us;
    }
    test_free(sorted);
    test_free(probes);
    test_free(world);
}

static void timer_may_be_moved_while_it_is_armed(void **state)
{
    struct probe probe = {.fired_us = 0};
    struct world *world = world_new(0);
    arm(world, &probe, 5000);
    arm(world, &probe, 500000);
    advance(world, 400000);
    assert_int_equal(world->fired, 0);
    arm(world, &probe, 401000);
    advance(world, 402000);
    assert_int_equal(world->fired, 1);
    advance(world, 600000);
    assert_int_equal(world->fired, 1);
    test_free(world);
}

static void timer_may_arm_itself_again_when_it_fires(void **state)
{
    struct probe probe = {.again_us = 1};
    struct world *world = world_new(1000000);
    arm(world, &probe, 1001000);
    advance(world, 1001000);
    assert_int_equal(world->fired, 1);
    assert_true(timer_is_armed(&probe.timer));
    advance(world, 1002000);
    assert_int_equal(world->fired, 2);
    assert_false(timer_is_armed(&probe.timer));
    test_free(world);
}

static void timer_may_disarm_another_of_the_same_tick_when_it_fires(void **state)
{
    struct probe second = {.fired_us = 0}, third = {.fired_us = 0};
    struct probe first = {.victim = &second.timer};
    struct world *world = world_new(0);
    arm(world, &first, 7000);
    arm(world, &second, 7000);
    arm(world, &third, 7000);
    advance(world, 50000);
    assert_int_equal(second.fired_us, 0);
    assert_int_equal(third.fired_us, 50000);
    assert_int_equal(timer_wheel_next_us(&world->wheel), INT64_MAX);
    test_free(world);
}

static void timers_of_one_tick_fire_in_the_order_they_were_armed(void **state)
{
    struct probe probes[4] = {{.fired_us = 0}};
    struct world *world = world_new(0);
    for (int i = 0; i < 4; i++)
        arm(world, &probes[i], 9000 - i);
    advance(world, 10000);
    const char expected[4] = {'a' + 9000 % 26, 'a' + 8999 % 26, 'a' + 8998 % 26, 'a' + 8997 % 26};
    assert_memory_equal(world->order, expected, 4);
    test_free(world);
}

static void timer_of_the_past_fires_at_the_next_tick(void **state)
{
    struct probe probe = {.fired_us = 0}, ancient = {.fired_us = 0};
    struct world *world = world_new(64000 - 1000);
    arm(world, &probe, 100);
    arm(world, &ancient, INT64_MIN);
    assert_int_equal(timer_wheel_next_us(&world->wheel), 64000);
    advance(world, 63999);
    assert_int_equal(world->fired, 0);
    advance(world, 64000);
    assert_int_equal(world->fired, 2);
    test_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timer_fires_within_a_tick_after_its_time_at_every_distance),
        cmocka_unit_test(timer_that_is_never_due_does_not_end_a_wait),
        cmocka_unit_test(timer_wheel_fires_many_in_order_and_none_that_was_disarmed),
        cmocka_unit_test(timer_may_be_moved_while_it_is_armed),
        cmocka_unit_test(timer_may_arm_itself_again_when_it_fires),
        cmocka_unit_test(timer_may_disarm_another_of_the_same_tick_when_it_fires),
        cmocka_unit_test(timers_of_one_tick_fire_in_the_order_they_were_armed),
        cmocka_unit_test(timer_of_the_past_fires_at_the_next_tick),
    };
    return cmocka_run_group_tests_name("rt/timer", tests, NULL, NULL);
}
