/* SPDX-License-Identifier: Apache-2.0 */
/* Runs in test/app: app files that are right are in good/, those that are wrong in broken/, each with exactly what is
 * said about it in a file `.expected` beside it. */
#include "app/settings.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"

#define ARENA_BYTES (256u << 20)

static const char secret[] = "hunter two";

static const char *find_variable(void *state, const char *name)
{
    if (strcmp(name, "SECRET") == 0)
        return secret;
    return strcmp(name, "REDACT") == 0 ? "x-card" : NULL;
}

static const struct variables variables = {.find = find_variable, .directory = ""};

struct world {
    struct arena arena;
    struct diag diag;
    struct settings settings;
    enum error error;
};

static void load(struct world *world, const char *path)
{
    memset(&world->settings, 0, sizeof world->settings);
    arena_init(&world->arena, ARENA_BYTES);
    diag_init(&world->diag, &world->arena);
    world->error = settings_load_with(path, &variables, &world->arena, &world->diag, &world->settings);
}

static void unload(struct world *world)
{
    settings_fini(&world->settings);
    arena_fini(&world->arena);
}

static void load_text(struct world *world, const char *text)
{
    char path[] = "/tmp/settings_test_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    load(world, path);
    unlink(path);
}

/* As `tenon check` prints them. */
static void print_items(const struct diag *diag, struct buf *out)
{
    for (const struct diag_item *item = diag->first; item; item = item->next) {
        if (item->place.line)
            buf_printf(out, "%s:%u:%u: ", item->place.file, item->place.line, item->place.column);
        else if (item->place.file)
            buf_printf(out, "%s: ", item->place.file);
        buf_printf(out, "%s%s\n", item->is_warning ? "warning: " : "", item->message);
        if (item->hint)
            buf_printf(out, "    hint: %s\n", item->hint);
    }
}

static void read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *room = buf_reserve(out, 100000);
    buf_advance(out, fread(room, 1, 100000, file));
    fclose(file);
}

static void assert_broken(const char *path)
{
    struct world world;
    struct buf said, expected;
    char expected_path[200];
    buf_init(&said, 1 << 20);
    buf_init(&expected, 1 << 20);
    snprintf(expected_path, sizeof expected_path, "%.*s.expected", (int)(strlen(path) - 5), path);
    read_file(expected_path, &expected);
    load(&world, path);
    print_items(&world.diag, &said);
    if (!slice_eq(buf_slice(&said), buf_slice(&expected)))
        fail_msg("%s: said\n%.*s", path, SLICE_ARG(buf_slice(&said)));
    assert_int_equal(world.error, ERROR_VALIDATION);
    assert_true(world.diag.count > 0);
    unload(&world);
    buf_fini(&said);
    buf_fini(&expected);
}

static void settings_tell_every_mistake_of_a_broken_file_at_its_place(void **state)
{
    glob_t files;
    assert_int_equal(chdir("broken"), 0);
    assert_int_equal(glob("*.yaml", 0, NULL, &files), 0);
    assert_true(files.gl_pathc >= 50);
    for (size_t i = 0; i < files.gl_pathc; i++)
        assert_broken(files.gl_pathv[i]);
    globfree(&files);
    assert_int_equal(chdir(".."), 0);
}

static void settings_never_print_what_a_variable_holds(void **state)
{
    struct world world;
    load(&world, "broken/secrets.yaml");
    assert_int_equal(world.error, ERROR_VALIDATION);
    for (const struct diag_item *item = world.diag.first; item; item = item->next) {
        assert_null(strstr(item->message, "hunter"));
        assert_true(!item->hint || !strstr(item->hint, "hunter"));
    }
    unload(&world);
    load_text(&world, "database: sqlite:${SECRET}.db\n");
    assert_int_equal(world.error, OK);
    assert_string_equal(world.settings.database.url, "sqlite:hunter two.db");
    assert_string_equal(world.settings.database.shown, "sqlite:${SECRET}.db");
    unload(&world);
}

