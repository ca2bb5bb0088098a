/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of every page.
 *
 * A page is literals of this program with texts between them that htmlwrite_text() has made harmless. Nothing is
 * loaded, nothing is run: the policy names the one style by its digest, says where a form may be sent, and to be shown
 * in no frame. */
#include "api/page.h"

#include "base/base64.h"
#include "base/digest.h"
#include "base/htmlwrite.h"
#include "http/exchange.h"
#include "http/http1.h"
#include "http/negotiate.h"

#define STYLE                                                                                                          \
    "*{box-sizing:border-box}"                                                                                         \
    "html{color-scheme:light dark}"                                                                                    \
    "body{margin:0;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"                                         \
    "main{max-width:28rem;margin:0 auto;padding:1.5rem 1rem}"                                                          \
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}"                                                            \
    "h2{font-size:1rem;margin:0}"                                                                                      \
    "label{display:block;font-weight:600;margin:1rem 0 .25rem}"                                                        \
    "input,button{font:inherit;width:100%;padding:.6rem;border:1px solid;border-radius:.25rem}"                        \
    "button{margin:1rem 0 0;cursor:pointer}"                                                                           \
    ".problem{border:2px solid;border-radius:.25rem;padding:.75rem 1rem;margin:0 0 1rem}"                              \
    ".problem p{margin:.25rem 0 0}"                                                                                    \
    ".way{display:block;padding:.6rem;border:1px solid;border-radius:.25rem;text-align:center}"                        \
    "ul{padding-left:1.25rem}"                                                                                         \
    ":focus-visible{outline:3px solid;outline-offset:2px}"

enum { POLICY_BYTES = 512 };

void page_begin(struct buf *out, const char *title, struct slice app)
{
    buf_put_literal(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    buf_put_text(out, title);
    buf_put_literal(out, " - ");
    htmlwrite_text(out, app);
    buf_put_literal(out, "</title>\n<style>" STYLE "</style>\n</head>\n<body>\n<main>\n");
}

void page_put_capital(struct buf *out, struct slice text)
{
    char first = text.len > 0 ? text.ptr[0] : '\0';
    if (first >= 'a' && first <= 'z') {
        buf_put_byte(out, (char)(first - 'a' + 'A'));
        text = slice_from_index(text, 1);
    }
    htmlwrite_text(out, text);
}

/* Sentences to programs begin small and end without a dot. */
static void put_sentence(struct buf *out, struct slice text)
{
    page_put_capital(out, text);
    if (text.len > 0 && text.ptr[text.len - 1] != '.')
        buf_put_byte(out, '.');
}

void page_put_problem(struct buf *out, const char *problem)
{
    if (!problem)
        return;
    buf_put_literal(out, "<div class=\"problem\" role=\"alert\" id=\"problem\">\n<h2>There is a problem</h2>\n<p>");
    put_sentence(out, slice_from(problem));
    buf_put_literal(out, "</p>\n</div>\n");
}

static bool is_host(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_letter && !(byte >= '0' && byte <= '9') && byte != '.' && byte != '-' && byte != ':')
            return false;
    }
    return text.len > 0;
}

/* The origin of a redirect as a policy names it, else its scheme: an IPv6 address has no name there. */
static void put_source(struct buf *out, struct slice redirect)
{
    struct slice scheme = slice_of(redirect.ptr, slice_index(redirect, ':'));
    struct slice rest = slice_from_index(redirect, scheme.len);
    if (slice_starts(rest, SLICE("://"))) {
        struct slice host = slice_from_index(rest, 3);
        size_t end = 0;
        while (end < host.len && host.ptr[end] != '/' && host.ptr[end] != '?')
            end++;
        if (is_host(slice_of(host.ptr, end))) {
            buf_put_slice(out, slice_of(redirect.ptr, scheme.len + 3 + end));
            return;
        }
    }
    buf_put_slice(out, scheme);
    buf_put_byte(out, ':');
}

static enum error set_policy(struct exchange *x, struct slice redirect)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    struct slice hash;
    char *room = arena_alloc(x->arena, POLICY_BYTES);
    if (!room)
        return ERROR_MEMORY;
    struct buf policy = {.ptr = room, .cap = POLICY_BYTES, .limit_bytes = POLICY_BYTES};
    digest_sha256(SLICE(STYLE), digest);
    TRY(base64_encode_standard(slice_of((const char *)digest, sizeof digest), x->arena, &hash));
    buf_put_literal(&policy, "default-src 'none'; style-src 'sha256-");
    buf_put_slice(&policy, hash);
    buf_put_literal(&policy, "'; form-action 'self'");
    if (redirect.len > 0) {
        buf_put_byte(&policy, ' ');
        put_source(&policy, redirect);
    }
    buf_put_literal(&policy, "; base-uri 'none'; frame-ancestors 'none'");
    x->page_policy = buf_slice(&policy);
    return buf_error(&policy);
}

enum error page_end(struct exchange *x, struct slice redirect, int status)
{
    buf_put_literal(&x->body, "</main>\n</body>\n</html>\n");
    x->content_type = SLICE("text/html; charset=utf-8");
    exchange_add_header(x, "Cache-Control", SLICE("no-store"));
    exchange_status(x, status);
    TRY(set_policy(x, redirect));
    return buf_error(&x->body);
}

bool page_is_wanted(const struct exchange *x)
{
    struct slice accept = exchange_header(x, HTTP1_HEADER_ACCEPT);
    return negotiate_accept(accept, SLICE("text/html")) > negotiate_accept(accept, SLICE("application/json"));
}

/* Mistakes of the request are for whoever has written it, and what is the server's own failure is not told. */
static bool is_for_people(enum error error)
{
    int status = error_http_status(error);
    return error != ERROR_CANCELLED && error != ERROR_NOT_FOUND && ((status > 400 && status < 500) || status == 503);
}

enum error page_tell(struct exchange *x, enum error error, const struct page_trouble *trouble)
{
    struct buf *out = &x->body;
    if (error == OK || !is_for_people(error) || x->is_cut || !page_is_wanted(x))
        return error;
    exchange_reset_answer(x);
    if (error == ERROR_UNAUTHORIZED)
        exchange_challenge(x);
    page_begin(out, trouble->title, trouble->app);
    buf_put_literal(out, "<h1>");
    htmlwrite_text(out, slice_from(trouble->title));
    buf_put_literal(out, "</h1>\n");
    page_put_problem(out, x->diag.message ? x->diag.message : error_sentence(error));
    buf_put_literal(out, "<p><a class=\"way\" href=\"");
    htmlwrite_text(out, trouble->again);
    buf_put_literal(out, "\">Try again</a></p>\n");
    return page_end(x, SLICE(""), x->diag.http_status ? x->diag.http_status : error_http_status(error));
}
