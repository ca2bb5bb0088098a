/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/core.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/log.h"
#include "support.h"

/* --- messages --- */

enum { SENDERS = 4, EACH = 100000, EACH_SLOW = 20000 };

struct numbered {
    struct core_message message;
    struct flood *flood;
    unsigned sender, number;
};

struct flood {
    struct core *core;
    unsigned each;
    unsigned next[SENDERS]; /* the number expected from each sender */
    unsigned out_of_order;
    unsigned arrived;
    struct numbered *messages;
};

struct sender {
    struct flood *flood;
    unsigned index;
};

static void arrive(struct core *core, struct core_message *message)
{
    struct numbered *numbered = CONTAINER_OF(message, struct numbered, message);
    struct flood *flood = numbered->flood;
    flood->out_of_order += numbered->number != flood->next[numbered->sender]++;
    if (++flood->arrived == SENDERS * flood->each)
        core_stop(core);
}

/* Sends one by one, every sixteenth time a chain of three; pauses now and then so that the core falls asleep. */
static void *send_all(void *argument)
{
    const struct sender *sender = argument;
    struct flood *flood = sender->flood;
    struct numbered *mine = &flood->messages[sender->index * flood->each];
    for (unsigned i = 0; i < flood->each; i++) {
        unsigned last = i % 16 == 0 && i + 2 < flood->each ? i + 2 : i;
        for (unsigned n = i; n < last; n++)
            mine[n].message.next = &mine[n + 1].message;
        core_post_chain(flood->core, &mine[i].message, &mine[last].message);
        i = last;
        if (i % 1000 < 3)
            usleep(20);
    }
    return NULL;
}

static void core_post_from_4_threads_arrives_in_order_and_loses_no_wakeup(void **state)
{
    static const struct core_config config = {.index = 0};
    struct flood flood = {.each = support_is_slow() ? EACH_SLOW : EACH};
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    flood.messages = test_calloc(SENDERS * flood.each, sizeof *flood.messages);
    for (unsigned i = 0; i < SENDERS * flood.each; i++)
        flood.messages[i] = (struct numbered){
            .message.run = arrive, .flood = &flood, .sender = i / flood.each, .number = i % flood.each};
    assert_int_equal(core_create(&config, &flood.core), OK);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){&flood, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    core_run(flood.core); /* no timer is armed: a lost wake-up would never end this */
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(flood.arrived, SENDERS * flood.each);
    assert_int_equal(flood.out_of_order, 0);
    assert_true(core_figures(flood.core).messages >= flood.arrived);
    core_destroy(flood.core);
    test_free(flood.messages);
}

/* One message bounces between two sleeping cores: every hop is a wake-up that must not be lost. */
struct bounce {
    struct core_message message;
    struct core *cores[2];
    unsigned left;
};

static void bounce_on(struct core *core, struct core_message *message)
{
    struct bounce *bounce = CONTAINER_OF(message, struct bounce, message);
    if (--bounce->left == 0) {
        core_stop(bounce->cores[0]);
        core_stop(bounce->cores[1]);
        return;
    }
    core_post(bounce->cores[core == bounce->cores[0]], message);
}

static void *run_core(void *argument)
{
    core_run(argument);
    return NULL;
}

static void core_post_wakes_a_sleeping_core_each_time(void **state)
{
    static const struct core_config configs[2] = {{.index = 0}, {.index = 1}};
    struct bounce bounce = {.message.run = bounce_on, .left = 20000};
    pthread_t thread;
    assert_int_equal(core_create(&configs[0], &bounce.cores[0]), OK);
    assert_int_equal(core_create(&configs[1], &bounce.cores[1]), OK);
    assert_int_equal(core_index(bounce.cores[1]), 1);
    core_post(bounce.cores[0], &bounce.message);
    assert_int_equal(pthread_create(&thread, NULL, run_core, bounce.cores[1]), 0);
    core_run(bounce.cores[0]);
    pthread_join(thread, NULL);
    assert_int_equal(bounce.left, 0);
    core_destroy(bounce.cores[0]);
    core_destroy(bounce.cores[1]);
}

/* --- the phases of a turn --- */

struct watched {
    struct io io;
    struct fiber *waiter;
    struct script *script;
    int far_end;
    char letter;
};

struct script {
    char text[64];
    size_t len;
    struct watched watched[3];
    struct core_message message;
    struct timer timer;
    struct core_hook hook;
    struct core *core; /* of the one who unwatches */
    bool is_recording;
};

static void note(struct script *script, char letter)
{
    if (script->is_recording && script->len + 1 < sizeof script->text)
        script->text[script->len++] = letter;
}

