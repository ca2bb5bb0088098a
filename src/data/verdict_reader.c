/* SPDX-License-Identifier: Apache-2.0 */
/* Where the judge of a statement stands, what is known of tables, and how a finding is made.
 *
 * Names are looked up by a key: folded to lower case unless PostgreSQL's quotes keep them, and without the schema that
 * is meant anyway (public, main). So "T", t and public.t are what the server takes them for. Behind SET search_path a
 * name without schema may mean anything: it is kept apart from those of other files.
 *
 * Invariants
 *   (1) looking ahead is a copy of the token reader: nothing is passed over but by a call that says so
 *   (2) a table is new only if this file creates it without IF NOT EXISTS: then nobody else can have it */
#include "data/verdict_reader.h"

#include <string.h>

#include "base/buf.h"

enum { KEY_BYTES_MAX = 1024, SAFE_FORM_BYTES_MAX = 4096, POSTGRES_NAME_MAX = 63, SAME_STEPS_MAX = 32 };

static void step(struct sqltoken_reader *at, struct sqltoken *token)
{
    do
        sqltoken_next(at, token);
    while (token->kind == SQLTOKEN_COMMENT);
}

void verdict_reader_begin(struct verdict_reader *reader, struct slice text)
{
    sqltoken_init(&reader->at, text, reader->options.dialect);
    step(&reader->at, &reader->token);
}

void verdict_reader_advance(struct verdict_reader *reader)
{
    step(&reader->at, &reader->token);
}

bool verdict_reader_is_end(const struct verdict_reader *reader)
{
    return reader->token.kind == SQLTOKEN_END || reader->token.kind == SQLTOKEN_FAULT;
}

bool verdict_reader_is(const struct verdict_reader *reader, const char *word)
{
    return sqltoken_is_word(&reader->token, word);
}

bool verdict_reader_accept(struct verdict_reader *reader, const char *words)
{
    struct sqltoken_reader at = reader->at;
    struct sqltoken token = reader->token;
    struct slice rest = slice_from(words), word;
    while (slice_split(&rest, ' ', &word)) {
        if (token.kind != SQLTOKEN_WORD || !slice_eq_nocase(token.text, word))
            return false;
        step(&at, &token);
    }
    reader->at = at;
    reader->token = token;
    return true;
}

bool verdict_reader_accept_mark(struct verdict_reader *reader, char mark)
{
    if (!sqltoken_is_mark(&reader->token, mark))
        return false;
    verdict_reader_advance(reader);
    return true;
}

static int nesting(const struct sqltoken *token)
{
    return sqltoken_is_mark(token, '(') ? 1 : sqltoken_is_mark(token, ')') ? -1 : 0;
}

void verdict_reader_skip(struct verdict_reader *reader)
{
    long depth = 0;
    do {
        depth += nesting(&reader->token);
        verdict_reader_advance(reader);
    } while (depth > 0 && !verdict_reader_is_end(reader));
}

void verdict_reader_skip_item(struct verdict_reader *reader)
{
    while (!verdict_reader_is_end(reader) && !sqltoken_is_mark(&reader->token, ',') &&
           !sqltoken_is_mark(&reader->token, ')'))
        verdict_reader_skip(reader);
}

bool verdict_reader_has(const struct verdict_reader *reader, const char *word)
{
    struct sqltoken_reader at = reader->at;
    struct sqltoken token = reader->token;
    for (long depth = 0; token.kind != SQLTOKEN_END && token.kind != SQLTOKEN_FAULT; step(&at, &token)) {
        depth += nesting(&token);
        if (depth == 0 && sqltoken_is_word(&token, word))
            return true;
    }
    return false;
}

/* Appends a part of a name as the database keeps it. */
static void put_part(const struct verdict_reader *reader, struct buf *key, const struct sqltoken *token)
{
    struct slice text = token->text;
    bool is_quoted = token->kind != SQLTOKEN_WORD && text.len >= 2;
    bool is_folded = !is_quoted || reader->options.dialect == DIALECT_SQLITE;
    char quote = is_quoted ? text.ptr[text.len - 1] : 0;
    if (is_quoted)
        text = slice_of(text.ptr + 1, text.len - 2);
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        buf_put_byte(key, is_folded && byte >= 'A' && byte <= 'Z' ? (char)(byte | 32) : byte);
        if (quote && byte == quote)
            i++;
    }
}

static bool is_name(const struct verdict_reader *reader)
{
    return reader->token.kind == SQLTOKEN_WORD || reader->token.kind == SQLTOKEN_NAME ||
           (reader->token.kind == SQLTOKEN_STRING && reader->options.dialect == DIALECT_SQLITE);
}

