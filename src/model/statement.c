/* SPDX-License-Identifier: Apache-2.0 */
/* Statements with named parameters.
 *
 * Idea: SQL need not be understood to find the names in it, only what is opaque: texts, quoted names, comments. The
 * statement is cut into pieces of five kinds, and each piece is copied or replaced. Words at depth 0 of the parentheses
 * say which kind of statement it is, and whether it returns rows.
 *
 * Both dialects are read alike, with what either of them quotes: '…' ("E'…'" with backslashes), "…", `…`,
 * $tag$…$tag$, -- and slash-star comments.
 *
 * Invariant: a name leads to exactly one placeholder, numbered from 1 in the order of the text. */
#include "model/statement.h"

#include <string.h>

#include "base/buf.h"

enum piece_kind { PIECE_OTHER, PIECE_OPAQUE, PIECE_WORD, PIECE_NAME, PIECE_END };

struct piece {
    enum piece_kind kind;
    struct slice text;
};

struct cutter {
    struct slice text;
    size_t at;
    struct statement_fault *fault;
};

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t word_length(struct slice rest)
{
    size_t length = 0;
    while (length < rest.len && (is_word_start(rest.ptr[length]) || (length > 0 && is_digit(rest.ptr[length]))))
        length++;
    return length;
}

static char byte_at(struct slice text, size_t at)
{
    return at < text.len ? text.ptr[at] : '\0';
}

/* The length of what begins and ends with `quote`, which is doubled inside; 0: it does not end. */
static size_t quoted_length(struct slice rest, char quote, bool has_backslashes)
{
    for (size_t i = 1; i < rest.len; i++) {
        if (has_backslashes && rest.ptr[i] == '\\')
            i++;
        else if (rest.ptr[i] == quote && byte_at(rest, i + 1) == quote)
            i++;
        else if (rest.ptr[i] == quote)
            return i + 1;
    }
    return 0;
}

static size_t find_from(struct slice text, size_t at, struct slice wanted)
{
    for (; at + wanted.len <= text.len; at++)
        if (memcmp(text.ptr + at, wanted.ptr, wanted.len) == 0)
            return at + wanted.len;
    return 0;
}

/* $tag$ … $tag$ */
static size_t dollar_length(struct slice rest, size_t tag_length)
{
    return find_from(rest, tag_length, slice_of(rest.ptr, tag_length));
}

/* The length of "$tag$" at the beginning; 0: there is none. */
static size_t dollar_tag(struct slice rest)
{
    size_t length = 1 + word_length(slice_from_index(rest, 1));
    return byte_at(rest, length) == '$' ? length + 1 : 0;
}

static enum error refuse(struct cutter *cutter, const char *message, const char *hint)
{
    *cutter->fault = (struct statement_fault){cutter->at, message, hint};
    return ERROR_VALIDATION;
}

static enum error take_opaque(struct cutter *cutter, size_t length, const char *message, struct piece *out)
{
    if (length == 0)
        return refuse(cutter, message, NULL);
    *out = (struct piece){PIECE_OPAQUE, slice_of(cutter->text.ptr + cutter->at, length)};
    cutter->at += length;
    return OK;
}

static enum error take(struct cutter *cutter, enum piece_kind kind, size_t length, struct piece *out)
{
    *out = (struct piece){kind, slice_of(cutter->text.ptr + cutter->at, length)};
    cutter->at += length;
    return OK;
}

/* E'…': the E is the last word, and all of it. */
static bool is_escape_text(const struct cutter *cutter)
{
    char before = cutter->at > 0 ? cutter->text.ptr[cutter->at - 1] : ' ';
    char earlier = cutter->at > 1 ? cutter->text.ptr[cutter->at - 2] : ' ';
    return (before == 'E' || before == 'e') && !is_word_start(earlier) && !is_digit(earlier);
}

static enum error take_name(struct cutter *cutter, struct slice rest, struct piece *out)
{
    if (byte_at(rest, 1) == ':')
        return take(cutter, PIECE_OTHER, 2, out);
    size_t length = word_length(slice_from_index(rest, 1));
    if (length == 0)
        return take(cutter, PIECE_OTHER, 1, out);
    size_t member = byte_at(rest, length + 1) == '.' ? word_length(slice_from_index(rest, length + 2)) : 0;
    return take(cutter, PIECE_NAME, 1 + length + (member > 0 ? member + 1 : 0), out);
}

