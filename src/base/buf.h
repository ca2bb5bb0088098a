/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* Bytes that grow at the end, up to a limit. A failed growth is remembered instead of returned: writers append
 * without looking, and whoever uses the bytes asks buf_failed() once. After a failure appends do nothing. */
struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t limit_bytes;
    bool failed;
    bool is_over; /* it failed because of its limit, not for want of memory */
};

/* Makes an empty buffer of at most `limit_bytes`; allocates nothing yet. */
static inline void buf_init(struct buf *buf, size_t limit_bytes)
{
    *buf = (struct buf){.limit_bytes = limit_bytes};
}

/* Frees the bytes. The buffer may be used again. */
void buf_fini(struct buf *buf);

/* Empties it, keeping the memory, and forgets a failure. */
static inline void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = buf->is_over = false;
}

/* Forgets everything from `len` on. */
static inline void buf_truncate(struct buf *buf, size_t len)
{
    if (len < buf->len)
        buf->len = len;
}

static inline bool buf_failed(const struct buf *buf)
{
    return buf->failed;
}

/* Why it failed: OK (it has not), ERROR_LIMIT or ERROR_MEMORY. */
static inline enum error buf_error(const struct buf *buf)
{
    if (!buf->failed)
        return OK;
    return buf->is_over ? ERROR_LIMIT : ERROR_MEMORY;
}

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->ptr, buf->len);
}

char *buf_reserve_slow(struct buf *buf, size_t size);

/* Room for `size` more bytes: write there, then buf_advance() by what was written. NULL (and failed) when there is
 * none. */
static inline char *buf_reserve(struct buf *buf, size_t size)
{
    if (LIKELY(size <= buf->cap - buf->len && !buf->failed))
        return buf->ptr + buf->len;
    return buf_reserve_slow(buf, size);
}

static inline void buf_advance(struct buf *buf, size_t size)
{
    buf->len += size;
}

static inline void buf_put(struct buf *buf, const void *bytes, size_t size)
{
    char *room = size ? buf_reserve(buf, size) : NULL;
    if (UNLIKELY(!room))
        return;
    memcpy(room, bytes, size);
    buf->len += size;
}

static inline void buf_put_byte(struct buf *buf, char byte)
{
    char *room = buf_reserve(buf, 1);
    if (UNLIKELY(!room))
        return;
    *room = byte;
    buf->len++;
}

static inline void buf_put_slice(struct buf *buf, struct slice text)
{
    buf_put(buf, text.ptr, text.len);
}

static inline void buf_put_text(struct buf *buf, const char *text)
{
    buf_put(buf, text, strlen(text));
}

#define buf_put_literal(buf, literal) buf_put(buf, "" literal, sizeof(literal) - 1)

/* Decimal digits of a number. */
void buf_put_int(struct buf *buf, int64_t number);
void buf_put_uint(struct buf *buf, uint64_t number);
/* printf to the end. For people's messages; the hot path has its own writers. */
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
