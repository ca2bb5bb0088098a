/* SPDX-License-Identifier: Apache-2.0 */
/* Suggestions for misspelt names by the edit distance of Damerau and Levenshtein (insert, delete, replace, swap two
 * neighbours), restricted to neighbours that are swapped once ("optimal string alignment").
 * A name is near when at most a third of the word's characters, and at least one, would have to change; a word longer
 * than SUGGEST_WORD_MAX has no near name, which bounds the work. */
#include "base/suggest.h"

#include <stdint.h>

void suggest_init(struct suggest *suggest, struct slice word)
{
    *suggest = (struct suggest){.word = word, .distance = (word.len < 6 ? 1 : word.len / 3) + 1};
}

static uint8_t min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return (uint8_t)(least < c ? least : c);
}

/* Three rolling rows of the table of distances: two ago, the last, the present. */
static size_t distance(struct slice a, struct slice b)
{
    uint8_t rows[3][SUGGEST_WORD_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= a.len; i++) {
        const uint8_t *before = rows[(i + 1) % 3], *last = rows[(i + 2) % 3];
        uint8_t *present = rows[i % 3];
        present[0] = (uint8_t)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned cost = a.ptr[i - 1] != b.ptr[j - 1];
            present[j] = min3(last[j] + 1u, present[j - 1] + 1u, last[j - 1] + cost);
            bool is_swap = i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1];
            if (is_swap && before[j - 2] + 1 < present[j])
                present[j] = (uint8_t)(before[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

void suggest_offer(struct suggest *suggest, struct slice name)
{
    if (suggest->word.len > SUGGEST_WORD_MAX || name.len > SUGGEST_WORD_MAX || name.len == 0)
        return;
    size_t away = distance(suggest->word, name);
    if (away >= suggest->distance || away >= name.len)
        return;
    suggest->best = name;
    suggest->distance = away;
}

void suggest_offer_text(struct suggest *suggest, const char *name)
{
    suggest_offer(suggest, slice_from(name));
}

void suggest_report(const struct suggest *suggest, struct diag *diag, struct place place, const char *what,
                    const char *hint)
{
    const char *word = diag_quote(diag, suggest->word);
    if (suggest->best.ptr)
        diag_at(diag, place, hint, "%s %s; did you mean \"%.*s\"?", what, word, SLICE_ARG(suggest->best));
    else
        diag_at(diag, place, hint, "%s %s", what, word);
}