static void on_ready(struct io *io, unsigned ready)
{
    struct watched *watched = CONTAINER_OF(io, struct watched, io);
    struct script *script = watched->script;
    if (!(ready & IO_READABLE))
        return;
    note(script, watched->letter);
    if (watched->waiter)
        fiber_wake(watched->waiter);
}

static void wait_for_input(struct fiber *self, void *argument)
{
    struct watched *watched = argument;
    watched->waiter = self;
    EXPECT(fiber_park(self, DEADLINE_NEVER) == OK);
    note(watched->script, 'F');
    watched->waiter = NULL;
}

static void note_message(struct core *core, struct core_message *message)
{
    note(CONTAINER_OF(message, struct script, message), 'm');
}

static void note_timer(struct core *core, struct timer *timer)
{
    note(CONTAINER_OF(timer, struct script, timer), 't');
}

static void note_hook(struct core *core, struct core_hook *hook)
{
    note(CONTAINER_OF(hook, struct script, hook), 'h');
}

static void watch_sockets(struct fiber *self, struct script *script)
{
    for (size_t i = 0; i < ARRAY_LEN(script->watched); i++) {
        struct watched *watched = &script->watched[i];
        int ends[2];
        EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        *watched = (struct watched){
            .io = {.fd = ends[0], .on_ready = on_ready}, .far_end = ends[1], .letter = 'i', .script = script};
        EXPECT(core_watch(fiber_core(self), &watched->io) == OK);
    }
}

static void close_sockets(struct fiber *self, struct script *script)
{
    for (size_t i = 0; i < ARRAY_LEN(script->watched); i++) {
        core_unwatch(fiber_core(self), &script->watched[i].io);
        close(script->watched[i].io.fd);
        close(script->watched[i].far_end);
    }
}

static void make_everything_ready(struct fiber *self, void *argument)
{
    struct script *script = argument;
    struct core *core = fiber_core(self);
    watch_sockets(self, script);
    for (size_t i = 0; i < ARRAY_LEN(script->watched); i++)
        EXPECT(fiber_spawn(core, wait_for_input, &script->watched[i]) == OK);
    script->message.run = note_message;
    script->timer.fire = note_timer;
    script->hook.run = note_hook;
    core_add_hook(core, &script->hook);
    fiber_yield(self); /* they have parked, and the first edges (writable) are over */
    fiber_yield(self);
    for (size_t i = 0; i < ARRAY_LEN(script->watched); i++)
        EXPECT(write(script->watched[i].far_end, "x", 1) == 1);
    core_arm(core, &script->timer, core_now_us(core) + 1000);
    core_post(core, &script->message);
    usleep(3000);
    script->is_recording = true;
    fiber_yield(self); /* hooks of this turn; then all of the next */
    note(script, 'Y');
    close_sockets(self, script);
    fiber_yield(self);
    script->is_recording = false;
}

static void core_turn_runs_io_messages_timers_fibers_hooks_in_this_order(void **state)
{
    struct script script = {.len = 0};
    support_run(make_everything_ready, &script);
    assert_string_equal(script.text, "hiiimtFFFYh");
}

static void unwatch_the_others(struct io *io, unsigned ready)
{
    struct watched *watched = CONTAINER_OF(io, struct watched, io);
    struct script *script = watched->script;
    if (!(ready & IO_READABLE) || !script->is_recording)
        return;
    note(script, 'r');
    for (size_t i = 0; i < ARRAY_LEN(script->watched); i++)
        if (&script->watched[i] != watched)
            core_unwatch(script->core, &script->watched[i].io);
}

static void remove_the_others(struct fiber *self, void *argument)
{
    struct script *script = argument;
    watch_sockets(self, script);
    script->core = fiber_core(self);
    for (size_t i = 0; i < ARRAY_LEN(script->watched); i++)
        script->watched[i].io.on_ready = unwatch_the_others;
    fiber_yield(self);
    fiber_yield(self);
    for (size_t i = 0; i < ARRAY_LEN(script->watched); i++)
        EXPECT(write(script->watched[i].far_end, "x", 1) == 1);
    script->is_recording = true;
    fiber_yield(self);
    fiber_yield(self);
    close_sockets(self, script);
}

static void core_unwatch_of_one_that_is_ready_in_the_same_turn_silences_it(void **state)
{
    struct script script = {.len = 0};
    support_run(remove_the_others, &script);
    assert_string_equal(script.text, "r");
}

/* --- clocks --- */

static void compare_clocks(struct fiber *self, void *argument)
{
    struct core *core = fiber_core(self);
    int64_t before_us = core_now_us(core);
    usleep(2000);
    EXPECT(core_now_us(core) == before_us);
    EXPECT(core_refresh_us(core) >= before_us + 2000);
    EXPECT(core_now_us(core) >= before_us + 2000);
    EXPECT(core_wall_us(core) > INT64_C(1600000000000000));
}

