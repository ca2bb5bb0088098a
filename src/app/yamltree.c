/* SPDX-License-Identifier: Apache-2.0 */
/* YAML to a document tree, by the events of libyaml.
 *
 * Idea: libyaml's own documents forget the places of keys and would follow aliases, so the tree is built here from its
 * events: a stack of the containers that are open, and for a map the key that waits for its value.
 *
 * What YAML can do and an app file may not: aliases and anchors (a few lines of them unfold into gigabytes), tags,
 * keys that are not text, several documents. Each is an error with a hint, and reading goes on behind it, because the
 * usual cause is an expression that begins with `*`, `&` or `!` and was not quoted; the reader has other mistakes too.
 *
 * Invariants
 *   (1) depth <= YAMLTREE_DEPTH_MAX, nodes <= YAMLTREE_NODES_MAX, keys of a map <= YAMLTREE_KEYS_MAX
 *   (2) libyaml counts columns in characters; every place that leaves here counts bytes, from 1
 *   (3) a scalar holds valid UTF-8 without NUL */
#include "app/yamltree.h"

#include <yaml.h>

struct level {
    struct node *container;
    struct slice key; /* waits for its value; `ptr` NULL: a key comes next */
    struct place key_place;
    bool is_dropped; /* the key is no text: its value is read and forgotten */
};

struct reader {
    yaml_parser_t parser;
    struct slice text;
    const char *file;
    struct arena *arena;
    struct diag *diag;
    struct node *root;
    struct level levels[YAMLTREE_DEPTH_MAX];
    unsigned depth;
    unsigned documents;
    size_t nodes;
    size_t cursor_line, cursor_start;  /* a line, counted from 0, and the byte where it begins */
    size_t cursor_column, cursor_byte; /* a character of that line, and its byte */
    bool is_done;
};

/* The bytes of the line break at `at`, as libyaml breaks lines; 0 when there is none. */
static size_t break_length(struct slice text, size_t at)
{
    struct slice rest = slice_from_index(text, at);
    if (rest.len == 0)
        return 0;
    if (rest.ptr[0] == '\r')
        return rest.len > 1 && rest.ptr[1] == '\n' ? 2 : 1;
    if (rest.ptr[0] == '\n')
        return 1;
    if (slice_starts(rest, SLICE("\xC2\x85")))
        return 2;
    return slice_starts(rest, SLICE("\xE2\x80\xA8")) || slice_starts(rest, SLICE("\xE2\x80\xA9")) ? 3 : 0;
}

static size_t next_character(struct slice text, size_t at)
{
    at++;
    while (at < text.len && ((unsigned char)text.ptr[at] & 0xC0) == 0x80)
        at++;
    return at;
}

/* Invariant 2. Marks come nearly in order, so a cursor goes over the text about once. */
static struct place place_of(struct reader *reader, yaml_mark_t mark)
{
    if (mark.line < reader->cursor_line || (mark.line == reader->cursor_line && mark.column < reader->cursor_column)) {
        if (mark.line < reader->cursor_line)
            reader->cursor_line = reader->cursor_start = 0;
        reader->cursor_column = 0;
        reader->cursor_byte = reader->cursor_start;
    }
    while (reader->cursor_line < mark.line && reader->cursor_byte < reader->text.len) {
        size_t length = break_length(reader->text, reader->cursor_byte);
        reader->cursor_byte = length ? reader->cursor_byte + length : next_character(reader->text, reader->cursor_byte);
        if (length == 0)
            continue;
        reader->cursor_line++;
        reader->cursor_column = 0;
        reader->cursor_start = reader->cursor_byte;
    }
    while (reader->cursor_column < mark.column && reader->cursor_byte < reader->text.len) {
        reader->cursor_byte = next_character(reader->text, reader->cursor_byte);
        reader->cursor_column++;
    }
    return (struct place){reader->file, (unsigned)mark.line + 1,
                          (unsigned)(reader->cursor_byte - reader->cursor_start) + 1};
}

static struct place place_of_byte(const struct reader *reader, size_t offset)
{
    struct place place = {reader->file, 1, 1};
    for (size_t at = 0; at < offset && at < reader->text.len; at++) {
        place.column++;
        if (reader->text.ptr[at] == '\n')
            place = (struct place){reader->file, place.line + 1, 1};
    }
    return place;
}

/* The byte at the place that libyaml complains about. */
static char byte_at_problem(const struct reader *reader)
{
    size_t at = reader->cursor_byte;
    return at < reader->text.len ? reader->text.ptr[at] : '\0';
}

