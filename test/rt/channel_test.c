/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/channel.h"

#include "base/attr.h"
#include "rt/core.h"
#include "support.h"

enum { ITEMS = 1000 };

struct traffic {
    struct channel *channel;
    int items[ITEMS];
    unsigned received, wrong;
    unsigned finished;
    enum error error;
};

static struct deadline soon(struct fiber *self)
{
    return deadline_after(core_now_us(fiber_core(self)), 5);
}

static void send_items(struct fiber *self, void *argument)
{
    struct traffic *traffic = argument;
    for (int i = 0; i < ITEMS; i++) {
        EXPECT(channel_send(traffic->channel, self, DEADLINE_NEVER, &traffic->items[i]) == OK);
        if (i % 7 == 0)
            fiber_yield(self);
    }
    channel_close(traffic->channel);
}

static void receive_items(struct fiber *self, void *argument)
{
    struct traffic *traffic = argument;
    void *item;
    EXPECT(fiber_spawn(fiber_core(self), send_items, traffic) == OK);
    while ((traffic->error = channel_receive(traffic->channel, self, DEADLINE_NEVER, &item)) == OK) {
        traffic->wrong += item != &traffic->items[traffic->received++];
        if (traffic->received % 11 == 0)
            fiber_yield(self);
    }
}

static void channel_keeps_the_order_at_every_capacity_and_drains_after_close(void **state)
{
    static const size_t capacities[] = {0, 1, 2, 64};
    for (size_t i = 0; i < ARRAY_LEN(capacities); i++) {
        struct traffic *traffic = test_calloc(1, sizeof *traffic);
        assert_int_equal(channel_create(capacities[i], 10, &traffic->channel), OK);
        support_run(receive_items, traffic);
        assert_int_equal(traffic->received, ITEMS);
        assert_int_equal(traffic->wrong, 0);
        assert_int_equal(traffic->error, ERROR_CLOSED);
        channel_destroy(traffic->channel);
        test_free(traffic);
    }
}

static void time_out_both_ways(struct fiber *self, void *argument)
{
    struct channel *channel = argument;
    int item;
    void *got = NULL;
    EXPECT(channel_receive(channel, self, soon(self), &got) == ERROR_TIMEOUT);
    EXPECT(channel_send(channel, self, soon(self), &item) == OK);
    EXPECT(channel_count(channel) == 1);
    EXPECT(channel_send(channel, self, soon(self), &item) == ERROR_TIMEOUT);
    EXPECT(channel_receive(channel, self, soon(self), &got) == OK);
    EXPECT(got == &item);
    EXPECT(channel_receive(channel, self, soon(self), &got) == ERROR_TIMEOUT);
}

static void channel_times_out_when_full_and_when_empty(void **state)
{
    struct channel *channel;
    assert_int_equal(channel_create(1, 10, &channel), OK);
    support_run(time_out_both_ways, channel);
    channel_destroy(channel);
}

static void receive_until_closed(struct fiber *self, void *argument)
{
    struct traffic *traffic = argument;
    void *item;
    if (channel_receive(traffic->channel, self, DEADLINE_NEVER, &item) == ERROR_CLOSED)
        traffic->finished++;
}

static void send_until_closed(struct fiber *self, void *argument)
{
    struct traffic *traffic = argument;
    if (channel_send(traffic->channel, self, DEADLINE_NEVER, traffic) == ERROR_CLOSED)
        traffic->finished++;
}

static void close_on_waiters(struct fiber *self, void *argument)
{
    struct traffic *traffic = argument;
    fiber_main *waiter = channel_count(traffic->channel) == 0 ? receive_until_closed : send_until_closed;
    for (int i = 0; i < 3; i++)
        EXPECT(fiber_spawn(fiber_core(self), waiter, traffic) == OK);
    fiber_yield(self);
    channel_close(traffic->channel);
    EXPECT(channel_send(traffic->channel, self, DEADLINE_NEVER, traffic) == ERROR_CLOSED);
    fiber_yield(self);
    EXPECT(traffic->finished == 3);
}

static void fill_then_close_on_waiters(struct fiber *self, void *argument)
{
    const struct traffic *traffic = argument;
    EXPECT(channel_send(traffic->channel, self, DEADLINE_NEVER, argument) == OK);
    close_on_waiters(self, argument);
}

static void channel_close_ends_every_wait(void **state)
{
    fiber_main *const mains[] = {close_on_waiters, fill_then_close_on_waiters};
    for (size_t i = 0; i < ARRAY_LEN(mains); i++) {
        struct traffic *traffic = test_calloc(1, sizeof *traffic);
        assert_int_equal(channel_create(1, 3, &traffic->channel), OK);
        support_run(mains[i], traffic);
        channel_destroy(traffic->channel);
        test_free(traffic);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channel_keeps_the_order_at_every_capacity_and_drains_after_close),
        cmocka_unit_test(channel_times_out_when_full_and_when_empty),
        cmocka_unit_test(channel_close_ends_every_wait),
    };
    return cmocka_run_group_tests_name("rt/channel", tests, NULL, NULL);
}
