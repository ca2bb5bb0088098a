/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SEARCH_H
#define MODEL_SEARCH_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "data/sql.h"
#include "model/schema.h"

enum { SEARCH_WORDS_MAX = 32 };

/* The FTS5 match expression for plain words: all must match, the last one as a prefix; no operator reaches FTS5.
 * Source: https://www.sqlite.org/fts5.html, section 3. Owner: the arena.
 * Errors: ERROR_VALIDATION (no word in it, or more than SEARCH_WORDS_MAX), ERROR_MEMORY. */
MUST_USE enum error search_match(struct slice words, struct arena *arena, struct slice *out);

/* Appends the condition that a row of t0 holds all of the words. Errors: as search_match(). */
MUST_USE enum error search_compile(const struct resource *resource, struct slice words, struct arena *arena,
                                   struct sql *sql);
/* Appends what PostgreSQL indexes of a row: its searched columns as a tsvector, with `before` before each name. */
void search_document(struct sql *sql, const struct resource *resource, const char *before);

#endif