static enum error take_dollar(struct cutter *cutter, struct slice rest, struct piece *out)
{
    static const char unclosed[] = "the text between dollars does not end";
    size_t tag = dollar_tag(rest);
    if (tag > 0)
        return take_opaque(cutter, dollar_length(rest, tag), unclosed, out);
    if (is_digit(byte_at(rest, 1)) || is_word_start(byte_at(rest, 1)))
        return refuse(cutter, "a parameter is written with a colon and its name", "as in :note");
    return take(cutter, PIECE_OTHER, 1, out);
}

static enum error next_piece(struct cutter *cutter, struct piece *out)
{
    struct slice rest = slice_from_index(cutter->text, cutter->at);
    *out = (struct piece){.kind = PIECE_END};
    if (rest.len == 0)
        return OK;
    char c = rest.ptr[0];
    switch (c) {
    case '\'': return take_opaque(cutter, quoted_length(rest, c, is_escape_text(cutter)), "the text does not end", out);
    case '"':
    case '`': return take_opaque(cutter, quoted_length(rest, c, false), "the quoted name does not end", out);
    case ':': return take_name(cutter, rest, out);
    case '$': return take_dollar(cutter, rest, out);
    case '?':
        if (is_digit(byte_at(rest, 1)))
            return refuse(cutter, "a parameter is written with a colon and its name", "as in :note");
        break;
    case '-':
        if (byte_at(rest, 1) == '-')
            return take(cutter, PIECE_OPAQUE, slice_index(rest, '\n'), out);
        break;
    case '/':
        if (byte_at(rest, 1) == '*')
            return take_opaque(cutter, find_from(rest, 2, SLICE("*/")), "the comment does not end", out);
        break;
    default: break;
    }
    size_t length = word_length(rest);
    if (length > 0)
        return take(cutter, PIECE_WORD, length, out);
    while (is_digit(byte_at(rest, length)))
        length++;
    return take(cutter, PIECE_OTHER, length ? length : 1, out);
}

struct parse {
    struct cutter cutter;
    struct buf sql[2];
    struct statement_name *names;
    size_t name_count;
    int depth;
    bool has_begun, has_verb, has_ended;
    bool returns_rows;
    size_t returned_begin, returned_end; /* 0: not yet */
};

static bool is_one_of(struct slice word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_nocase(word, slice_from(words[i])))
            return true;
    return false;
}

static enum error see_word(struct parse *parse, struct slice word)
{
    static const char *const queries[] = {"select", "values"};
    static const char *const writes[] = {"insert", "update", "delete", "replace", "merge"};
    bool is_query = is_one_of(word, queries, ARRAY_LEN(queries));
    bool is_verb = is_query || is_one_of(word, writes, ARRAY_LEN(writes));
    if (!parse->has_begun && !is_verb && !slice_eq_nocase(word, SLICE("with"))) {
        parse->cutter.at -= word.len;
        return refuse(&parse->cutter, "a step is a select, an insert, an update or a delete",
                      "transactions begin and end around the steps by themselves");
    }
    parse->has_begun = true;
    if (parse->depth > 0)
        return OK;
    if (is_verb && !parse->has_verb) {
        parse->has_verb = true;
        parse->returns_rows = is_query;
        parse->returned_begin = parse->cutter.at;
    }
    if (slice_eq_nocase(word, SLICE("from")) && parse->returned_end == 0)
        parse->returned_end = parse->cutter.at - word.len;
    if (slice_eq_nocase(word, SLICE("returning"))) {
        parse->returns_rows = true;
        parse->returned_begin = parse->cutter.at;
        parse->returned_end = parse->cutter.text.len;
    }
    return OK;
}

static enum error see_other(struct parse *parse, char c)
{
    if (c == '(')
        parse->depth++;
    else if (c == ')')
        parse->depth--;
    else if (c == ';')
        parse->has_ended = true;
    return OK;
}

static enum error add_name(struct parse *parse, const struct piece *piece)
{
    if (parse->name_count == STATEMENT_NAMES_MAX)
        return refuse(&parse->cutter, "a statement has at most 500 parameters", NULL);
    struct slice text = slice_from_index(piece->text, 1);
    parse->names[parse->name_count++] =
        (struct statement_name){text, (size_t)(piece->text.ptr - parse->cutter.text.ptr)};
    buf_put_byte(&parse->sql[DIALECT_SQLITE], '?');
    buf_put_byte(&parse->sql[DIALECT_POSTGRES], '$');
    for (size_t i = 0; i < ARRAY_LEN(parse->sql); i++)
        buf_put_int(&parse->sql[i], (int64_t)parse->name_count);
    return OK;
}