static struct slice keep(struct verdict_reader *reader, struct buf *key)
{
    struct slice text = arena_slice(reader->arena, buf_slice(key));
    if (buf_failed(key) || !text.ptr) {
        reader->error = key->is_over ? ERROR_LIMIT : ERROR_MEMORY;
        text = SLICE("");
    }
    buf_fini(key);
    return text;
}

struct verdict_name verdict_reader_name(struct verdict_reader *reader)
{
    struct buf key;
    struct verdict_name name = {SLICE(""), SLICE("")};
    bool is_too_long = false, is_qualified = false;
    buf_init(&key, KEY_BYTES_MAX);
    while (is_name(reader)) {
        const char *begin = name.text.len ? name.text.ptr : reader->token.text.ptr;
        name.text = slice_of(begin, (size_t)(reader->token.text.ptr + reader->token.text.len - begin));
        size_t before = key.len;
        put_part(reader, &key, &reader->token);
        is_too_long |= key.len - before > POSTGRES_NAME_MAX;
        verdict_reader_advance(reader);
        if (!verdict_reader_accept_mark(reader, '.'))
            break;
        is_qualified = true;
        struct slice schema = buf_slice(&key);
        if (slice_eq_text(schema, reader->options.dialect == DIALECT_POSTGRES ? "public" : "main"))
            buf_clear(&key);
        else
            buf_put_byte(&key, '.');
    }
    if (reader->has_path && !is_qualified && key.len > 0)
        buf_printf(&key, "%c%u", 1, reader->file);
    name.key = keep(reader, &key);
    if (is_too_long && reader->options.dialect == DIALECT_POSTGRES)
        verdict_reader_find(reader, VERDICT_IDENTIFIER_TOO_LONG, name, SLICE(""));
    return name;
}

/* The safe form with the statement's own names in it. */
static const char *fill_in(struct verdict_reader *reader, const char *form, struct slice table, struct slice column)
{
    struct buf text;
    if (!form)
        return NULL;
    buf_init(&text, SAFE_FORM_BYTES_MAX);
    for (struct slice rest = slice_from(form); rest.len > 0;) {
        bool is_table = table.len > 0 && slice_starts(rest, SLICE("<table>"));
        bool is_column = column.len > 0 && slice_starts(rest, SLICE("<column>"));
        if (is_table || is_column)
            buf_put_slice(&text, is_table ? table : column);
        else
            buf_put_byte(&text, rest.ptr[0]);
        rest = slice_from_index(rest, is_table ? 7 : is_column ? 8 : 1);
    }
    const char *filled = buf_failed(&text) ? form : arena_text(reader->arena, buf_slice(&text));
    if (!filled)
        reader->error = ERROR_MEMORY;
    buf_fini(&text);
    return filled;
}

static void set_rule(struct verdict_reader *reader, struct verdict *verdict, enum verdict_id id, struct slice column)
{
    size_t count;
    const struct verdict_rule *rule = &verdict_rules(&count)[id];
    verdict->rule = rule;
    verdict->level = rule->level;
    verdict->lock = rule->lock;
    verdict->blocks_reads = rule->lock == VERDICT_LOCK_ACCESS_EXCLUSIVE;
    verdict->blocks_writes = rule->lock >= VERDICT_LOCK_SHARE || rule->blocks_writes;
    verdict->scans = rule->scans;
    verdict->rewrites = rule->rewrites;
    verdict->why = rule->why;
    verdict->safe_form = fill_in(reader, rule->safe_form, verdict->table, column);
}

/* The same finding among the latest: nobody wants to read it twice, and a list of 10,000 tables is not searched 10,000
 * times. */
static struct verdict_finding *find_same(const struct verdict_reader *reader, enum verdict_id id, struct slice table)
{
    size_t count, steps = 0;
    const struct verdict_rule *rule = &verdict_rules(&count)[id];
    struct verdict_finding *finding = reader->entry->newest;
    for (; finding && steps < SAME_STEPS_MAX; finding = finding->previous, steps++)
        if (finding->verdict.rule == rule && slice_eq(finding->verdict.table, table))
            return finding;
    return NULL;
}

struct verdict_finding *verdict_reader_find(struct verdict_reader *reader, enum verdict_id id,
                                            struct verdict_name table, struct slice column)
{
    size_t count;
    bool is_new = !verdict_rules(&count)[id].is_always && verdict_reader_is_new(reader, table);
    if (is_new)
        id = reader->options.dialect == DIALECT_POSTGRES ? VERDICT_NEW_TABLE : VERDICT_LITE_NEW_TABLE;
    struct verdict_finding *finding = is_new || column.len == 0 ? find_same(reader, id, table.text) : NULL;
    if (finding)
        return finding;
    finding = arena_zalloc(reader->arena, sizeof *finding);
    if (!finding) {
        reader->error = ERROR_MEMORY;
        return NULL;
    }
    finding->verdict.table = table.text;
    set_rule(reader, &finding->verdict, id, column);
    finding->previous = reader->entry->newest;
    *reader->entry->last = reader->entry->newest = finding;
    reader->entry->last = &finding->next;
    reader->entry->count++;
    return finding;
}

