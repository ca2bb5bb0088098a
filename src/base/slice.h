/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Bytes that somebody else owns. Not terminated by a NUL. `ptr` may be NULL only when `len` is 0. */
struct slice {
    const char *ptr;
    size_t len;
};

/* A string literal as a slice, also in static initialisers. */
#define SLICE_INIT(literal)                                                                                            \
    {                                                                                                                  \
        "" literal, sizeof(literal) - 1                                                                                \
    }
#define SLICE(literal) ((struct slice)SLICE_INIT(literal))
/* For "%.*s". */
#define SLICE_ARG(slice) (int)(slice).len, (slice).ptr

static inline struct slice slice_of(const char *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

/* The slice over a C string; NULL gives the empty slice. */
static inline struct slice slice_from(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_eq_text(struct slice a, const char *text)
{
    return slice_eq(a, slice_from(text));
}

static inline bool slice_starts(struct slice a, struct slice prefix)
{
    return a.len >= prefix.len && memcmp(a.ptr, prefix.ptr, prefix.len) == 0;
}

/* Everything from byte `from` on; `from` is clamped to the length. */
static inline struct slice slice_from_index(struct slice a, size_t from)
{
    if (from > a.len)
        from = a.len;
    if (from == 0)
        return a; /* `ptr` may be NULL, to which C lets nobody add even 0 */
    return (struct slice){a.ptr + from, a.len - from};
}

/* The index of the first `byte`, or a.len when there is none. */
static inline size_t slice_index(struct slice a, char byte)
{
    const char *hit = a.len ? memchr(a.ptr, byte, a.len) : NULL;
    return hit ? (size_t)(hit - a.ptr) : a.len;
}

/* ASCII case-insensitive equality. */
bool slice_eq_nocase(struct slice a, struct slice b);
/* Bytewise order: negative, zero, positive. */
int slice_compare(struct slice a, struct slice b);
/* Without the leading and trailing spaces and tabs. */
struct slice slice_trim(struct slice a);
/* Cuts `*rest` at the first `separator`: returns what is before it and leaves what follows; false at the end. */
bool slice_split(struct slice *rest, char separator, struct slice *part);

#endif
