/* SPDX-License-Identifier: Apache-2.0 */
/* Names of a database as names of ours: letters stay, umlauts are spelt out, everything else is a low line. What is
 * taken, or reserved, gets a low line or a number behind. */
#include <stdio.h>
#include <string.h>

#include "model/adopt.h"
#include "model/schema_build.h"

enum { NAME_BYTES_MAX = 56 }; /* room for a number behind */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* What stands for the letter that begins `rest`; its length in bytes in `*length`. */
static const char *spell(struct slice rest, size_t *length)
{
    static const struct {
        const char *letter, *spelling;
    } rows[] = {{"ä", "ae"}, {"ö", "oe"}, {"ü", "ue"}, {"Ä", "Ae"}, {"Ö", "Oe"}, {"Ü", "Ue"}, {"ß", "ss"},
                {"é", "e"},  {"è", "e"},  {"ê", "e"},  {"á", "a"},  {"à", "a"},  {"â", "a"},  {"ç", "c"},
                {"ñ", "n"},  {"ó", "o"},  {"ô", "o"},  {"í", "i"},  {"ú", "u"},  {"å", "a"},  {"ø", "o"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_starts(rest, slice_from(rows[i].letter))) {
            *length = strlen(rows[i].letter);
            return rows[i].spelling;
        }
    for (*length = 1; *length < rest.len && ((unsigned char)rest.ptr[*length] & 0xC0) == 0x80;)
        ++*length;
    return "_";
}

static void put_byte(char *text, size_t *size, char c)
{
    bool is_doubled = c == '_' && *size > 0 && text[*size - 1] == '_';
    if (*size < NAME_BYTES_MAX && !is_doubled)
        text[(*size)++] = c;
}

static size_t write_valid(struct slice wanted, char text[NAME_BYTES_MAX])
{
    size_t size = 0, length = 1;
    for (size_t at = 0; at < wanted.len; at += length) {
        char c = wanted.ptr[at];
        const char *spelling = "";
        length = 1;
        if (is_plain(c) || c == '_')
            text[size < NAME_BYTES_MAX ? size++ : size - 1] = c;
        else
            spelling = spell(slice_from_index(wanted, at), &length);
        for (; *spelling; spelling++)
            put_byte(text, &size, *spelling);
    }
    while (size > 1 && text[size - 1] == '_' && wanted.ptr[wanted.len - 1] != '_')
        size--;
    return size;
}

static bool is_taken(struct slice name, const struct slice *taken, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_nocase(taken[i], name))
            return true;
    return false;
}

enum error adopt_name_make(const char *what, struct slice wanted, const struct slice *taken, size_t count,
                           struct arena *arena, struct slice *out)
{
    char text[NAME_BYTES_MAX];
    size_t size = write_valid(wanted, text);
    bool begins_well = size > 0 && is_plain(text[0]) && !(text[0] >= '0' && text[0] <= '9');
    const char *lead = begins_well ? "" : size > 0 && text[0] == '_' ? "x" : "x_";
    const char *name = arena_printf(arena, "%s%.*s", lead, (int)size, text);
    const char *base = name;
    if (name && !schema_build_is_name(what, slice_from(name)))
        base = name = arena_printf(arena, "%s_", base);
    if (name && !schema_build_is_name(what, slice_from(name))) /* a reserved beginning */
        base = name = arena_printf(arena, "x_%s", base);
    for (unsigned number = 2; name && is_taken(slice_from(name), taken, count); number++)
        name = arena_printf(arena, "%s_%u", base, number);
    if (!name)
        return ERROR_MEMORY;
    *out = slice_from(name);
    return OK;
}
