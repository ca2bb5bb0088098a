/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

#include "base/diag.h"
#include "base/slice.h"

/* "Did you mean …?": the nearest of the names that were offered to a misspelt word. */
struct suggest {
    struct slice word;
    struct slice best; /* borrowed from whoever offered it; `ptr` NULL: none is near */
    size_t distance;   /* of `best`; at first the farthest that still counts as near */
};

enum { SUGGEST_WORD_MAX = 64 };

/* Begins with a misspelt word, which is borrowed. */
void suggest_init(struct suggest *suggest, struct slice word);
/* Offers a name that would have been right; of equally near ones the first stays. */
void suggest_offer(struct suggest *suggest, struct slice name);
void suggest_offer_text(struct suggest *suggest, const char *name);
/* Adds an error `<what> "<word>"; did you mean "<best>"?`, or without the question when nothing is near. */
void suggest_report(const struct suggest *suggest, struct diag *diag, struct place place, const char *what,
                    const char *hint);

#endif
