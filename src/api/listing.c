/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: from a query string to a query.
 *
 * Idea: the reserved parameters are a table; whatever is not in it is a filter `path[operator]=value` and goes to the
 * expression language, as `where=` does, so that one compiler decides what a caller may ask about. All mistakes are
 * collected; reading goes on behind each.
 */
#include "api/listing.h"

#include "api/api_settings.h"
#include "api/cursor.h"
#include "base/digest.h"
#include "base/number.h"
#include "http/urlquery.h"
#include "model/policy.h"

enum parameter {
    PARAMETER_SORT,
    PARAMETER_SEARCH,
    PARAMETER_FIELDS,
    PARAMETER_EXPAND,
    PARAMETER_LIMIT,
    PARAMETER_OFFSET,
    PARAMETER_PAGE,
    PARAMETER_AFTER,
    PARAMETER_WHERE,
    PARAMETER_COUNT,
    PARAMETERS
};

struct parameter_row {
    struct slice name;
    bool shapes_list; /* changes which rows are listed or their order, so cursors depend on it */
    bool is_single;   /* also allowed on a single record */
};

static const struct parameter_row parameter_rows[PARAMETERS] = {
    [PARAMETER_SORT] = {SLICE_INIT("sort"), true, false},     [PARAMETER_SEARCH] = {SLICE_INIT("search"), true, false},
    [PARAMETER_FIELDS] = {SLICE_INIT("fields"), false, true}, [PARAMETER_EXPAND] = {SLICE_INIT("expand"), false, true},
    [PARAMETER_LIMIT] = {SLICE_INIT("limit"), false, false},  [PARAMETER_OFFSET] = {SLICE_INIT("offset"), false, false},
    [PARAMETER_PAGE] = {SLICE_INIT("page"), false, false},    [PARAMETER_AFTER] = {SLICE_INIT("after"), false, false},
    [PARAMETER_WHERE] = {SLICE_INIT("where"), true, false},   [PARAMETER_COUNT] = {SLICE_INIT("count"), false, false},
};

struct reader {
    const struct listing_scope *scope;
    struct session *session;
    struct listing *listing;
    struct slice given[PARAMETERS]; /* NULL pointer: not given */
    struct urlquery query;
};

static void refuse(struct reader *reader, enum parameter parameter, const char *sentence)
{
    diag_field(reader->session->diag, parameter_rows[parameter].name, NULL, "%s", sentence);
}

static int find_parameter(struct slice name)
{
    for (int i = 0; i < PARAMETERS; i++)
        if (slice_eq(parameter_rows[i].name, name))
            return i;
    return -1;
}

static struct slice pair_label(struct reader *reader, const struct urlquery_pair *pair)
{
    if (!pair->op.ptr)
        return pair->name;
    const char *label = arena_printf(reader->session->arena, "%.*s[%.*s]", SLICE_ARG(pair->name), SLICE_ARG(pair->op));
    return label ? slice_from(label) : pair->name;
}

static bool is_repeated(const struct reader *reader, size_t i)
{
    const struct urlquery_pair *pair = &reader->query.pairs[i];
    for (size_t earlier = 0; earlier < i; earlier++) {
        const struct urlquery_pair *other = &reader->query.pairs[earlier];
        struct slice a = pair->op.ptr ? pair->op : SLICE("eq");
        struct slice b = other->op.ptr ? other->op : SLICE("eq");
        if (slice_eq(pair->name, other->name) && slice_eq(a, b))
            return true;
    }
    return false;
}

static struct expr_scope scope_of(const struct reader *reader, const struct expr_context *context)
{
    return (struct expr_scope){
        .schema = reader->scope->schema, .resource = reader->scope->resource, .use = EXPR_FILTER, .context = context};
}

static enum error read_filter(struct reader *reader, const struct urlquery_pair *pair)
{
    const struct expr_context context = session_context(reader->session);
    const struct expr_scope scope = scope_of(reader, &context);
    struct query *query = &reader->listing->query;
    struct expr *condition;
    enum error error = expr_from_filter(&scope, pair->name, pair->op, pair->value, reader->session->arena,
                                        reader->session->diag, &condition);
    if (error == ERROR_VALIDATION)
        return OK; /* it is in the diag */
    TRY(error);
    query->filter = expr_and(query->filter, condition, reader->session->arena);
    return query->filter ? OK : ERROR_MEMORY;
}

