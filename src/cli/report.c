/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics on a terminal and for programs. */
#include "cli/report.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/jsonwrite.h"

enum { JSON_BYTES_MAX = 4 * 1024 * 1024 };

struct palette {
    const char *error, *warning, *dim, *end;
};

static struct palette palette_for(FILE *out)
{
    const struct palette colours = {"\033[31m", "\033[33m", "\033[2m", "\033[0m"};
    const struct palette plain = {"", "", "", ""};
    return isatty(fileno(out)) && !getenv("NO_COLOR") ? colours : plain;
}

static void print_item(FILE *out, const struct palette *palette, const struct diag_item *item)
{
    if (item->place.file)
        fprintf(out, "%s:%u:%u: ", item->place.file, item->place.line, item->place.column);
    if (item->is_warning)
        fprintf(out, "%swarning: %s", palette->warning, palette->end);
    fprintf(out, "%s%s%s\n", item->is_warning ? "" : palette->error, item->message, palette->end);
    if (item->hint)
        fprintf(out, "  %shint: %s%s\n", palette->dim, item->hint, palette->end);
}

static void print(FILE *out, const struct diag *diag, enum error error, bool has_advice)
{
    const struct palette palette = palette_for(out);
    for (const struct diag_item *item = diag->first; item; item = item->next)
        if (has_advice || !item->is_warning || !item->place.file)
            print_item(out, &palette, item);
    if (diag->count > DIAG_ITEMS_MAX)
        fprintf(out, "and more: %zu in all\n", diag->count);
    if (error == OK || (diag->count > 0 && !diag->message))
        return;
    fprintf(out, "%serror: %s%s\n", palette.error, diag->message ? diag->message : error_sentence(error), palette.end);
    if (diag->hint)
        fprintf(out, "  %shint: %s%s\n", palette.dim, diag->hint, palette.end);
}

void report_print(FILE *out, const struct diag *diag, enum error error)
{
    print(out, diag, error, true);
}

void report_print_outcome(FILE *out, const struct diag *diag, enum error error)
{
    print(out, diag, error, false);
}

static void put_text(struct buf *out, const char *key, const char *text)
{
    buf_put_text(out, key);
    if (text)
        jsonwrite_string(out, slice_from(text));
    else
        jsonwrite_null(out);
}

static void put_item(struct buf *out, const struct diag_item *item)
{
    put_text(out, "{\"file\":", item->place.file);
    buf_put_literal(out, ",\"line\":");
    buf_put_uint(out, item->place.line);
    buf_put_literal(out, ",\"column\":");
    buf_put_uint(out, item->place.column);
    put_text(out, ",\"severity\":", item->is_warning ? "warning" : "error");
    put_text(out, ",\"message\":", item->message);
    put_text(out, ",\"hint\":", item->hint);
    buf_put_byte(out, '}');
}

void report_print_json(FILE *out, const struct diag *diag, enum error error)
{
    struct buf text;
    buf_init(&text, JSON_BYTES_MAX);
    buf_put_byte(&text, '[');
    for (const struct diag_item *item = diag->first; item; item = item->next) {
        if (item != diag->first)
            buf_put_byte(&text, ',');
        put_item(&text, item);
    }
    if (error != OK && (diag->message || diag->count == 0)) {
        const struct diag_item whole = {.message = diag->message ? diag->message : error_sentence(error),
                                        .hint = diag->hint};
        if (diag->first)
            buf_put_byte(&text, ',');
        put_item(&text, &whole);
    }
    buf_put_literal(&text, "]\n");
    fwrite(text.ptr, 1, text.len, out);
    buf_fini(&text);
}
