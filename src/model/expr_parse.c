/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of the expression language: text to an unchecked tree.
 *
 * Idea: precedence climbing. parse_level(p, level) reads operators that bind at least as tightly as `level`; only
 * parentheses, ! and the right side of an operator descend, each counted against EXPR_DEPTH_MAX. && and || take any
 * number of operands, so a long chain is one flat node and depth is what a person sees as nesting.
 *
 *   or       = and { "||" and }
 *   and      = compared { "&&" compared }
 *   compared = unary [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "~" | "like") unary ]
 *   unary    = "!" unary | operand
 *   operand  = "(" or ")" | literal | list | "now" [ "-" span ] | name | name "(" text ")"
 *
 * The first mistake ends parsing: what follows it would be guesses.
 *
 * Invariants
 *   (1) the text is read once, one token ahead
 *   (2) no more than EXPR_NODES_MAX nodes, EXPR_LIST_MAX items in a list and EXPR_DEPTH_MAX levels
 */
#include "base/utf8.h"
#include "model/expr_lex.h"
#include "model/expr_node.h"

struct parser {
    struct expr_lexer lexer;
    struct expr_token token; /* the next one */
    unsigned depth;
    unsigned node_count;
};

enum { LEVEL_OR = 1, LEVEL_AND, LEVEL_COMPARED, LEVEL_UNARY };

struct operator
{
    enum expr_kind kind;
    int level;
};

static enum error parse_level(struct parser *p, int level, struct expr_node **out);

static enum error refuse(struct parser *p, unsigned at, const char *hint, const char *message)
{
    expr_fault(&p->lexer.place, p->lexer.diag, at, hint, "%s", message);
    return ERROR_VALIDATION;
}

static enum error advance(struct parser *p)
{
    return expr_lex(&p->lexer, &p->token);
}

static enum error node_new(struct parser *p, enum expr_kind kind, unsigned at, struct expr_node **out)
{
    if (++p->node_count > EXPR_NODES_MAX) {
        expr_fault(&p->lexer.place, p->lexer.diag, at, "split it, or use a list with in",
                   "the expression has more than %d parts", EXPR_NODES_MAX);
        return ERROR_VALIDATION;
    }
    struct expr_node *node = arena_zalloc(p->lexer.arena, sizeof *node);
    if (!node)
        return ERROR_MEMORY;
    node->kind = kind;
    node->at = at;
    *out = node;
    return OK;
}

static enum error too_deep(struct parser *p, unsigned at)
{
    expr_fault(&p->lexer.place, p->lexer.diag, at, NULL, "the expression is nested deeper than %d levels",
               EXPR_DEPTH_MAX);
    return ERROR_VALIDATION;
}

/* Makes `operand` a child: the height of the tree is what those who walk it recurse. */
static enum error grow(struct parser *p, struct expr_node *node, const struct expr_node *operand)
{
    if (node->height <= operand->height)
        node->height = operand->height + 1;
    return node->height < EXPR_DEPTH_MAX ? OK : too_deep(p, node->at);
}

static enum error descend(struct parser *p)
{
    return ++p->depth <= EXPR_DEPTH_MAX ? OK : too_deep(p, p->token.at);
}

static bool at_word(const struct parser *p, const char *word)
{
    return p->token.kind == EXPR_TOKEN_NAME && slice_eq_text(p->token.text, word);
}

/* What stands where an operator should be, and what to write instead. */
static const struct {
    const char *word, *hint;
} foreign_words[] = {
    {"and", "write &&"}, {"or", "write ||"},      {"not", "write !"},
    {"is", "write =="},  {"eq", "write =="},      {"ne", "write !="},
    {"AND", "write &&"}, {"OR", "write ||"},      {"NOT", "write !"},
    {"IN", "write in"},  {"LIKE", "write like"},  {"IS", "write =="},
    {"has", "write ~"},  {"contains", "write ~"}, {"matches", "write like, with * for any text"},
};

static const char *foreign_hint(const struct parser *p)
{
    for (size_t i = 0; i < ARRAY_LEN(foreign_words); i++)
        if (at_word(p, foreign_words[i].word))
            return foreign_words[i].hint;
    return NULL;
}

