/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"

/* Where something stands in a text file. Lines and columns (in bytes) count from 1; 0 is unknown. */
struct place {
    const char *file; /* copied by the diag */
    unsigned line;
    unsigned column;
};

/* One thing that is wrong: in a file (place) or in a request (field). */
struct diag_item {
    struct diag_item *next;
    struct place place;  /* file NULL: not from a file */
    const char *field;   /* the JSON name, "operations.1.title"; NULL: not about a field */
    const char *message; /* lower case, no full stop, never a secret */
    const char *hint;    /* what to do about it, or NULL */
    bool is_warning;     /* it is said, but it is no failure */
};

/* What a person is told about a failure: a sentence, a hint, and every single thing that is wrong.
 * Items are in the order they were found, DIAG_ITEMS_MAX at most; later ones are only counted. */
struct diag {
    struct arena *arena; /* owns the texts */
    const char *message; /* NULL: the sentence of the error's row */
    const char *hint;
    const char *code; /* the name an app has given the failure, with its status; NULL: those of the error's row */
    int http_status;
    struct diag_item *first;
    struct diag_item *last;
    size_t count;         /* of all errors found, kept or not */
    size_t warning_count; /* of all warnings found */
    size_t kept;          /* items in the list */
};

enum { DIAG_ITEMS_MAX = 200 };

/* Makes an empty diag whose texts live in `arena`. */
void diag_init(struct diag *diag, struct arena *arena);
/* Sets the sentence (and the hint, NULL for none) unless one is set already. NULL diag: does nothing. */
void diag_say(struct diag *diag, const char *hint, const char *format, ...) PRINTF_LIKE(3, 4);
/* Gives the failure a code and an HTTP status of the app's own; the sentence is diag_say()'s. `code` is borrowed.
 * NULL diag: does nothing. */
void diag_name(struct diag *diag, const char *code, int http_status);
/* Adds what is wrong with a field of the request; `field` is copied. NULL diag: does nothing. */
void diag_field(struct diag *diag, struct slice field, const char *hint, const char *format, ...) PRINTF_LIKE(4, 5);
/* Adds what is wrong at a place of a file. NULL diag: does nothing. */
void diag_at(struct diag *diag, struct place place, const char *hint, const char *format, ...) PRINTF_LIKE(4, 5);
/* Adds a warning at a place of a file. NULL diag: does nothing. */
void diag_warn(struct diag *diag, struct place place, const char *hint, const char *format, ...) PRINTF_LIKE(4, 5);
/* Text of a person as messages show it: in quotes, control characters as `?`, cut at 80 bytes. Never for
 * secrets. NULL diag: "". */
const char *diag_quote(struct diag *diag, struct slice text);
/* Puts the items in the order of their files, lines and columns; items of one place keep their order. */
void diag_sort(struct diag *diag);

#endif
