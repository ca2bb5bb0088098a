/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions of app files, by PCRE2's interpreter.
 *
 * A pattern such as ^(a+)+$ takes exponential time on some texts. Matching is held to a number of internal calls and
 * an amount of memory; beyond these it ends with ERROR_LIMIT within some milliseconds. The interpreter is used, not
 * the just-in-time compiler, because its limits hold for all patterns, its frames lie on the heap and not on a fiber's
 * stack, and it needs no memory that is writable and executable.
 */
#include "base/regex.h"

#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { MATCH_LIMIT = 100000, DEPTH_LIMIT = 10000, HEAP_LIMIT_KIB = 4096 };

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits;
};

static enum error report(int code, size_t offset, struct regex_fault *fault)
{
    if (code == PCRE2_ERROR_NOMEMORY)
        return ERROR_MEMORY;
    if (fault) {
        fault->offset = offset;
        pcre2_get_error_message(code, (PCRE2_UCHAR *)fault->message, sizeof fault->message);
    }
    return ERROR_VALIDATION;
}

static enum error refuse_length(struct regex_fault *fault)
{
    if (fault) {
        fault->offset = REGEX_PATTERN_BYTES_MAX;
        snprintf(fault->message, sizeof fault->message, "longer than %d bytes", REGEX_PATTERN_BYTES_MAX);
    }
    return ERROR_VALIDATION;
}

enum error regex_compile(struct slice pattern, struct regex_fault *fault, struct regex **out)
{
    if (pattern.len > REGEX_PATTERN_BYTES_MAX)
        return refuse_length(fault);
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
    int code;
    size_t offset;
    struct regex *regex = calloc(1, sizeof *regex);
    if (!regex)
        return ERROR_MEMORY;
    const char *text = pattern.len > 0 ? pattern.ptr : "";
    regex->code = pcre2_compile((PCRE2_SPTR)text, pattern.len, options, &code, &offset, NULL);
    if (!regex->code) {
        regex_destroy(regex);
        return report(code, offset, fault);
    }
    regex->limits = pcre2_match_context_create(NULL);
    if (!regex->limits) {
        regex_destroy(regex);
        return ERROR_MEMORY;
    }
    pcre2_set_match_limit(regex->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(regex->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(regex->limits, HEAP_LIMIT_KIB);
    *out = regex;
    return OK;
}

void regex_destroy(struct regex *regex)
{
    if (!regex)
        return;
    pcre2_match_context_free(regex->limits);
    pcre2_code_free(regex->code);
    free(regex);
}

static enum error error_of(int code)
{
    if (code == PCRE2_ERROR_NOMEMORY)
        return ERROR_MEMORY;
    if (code <= PCRE2_ERROR_UTF8_ERR1 && code >= PCRE2_ERROR_UTF8_ERR21)
        return ERROR_PARSE;
    return ERROR_LIMIT;
}

enum error regex_match(const struct regex *regex, struct slice text, bool *out)
{
    pcre2_match_data *found = pcre2_match_data_create(1, NULL);
    if (!found)
        return ERROR_MEMORY;
    const char *bytes = text.len > 0 ? text.ptr : "";
    int code = pcre2_match(regex->code, (PCRE2_SPTR)bytes, text.len, 0, 0, found, regex->limits);
    pcre2_match_data_free(found);
    if (code < 0 && code != PCRE2_ERROR_NOMATCH)
        return error_of(code);
    *out = code >= 0;
    return OK;
}
