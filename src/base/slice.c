/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of slice.h that are too long to be inline. Pure. */
#include "base/slice.h"

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower((unsigned char)a.ptr[i]) != lower((unsigned char)b.ptr[i]))
            return false;
    return true;
}

int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice a)
{
    while (a.len && is_blank(a.ptr[0]))
        a = slice_from_index(a, 1);
    while (a.len && is_blank(a.ptr[a.len - 1]))
        a.len--;
    return a;
}

bool slice_split(struct slice *rest, char separator, struct slice *part)
{
    if (rest->ptr == NULL)
        return false;
    size_t end = slice_index(*rest, separator);
    *part = slice_of(rest->ptr, end);
    *rest = end < rest->len ? slice_from_index(*rest, end + 1) : (struct slice){NULL, 0};
    return true;
}
