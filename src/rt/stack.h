/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_STACK_H
#define RT_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"

/* The memory a fiber runs on: [low, low + size_bytes), with an inaccessible guard of guard_bytes directly below. */
struct stack {
    char *low;
    size_t size_bytes;
    size_t guard_bytes;
};

enum { STACK_BYTES_DEFAULT = 64 * 1024, STACK_GUARD_BYTES = 16 * 1024, STACK_SLAB_COUNT = 64 };

/* How the guard is made; AUTO is the cheapest that the kernel knows. */
enum stack_guard { STACK_GUARD_AUTO, STACK_GUARD_INSTALL, STACK_GUARD_PROTECT };

struct stack_slab;

/* The stacks of one core, all of one size. */
struct stack_pool {
    size_t size_bytes;
    enum stack_guard guard;
    size_t mapped;      /* stacks that exist, lent or free */
    char **free;        /* the free ones, the last freed at the end */
    size_t free_count;  /* <= mapped, which is the room of `free` */
    size_t idle_count;  /* the first so many have not been lent since the last trim */
    size_t clean_count; /* the first so many hold no memory; <= idle_count */
    struct stack_slab *slabs;
};

/* Makes an empty pool; maps nothing yet. 0 bytes means the default (more under sanitizers). */
void stack_pool_init(struct stack_pool *pool, size_t size_bytes, enum stack_guard guard);
/* Unmaps everything. Every stack must be back. */
void stack_pool_fini(struct stack_pool *pool);

/* Lends a stack, the one freed last if there is one; its content is garbage.
 * Owner:  the pool; give it back with stack_release().
 * Errors: ERROR_MEMORY (the kernel has no more memory or mappings). */
MUST_USE
enum error stack_acquire(struct stack_pool *pool, struct stack *out);
void stack_release(struct stack_pool *pool, const struct stack *stack);

/* Gives the memory (not the addresses) of the stacks that nobody used since the previous call back to the kernel. */
void stack_pool_trim(struct stack_pool *pool);
/* Whether stack_pool_trim() may have something to do, now or after a while. */
bool stack_pool_is_trimmable(const struct stack_pool *pool);

#endif
