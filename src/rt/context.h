/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_CONTEXT_H
#define RT_CONTEXT_H

#include <stddef.h>

/* A suspended flow of control: everything the ABI lets a callee keep lies on its own stack, below this pointer.
 * Implemented by context_x86_64.S, context_aarch64.S or context_portable.c; the build chooses one. */
struct context {
    void *stack_pointer;
};

/* Prepares a context that will call `entry(argument)` on the given stack when it is first switched to, with the
 * processor's default floating-point control word. `entry` must not return. */
void context_make(struct context *context, void *stack_low, size_t stack_bytes, void (*entry)(void *argument),
                  void *argument);
/* Suspends the caller into `from` and resumes `to`; returns when something switches back to `from`. Keeps the
 * callee-saved registers and the floating-point control words of each side; errno and the signal mask are not its
 * business. */
void context_switch(struct context *from, const struct context *to);

#endif
