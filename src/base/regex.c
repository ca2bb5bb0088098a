/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions of app files, by PCRE2's interpreter.
 *
 * A pattern such as ^(a+)+$ takes exponential time on some texts, and one as harmless as \s+$ takes the square. Each
 * match has an amount of work that grows with its text, and of memory; beyond these it ends with ERROR_LIMIT within a
 * few milliseconds. PCRE2's own limit of calls cannot do this: it begins anew at every place of the text at which the
 * pattern might match, and a call may look at the whole text. So the pattern is compiled with a callout before each of
 * its items, which counts: one step, and as many characters as the place has moved, and, as a back reference may have
 * been compared in vain, an eighth of what the longest group holds. A count of work, not a clock: the same value is
 * never refused on one day and taken on another.
 *
 * The interpreter is used, not the just-in-time compiler, because its limits hold for all patterns, its frames lie on
 * the heap and not on a fiber's stack, and it needs no memory that is writable and executable.
 */
#include "base/regex.h"

#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { MATCH_LIMIT = 100000, DEPTH_LIMIT = 10000, HEAP_LIMIT_KIB = 4096 };
/* A step costs about as much as a look at 8 characters: 10,000 steps, and 16 for each byte. */
enum { STEP_WORK = 8, WORK_MIN = 10000 * STEP_WORK, WORK_PER_BYTE = 16 * STEP_WORK };

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits;
    uint32_t group_max; /* the highest that is referred back to */
};

struct work {
    const struct regex *regex;
    size_t left, position;
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
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY | PCRE2_AUTO_CALLOUT;
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
    (void)pcre2_pattern_info(regex->code, PCRE2_INFO_BACKREFMAX, &regex->group_max);
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

static size_t longest_group(const pcre2_callout_block *at, uint32_t group_max)
{
    size_t longest = 0;
    for (uint32_t group = 1; group <= group_max && group < at->capture_top; group++) {
        size_t from = at->offset_vector[2 * group], to = at->offset_vector[2 * group + 1];
        if (from != PCRE2_UNSET && to > from && to - from > longest)
            longest = to - from;
    }
    return longest;
}

static int count(pcre2_callout_block *at, void *state)
{
    struct work *work = state;
    size_t position = at->current_position;
    size_t moved = position > work->position ? position - work->position : work->position - position;
    size_t cost = STEP_WORK + moved + longest_group(at, work->regex->group_max) / 8;
    if (cost > work->left)
        return PCRE2_ERROR_MATCHLIMIT;
    work->left -= cost;
    work->position = position;
    return 0;
}

enum error regex_match(const struct regex *regex, struct slice text, bool *out)
{
    pcre2_match_context *limits = pcre2_match_context_copy(regex->limits);
    pcre2_match_data *found = pcre2_match_data_create(1, NULL);
    enum error error = ERROR_MEMORY;
    if (limits && found) {
        struct work work = {.regex = regex, .left = WORK_MIN + text.len * WORK_PER_BYTE};
        pcre2_set_callout(limits, count, &work);
        const char *bytes = text.len > 0 ? text.ptr : "";
        int code = pcre2_match(regex->code, (PCRE2_SPTR)bytes, text.len, 0, 0, found, limits);
        error = code >= 0 || code == PCRE2_ERROR_NOMATCH ? OK : error_of(code);
        if (error == OK)
            *out = code >= 0;
    }
    pcre2_match_data_free(found);
    pcre2_match_context_free(limits);
    return error;
}
