/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1.x request, read strictly (RFC 9112).
 *
 * Idea: a head is lines. The end of a line is found with memchr, which remembers how far it has looked; a whole line is
 * then read at once, from known beginning to known end, and never again. So the cost is linear however slowly bytes
 * come, a wrong line is refused before the next has arrived, and every cut of the same bytes gives the same result:
 * nothing is ever decided on half a line but that it is too long, which no further byte can mend.
 *
 * Filled slices point into the caller's buffer. When that has moved (it grew), everything is read once more from the
 * front: the doubling of the buffer bounds what this costs, and no stale pointer can survive.
 *
 * Strictness: two parsers that understand one byte stream differently are a request smuggled past the first of them.
 * So whatever the RFC lets a recipient repair (bare LF, folded lines, repeated lengths, white space around names) is
 * refused here instead. What is accepted beyond the letter: one CRLF before the request line, and any token as method.
 *
 * Invariants
 *   (1) headers_begin <= line <= scanned <= bytes seen, once the request line is read
 *   (2) no LF stands in [line, scanned)
 *   (3) known[k] is 0 or names the first header that is k, and known[k] <= count
 *   (4) on DONE at most one of is_chunked and content_length >= 0 holds
 */
#include "http/http1.h"

#include "base/check.h"
#include "http/http1_bytes.h"
#include "http/http_settings.h"

enum { CONNECTION_CLOSE = 1, CONNECTION_KEEP_ALIVE = 2, CONNECTION_UPGRADE = 4 };
enum { VERSION_BYTES = sizeof " HTTP/1.1" - 1 };

/* What is said when a header that may stand once stands twice; NULL where it may repeat. */
static const char *const said_twice[HTTP1_HEADER_COUNT] = {
#define ONCE(name)          "the header \"" name "\" was sent twice",
#define LIST(name)          NULL,
#define X(id, name, repeat) repeat(name)
#include "http/http1_known.def"
#undef X
#undef ONCE
#undef LIST
};

static bool refuse(struct http1 *parser, enum error error, const char *sentence)
{
    parser->error = error;
    parser->sentence = sentence;
    return false;
}

static bool refuse_parse(struct http1 *parser, const char *sentence)
{
    return refuse(parser, ERROR_PARSE, sentence);
}

static bool eq_nocase(struct slice text, const char *lower_case, size_t len)
{
    return text.len == len && slice_eq_nocase(text, slice_of(lower_case, len));
}

#define EQ_NOCASE(text, literal) eq_nocase(text, literal, sizeof(literal) - 1)

