/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_NODE_H
#define BASE_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/slice.h"

/* A document of maps, lists and scalars with the place of everything, as a configuration file gives it. Every scalar
 * is text: whoever uses it says what it means. The tree lives in an arena; children are linked. */

enum node_kind { NODE_SCALAR, NODE_MAP, NODE_LIST };

struct node {
    enum node_kind kind;
    bool is_quoted;      /* scalar: it was written in quotes or as a block, so it is text whatever it looks like */
    bool is_flow;        /* it stands inside { } or [ ] */
    bool is_broken;      /* scalar: it was told that its text is not what was meant; nobody need look further */
    bool is_secret;      /* scalar: variables were replaced in it; only `source` may be shown */
    struct slice key;    /* in a map */
    struct slice text;   /* scalar: its value */
    struct slice source; /* scalar: what people are shown, before variables are replaced */
    struct place key_place;
    struct place place;      /* of the first character */
    struct place text_place; /* scalar: of the first character of `text`, behind an opening quote */
    struct slice raw;        /* scalar: the file from there on; of a block from its second line on. Empty: not known */
    bool is_block;
    struct node *first, *last, *next;
    size_t count; /* of children */
};

/* Appends a child to a map or a list. */
void node_append(struct node *parent, struct node *child);
/* The child of a map with that key; NULL when there is none, or when `map` is NULL or no map. */
const struct node *node_find(const struct node *map, const char *key);
struct node *node_find_slice(struct node *map, struct slice key);
/* Whether it is NULL or nothing was written: `key:`, `~`, `null`. */
bool node_is_empty(const struct node *node);
/* Whether both say the same, in the same order, wherever they stand; NULL is only like NULL. */
bool node_equal(const struct node *a, const struct node *b);
/* "a text", "a map", "a list", "nothing": for messages. */
const char *node_kind_name(const struct node *node);
/* What people may see of a scalar, in quotes. Texts are the diag's. */
const char *node_shown(const struct node *scalar, struct diag *diag);
/* The place of the byte `offset` of a scalar's text, also where the text goes over lines. */
struct place node_place_at(const struct node *scalar, size_t offset);

#endif
