/* SPDX-License-Identifier: Apache-2.0 */
/* The lexer and parser of a field's line.
 *
 *     spec      = type modifier* [ "=" token ]
 *     type      = WORD [ "(" arguments ")" ]
 *     arguments = [ NUMBER ] ".." [ NUMBER ]  |  token ( "," token )*  |  type          (the last one in list(…))
 *     modifier  = "required" | … | "on_delete" "(" WORD ")"
 *
 * Pure: it knows neither resources nor limits. A misspelt modifier is told and skipped, so that the other mistakes of
 * the line are found in the same run; a line whose shape is lost ends at its first error.
 *
 * Invariants
 *   (1) `next` only grows; a token's place is the line's place moved by its offset
 *   (2) list(…) is the only nesting, and only one level of it is read */
#include "model/fieldspec.h"

#include "base/suggest.h"
#include "model/expr_lex.h"

struct line {
    struct slice text;
    struct place place;
    struct arena *arena;
    struct diag *diag;
    size_t next;
    struct fieldspec_token token; /* the present one */
    bool has_fault;
};

static const struct modifier {
    const char *word;
    unsigned flag; /* 0: on_delete */
} modifiers[] = {
    {"required", FIELD_REQUIRED},
    {"unique", FIELD_UNIQUE},
    {"index", FIELD_INDEXED},
    {"readonly", FIELD_READONLY},
    {"hidden", FIELD_HIDDEN},
    {"immutable", FIELD_IMMUTABLE},
    {"on_delete", 0},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word_part(char c)
{
    return is_word_start(c) || is_digit(c) || c == '-';
}

static char peek(const struct line *line, size_t ahead)
{
    size_t at = line->next + ahead;
    return at < line->text.len ? line->text.ptr[at] : '\0';
}

static struct place place_at(const struct line *line, size_t offset)
{
    struct place place = line->place;
    place.column += (unsigned)offset;
    return place;
}

static void lex_word(struct line *line)
{
    line->token.kind = FIELDSPEC_WORD;
    while (is_word_part(peek(line, 0)) || (peek(line, 0) == '.' && is_word_start(peek(line, 1))))
        line->next++;
}

static void lex_number(struct line *line)
{
    line->token.kind = FIELDSPEC_NUMBER;
    line->next += peek(line, 0) == '-';
    while (is_digit(peek(line, 0)))
        line->next++;
    if (peek(line, 0) == '.' && is_digit(peek(line, 1)))
        line->next++;
    while (is_digit(peek(line, 0)))
        line->next++;
}

/* Texts are those of the expression language, escapes included. */
static enum error lex_text(struct line *line)
{
    struct expr_token token;
    struct expr_lexer lexer = {
        .text = line->text, .next = line->next, .place = line->place, .arena = line->arena, .diag = line->diag};
    TRY(expr_lex(&lexer, &token));
    line->token.kind = FIELDSPEC_TEXT;
    line->token.text = token.text;
    line->next = lexer.next;
    return OK;
}

static enum error advance(struct line *line)
{
    while (peek(line, 0) == ' ' || peek(line, 0) == '\t' || peek(line, 0) == '\n')
        line->next++;
    size_t start = line->next;
    char c = peek(line, 0);
    line->token = (struct fieldspec_token){.kind = FIELDSPEC_END, .place = place_at(line, start)};
    if (start >= line->text.len)
        return OK;
    if (c == '\'' || c == '"')
        return lex_text(line);
    if (is_word_start(c)) {
        lex_word(line);
    } else if (is_digit(c) || (c == '-' && is_digit(peek(line, 1)))) {
        lex_number(line);
    } else if (c == '.' && peek(line, 1) == '.') {
        line->token.kind = FIELDSPEC_RANGE;
        line->next += 2;
    } else if (strchr("(),=", c)) {
        line->token.kind = FIELDSPEC_SIGN;
        line->next++;
    } else {
        diag_at(line->diag, line->token.place, "a field is written as `text(1..80) required unique = 'default'`",
                "unexpected character %s", diag_quote(line->diag, slice_of(line->text.ptr + start, 1)));
        return ERROR_VALIDATION;
    }
    line->token.text = slice_of(line->text.ptr + start, line->next - start);
    return OK;
}

static bool is_sign(const struct line *line, char sign)
{
    return line->token.kind == FIELDSPEC_SIGN && line->token.text.ptr[0] == sign;
}

static enum error refuse(struct line *line, const char *hint, const char *message)
{
    if (line->token.kind == FIELDSPEC_END)
        diag_at(line->diag, line->token.place, hint, "%s, the line ends here", message);
    else
        diag_at(line->diag, line->token.place, hint, "%s, not %s", message, diag_quote(line->diag, line->token.text));
    return ERROR_VALIDATION;
}

static enum error expect_close(struct line *line)
{
    if (!is_sign(line, ')'))
        return refuse(line, NULL, "expected \")\"");
    return advance(line);
}

static enum error parse_limits(struct line *line, struct fieldspec_type *type)
{
    type->shape = FIELDSPEC_LIMITS;
    if (line->token.kind == FIELDSPEC_NUMBER) {
        type->low = line->token;
        TRY(advance(line));
    }
    if (line->token.kind != FIELDSPEC_RANGE)
        return refuse(line, "limits are written 1..80, 1.. or ..80", "expected \"..\"");
    TRY(advance(line));
    if (line->token.kind == FIELDSPEC_NUMBER) {
        type->high = line->token;
        TRY(advance(line));
    }
    return OK;
}

static bool is_item(const struct line *line)
{
    return line->token.kind == FIELDSPEC_WORD || line->token.kind == FIELDSPEC_NUMBER ||
           line->token.kind == FIELDSPEC_TEXT;
}

static enum error parse_items(struct line *line, struct fieldspec_type *type)
{
    size_t commas = 0;
    for (size_t i = line->next; i < line->text.len; i++)
        commas += line->text.ptr[i] == ',';
    size_t room = commas + 1 < FIELDSPEC_ITEMS_MAX ? commas + 1 : FIELDSPEC_ITEMS_MAX;
    struct fieldspec_token *items = arena_array(line->arena, room, sizeof *items);
    if (!items)
        return ERROR_MEMORY;
    type->shape = FIELDSPEC_ITEMS;
    type->items = items;
    for (;;) {
        if (!is_item(line))
            return refuse(line, NULL, "expected a value");
        if (type->item_count == room)
            return refuse(line, "at most 1000", "too many values");
        items[type->item_count++] = line->token;
        TRY(advance(line));
        if (!is_sign(line, ','))
            return OK;
        TRY(advance(line));
    }
}

/* Whether the token behind the present number is `..`: 1..80 is a range, 18,2 are items. */
static bool begins_limits(const struct line *line)
{
    if (line->token.kind == FIELDSPEC_RANGE)
        return true;
    struct line ahead = *line;
    ahead.diag = NULL;
    return line->token.kind == FIELDSPEC_NUMBER && advance(&ahead) == OK && ahead.token.kind == FIELDSPEC_RANGE;
}

static enum error parse_plain_arguments(struct line *line, struct fieldspec_type *type)
{
    TRY(advance(line));
    type->arguments_place = line->token.place;
    TRY(begins_limits(line) ? parse_limits(line, type) : parse_items(line, type));
    return expect_close(line);
}

static enum error parse_word(struct line *line, struct fieldspec_type *type)
{
    if (line->token.kind != FIELDSPEC_WORD)
        return refuse(line, "a field begins with its type, such as text, int or the name of a resource",
                      "expected a type");
    type->word = line->token;
    return advance(line);
}

static enum error parse_element(struct line *line, struct fieldspec_type *type)
{
    struct fieldspec_type *element = arena_zalloc(line->arena, sizeof *element);
    if (!element)
        return ERROR_MEMORY;
    TRY(advance(line));
    type->arguments_place = line->token.place;
    type->shape = FIELDSPEC_NESTED;
    type->element = element;
    TRY(parse_word(line, element));
    if (is_sign(line, '('))
        TRY(parse_plain_arguments(line, element));
    return expect_close(line);
}

static enum error parse_type(struct line *line, struct fieldspec_type *type)
{
    TRY(parse_word(line, type));
    if (!is_sign(line, '('))
        return OK;
    if (slice_eq_text(type->word.text, "list"))
        return parse_element(line, type);
    return parse_plain_arguments(line, type);
}

static enum error parse_on_delete(struct line *line, struct fieldspec *spec, struct place place)
{
    static const char hint[] = "write on_delete(restrict), on_delete(cascade) or on_delete(set_null)";
    if (!is_sign(line, '('))
        return refuse(line, hint, "expected \"(\"");
    TRY(advance(line));
    if (slice_eq_text(line->token.text, "restrict"))
        spec->on_delete = ON_DELETE_RESTRICT;
    else if (slice_eq_text(line->token.text, "cascade"))
        spec->on_delete = ON_DELETE_CASCADE;
    else if (slice_eq_text(line->token.text, "set_null"))
        spec->on_delete = ON_DELETE_SET_NULL;
    else
        return refuse(line, hint, "expected restrict, cascade or set_null");
    spec->on_delete_place = place;
    TRY(advance(line));
    return expect_close(line);
}

static const struct modifier *find_modifier(struct slice word)
{
    for (size_t i = 0; i < ARRAY_LEN(modifiers); i++)
        if (slice_eq_text(word, modifiers[i].word))
            return &modifiers[i];
    return NULL;
}

/* Tells it and goes on behind it, and behind its parentheses. */
static enum error skip_unknown(struct line *line)
{
    struct suggest suggest;
    suggest_init(&suggest, line->token.text);
    for (size_t i = 0; i < ARRAY_LEN(modifiers); i++)
        suggest_offer_text(&suggest, modifiers[i].word);
    bool is_default = slice_eq_text(line->token.text, "default");
    suggest_report(&suggest, line->diag, line->token.place, "unknown modifier",
                   is_default ? "a default is written `= value` at the end" : NULL);
    line->has_fault = true;
    TRY(advance(line));
    if (!is_sign(line, '('))
        return OK;
    while (!is_sign(line, ')') && line->token.kind != FIELDSPEC_END)
        TRY(advance(line));
    return advance(line);
}

static unsigned bit_number(unsigned flag)
{
    return (unsigned)__builtin_ctz(flag);
}

static enum error parse_modifier(struct line *line, struct fieldspec *spec)
{
    const struct modifier *modifier = find_modifier(line->token.text);
    struct place place = line->token.place;
    if (!modifier)
        return skip_unknown(line);
    bool is_again = modifier->flag ? (spec->flags & modifier->flag) != 0 : spec->on_delete_place.line != 0;
    if (is_again) {
        diag_at(line->diag, place, NULL, "modifier \"%s\" is given twice", modifier->word);
        line->has_fault = true;
    }
    TRY(advance(line));
    if (!modifier->flag)
        return parse_on_delete(line, spec, place);
    spec->flags |= modifier->flag;
    spec->modifier_places[bit_number(modifier->flag)] = place;
    return OK;
}

static enum error parse_default(struct line *line, struct fieldspec *spec)
{
    TRY(advance(line));
    if (!is_item(line))
        return refuse(line, "a default is a bare word, a number, or a text in quotes", "expected a default");
    spec->default_token = line->token;
    TRY(advance(line));
    if (line->token.kind != FIELDSPEC_END)
        return refuse(line, "the default comes last; a text, a date or a time is quoted",
                      "nothing may follow the default");
    return OK;
}

static enum error parse_line(struct line *line, struct fieldspec *spec)
{
    TRY(advance(line));
    TRY(parse_type(line, &spec->type));
    while (line->token.kind == FIELDSPEC_WORD)
        TRY(parse_modifier(line, spec));
    if (is_sign(line, '='))
        TRY(parse_default(line, spec));
    if (line->token.kind != FIELDSPEC_END)
        return refuse(line, "a field is written as `text(1..80) required unique = 'default'`", "expected a modifier");
    return line->has_fault ? ERROR_VALIDATION : OK;
}

enum error fieldspec_parse(struct slice text, struct place place, struct arena *arena, struct diag *diag,
                           struct fieldspec *out)
{
    struct line line = {.text = text, .place = place, .arena = arena, .diag = diag};
    struct fieldspec spec = {0};
    if (text.len > FIELDSPEC_TEXT_MAX) {
        diag_at(diag, place, NULL, "a field's line holds at most 64 KiB");
        return ERROR_VALIDATION;
    }
    TRY(parse_line(&line, &spec));
    *out = spec;
    return OK;
}

struct place fieldspec_modifier_place(const struct fieldspec *spec, enum field_flag flag)
{
    return spec->modifier_places[bit_number(flag)];
}
