/* SPDX-License-Identifier: Apache-2.0 */
/* From the tree of an app file to settings.
 *
 * The table settings.def says what there is. The tree is walked once: a key that is a row is read by the reader of its
 * kind (settings_value.c), a key that begins rows is a section and is walked into, `resources` is the schema's, and
 * all else is told: as not available yet when a later version will have it, or as unknown, with the nearest name.
 *
 * Defaults are rows too, read by the same readers before the file is, so that the table cannot promise what the
 * readers refuse.
 *
 * Invariants
 *   (1) every row's default is valid
 *   (2) a mistake never hides another one: only a file that is no YAML, or no memory, ends the run early */
#include "app/settings.h"

#include "app/appfile.h"
#include "app/settings_auth.h"
#include "app/settings_limits.h"
#include "app/settings_oauth.h"
#include "app/settings_value.h"
#include "base/check.h"
#include "base/suggest.h"
#include "model/schema_build.h"

#define X(path, kind, member, standard, low, high, choices, help)                                                      \
    {path, SETTINGS_##kind, offsetof(struct settings, member), standard, low, high, choices, help},
static const struct settings_row rows[] = {
#include "app/settings.def"
};
#undef X

/* Sections that others read: the schema, and the tests of `check`. */
static const char *const of_others[] = {"resources", "actions", "roles", "tests"};

/* Sections of the design that this version does not serve. */
static const char *const later[] = {
    "webhooks", "cache",     "events",  "jobs",     "graphql", "grpc",        "gateway",
    "versions", "replicas",  "brokers", "realtime", "sagas",   "projections", "streams",
    "queue",    "schedules", "search",  "tls",      "redis",   "tracing",     "metrics",
};

const struct settings_row *settings_rows(size_t *count)
{
    *count = ARRAY_LEN(rows);
    return rows;
}

enum { PATH_MAX_BYTES = 200 };

/* A section being walked: its dotted path with a dot behind it, "" for the file. */
struct section {
    struct settings_reader *reader;
    char path[PATH_MAX_BYTES];
    size_t length;
};

/* The rest of a row's path behind the section's, or an empty slice when the row is elsewhere. */
static struct slice rest_of(const struct section *section, const struct settings_row *row)
{
    struct slice path = slice_from(row->path);
    if (!slice_starts(path, slice_of(section->path, section->length)))
        return SLICE("");
    return slice_from_index(path, section->length);
}

static void tell_unknown(const struct section *section, const struct node *node)
{
    struct suggest suggest;
    struct diag *diag = section->reader->diag;
    suggest_init(&suggest, node->key);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice rest = rest_of(section, &rows[i]);
        suggest_offer(&suggest, slice_of(rest.ptr, slice_index(rest, '.')));
    }
    for (size_t i = 0; section->length == 0 && i < ARRAY_LEN(later); i++)
        if (slice_eq_text(node->key, later[i])) {
            diag_at(
                diag, node->key_place,
                "this version serves: name, listen, database, cores, include, resources, actions, roles, tests, auth, "
                "mail, limits, oauth, api, "
                "http, timeouts, cors, admin, log",
                "\"%s\" is not available yet", later[i]);
            return;
        }
    if (section->length == 0) {
        for (size_t i = 0; i < ARRAY_LEN(of_others); i++)
            suggest_offer_text(&suggest, of_others[i]);
        suggest_offer_text(&suggest, "include");
    }
    suggest_report(&suggest, diag, node->key_place, "unknown key", NULL);
}

static enum error walk(struct section *section, const struct node *map);

static const struct settings_row *find_row(const char *path)
{
    size_t i = 0;
    while (i < ARRAY_LEN(rows) && strcmp(rows[i].path, path) != 0)
        i++;
    CHECK(i < ARRAY_LEN(rows), "a row that the program names is there");
    return &rows[i];
}

static enum error walk_key(struct section *section, const struct node *node)
{
    struct settings_reader *reader = section->reader;
    bool is_section = false;
    for (size_t i = 0; section->length == 0 && i < ARRAY_LEN(of_others); i++)
        if (slice_eq_text(node->key, of_others[i]))
            return OK;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice rest = rest_of(section, &rows[i]);
        if (slice_eq(rest, node->key) && rest.len > 0)
            return settings_value_read(reader, &rows[i], node);
        is_section = is_section || (slice_index(rest, '.') < rest.len &&
                                    slice_eq(slice_of(rest.ptr, slice_index(rest, '.')), node->key));
    }
    if (!is_section) {
        tell_unknown(section, node);
        return OK;
    }
    if (node_is_empty(node))
        return OK;
    if (section->length == 0 && node->kind == NODE_SCALAR && slice_eq_text(node->key, "database"))
        return settings_value_read(reader, find_row("database.url"), node);
    if (node->kind != NODE_MAP) {
        diag_at(reader->diag, node->place, NULL, "\"%.*s%.*s\" must be a map, this is %s", (int)section->length,
                section->path, SLICE_ARG(node->key), node_kind_name(node));
        return OK;
    }
    struct section inner = {.reader = reader, .length = section->length + node->key.len + 1};
    CHECK(inner.length < PATH_MAX_BYTES, "a section's path is the beginning of a row's");
    memcpy(inner.path, section->path, section->length);
    memcpy(inner.path + section->length, node->key.ptr, node->key.len);
    inner.path[inner.length - 1] = '.';
    return walk(&inner, node);
}

