/* SPDX-License-Identifier: Apache-2.0 */
/* Where the tokens of SQL begin and end.
 *
 * What differs between the dialects: PostgreSQL nests comments, knows E'…' with backslashes (also in the parts that
 * continue it behind a newline) and $tag$…$tag$; SQLite knows [names] and `names`. Inside a word neither begins: what
 * follows `a` in a$b$ or ae'…' is decided by the longest word.
 *
 * Invariants
 *   (1) every byte of the text is in one token or is white space between two
 *   (2) each call takes time in proportion to the bytes it passes; after a fault the reader stands at the end */
#include "data/sqltoken.h"

#include "base/attr.h"

static unsigned char byte_at(const struct sqltoken_reader *reader, size_t at)
{
    return at < reader->text.len ? (unsigned char)reader->text.ptr[at] : 0;
}

static bool is_space(unsigned char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool begins_word(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 0x80;
}

static bool is_digit(unsigned char byte)
{
    return byte >= '0' && byte <= '9';
}

void sqltoken_init(struct sqltoken_reader *reader, struct slice text, enum dialect dialect)
{
    *reader = (struct sqltoken_reader){.text = text, .dialect = dialect, .line = 1};
    if (slice_starts(text, SLICE("\xEF\xBB\xBF")))
        reader->at = 3;
}

static size_t word_end(const struct sqltoken_reader *reader, size_t at)
{
    while (begins_word(byte_at(reader, at)) || is_digit(byte_at(reader, at)) || byte_at(reader, at) == '$')
        at++;
    return at;
}

/* Behind the quote that closes what begins at `at`; 0 when none does. A doubled quote is a quote. */
static size_t quote_end(const struct sqltoken_reader *reader, size_t at, char quote, bool has_escapes)
{
    for (at++; at < reader->text.len; at++) {
        if (reader->text.ptr[at] == '\\' && has_escapes)
            at++;
        else if (reader->text.ptr[at] == quote && byte_at(reader, at + 1) == (unsigned char)quote)
            at++;
        else if (reader->text.ptr[at] == quote)
            return at + 1;
    }
    return 0;
}

/* Where the next part of a string stands that PostgreSQL continues behind white space with a newline; 0: nowhere. */
static size_t continued_at(const struct sqltoken_reader *reader, size_t at)
{
    bool has_newline = false;
    for (;;) {
        if (is_space(byte_at(reader, at))) {
            has_newline |= byte_at(reader, at) == '\n' || byte_at(reader, at) == '\r';
            at++;
        } else if (byte_at(reader, at) == '-' && byte_at(reader, at + 1) == '-') {
            while (at < reader->text.len && reader->text.ptr[at] != '\n')
                at++;
        } else {
            return has_newline && byte_at(reader, at) == '\'' ? at : 0;
        }
    }
}

static size_t escape_string_end(const struct sqltoken_reader *reader, size_t at)
{
    for (;;) {
        size_t end = quote_end(reader, at, '\'', true);
        if (end == 0)
            return 0;
        at = continued_at(reader, end);
        if (at == 0)
            return end;
    }
}

static size_t line_comment_end(const struct sqltoken_reader *reader, size_t at)
{
    return at + slice_index(slice_from_index(reader->text, at), '\n');
}

static size_t block_comment_end(const struct sqltoken_reader *reader, size_t at)
{
    size_t depth = 1;
    for (at += 2; at + 1 < reader->text.len; at++) {
        if (reader->text.ptr[at] == '*' && reader->text.ptr[at + 1] == '/') {
            at++;
            if (--depth == 0)
                return at + 1;
        } else if (reader->dialect == DIALECT_POSTGRES && reader->text.ptr[at] == '/' &&
                   reader->text.ptr[at + 1] == '*') {
            at++;
            depth++;
        }
    }
    return 0;
}

/* The length of the $tag$ that begins at `at`; 0 when none does. */
static size_t dollar_tag(const struct sqltoken_reader *reader, size_t at)
{
    size_t end = at + 1;
    if (begins_word(byte_at(reader, end)))
        while (begins_word(byte_at(reader, end)) || is_digit(byte_at(reader, end)))
            end++;
    return byte_at(reader, end) == '$' ? end + 1 - at : 0;
}

static size_t dollar_end(const struct sqltoken_reader *reader, size_t at, size_t tag)
{
    struct slice rest = slice_from_index(reader->text, at + tag);
    const char *close = rest.len ? memmem(rest.ptr, rest.len, reader->text.ptr + at, tag) : NULL;
    return close ? (size_t)(close - reader->text.ptr) + tag : 0;
}

/* Takes the bytes up to `end`; 0 is what the fault is said of, and takes all that is left. */
static void take(struct sqltoken_reader *reader, struct sqltoken *out, enum sqltoken_kind kind, size_t end,
                 const char *fault)
{
    out->kind = end ? kind : SQLTOKEN_FAULT;
    out->fault = end ? NULL : fault;
    out->text = slice_of(reader->text.ptr + reader->at, (end ? end : reader->text.len) - reader->at);
    for (struct slice rest = out->text; slice_index(rest, '\n') < rest.len;) {
        rest = slice_from_index(rest, slice_index(rest, '\n') + 1);
        reader->line++;
    }
    reader->at += out->text.len;
}

static bool take_quoted(struct sqltoken_reader *reader, struct sqltoken *out)
{
    static const char string_fault[] = "a string is not closed", name_fault[] = "a quoted name is not closed";
    size_t at = reader->at, tag;
    bool is_postgres = reader->dialect == DIALECT_POSTGRES;
    unsigned char byte = byte_at(reader, at);
    if (byte == '\'')
        take(reader, out, SQLTOKEN_STRING, quote_end(reader, at, '\'', false), string_fault);
    else if (is_postgres && (byte == 'e' || byte == 'E') && byte_at(reader, at + 1) == '\'')
        take(reader, out, SQLTOKEN_STRING, escape_string_end(reader, at + 1), string_fault);
    else if (is_postgres && byte == '$' && (tag = dollar_tag(reader, at)) != 0)
        take(reader, out, SQLTOKEN_STRING, dollar_end(reader, at, tag), "a dollar quote is not closed");
    else if (byte == '"' || (byte == '`' && !is_postgres))
        take(reader, out, SQLTOKEN_NAME, quote_end(reader, at, (char)byte, false), name_fault);
    else if (byte == '[' && !is_postgres) {
        size_t length = slice_index(slice_from_index(reader->text, at), ']');
        take(reader, out, SQLTOKEN_NAME, at + length < reader->text.len ? at + length + 1 : 0, name_fault);
    } else
        return false;
    return true;
}

static size_t number_end(const struct sqltoken_reader *reader, size_t at)
{
    do
        at = word_end(reader, at);
    while (byte_at(reader, at) == '.' && ++at);
    return at;
}

void sqltoken_next(struct sqltoken_reader *reader, struct sqltoken *out)
{
    while (reader->at < reader->text.len && is_space(byte_at(reader, reader->at)))
        reader->line += reader->text.ptr[reader->at++] == '\n';
    size_t at = reader->at;
    *out = (struct sqltoken){.kind = SQLTOKEN_END, .offset = at, .line = reader->line};
    out->text = slice_from_index(reader->text, at);
    if (at >= reader->text.len)
        return;
    unsigned char byte = byte_at(reader, at), next = byte_at(reader, at + 1);
    if (byte == 0)
        take(reader, out, SQLTOKEN_FAULT, 0, "there is a NUL byte");
    else if (byte == '-' && next == '-')
        take(reader, out, SQLTOKEN_COMMENT, line_comment_end(reader, at), NULL);
    else if (byte == '/' && next == '*')
        take(reader, out, SQLTOKEN_COMMENT, block_comment_end(reader, at), "a comment is not closed");
    else if (take_quoted(reader, out))
        return;
    else if (begins_word(byte))
        take(reader, out, SQLTOKEN_WORD, word_end(reader, at), NULL);
    else if (is_digit(byte))
        take(reader, out, SQLTOKEN_NUMBER, number_end(reader, at), NULL);
    else
        take(reader, out, SQLTOKEN_MARK, at + 1, NULL);
}

bool sqltoken_is_word(const struct sqltoken *token, const char *word)
{
    return token->kind == SQLTOKEN_WORD && slice_eq_nocase(token->text, slice_from(word));
}

bool sqltoken_is_mark(const struct sqltoken *token, char mark)
{
    return token->kind == SQLTOKEN_MARK && token->text.ptr[0] == mark;
}