static void settings_of_a_good_file_are_what_it_says(void **state)
{
    struct world world;
    load(&world, "good/app.yaml");
    assert_int_equal(world.error, OK);
    assert_int_equal(world.diag.warning_count, 1);
    assert_non_null(strstr(world.diag.first->message, "without TLS"));
    const struct settings *s = &world.settings;
    assert_true(slice_eq_text(s->name, "shop"));
    assert_int_equal(s->listen.count, 3);
    assert_string_equal(s->listen.items[1].host, "::1");
    assert_int_equal(s->listen.items[1].port, 0);
    assert_string_equal(s->listen.items[2].host, "");
    assert_string_equal(s->database.url, "sqlite:shop.db");
    assert_string_equal(s->directory, "good");
    assert_int_equal(s->cores, 2);
    assert_int_equal(s->api.envelope, ENVELOPE_PROBLEM);
    assert_int_equal(s->api.naming, NAMING_CAMEL);
    assert_true(s->api.decimals_as_numbers);
    assert_int_equal(s->api.base.len, 0);
    assert_int_equal(s->api.page_max, 50);
    assert_int_equal(s->http.timeouts.header_ms, 500);
    assert_int_equal(s->http.timeouts.idle_ms, 120000);
    assert_int_equal(s->http.timeouts.body_ms, 30000);
    assert_int_equal(s->http.limits.body_bytes, 2 << 20);
    assert_int_equal(s->http.limits.in_flight, 7);
    assert_false(s->http.compress);
    assert_int_equal(s->http.cors.origin_count, 2);
    assert_true(s->http.cors.credentials);
    assert_int_equal(s->http.cors.max_age_s, 3600);
    assert_true(s->admin_is_chosen);
    const struct oauthclient_config *oauth = &s->auth.config.oauth;
    assert_int_equal(oauth->code_ms, 120000);
    assert_int_equal(oauth->client_count, 2);
    assert_int_equal(oauth->clients[0].redirect_count, 2);
    assert_false(oauth->clients[0].is_confidential);
    assert_true(slice_eq_text(oauth->clients[0].scopes, "*:read orders:*"));
    assert_true(oauthclient_may(&oauth->clients[0], OAUTHCLIENT_REFRESH));
    assert_true(oauthclient_is_secret(&oauth->clients[1], SLICE("0123456789abcdef0123456789abcdef")));
    assert_false(oauthclient_may(&oauth->clients[1], OAUTHCLIENT_CODE));
    assert_int_equal(s->log_level, SETTINGS_WARN);
    assert_true(slice_eq_text(s->redact.items[1], "x-card"));
    assert_int_equal(s->file_count, 5);
    assert_string_equal(s->files[1], "good/resources/actions.yaml");
    assert_int_equal(s->schema->resource_count, 2);
    assert_int_equal(s->schema->action_count, 1);
    unload(&world);
}

static const struct field *field_of(const struct resource *resource, const char *name)
{
    const struct field *field = resource_find_field(resource, slice_from(name));
    assert_non_null(field);
    return field;
}

static void assert_default(const struct resource *resource, const char *name, struct value expected)
{
    const struct field *field = field_of(resource, name);
    assert_int_equal(field->default_kind, DEFAULT_VALUE);
    assert_int_equal(field->default_value.kind, expected.kind);
    if (expected.kind == VALUE_TEXT)
        assert_true(slice_eq(field->default_value.text, expected.text));
    else
        assert_int_equal(field->default_value.integer, expected.integer);
}

