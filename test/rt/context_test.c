/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/context.h"

#include <stdint.h>

#include "support.h"

enum { STACK = 64 * 1024 };

struct pair {
    struct context home, away;
    void *stack;
    unsigned visits;
    bool is_aligned;
    const void *argument;
};

/* Uses more than the callee-saved registers can hold, so that a lost one shows. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    return (a ^ b) * 0x9e3779b97f4a7c15u;
}

static void visit(void *argument)
{
    struct pair *pair = argument;
    _Alignas(16) char probe[16];
    volatile uintptr_t address = (uintptr_t)probe;
    pair->is_aligned = address % 16 == 0;
    pair->argument = argument;
    for (;;) {
        pair->visits++;
        context_switch(&pair->away, &pair->home);
    }
}

static void context_switch_goes_and_returns_with_all_registers(void **state)
{
    struct pair pair = {.stack = test_malloc(STACK)};
    context_make(&pair.away, pair.stack, STACK, visit, &pair);
    uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;
    double x = 1, y = 2, z = 3;
    for (unsigned i = 0; i < 1000; i++) {
        a = mix(a, h), b = mix(b, a), c = mix(c, b), d = mix(d, c), e = mix(e, d), f = mix(f, e), g = mix(g, f);
        h = mix(h, g), x += 0.5, y += x, z += y;
        context_switch(&pair.home, &pair.away);
    }
    uint64_t a2 = 1, b2 = 2, c2 = 3, d2 = 4, e2 = 5, f2 = 6, g2 = 7, h2 = 8;
    double x2 = 1, y2 = 2, z2 = 3;
    for (unsigned i = 0; i < 1000; i++) {
        a2 = mix(a2, h2), b2 = mix(b2, a2), c2 = mix(c2, b2), d2 = mix(d2, c2), e2 = mix(e2, d2), f2 = mix(f2, e2);
        g2 = mix(g2, f2), h2 = mix(h2, g2), x2 += 0.5, y2 += x2, z2 += y2;
    }
    assert_int_equal(pair.visits, 1000);
    assert_true(a == a2 && b == b2 && c == c2 && d == d2 && e == e2 && f == f2 && g == g2 && h == h2);
    assert_true(x == x2 && y == y2 && z == z2);
    assert_true(pair.is_aligned);
    assert_ptr_equal(pair.argument, &pair);
    test_free(pair.stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_switch_goes_and_returns_with_all_registers),
    };
    return cmocka_run_group_tests_name("rt/context", tests, NULL, NULL);
}
