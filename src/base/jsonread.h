/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSONREAD_H
#define BASE_JSONREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* A strict reader of JSON (RFC 8259) that hands out one token at a time and builds nothing. */

enum json_token {
    JSON_ERROR, /* see the reader's error fields; every further call gives it again */
    JSON_END,   /* the text has held one value, and nothing else */
    JSON_OBJECT_BEGIN,
    JSON_OBJECT_END,
    JSON_ARRAY_BEGIN,
    JSON_ARRAY_END,
    JSON_KEY, /* its value comes next */
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_value {
    enum json_token token;
    bool is_integer;   /* NUMBER: it has neither a fraction nor an exponent */
    struct slice text; /* KEY, STRING: without quotes and escapes; NUMBER: as it stands there */
    size_t offset;     /* of its first byte in the text; for END the length of the text */
};

enum { JSONREAD_DEPTH_DEFAULT = 64, JSONREAD_DEPTH_MAX = 512 };

struct jsonread {
    const char *start, *at, *end;
    struct arena *arena; /* of the strings that have escapes */
    unsigned expects;    /* what may come next: the .c knows */
    unsigned depth;      /* open objects and arrays */
    unsigned depth_limit;
    enum error error;          /* OK; ERROR_PARSE or ERROR_MEMORY once JSON_ERROR was given */
    const char *error_message; /* a constant sentence */
    size_t error_offset;
    uint64_t in_object[JSONREAD_DEPTH_MAX / 64]; /* a bit for each open object or array: it is an object */
};

/* Begins to read `text`, which is borrowed until the end, with at most `depth_limit` (JSONREAD_DEPTH_MAX at most)
 * open objects and arrays. Keys and strings without escapes are slices of the text, the others are the arena's. */
void jsonread_init(struct jsonread *reader, struct slice text, struct arena *arena, unsigned depth_limit);
/* The next token, also in `value->token`. Duplicate keys are the caller's to find. NUL, lone surrogates and a byte
 * order mark are refused. */
enum json_token jsonread_next(struct jsonread *reader, struct json_value *value);
/* Checks and passes over the one value that must come next: after a KEY, or at the beginning. `out` is its text.
 * Errors: ERROR_PARSE. */
MUST_USE
enum error jsonread_skip(struct jsonread *reader, struct slice *out);
/* The same when the first token of the value was read already.
 * Errors: ERROR_PARSE. */
MUST_USE
enum error jsonread_finish(struct jsonread *reader, const struct json_value *first, struct slice *out);
/* Where a byte stands in a text; lines and columns (in bytes) count from 1. */
void jsonread_position(struct slice text, size_t offset, unsigned *line, unsigned *column);

#endif