static const char *hint_for_syntax(char byte, const char *problem)
{
    if (strstr(problem, "alphabetic or numeric"))
        return "quote a text that begins with `*` or `&`";
    switch (byte) {
    case '\t': return "YAML indents with spaces, never with tabs";
    case '%':
    case '@':
    case '`': return "a text that begins with this character must be quoted";
    default:
        return "quote a text that holds , [ ] { } inside of braces or brackets, a colon or # beside a space, or that "
               "goes on behind a closing quote";
    }
}

static enum error syntax_error(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return ERROR_MEMORY;
    if (parser->error == YAML_READER_ERROR) {
        diag_at(reader->diag, place_of_byte(reader, parser->problem_offset), "the file must be UTF-8 text", "%s",
                parser->problem);
        return ERROR_VALIDATION;
    }
    struct place place = place_of(reader, parser->problem_mark);
    char byte = byte_at_problem(reader);
    if (byte == '\t')
        diag_at(reader->diag, place, hint_for_syntax(byte, parser->problem), "a tab cannot stand here");
    else
        diag_at(reader->diag, place, hint_for_syntax(byte, parser->problem), "not valid YAML: %s", parser->problem);
    return ERROR_VALIDATION;
}

static enum error new_node(struct reader *reader, enum node_kind kind, yaml_mark_t mark, struct node **out)
{
    if (++reader->nodes > YAMLTREE_NODES_MAX) {
        diag_at(reader->diag, place_of(reader, mark), NULL, "the file holds more than %d values", YAMLTREE_NODES_MAX);
        return ERROR_VALIDATION;
    }
    struct node *node = arena_zalloc(reader->arena, sizeof *node);
    if (!node)
        return ERROR_MEMORY;
    node->kind = kind;
    node->place = node->text_place = place_of(reader, mark);
    *out = node;
    return OK;
}

static void refuse_tag_and_anchor(struct reader *reader, const yaml_char_t *tag, const yaml_char_t *anchor,
                                  struct node *node)
{
    struct place place = node->place;
    node->is_broken = tag || anchor;
    if (tag)
        diag_at(reader->diag, place, "quote a text that begins with `!`", "tags are not allowed: %s",
                diag_quote(reader->diag, slice_from((const char *)tag)));
    if (anchor)
        diag_at(reader->diag, place, "quote a text that begins with `&`", "anchors are not allowed: %s",
                diag_quote(reader->diag, slice_from((const char *)anchor)));
}

static enum error take_key(struct reader *reader, struct level *level, const struct node *node)
{
    const struct node *first = NULL;
    level->key_place = node->place;
    level->key = node->kind == NODE_SCALAR ? node->text : SLICE("");
    if (node->kind != NODE_SCALAR) {
        diag_at(reader->diag, node->place, NULL, "a key must be a text");
        level->is_dropped = true;
        return OK;
    }
    if (level->container->count >= YAMLTREE_KEYS_MAX) {
        diag_at(reader->diag, node->place, NULL, "a map holds at most %d keys", YAMLTREE_KEYS_MAX);
        return ERROR_VALIDATION;
    }
    first = node_find_slice(level->container, level->key);
    if (first)
        diag_at(reader->diag, node->place, NULL, "key %s is given twice, first at %s:%u:%u",
                diag_quote(reader->diag, level->key), first->key_place.file, first->key_place.line,
                first->key_place.column);
    return OK;
}

/* Puts a value where the present container wants it; a scalar may be a key. */
static enum error place_node(struct reader *reader, struct node *node)
{
    if (reader->depth == 0) {
        reader->root = node;
        return OK;
    }
    struct level *level = &reader->levels[reader->depth - 1];
    if (level->container->kind == NODE_MAP && !level->key.ptr)
        return take_key(reader, level, node);
    node->key = level->key;
    node->key_place = level->key_place;
    bool is_new = level->container->kind == NODE_LIST || !node_find_slice(level->container, node->key);
    if (is_new && !level->is_dropped)
        node_append(level->container, node);
    level->key = (struct slice){0};
    level->is_dropped = false;
    return OK;
}