/* The order of parameters does not matter, so their hashes are added up. */
static void add_to_fingerprint(struct reader *reader, const struct urlquery_pair *pair)
{
    uint64_t hash = digest_hash64(1, pair->name);
    hash = digest_hash64(hash, pair->op.ptr ? pair->op : SLICE("eq"));
    reader->listing->fingerprint += digest_hash64(hash, pair->value);
}

static enum error read_pair(struct reader *reader, size_t i)
{
    const struct urlquery_pair *pair = &reader->query.pairs[i];
    if (is_repeated(reader, i)) {
        diag_field(reader->session->diag, pair_label(reader, pair), NULL, "is given more than once");
        return OK;
    }
    int parameter = find_parameter(pair->name);
    if (parameter < 0) {
        add_to_fingerprint(reader, pair);
        return read_filter(reader, pair);
    }
    if (pair->op.ptr) {
        diag_field(reader->session->diag, pair_label(reader, pair), NULL, "takes no operator");
        return OK;
    }
    reader->given[parameter] = pair->value;
    if (parameter_rows[parameter].shapes_list)
        add_to_fingerprint(reader, pair);
    return OK;
}

static enum error read_where(struct reader *reader)
{
    struct slice text = reader->given[PARAMETER_WHERE];
    if (!text.ptr)
        return OK;
    const struct expr_context context = session_context(reader->session);
    const struct expr_scope scope = scope_of(reader, &context);
    struct session *session = reader->session;
    struct query *query = &reader->listing->query;
    struct expr *condition;
    enum error error = expr_parse(text, (struct place){0}, session->arena, session->diag, &condition);
    if (error == OK)
        error = expr_check(condition, &scope, session->diag);
    if (error == ERROR_VALIDATION)
        return OK;
    TRY(error);
    query->filter = expr_and(query->filter, condition, session->arena);
    return query->filter ? OK : ERROR_MEMORY;
}

static bool is_sortable(const struct field *field)
{
    return field->type.kind != FIELD_JSON && field->type.kind != FIELD_LIST && field->type.kind != FIELD_PASSWORD;
}

static bool is_sorted_by(const struct query *query, const struct expr_path *path)
{
    for (size_t i = 0; i < query->sort_count; i++) {
        const struct expr_path *other = &query->sort[i].path;
        bool is_same = other->field == path->field && other->hop_count == path->hop_count;
        for (size_t hop = 0; is_same && hop < path->hop_count; hop++)
            is_same = other->hops[hop] == path->hops[hop];
        if (is_same)
            return true;
    }
    return false;
}

static enum error read_sort_key(struct reader *reader, struct slice name)
{
    struct query *query = &reader->listing->query;
    struct query_key key = {.is_descending = name.len && name.ptr[0] == '-'};
    if (key.is_descending)
        name = slice_from_index(name, 1);
    struct diag *diag = reader->session->diag;
    if (query->sort_count == QUERY_SORT_MAX) {
        refuse(reader, PARAMETER_SORT, "has more than 8 fields");
        return OK;
    }
    struct diag own;
    diag_init(&own, reader->session->arena);
    const struct expr_context context = session_context(reader->session);
    enum error error = expr_resolve_path(reader->scope->resource, &context, name, &own, &key.path);
    if (error == ERROR_VALIDATION) {
        diag_field(diag, SLICE("sort"), own.first ? own.first->hint : NULL, "%s",
                   own.first ? own.first->message : "names no field");
        return OK;
    }
    TRY(error);
    if (!is_sortable(key.path.field))
        diag_field(diag, SLICE("sort"), NULL, "\"%.*s\" has no order", SLICE_ARG(name));
    else if (is_sorted_by(query, &key.path))
        diag_field(diag, SLICE("sort"), NULL, "\"%.*s\" is given more than once", SLICE_ARG(name));
    else
        query->sort[query->sort_count++] = key;
    return OK;
}

