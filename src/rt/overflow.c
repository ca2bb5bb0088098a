/* SPDX-License-Identifier: Apache-2.0 */
/* Names a stack overflow before the process dies of it.
 *
 * A fiber that runs out of stack touches the guard below it. The signal handler needs a stack of its own, one per
 * thread, and must find out whether the address at fault lies in the guard of the running fiber. A handler has no
 * argument, and this tree has no mutable globals; but the kernel tells it which alternate stack it runs on, so what it
 * must know lies at the low end of that, behind a mark.
 *
 * Whoever handled SIGSEGV before (a sanitizer, a crash reporter) keeps it: they report overflows in their own words.
 * What is no overflow falls through to the default action: the handler removes itself and returns, and the same
 * instruction faults again. */
#include "rt/overflow.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "rt/stack.h"

enum { ALTERNATE_BYTES = 64 * 1024 };

static const char mark[16] = "fiber overflow";

/* At the low end of the alternate stack, which the handler never grows down to. */
struct note {
    char mark[sizeof mark];
    const struct stack *const *running;
};

static bool is_in_guard(const struct note *note, const void *address)
{
    if (memcmp(note->mark, mark, sizeof mark) != 0 || !*note->running)
        return false;
    uintptr_t at = (uintptr_t)address, low = (uintptr_t)(*note->running)->low;
    return at < low && at >= low - (*note->running)->guard_bytes;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    static const char sentence[] = "tenon: fiber stack overflow\n";
    const stack_t *alternate = &((const ucontext_t *)context)->uc_stack;
    if (alternate->ss_sp && alternate->ss_size >= sizeof(struct note) && is_in_guard(alternate->ss_sp, info->si_addr)) {
        ssize_t ignored = write(STDERR_FILENO, sentence, sizeof sentence - 1);
        (void)ignored;
        abort();
    }
    signal(number, SIG_DFL);
}

static void handle(int number)
{
    struct sigaction present;
    if (sigaction(number, NULL, &present) < 0 || present.sa_flags & SA_SIGINFO || present.sa_handler != SIG_DFL)
        return;
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

enum error overflow_watch(struct overflow *overflow, const struct stack *const *running)
{
    void *memory = mmap(NULL, ALTERNATE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return ERROR_MEMORY;
    struct note *note = memory;
    memcpy(note->mark, mark, sizeof mark);
    note->running = running;
    stack_t alternate = {.ss_sp = memory, .ss_size = ALTERNATE_BYTES};
    if (sigaltstack(&alternate, &overflow->previous) < 0) {
        munmap(memory, ALTERNATE_BYTES);
        return ERROR_MEMORY;
    }
    overflow->memory = memory;
    handle(SIGSEGV);
    return OK;
}

void overflow_unwatch(struct overflow *overflow)
{
    sigaltstack(&overflow->previous, NULL);
    munmap(overflow->memory, ALTERNATE_BYTES);
    overflow->memory = NULL;
}
