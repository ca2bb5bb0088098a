/* SPDX-License-Identifier: Apache-2.0 */
/* Query strings: `name[op]=value&…`, form encoded (a plus is a space).
 *
 * Idea: the raw string is cut at '&' and '=' first and decoded after, so an encoded '&' or '=' is data. Brackets are
 * looked for in the decoded name, because most clients encode them. Faults are collected, each under the name of its
 * parameter; a name that cannot be shown (it is itself the fault) is reported as it was sent, as long as that is
 * plain ASCII.
 */
#include "http/urlquery.h"

#include <stdbool.h>

#include "base/percent.h"
#include "base/utf8.h"

enum { SHOWN_BYTES_MAX = 80 };

/* The name as it is said in a fault. */
static struct slice shown(struct slice raw)
{
    struct slice name = slice_of(raw.ptr, raw.len < SHOWN_BYTES_MAX ? raw.len : SHOWN_BYTES_MAX);
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f)
            return SLICE("query");
    return name.len ? name : SLICE("query");
}

/* Decodes one side of a pair; a fault is told under `raw_name`. */
static enum error decode(struct slice raw, struct slice raw_name, struct arena *arena, struct diag *diag,
                         struct slice *out)
{
    struct slice text;
    enum error error = percent_decode_query(raw, arena, &text);
    if (error == ERROR_MEMORY)
        return error;
    if (error != OK)
        diag_field(diag, shown(raw_name), "write a percent sign as %25",
                   "holds an escape that is not %% and two hex digits");
    else if (!utf8_is_valid(text) || slice_index(text, '\0') < text.len)
        diag_field(diag, shown(raw_name), NULL, "not UTF-8 text");
    else {
        *out = text;
        return OK;
    }
    return ERROR_VALIDATION;
}

/* Splits "name[op]"; false when brackets stand otherwise than once, around the end. */
static bool split_op(struct slice key, struct urlquery_pair *pair)
{
    size_t open = slice_index(key, '[');
    size_t close = slice_index(key, ']');
    pair->name = slice_of(key.ptr, open);
    pair->op = (struct slice){NULL, 0};
    if (open == key.len && close == key.len)
        return true;
    if (open == 0 || close != key.len - 1 || close <= open + 1)
        return false;
    pair->op = slice_of(key.ptr + open + 1, close - open - 1);
    return slice_index(pair->op, '[') == pair->op.len;
}

static enum error read_pair(struct slice part, struct arena *arena, struct diag *diag, struct urlquery_pair *out)
{
    size_t equals = slice_index(part, '=');
    struct slice raw_name = slice_of(part.ptr, equals), key;
    TRY(decode(raw_name, raw_name, arena, diag, &key));
    if (key.len == 0 || !split_op(key, out)) {
        diag_field(diag, shown(raw_name), "write name=value or name[operator]=value", "not the name of a parameter");
        return ERROR_VALIDATION;
    }
    return decode(slice_from_index(part, equals + 1), raw_name, arena, diag, &out->value);
}

static size_t count_pairs(struct slice raw)
{
    struct slice part;
    size_t count = 0;
    while (slice_split(&raw, '&', &part))
        count += part.len > 0;
    return count;
}

enum error urlquery_parse(struct slice raw, size_t pairs_max, struct arena *arena, struct diag *diag,
                          struct urlquery *out)
{
    size_t count = count_pairs(raw);
    if (count > pairs_max) {
        diag_say(diag, NULL, "the query has %zu parameters; the limit is %zu", count, pairs_max);
        return ERROR_VALIDATION;
    }
    struct urlquery_pair *pairs = count ? arena_array(arena, count, sizeof *pairs) : NULL;
    if (count && !pairs)
        return ERROR_MEMORY;
    enum error result = OK;
    struct slice part;
    size_t filled = 0;
    while (slice_split(&raw, '&', &part)) {
        if (part.len == 0)
            continue;
        enum error error = read_pair(part, arena, diag, &pairs[filled++]);
        if (error == ERROR_MEMORY)
            return error;
        if (error != OK)
            result = error;
    }
    if (result == OK)
        *out = (struct urlquery){.pairs = pairs, .count = count};
    return result;
}