static bool is_blank(const struct piece *piece)
{
    char c = piece->text.len ? piece->text.ptr[0] : ' ';
    bool is_comment = piece->kind == PIECE_OPAQUE && (c == '-' || c == '/');
    return is_comment || (piece->kind == PIECE_OTHER && (c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == ';'));
}

static enum error see(struct parse *parse, const struct piece *piece)
{
    if (parse->has_ended && !is_blank(piece)) {
        parse->cutter.at -= piece->text.len;
        return refuse(&parse->cutter, "a step is one statement", "write the next one as a step of its own");
    }
    if (piece->kind == PIECE_NAME)
        return add_name(parse, piece);
    for (size_t i = 0; i < ARRAY_LEN(parse->sql); i++)
        buf_put_slice(&parse->sql[i], piece->text);
    if (piece->kind == PIECE_WORD)
        return see_word(parse, piece->text);
    return piece->kind == PIECE_OTHER ? see_other(parse, piece->text.ptr[0]) : OK;
}

static enum error parse_all(struct parse *parse)
{
    struct piece piece;
    do {
        TRY(next_piece(&parse->cutter, &piece));
        if (piece.kind != PIECE_END)
            TRY(see(parse, &piece));
    } while (piece.kind != PIECE_END);
    if (parse->has_verb)
        return OK;
    parse->cutter.at = 0;
    return refuse(&parse->cutter, "there is no statement here", NULL);
}

static enum error finish(struct parse *parse, struct arena *arena, struct statement *out)
{
    for (size_t i = 0; i < ARRAY_LEN(parse->sql); i++) {
        out->sql[i] = arena_slice(arena, buf_slice(&parse->sql[i]));
        if (buf_failed(&parse->sql[i]) || !out->sql[i].ptr)
            return ERROR_MEMORY;
    }
    out->names = parse->names;
    out->name_count = parse->name_count;
    out->returns_rows = parse->returns_rows;
    size_t end = parse->returned_end ? parse->returned_end : parse->cutter.text.len;
    if (parse->returns_rows)
        out->returned = slice_of(parse->cutter.text.ptr + parse->returned_begin, end - parse->returned_begin);
    return OK;
}

enum error statement_parse(struct slice text, struct arena *arena, struct statement_fault *fault, struct statement *out)
{
    struct parse parse = {.cutter = {.text = text, .fault = fault}};
    if (text.len > STATEMENT_BYTES_MAX)
        return refuse(&parse.cutter, "a statement holds at most 64 KiB", NULL);
    size_t colons = 0;
    for (size_t i = 0; i < text.len; i++)
        colons += text.ptr[i] == ':';
    parse.names =
        arena_array(arena, colons < STATEMENT_NAMES_MAX ? colons + 1 : STATEMENT_NAMES_MAX, sizeof *parse.names);
    if (!parse.names)
        return ERROR_MEMORY;
    for (size_t i = 0; i < ARRAY_LEN(parse.sql); i++)
        buf_init(&parse.sql[i], 4 * STATEMENT_BYTES_MAX);
    enum error error = parse_all(&parse);
    if (error == OK)
        error = finish(&parse, arena, out);
    for (size_t i = 0; i < ARRAY_LEN(parse.sql); i++)
        buf_fini(&parse.sql[i]);
    return error;
}

bool statement_mentions(struct slice sql, struct slice word)
{
    struct statement_fault fault;
    struct cutter cutter = {.text = sql, .fault = &fault};
    struct piece piece;
    while (next_piece(&cutter, &piece) == OK && piece.kind != PIECE_END) {
        bool is_quoted_name = piece.kind == PIECE_OPAQUE && (piece.text.ptr[0] == '"' || piece.text.ptr[0] == '`');
        struct slice text = is_quoted_name ? slice_of(piece.text.ptr + 1, piece.text.len - 2) : piece.text;
        if ((is_quoted_name || piece.kind == PIECE_WORD) && slice_eq_nocase(text, word))
            return true;
    }
    return false;
}
