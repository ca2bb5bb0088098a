/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_FIELDSPEC_H
#define MODEL_FIELDSPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/schema.h"

/* The one line that declares a field: type ['(' arguments ')'] modifier* ['=' default].
 * What the words mean for this type is model/schema_field.c's to say; here they are only read. */

enum fieldspec_token_kind {
    FIELDSPEC_END,
    FIELDSPEC_WORD,   /* enum value, resource, auth.id */
    FIELDSPEC_NUMBER, /* -1, 2.50 */
    FIELDSPEC_TEXT,   /* quoted; decoded */
    FIELDSPEC_RANGE,  /* .. */
    FIELDSPEC_SIGN,   /* ( ) , = */
};

struct fieldspec_token {
    enum fieldspec_token_kind kind;
    struct slice text;
    struct place place;
};

enum fieldspec_shape {
    FIELDSPEC_BARE,   /* text */
    FIELDSPEC_LIMITS, /* text(1..80): `low` and `high`, either may be FIELDSPEC_END */
    FIELDSPEC_ITEMS,  /* enum(a, b), decimal(18,2) */
    FIELDSPEC_NESTED  /* list(text(1..80)): `element` */
};

struct fieldspec_type {
    struct fieldspec_token word;
    enum fieldspec_shape shape;
    struct place arguments_place; /* behind the parenthesis */
    struct fieldspec_token low, high;
    const struct fieldspec_token *items;
    size_t item_count;
    const struct fieldspec_type *element;
};

struct fieldspec {
    struct fieldspec_type type;
    unsigned flags; /* enum field_flag */
    enum on_delete on_delete;
    struct place on_delete_place;         /* line 0: not given */
    struct fieldspec_token default_token; /* FIELDSPEC_END: none */
    struct place modifier_places[8];      /* by bit number of the flag; line 0: not given */
};

enum { FIELDSPEC_TEXT_MAX = 64 * 1024, FIELDSPEC_ITEMS_MAX = 1000 };

/* Reads a field's line that begins at `place`; texts are borrowed from it or live in `arena`.
 * Errors: ERROR_VALIDATION (each mistake in the diag, at its token), ERROR_MEMORY. */
MUST_USE
enum error fieldspec_parse(struct slice text, struct place place, struct arena *arena, struct diag *diag,
                           struct fieldspec *out);
/* The place of a modifier that was given. */
struct place fieldspec_modifier_place(const struct fieldspec *spec, enum field_flag flag);

#endif