static enum error read_sort(struct reader *reader)
{
    struct slice rest = reader->given[PARAMETER_SORT];
    struct slice name;
    while (slice_split(&rest, ',', &name))
        TRY(read_sort_key(reader, slice_trim(name)));
    return OK;
}

/* One index holds all that is searched: who may not read a part of it would learn of it by what is found. */
static bool may_search(const struct reader *reader)
{
    const struct resource *resource = reader->scope->resource;
    const struct expr_context context = session_context(reader->session);
    for (size_t i = 0; i < resource->search_count; i++)
        if (!policy_field(resource, ACTION_READ, &context, resource->search[i]))
            return false;
    return true;
}

static void read_search(struct reader *reader)
{
    struct slice words = reader->given[PARAMETER_SEARCH];
    if (!words.ptr)
        return;
    if (reader->scope->resource->search_count == 0)
        diag_field(reader->session->diag, SLICE("search"), "declare `search:` on the resource",
                   "%.*s cannot be searched", SLICE_ARG(reader->scope->resource->name));
    else if (!may_search(reader))
        refuse(reader, PARAMETER_SEARCH, "is not available to you: it looks into fields that you may not read");
    else if (slice_trim(words).len == 0)
        refuse(reader, PARAMETER_SEARCH, "has no words");
    else
        reader->listing->query.search = words;
}

/* A whole number of at least `least`; `otherwise` when it was not given. */
static int64_t read_number(struct reader *reader, enum parameter parameter, int64_t least, int64_t otherwise)
{
    struct slice text = reader->given[parameter];
    int64_t number;
    if (!text.ptr)
        return otherwise;
    enum error error = number_parse_int(text, &number);
    if (error == ERROR_VALIDATION && text.ptr[0] != '-') /* more than 64 bits hold */
        number = INT64_MAX;
    bool is_number = error == OK || error == ERROR_VALIDATION;
    bool is_capped = parameter == PARAMETER_LIMIT;
    if (is_number && number >= least && (is_capped || number <= INT64_MAX / 1000000))
        return number;
    diag_field(reader->session->diag, parameter_rows[parameter].name, NULL, "must be a whole number of at least %d",
               (int)least);
    return otherwise;
}

static void read_paging(struct reader *reader)
{
    const struct api_settings *settings = reader->scope->settings;
    struct page *page = &reader->listing->page;
    int64_t limit = read_number(reader, PARAMETER_LIMIT, 1, settings->page_default);
    page->limit = limit > settings->page_max ? settings->page_max : limit;
    page->number = read_number(reader, PARAMETER_PAGE, 1, 1);
    page->offset = read_number(reader, PARAMETER_OFFSET, 0, 0);
    int kinds = 0;
    page->kind = PAGE_NUMBER;
    if (reader->given[PARAMETER_PAGE].ptr)
        kinds++;
    if (reader->given[PARAMETER_OFFSET].ptr) {
        page->kind = PAGE_OFFSET;
        kinds++;
    }
    if (reader->given[PARAMETER_AFTER].ptr) {
        page->kind = PAGE_CURSOR;
        kinds++;
    }
    if (kinds > 1)
        diag_say(reader->session->diag, NULL, "give one of page, offset and after");
    if (page->kind == PAGE_NUMBER)
        page->offset = (page->number - 1) * page->limit;
}

static void read_count(struct reader *reader)
{
    struct slice text = reader->given[PARAMETER_COUNT];
    reader->listing->wants_total = reader->listing->page.kind != PAGE_CURSOR;
    if (!text.ptr)
        return;
    if (slice_eq_text(text, "none"))
        reader->listing->wants_total = false;
    else if (slice_eq_text(text, "exact"))
        reader->listing->wants_total = true;
    else
        refuse(reader, PARAMETER_COUNT, "must be none or exact");
}