/* As deep as the paths of the table are. */
static enum error walk(struct section *section, const struct node *map)
{
    for (const struct node *node = map->first; node; node = node->next)
        TRY(walk_key(section, node));
    return OK;
}

static enum error set_defaults(struct settings_reader *reader)
{
    size_t before = reader->diag->count;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice text = slice_from(rows[i].standard);
        struct node node = {.kind = NODE_SCALAR, .key = slice_from(rows[i].path), .text = text, .source = text};
        if (rows[i].standard)
            TRY(settings_value_read(reader, &rows[i], &node));
    }
    CHECK(reader->diag->count == before, "the defaults of settings.def are valid");
    reader->settings->admin_is_chosen = false;
    return OK;
}

/* The node at a section and a key, for rules over two settings. */
static struct place place_in(const struct node *root, const char *section, const char *key)
{
    const struct node *map = node_find(root, section);
    const struct node *node = node_find(map, key);
    if (node)
        return node->place;
    return map ? map->key_place : root->place;
}

static void check_together(struct settings_reader *reader, const struct node *root)
{
    const struct settings *settings = reader->settings;
    const struct http_cors *cors = &settings->http.cors;
    for (size_t i = 0; i < cors->origin_count; i++)
        if (cors->credentials && slice_eq_text(cors->origins[i], "*"))
            diag_at(reader->diag, place_in(root, "cors", "credentials"), "name the origins that may send cookies",
                    "\"cors.credentials\" cannot be true for the origin \"*\"");
    if (settings->api.page_default > settings->api.page_max)
        diag_at(reader->diag, place_in(root, "api", "page"), NULL,
                "\"api.page.default\" (%u) is above \"api.page.max\" (%u)", settings->api.page_default,
                settings->api.page_max);
}

/* OK also for mistakes, which are told. */
static enum error build(struct settings_reader *reader, const struct node *root)
{
    struct settings *settings = reader->settings;
    struct section file = {.reader = reader};
    struct schema *schema = NULL;
    TRY(set_defaults(reader));
    TRY(walk(&file, root));
    check_together(reader, root);
    const struct node *resources = node_find(root, "resources");
    if (node_is_empty(resources) && reader->diag->count == 0)
        diag_warn(reader->diag, resources ? resources->key_place : root->place, "declare them under `resources:`",
                  "the app has no resources");
    enum schema_naming naming = settings->api.naming == NAMING_CAMEL ? SCHEMA_CAMEL : SCHEMA_SNAKE;
    const struct schema_source source = {.resources = resources,
                                         .actions = node_find(root, "actions"),
                                         .roles = node_find(root, "roles"),
                                         .naming = naming};
    enum error error = schema_build(&source, reader->arena, reader->diag, &schema);
    settings->schema = schema;
    settings->root = root;
    if (error == OK)
        error = settings_auth_read(reader);
    if (error == OK)
        error = settings_oauth_read(reader);
    if (error == OK)
        error = settings_limits_read(reader);
    return error == ERROR_VALIDATION ? OK : error;
}

static const char *directory_of(const char *path, struct arena *arena)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    return arena_text(arena, slice_of(path, slash == path ? 1 : (size_t)(slash - path)));
}

static enum error load(const char *path, const struct variables *variables, struct arena *arena, struct diag *diag,
                       struct settings *out)
{
    struct appfile file = {0};
    struct settings_reader reader = {.arena = arena, .diag = diag, .settings = out};
    TRY(appfile_load(path, variables, arena, diag, &file));
    out->path = file.files[0];
    out->files = file.files;
    out->file_count = file.file_count;
    out->directory = directory_of(out->path, arena);
    if (!out->directory)
        return ERROR_MEMORY;
    return build(&reader, file.root);
}

/* Ends a load: what was told is an error, too, and settings that are none are given back. */
static enum error finish(enum error error, size_t before, struct diag *diag, struct settings *settings,
                         struct settings *out)
{
    diag_sort(diag);
    if (error == OK && diag->count != before)
        error = ERROR_VALIDATION;
    if (error != OK) {
        settings_fini(settings);
        return error;
    }
    *out = *settings;
    return OK;
}

enum error settings_load_with(const char *path, const struct variables *variables, struct arena *arena,
                              struct diag *diag, struct settings *out)
{
    struct settings settings = {0};
    size_t before = diag->count;
    enum error error = load(path, variables, arena, diag, &settings);
    return finish(error, before, diag, &settings, out);
}

enum error settings_read(const struct node *root, struct arena *arena, struct diag *diag, struct settings *out)
{
    struct settings settings = {0};
    struct settings_reader reader = {.arena = arena, .diag = diag, .settings = &settings};
    size_t before = diag->count;
    enum error error = build(&reader, root);
    return finish(error, before, diag, &settings, out);
}

void settings_fini(struct settings *settings)
{
    schema_build_release(settings->schema);
    settings->schema = NULL;
}

enum error settings_load(const char *path, struct arena *arena, struct diag *diag, struct settings *out)
{
    const char *directory = directory_of(path, arena);
    if (!directory)
        return ERROR_MEMORY;
    struct variables variables = variables_of_process(directory);
    return settings_load_with(path, &variables, arena, diag, out);
}
