/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics: the words that go with an error code. Every text is copied to the arena, so a caller may format from
 * memory that goes away. When memory runs out an item is only counted: the failure itself is never lost. */
#include "base/diag.h"

#include <stdarg.h>

void diag_init(struct diag *diag, struct arena *arena)
{
    *diag = (struct diag){.arena = arena};
}

static const char *copy(struct diag *diag, const char *text)
{
    return text ? arena_text(diag->arena, slice_from(text)) : NULL;
}

PRINTF_LIKE(3, 0)
static struct diag_item *add(struct diag *diag, const char *hint, const char *format, va_list arguments)
{
    struct diag_item *item = diag->kept < DIAG_ITEMS_MAX ? arena_zalloc(diag->arena, sizeof *item) : NULL;
    if (!item)
        return NULL;
    const char *message = arena_vprintf(diag->arena, format, arguments);
    item->message = message ? message : "out of memory";
    item->hint = copy(diag, hint);
    if (diag->last)
        diag->last->next = item;
    else
        diag->first = item;
    diag->last = item;
    diag->kept++;
    return item;
}

/* A place whose file's name lives as long as the diag. */
static struct place keep(struct diag *diag, struct place place)
{
    place.file = copy(diag, place.file);
    return place;
}

void diag_say(struct diag *diag, const char *hint, const char *format, ...)
{
    if (!diag || diag->message)
        return;
    va_list arguments;
    va_start(arguments, format);
    diag->message = arena_vprintf(diag->arena, format, arguments);
    diag->hint = copy(diag, hint);
    va_end(arguments);
}

void diag_name(struct diag *diag, const char *code, int http_status)
{
    if (!diag)
        return;
    diag->code = code;
    diag->http_status = http_status;
}

void diag_field(struct diag *diag, struct slice field, const char *hint, const char *format, ...)
{
    if (!diag)
        return;
    va_list arguments;
    va_start(arguments, format);
    struct diag_item *item = add(diag, hint, format, arguments);
    va_end(arguments);
    diag->count++;
    if (item)
        item->field = arena_text(diag->arena, field);
}

void diag_at(struct diag *diag, struct place place, const char *hint, const char *format, ...)
{
    if (!diag)
        return;
    va_list arguments;
    va_start(arguments, format);
    struct diag_item *item = add(diag, hint, format, arguments);
    va_end(arguments);
    diag->count++;
    if (item)
        item->place = keep(diag, place);
}

void diag_warn(struct diag *diag, struct place place, const char *hint, const char *format, ...)
{
    if (!diag)
        return;
    va_list arguments;
    va_start(arguments, format);
    struct diag_item *item = add(diag, hint, format, arguments);
    va_end(arguments);
    diag->warning_count++;
    if (!item)
        return;
    item->place = keep(diag, place);
    item->is_warning = true;
}

enum { QUOTE_MAX = 80 };

const char *diag_quote(struct diag *diag, struct slice text)
{
    char shown[QUOTE_MAX + 8];
    size_t length = 0, cut = text.len < QUOTE_MAX ? text.len : QUOTE_MAX;
    if (!diag)
        return "";
    while (cut < text.len && cut > 0 && ((unsigned char)text.ptr[cut] & 0xC0) == 0x80)
        cut--; /* never half a character */
    shown[length++] = '"';
    for (size_t i = 0; i < cut; i++)
        shown[length++] = (unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127 ? '?' : text.ptr[i];
    for (int dots = cut < text.len ? 3 : 0; dots > 0; dots--)
        shown[length++] = '.';
    shown[length++] = '"';
    const char *quoted = arena_text(diag->arena, slice_of(shown, length));
    return quoted ? quoted : "";
}

static int place_compare(const struct place *a, const struct place *b)
{
    int by_file = strcmp(a->file ? a->file : "", b->file ? b->file : "");
    if (by_file != 0)
        return by_file;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return (a->column > b->column) - (a->column < b->column);
}

/* Insertion: there are DIAG_ITEMS_MAX at most, and nearly in order. */
void diag_sort(struct diag *diag)
{
    struct diag_item *sorted = NULL;
    for (struct diag_item *item = diag->first, *next; item; item = next) {
        next = item->next;
        struct diag_item **spot = &sorted;
        while (*spot && place_compare(&(*spot)->place, &item->place) <= 0)
            spot = &(*spot)->next;
        item->next = *spot;
        *spot = item;
    }
    diag->first = sorted;
    for (diag->last = sorted; diag->last && diag->last->next;)
        diag->last = diag->last->next;
}
