/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_OVERFLOW_H
#define RT_OVERFLOW_H

#include <signal.h>

#include "base/attr.h"
#include "base/error.h"

struct stack;

/* Lets a thread that runs fibers die with a sentence when one of them overflows its stack. */
struct overflow {
    stack_t previous; /* the thread's alternate signal stack before */
    void *memory;     /* ours */
};

/* Watches the calling thread. `running` is read by the signal handler: where the stack that runs now is kept, NULL
 * while none does. Errors: ERROR_MEMORY. */
MUST_USE
enum error overflow_watch(struct overflow *overflow, const struct stack *const *running);
/* Ends it, on the same thread. */
void overflow_unwatch(struct overflow *overflow);

#endif
