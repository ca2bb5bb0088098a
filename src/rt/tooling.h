/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_TOOLING_H
#define RT_TOOLING_H

/* What AddressSanitizer, ThreadSanitizer and Valgrind must be told about stacks that the program switches itself.
 * One set of functions per tool, chosen by the compiler's own macros; without a tool they are empty.
 *
 * The order at each switch, for all tools:
 *     tooling_leave(from, to)   directly before context_switch()
 *     tooling_arrive(self)      the first thing after it, on the other side
 * A flow that never comes back calls tooling_leave_for_good() instead, and the other side tooling_forget(). */

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#if __has_feature(thread_sanitizer) && !defined(__SANITIZE_THREAD__)
#define __SANITIZE_THREAD__ 1
#endif
#endif

/* One flow of control as the tools see it. */
struct tooling {
    const void *low; /* of its stack; unknown for the loop until it has been left once */
    size_t size;
    void *fake_stack; /* AddressSanitizer: saved while it is suspended */
    void *fiber;      /* ThreadSanitizer's handle */
};

#if defined(__SANITIZE_ADDRESS__)

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

enum { TOOLING_STACK_BYTES = 256 * 1024 };

static inline void tooling_begin_thread(struct tooling *self)
{
    *self = (struct tooling){0};
}
static inline void tooling_begin_fiber(struct tooling *self, void *low, size_t size)
{
    *self = (struct tooling){.low = low, .size = size};
}
static inline void tooling_leave(struct tooling *from, struct tooling *to)
{
    __sanitizer_start_switch_fiber(&from->fake_stack, to->low, to->size);
}
static inline void tooling_leave_for_good(struct tooling *from, struct tooling *to)
{
    __sanitizer_start_switch_fiber(NULL, to->low, to->size);
}
/* Learns on the way where the stack of the flow it came from lies. */
static inline void tooling_arrive(struct tooling *self, struct tooling *from)
{
    __sanitizer_finish_switch_fiber(self->fake_stack, &from->low, &from->size);
}
static inline void tooling_forget(struct tooling *self)
{
}
/* Frames that never returned have left their red zones on a stack that is used again. */
static inline void tooling_reuse_stack(void *low, size_t size)
{
    ASAN_UNPOISON_MEMORY_REGION(low, size);
}

#elif defined(__SANITIZE_THREAD__)

#include <sanitizer/tsan_interface.h>

enum { TOOLING_STACK_BYTES = 256 * 1024 };

static inline void tooling_begin_thread(struct tooling *self)
{
    *self = (struct tooling){.fiber = __tsan_get_current_fiber()};
}
static inline void tooling_begin_fiber(struct tooling *self, void *low, size_t size)
{
    *self = (struct tooling){.low = low, .size = size, .fiber = __tsan_create_fiber(0)};
}
/* Inlined into functions that are not instrumented: the shadow call stack changes inside this call. */
__attribute__((always_inline, no_sanitize("thread"))) static inline void tooling_leave(struct tooling *from,
                                                                                       struct tooling *to)
{
    __tsan_switch_to_fiber(to->fiber, 0);
}
__attribute__((always_inline, no_sanitize("thread"))) static inline void tooling_leave_for_good(struct tooling *from,
                                                                                                struct tooling *to)
{
    __tsan_switch_to_fiber(to->fiber, 0);
}
static inline void tooling_arrive(struct tooling *self, struct tooling *from)
{
}
static inline void tooling_forget(struct tooling *self)
{
    __tsan_destroy_fiber(self->fiber);
}
static inline void tooling_reuse_stack(void *low, size_t size)
{
}

#else

enum { TOOLING_STACK_BYTES = 0 };

static inline void tooling_begin_thread(struct tooling *self)
{
}
static inline void tooling_begin_fiber(struct tooling *self, void *low, size_t size)
{
}
static inline void tooling_leave(struct tooling *from, struct tooling *to)
{
}
static inline void tooling_leave_for_good(struct tooling *from, struct tooling *to)
{
}
static inline void tooling_arrive(struct tooling *self, struct tooling *from)
{
}
static inline void tooling_forget(struct tooling *self)
{
}
static inline void tooling_reuse_stack(void *low, size_t size)
{
}

#endif

#if defined(TOOLING_VALGRIND)

#include <valgrind/valgrind.h>

static inline unsigned tooling_register_stack(void *low, size_t size)
{
    return (unsigned)VALGRIND_STACK_REGISTER(low, (char *)low + size);
}
static inline void tooling_deregister_stack(unsigned id)
{
    VALGRIND_STACK_DEREGISTER(id);
}

#else

static inline unsigned tooling_register_stack(void *low, size_t size)
{
    return 0;
}
static inline void tooling_deregister_stack(unsigned id)
{
}

#endif

/* For the functions that switch: neither instrumented by ThreadSanitizer nor inlined into one that is. */
#define TOOLING_SWITCHES __attribute__((no_sanitize("thread"), noinline))

#endif
