/* SPDX-License-Identifier: Apache-2.0 */
/* A server's side of a connection without the connection: heads and bodies follow each other in one stream of bytes,
 * which becomes known piece by piece. The text that comes out must not depend on the pieces. */
#include "http1_events.h"

#include <stdlib.h>

#include "base/check.h"
#include "http/http1.h"
#include "http/http1_chunks.h"
#include "http/http_settings.h"

enum phase { HEAD, LENGTH, CHUNKS, STOPPED };

struct stream {
    enum phase phase;
    size_t at; /* bytes behind us */
    struct http_settings settings;
    struct http1 parser;
    struct http1_head head;
    struct http1_chunks chunks;
    int64_t length_left;
    struct buf *out;
};

static void put_field(struct buf *out, const char *name, struct slice value)
{
    if (value.len)
        buf_printf(out, " %s=%.*s", name, SLICE_ARG(value));
}

static void put_head(const struct http1_head *head, struct buf *out)
{
    buf_put_slice(out, head->method_text);
    put_field(out, "path", head->path);
    put_field(out, "query", head->query);
    put_field(out, "host", head->host);
    buf_put_text(out, head->minor_version ? "" : " 1.0");
    if (head->content_length >= 0)
        buf_printf(out, " length=%lld", (long long)head->content_length);
    buf_put_text(out, head->is_chunked ? " chunked" : "");
    buf_put_text(out, head->expect_continue ? " expect" : "");
    buf_put_text(out, head->upgrade ? " upgrade" : "");
    buf_put_text(out, head->keep_alive ? "\n" : " close\n");
    for (unsigned i = 0; i < head->count; i++) {
        buf_put_byte(out, '\t');
        buf_put_slice(out, head->headers[i].name);
        buf_put_literal(out, ": ");
        buf_put_slice(out, head->headers[i].value);
        buf_put_byte(out, '\n');
    }
}

static void end_request(struct stream *stream)
{
    if (stream->phase != HEAD)
        buf_put_literal(stream->out, "]\n");
    stream->phase = HEAD;
    http1_init(&stream->parser, &stream->settings.limits);
    if (!stream->head.keep_alive) {
        buf_put_literal(stream->out, "closed\n");
        stream->phase = STOPPED;
    }
}

static void refuse(struct stream *stream, enum error error, const char *sentence)
{
    buf_printf(stream->out, "refused %d %s\n", error_http_status(error), sentence);
    stream->phase = STOPPED;
}

static void begin_body(struct stream *stream)
{
    if (!stream->head.is_chunked && stream->head.content_length <= 0) {
        end_request(stream);
        return;
    }
    buf_put_literal(stream->out, "[");
    stream->phase = stream->head.is_chunked ? CHUNKS : LENGTH;
    stream->length_left = stream->head.content_length;
    http1_chunks_init(&stream->chunks);
}

/* Each step takes something off `in` and says true, or needs more. */
static bool step_head(struct stream *stream, struct slice in)
{
    switch (http1_parse_head(&stream->parser, in, &stream->head)) {
    case HTTP1_DONE:
        stream->at += stream->parser.consumed;
        put_head(&stream->head, stream->out);
        begin_body(stream);
        return true;
    case HTTP1_REFUSED: refuse(stream, stream->parser.error, stream->parser.sentence); return true;
    default: return false;
    }
}

static bool step_length(struct stream *stream, struct slice in)
{
    size_t run = (uint64_t)stream->length_left < in.len ? (size_t)stream->length_left : in.len;
    buf_put(stream->out, in.ptr, run);
    stream->at += run;
    stream->length_left -= (int64_t)run;
    if (stream->length_left == 0)
        end_request(stream);
    return run > 0;
}

static bool step_chunks(struct stream *stream, struct slice in)
{
    size_t consumed;
    struct slice data;
    enum http1_result result = http1_chunks_feed(&stream->chunks, in, &consumed, &data);
    CHECK(consumed <= in.len, "no more is consumed than there is");
    CHECK(result != HTTP1_NEED_MORE || consumed == in.len, "NEED_MORE takes everything");
    CHECK((result == HTTP1_DATA) == (data.len > 0), "data comes with DATA only");
    stream->at += consumed;
    buf_put_slice(stream->out, data);
    if (result == HTTP1_DONE)
        end_request(stream);
    else if (result == HTTP1_REFUSED)
        refuse(stream, ERROR_PARSE, stream->chunks.sentence);
    return result != HTTP1_NEED_MORE;
}

/* Reads on as long as the known bytes last. */
static void read_known(struct stream *stream, struct slice known)
{
    bool goes_on = true;
    while (goes_on && stream->phase != STOPPED) {
        struct slice in = slice_from_index(known, stream->at);
        goes_on = in.len > 0 && (stream->phase == HEAD     ? step_head(stream, in)
                                 : stream->phase == LENGTH ? step_length(stream, in)
                                                           : step_chunks(stream, in));
    }
}

static size_t next_piece(unsigned cut, uint32_t *random)
{
    if (cut == HTTP1_EVENTS_WHOLE)
        return SIZE_MAX;
    if (cut < HTTP1_EVENTS_RANDOM)
        return 1;
    *random = *random * 1664525 + 1013904223;
    return 1 + (*random >> 16) % 23;
}

/* The first `size` bytes, in memory of exactly that size (so that a sanitizer sees a read beyond). */
static char *copy(struct slice input, size_t size)
{
    char *bytes = malloc(size ? size : 1);
    CHECK(bytes, "a test has memory");
    if (size)
        memcpy(bytes, input.ptr, size);
    return bytes;
}

void http1_events_run(struct slice input, unsigned cut, struct buf *out)
{
    struct stream *stream = calloc(1, sizeof *stream);
    CHECK(stream, "a test has memory");
    stream->out = out;
    stream->settings = http_settings_default();
    http1_init(&stream->parser, &stream->settings.limits);
    char *bytes = copy(input, input.len);
    uint32_t random = cut;
    for (size_t known = 0; known < input.len && stream->phase != STOPPED;) {
        size_t piece = next_piece(cut, &random);
        known = piece < input.len - known ? known + piece : input.len;
        if (cut == HTTP1_EVENTS_BYTEWISE_MOVING) {
            char *moved = copy(input, known);
            free(bytes);
            bytes = moved;
        }
        read_known(stream, slice_of(bytes, known));
    }
    if (stream->phase != STOPPED && (stream->phase != HEAD || stream->at < input.len))
        buf_put_literal(out, "more\n");
    free(bytes);
    free(stream);
}
