/* SPDX-License-Identifier: Apache-2.0 */
/* The context switch for every other processor, over POSIX ucontext: some twenty times slower than the assembly,
 * because swapcontext() also asks the kernel for the signal mask.
 *
 * Idea: a suspended context is a ucontext_t on its own stack. A new one lies at the top of its stack together with what
 * it will call; each switch keeps the caller's in its own frame. So struct context is one pointer here as well. */
#include <fenv.h>
#include <stdint.h>
#include <ucontext.h>

#include "base/check.h"
#include "rt/context.h"
#include "rt/tooling.h"

struct start {
    ucontext_t context; /* first: what a struct context points to */
    void (*entry)(void *argument);
    void *argument;
};

/* makecontext() passes only ints: the pointer to the start comes in halves. */
static void begin(unsigned high, unsigned low)
{
    struct start *start = (struct start *)(((uintptr_t)high << 16 << 16) | low);
    fesetenv(FE_DFL_ENV); /* what was current when the context was made is nothing to inherit */
    start->entry(start->argument);
}

void context_make(struct context *context, void *stack_low, size_t stack_bytes, void (*entry)(void *argument),
                  void *argument)
{
    size_t room = (sizeof(struct start) + 63) & ~(size_t)63;
    CHECK(stack_bytes > room, "a stack has room for its first context");
    struct start *start = (struct start *)(void *)((char *)stack_low + stack_bytes - room);
    CHECK(getcontext(&start->context) == 0, "a context can be read");
    start->entry = entry;
    start->argument = argument;
    start->context.uc_link = NULL;
    start->context.uc_stack.ss_sp = stack_low;
    start->context.uc_stack.ss_size = stack_bytes - room;
    uintptr_t address = (uintptr_t)start;
    makecontext(&start->context, (void (*)(void))begin, 2, (unsigned)(address >> 16 >> 16), (unsigned)address);
    context->stack_pointer = &start->context;
}

TOOLING_SWITCHES
void context_switch(struct context *from, const struct context *to)
{
    ucontext_t here;
    /* Sanitizers look at the stack a context names, and this one names none. */
    here.uc_stack = (stack_t){.ss_sp = NULL};
    here.uc_link = NULL;
    from->stack_pointer = &here;
    CHECK(swapcontext(&here, to->stack_pointer) == 0, "a context can be switched to");
}
