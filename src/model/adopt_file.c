/* SPDX-License-Identifier: Apache-2.0 */
/* The app file of a plan, as a person would write it: one line a field, the long form where the column has another
 * name, a comment above what needs one. Texts that YAML could take for something else stand in double quotes. */
#include "base/jsonwrite.h"
#include "model/adopt.h"

/* In double quotes, and no dollar begins a variable. */
static void put_text(struct buf *out, struct slice text)
{
    struct buf doubled;
    buf_init(&doubled, 1024 * 1024);
    for (size_t i = 0; i < text.len; i++) {
        buf_put_text(&doubled, text.ptr[i] == '$' ? "$" : "");
        buf_put_byte(&doubled, text.ptr[i]);
    }
    jsonwrite_string(out, buf_slice(&doubled));
    out->failed = out->failed || buf_failed(&doubled);
    buf_fini(&doubled);
}

/* Of a field's line: letters, digits, and what types are made of. */
static bool is_plain_line(struct slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_letter && !slice_eq(slice_of(&c, 1), SLICE(" ")) && c != '_' && c != '(' && c != ')' && c != ',' &&
            c != '.' && c != '=' && c != '-')
            return false;
    }
    return line.len > 0;
}

/* A comment is one line, whatever a name or a default holds. */
static void put_comment_text(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_put_byte(out, (unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7F ? ' ' : text.ptr[i]);
}

static void put_notes(const struct adopt_notes *notes, const char *indent, struct buf *out)
{
    for (const struct adopt_note *note = notes->first; note; note = note->next) {
        buf_put_text(out, indent);
        buf_put_literal(out, "# ");
        put_comment_text(out, note->column.len > 0 ? note->column : note->table);
        buf_put_literal(out, ": ");
        put_comment_text(out, slice_from(note->text));
        buf_put_byte(out, '\n');
    }
}

static void put_line(const struct adopt_field *field, struct buf *out)
{
    static const char *const deletes[] = {[ON_DELETE_RESTRICT] = "",
                                          [ON_DELETE_CASCADE] = " on_delete(cascade)",
                                          [ON_DELETE_SET_NULL] = " on_delete(set_null)"};
    buf_put_slice(out, field->type);
    buf_put_text(out, field->is_required ? " required" : "");
    buf_put_text(out, field->is_unique ? " unique" : "");
    buf_put_text(out, field->is_readonly ? " readonly" : "");
    buf_put_text(out, field->target ? deletes[field->on_delete] : "");
    if (field->standard.len > 0) {
        buf_put_literal(out, " = ");
        buf_put_slice(out, field->standard);
    }
}

static void put_field(const struct adopt_field *field, struct buf *out)
{
    struct buf line;
    put_notes(&field->notes, "      ", out);
    if (!field->is_served)
        return;
    buf_init(&line, 512 * 1024);
    put_line(field, &line);
    bool is_renamed = !slice_eq(field->name, field->column->name);
    bool is_quoted = is_renamed || !is_plain_line(buf_slice(&line));
    buf_put_literal(out, "      ");
    buf_put_slice(out, field->name);
    buf_put_text(out, is_renamed ? ": {type: " : ": ");
    if (is_quoted)
        put_text(out, buf_slice(&line));
    else
        buf_put_slice(out, buf_slice(&line));
    if (is_renamed) {
        buf_put_literal(out, ", column: ");
        put_text(out, field->column->name);
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, '\n');
    out->failed = out->failed || buf_failed(&line);
    buf_fini(&line);
}

static const struct adopt_field *find_field(const struct adopt_resource *resource, struct slice column)
{
    for (size_t i = 0; i < resource->table->column_count; i++)
        if (slice_eq_nocase(resource->fields[i].column->name, column))
            return resource->fields[i].is_served && resource->fields[i].kind != FIELD_JSON ? &resource->fields[i]
                                                                                           : NULL;
    return NULL;
}

/* Whether the fields say it already: the key itself, and `unique`. */
static bool is_said(const struct adopt_resource *resource, const struct catalog_index *index)
{
    const struct adopt_field *first = find_field(resource, index->columns[0].name);
    return index->is_primary || (index->count == 1 && index->is_unique && index->where.len == 0 && first &&
                                 (first->is_unique || first->is_key));
}

static bool can_be_said(const struct adopt_resource *resource, const struct catalog_index *index)
{
    for (size_t i = 0; i < index->count; i++)
        if (index->columns[i].name.len == 0 || !find_field(resource, index->columns[i].name))
            return false;
    return index->count <= 16 && (index->where.len == 0 || resource->wheres[index - resource->table->indexes].len > 0);
}

static void put_index(const struct adopt_resource *resource, const struct catalog_index *index, struct buf *out)
{
    if (!can_be_said(resource, index)) {
        buf_put_literal(out, "      # index ");
        put_comment_text(out, index->name);
        buf_put_literal(out, " has what cannot be said here: ");
        buf_put_text(out, index->where.len > 0 ? "WHERE " : "an expression, or a column that is left out");
        put_comment_text(out, index->where);
        buf_put_byte(out, '\n');
        return;
    }
    struct slice where = resource->wheres[index - resource->table->indexes];
    bool is_map = index->is_unique || where.len > 0;
    buf_put_text(out, is_map ? "      - {fields: \"" : "      - ");
    for (size_t i = 0; i < index->count; i++) {
        buf_put_text(out, i > 0 ? ", " : "");
        buf_put_text(out, index->columns[i].is_descending ? "-" : "");
        buf_put_slice(out, find_field(resource, index->columns[i].name)->name);
    }
    buf_put_text(out, is_map ? "\"" : "");
    if (where.len > 0) {
        buf_put_literal(out, ", where: ");
        put_text(out, where);
    }
    buf_put_text(out, index->is_unique ? ", unique: true" : "");
    buf_put_text(out, is_map ? "}\n" : "\n");
}

static void put_indexes(const struct adopt_resource *resource, struct buf *out)
{
    bool has_begun = false;
    size_t count = 0;
    for (size_t i = 0; i < resource->table->index_count; i++) {
        const struct catalog_index *index = &resource->table->indexes[i];
        if (is_said(resource, index) || ++count > 64)
            continue;
        buf_put_text(out, has_begun ? "" : "    indexes:\n");
        has_begun = true;
        put_index(resource, index, out);
    }
}

static void put_key(const struct adopt_resource *resource, struct buf *out)
{
    if (resource->key_count == 0)
        return;
    buf_put_text(out, resource->key_count > 1 ? "    key: [" : "    key: ");
    for (size_t i = 0; i < resource->key_count; i++) {
        buf_put_text(out, i > 0 ? ", " : "");
        buf_put_slice(out, resource->key[i]->name);
    }
    buf_put_text(out, resource->key_count > 1 ? "]\n" : "\n");
}

static void put_access(const struct adopt_resource *resource, enum adopt_access access, struct buf *out)
{
    static const char *const lines[] = {[ADOPT_ACCESS_NONE] = "    # access: {read: true}\n",
                                        [ADOPT_ACCESS_READ] = "    access: {read: true, write: false}\n",
                                        [ADOPT_ACCESS_ALL] = "    access: {all: true}\n"};
    bool is_read = access == ADOPT_ACCESS_ALL && resource->is_view;
    buf_put_text(out, lines[is_read ? ADOPT_ACCESS_READ : access]);
}

static void put_resource(const struct adopt_resource *resource, enum adopt_access access, struct buf *out)
{
    put_notes(&resource->notes, "  ", out);
    if (!resource->is_served)
        return;
    buf_put_literal(out, "  ");
    buf_put_slice(out, resource->name);
    buf_put_literal(out, ":\n");
    if (!slice_eq(resource->name, resource->table->name)) {
        buf_put_literal(out, "    table: ");
        put_text(out, resource->table->name);
        buf_put_byte(out, '\n');
    }
    buf_put_text(out, resource->is_view ? "    view: true\n" : "");
    put_key(resource, out);
    buf_put_text(out, resource->is_view ? "" : "    timestamps: false\n    version: false\n");
    buf_put_literal(out, "    fields:\n");
    for (size_t i = 0; i < resource->table->column_count; i++)
        put_field(&resource->fields[i], out);
    put_indexes(resource, out);
    put_access(resource, access, out);
    buf_put_byte(out, '\n');
}

void adopt_file_write(const struct adopt_plan *plan, const struct adopt_style *style, struct buf *out)
{
    buf_put_literal(out,
                    "# What an existing database holds, written by `tenon adopt`. The engine makes and alters none of "
                    "these tables.\n");
    if (style->access == ADOPT_ACCESS_NONE)
        buf_put_literal(out,
                        "# Nobody may read or write anything until `access:` says who: each resource has a line for "
                        "it to begin with.\n");
    buf_put_literal(out, "name: ");
    jsonwrite_string(out, style->name);
    buf_put_literal(out, "\ndatabase: ");
    jsonwrite_string(out, style->database);
    buf_put_literal(out, "\n\nresources:\n");
    for (size_t i = 0; i < plan->count; i++)
        put_resource(&plan->resources[i], style->access, out);
}
