/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/fiber.h"

#include <errno.h>
#include <fenv.h>

#include "rt/core.h"
#include "support.h"

static void spawn(struct fiber *self, fiber_main *main, void *argument)
{
    EXPECT(fiber_spawn(fiber_core(self), main, argument) == OK);
}

static struct deadline in_ms(struct fiber *self, int64_t ms)
{
    return deadline_after(core_now_us(fiber_core(self)), ms);
}

/* --- switches --- */

static void yield_many(struct fiber *self, void *argument)
{
    unsigned *count = argument;
    for (int i = 0; i < 50000; i++) {
        fiber_yield(self);
        ++*count;
    }
}

static void two_yield_many(struct fiber *self, void *argument)
{
    spawn(self, yield_many, argument);
    yield_many(self, argument);
    fiber_yield(self);
}

static void fiber_switches_100000_times(void **state)
{
    unsigned count = 0;
    support_run(two_yield_many, &count);
    assert_int_equal(count, 100000);
}

/* --- many at once --- */

struct crowd {
    unsigned size, arrived, left;
    struct fiber **fibers;
};

static void stand(struct fiber *self, void *argument)
{
    struct crowd *crowd = argument;
    crowd->fibers[crowd->arrived++] = self;
    EXPECT(fiber_park(self, DEADLINE_NEVER) == OK);
    crowd->left++;
}

static void gather(struct fiber *self, void *argument)
{
    struct crowd *crowd = argument;
    for (unsigned i = 0; i < crowd->size; i++)
        spawn(self, stand, crowd);
    EXPECT(fiber_spawn(fiber_core(self), stand, crowd) == ERROR_LIMIT);
    while (crowd->arrived < crowd->size)
        fiber_yield(self);
    for (unsigned i = 0; i < crowd->size; i++)
        fiber_wake(crowd->fibers[i]);
    while (crowd->left < crowd->size)
        fiber_yield(self);
}

static void fiber_spawn_lets_10000_live_at_once_and_no_more_than_the_limit(void **state)
{
    struct crowd crowd = {.size = support_is_slow() ? 2000 : 10000};
    crowd.fibers = test_calloc(crowd.size, sizeof(struct fiber *));
    const struct core_config config = {.fiber_limit = crowd.size + 1};
    support_run_on(&config, gather, &crowd);
    assert_int_equal(crowd.left, crowd.size);
    test_free(crowd.fibers);
}

/* --- parks and wakes --- */

static void wake_then_park(struct fiber *self, void *argument)
{
    fiber_wake(self);
    fiber_wake(self);
    EXPECT(fiber_park(self, DEADLINE_NEVER) == OK);
    EXPECT(fiber_park(self, in_ms(self, 1)) == ERROR_TIMEOUT);
}

static void fiber_park_returns_at_once_for_one_wake_that_came_before(void **state)
{
    support_run(wake_then_park, NULL);
}

static void park_for_20_ms(struct fiber *self, void *argument)
{
    int64_t start_us = core_refresh_us(fiber_core(self));
    EXPECT(fiber_park(self, deadline_after(start_us, 20)) == ERROR_TIMEOUT);
    *(int64_t *)argument = core_refresh_us(fiber_core(self)) - start_us;
}

static void fiber_park_times_out_at_its_deadline_and_never_before(void **state)
{
    int64_t took_us = 0;
    support_run(park_for_20_ms, &took_us);
    assert_true(took_us >= 20000);
    assert_true(took_us < 2000000);
}

static void park_too_late(struct fiber *self, void *argument)
{
    uint64_t turn = core_turn(fiber_core(self));
    EXPECT(fiber_park(self, (struct deadline){core_now_us(fiber_core(self))}) == ERROR_TIMEOUT);
    EXPECT(core_turn(fiber_core(self)) == turn);
}

static void fiber_park_times_out_at_once_when_the_deadline_has_passed(void **state)
{
    support_run(park_too_late, NULL);
}

struct pair {
    struct fiber *other;
    int64_t wait_ms;
    enum error error;
    bool is_done;
    bool was_cancelled;
};

static void park_once(struct fiber *self, void *argument)
{
    struct pair *pair = argument;
    pair->other = self;
    pair->error = fiber_park(self, in_ms(self, pair->wait_ms));
    pair->was_cancelled = fiber_is_cancelled(self);
    pair->is_done = true;
}

static void cancel_a_parked_one(struct fiber *self, void *argument)
{
    struct pair *pair = argument;
    spawn(self, park_once, pair);
    fiber_yield(self);
    fiber_cancel(pair->other);
    fiber_yield(self);
    EXPECT(pair->is_done);
}

static void fiber_cancel_ends_a_park_before_its_deadline(void **state)
{
    struct pair pair = {.wait_ms = 60000};
    support_run(cancel_a_parked_one, &pair);
    assert_int_equal(pair.error, ERROR_CANCELLED);
    assert_true(pair.was_cancelled);
}

