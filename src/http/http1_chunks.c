/* SPDX-License-Identifier: Apache-2.0 */
/* A chunked body, read strictly (RFC 9112 section 7.1).
 *
 *     5;name=value CRLF hello CRLF 0 CRLF trailer: value CRLF CRLF
 *
 * Idea: framing is read byte by byte by a small machine, so it may be cut anywhere; the bytes of a chunk are passed
 * through as runs of the caller's own buffer, not copied. White space beside a size or an extension ("bad white space")
 * is refused: nobody sends it but to be misunderstood.
 *
 * States: SIZE, then EXTENSION… up to SIZE_LF; DATA, DATA_CR, DATA_LF and back; behind the chunk of size 0
 * TRAILER…, END_LF, END.
 *
 * Invariants
 *   (1) in DATA size > 0 bytes of the chunk are still to come
 *   (2) size <= INT64_MAX, so sums of a bounded number of them do not overflow
 */
#include "http/http1_chunks.h"

#include <stdbool.h>

#include "base/hex.h"
#include "http/http1_bytes.h"

enum state {
    SIZE,
    EXTENSION_NAME_FIRST,
    EXTENSION_NAME,
    EXTENSION_VALUE_FIRST,
    EXTENSION_VALUE,
    EXTENSION_QUOTED,
    EXTENSION_ESCAPE,
    EXTENSION_QUOTED_END,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    END
};

void http1_chunks_init(struct http1_chunks *chunks)
{
    *chunks = (struct http1_chunks){.state = SIZE};
}

static bool refuse(struct http1_chunks *chunks, const char *sentence)
{
    chunks->sentence = sentence;
    return false;
}

/* Goes to `state`; always true, so that a step reads as `condition ? go : refuse`. */
static bool go(struct http1_chunks *chunks, enum state state)
{
    chunks->state = state;
    return true;
}

static bool step_size(struct http1_chunks *chunks, char c)
{
    int digit = hex_digit(c);
    if (digit < 0) {
        if (chunks->digits && (c == '\r' || c == ';'))
            return go(chunks, c == ';' ? EXTENSION_NAME_FIRST : SIZE_LF);
        return refuse(chunks, "a chunk does not begin with its size");
    }
    if (++chunks->digits > HTTP1_CHUNKS_DIGITS_MAX || chunks->size > (uint64_t)INT64_MAX >> 4)
        return refuse(chunks, "a chunk's size is too large a number");
    chunks->size = chunks->size << 4 | (unsigned)digit;
    return true;
}

/* The first byte of a name or a value; where none may follow, what may end the extension. */
static bool step_extension_end(struct http1_chunks *chunks, char c)
{
    if (c == ';')
        return go(chunks, EXTENSION_NAME_FIRST);
    return c == '\r' ? go(chunks, SIZE_LF) : refuse(chunks, "a chunk's extension is not valid");
}

static bool step_extension(struct http1_chunks *chunks, char c)
{
    if (++chunks->extension_bytes > HTTP1_CHUNKS_EXTENSION_MAX ||
        ++chunks->extensions_bytes > HTTP1_CHUNKS_EXTENSIONS_MAX)
        return refuse(chunks, "the extensions of the chunks are too long");
    bool is_token = http1_bytes_is(c, HTTP1_BYTES_TOKEN);
    bool is_text = http1_bytes_is(c, HTTP1_BYTES_VALUE);
    switch (chunks->state) {
    case EXTENSION_NAME_FIRST:
        return is_token ? go(chunks, EXTENSION_NAME) : refuse(chunks, "an extension has no name");
    case EXTENSION_VALUE_FIRST:
        if (c == '"')
            return go(chunks, EXTENSION_QUOTED);
        return is_token ? go(chunks, EXTENSION_VALUE) : refuse(chunks, "an extension has no value");
    case EXTENSION_NAME:
        if (c == '=')
            return go(chunks, EXTENSION_VALUE_FIRST);
        return is_token || step_extension_end(chunks, c);
    case EXTENSION_VALUE: return is_token || step_extension_end(chunks, c);
    case EXTENSION_QUOTED:
        if (c == '"' || c == '\\')
            return go(chunks, c == '"' ? EXTENSION_QUOTED_END : EXTENSION_ESCAPE);
        return is_text || refuse(chunks, "an extension's quoted value is not valid");
    case EXTENSION_ESCAPE:
        return is_text ? go(chunks, EXTENSION_QUOTED) : refuse(chunks, "an extension's quoted value is not valid");
    default: return step_extension_end(chunks, c);
    }
}

