/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/stack.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "support.h"

static void stack_acquire_lends_the_one_that_was_released_last(void **state)
{
    struct stack_pool pool;
    struct stack a, b, c;
    stack_pool_init(&pool, 0, STACK_GUARD_AUTO);
    assert_int_equal(stack_acquire(&pool, &a), OK);
    assert_int_equal(stack_acquire(&pool, &b), OK);
    assert_true(a.size_bytes >= STACK_BYTES_DEFAULT);
    stack_release(&pool, &a);
    assert_int_equal(stack_acquire(&pool, &c), OK);
    assert_ptr_equal(a.low, c.low);
    stack_release(&pool, &b);
    stack_release(&pool, &c);
    stack_pool_fini(&pool);
}

static void stack_pool_maps_another_slab_when_all_are_lent(void **state)
{
    struct stack_pool pool;
    struct stack stacks[STACK_SLAB_COUNT + 1];
    stack_pool_init(&pool, 8192, STACK_GUARD_AUTO);
    for (size_t i = 0; i < ARRAY_LEN(stacks); i++) {
        assert_int_equal(stack_acquire(&pool, &stacks[i]), OK);
        memset(stacks[i].low, 0x55, stacks[i].size_bytes);
    }
    assert_int_equal(pool.mapped, 2 * STACK_SLAB_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(stacks); i++)
        stack_release(&pool, &stacks[i]);
    stack_pool_fini(&pool);
}

/* Whether a read of the byte kills the process, tried in a child. */
static bool is_deadly(const char *address)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka has its own */
        close(STDERR_FILENO);     /* a sanitizer's report of what is meant to happen */
        _exit(*(const volatile char *)address == 1 ? 1 : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) || WEXITSTATUS(status) > 1;
}

static void stack_is_guarded_below_by_either_means(void **state)
{
    static const enum stack_guard guards[] = {STACK_GUARD_AUTO, STACK_GUARD_PROTECT};
    for (size_t i = 0; i < ARRAY_LEN(guards); i++) {
        struct stack_pool pool;
        struct stack stack;
        stack_pool_init(&pool, 0, guards[i]);
        assert_int_equal(stack_acquire(&pool, &stack), OK);
        assert_false(is_deadly(stack.low));
        assert_false(is_deadly(stack.low + stack.size_bytes - 1));
        assert_true(is_deadly(stack.low - 1));
        assert_true(is_deadly(stack.low - stack.guard_bytes));
        assert_true(stack.guard_bytes >= 16384);
        stack_release(&pool, &stack);
        stack_pool_fini(&pool);
    }
}

static void stack_pool_trim_gives_back_only_what_was_idle_since_the_last_time(void **state)
{
    struct stack_pool pool;
    struct stack busy, idle;
    stack_pool_init(&pool, 0, STACK_GUARD_AUTO);
    assert_int_equal(stack_acquire(&pool, &busy), OK);
    assert_int_equal(stack_acquire(&pool, &idle), OK);
    *idle.low = 'i';
    *busy.low = 'b';
    stack_release(&pool, &idle);
    stack_release(&pool, &busy);
    stack_pool_trim(&pool);
    assert_int_equal(*idle.low, 'i');
    assert_int_equal(stack_acquire(&pool, &busy), OK);
    stack_release(&pool, &busy);
    assert_true(stack_pool_is_trimmable(&pool));
    stack_pool_trim(&pool);
    assert_int_equal(*idle.low, 0);
    assert_int_equal(*busy.low, 'b');
    stack_pool_trim(&pool);
    assert_int_equal(*busy.low, 0);
    assert_false(stack_pool_is_trimmable(&pool));
    stack_pool_fini(&pool);
}

static void stack_acquire_fails_where_nothing_can_be_mapped(void **state)
{
    struct stack_pool pool;
    struct stack stack;
    stack_pool_init(&pool, (size_t)1 << 57, STACK_GUARD_AUTO);
    assert_int_equal(stack_acquire(&pool, &stack), ERROR_MEMORY);
    stack_pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack_acquire_lends_the_one_that_was_released_last),
        cmocka_unit_test(stack_pool_maps_another_slab_when_all_are_lent),
        cmocka_unit_test(stack_is_guarded_below_by_either_means),
        cmocka_unit_test(stack_pool_trim_gives_back_only_what_was_idle_since_the_last_time),
        cmocka_unit_test(stack_acquire_fails_where_nothing_can_be_mapped),
    };
    return cmocka_run_group_tests_name("rt/stack", tests, NULL, NULL);
}
