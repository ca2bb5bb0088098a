/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of OAuth: the frame is page.c's. A browser holds every step of an answered form to form-action, so the
 * place of the redirect stands in the policy too. */
#include "api/oauth_page.h"

#include "api/oauth.h"
#include "api/page.h"
#include "base/htmlwrite.h"
#include "base/percent.h"
#include "http/exchange.h"
#include "svc/provider.h"

static void begin_form(struct buf *out, const struct oauth_page *page)
{
    buf_put_literal(out, "<form method=\"post\" action=\"" OAUTH_AUTHORIZE "?");
    htmlwrite_text(out, page->query);
    buf_put_literal(out, "\">\n<input type=\"hidden\" name=\"form\" value=\"");
    htmlwrite_text(out, page->form);
    buf_put_literal(out, "\">\n");
}

/* ---- to sign in ---- */

/* With a capital, and spaces for what a name has instead. */
static void put_label(struct buf *out, struct slice name)
{
    struct slice word;
    for (bool is_first = true; slice_split(&name, '_', &word); is_first = false) {
        if (is_first) {
            page_put_capital(out, word);
            continue;
        }
        buf_put_byte(out, ' ');
        htmlwrite_text(out, word);
    }
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

/* Links, not forms: to begin changes nothing, and a form would be held to the places that the policy names. */
static void put_providers(struct buf *out, const struct oauth_page *page)
{
    for (size_t i = 0; i < page->provider_count; i++) {
        buf_put_literal(out, "<p><a class=\"way\" href=\"/auth/provider/");
        htmlwrite_text(out, page->providers[i].name);
        buf_put_literal(out, "?return=");
        percent_encode_query(out, page->again);
        buf_put_literal(out, "\">Sign in with ");
        put_label(out, page->providers[i].name);
        buf_put_literal(out, "</a></p>\n");
    }
}

enum error oauth_page_signin(struct exchange *x, const struct oauth_page *page, int status)
{
    struct buf *out = &x->body;
    page_begin(out, page->problem ? "Problem: sign in" : "Sign in", page->app);
    buf_put_literal(out, "<h1>Sign in to ");
    htmlwrite_text(out, page->app);
    buf_put_literal(out, "</h1>\n");
    page_put_problem(out, page->problem);
    buf_put_literal(out, "<p>You were sent here by <strong>");
    htmlwrite_text(out, page->client);
    buf_put_literal(out, "</strong>, which never sees your password.</p>\n");
    begin_form(out, page);
    put_login_input(out, page);
    buf_put_literal(out, "<button type=\"submit\">Sign in</button>\n</form>\n");
    put_providers(out, page);
    return page_end(x, page->redirect, status);
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
    page_begin(out, page->problem ? "Problem: allow access" : "Allow access", page->app);
    buf_put_literal(out, "<h1>Allow ");
    htmlwrite_text(out, page->client);
    buf_put_literal(out, " to act for you?</h1>\n");
    page_put_problem(out, page->problem);
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
                         "<p><a href=\"" OAUTH_AUTHORIZE "?");
    htmlwrite_text(out, page->other_query);
    buf_put_literal(out, "\">Sign in as somebody else</a></p>\n");
    return page_end(x, page->redirect, status);
}

enum error oauth_page_error(struct exchange *x, struct slice app, const char *sentence, int status)
{
    struct buf *out = &x->body;
    page_begin(out, "Problem: this cannot go on", app);
    buf_put_literal(out, "<h1>This cannot go on</h1>\n");
    page_put_problem(out, sentence);
    buf_put_literal(out, "<p>The program that sent you here has made a mistake. Nothing was given to it.</p>\n");
    return page_end(x, SLICE(""), status);
}
