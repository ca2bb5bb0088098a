/* SPDX-License-Identifier: Apache-2.0 */
/* Arena: request memory, freed at once.
 *
 * Idea: pieces are cut from the front of a chunk; a full chunk is linked behind a new one of twice the size, up to a
 * bound. A reset keeps one small chunk, so a connection that serves request after request stops allocating.
 *
 * Invariants
 *   (1) the sizes of all chunks add up to used_bytes, and used_bytes <= limit_bytes
 *   (2) next and end lie in `chunk`, or all three are NULL
 */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CHUNK_BYTES = 4096, LARGEST_CHUNK_BYTES = 256 * 1024, CHUNK_HEADER_BYTES = 32 };

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* of the whole allocation */
};

_Static_assert(sizeof(struct arena_chunk) <= CHUNK_HEADER_BYTES, "a chunk's header fits before its pieces");

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

static void use_chunk(struct arena *arena, struct arena_chunk *chunk)
{
    arena->chunk = chunk;
    arena->next = chunk ? (char *)chunk + CHUNK_HEADER_BYTES : NULL;
    arena->end = chunk ? (char *)chunk + chunk->size : NULL;
}

static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *older = chunk->older;
        free(chunk);
        chunk = older;
    }
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *keep = arena->chunk;
    if (!keep)
        return;
    while (keep->older) {
        struct arena_chunk *older = keep->older;
        free(keep);
        keep = older;
    }
    if (keep->size > FIRST_CHUNK_BYTES) {
        free(keep);
        keep = NULL;
    }
    arena->used_bytes = keep ? keep->size : 0;
    use_chunk(arena, keep);
}

void arena_fini(struct arena *arena)
{
    free_chunks(arena->chunk);
    arena_init(arena, arena->limit_bytes);
}

static size_t next_chunk_size(const struct arena *arena, size_t piece)
{
    size_t size = arena->chunk ? arena->chunk->size * 2 : FIRST_CHUNK_BYTES;
    if (size > LARGEST_CHUNK_BYTES)
        size = LARGEST_CHUNK_BYTES;
    size_t needed = piece + CHUNK_HEADER_BYTES;
    return size < needed ? needed : size;
}

void *arena_alloc_slow(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t rounded = (size + 15 + !size) & ~(size_t)15;
    size_t chunk_size = next_chunk_size(arena, rounded);
    if (chunk_size > arena->limit_bytes - arena->used_bytes)
        chunk_size = rounded + CHUNK_HEADER_BYTES;
    if (chunk_size > arena->limit_bytes - arena->used_bytes)
        return NULL;
    struct arena_chunk *chunk = malloc(chunk_size);
    if (!chunk)
        return NULL;
    *chunk = (struct arena_chunk){.older = arena->chunk, .size = chunk_size};
    arena->used_bytes += chunk_size;
    use_chunk(arena, chunk);
    void *piece = arena->next;
    arena->next += rounded;
    return piece;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *piece = arena_alloc(arena, size);
    if (piece)
        memset(piece, 0, size);
    return piece;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return arena_zalloc(arena, bytes);
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size)
{
    enum { FIRST = 8 };
    if (count < *capacity)
        return items;
    size_t larger = *capacity ? *capacity * 2 : FIRST;
    void *grown = arena_array(arena, larger, size);
    if (!grown)
        return NULL;
    if (count > 0)
        memcpy(grown, items, count * size);
    *capacity = larger;
    return grown;
}

char *arena_text(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (!copy)
        return NULL;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

struct slice arena_slice(struct arena *arena, struct slice text)
{
    char *copy = arena_text(arena, text);
    return copy ? slice_of(copy, text.len) : (struct slice){NULL, 0};
}

char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}