/* Something stands where it cannot: an operator of another language, arithmetic, or plain nonsense. */
static enum error unexpected(struct parser *p, const char *wanted)
{
    const struct expr_token *token = &p->token;
    if (token->kind == EXPR_TOKEN_END)
        expr_fault(&p->lexer.place, p->lexer.diag, token->at, NULL, "%s is missing at the end", wanted);
    else if (token->kind == EXPR_TOKEN_ARITHMETIC || token->kind == EXPR_TOKEN_MINUS)
        expr_fault(&p->lexer.place, p->lexer.diag, token->at, "only now - 7d (s m h d w) is computed",
                   "there is no arithmetic");
    else if (token->kind == EXPR_TOKEN_SPAN)
        expr_fault(&p->lexer.place, p->lexer.diag, token->at, "as in now - 7d", "a time span stands only after now -");
    else if (token->kind == EXPR_TOKEN_NAME)
        expr_fault(&p->lexer.place, p->lexer.diag, token->at, foreign_hint(p), "%s is missing before \"%.*s\"", wanted,
                   SLICE_ARG(token->text));
    else
        expr_fault(&p->lexer.place, p->lexer.diag, token->at, NULL, "%s is missing here", wanted);
    return ERROR_VALIDATION;
}

static enum error parse_literal(struct parser *p, enum expr_kind kind, struct expr_node **out)
{
    struct expr_node *node;
    TRY(node_new(p, kind, p->token.at, &node));
    node->text = p->token.text;
    TRY(advance(p));
    *out = node;
    return OK;
}

static enum error parse_negative(struct parser *p, struct expr_node **out)
{
    struct expr_token minus = p->token;
    TRY(advance(p));
    if (p->token.kind != EXPR_TOKEN_NUMBER || p->token.at != minus.at + 1)
        return refuse(p, minus.at, "only now - 7d (s m h d w) is computed", "there is no arithmetic");
    p->token.at = minus.at;
    p->token.text = slice_of(p->token.text.ptr - 1, p->token.text.len + 1);
    return parse_literal(p, EXPR_NUMBER, out);
}

static enum error parse_item(struct parser *p, struct expr_node **out)
{
    p->node_count--; /* a list is one part; EXPR_LIST_MAX bounds its items */
    if (p->token.kind == EXPR_TOKEN_TEXT)
        return parse_literal(p, EXPR_TEXT, out);
    if (p->token.kind == EXPR_TOKEN_NUMBER)
        return parse_literal(p, EXPR_NUMBER, out);
    if (p->token.kind == EXPR_TOKEN_MINUS)
        return parse_negative(p, out);
    if (at_word(p, "null"))
        return refuse(p, p->token.at, "test for it with == null", "null is not a member of a list");
    if (at_word(p, "true") || at_word(p, "false")) {
        int64_t truth = at_word(p, "true");
        TRY(parse_literal(p, EXPR_BOOL, out));
        (*out)->value = value_int(truth);
        return OK;
    }
    if (p->token.kind == EXPR_TOKEN_LIST_CLOSE || p->token.kind == EXPR_TOKEN_END)
        return unexpected(p, "a value");
    return refuse(p, p->token.at, "texts in quotes, numbers, true and false", "a list holds plain values");
}

static enum error parse_list(struct parser *p, struct expr_node **out)
{
    struct expr_node *list, **tail;
    TRY(node_new(p, EXPR_LIST, p->token.at, &list));
    tail = &list->first;
    TRY(advance(p));
    if (p->token.kind == EXPR_TOKEN_LIST_CLOSE)
        return refuse(p, list->at, NULL, "an empty list has no member");
    for (unsigned count = 1;; count++) {
        if (count > EXPR_LIST_MAX) {
            expr_fault(&p->lexer.place, p->lexer.diag, p->token.at, NULL, "a list of more than %d values",
                       EXPR_LIST_MAX);
            return ERROR_VALIDATION;
        }
        TRY(parse_item(p, tail));
        tail = &(*tail)->next;
        if (p->token.kind == EXPR_TOKEN_LIST_CLOSE)
            break;
        if (p->token.kind != EXPR_TOKEN_COMMA)
            return unexpected(p, "a comma or ]");
        TRY(advance(p));
    }
    *out = list;
    return advance(p);
}