static enum error on_scalar(struct reader *reader, const yaml_event_t *event)
{
    struct node *node = NULL;
    TRY(new_node(reader, NODE_SCALAR, event->start_mark, &node));
    struct slice text = slice_of((const char *)event->data.scalar.value, event->data.scalar.length);
    refuse_tag_and_anchor(reader, event->data.scalar.tag, event->data.scalar.anchor, node);
    if (slice_index(text, '\0') < text.len) {
        diag_at(reader->diag, node->place, NULL, "a text cannot hold the character NUL");
        text.len = slice_index(text, '\0');
    }
    yaml_scalar_style_t style = event->data.scalar.style;
    node->text = node->source = arena_slice(reader->arena, text);
    if (!node->text.ptr)
        return ERROR_MEMORY;
    node->is_quoted = style != YAML_PLAIN_SCALAR_STYLE;
    node->is_flow = reader->depth > 0 && reader->levels[reader->depth - 1].container->is_flow;
    if (style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE)
        node->text_place.column++;
    node->is_block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
    node->raw = slice_from_index(reader->text, reader->cursor_byte + node->text_place.column - node->place.column);
    if (node->is_block)
        node->raw = slice_from_index(node->raw, slice_index(node->raw, '\n') + 1);
    return place_node(reader, node);
}

static enum error open_container(struct reader *reader, enum node_kind kind, bool is_flow, const yaml_event_t *event,
                                 const yaml_char_t *tag, const yaml_char_t *anchor)
{
    struct node *node = NULL;
    TRY(new_node(reader, kind, event->start_mark, &node));
    refuse_tag_and_anchor(reader, tag, anchor, node);
    node->is_flow = is_flow;
    TRY(place_node(reader, node));
    if (reader->depth == YAMLTREE_DEPTH_MAX) {
        diag_at(reader->diag, node->place, NULL, "nested deeper than %d levels", YAMLTREE_DEPTH_MAX);
        return ERROR_VALIDATION;
    }
    reader->levels[reader->depth++] = (struct level){.container = node};
    return OK;
}

static enum error on_alias(struct reader *reader, const yaml_event_t *event)
{
    struct node *node = NULL;
    TRY(new_node(reader, NODE_SCALAR, event->start_mark, &node));
    diag_at(reader->diag, node->place, "quote a text that begins with `*`", "aliases are not allowed: %s",
            diag_quote(reader->diag, slice_from((const char *)event->data.alias.anchor)));
    node->text = node->source = SLICE("");
    node->is_quoted = node->is_broken = true;
    return place_node(reader, node);
}

static enum error on_document(struct reader *reader, const yaml_event_t *event)
{
    if (++reader->documents == 1)
        return OK;
    diag_at(reader->diag, place_of(reader, event->start_mark), "remove the line `---`",
            "a file holds one document only");
    return ERROR_VALIDATION;
}

static enum error on_event(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: return on_document(reader, event);
    case YAML_ALIAS_EVENT: return on_alias(reader, event);
    case YAML_SCALAR_EVENT: return on_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_container(reader, NODE_LIST, event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE, event,
                              event->data.sequence_start.tag, event->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return open_container(reader, NODE_MAP, event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE, event,
                              event->data.mapping_start.tag, event->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: reader->depth--; return OK;
    case YAML_STREAM_END_EVENT: reader->is_done = true; return OK;
    default: return OK;
    }
}

static enum error read_events(struct reader *reader)
{
    while (!reader->is_done) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event))
            return syntax_error(reader);
        enum error error = on_event(reader, &event);
        yaml_event_delete(&event);
        TRY(error);
    }
    return OK;
}

static enum error read_document(struct reader *reader, struct slice text)
{
    reader->text = slice_from_index(text, slice_starts(text, SLICE("\xEF\xBB\xBF")) ? 3 : 0);
    if (!yaml_parser_initialize(&reader->parser))
        return ERROR_MEMORY;
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)(reader->text.len ? reader->text.ptr : ""),
                                 reader->text.len);
    enum error error = read_events(reader);
    yaml_parser_delete(&reader->parser);
    TRY(error);
    if (!reader->root || node_is_empty(reader->root))
        return new_node(reader, NODE_MAP, (yaml_mark_t){0}, &reader->root);
    return OK;
}

enum error yamltree_parse(struct slice text, const char *file, struct arena *arena, struct diag *diag,
                          struct node **out)
{
    if (text.len > YAMLTREE_BYTES_MAX) {
        diag_at(diag, (struct place){.file = file}, "split it with `include:`", "the file is larger than 1 MiB");
        return ERROR_VALIDATION;
    }
    struct reader *reader = arena_zalloc(arena, sizeof *reader);
    if (!reader)
        return ERROR_MEMORY;
    reader->file = file;
    reader->arena = arena;
    reader->diag = diag;
    TRY(read_document(reader, text));
    if (reader->root->kind != NODE_MAP) {
        diag_at(diag, reader->root->place, "an app file begins with a line such as `name: shop`",
                "the file must be a map, this is %s", node_kind_name(reader->root));
        return ERROR_VALIDATION;
    }
    *out = reader->root;
    return OK;
}