static bool step_trailer(struct http1_chunks *chunks, char c)
{
    if (++chunks->trailer_bytes > HTTP1_CHUNKS_TRAILER_MAX)
        return refuse(chunks, "the trailers are too large");
    bool is_token = http1_bytes_is(c, HTTP1_BYTES_TOKEN);
    switch (chunks->state) {
    case TRAILER_FIRST:
        if (c == '\r')
            return go(chunks, END_LF);
        return is_token ? go(chunks, TRAILER_NAME) : refuse(chunks, "a trailer does not begin with its name");
    case TRAILER_NAME:
        if (c == ':')
            return go(chunks, TRAILER_VALUE);
        return is_token || refuse(chunks, "a trailer's name holds an invalid byte");
    default:
        if (c == '\r')
            return go(chunks, TRAILER_LF);
        return http1_bytes_is(c, HTTP1_BYTES_VALUE) || refuse(chunks, "a trailer's value holds a control byte");
    }
}

/* Behind the CRLF of a size: the bytes of the chunk, or the trailers. */
static bool begin_chunk(struct http1_chunks *chunks)
{
    chunks->digits = 0;
    chunks->extension_bytes = 0;
    return go(chunks, chunks->size ? DATA : TRAILER_FIRST);
}

static bool step(struct http1_chunks *chunks, char c)
{
    static const char no_lf[] = "a line of the chunks ends without LF";
    switch (chunks->state) {
    case SIZE: return step_size(chunks, c);
    case SIZE_LF: return c == '\n' ? begin_chunk(chunks) : refuse(chunks, no_lf);
    case DATA_CR: return c == '\r' ? go(chunks, DATA_LF) : refuse(chunks, "a chunk is longer than its size");
    case DATA_LF: return c == '\n' ? go(chunks, SIZE) : refuse(chunks, no_lf);
    case TRAILER_FIRST:
    case TRAILER_NAME:
    case TRAILER_VALUE: return step_trailer(chunks, c);
    case TRAILER_LF: return c == '\n' ? go(chunks, TRAILER_FIRST) : refuse(chunks, no_lf);
    case END_LF: return c == '\n' ? go(chunks, END) : refuse(chunks, no_lf);
    default: return step_extension(chunks, c);
    }
}

static struct slice take_data(struct http1_chunks *chunks, struct slice in)
{
    size_t run = chunks->size < in.len ? (size_t)chunks->size : in.len;
    chunks->size -= run;
    if (chunks->size == 0)
        chunks->state = DATA_CR;
    return slice_of(in.ptr, run);
}

enum http1_result http1_chunks_feed(struct http1_chunks *chunks, struct slice in, size_t *consumed, struct slice *data)
{
    enum http1_result result = HTTP1_NEED_MORE;
    size_t at = 0;
    *data = (struct slice){NULL, 0};
    while (result == HTTP1_NEED_MORE && at < in.len) {
        if (chunks->state == DATA) {
            *data = take_data(chunks, slice_from_index(in, at));
            at += data->len;
            result = HTTP1_DATA;
        } else if (!step(chunks, in.ptr[at++])) {
            result = HTTP1_REFUSED;
        } else if (chunks->state == END) {
            result = HTTP1_DONE;
        }
    }
    *consumed = at;
    return result;
}