static void settings_hold_the_schema_that_the_resources_declare(void **state)
{
    struct world world;
    load(&world, "good/app.yaml");
    assert_int_equal(world.error, OK);
    const struct schema *schema = world.settings.schema;
    const struct resource *orders = schema_find(schema, SLICE("orders"));
    const struct resource *users = schema_find(schema, SLICE("users"));
    assert_ptr_equal(schema->account, users);
    assert_int_equal(orders->id_kind, ID_INT);
    assert_int_equal(orders->field_count, 14);
    assert_ptr_equal(&orders->fields[0], orders->id);
    assert_ptr_equal(&orders->fields[13], orders->version);
    assert_string_equal(orders->description, "What somebody bought.");
    assert_ptr_equal(resource_find_json(orders, SLICE("placedAt")), field_of(orders, "placed_at"));
    assert_true(slice_eq_text(field_of(orders, "is_gift")->json_key, "\"isGift\":"));

    const struct field *buyer = field_of(orders, "buyer"), *note = field_of(orders, "note");
    assert_int_equal(buyer->flags, FIELD_REQUIRED | FIELD_READONLY);
    assert_int_equal(buyer->on_delete, ON_DELETE_CASCADE);
    assert_int_equal(buyer->default_kind, DEFAULT_AUTH_ID);
    assert_ptr_equal(buyer->type.target, users);
    assert_int_equal(field_of(orders, "placed_at")->default_kind, DEFAULT_NOW);
    assert_true(field_is(field_of(users, "password"), FIELD_HIDDEN));
    assert_int_equal(note->type.max, 20);
    assert_non_null(note->pattern);
    assert_default(orders, "note", value_text(SLICE("it's")));
    assert_default(orders, "state", value_text(SLICE("in transit")));
    assert_default(orders, "total", value_int(1250));
    assert_default(orders, "price_limit", value_int(-5));
    assert_default(orders, "is_gift", value_int(0));
    assert_int_equal(field_of(orders, "tags")->type.element->max, 20);
    assert_true(field_of(orders, "weight")->type.float_max == 1000.5);

    assert_int_equal(orders->index_count,
                     4); /* the declared, and one for each reference: a partial one does not count */
    assert_int_equal(orders->indexes[0].column_count, 2);
    assert_true(orders->indexes[0].columns[1].is_descending);
    assert_true(orders->indexes[1].is_unique);
    assert_non_null(orders->indexes[1].where);
    assert_ptr_equal(orders->indexes[1].include[0], note);
    assert_int_equal(orders->search_count, 1);
    assert_int_equal(users->relation_count, 2);
    assert_true(slice_eq_text(users->relations[0].name, "orders"));
    assert_ptr_equal(users->relations[0].via, buyer);
    assert_true(slice_eq_text(users->relations[1].name, "sales"));

    assert_non_null(orders->access[ACTION_READ].rules[0].allow);
    assert_null(orders->access[ACTION_READ].rules[0].fields);
    const uint64_t *writable = orders->access[ACTION_UPDATE].rules[0].fields;
    assert_int_equal(writable[0], 1u << note->index | 1u << field_of(orders, "state")->index);
    assert_int_equal(users->access[ACTION_CREATE].count, 1);
    assert_null(users->access[ACTION_CREATE].rules[0].allow);
    assert_true(users->access[ACTION_DELETE].rules[0].is_denial);
    unload(&world);
}

static void settings_not_given_are_the_documented_defaults(void **state)
{
    struct world world;
    load_text(&world, "");
    const struct http_settings http = http_settings_default();
    const struct settings *s = &world.settings;
    assert_int_equal(world.error, OK);
    assert_int_equal(world.diag.warning_count, 1);
    assert_string_equal(s->listen.items[0].host, "127.0.0.1");
    assert_int_equal(s->listen.items[0].port, 8080);
    assert_int_equal(s->admin.port, 9180);
    assert_false(s->admin_is_chosen);
    assert_true(slice_eq_text(s->api.base, "/api/v1"));
    assert_int_equal(s->api.page_default, 20);
    assert_int_equal(s->log_level, SETTINGS_INFO);
    assert_int_equal(s->http.cors.origin_count, 0);
    assert_int_equal(s->http.cors.max_age_s, http.cors.max_age_s);
    assert_int_equal(s->http.compress, http.compress);
    assert_memory_equal(&s->http.timeouts, &http.timeouts, sizeof http.timeouts);
    assert_int_equal(s->http.limits.request_line_bytes, http.limits.request_line_bytes);
    assert_int_equal(s->http.limits.header_bytes, http.limits.header_bytes);
    assert_int_equal(s->http.limits.header_count, http.limits.header_count);
    assert_int_equal(s->http.limits.body_bytes, http.limits.body_bytes);
    assert_int_equal(s->http.limits.connections, http.limits.connections);
    assert_int_equal(s->http.limits.in_flight, http.limits.in_flight);
    unload(&world);
}

static void settings_warn_of_what_nobody_may_do_and_not_of_what_was_forbidden(void **state)
{
    struct world world;
    load_text(&world, "resources: {notes: {fields: {a: text}, access: {read: true, delete: false}}}\n");
    assert_int_equal(world.error, OK);
    assert_int_equal(world.diag.warning_count, 1);
    assert_string_equal(world.diag.first->message, "resource \"notes\": nobody may create, update");
    unload(&world);
}