static void core_now_stands_still_within_a_turn_until_it_is_refreshed(void **state)
{
    support_run(compare_clocks, NULL);
}

static void arm_after_a_long_turn(struct fiber *self, void *argument)
{
    for (int i = 0; i < 5; i++) {
        int64_t end_us = core_refresh_us(fiber_core(self)) + 10000;
        usleep(6000); /* a slow turn must not lengthen the wait that follows */
        EXPECT(fiber_park(self, (struct deadline){end_us}) == ERROR_TIMEOUT);
        int64_t late_us = core_refresh_us(fiber_core(self)) - end_us;
        EXPECT(late_us >= 0);
        int64_t *least_us = argument;
        if (late_us < *least_us)
            *least_us = late_us;
    }
}

static void core_timer_is_at_most_2_ms_late_even_after_a_slow_turn(void **state)
{
    int64_t least_us = INT64_MAX;
    support_run(arm_after_a_long_turn, &least_us);
    assert_true(least_us <= 2000 || support_is_slow());
}

/* --- the end --- */

struct ending {
    unsigned cancelled, shielded, spawned_late;
    struct core_message message;
    struct fiber *waiter;
};

static void wait_to_be_cancelled(struct fiber *self, void *argument)
{
    struct ending *ending = argument;
    if (fiber_park(self, DEADLINE_NEVER) == ERROR_CANCELLED)
        ending->cancelled++;
}

static void wake_the_waiter(struct core *core, struct core_message *message)
{
    fiber_wake(CONTAINER_OF(message, struct ending, message)->waiter);
}

static void finish_what_was_begun(struct fiber *self, void *argument)
{
    struct ending *ending = argument;
    ending->waiter = self;
    EXPECT(fiber_park(self, DEADLINE_NEVER) == ERROR_CANCELLED);
    EXPECT(fiber_spawn(fiber_core(self), wait_to_be_cancelled, ending) == OK);
    ending->message.run = wake_the_waiter;
    core_post(fiber_core(self), &ending->message);
    fiber_park_shielded(self);
    ending->shielded++;
}

static void spawn_and_leave(struct fiber *self, void *argument)
{
    EXPECT(fiber_spawn(fiber_core(self), wait_to_be_cancelled, argument) == OK);
    EXPECT(fiber_spawn(fiber_core(self), finish_what_was_begun, argument) == OK);
    fiber_yield(self);
}

static void core_stop_cancels_fibers_and_waits_until_they_have_ended(void **state)
{
    struct ending ending = {.cancelled = 0};
    support_run(spawn_and_leave, &ending);
    assert_int_equal(ending.cancelled, 2);
    assert_int_equal(ending.shielded, 1);
}

static void never_end(struct fiber *self, void *argument)
{
    while (!*(bool *)argument)
        fiber_park_shielded(self);
}

static enum error keep_line(void *state, struct slice lines)
{
    *(bool *)state = memmem(lines.ptr, lines.len, "\"fibers\":1", 10) != NULL;
    return OK;
}

/* In a child, since a core with a stuck fiber is never freed. */
static int run_with_a_stuck_fiber(void)
{
    bool is_logged = false;
    struct log log;
    log_init(&log, clock_system(), keep_line, &is_logged);
    const struct core_config config = {.stop_ms = 20, .log = &log};
    bool is_over = false;
    struct core *core;
    if (core_create(&config, &core) != OK || fiber_spawn(core, never_end, &is_over) != OK)
        return 1;
    core_stop(core);
    core_run(core);
    if (core_figures(core).fibers != 1)
        return 2;
    core_destroy(core); /* does nothing: the fiber is alive */
    return core_figures(core).fibers == 1 && is_logged ? 0 : 3;
}

static void core_run_returns_though_a_fiber_would_not_end(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(run_with_a_stuck_fiber());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_post_from_4_threads_arrives_in_order_and_loses_no_wakeup),
        cmocka_unit_test(core_post_wakes_a_sleeping_core_each_time),
        cmocka_unit_test(core_turn_runs_io_messages_timers_fibers_hooks_in_this_order),
        cmocka_unit_test(core_unwatch_of_one_that_is_ready_in_the_same_turn_silences_it),
        cmocka_unit_test(core_now_stands_still_within_a_turn_until_it_is_refreshed),
        cmocka_unit_test(core_timer_is_at_most_2_ms_late_even_after_a_slow_turn),
        cmocka_unit_test(core_stop_cancels_fibers_and_waits_until_they_have_ended),
        cmocka_unit_test(core_run_returns_though_a_fiber_would_not_end),
    };
    return cmocka_run_group_tests_name("rt/core", tests, NULL, NULL);
}
