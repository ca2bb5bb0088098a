/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes: one table of literals for what never varies, a function each for pagination and for errors.
 *
 * The cause of an internal error never reaches a client: a status of 500 carries the sentence of its table row and
 * nothing else.
 */
#include "api/envelope.h"

#include "api/api_settings.h"
#include "base/jsonwrite.h"
#include "base/timecode.h"
#include "http/exchange.h"
#include "http/http1.h"

void envelope_begin(const struct api_settings *settings, struct buf *out)
{
    static const struct slice begins[] = {
        [ENVELOPE_DATA] = SLICE_INIT("{\"data\":"),
        [ENVELOPE_SUCCESS] = SLICE_INIT("{\"success\":true,\"data\":"),
        [ENVELOPE_FULL] = SLICE_INIT("{\"data\":"),
        [ENVELOPE_PROBLEM] = SLICE_INIT(""),
    };
    buf_put_slice(out, begins[settings->envelope]);
}

static void put_number(struct buf *out, const char *key, int64_t number)
{
    buf_put_text(out, key);
    buf_put_int(out, number);
}

static int64_t page_count(const struct page *page)
{
    return (page->total + page->limit - 1) / page->limit;
}

static void put_next_cursor(struct buf *out, const struct page *page)
{
    buf_put_literal(out, "\"nextCursor\":");
    if (page->next_cursor.len)
        jsonwrite_string(out, page->next_cursor);
    else
        buf_put_literal(out, "null");
}

static void put_pagination(struct buf *out, const struct page *page)
{
    if (page->kind == PAGE_NUMBER)
        put_number(out, "{\"page\":", page->number);
    else if (page->kind == PAGE_OFFSET)
        put_number(out, "{\"offset\":", page->offset);
    put_number(out, page->kind == PAGE_CURSOR ? "{\"limit\":" : ",\"limit\":", page->limit);
    if (page->has_total)
        put_number(out, ",\"total\":", page->total);
    if (page->has_total && page->kind == PAGE_NUMBER)
        put_number(out, ",\"totalPages\":", page_count(page));
    buf_put_byte(out, ',');
    put_next_cursor(out, page);
    buf_put_byte(out, '}');
}

static void put_success_meta(struct buf *out, const struct page *page)
{
    buf_put_literal(out, ",\"meta\":{");
    if (page->has_total) {
        put_number(out, "\"total\":", page->total);
        buf_put_byte(out, ',');
    }
    if (page->kind == PAGE_NUMBER)
        put_number(out, "\"page\":", page->number);
    if (page->kind == PAGE_OFFSET)
        put_number(out, "\"offset\":", page->offset);
    put_number(out, page->kind == PAGE_CURSOR ? "\"limit\":" : ",\"limit\":", page->limit);
    buf_put_byte(out, ',');
    put_next_cursor(out, page);
    buf_put_byte(out, '}');
}

static void put_timestamp(struct buf *out, int64_t now_us)
{
    char text[TIMECODE_DATETIME_BYTES];
    timecode_format_datetime(now_us, text);
    buf_put_literal(out, "\"timestamp\":\"");
    buf_put(out, text, sizeof text);
    buf_put_byte(out, '"');
}

void envelope_end(const struct api_settings *settings, struct buf *out, const struct page *page, int64_t now_us)
{
    switch (settings->envelope) {
    case ENVELOPE_PROBLEM: return;
    case ENVELOPE_DATA:
        if (page) {
            buf_put_literal(out, ",\"pagination\":");
            put_pagination(out, page);
        }
        break;
    case ENVELOPE_SUCCESS:
        if (page)
            put_success_meta(out, page);
        break;
    case ENVELOPE_FULL:
        buf_put_literal(out, ",\"meta\":{");
        if (page) {
            buf_put_literal(out, "\"pagination\":");
            put_pagination(out, page);
            buf_put_byte(out, ',');
        }
        put_timestamp(out, now_us);
        buf_put_literal(out, "},\"error\":null");
        break;
    }
    buf_put_byte(out, '}');
}

static bool is_paging(struct slice pair)
{
    struct slice name = slice_of(pair.ptr, slice_index(pair, '='));
    return slice_eq_text(name, "page") || slice_eq_text(name, "offset") || slice_eq_text(name, "after");
}