static void cancel_self(struct fiber *self, void *argument)
{
    fiber_cancel(self);
    EXPECT(fiber_park(self, DEADLINE_NEVER) == ERROR_CANCELLED);
    EXPECT(fiber_sleep(self, 1000000) == ERROR_CANCELLED);
    fiber_yield(self);
    EXPECT(fiber_is_cancelled(self));
}

static void fiber_cancel_ends_the_next_park_and_all_later_ones(void **state)
{
    support_run(cancel_self, NULL);
}

static void wake_and_cancel_a_parked_one(struct fiber *self, void *argument)
{
    struct pair *pair = argument;
    spawn(self, park_once, pair);
    fiber_yield(self);
    fiber_wake(pair->other);
    fiber_cancel(pair->other);
    fiber_yield(self);
    EXPECT(pair->is_done);
}

static void fiber_park_tells_a_wake_before_a_cancellation(void **state)
{
    struct pair pair = {.wait_ms = 60000};
    support_run(wake_and_cancel_a_parked_one, &pair);
    assert_int_equal(pair.error, OK);
    assert_true(pair.was_cancelled);
}

static void park_shielded_once(struct fiber *self, void *argument)
{
    struct pair *pair = argument;
    pair->other = self;
    fiber_park_shielded(self);
    pair->is_done = true;
}

static void cancel_a_shielded_one(struct fiber *self, void *argument)
{
    struct pair *pair = argument;
    spawn(self, park_shielded_once, pair);
    fiber_yield(self);
    fiber_cancel(pair->other);
    for (int i = 0; i < 10; i++)
        fiber_yield(self);
    EXPECT(!pair->is_done);
    fiber_wake(pair->other);
    fiber_yield(self);
    EXPECT(pair->is_done);
}

static void fiber_park_shielded_waits_for_the_wake_in_spite_of_a_cancel(void **state)
{
    struct pair pair = {.wait_ms = 60000};
    support_run(cancel_a_shielded_one, &pair);
}

static void wake_and_time_out(struct fiber *self, void *argument)
{
    struct pair *pair = argument;
    spawn(self, park_once, pair);
    fiber_yield(self);
    int64_t now_us = core_now_us(fiber_core(self));
    while (core_refresh_us(fiber_core(self)) < now_us + 5000)
        continue;
    fiber_wake(pair->other);
    fiber_yield(self);
    EXPECT(pair->is_done);
}

static void fiber_wake_and_the_deadline_in_one_turn_make_one_return(void **state)
{
    struct pair pair = {.wait_ms = 3};
    support_run(wake_and_time_out, &pair);
    assert_int_equal(pair.error, OK);
}

static void wake_a_sleeper(struct fiber *self, void *argument)
{
    fiber_wake(argument);
}

static void sleep_through_a_wake(struct fiber *self, void *argument)
{
    int64_t start_us = core_refresh_us(fiber_core(self));
    spawn(self, wake_a_sleeper, self);
    EXPECT(fiber_sleep(self, 10) == OK);
    EXPECT(core_now_us(fiber_core(self)) - start_us >= 10000);
    EXPECT(fiber_park(self, DEADLINE_NEVER) == OK);
}

static void fiber_sleep_keeps_a_wake_for_the_next_park(void **state)
{
    support_run(sleep_through_a_wake, NULL);
}

/* --- order and fairness --- */

struct order {
    char text[64];
    size_t len;
};

static void note(struct order *order, char letter)
{
    if (order->len + 1 < sizeof order->text)
        order->text[order->len++] = letter;
}

static void b_then_b(struct fiber *self, void *argument)
{
    note(argument, 'b');
    fiber_yield(self);
    note(argument, 'B');
}

static void d_only(struct fiber *self, void *argument)
{
    note(argument, 'd');
}

static void c_spawns_d(struct fiber *self, void *argument)
{
    note(argument, 'c');
    spawn(self, d_only, argument);
}

static void a_spawns_b_and_c(struct fiber *self, void *argument)
{
    uint64_t turn = core_turn(fiber_core(self));
    note(argument, 'a');
    spawn(self, b_then_b, argument);
    spawn(self, c_spawns_d, argument);
    fiber_yield(self);
    note(argument, 'A');
    EXPECT(core_turn(fiber_core(self)) == turn + 1);
    fiber_yield(self);
}

static void fiber_yield_waits_for_the_next_turn_and_a_wake_does_not(void **state)
{
    struct order order = {.len = 0};
    support_run(a_spawns_b_and_c, &order);
    assert_string_equal(order.text, "abcdAB");
}

struct ping_pong {
    struct fiber *players[2];
    unsigned rounds;
    bool is_over;
};