static enum error parse_now(struct parser *p, struct expr_node **out)
{
    TRY(parse_literal(p, EXPR_NOW, out));
    if (p->token.kind == EXPR_TOKEN_ARITHMETIC)
        return unexpected(p, "an operator");
    if (p->token.kind != EXPR_TOKEN_MINUS)
        return OK;
    TRY(advance(p));
    if (p->token.kind != EXPR_TOKEN_SPAN)
        return refuse(p, p->token.at, "as in now - 7d; units are s m h d w", "a time span must follow now -");
    (*out)->before_us = p->token.span_us;
    return advance(p);
}

/* name("argument") */
static enum error parse_call(struct parser *p, struct expr_node *call)
{
    call->kind = EXPR_CALL;
    if (!slice_eq_text(call->text, "can") && !slice_eq_text(call->text, "role")) {
        expr_fault(&p->lexer.place, p->lexer.diag, call->at, "there are can(\"resource:action\") and role(\"name\")",
                   "unknown function \"%.*s\"", SLICE_ARG(call->text));
        return ERROR_VALIDATION;
    }
    TRY(advance(p));
    if (p->token.kind != EXPR_TOKEN_TEXT) {
        expr_fault(&p->lexer.place, p->lexer.diag, p->token.at, "as in can(\"markets:create\") or role(\"admin\")",
                   "%.*s() takes one text", SLICE_ARG(call->text));
        return ERROR_VALIDATION;
    }
    TRY(parse_literal(p, EXPR_TEXT, &call->first));
    if (p->token.kind != EXPR_TOKEN_CLOSE)
        return unexpected(p, ")");
    return advance(p);
}

static enum error parse_word(struct parser *p, struct expr_node **out)
{
    if (at_word(p, "now"))
        return parse_now(p, out);
    if (at_word(p, "null"))
        return parse_literal(p, EXPR_NULL, out);
    if (at_word(p, "true") || at_word(p, "false")) {
        int64_t truth = at_word(p, "true");
        TRY(parse_literal(p, EXPR_BOOL, out));
        (*out)->value = value_int(truth);
        return OK;
    }
    if (at_word(p, "in") || at_word(p, "like"))
        return unexpected(p, "a value");
    bool is_not = at_word(p, "not") || at_word(p, "NOT");
    TRY(parse_literal(p, EXPR_PATH, out));
    if (is_not && (p->token.kind == EXPR_TOKEN_NAME || p->token.kind == EXPR_TOKEN_OPEN))
        return refuse(p, (*out)->at, "write !", "there is no operator not");
    return p->token.kind == EXPR_TOKEN_OPEN ? parse_call(p, *out) : OK;
}

static enum error parse_parentheses(struct parser *p, struct expr_node **out)
{
    unsigned at = p->token.at;
    TRY(descend(p));
    TRY(advance(p));
    TRY(parse_level(p, LEVEL_OR, out));
    p->depth--;
    if (p->token.kind == EXPR_TOKEN_END)
        return refuse(p, at, "close it with )", "this parenthesis is not closed");
    if (p->token.kind != EXPR_TOKEN_CLOSE)
        return unexpected(p, "an operator or )");
    return advance(p);
}

static enum error parse_not(struct parser *p, struct expr_node **out)
{
    struct expr_node *node;
    TRY(node_new(p, EXPR_NOT, p->token.at, &node));
    TRY(descend(p));
    TRY(advance(p));
    TRY(parse_level(p, LEVEL_UNARY, &node->first));
    p->depth--;
    *out = node;
    return grow(p, node, node->first);
}

static enum error parse_unary(struct parser *p, struct expr_node **out)
{
    switch (p->token.kind) {
    case EXPR_TOKEN_NOT: return parse_not(p, out);
    case EXPR_TOKEN_OPEN: return parse_parentheses(p, out);
    case EXPR_TOKEN_NAME: return parse_word(p, out);
    case EXPR_TOKEN_TEXT: return parse_literal(p, EXPR_TEXT, out);
    case EXPR_TOKEN_NUMBER: return parse_literal(p, EXPR_NUMBER, out);
    case EXPR_TOKEN_MINUS: return parse_negative(p, out);
    case EXPR_TOKEN_LIST_OPEN: return parse_list(p, out);
    default: return unexpected(p, "a value");
    }
}