/* One link: the request's own path and query, with another place in the list. */
static void put_link(struct buf *out, struct exchange *x, const char *relation, const char *parameter,
                     struct slice text, int64_t number)
{
    if (out->len > 0)
        buf_put_literal(out, ", ");
    buf_put_byte(out, '<');
    buf_put_slice(out, x->head->path);
    buf_put_byte(out, '?');
    struct slice rest = x->head->query;
    struct slice pair;
    while (slice_split(&rest, '&', &pair)) {
        if (pair.len == 0 || is_paging(pair))
            continue;
        buf_put_slice(out, pair);
        buf_put_byte(out, '&');
    }
    buf_put_text(out, parameter);
    buf_put_byte(out, '=');
    if (text.len)
        buf_put_slice(out, text);
    else
        buf_put_int(out, number);
    buf_put_literal(out, ">; rel=\"");
    buf_put_text(out, relation);
    buf_put_byte(out, '"');
}

static void put_number_links(struct buf *out, struct exchange *x, const struct page *page)
{
    const struct slice none = {NULL, 0};
    put_link(out, x, "first", "page", none, 1);
    if (page->number > 1)
        put_link(out, x, "prev", "page", none, page->number - 1);
    if (page->next_cursor.len)
        put_link(out, x, "next", "page", none, page->number + 1);
    if (page->has_total && page->total > 0)
        put_link(out, x, "last", "page", none, page_count(page));
}

static void put_offset_links(struct buf *out, struct exchange *x, const struct page *page)
{
    const struct slice none = {NULL, 0};
    put_link(out, x, "first", "offset", none, 0);
    if (page->offset > 0)
        put_link(out, x, "prev", "offset", none, page->offset > page->limit ? page->offset - page->limit : 0);
    if (page->next_cursor.len)
        put_link(out, x, "next", "offset", none, page->offset + page->limit);
    if (page->has_total && page->total > 0)
        put_link(out, x, "last", "offset", none, (page->total - 1) / page->limit * page->limit);
}

void envelope_list_headers(const struct api_settings *settings, struct exchange *x, const struct page *page)
{
    if (settings->envelope != ENVELOPE_PROBLEM)
        return;
    struct buf out;
    buf_init(&out, 64 * 1024);
    if (page->kind == PAGE_NUMBER)
        put_number_links(&out, x, page);
    else if (page->kind == PAGE_OFFSET)
        put_offset_links(&out, x, page);
    else if (page->next_cursor.len)
        put_link(&out, x, "next", "after", page->next_cursor, 0);
    if (out.len > 0 && !buf_failed(&out))
        exchange_add_header(x, "Link", buf_slice(&out));
    buf_clear(&out);
    if (page->has_total) {
        buf_put_int(&out, page->total);
        exchange_add_header(x, "X-Total-Count", buf_slice(&out));
    }
    buf_fini(&out);
}

/* What a client is told; an internal error tells nothing but its row. */
struct told {
    enum error error;
    int status;
    const char *code;
    const char *message;
    const char *hint;
    const struct diag_item *items;
};

static struct told told_of(const struct exchange *x, enum error error)
{
    struct told told = {.error = error,
                        .status = error_http_status(error),
                        .code = error_code(error),
                        .message = error_sentence(error)};
    if (told.status == 500)
        return told;
    if (x->diag.code) {
        told.code = x->diag.code;
        told.status = x->diag.http_status;
    }
    if (x->diag.message)
        told.message = x->diag.message;
    told.hint = x->diag.hint;
    told.items = x->diag.first;
    for (const struct diag_item *item = told.items; item && !told.hint; item = item->next)
        told.hint = item->hint;
    return told;
}

/* A field is named once, by its first mistake. */
static bool is_first_of_field(const struct diag_item *items, const struct diag_item *item)
{
    if (!item->field)
        return false;
    for (const struct diag_item *earlier = items; earlier != item; earlier = earlier->next)
        if (earlier->field && slice_eq_text(slice_from(earlier->field), item->field))
            return false;
    return true;
}

static void put_field_map(struct buf *out, const struct told *told)
{
    const char *separator = ",\"fields\":{";
    const char *end = "";
    for (const struct diag_item *item = told->items; item; item = item->next) {
        if (!is_first_of_field(told->items, item))
            continue;
        buf_put_text(out, separator);
        jsonwrite_string(out, slice_from(item->field));
        buf_put_byte(out, ':');
        jsonwrite_string(out, slice_from(item->message));
        separator = ",";
        end = "}";
    }
    buf_put_text(out, end);
}

