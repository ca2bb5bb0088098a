/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/overflow.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

/* Runs `act` in a child and returns what it wrote to standard error; `status` is how it ended. */
static void run_in_child(void (*act)(void), char *text, size_t size, int *status)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGSEGV, SIG_DFL); /* cmocka has its own */
        dup2(ends[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    ssize_t got;
    while ((got = read(ends[0], text + len, size - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(child, status, 0), child);
}

/* Not a tail call, and no frame that could jump over the guard. */
__attribute__((noinline)) static int dig(volatile char *above, int depth)
{
    volatile char frame[512];
    frame[0] = above[0];
    if (depth == 0)
        return frame[0];
    return dig(frame, depth - 1) + frame[0];
}

static void overflow_a_fiber(struct fiber *self, void *argument)
{
    volatile char frame[1] = {0};
    *(int *)argument = dig(frame, 100000);
}

static void run_overflowing_fiber(void)
{
    int result;
    support_run(overflow_a_fiber, &result);
}

static void overflow_of_a_fiber_is_named_and_deadly(void **state)
{
    static char text[65536];
    int status = 0;
    run_in_child(run_overflowing_fiber, text, sizeof text, &status);
    assert_non_null(strstr(text, "tenon: fiber stack overflow\n"));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void touch_nothing(struct fiber *self, void *argument)
{
    char *volatile nowhere = NULL;
    nowhere += 16;
    *(volatile char *)nowhere = 1;
}

static void run_faulting_fiber(void)
{
    support_run(touch_nothing, NULL);
}

static void overflow_leaves_other_faults_to_the_default_action(void **state)
{
    static char text[65536];
    int status = 0;
    run_in_child(run_faulting_fiber, text, sizeof text, &status);
    assert_null(strstr(text, "fiber stack overflow"));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void overflow_unwatch_restores_the_alternate_stack(void **state)
{
    struct overflow overflow;
    const struct stack *running = NULL;
    stack_t before, within, after;
    sigaltstack(NULL, &before);
    assert_int_equal(overflow_watch(&overflow, &running), OK);
    sigaltstack(NULL, &within);
    overflow_unwatch(&overflow);
    sigaltstack(NULL, &after);
    assert_ptr_not_equal(within.ss_sp, before.ss_sp);
    assert_ptr_equal(after.ss_sp, before.ss_sp);
    assert_int_equal(after.ss_flags, before.ss_flags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overflow_of_a_fiber_is_named_and_deadly),
        cmocka_unit_test(overflow_leaves_other_faults_to_the_default_action),
        cmocka_unit_test(overflow_unwatch_restores_the_alternate_stack),
    };
    return cmocka_run_group_tests_name("rt/overflow", tests, NULL, NULL);
}
