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
        item->place = place;
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
    item->place = place;
    item->is_warning = true;
}
