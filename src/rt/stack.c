/* SPDX-License-Identifier: Apache-2.0 */
/* Pooled stacks with guards.
 *
 * Idea: stacks are mapped in slabs of 64, each a guard followed by its stack, and never unmapped before the pool ends:
 * only their memory goes back to the kernel when they have been idle for long. The free ones form a LIFO, so a busy
 * core keeps using the few whose pages are in the cache.
 *
 *     slab:  |guard|    stack    |guard|    stack    | …
 *     free:  [ clean … | idle … | used since the last trim … ]   <- lent from this end
 *
 * The guard is made with MADV_GUARD_INSTALL (Linux 6.13), which costs no mapping: 200,000 stacks are one mapping per
 * slab. Older kernels say EINVAL; there mprotect() splits the mapping twice per stack, and vm.max_map_count ends
 * the growth at some 32,000 of them. It is 16 KiB wide, so that a frame without stack probes cannot step over it.
 * Huge pages are refused: one touched byte would make 2 MiB of idle stacks resident.
 *
 * Invariants
 *   (1) clean_count <= idle_count <= free_count <= mapped
 *   (2) `free` has room for `mapped` entries, so that giving back cannot fail */
#include "rt/stack.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "rt/tooling.h"

/* <asm-generic/mman-common.h> of Linux 6.13; older headers lack it. */
enum { ADVICE_GUARD_INSTALL = 102 };

struct stack_slab {
    struct stack_slab *next;
    char *base;
    size_t size_bytes;
    unsigned valgrind_id[STACK_SLAB_COUNT];
};

void stack_pool_init(struct stack_pool *pool, size_t size_bytes, enum stack_guard guard)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size_bytes == 0)
        size_bytes = TOOLING_STACK_BYTES ? TOOLING_STACK_BYTES : STACK_BYTES_DEFAULT;
    *pool = (struct stack_pool){.size_bytes = (size_bytes + page - 1) & ~(page - 1), .guard = guard};
}

static char *low_of(const struct stack_pool *pool, const struct stack_slab *slab, size_t index)
{
    return slab->base + index * (STACK_GUARD_BYTES + pool->size_bytes) + STACK_GUARD_BYTES;
}

void stack_pool_fini(struct stack_pool *pool)
{
    CHECK(pool->free_count == pool->mapped, "every stack is back when its pool ends");
    while (pool->slabs) {
        struct stack_slab *slab = pool->slabs;
        pool->slabs = slab->next;
        for (size_t i = 0; i < STACK_SLAB_COUNT; i++)
            tooling_deregister_stack(slab->valgrind_id[i]);
        tooling_reuse_stack(slab->base, slab->size_bytes);
        munmap(slab->base, slab->size_bytes);
        free(slab);
    }
    free(pool->free);
    *pool = (struct stack_pool){.size_bytes = pool->size_bytes, .guard = pool->guard};
}

static bool guard_by_advice(char *guard)
{
    return madvise(guard, STACK_GUARD_BYTES, ADVICE_GUARD_INSTALL) == 0;
}

static bool guard_by_protection(char *guard)
{
    return mprotect(guard, STACK_GUARD_BYTES, PROT_NONE) == 0;
}

/* Makes the guards of a slab; in the mode AUTO the first one decides for the pool's whole life. */
static bool guard_slab(struct stack_pool *pool, const struct stack_slab *slab)
{
    char *first = low_of(pool, slab, 0) - STACK_GUARD_BYTES;
    if (pool->guard == STACK_GUARD_AUTO)
        pool->guard = guard_by_advice(first) ? STACK_GUARD_INSTALL : STACK_GUARD_PROTECT;
    bool (*make)(char *guard) = pool->guard == STACK_GUARD_INSTALL ? guard_by_advice : guard_by_protection;
    for (size_t i = 0; i < STACK_SLAB_COUNT; i++)
        if (!make(low_of(pool, slab, i) - STACK_GUARD_BYTES))
            return false;
    return true;
}

static enum error map_slab(const struct stack_pool *pool, struct stack_slab *slab)
{
    size_t each;
    if (__builtin_add_overflow(pool->size_bytes, (size_t)STACK_GUARD_BYTES, &each) ||
        __builtin_mul_overflow(each, (size_t)STACK_SLAB_COUNT, &slab->size_bytes))
        return ERROR_MEMORY;
    void *base = mmap(NULL, slab->size_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        return ERROR_MEMORY;
    madvise(base, slab->size_bytes, MADV_NOHUGEPAGE); /* a kernel without huge pages says EINVAL, which is fine */
    slab->base = base;
    return OK;
}

/* Enters the stacks of a slab at the end of the free ones. */
static void add_slab(struct stack_pool *pool, struct stack_slab *slab)
{
    slab->next = pool->slabs;
    pool->slabs = slab;
    pool->mapped += STACK_SLAB_COUNT;
    for (size_t i = STACK_SLAB_COUNT; i-- > 0;) {
        char *low = low_of(pool, slab, i);
        slab->valgrind_id[i] = tooling_register_stack(low, pool->size_bytes);
        pool->free[pool->free_count++] = low;
    }
}

static enum error grow(struct stack_pool *pool)
{
    char **room = realloc(pool->free, (pool->mapped + STACK_SLAB_COUNT) * sizeof *room);
    if (!room)
        return ERROR_MEMORY;
    pool->free = room;
    struct stack_slab *slab = calloc(1, sizeof *slab);
    if (!slab)
        return ERROR_MEMORY;
    if (map_slab(pool, slab) != OK)
        goto fail;
    if (!guard_slab(pool, slab)) {
        munmap(slab->base, slab->size_bytes);
        goto fail;
    }
    add_slab(pool, slab);
    return OK;
fail:
    free(slab);
    return ERROR_MEMORY;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum error stack_acquire(struct stack_pool *pool, struct stack *out)
{
    if (UNLIKELY(pool->free_count == 0))
        TRY(grow(pool));
    char *low = pool->free[--pool->free_count];
    pool->idle_count = smaller(pool->idle_count, pool->free_count);
    pool->clean_count = smaller(pool->clean_count, pool->free_count);
    tooling_reuse_stack(low, pool->size_bytes);
    *out = (struct stack){low, pool->size_bytes, STACK_GUARD_BYTES};
    return OK;
}

void stack_release(struct stack_pool *pool, const struct stack *stack)
{
    CHECK(pool->free_count < pool->mapped, "a stack is given back once");
    pool->free[pool->free_count++] = stack->low;
}

void stack_pool_trim(struct stack_pool *pool)
{
    for (size_t i = pool->clean_count; i < pool->idle_count; i++)
        madvise(pool->free[i], pool->size_bytes, MADV_DONTNEED);
    pool->clean_count = pool->idle_count;
    pool->idle_count = pool->free_count;
}

bool stack_pool_is_trimmable(const struct stack_pool *pool)
{
    return pool->clean_count < pool->free_count;
}