static void settings_warn_of_what_anyone_may_write(void **state)
{
    static const struct {
        const char *access, *warning; /* NULL: none */
    } rows[] = {{"{all: true}", "resource \"notes\": anyone may create, update, delete"},
                {"{read: true, write: false, create: true}", "resource \"notes\": anyone may create"},
                {"{all: true, write: false}", NULL},
                {"{read: true, write: {when: true}}", NULL},
                {"{all: title != null}", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world world;
        char text[300];
        snprintf(text, sizeof text, "resources: {notes: {fields: {title: text}, access: %s}}\n", rows[i].access);
        load_text(&world, text);
        assert_int_equal(world.error, OK);
        assert_int_equal(world.diag.warning_count, rows[i].warning ? 1 : 0);
        if (rows[i].warning)
            assert_string_equal(world.diag.first->message, rows[i].warning);
        unload(&world);
    }
}

static void settings_warn_of_a_role_that_its_account_may_choose(void **state)
{
    static const struct {
        const char *role, *access, *warning; /* NULL: none */
    } rows[] = {
        {"", "create: {when: true}, update: false", "who may create an account may give it any role"},
        {"readonly", "create: {when: true}, update: id == auth.id", NULL},
        {"", "create: {when: true, fields: [email, password]}, update: false", NULL},
        {"", "create: false, update: id == auth.id", "who may update an account may give it any role"},
        {"immutable", "create: false, update: id == auth.id", NULL},
        {"", "create: can('users:create'), update: role('admin')", NULL},
        {"", "create: false, update: [{for: role('admin')}, {when: id == auth.id, fields: [email]}]", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world world;
        char text[600];
        snprintf(text, sizeof text,
                 "roles: {admin: ['*'], user: []}\nresources:\n  users:\n    fields:\n"
                 "      email: email required unique\n      role: enum(user, admin) %s = user\n"
                 "      password: password required\n    access: {read: true, delete: false, %s}\n",
                 rows[i].role, rows[i].access);
        load_text(&world, text);
        assert_int_equal(world.error, OK);
        assert_int_equal(world.diag.warning_count, rows[i].warning ? 1 : 0);
        if (rows[i].warning)
            assert_string_equal(world.diag.first->message, rows[i].warning);
        unload(&world);
    }
}

static void settings_refuse_a_file_that_is_missing_or_too_large(void **state)
{
    struct world world;
    load(&world, "good/none.yaml");
    assert_int_equal(world.error, ERROR_VALIDATION);
    assert_string_equal(world.diag.first->message, "file \"good/none.yaml\" cannot be read: No such file or directory");
    unload(&world);
    char *text = malloc((1 << 20) + 10);
    assert_non_null(text);
    memset(text, '#', (1 << 20) + 9);
    text[(1 << 20) + 9] = '\0';
    load_text(&world, text);
    assert_int_equal(world.error, ERROR_VALIDATION);
    assert_string_equal(world.diag.first->message, "the file is larger than 1 MiB");
    free(text);
    unload(&world);
}

static void settings_survive_every_failed_allocation(void **state)
{
    for (size_t limit = 1000; limit < 400000; limit += 997) {
        struct world world = {0};
        arena_init(&world.arena, limit);
        diag_init(&world.diag, &world.arena);
        enum error error = settings_load_with("good/app.yaml", &variables, &world.arena, &world.diag, &world.settings);
        assert_true(error == OK || error == ERROR_MEMORY);
        unload(&world);
    }
}

static void settings_addresses_are_host_and_port(void **state)
{
    static const struct {
        const char *text, *host;
        unsigned port;
    } rows[] = {
        {"127.0.0.1:80", "127.0.0.1", 80},
        {"[::1]:8080", "::1", 8080},
        {":0", "", 0},
        {"localhost:1", "localhost", 1},
        {"80", NULL, 0},
        {"a:b", NULL, 0},
        {"a:-1", NULL, 0},
        {"a:65536", NULL, 0},
        {"[]:80", NULL, 0},
        {"[::1]80", NULL, 0},
        {"::1:80", NULL, 0},
        {"a/b:80", NULL, 0},
        {"", NULL, 0},
    };
    struct arena arena;
    arena_init(&arena, 100000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct settings_address address;
        enum error error = settings_value_address(slice_from(rows[i].text), &arena, &address);
        assert_int_equal(error, rows[i].host ? OK : ERROR_VALIDATION);
        if (rows[i].host) {
            assert_string_equal(address.host, rows[i].host);
            assert_int_equal(address.port, rows[i].port);
        }
    }
    arena_fini(&arena);
}

static const char manual_path[] = "../../docs/manual/app-file.md";
static const char databases_path[] = "../../docs/manual/databases.md";

/* What is said, but for what anyone may do: in a block of a manual's that is meant. */
static const struct diag_item *first_of(const struct diag *diag)
{
    const struct diag_item *item = diag->first;
    while (item && strstr(item->message, ": anyone may "))
        item = item->next;
    return item;
}

/* Each block that the manual marks as an app file is one, without a warning. */
static size_t check_blocks(const char *path)
{
    static const char fence[] = "\n```yaml app\n";
    struct buf manual;
    size_t count = 0;
    buf_init(&manual, 1 << 20);
    read_file(path, &manual);
    buf_put_byte(&manual, '\0');
    for (char *at = strstr(manual.ptr, fence); at; at = strstr(at, fence), count++) {
        struct world world;
        at += sizeof fence - 1;
        char *close = strstr(at, "\n```\n");
        assert_non_null(close);
        close[1] = '\0';
        load_text(&world, at);
        const struct diag_item *item = first_of(&world.diag);
        if (item && item->place.line > 1)
            fail_msg("block %zu, line %u: %s", count + 1, item->place.line, item->message);
        assert_int_equal(world.error, OK);
        unload(&world);
        close[1] = '`';
    }
    buf_fini(&manual);
    return count;
}

static void settings_of_the_manual_are_valid(void **state)
{
    assert_true(check_blocks(manual_path) >= 5);
    assert_true(check_blocks(databases_path) >= 2);
}

static void settings_are_all_in_the_manual_as_the_table_has_them(void **state)
{
    struct buf manual, line;
    size_t count;
    const struct settings_row *rows = settings_rows(&count);
    buf_init(&manual, 1 << 20);
    buf_init(&line, 1 << 20);
    read_file(manual_path, &manual);
    for (size_t i = 0; i < count; i++) {
        const struct settings_row *row = &rows[i];
        buf_clear(&line);
        buf_printf(&line, "| `%s` | ", row->path);
        if (row->standard)
            buf_printf(&line, "`%s`", row->standard);
        buf_put_literal(&line, " | ");
        if (row->low)
            buf_printf(&line, "%s to %s", row->low, row->high);
        for (const char *at = row->choices ? row->choices : ""; *at; at++)
            buf_put(&line, *at == '|' ? ", " : at, *at == '|' ? 2 : 1);
        buf_printf(&line, " | %s |\n", row->help);
        if (!memmem(manual.ptr, manual.len, line.ptr, line.len))
            fail_msg("the manual lacks: %.*s", SLICE_ARG(buf_slice(&line)));
    }
    buf_fini(&line);
    buf_fini(&manual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_tell_every_mistake_of_a_broken_file_at_its_place),
        cmocka_unit_test(settings_never_print_what_a_variable_holds),
        cmocka_unit_test(settings_of_a_good_file_are_what_it_says),
        cmocka_unit_test(settings_hold_the_schema_that_the_resources_declare),
        cmocka_unit_test(settings_not_given_are_the_documented_defaults),
        cmocka_unit_test(settings_warn_of_what_nobody_may_do_and_not_of_what_was_forbidden),
        cmocka_unit_test(settings_warn_of_what_anyone_may_write),
        cmocka_unit_test(settings_warn_of_a_role_that_its_account_may_choose),
        cmocka_unit_test(settings_refuse_a_file_that_is_missing_or_too_large),
        cmocka_unit_test(settings_survive_every_failed_allocation),
        cmocka_unit_test(settings_addresses_are_host_and_port),
        cmocka_unit_test(settings_of_the_manual_are_valid),
        cmocka_unit_test(settings_are_all_in_the_manual_as_the_table_has_them),
    };
    return cmocka_run_group_tests_name("app/settings", tests, NULL, NULL);
}
