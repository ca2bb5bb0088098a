/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_PAGE_H
#define API_PAGE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

struct exchange;

/* Pages for people: plain HTML without a script, that a screen reader and a screen of 320 pixels can show. Whatever is
 * given here is shown as text. */

/* Begins a page; `title` is for the tab, behind it stands the app's name. Errors of these two are the buffer's. */
void page_begin(struct buf *out, const char *title, struct slice app);
/* A text with a capital first. */
void page_put_capital(struct buf *out, struct slice text);
/* A box that is read out first; NULL: none. */
void page_put_problem(struct buf *out, const char *problem);
/* Ends the page that the body of the answer holds. Its form may be sent here, and lead to `redirect`; empty: nowhere
 * else. Errors: ERROR_MEMORY, ERROR_LIMIT. */
MUST_USE enum error page_end(struct exchange *x, struct slice redirect, int status);

/* Whether the client is a browser that shows the answer to somebody: it wants HTML more than JSON. */
bool page_is_wanted(const struct exchange *x);

struct page_trouble {
    const char *title;
    struct slice app;
    struct slice again; /* where to begin anew */
};
/* Answers an error with a page where somebody sees it and can do something about it, else returns it. */
MUST_USE enum error page_tell(struct exchange *x, enum error error, const struct page_trouble *trouble);

#endif
