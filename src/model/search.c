/* SPDX-License-Identifier: Apache-2.0 */
/* Full-text search words. On SQLite each word becomes a quoted FTS5 string, in which nothing but the quote has a
 * meaning, so a caller cannot write operators, columns or wildcards. Words without a letter or a digit have no token
 * and would match nothing: they are left out. */
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

static void put_table(struct sql *sql, const struct resource *resource)
{
    char name[128];
    int length = snprintf(name, sizeof name, "_tenon_search_%.*s", SLICE_ARG(resource->name));
    sql_name(sql, slice_of(name, (size_t)length));
}

static enum error compile_sqlite(const struct resource *resource, struct slice words, struct arena *arena,
                                 struct sql *sql)
{
    struct slice match;
    TRY(search_match(words, arena, &match));
    sql_put(sql, "t0.rowid IN (SELECT rowid FROM ");
    put_table(sql, resource);
    sql_put(sql, " WHERE ");
    put_table(sql, resource);
    sql_put(sql, " MATCH ");
    sql_bind(sql, SQL_TEXT, value_text(match));
    sql_put(sql, ")");
    return OK;
}

void search_document(struct sql *sql, const struct resource *resource, const char *before)
{
    sql_put(sql, "to_tsvector('simple', tn_words(");
    for (size_t i = 0; i < resource->search_count; i++) {
        if (i > 0)
            sql_put(sql, " || ' ' || ");
        sql_put(sql, "coalesce(");
        buf_put_text(&sql->text, before);
        sql_name(sql, resource->search[i]->column);
        sql_put(sql, ", '')");
    }
    sql_put(sql, "))");
}

/* A word that holds several tokens is a phrase; the last word is a prefix. The server splits them as it did the rows,
 * so that what is a letter is decided in one place. */
static enum error compile_postgres(const struct resource *resource, struct slice words, struct sql *sql)
{
    struct slice word, next;
    size_t count = 0;
    bool has_next = next_word(&words, &next);
    search_document(sql, resource, "t0.");
    sql_put(sql, " @@ (");
    while (has_next) {
        word = next;
        has_next = next_word(&words, &next);
        while (has_next && !has_token(next))
            has_next = next_word(&words, &next);
        if (!has_token(word))
            continue;
        if (count++ > 0)
            sql_put(sql, " && ");
        buf_put_text(&sql->text, has_next ? "phraseto_tsquery('simple', tn_words(" : "tn_prefix(");
        sql_bind(sql, SQL_TEXT, value_text(word));
        buf_put_text(&sql->text, has_next ? "))" : ")");
    }
    sql_put(sql, ")");
    return count == 0 || count > SEARCH_WORDS_MAX ? ERROR_VALIDATION : OK;
}

enum error search_compile(const struct resource *resource, struct slice words, struct arena *arena, struct sql *sql)
{
    if (sql->dialect == DIALECT_POSTGRES)
        return compile_postgres(resource, words, sql);
    return compile_sqlite(resource, words, arena, sql);
}
