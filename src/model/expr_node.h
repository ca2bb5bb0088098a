/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_EXPR_NODE_H
#define MODEL_EXPR_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "model/expr.h"

/* The tree of an expression; private to the expr_*.c files, their tests and their fuzz target. */

enum expr_kind {
    /* operands */
    EXPR_NULL,
    EXPR_BOOL,
    EXPR_NUMBER,
    EXPR_TEXT,
    EXPR_LIST,
    EXPR_NOW,
    EXPR_PATH,
    EXPR_CALL,
    /* conditions */
    EXPR_NOT,
    EXPR_AND,
    EXPR_OR,
    EXPR_EQ,
    EXPR_NE,
    EXPR_LT,
    EXPR_LE,
    EXPR_GT,
    EXPR_GE,
    EXPR_IN,
    EXPR_HAS, /* ~ */
    EXPR_LIKE,
};

/* Where a path begins. */
enum expr_root {
    EXPR_ROOT_ROW,
    EXPR_ROOT_INPUT,
    EXPR_ROOT_AUTH_ID,
    EXPR_ROOT_AUTH_ROLE,
    EXPR_ROOT_AUTH_FIELD,
};

/* One reference crossed by a path: forwards the next row's id is `via` of this one, backwards the next rows' `via` is
 * this one's id. */
struct expr_step {
    const struct field *via;
    const struct resource *to;
    bool is_reverse;
};

struct expr_node {
    enum expr_kind kind;
    unsigned at;                    /* byte offset in the text */
    unsigned height;                /* of the tree below: 0 for a leaf */
    struct expr_node *first, *next; /* operands (of AND, OR: two or more; of a list: literals), and the next sibling */
    struct slice text;              /* number: digits and sign; text: decoded; path: dotted; call: its name */
    struct value value;             /* null, bool; number, text: after the check, as stored in a column of `type`;
                                     * can(): the permission's number, null where nothing has it; role(): its name */
    int64_t before_us;              /* now - before_us */

    /* Written by the check. */
    const struct type *type;       /* of an operand; NULL: unknown, always null */
    const struct resource *refers; /* an id or a reference: of this resource */
    enum expr_root root;
    const struct expr_step *steps;
    size_t step_count;
    const struct field *field; /* the last one of a path */
    bool is_set;               /* a path with a reverse step */
    bool is_guarded;           /* rows that the caller may not read are null */
};

struct expr {
    struct place place;
    struct arena *arena; /* where the tree lives; used until it is checked */
    struct expr_node *root;
    unsigned node_count;
    bool is_checked;
};

static inline bool expr_is_literal(const struct expr_node *node)
{
    return node->kind == EXPR_NUMBER || node->kind == EXPR_TEXT || node->kind == EXPR_BOOL;
}

static inline bool expr_is_condition(const struct expr_node *node)
{
    return node->kind >= EXPR_NOT || node->kind == EXPR_CALL;
}

static inline bool expr_is_comparison(const struct expr_node *node)
{
    return node->kind >= EXPR_EQ;
}

/* Reports a mistake at byte `at` of the text that begins at `place`: at a place of a file, or in the request's where=.
 */
void expr_fault(const struct place *place, struct diag *diag, unsigned at, const char *hint, const char *format, ...)
    PRINTF_LIKE(5, 6);
/* How an operator is spelt: "&&", "==", …; "?" for an operand. */
const char *expr_operator(enum expr_kind kind);
/* Appends the expression's text: reading it again gives the same tree. */
void expr_format(const struct expr *expr, struct buf *buf);
void expr_format_node(const struct expr_node *node, struct buf *buf);

/* The element type of a list, or NULL. */
static inline const struct type *expr_element(const struct expr_node *node)
{
    return node->type && node->type->kind == FIELD_LIST ? node->type->element : NULL;
}

/* What is known about a condition; `row` NULL: before a row is seen. */
MUST_USE enum expr_verdict expr_eval_node(const struct expr_node *node, const struct expr_context *context,
                                          const struct expr_row *row);
/* The value of an operand; false when it is not known (a path without a row). `room` holds a text that is made. */
enum { EXPR_ROOM_BYTES = 32 };
MUST_USE bool expr_eval_operand(const struct expr_node *node, const struct expr_context *context,
                                const struct expr_row *row, char room[EXPR_ROOM_BYTES], struct value *out);

/* Appends the value of an operand over the row t<alias> as a scalar. */
void expr_compile_operand(const struct expr_node *node, const struct expr_context *context, unsigned alias,
                          unsigned *next_alias, struct sql *sql);

/* How numbers of two types meet: multiply this side by 10^up, or divide it by 10^down as a float. */
struct expr_scaling {
    unsigned up, down;
};
struct expr_scaling expr_scaling(const struct type *type, const struct type *other);
/* A date meets a datetime: it is then the first moment of its day, in UTC. */
#define EXPR_MIDNIGHT "T00:00:00.000000Z"
bool expr_is_dated(const struct type *type, const struct type *other);
/* Whether either is compared without ASCII case. */
bool expr_ignores_case(const struct type *a, const struct type *b);

/* Whether the caller may read no row at all that the path leads through. */
bool expr_path_denied(const struct expr_node *node, const struct expr_context *context);

#endif
