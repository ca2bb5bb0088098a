/* SPDX-License-Identifier: Apache-2.0 */
/* Lexer of the expression language: bytes to tokens, one at a time, without looking back.
 *
 * Idea: a token borrows its bytes from the text; only a literal with escapes is copied, decoded, into the arena. What
 * people bring from other languages (=, <>, &, and single or arithmetic signs) is recognised here so that the message
 * can say what to write instead.
 *
 * Invariants
 *   (1) each call consumes at least one byte or returns the end, so lexing is linear
 *   (2) a text token is valid UTF-8 without NUL, provided that the whole text is valid UTF-8 (expr_parse() sees to it)
 */
#include "model/expr_lex.h"

#include <stdbool.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "model/expr_node.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_part(char c)
{
    return is_name_start(c) || is_digit(c);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char peek(const struct expr_lexer *lexer, size_t ahead)
{
    size_t at = lexer->next + ahead;
    return at < lexer->text.len ? lexer->text.ptr[at] : '\0';
}

static enum error refuse(struct expr_lexer *lexer, size_t at, const char *hint, const char *message)
{
    expr_fault(&lexer->place, lexer->diag, (unsigned)at, hint, "%s", message);
    return ERROR_VALIDATION;
}

/* A name with its dots: each part begins with a letter or an underscore. */
static enum error lex_name(struct expr_lexer *lexer, struct expr_token *out)
{
    size_t start = lexer->next;
    for (;;) {
        while (is_name_part(peek(lexer, 0)))
            lexer->next++;
        if (peek(lexer, 0) != '.')
            break;
        if (!is_name_start(peek(lexer, 1)))
            return refuse(lexer, lexer->next, NULL, "a name must follow the dot");
        lexer->next++;
    }
    out->kind = EXPR_TOKEN_NAME;
    out->text = slice_of(lexer->text.ptr + start, lexer->next - start);
    return OK;
}

static int64_t unit_us(char unit)
{
    switch (unit) {
    case 's': return 1000000;
    case 'm': return 60 * (int64_t)1000000;
    case 'h': return 3600 * (int64_t)1000000;
    case 'd': return 86400 * (int64_t)1000000;
    case 'w': return 604800 * (int64_t)1000000;
    default: return 0;
    }
}

/* Beyond this a span leaves the years that a datetime can hold. */
#define SPAN_MAX_US (INT64_C(1000) * 366 * 86400 * 1000000)

static enum error lex_span(struct expr_lexer *lexer, struct expr_token *out)
{
    int64_t unit = unit_us(peek(lexer, 0)), count = 0;
    if (unit == 0 || is_name_part(peek(lexer, 1)))
        return refuse(lexer, out->at, "a time span is a whole number and one of s m h d w, as in now - 7d",
                      "not a number");
    lexer->next++;
    for (size_t i = 0; i < out->text.len; i++) {
        if (!is_digit(out->text.ptr[i]))
            return refuse(lexer, out->at, "use a smaller unit", "a time span takes a whole number");
        count = count * 10 + (out->text.ptr[i] - '0');
        if (count > SPAN_MAX_US / unit)
            return refuse(lexer, out->at, NULL, "a time span of more than 1000 years");
    }
    out->kind = EXPR_TOKEN_SPAN;
    out->span_us = count * unit;
    return OK;
}

static enum error lex_number(struct expr_lexer *lexer, struct expr_token *out)
{
    size_t start = lexer->next;
    while (is_digit(peek(lexer, 0)))
        lexer->next++;
    if (peek(lexer, 0) == '.') {
        if (!is_digit(peek(lexer, 1)))
            return refuse(lexer, lexer->next, NULL, "a digit must follow the decimal point");
        lexer->next++;
        while (is_digit(peek(lexer, 0)))
            lexer->next++;
    }
    out->kind = EXPR_TOKEN_NUMBER;
    out->text = slice_of(lexer->text.ptr + start, lexer->next - start);
    return is_name_start(peek(lexer, 0)) ? lex_span(lexer, out) : OK;
}

/* The four digits after \u, or -1. */
static int32_t hex_four(const struct expr_lexer *lexer, size_t ahead)
{
    int32_t unit = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(peek(lexer, ahead + i));
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* \uXXXX, and a second one when the first is a high surrogate (as in JSON). lexer->next is behind the u. */
static enum error lex_unicode(struct expr_lexer *lexer, char *text, size_t *length)
{
    size_t at = lexer->next - 2;
    int32_t unit = hex_four(lexer, 0);
    if (unit < 0)
        return refuse(lexer, at, "as in \\u00e9", "\\u takes four hexadecimal digits");
    if (unit == 0)
        return refuse(lexer, at, NULL, "a text cannot hold NUL");
    lexer->next += 4;
    uint32_t point = (uint32_t)unit;
    if (unit >= 0xD800 && unit < 0xE000) {
        int32_t low = peek(lexer, 0) == '\\' && peek(lexer, 1) == 'u' ? hex_four(lexer, 2) : -1;
        if (unit >= 0xDC00 || low < 0xDC00 || low >= 0xE000)
            return refuse(lexer, at, "write the character itself", "half of a surrogate pair");
        lexer->next += 6;
        point = 0x10000 + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
    }
    *length += utf8_encode(point, text + *length);
    return OK;
}

static enum error lex_escape(struct expr_lexer *lexer, char *text, size_t *length)
{
    char letter = peek(lexer, 1);
    lexer->next += 2;
    switch (letter) {
    case '\'':
    case '"':
    case '\\': text[(*length)++] = letter; return OK;
    case 'n': text[(*length)++] = '\n'; return OK;
    case 't': text[(*length)++] = '\t'; return OK;
    case 'u': return lex_unicode(lexer, text, length);
    default:
        return refuse(lexer, lexer->next - 2, "known are \\' \\\" \\\\ \\n \\t and \\u00e9; write \\\\ for a backslash",
                      "unknown escape");
    }
}

/* Decodes what lies between the quotes; an escape is never shorter than what it stands for. */
static enum error decode_text(struct expr_lexer *lexer, size_t end, struct slice *out)
{
    char *text = arena_alloc(lexer->arena, end - lexer->next + 1);
    if (!text)
        return ERROR_MEMORY;
    size_t length = 0;
    while (lexer->next < end) {
        if (peek(lexer, 0) == '\\')
            TRY(lex_escape(lexer, text, &length));
        else
            text[length++] = lexer->text.ptr[lexer->next++];
    }
    *out = slice_of(text, length);
    return OK;
}

static enum error lex_text(struct expr_lexer *lexer, struct expr_token *out)
{
    char quote = peek(lexer, 0);
    size_t start = ++lexer->next, end = start;
    bool has_escapes = false;
    while (end < lexer->text.len && lexer->text.ptr[end] != quote) {
        if (lexer->text.ptr[end] == '\0')
            return refuse(lexer, end, NULL, "a text cannot hold NUL");
        bool is_escape = lexer->text.ptr[end] == '\\';
        has_escapes = has_escapes || is_escape;
        end += is_escape ? 2 : 1;
    }
    if (end >= lexer->text.len)
        return refuse(lexer, out->at, quote == '"' ? "close it with \"" : "close it with '", "this text does not end");
    out->kind = EXPR_TOKEN_TEXT;
    out->text = slice_of(lexer->text.ptr + start, end - start);
    if (has_escapes)
        TRY(decode_text(lexer, end, &out->text));
    lexer->next = end + 1;
    return OK;
}

static const struct sign {
    char text[3];
    enum expr_token_kind kind;
    const char *message; /* not NULL: there is no such operator */
    const char *hint;
} signs[] = {
    {"||", EXPR_TOKEN_OR, NULL, NULL},
    {"&&", EXPR_TOKEN_AND, NULL, NULL},
    {"==", EXPR_TOKEN_EQ, NULL, NULL},
    {"!=", EXPR_TOKEN_NE, NULL, NULL},
    {"<=", EXPR_TOKEN_LE, NULL, NULL},
    {">=", EXPR_TOKEN_GE, NULL, NULL},
    {"<>", EXPR_TOKEN_END, "there is no operator <>", "write !="},
    {"<", EXPR_TOKEN_LT, NULL, NULL},
    {">", EXPR_TOKEN_GT, NULL, NULL},
    {"!", EXPR_TOKEN_NOT, NULL, NULL},
    {"~", EXPR_TOKEN_TILDE, NULL, NULL},
    {"(", EXPR_TOKEN_OPEN, NULL, NULL},
    {")", EXPR_TOKEN_CLOSE, NULL, NULL},
    {"[", EXPR_TOKEN_LIST_OPEN, NULL, NULL},
    {"]", EXPR_TOKEN_LIST_CLOSE, NULL, NULL},
    {",", EXPR_TOKEN_COMMA, NULL, NULL},
    {"-", EXPR_TOKEN_MINUS, NULL, NULL},
    {"+", EXPR_TOKEN_ARITHMETIC, NULL, NULL},
    {"*", EXPR_TOKEN_ARITHMETIC, NULL, NULL},
    {"/", EXPR_TOKEN_ARITHMETIC, NULL, NULL},
    {"%", EXPR_TOKEN_ARITHMETIC, NULL, NULL},
    {"=", EXPR_TOKEN_END, "there is no operator =", "compare with =="},
    {"&", EXPR_TOKEN_END, "there is no operator &", "write &&"},
    {"|", EXPR_TOKEN_END, "there is no operator |", "write ||"},
};

static enum error lex_sign(struct expr_lexer *lexer, struct expr_token *out)
{
    struct slice rest = slice_from_index(lexer->text, lexer->next);
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        struct slice text = slice_from(signs[i].text);
        if (!slice_starts(rest, text))
            continue;
        if (signs[i].message)
            return refuse(lexer, out->at, signs[i].hint, signs[i].message);
        out->kind = signs[i].kind;
        out->text = text;
        lexer->next += text.len;
        return OK;
    }
    return refuse(lexer, out->at, "texts stand in quotes; names are letters, digits and underscores",
                  "unexpected character");
}

enum error expr_lex(struct expr_lexer *lexer, struct expr_token *out)
{
    while (is_space(peek(lexer, 0)))
        lexer->next++;
    *out = (struct expr_token){.kind = EXPR_TOKEN_END, .at = (unsigned)lexer->next};
    if (lexer->next >= lexer->text.len)
        return OK;
    char c = peek(lexer, 0);
    if (is_name_start(c))
        return lex_name(lexer, out);
    if (is_digit(c))
        return lex_number(lexer, out);
    if (c == '\'' || c == '"')
        return lex_text(lexer, out);
    return lex_sign(lexer, out);
}