static enum error read_after(struct reader *reader)
{
    if (reader->listing->page.kind != PAGE_CURSOR)
        return OK;
    struct query *query = &reader->listing->query;
    struct arena *arena = reader->session->arena;
    if (query->resource->key_count == 0) {
        diag_field(reader->session->diag, SLICE("after"), "walk by page= or offset=", "%.*s has no key to go on from",
                   SLICE_ARG(query->resource->name));
        return OK;
    }
    size_t count = query->sort_count + query->resource->key_count;
    struct value *keys = arena_array(arena, count, sizeof *keys);
    if (!keys)
        return ERROR_MEMORY;
    enum error error = cursor_decode(reader->scope->cursor_key, reader->listing->fingerprint,
                                     reader->given[PARAMETER_AFTER], count, arena, keys);
    if (error == ERROR_VALIDATION) {
        diag_field(reader->session->diag, SLICE("after"), "begin again with a first page of the same sort and filters",
                   "is not a cursor of this list");
        return OK;
    }
    query->after = keys;
    return error;
}

static enum error read_shape(struct reader *reader, struct shape *out)
{
    struct slice fields = reader->given[PARAMETER_FIELDS];
    struct slice expand = reader->given[PARAMETER_EXPAND];
    *out = *reader->scope->plain;
    if (!fields.ptr && !expand.ptr)
        return OK;
    const struct expr_context context = session_context(reader->session);
    enum error error = shape_parse(reader->scope->resource, &context, fields, expand, reader->session->arena,
                                   reader->session->diag, out);
    return error == ERROR_VALIDATION ? OK : error;
}

static enum error verdict(const struct diag *diag)
{
    return diag->count > 0 || diag->message ? ERROR_VALIDATION : OK;
}

static enum error read_pairs(struct reader *reader, struct slice raw_query)
{
    struct session *session = reader->session;
    if (raw_query.len == 0)
        return OK;
    TRY(urlquery_parse(raw_query, URLQUERY_PAIRS_MAX, session->arena, session->diag, &reader->query));
    for (size_t i = 0; i < reader->query.count; i++)
        TRY(read_pair(reader, i));
    return OK;
}

enum error listing_parse(const struct listing_scope *scope, struct slice raw_query, struct session *session,
                         struct listing *out)
{
    *out = (struct listing){.query = {.resource = scope->resource, .wants_keys = true},
                            .fingerprint = digest_hash64(0, scope->resource->name)};
    struct reader reader = {.scope = scope, .session = session, .listing = out};
    TRY(read_pairs(&reader, raw_query));
    TRY(read_where(&reader));
    TRY(read_sort(&reader));
    read_search(&reader);
    read_paging(&reader);
    read_count(&reader);
    TRY(read_shape(&reader, &out->shape));
    TRY(verdict(session->diag));
    TRY(read_after(&reader));
    TRY(verdict(session->diag));
    out->query.columns = out->shape.columns;
    out->query.column_count = out->shape.column_count;
    out->query.limit = out->page.limit + 1;
    out->query.offset = out->page.kind == PAGE_CURSOR ? 0 : out->page.offset;
    return OK;
}

enum error listing_parse_single(const struct listing_scope *scope, struct slice raw_query, struct session *session,
                                struct shape *out)
{
    if (raw_query.len == 0) {
        *out = *scope->plain;
        return OK;
    }
    struct listing listing = {.fingerprint = 0};
    struct reader reader = {.scope = scope, .session = session, .listing = &listing};
    TRY(urlquery_parse(raw_query, URLQUERY_PAIRS_MAX, session->arena, session->diag, &reader.query));
    for (size_t i = 0; i < reader.query.count; i++) {
        const struct urlquery_pair *pair = &reader.query.pairs[i];
        int parameter = find_parameter(pair->name);
        if (is_repeated(&reader, i))
            diag_field(session->diag, pair->name, NULL, "is given more than once");
        else if (parameter < 0 || !parameter_rows[parameter].is_single || pair->op.ptr)
            diag_field(session->diag, pair_label(&reader, pair), NULL, "is not a parameter of a single record");
        else
            reader.given[parameter] = pair->value;
    }
    TRY(read_shape(&reader, out));
    return verdict(session->diag);
}
