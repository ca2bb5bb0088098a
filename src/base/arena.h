/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"

struct arena_chunk;

/* Memory that is freed all at once. Allocation is a pointer bump; there is no free of one piece. */
struct arena {
    char *next;                /* where the next piece begins */
    char *end;                 /* of the current chunk */
    struct arena_chunk *chunk; /* the current chunk; older ones are linked behind it */
    size_t used_bytes;         /* in all chunks, counted against the limit */
    size_t limit_bytes;
};

/* Makes an empty arena of at most `limit_bytes`; allocates nothing yet. */
void arena_init(struct arena *arena, size_t limit_bytes);
/* Frees every piece but keeps one small chunk for the next use. */
void arena_reset(struct arena *arena);
/* Frees everything. The arena may be used again. */
void arena_fini(struct arena *arena);

void *arena_alloc_slow(struct arena *arena, size_t size);

/* `size` bytes aligned to 16 (a piece of its own also for 0), not zeroed; NULL when memory or the limit is exhausted.
 */
MUST_USE static inline void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = (size + 15 + !size) & ~(size_t)15;
    if (UNLIKELY(rounded < size || rounded > (size_t)(arena->end - arena->next)))
        return arena_alloc_slow(arena, size);
    void *piece = arena->next;
    arena->next += rounded;
    return piece;
}

/* The same, zeroed. */
MUST_USE void *arena_zalloc(struct arena *arena, size_t size);
/* `count` zeroed elements of `size` bytes; NULL also when the product overflows. */
MUST_USE void *arena_array(struct arena *arena, size_t count, size_t size);
/* Room for one element more than `count` of them: `items` itself, or else a copy with twice the room, which `*capacity`
 * says (from 8 on); what lies behind `count` is zeroed. NULL when memory is exhausted; nothing has changed then. */
MUST_USE void *arena_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size);
/* A copy of the bytes, with a NUL behind them; NULL when memory is exhausted. */
MUST_USE char *arena_text(struct arena *arena, struct slice text);
/* The same as a slice; `ptr` is NULL when memory is exhausted. */
MUST_USE struct slice arena_slice(struct arena *arena, struct slice text);
/* printf into arena memory; NULL when memory is exhausted. For messages, never for SQL or JSON. */
MUST_USE char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
MUST_USE char *arena_vprintf(struct arena *arena, const char *format, va_list arguments) PRINTF_LIKE(2, 0);

#endif