static void put_detail_list(struct buf *out, const struct told *told)
{
    const char *separator = "";
    buf_put_literal(out, ",\"details\":[");
    for (const struct diag_item *item = told->items; item; item = item->next) {
        if (!is_first_of_field(told->items, item))
            continue;
        buf_put_text(out, separator);
        buf_put_literal(out, "{\"field\":");
        jsonwrite_string(out, slice_from(item->field));
        buf_put_literal(out, ",\"message\":");
        jsonwrite_string(out, slice_from(item->message));
        buf_put_byte(out, '}');
        separator = ",";
    }
    buf_put_byte(out, ']');
}

/* "operations.1.title" as the JSON pointer "#/operations/1/title" (RFC 6901). */
static void put_pointer(struct buf *out, const char *field)
{
    buf_put_literal(out, "\"#/");
    for (; *field; field++) {
        if (*field == '~')
            buf_put_literal(out, "~0");
        else if (*field == '/')
            buf_put_literal(out, "~1");
        else if (*field == '"' || *field == '\\' || (unsigned char)*field < 0x20)
            buf_put_byte(out, '_');
        else
            buf_put_byte(out, *field == '.' ? '/' : *field);
    }
    buf_put_byte(out, '"');
}

static void put_problem_errors(struct buf *out, const struct told *told)
{
    const char *separator = ",\"errors\":[";
    const char *end = "";
    for (const struct diag_item *item = told->items; item; item = item->next) {
        if (!item->field)
            continue;
        buf_put_text(out, separator);
        buf_put_literal(out, "{\"pointer\":");
        put_pointer(out, item->field);
        buf_put_literal(out, ",\"detail\":");
        jsonwrite_string(out, slice_from(item->message));
        buf_put_byte(out, '}');
        separator = ",";
        end = "]";
    }
    buf_put_text(out, end);
}

static void put_member(struct buf *out, const char *key, const char *text)
{
    if (!text)
        return;
    buf_put_text(out, key);
    jsonwrite_string(out, slice_from(text));
}

static void put_error_object(struct buf *out, const struct told *told)
{
    put_member(out, "{\"code\":", told->code);
    put_member(out, ",\"message\":", told->message);
    put_member(out, ",\"hint\":", told->hint);
}

static void put_error_data(struct buf *out, const struct told *told, const struct exchange *x)
{
    buf_put_literal(out, "{\"error\":");
    put_error_object(out, told);
    put_field_map(out, told);
    buf_put_literal(out, "}}");
}

static void put_error_success(struct buf *out, const struct told *told, const struct exchange *x)
{
    put_member(out, "{\"success\":false,\"error\":", told->message);
    put_member(out, ",\"code\":", told->code);
    put_member(out, ",\"hint\":", told->hint);
    put_detail_list(out, told);
    buf_put_byte(out, '}');
}

static void put_error_full(struct buf *out, const struct told *told, const struct exchange *x)
{
    buf_put_literal(out, "{\"data\":null,\"meta\":{");
    put_timestamp(out, x->now_us);
    buf_put_literal(out, "},\"error\":");
    put_error_object(out, told);
    put_detail_list(out, told);
    buf_put_literal(out, "}}");
}

static void put_error_problem(struct buf *out, const struct told *told, const struct exchange *x)
{
    put_member(out, "{\"type\":\"about:blank\",\"title\":", error_sentence(told->error));
    buf_put_literal(out, ",\"status\":");
    buf_put_int(out, told->status);
    put_member(out, ",\"detail\":", told->message);
    put_member(out, ",\"hint\":", told->hint);
    put_member(out, ",\"code\":", told->code);
    put_problem_errors(out, told);
    buf_put_byte(out, '}');
}

void envelope_error(const struct api_settings *settings, struct exchange *x, enum error error)
{
    static void (*const writers[])(struct buf *, const struct told *, const struct exchange *) = {
        [ENVELOPE_DATA] = put_error_data,
        [ENVELOPE_SUCCESS] = put_error_success,
        [ENVELOPE_FULL] = put_error_full,
        [ENVELOPE_PROBLEM] = put_error_problem,
    };
    struct told told = told_of(x, error);
    exchange_reset_answer(x);
    exchange_status(x, told.status);
    if (settings->envelope == ENVELOPE_PROBLEM)
        x->content_type = SLICE("application/problem+json");
    if (error == ERROR_UNAUTHORIZED)
        exchange_challenge(x);
    writers[settings->envelope](&x->body, &told, x);
}
