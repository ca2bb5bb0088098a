/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a schema: which are allowed, how they look in JSON, and which name an index gets.
 *
 * A name is at once a table or column, a path segment, a query parameter, a JSON key and a word of the expression
 * language; it must be free of surprises in all of them, so it is [a-z][a-z0-9_]* and some are taken. What an adopted
 * table is called keeps its capital letters. */
#include "base/suggest.h"
#include "model/schema_draft.h"

enum { NAME_MAX_BYTES = 60 };

/* The query parameters of a list, and words of the expression language; the system fields are schema_key.c's. */
static const char *const reserved_fields[] = {
    "sort", "search", "fields", "expand", "limit", "offset", "page", "after", "where", "count",
    "auth", "input",  "now",    "true",   "false", "null",   "in",   "like",  "rowid",
};
/* What a parameter of an action's statements may also name. */
static const char *const reserved_inputs[] = {"auth", "input", "now", "uuid"};
/* Types of a field, and what has a path of its own. */
static const char *const reserved_resources[] = {
    "text",  "int", "float",    "decimal", "bool", "datetime", "date",   "uuid",   "json", "enum",
    "email", "url", "password", "vector",  "list", "batch",    "health", "sqlite", "auth",
};

struct reserved {
    const char *what;
    const char *const *words;
    size_t count;
    const char *hint;
};
static const struct reserved reserved[] = {
    {"field", reserved_fields, ARRAY_LEN(reserved_fields),
     "query parameters and words of the expression language cannot be fields"},
    {"resource", reserved_resources, ARRAY_LEN(reserved_resources),
     "types and paths of the engine cannot be resources"},
    {"action", NULL, 0, NULL},
    {"input", reserved_inputs, ARRAY_LEN(reserved_inputs), "the statements of a step use it for something else"},
    {"step", reserved_inputs, ARRAY_LEN(reserved_inputs), "the statements of a step use it for something else"},
};

static const struct reserved *find_reserved(const char *what)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(reserved) && strcmp(reserved[i].what, what) != 0)
        i++;
    return &reserved[i];
}

static bool is_one_of(struct slice name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_text(name, words[i]))
            return true;
    return false;
}

static bool has_name_shape(struct slice name, bool has_capitals)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (has_capitals && c >= 'A' && c <= 'Z');
        bool is_later = (c >= '0' && c <= '9') || c == '_';
        if (!is_letter && (i == 0 || !is_later))
            return false;
    }
    return name.len > 0;
}

bool schema_name_is_free(const char *what, struct slice name)
{
    const struct reserved *taken = find_reserved(what);
    bool is_ours = slice_starts(name, SLICE("_tenon_")) || slice_starts(name, SLICE("sqlite_"));
    return !is_ours && has_name_shape(name, true) && name.len <= NAME_MAX_BYTES &&
           !is_one_of(name, taken->words, taken->count);
}

bool schema_name_check(struct schema_draft *draft, const char *what, const struct node *node)
{
    struct slice name = node->key;
    struct diag *diag = draft->diag;
    const char *shown = diag_quote(diag, name);
    const struct reserved *taken = find_reserved(what);
    if (slice_starts(name, SLICE("_tenon_")) || slice_starts(name, SLICE("sqlite_"))) {
        diag_at(diag, node->key_place, "choose a name without this prefix", "%s %s: the prefix is reserved", what,
                shown);
    } else if (!has_name_shape(name, draft->has_capitals)) {
        diag_at(diag, node->key_place,
                draft->has_capitals ? "letters of a to z, digits and _, a letter first"
                                    : "small letters, digits and _, a letter first",
                "%s %s: not a name", what, shown);
    } else if (name.len > NAME_MAX_BYTES) {
        diag_at(diag, node->key_place, NULL, "%s %s: a name holds at most %d characters", what, shown, NAME_MAX_BYTES);
    } else if (is_one_of(name, taken->words, taken->count)) {
        diag_at(diag, node->key_place, taken->hint, "%s %s: the name is reserved", what, shown);
    } else {
        return true;
    }
    return false;
}

struct slice schema_name_before(struct schema_draft *draft, const struct node *node, struct slice name)
{
    const struct node *before = node_find(node, "renamed_from");
    if (!before || before->kind != NODE_SCALAR || node_is_empty(before))
        return SLICE("");
    if (has_name_shape(before->text, draft->has_capitals) && !slice_eq(before->text, name))
        return before->text;
    diag_at(draft->diag, before->place, "write the name that it had before", "renamed_from %s: not a former name",
            node_shown(before, draft->diag));
    return SLICE("");
}

/* created_at as createdAt. */
static struct slice camel(struct arena *arena, struct slice name)
{
    char *text = arena_text(arena, name);
    size_t length = 0;
    bool is_start = false;
    for (size_t i = 0; text && i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '_') {
            is_start = true;
            continue;
        }
        text[length++] = is_start && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        is_start = false;
    }
    if (text)
        text[length] = '\0';
    return slice_of(text, length);
}

enum error schema_name_json(struct schema_draft *draft, struct field *field)
{
    field->json_name = draft->naming == SCHEMA_CAMEL ? camel(draft->arena, field->name) : field->name;
    const char *key = arena_printf(draft->arena, "\"%.*s\":", SLICE_ARG(field->json_name));
    if (!field->json_name.ptr || !key)
        return ERROR_MEMORY;
    field->json_key = slice_from(key);
    return OK;
}

void schema_name_unknown_field(struct schema_draft *draft, const struct resource *resource, struct slice name,
                               struct place place)
{
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (size_t i = 0; i < resource->field_count; i++)
        suggest_offer(&suggest, resource->fields[i].name);
    suggest_report(&suggest, draft->diag, place, "unknown field", NULL);
}

static bool is_taken(const struct schema *schema, struct slice name)
{
    if (schema_find(schema, name))
        return true;
    for (size_t i = 0; i < schema->resource_count; i++)
        for (size_t j = 0; j < schema->resources[i].index_count; j++)
            if (slice_eq(schema->resources[i].indexes[j].name, name))
                return true;
    return false;
}

enum error schema_name_index(struct schema_draft *draft, const struct resource *resource, struct slice wanted,
                             struct slice *out)
{
    const char *text = arena_printf(draft->arena, "%.*s_%.*s", SLICE_ARG(resource->name), SLICE_ARG(wanted));
    for (unsigned number = 2; text && is_taken(draft->schema, slice_from(text)); number++)
        text = arena_printf(draft->arena, "%.*s_%.*s_%u", SLICE_ARG(resource->name), SLICE_ARG(wanted), number);
    if (!text)
        return ERROR_MEMORY;
    *out = slice_from(text);
    return OK;
}