static struct slice trim(struct slice text)
{
    const char *begin = text.ptr;
    const char *end = text.ptr + text.len;
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (begin < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return slice_of(begin, (size_t)(end - begin));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether the text ends in " HTTP/" digit "." digit. */
static bool ends_in_version(struct slice text)
{
    if (text.len <= VERSION_BYTES)
        return false;
    const char *tail = text.ptr + text.len - VERSION_BYTES;
    return memcmp(tail, " HTTP/", 6) == 0 && is_digit(tail[6]) && tail[7] == '.' && is_digit(tail[8]);
}

/* Cuts " HTTP/1.1" off the end of what follows the method. */
static bool read_version(struct http1 *parser, struct slice *rest, struct http1_head *head)
{
    if (UNLIKELY(!ends_in_version(*rest))) {
        if (rest->len && http1_bytes_are_target(*rest))
            return refuse(parser, ERROR_HTTP_VERSION, "the request line names no version; HTTP/1.1 is spoken here");
        return refuse_parse(parser, "the request line is not: method, space, target, space, HTTP/1.1");
    }
    const char *tail = rest->ptr + rest->len - VERSION_BYTES;
    if (tail[6] != '1')
        return refuse(parser, ERROR_HTTP_VERSION, "this version of HTTP is not spoken here; HTTP/1.1 is");
    head->minor_version = tail[8] != '0';
    rest->len -= VERSION_BYTES;
    return true;
}

static void split_query(struct slice target, struct http1_head *head)
{
    size_t mark = slice_index(target, '?');
    head->path = slice_of(target.ptr, mark);
    head->query = slice_from_index(target, mark + 1);
}

/* "http://host:port/path?query". An empty path means "/". */
static bool read_absolute_target(struct http1 *parser, struct http1_head *head)
{
    struct slice rest = head->target;
    size_t scheme = slice_index(rest, ':');
    struct slice name = slice_of(rest.ptr, scheme);
    rest = slice_from_index(rest, scheme);
    if ((!EQ_NOCASE(name, "http") && !EQ_NOCASE(name, "https")) || !slice_starts(rest, SLICE("://")))
        return refuse_parse(parser, "the request target is neither a path nor an http address");
    rest = slice_from_index(rest, 3);
    size_t authority = slice_index(rest, '/');
    size_t query = slice_index(rest, '?');
    if (query < authority)
        authority = query;
    head->host = slice_of(rest.ptr, authority);
    if (!http1_bytes_are_host(head->host))
        return refuse_parse(parser, "the request target has no valid host");
    split_query(slice_from_index(rest, authority), head);
    if (head->path.len == 0)
        head->path = SLICE("/");
    return true;
}

static bool read_target(struct http1 *parser, struct http1_head *head)
{
    struct slice target = head->target;
    if (!http1_bytes_are_target(target))
        return refuse_parse(parser, "the request target holds white space, a control or non-ASCII byte, or a fragment");
    if (head->method == HTTP_CONNECT) {
        head->host = target;
        if (!http1_bytes_are_host(target) || !is_digit(target.ptr[target.len - 1]) ||
            !memchr(target.ptr, ':', target.len))
            return refuse_parse(parser, "the target of CONNECT is not host:port");
        return true;
    }
    if (LIKELY(target.ptr[0] == '/')) {
        split_query(target, head);
        return true;
    }
    if (target.len == 1 && target.ptr[0] == '*') {
        head->path = target;
        return head->method == HTTP_OPTIONS || refuse_parse(parser, "the target * is for OPTIONS only");
    }
    return read_absolute_target(parser, head);
}

static bool read_request_line(struct http1 *parser, struct slice line, struct http1_head *head)
{
    size_t len = http1_bytes_span(line, HTTP1_BYTES_TOKEN);
    if (len == 0 || len == line.len || line.ptr[len] != ' ')
        return refuse_parse(parser, "the request line does not begin with a method and one space");
    head->method_text = slice_of(line.ptr, len);
    head->method = method_parse(head->method_text);
    head->target = slice_from_index(line, len + 1);
    return read_version(parser, &head->target, head) && read_target(parser, head);
}

/* One sequence of digits, nothing else: no sign, no list, no overflow. */
static bool read_content_length(struct http1 *parser, struct slice value, struct http1_head *head)
{
    int64_t length = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (!is_digit(value.ptr[i]))
            return refuse_parse(parser, "the content-length is not a number");
        if (__builtin_mul_overflow(length, 10, &length) || __builtin_add_overflow(length, value.ptr[i] - '0', &length))
            return refuse_parse(parser, "the content-length is too large a number");
    }
    if (value.len == 0)
        return refuse_parse(parser, "the content-length is empty");
    head->content_length = length;
    return true;
}

static bool read_transfer_encoding(struct http1 *parser, struct slice value, struct http1_head *head)
{
    if (head->minor_version == 0)
        return refuse_parse(parser, "HTTP/1.0 knows no transfer-encoding");
    if (!EQ_NOCASE(value, "chunked"))
        return refuse_parse(parser, "the transfer-encoding is not chunked");
    head->is_chunked = true;
    return true;
}

static void read_connection(struct http1 *parser, struct slice value)
{
    struct slice option;
    while (slice_split(&value, ',', &option)) {
        option = trim(option);
        if (EQ_NOCASE(option, "close"))
            parser->connection |= CONNECTION_CLOSE;
        else if (EQ_NOCASE(option, "keep-alive"))
            parser->connection |= CONNECTION_KEEP_ALIVE;
        else if (EQ_NOCASE(option, "upgrade"))
            parser->connection |= CONNECTION_UPGRADE;
    }
}

/* An absolute target has named the host before; an empty Host is allowed (RFC 9110 section 7.2). */
static bool read_host(struct http1 *parser, struct slice value, struct http1_head *head)
{
    if (value.len && !http1_bytes_are_host(value))
        return refuse_parse(parser, "the host is not a valid host");
    if (!head->host.ptr)
        head->host = value;
    return true;
}

/* The headers that mean something to the connection itself. */
static bool read_known(struct http1 *parser, enum http1_known known, struct slice value, struct http1_head *head)
{
    if (!head->known[known])
        head->known[known] = (uint8_t)head->count;
    else if (said_twice[known])
        return refuse_parse(parser, said_twice[known]);
    switch (known) {
    case HTTP1_HEADER_HOST: return read_host(parser, value, head);
    case HTTP1_HEADER_CONTENT_LENGTH: return read_content_length(parser, value, head);
    case HTTP1_HEADER_TRANSFER_ENCODING: return read_transfer_encoding(parser, value, head);
    case HTTP1_HEADER_CONNECTION: read_connection(parser, value); return true;
    case HTTP1_HEADER_EXPECT:
        head->expect_continue |= head->minor_version > 0 && EQ_NOCASE(value, "100-continue");
        return true;
    default: return true;
    }
}

static const char *name_fault(struct slice line, size_t token)
{
    if (token == line.len)
        return "a header line has no colon";
    bool is_blank = line.ptr[token] == ' ' || line.ptr[token] == '\t';
    if (token == 0 && is_blank)
        return "a header line begins with white space";
    if (token == 0 && line.ptr[0] == ':')
        return "a header has no name";
    return is_blank ? "white space stands before the colon of a header" : "a header's name holds an invalid byte";
}

static bool read_header(struct http1 *parser, struct slice line, struct http1_head *head)
{
    size_t len = http1_bytes_span(line, HTTP1_BYTES_TOKEN);
    if (UNLIKELY(len == 0 || len == line.len || line.ptr[len] != ':'))
        return refuse_parse(parser, name_fault(line, len));
    struct slice name = slice_of(line.ptr, len);
    struct slice value = trim(slice_of(line.ptr + len + 1, line.len - len - 1));
    if (UNLIKELY(!http1_bytes_are_value(value)))
        return refuse_parse(parser, "a header's value holds a control byte");
    if (UNLIKELY(head->count >= HTTP1_HEADERS_MAX || head->count >= parser->limits->header_count))
        return refuse(parser, ERROR_HEADERS_TOO_LARGE, "the request has too many headers");
    head->headers[head->count++] = (struct http1_header){name, value};
    enum http1_known known = http1_known_find(name);
    return known == HTTP1_HEADER_COUNT || read_known(parser, known, value, head);
}

/* What only the whole head can tell. */
static bool finish(struct http1 *parser, struct http1_head *head)
{
    if (head->minor_version > 0 && !http1_head_has(head, HTTP1_HEADER_HOST))
        return refuse_parse(parser, "the request has no host header");
    if (head->is_chunked && head->content_length >= 0)
        return refuse_parse(parser, "the request has both a content-length and a transfer-encoding");
    bool wants_close = parser->connection & CONNECTION_CLOSE;
    bool wants_keep = head->minor_version > 0 || (parser->connection & CONNECTION_KEEP_ALIVE);
    head->keep_alive = wants_keep && !wants_close;
    head->upgrade = head->minor_version > 0 && (parser->connection & CONNECTION_UPGRADE) &&
                    http1_head_has(head, HTTP1_HEADER_UPGRADE);
    return true;
}

/* Holds the line that ends at `end` (with its CR; or, not ended yet, all there is) to the limits. */
static bool check_limits(struct http1 *parser, size_t end)
{
    if (parser->headers_begin == 0)
        return end - parser->line <= parser->limits->request_line_bytes + 1 ||
               refuse(parser, ERROR_URI_TOO_LONG, "the request line is too long");
    return end + 1 - parser->headers_begin <= parser->limits->header_bytes ||
           refuse(parser, ERROR_HEADERS_TOO_LARGE, "the headers are too large");
}

static bool read_line(struct http1 *parser, struct slice line, struct http1_head *head)
{
    if (parser->headers_begin)
        return read_header(parser, line, head);
    if (line.len == 0) {
        if (parser->skipped_empty)
            return refuse_parse(parser, "more than one empty line stands before the request");
        parser->skipped_empty = true;
        return true;
    }
    if (!read_request_line(parser, line, head))
        return false;
    parser->headers_begin = parser->scanned;
    return true;
}

static void start(struct http1 *parser, const char *base, struct http1_head *head)
{
    http1_init(parser, parser->limits);
    parser->base = base;
    memset(head, 0, offsetof(struct http1_head, headers));
    head->content_length = -1;
}

void http1_init(struct http1 *parser, const struct http_limits *limits)
{
    *parser = (struct http1){.limits = limits};
}

enum http1_result http1_parse_head(struct http1 *parser, struct slice buffered, struct http1_head *head)
{
    if (buffered.len == 0)
        return HTTP1_NEED_MORE;
    if (parser->base != buffered.ptr)
        start(parser, buffered.ptr, head);
    CHECK(parser->scanned <= buffered.len, "bytes that were shown to the parser stay");
    for (;;) {
        const char *lf = memchr(buffered.ptr + parser->scanned, '\n', buffered.len - parser->scanned);
        size_t end = lf ? (size_t)(lf - buffered.ptr) : buffered.len;
        if (UNLIKELY(!check_limits(parser, end)))
            return HTTP1_REFUSED;
        if (!lf) {
            parser->scanned = buffered.len;
            return HTTP1_NEED_MORE;
        }
        if (UNLIKELY(end == parser->line || lf[-1] != '\r')) {
            refuse_parse(parser, "a line ends without CR");
            return HTTP1_REFUSED;
        }
        struct slice line = slice_of(buffered.ptr + parser->line, end - 1 - parser->line);
        parser->line = parser->scanned = end + 1;
        if (line.len == 0 && parser->headers_begin) {
            parser->consumed = end + 1;
            return finish(parser, head) ? HTTP1_DONE : HTTP1_REFUSED;
        }
        if (!read_line(parser, line, head))
            return HTTP1_REFUSED;
    }
}

static size_t joined_size(const struct http1_head *head, enum http1_known known)
{
    struct slice name = http1_known_name(known);
    size_t size = 0;
    for (unsigned i = head->known[known] - 1u; i < head->count; i++)
        if (slice_eq_nocase(head->headers[i].name, name))
            size += head->headers[i].value.len + 2;
    return size;
}

enum error http1_head_joined(const struct http1_head *head, enum http1_known known, struct arena *arena,
                             struct slice *out)
{
    struct slice first = http1_head_value(head, known);
    size_t size = first.ptr ? joined_size(head, known) : 0;
    if (size <= first.len + 2) {
        *out = first;
        return OK;
    }
    char *text = arena_alloc(arena, size);
    if (!text)
        return ERROR_MEMORY;
    size_t len = 0;
    for (unsigned i = head->known[known] - 1u; i < head->count; i++) {
        const struct http1_header *header = &head->headers[i];
        if (!slice_eq_nocase(header->name, http1_known_name(known)))
            continue;
        memcpy(text + len, header->value.ptr, header->value.len);
        len += header->value.len;
        memcpy(text + len, ", ", 2);
        len += 2;
    }
    *out = slice_of(text, len - 2);
    return OK;
}

struct slice http1_head_find(const struct http1_head *head, struct slice name)
{
    for (unsigned i = 0; i < head->count; i++)
        if (slice_eq_nocase(head->headers[i].name, name))
            return head->headers[i].value;
    return (struct slice){NULL, 0};
}
