/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/listener.h"
#include "net/socket.h"

static struct listener open_any(void)
{
    struct address address;
    struct listener listener;
    assert_int_equal(address_parse(SLICE("127.0.0.1:0"), NULL, &address), OK);
    assert_int_equal(listener_open(&address, LISTENER_ALONE, 16, NULL, &listener), OK);
    return listener;
}

static int connect_to(const struct listener *listener)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &listener->address.any, address_length(&listener->address)), 0);
    return fd;
}

static void open_reports_the_port_it_took(void **state)
{
    struct listener listener = open_any();
    assert_true(address_port(&listener.address) > 0);
    listener_close(&listener);
    listener_close(&listener);
}

static void open_says_that_an_address_is_taken(void **state)
{
    struct listener listener = open_any(), second;
    struct arena arena;
    struct diag diag;
    arena_init(&arena, 1 << 16);
    diag_init(&diag, &arena);
    assert_int_equal(listener_open(&listener.address, LISTENER_ALONE, 16, &diag, &second), ERROR_CONFLICT);
    assert_non_null(strstr(diag.message, ": the address is taken"));
    assert_non_null(diag.hint);
    arena_fini(&arena);
    listener_close(&listener);
}

static void join_listens_beside_the_first(void **state)
{
    struct listener first = open_any(), second;
    assert_int_equal(listener_join(&first, 16, NULL, &second), OK);
    assert_int_equal(address_port(&first.address), address_port(&second.address));
    listener_close(&first);
    int client = connect_to(&second), fd = -1;
    struct address peer;
    assert_int_equal(listener_accept(&second, &fd, &peer), LISTENER_ACCEPTED);
    assert_true(address_is_loopback(&peer));
    assert_int_equal(listener_accept(&second, &fd, &peer), LISTENER_EMPTY);
    socket_close(fd);
    socket_close(client);
    listener_close(&second);
}

static void accept_sheds_a_connection_when_descriptors_run_out(void **state)
{
    struct listener listener = open_any();
    int first = connect_to(&listener), second = connect_to(&listener), fd = -1;
    struct address peer;
    struct rlimit old, none;
    char byte;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = (rlim_t)second + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum listener_result shed = listener_accept(&listener, &fd, &peer);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(shed, LISTENER_SHED);
    assert_int_equal(recv(first, &byte, 1, 0), 0);
    assert_int_equal(listener_accept(&listener, &fd, &peer), LISTENER_ACCEPTED);
    socket_close(fd);
    socket_close(first);
    socket_close(second);
    listener_close(&listener);
}

static void socket_tells_empty_from_ended_from_broken(void **state)
{
    int pair[2];
    char bytes[8];
    size_t count;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct iovec vectors[2] = {{bytes, 2}, {bytes + 2, 3}};
    memcpy(bytes, "hello", 5);
    assert_int_equal(socket_recv(pair[1], bytes, sizeof(bytes), &count), SOCKET_AGAIN);
    assert_int_equal(socket_send(pair[0], vectors, 2, &count), SOCKET_DONE);
    assert_int_equal(count, 5);
    assert_int_equal(socket_recv(pair[1], bytes, sizeof(bytes), &count), SOCKET_DONE);
    assert_int_equal(count, 5);
    socket_end_output(pair[0]);
    assert_int_equal(socket_recv(pair[1], bytes, sizeof(bytes), &count), SOCKET_END);
    socket_close(pair[0]);
    assert_int_equal(socket_send(pair[1], vectors, 1, &count), SOCKET_FAILED);
    socket_close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_reports_the_port_it_took),
        cmocka_unit_test(open_says_that_an_address_is_taken),
        cmocka_unit_test(join_listens_beside_the_first),
        cmocka_unit_test(accept_sheds_a_connection_when_descriptors_run_out),
        cmocka_unit_test(socket_tells_empty_from_ended_from_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
