/* SPDX-License-Identifier: Apache-2.0 */
/* Values and members of what explanations print. */
#include "cli/shown.h"

#include "base/jsonwrite.h"

enum { VALUE_BYTES_SHOWN = 80 };

void shown_value(struct buf *out, const struct value *value)
{
    size_t length = value->text.len;
    switch (value->kind) {
    case VALUE_NULL: buf_put_literal(out, "null"); return;
    case VALUE_INT: buf_put_int(out, value->integer); return;
    case VALUE_FLOAT: jsonwrite_float(out, value->number); return;
    case VALUE_BLOB: buf_printf(out, "%zu bytes", length); return;
    case VALUE_TEXT:
        jsonwrite_string(out, slice_of(value->text.ptr, length > VALUE_BYTES_SHOWN ? VALUE_BYTES_SHOWN : length));
        buf_put_text(out, length > VALUE_BYTES_SHOWN ? "…" : "");
        return;
    }
}

void shown_json(struct buf *out, const struct value *value)
{
    if (value->kind == VALUE_TEXT || value->kind == VALUE_BLOB)
        jsonwrite_string(out, value->text);
    else
        shown_value(out, value);
}

void shown_member(struct buf *out, const char *key, const char *text)
{
    buf_put_text(out, key);
    if (text)
        jsonwrite_string(out, slice_from(text));
    else
        jsonwrite_null(out);
}

static size_t index_of_space(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == ' ')
            return i;
    return text.len;
}

/* The count of words in the command's row is what the parser goes by; a request that was not quoted is two arguments.
 */
bool shown_is_unquoted(const struct command_line *line)
{
    struct slice first = slice_from(line->arguments[0]);
    return line->arguments[1] && line->arguments[1][0] == '/' && index_of_space(first) == first.len && first.len > 0 &&
           first.ptr[0] != '/';
}
