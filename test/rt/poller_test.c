/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/poller.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"
#include "support.h"

struct seen {
    struct io io;
    int far_end;
    unsigned ready; /* all that was told */
    unsigned calls;
    bool *is_awake;
};

static void on_ready(struct io *io, unsigned ready)
{
    struct seen *seen = CONTAINER_OF(io, struct seen, io);
    assert_true(*seen->is_awake);
    seen->ready |= ready;
    seen->calls++;
}

static void awake(void *argument)
{
    *(bool *)argument = true;
}

static void wait(struct poller *poller, struct seen *seen, int64_t timeout_us)
{
    *seen->is_awake = false;
    seen->ready = seen->calls = 0;
    poller_epoll()->wait(poller, timeout_us, awake, seen->is_awake);
    assert_true(*seen->is_awake);
}

static void poller_tells_each_edge_once_and_ends_apart_from_hangups(void **state)
{
    const struct poller_ops *ops = poller_epoll();
    struct poller *poller;
    bool is_awake;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    struct seen seen = {.io = {.fd = ends[0], .on_ready = on_ready}, .far_end = ends[1], .is_awake = &is_awake};
    assert_int_equal(ops->open(&poller), OK);
    assert_int_equal(ops->add(poller, &seen.io), OK);
    wait(poller, &seen, 0);
    assert_int_equal(seen.ready, IO_WRITABLE);
    wait(poller, &seen, 0);
    assert_int_equal(seen.calls, 0);
    assert_int_equal(write(seen.far_end, "x", 1), 1);
    wait(poller, &seen, -1);
    assert_true(seen.ready & IO_READABLE);
    wait(poller, &seen, 0);
    assert_int_equal(seen.calls, 0);
    shutdown(seen.far_end, SHUT_WR);
    wait(poller, &seen, -1);
    assert_true(seen.ready & IO_ENDED);
    assert_false(seen.ready & IO_HANGUP);
    close(seen.far_end);
    wait(poller, &seen, -1);
    assert_true(seen.ready & IO_HANGUP);
    ops->remove(poller, &seen.io);
    close(ends[0]);
    ops->close(poller);
}

static void poller_wait_ends_at_its_timeout_and_not_before(void **state)
{
    static const int64_t timeouts_us[] = {0, 100, 1500, 3000};
    const struct poller_ops *ops = poller_epoll();
    struct poller *poller;
    assert_int_equal(ops->open(&poller), OK);
    for (size_t i = 0; i < ARRAY_LEN(timeouts_us); i++) {
        bool is_awake = false;
        int64_t start_us = clock_monotonic_us(clock_system());
        ops->wait(poller, timeouts_us[i], awake, &is_awake);
        assert_true(clock_monotonic_us(clock_system()) - start_us >= timeouts_us[i]);
        assert_true(is_awake);
    }
    ops->close(poller);
}

static void poller_add_refuses_what_cannot_be_watched(void **state)
{
    const struct poller_ops *ops = poller_epoll();
    struct poller *poller;
    struct io io = {.fd = -1, .on_ready = on_ready};
    assert_int_equal(ops->open(&poller), OK);
    assert_int_equal(ops->add(poller, &io), ERROR_IO);
    ops->close(poller);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poller_tells_each_edge_once_and_ends_apart_from_hangups),
        cmocka_unit_test(poller_wait_ends_at_its_timeout_and_not_before),
        cmocka_unit_test(poller_add_refuses_what_cannot_be_watched),
    };
    return cmocka_run_group_tests_name("rt/poller", tests, NULL, NULL);
}
