/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* A regular expression over UTF-8 (PCRE2), never changed after it is made: all cores may share it. */
struct regex;

/* What is wrong with a pattern, and where. */
struct regex_fault {
    size_t offset; /* in bytes */
    char message[120];
};

enum { REGEX_PATTERN_BYTES_MAX = 4096 };

/* Compiles a pattern; `fault`, which may be NULL, is written with ERROR_VALIDATION.
 * Owner:  the caller; regex_destroy().
 * Errors: ERROR_VALIDATION (the pattern), ERROR_MEMORY. */
MUST_USE
enum error regex_compile(struct slice pattern, struct regex_fault *fault, struct regex **out);
void regex_destroy(struct regex *regex);
/* Whether the pattern matches anywhere in the text; ^ and $ tie it to the ends.
 * Errors: ERROR_LIMIT (it would take too long or too much memory), ERROR_PARSE (the text is not UTF-8), ERROR_MEMORY.
 */
ANY_CORE MUST_USE enum error regex_match(const struct regex *regex, struct slice text, bool *out);

#endif
