/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of OAuth.
 *
 * A page is literals of this file with texts between them that htmlwrite_text() has made harmless. Nothing is loaded,
 * nothing is run: the policy names the one style by its digest, says where the form may be sent, and to be shown in no
 * frame. A browser holds every step of an answered form to form-action, so the place of the redirect stands there too.
 */
#include "api/oauth_page.h"

#include "api/oauth.h"
#include "base/base64.h"
#include "base/digest.h"
#include "base/htmlwrite.h"
#include "http/exchange.h"

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
    "ul{padding-left:1.25rem}"                                                                                         \
    ":focus-visible{outline:3px solid;outline-offset:2px}"

enum { POLICY_BYTES = 512 };

/* ---- the frame of all pages ---- */

static void begin_page(struct buf *out, const char *title, struct slice app)
{
    buf_put_literal(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    buf_put_text(out, title);
    buf_put_literal(out, " - ");
    htmlwrite_text(out, app);
    buf_put_literal(out, "</title>\n<style>" STYLE "</style>\n</head>\n<body>\n<main>\n");
}

static void put_problem(struct buf *out, const char *problem)
{
    if (!problem)
        return;
    buf_put_literal(out, "<div class=\"problem\" role=\"alert\" id=\"problem\">\n<h2>There is a problem</h2>\n<p>");
    htmlwrite_text(out, slice_from(problem));
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

static enum error end_page(struct exchange *x, struct slice redirect, int status)
{
    buf_put_literal(&x->body, "</main>\n</body>\n</html>\n");
    x->content_type = SLICE("text/html; charset=utf-8");
    oauth_forbid_keeping(x);
    exchange_status(x, status);
    TRY(set_policy(x, redirect));
    return buf_error(&x->body);
}

static void begin_form(struct buf *out, const struct oauth_page *page)
{
    buf_put_literal(out, "<form method=\"post\" action=\"/oauth/authorize?");
    htmlwrite_text(out, page->query);
    buf_put_literal(out, "\">\n<input type=\"hidden\" name=\"form\" value=\"");
    htmlwrite_text(out, page->form);
    buf_put_literal(out, "\">\n");
}

/* ---- to sign in ---- */

/* With a capital, and spaces for what a name has instead. */
static void put_label(struct buf *out, struct slice name)
{
    char first = name.ptr[0];
    bool is_lower = first >= 'a' && first <= 'z';
    char upper = (char)(is_lower ? first - 'a' + 'A' : first);
    htmlwrite_text(out, slice_of(&upper, 1));
    for (size_t i = 1; i < name.len; i++)
        htmlwrite_text(out, name.ptr[i] == '_' ? SLICE(" ") : slice_of(name.ptr + i, 1));
}

static void put_login_input(struct buf *out, const struct oauth_page *page)
{
    buf_put_literal(out, "<label for=\"login\">");
    put_label(out, page->login_name);
    buf_put_literal(out, "</label>\n<input id=\"login\" name=\"login\" type=\"");
    buf_put_text(out, page->is_email ? "email" : "text");
    buf_put_literal(out, "\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"1000\" "
                         "required");
    buf_put_text(out, page->problem ? " aria-describedby=\"problem\"" : "");
    buf_put_literal(out, " value=\"");
    htmlwrite_text(out, page->login);
    buf_put_literal(out, "\">\n<label for=\"password\">Password</label>\n"
                         "<input id=\"password\" name=\"password\" type=\"password\" "
                         "autocomplete=\"current-password\" maxlength=\"1000\" required");
    buf_put_text(out, page->problem ? " aria-describedby=\"problem\"" : "");
    buf_put_literal(out, ">\n");
}

enum error oauth_page_signin(struct exchange *x, const struct oauth_page *page, int status)
{
    struct buf *out = &x->body;
    begin_page(out, page->problem ? "Problem: sign in" : "Sign in", page->app);
    buf_put_literal(out, "<h1>Sign in to ");
    htmlwrite_text(out, page->app);
    buf_put_literal(out, "</h1>\n");
    put_problem(out, page->problem);
    buf_put_literal(out, "<p>You were sent here by <strong>");
    htmlwrite_text(out, page->client);
    buf_put_literal(out, "</strong>, which never sees your password.</p>\n");
    begin_form(out, page);
    put_login_input(out, page);
    buf_put_literal(out, "<button type=\"submit\">Sign in</button>\n</form>\n");
    return end_page(x, page->redirect, status);
}

/* ---- to allow ---- */

/* "Read notes", of "notes:read". */
static void put_scope(struct buf *out, struct slice scope)
{
    static const struct word {
        const char *action, *word;
    } words[] = {{"read", "Read"},
                 {"create", "Add to"},
                 {"update", "Change"},
                 {"delete", "Delete from"},
                 {"*", "Do everything with"}};
    struct slice action = scope, of;
    buf_put_literal(out, "<li>");
    if (!slice_split(&action, ':', &of) || !action.ptr) {
        buf_put_literal(out, "Do everything that you may do");
    } else {
        size_t i = 0;
        while (i < ARRAY_LEN(words) && !slice_eq_text(action, words[i].action))
            i++;
        if (i < ARRAY_LEN(words)) {
            buf_put_text(out, words[i].word);
        } else {
            buf_put_literal(out, "Use \xe2\x80\x9c");
            htmlwrite_text(out, action);
            buf_put_literal(out, "\xe2\x80\x9d of");
        }
        buf_put_byte(out, ' ');
        htmlwrite_text(out, slice_eq_text(of, "*") ? SLICE("everything") : of);
    }
    buf_put_literal(out, " (<code>");
    htmlwrite_text(out, scope);
    buf_put_literal(out, "</code>)</li>\n");
}

static void put_scopes(struct buf *out, struct slice scopes)
{
    struct slice scope;
    buf_put_literal(out, "<ul>\n");
    while (scopes.len > 0 && slice_split(&scopes, ' ', &scope))
        put_scope(out, scope);
    buf_put_literal(out, "</ul>\n");
}

enum error oauth_page_consent(struct exchange *x, const struct oauth_page *page, int status)
{
    struct buf *out = &x->body;
    begin_page(out, page->problem ? "Problem: allow access" : "Allow access", page->app);
    buf_put_literal(out, "<h1>Allow ");
    htmlwrite_text(out, page->client);
    buf_put_literal(out, " to act for you?</h1>\n");
    put_problem(out, page->problem);
    buf_put_literal(out, "<p>You are signed in to ");
    htmlwrite_text(out, page->app);
    buf_put_literal(out, " as <strong>");
    htmlwrite_text(out, page->login);
    buf_put_literal(out, "</strong>. <strong>");
    htmlwrite_text(out, page->client);
    buf_put_literal(out, "</strong> asks to:</p>\n");
    put_scopes(out, page->scopes);
    buf_put_literal(out,
                    "<p>It can never do more than you can, and it never sees your password. You are sent to <code>");
    htmlwrite_text(out, page->redirect);
    buf_put_literal(out, "</code> then.</p>\n");
    begin_form(out, page);
    buf_put_literal(out, "<button type=\"submit\" name=\"decision\" value=\"allow\">Allow</button>\n"
                         "<button type=\"submit\" name=\"decision\" value=\"deny\">Deny</button>\n</form>\n"
                         "<p><a href=\"/oauth/authorize?");
    htmlwrite_text(out, page->other_query);
    buf_put_literal(out, "\">Sign in as somebody else</a></p>\n");
    return end_page(x, page->redirect, status);
}

enum error oauth_page_error(struct exchange *x, struct slice app, const char *sentence, int status)
{
    struct buf *out = &x->body;
    begin_page(out, "Problem: this cannot go on", app);
    buf_put_literal(out, "<h1>This cannot go on</h1>\n");
    put_problem(out, sentence);
    buf_put_literal(out, "<p>The program that sent you here has made a mistake. Nothing was given to it.</p>\n");
    return end_page(x, SLICE(""), status);
}