static void play(struct fiber *self, struct ping_pong *game, unsigned me)
{
    game->players[me] = self;
    while (!game->is_over) {
        game->rounds++;
        if (game->players[!me])
            fiber_wake(game->players[!me]);
        if (fiber_park(self, DEADLINE_NEVER) != OK)
            return;
    }
    if (game->players[!me])
        fiber_wake(game->players[!me]);
    game->players[me] = NULL;
}

static void ping(struct fiber *self, void *argument)
{
    play(self, argument, 0);
}

static void pong(struct fiber *self, void *argument)
{
    play(self, argument, 1);
}

static void watch_ping_pong(struct fiber *self, void *argument)
{
    struct ping_pong *game = argument;
    spawn(self, ping, game);
    spawn(self, pong, game);
    uint64_t turn = core_turn(fiber_core(self));
    EXPECT(fiber_sleep(self, 5) == OK);
    EXPECT(core_turn(fiber_core(self)) > turn);
    game->is_over = true;
}

static void fiber_wake_ping_pong_does_not_keep_timers_and_input_out(void **state)
{
    struct ping_pong game = {.rounds = 0};
    support_run(watch_ping_pong, &game);
    assert_true(game.rounds > 2);
}

/* --- what belongs to a fiber --- */

static void spoil_errno(struct fiber *self, void *argument)
{
    errno = EDOM;
}

static void keep_errno(struct fiber *self, void *argument)
{
    errno = ENOENT;
    spawn(self, spoil_errno, NULL);
    fiber_yield(self);
    EXPECT(errno == ENOENT);
}

static void fiber_keeps_its_errno_over_a_yield(void **state)
{
    support_run(keep_errno, NULL);
}

static void rounds_to_nearest(struct fiber *self, void *argument)
{
    for (int i = 0; i < 3; i++) {
        EXPECT(fegetround() == FE_TONEAREST);
        volatile double one = 1, three = 3;
        EXPECT(one / three == 0x1.5555555555555p-2);
        fiber_yield(self);
    }
}

static void round_up(struct fiber *self, void *argument)
{
    EXPECT(fegetround() == FE_TONEAREST);
    EXPECT(fesetround(FE_UPWARD) == 0);
    spawn(self, rounds_to_nearest, NULL);
    for (int i = 0; i < 3; i++) {
        fiber_yield(self);
        EXPECT(fegetround() == FE_UPWARD);
    }
}

static void start_round_up(struct fiber *self, void *argument)
{
    spawn(self, round_up, NULL);
    for (int i = 0; i < 6; i++) {
        EXPECT(fegetround() == FE_TONEAREST);
        fiber_yield(self);
    }
}

static void fiber_keeps_its_floating_point_control_word(void **state)
{
    support_run(start_round_up, NULL);
    assert_int_equal(fegetround(), FE_TONEAREST);
}

static void look_at_stack(struct fiber *self, void *argument)
{
    *(size_t *)argument = fiber_stack_left(self);
}

static void fiber_stack_left_says_what_is_left(void **state)
{
    size_t left = 0;
    support_run(look_at_stack, &left);
    assert_true(left > 48 * 1024);
    const struct core_config config = {.stack_bytes = 1024 * 1024};
    support_run_on(&config, look_at_stack, &left);
    assert_true(left > 900 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fiber_switches_100000_times),
        cmocka_unit_test(fiber_spawn_lets_10000_live_at_once_and_no_more_than_the_limit),
        cmocka_unit_test(fiber_park_returns_at_once_for_one_wake_that_came_before),
        cmocka_unit_test(fiber_park_times_out_at_its_deadline_and_never_before),
        cmocka_unit_test(fiber_park_times_out_at_once_when_the_deadline_has_passed),
        cmocka_unit_test(fiber_cancel_ends_a_park_before_its_deadline),
        cmocka_unit_test(fiber_cancel_ends_the_next_park_and_all_later_ones),
        cmocka_unit_test(fiber_park_tells_a_wake_before_a_cancellation),
        cmocka_unit_test(fiber_park_shielded_waits_for_the_wake_in_spite_of_a_cancel),
        cmocka_unit_test(fiber_wake_and_the_deadline_in_one_turn_make_one_return),
        cmocka_unit_test(fiber_sleep_keeps_a_wake_for_the_next_park),
        cmocka_unit_test(fiber_yield_waits_for_the_next_turn_and_a_wake_does_not),
        cmocka_unit_test(fiber_wake_ping_pong_does_not_keep_timers_and_input_out),
        cmocka_unit_test(fiber_keeps_its_errno_over_a_yield),
        cmocka_unit_test(fiber_keeps_its_floating_point_control_word),
        cmocka_unit_test(fiber_stack_left_says_what_is_left),
    };
    return cmocka_run_group_tests_name("rt/fiber", tests, NULL, NULL);
}
