/* SPDX-License-Identifier: Apache-2.0 */
/* Full-text search words. Each word becomes a quoted FTS5 string, in which nothing but the quote has a meaning, so a
 * caller cannot write operators, columns or wildcards. Words without a letter or a digit have no token and would match
 * nothing: they are left out. */
#include "model/search.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_token_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* Cuts the next run without white space off `rest`. */
static bool next_word(struct slice *rest, struct slice *word)
{
    while (rest->len && is_space(rest->ptr[0]))
        *rest = slice_from_index(*rest, 1);
    size_t length = 0;
    while (length < rest->len && !is_space(rest->ptr[length]))
        length++;
    *word = slice_of(rest->ptr, length);
    *rest = slice_from_index(*rest, length);
    return length > 0;
}

static bool has_token(struct slice word)
{
    for (size_t i = 0; i < word.len; i++)
        if (is_token_byte(word.ptr[i]))
            return true;
    return false;
}

static void put_quoted(struct buf *out, struct slice word)
{
    buf_put_byte(out, '"');
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] == '"')
            buf_put_byte(out, '"');
        buf_put_byte(out, word.ptr[i]);
    }
    buf_put_byte(out, '"');
}

enum error search_match(struct slice words, struct arena *arena, struct slice *out)
{
    struct buf match;
    buf_init(&match, 64 * 1024);
    struct slice word;
    size_t count = 0;
    while (next_word(&words, &word)) {
        if (!has_token(word))
            continue;
        if (count++ > 0)
            buf_put_byte(&match, ' ');
        put_quoted(&match, word);
    }
    buf_put_byte(&match, '*');
    struct slice text = arena_slice(arena, buf_slice(&match));
    bool failed = buf_failed(&match) || !text.ptr;
    buf_fini(&match);
    if (count == 0 || count > SEARCH_WORDS_MAX)
        return ERROR_VALIDATION;
    if (failed)
        return ERROR_MEMORY;
    *out = text;
    return OK;
}

void search_table_name(struct sql *sql, const struct resource *resource)
{
    char name[128];
    int length = snprintf(name, sizeof name, "_tenon_search_%.*s", SLICE_ARG(resource->name));
    sql_name(sql, slice_of(name, (size_t)length));
}