/* The operator that the next token is; level 0 when it is none. */
static struct operator operator_here(const struct parser *p)
{
    switch (p->token.kind) {
    case EXPR_TOKEN_OR: return (struct operator){EXPR_OR, LEVEL_OR};
    case EXPR_TOKEN_AND: return (struct operator){EXPR_AND, LEVEL_AND};
    case EXPR_TOKEN_EQ: return (struct operator){EXPR_EQ, LEVEL_COMPARED};
    case EXPR_TOKEN_NE: return (struct operator){EXPR_NE, LEVEL_COMPARED};
    case EXPR_TOKEN_LT: return (struct operator){EXPR_LT, LEVEL_COMPARED};
    case EXPR_TOKEN_LE: return (struct operator){EXPR_LE, LEVEL_COMPARED};
    case EXPR_TOKEN_GT: return (struct operator){EXPR_GT, LEVEL_COMPARED};
    case EXPR_TOKEN_GE: return (struct operator){EXPR_GE, LEVEL_COMPARED};
    case EXPR_TOKEN_TILDE: return (struct operator){EXPR_HAS, LEVEL_COMPARED};
    default: break;
    }
    if (at_word(p, "in"))
        return (struct operator){EXPR_IN, LEVEL_COMPARED};
    if (at_word(p, "like"))
        return (struct operator){EXPR_LIKE, LEVEL_COMPARED};
    return (struct operator){EXPR_NULL, 0};
}

static enum error parse_level(struct parser *p, int level, struct expr_node **out)
{
    struct expr_node *left, *tail = NULL; /* tail: the last operand, when `left` is a chain that is still open */
    bool is_compared = false;
    TRY(parse_unary(p, &left));
    for (;;) {
        struct operator operator= operator_here(p);
        if (operator.level == 0 || operator.level<level)
            break;
        if (is_compared && operator.level == LEVEL_COMPARED)
            return refuse(p, p->token.at, "write a < b && b < c", "comparisons cannot be chained");
        unsigned at = p->token.at;
        struct expr_node *right;
        TRY(advance(p));
        TRY(parse_level(p, operator.level + 1, &right));
        is_compared = operator.level == LEVEL_COMPARED;
        if (tail && left->kind == operator.kind) {
            tail = tail->next = right;
        } else {
            struct expr_node *node;
            TRY(node_new(p, operator.kind, at, &node));
            TRY(grow(p, node, left));
            node->first = left;
            left->next = right;
            left = node;
            tail = is_compared ? NULL : right;
        }
        TRY(grow(p, left, right));
    }
    *out = left;
    return OK;
}

static enum error parse_all(struct parser *p, struct expr_node **out)
{
    TRY(advance(p));
    if (p->token.kind == EXPR_TOKEN_END)
        return refuse(p, 0, "true means anyone", "the expression is empty");
    TRY(parse_level(p, LEVEL_OR, out));
    return p->token.kind == EXPR_TOKEN_END ? OK : unexpected(p, "an operator");
}

enum error expr_parse(struct slice text, struct place place, struct arena *arena, struct diag *diag, struct expr **out)
{
    struct parser p = {.lexer = {.text = text, .place = place, .arena = arena, .diag = diag}};
    if (text.len > EXPR_TEXT_MAX) {
        expr_fault(&place, diag, 0, NULL, "the expression is longer than %d bytes", EXPR_TEXT_MAX);
        return ERROR_VALIDATION;
    }
    if (!utf8_is_valid(text))
        return refuse(&p, 0, NULL, "the expression is not valid UTF-8");
    struct expr *expr = arena_zalloc(arena, sizeof *expr);
    if (!expr)
        return ERROR_MEMORY;
    TRY(parse_all(&p, &expr->root));
    expr->place = place;
    expr->arena = arena;
    expr->node_count = p.node_count;
    *out = expr;
    return OK;
}