void verdict_reader_change(struct verdict_reader *reader, struct verdict_finding *finding, enum verdict_id id)
{
    if (finding)
        set_rule(reader, &finding->verdict, id, SLICE(""));
}

/* The value of a key, made when it is not there; NULL when memory is out. */
static void *find_or_make(struct verdict_reader *reader, struct map *map, struct slice key, size_t size)
{
    void *value = map_find(map, key);
    if (value)
        return value;
    value = arena_zalloc(reader->arena, size);
    enum error error = value ? map_add(map, key, value) : ERROR_MEMORY;
    if (error == OK)
        return value;
    reader->error = error;
    return NULL;
}

struct verdict_table *verdict_reader_table(struct verdict_reader *reader, struct verdict_name name)
{
    return find_or_make(reader, &reader->tables, name.key, sizeof(struct verdict_table));
}

bool verdict_reader_is_new(struct verdict_reader *reader, struct verdict_name name)
{
    const struct verdict_table *table = name.key.len ? map_find(&reader->tables, name.key) : NULL;
    return table && table->file == reader->file;
}

bool verdict_reader_is_domain(const struct verdict_reader *reader, const struct verdict_type *type)
{
    return map_find(&reader->domains, slice_from(type->name)) != NULL;
}

void verdict_reader_add_domain(struct verdict_reader *reader, struct verdict_name name)
{
    find_or_make(reader, &reader->domains, name.key, 1);
}

/* Of the table that has the name now. */
static struct slice join(struct verdict_reader *reader, struct slice table, struct slice member)
{
    const struct verdict_table *known = map_find(&reader->tables, table);
    struct buf key;
    buf_init(&key, 2 * KEY_BYTES_MAX + 32);
    buf_put_slice(&key, table);
    buf_printf(&key, "%c%u.%u%c", 0, known ? known->generation : 0, reader->epoch, 0);
    buf_put_slice(&key, member);
    return keep(reader, &key);
}

void verdict_reader_drop(struct verdict_reader *reader, struct verdict_name name, struct verdict_finding *finding)
{
    struct verdict_table *table = verdict_reader_table(reader, name);
    if (table)
        *table = (struct verdict_table){
            .generation = table->generation + 1, .dropped_in = finding ? reader->file : 0, .dropped = finding};
}

struct verdict_type *verdict_reader_type(struct verdict_reader *reader, struct verdict_name table,
                                         struct verdict_name column)
{
    return find_or_make(reader, &reader->columns, join(reader, table.key, column.key), sizeof(struct verdict_type));
}

struct verdict_check *verdict_reader_check(struct verdict_reader *reader, struct verdict_name table,
                                           struct verdict_name constraint)
{
    struct slice key = join(reader, table.key, constraint.key);
    return find_or_make(reader, &reader->checks, key, sizeof(struct verdict_check));
}

/* The next check of a table that shows a column not null, from the index on; NULL when there is none. */
static struct verdict_check *next_check(struct verdict_reader *reader, struct slice of_table, struct slice column,
                                        size_t *index)
{
    while (*index < map_count(&reader->checks)) {
        const struct map_entry *entry = map_at(&reader->checks, (*index)++);
        struct verdict_check *check = entry->value;
        if (slice_eq(check->column, column) && !check->is_dropped && slice_starts(entry->key, of_table))
            return check;
    }
    return NULL;
}

bool verdict_reader_is_checked(struct verdict_reader *reader, struct verdict_name table, struct verdict_name column)
{
    struct slice of_table = join(reader, table.key, SLICE(""));
    size_t index = 0;
    const struct verdict_check *check = next_check(reader, of_table, column.key, &index);
    while (check && !check->is_valid)
        check = next_check(reader, of_table, column.key, &index);
    return check != NULL;
}

void verdict_reader_drop_column(struct verdict_reader *reader, struct verdict_name table, struct verdict_name column)
{
    struct slice of_table = join(reader, table.key, SLICE(""));
    struct verdict_type *type = verdict_reader_type(reader, table, column);
    size_t index = 0;
    if (type)
        type->name[0] = 0;
    for (struct verdict_check *check; (check = next_check(reader, of_table, column.key, &index));)
        check->is_dropped = true;
}
