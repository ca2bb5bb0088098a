/* SPDX-License-Identifier: Apache-2.0 */
#include "model/schema_sync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/node.h"
#include "model/ddl.h"
#include "model/schema_build.h"

/* A database in a folder of its own, and the schema of a text: `resource: field=line; field=line | …`, with the words
 * "int" for an integer id, "search=a,b" and "index=a, -b". */
struct world {
    char directory[32];
    struct arena arena;
    struct diag diag;
    struct db *db;
};

static struct node *map_child(struct world *world, struct node *parent, struct slice key, enum node_kind kind)
{
    struct node *node = arena_zalloc(&world->arena, sizeof *node);
    assert_non_null(node);
    node->kind = kind;
    node->key = key;
    node->place = node->key_place = node->text_place = (struct place){"app.yaml", 1, 1};
    node_append(parent, node);
    return node;
}

static void add_scalar(struct world *world, struct node *parent, const char *key, struct slice text)
{
    struct node *node = map_child(world, parent, slice_from(key), NODE_SCALAR);
    node->text = node->source = slice_trim(text);
}

static void declare(struct world *world, struct node *resources, struct slice text)
{
    struct slice name, part, key;
    assert_true(slice_split(&text, ':', &name));
    struct node *resource = map_child(world, resources, slice_trim(name), NODE_MAP);
    struct node *fields = map_child(world, resource, SLICE("fields"), NODE_MAP);
    while (slice_split(&text, ';', &part)) {
        part = slice_trim(part);
        assert_true(slice_split(&part, '=', &key));
        if (slice_eq_text(key, "int"))
            add_scalar(world, resource, "id", SLICE("int"));
        else if (slice_eq_text(key, "index"))
            add_scalar(world, map_child(world, resource, SLICE("indexes"), NODE_LIST), "", part);
        else if (slice_eq_text(key, "search"))
            add_scalar(world, map_child(world, resource, SLICE("search"), NODE_LIST), "", part);
        else {
            struct node *line = map_child(world, fields, key, NODE_SCALAR);
            line->text = line->source = part;
        }
    }
}

static const struct schema *build(struct world *world, const char *text)
{
    struct node resources = {.kind = NODE_MAP};
    struct schema *schema = NULL;
    struct slice rest = slice_from(arena_text(&world->arena, slice_from(text))), resource;
    while (slice_split(&rest, '|', &resource))
        declare(world, &resources, resource);
    const struct schema_source source = {.resources = &resources, .naming = SCHEMA_SNAKE};
    enum error error = schema_build(&source, &world->arena, &world->diag, &schema);
    if (error != OK && world->diag.first)
        fail_msg("%s", world->diag.first->message);
    diag_init(&world->diag, &world->arena);
    return schema;
}

static struct db *open_database(struct world *world)
{
    const struct db_config config = {.url = "sqlite:app.db", .directory = world->directory};
    struct db *db = NULL;
    assert_int_equal(db_open(&config, &world->diag, &db), OK);
    return db;
}

static void begin(struct world *world)
{
    memset(world, 0, sizeof *world);
    arena_init(&world->arena, 64 << 20);
    diag_init(&world->diag, &world->arena);
    snprintf(world->directory, sizeof world->directory, "/tmp/schema_sync_XXXXXX");
    assert_non_null(mkdtemp(world->directory));
    world->db = open_database(world);
}

static void end(struct world *world)
{
    char command[64];
    db_close(world->db);
    arena_fini(&world->arena);
    snprintf(command, sizeof command, "rm -rf %s", world->directory);
    assert_int_equal(system(command), 0);
}

static enum error run_script(struct db_conn *tx, void *argument)
{
    return db_script(tx, slice_from(argument));
}

static void run(struct world *world, const char *sql)
{
    char text[1000];
    snprintf(text, sizeof text, "%s", sql);
    assert_int_equal(db_tx_blocking(world->db, run_script, text), OK);
}

static int64_t number(struct world *world, const char *sql)
{
    struct db_conn *conn = NULL;
    struct db_rows *rows = NULL;
    bool has_row = false;
    assert_int_equal(db_read_blocking(world->db, &conn), OK);
    assert_int_equal(db_query(conn, slice_from(sql), NULL, 0, &rows), OK);
    assert_int_equal(db_next(rows, &has_row), OK);
    assert_true(has_row);
    int64_t found = db_column(rows, 0).integer;
    db_rows_close(rows);
    db_read_end(conn);
    return found;
}

static enum error sync_to(struct world *world, const char *text, enum schema_sync_mode mode)
{
    const struct schema *schema = build(world, text);
    return schema_sync(world->db, schema, mode, &world->diag);
}

static const char users[] = "users: name=text required; email=email required unique";
static const char insert_user[] = "INSERT INTO users VALUES('a', 'Ada', 'ada@example.org', 't', 't', 1)";

static void schema_sync_makes_an_empty_database_once(void **state)
{
    struct world world;
    begin(&world);
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_CHECK), ERROR_CONFLICT);
    assert_string_equal(world.diag.first->message, "table \"users\" is missing");
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_CREATE_IF_EMPTY), OK);
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_CREATE_IF_EMPTY), OK);
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_ADDITIVE), OK);
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_CHECK), OK);
    assert_int_equal(number(&world, "SELECT count(*) FROM _tenon_schema"), 1);
    assert_int_equal(number(&world, "SELECT count(*) FROM _tenon_idempotency"), 0);
    end(&world);
}

static const struct row {
    const char *after;   /* the schema that follows `users` */
    const char *message; /* the first difference */
    bool is_additive;
} rows[] = {
    {"users: name=text required; email=email required unique; age=int", "table \"users\": column \"age\" is missing",
     true},
    {"users: name=text required; email=email required unique; age=int required = 18",
     "table \"users\": column \"age\" is missing", true},
    {"users: name=text required; email=email required unique; age=int required",
     "table \"users\": column \"age\" is missing", false},
    {"users: email=email required unique",
     "table \"users\": column \"name\" is not in the app file, and may not be null", false},
    {"users: name=int required; email=email required unique",
     "table \"users\": column \"name\" is TEXT, in the app file INTEGER", false},
    {"users: name=text; email=email required unique",
     "table \"users\": column \"name\" may not be null, in the app file it is not required", false},
    {"users: int=; name=text required; email=email required unique",
     "table \"users\": column \"id\" is TEXT, in the app file INTEGER", false},
    {"users: name=email required; email=email required unique",
     "table \"users\": column \"name\" does not ignore case, in the app file it does", false},
    {"users: name=text required; email=email required",
     "table \"users\": index \"users_email_key\" is not in the app file", true},
    {"users: name=text required unique; email=email required unique",
     "table \"users\": index \"users_name_key\" is missing", true},
    {"users: name=text required; email=email required unique; index=name, -email",
     "table \"users\": index \"users_name_email\" is missing", true},
    {"users: name=text required; email=email required unique; search=name",
     "table \"users\": search table \"_tenon_search_users\" is missing", true},
    {"users: name=text required; email=email required unique | notes: by=users required", "table \"notes\" is missing",
     true},
    {"users: name=text required; email=email required unique; boss=users on_delete(set_null)",
     "table \"users\": column \"boss\" is missing", true},
    {"users: name=users required; email=email required unique",
     "table \"users\": column \"name\" does not refer to \"users\"", false},
};

static void check_row(const struct row *row)
{
    struct world world;
    begin(&world);
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_CREATE_IF_EMPTY), OK);
    run(&world, insert_user);
    assert_int_equal(sync_to(&world, row->after, SCHEMA_SYNC_CREATE_IF_EMPTY), ERROR_CONFLICT);
    assert_string_equal(world.diag.message, "the database differs from the app file");
    assert_string_equal(world.diag.first->message, row->message);
    enum error error = sync_to(&world, row->after, SCHEMA_SYNC_ADDITIVE);
    assert_int_equal(error, row->is_additive ? OK : ERROR_CONFLICT);
    if (!row->is_additive)
        assert_string_equal(world.diag.first->message, row->message);
    assert_int_equal(sync_to(&world, row->after, SCHEMA_SYNC_CHECK), error);
    assert_int_equal(number(&world, "SELECT count(*) FROM users"), 1);
    assert_int_equal(number(&world, "SELECT count(*) FROM _tenon_schema"), row->is_additive ? 2 : 1);
    end(&world);
}

static void schema_sync_names_what_differs_and_adds_only_what_costs_no_value(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_row(&rows[i]);
}

static void schema_sync_fills_a_search_table_that_comes_late_and_keeps_it_in_step(void **state)
{
    static const char found[] =
        "SELECT count(*) FROM _tenon_search_users WHERE _tenon_search_users MATCH '\"ada\"' AND rowid > 0";
    static const char after[] = "users: name=text required; email=email required unique; search=name";
    struct world world;
    begin(&world);
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_CREATE_IF_EMPTY), OK);
    run(&world, insert_user);
    assert_int_equal(sync_to(&world, after, SCHEMA_SYNC_ADDITIVE), OK);
    assert_int_equal(number(&world, found), 1);
    run(&world, "INSERT INTO users VALUES('b', 'Ada B', 'b@example.org', 't', 't', 1)");
    assert_int_equal(number(&world, found), 2);
    run(&world, "UPDATE users SET name = 'Grace' WHERE id = 'a'");
    assert_int_equal(number(&world, found), 1);
    run(&world, "DELETE FROM users WHERE id = 'b'");
    assert_int_equal(number(&world, found), 0);
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_CHECK), ERROR_CONFLICT);
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_ADDITIVE), OK);
    run(&world, "INSERT INTO users VALUES('c', 'Ada C', 'c@example.org', 't', 't', 1)");
    end(&world);
}

static void schema_sync_leaves_tables_of_others_alone(void **state)
{
    struct world world;
    begin(&world);
    run(&world, "CREATE TABLE theirs (a, b); INSERT INTO theirs VALUES (1, 2); CREATE INDEX theirs_a ON theirs (a)");
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_CREATE_IF_EMPTY), OK);
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_CHECK), OK);
    run(&world, "CREATE INDEX by_hand ON users (name)");
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_CHECK), OK);
    assert_int_equal(number(&world, "SELECT a FROM theirs"), 1);
    end(&world);
}

/* Another process, which opens the database itself; `world` is not open here. */
static int create_elsewhere(struct world *world)
{
    world->db = open_database(world);
    enum error error = sync_to(world, users, SCHEMA_SYNC_CREATE_IF_EMPTY);
    db_close(world->db);
    return error == OK ? 0 : 1;
}

static void schema_sync_of_two_processes_creates_once(void **state)
{
    struct world world;
    pid_t children[4];
    begin(&world);
    db_close(world.db);
    for (size_t i = 0; i < ARRAY_LEN(children); i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(create_elsewhere(&world));
    }
    for (size_t i = 0; i < ARRAY_LEN(children); i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    world.db = open_database(&world);
    assert_int_equal(number(&world, "SELECT count(*) FROM _tenon_schema"), 1);
    assert_int_equal(sync_to(&world, users, SCHEMA_SYNC_CHECK), OK);
    end(&world);
}

/* The statements are a contract with databases that exist: a change here needs a migration. */
static void ddl_of_a_schema_is_what_it_was(void **state)
{
    static const char *const expected[] = {
        "CREATE TABLE \"users\" (\n"
        "  \"id\" TEXT PRIMARY KEY NOT NULL,\n"
        "  \"email\" TEXT COLLATE NOCASE NOT NULL,\n"
        "  \"created_at\" TEXT NOT NULL,\n"
        "  \"updated_at\" TEXT NOT NULL,\n"
        "  \"version\" INTEGER NOT NULL\n"
        ") STRICT",
        "CREATE TABLE \"notes\" (\n"
        "  \"id\" INTEGER PRIMARY KEY AUTOINCREMENT,\n"
        "  \"text\" TEXT NOT NULL DEFAULT 'it''s',\n"
        "  \"price\" INTEGER DEFAULT -150,\n"
        "  \"ratio\" REAL DEFAULT 0.5,\n"
        "  \"by\" TEXT REFERENCES \"users\" (\"id\") ON DELETE SET NULL,\n"
        "  \"after_note\" INTEGER NOT NULL REFERENCES \"notes\" (\"id\") ON DELETE CASCADE,\n"
        "  \"created_at\" TEXT NOT NULL,\n"
        "  \"updated_at\" TEXT NOT NULL,\n"
        "  \"version\" INTEGER NOT NULL\n"
        ") STRICT",
        "CREATE UNIQUE INDEX \"users_email_key\" ON \"users\" (\"email\")",
        "CREATE INDEX \"notes_by_price\" ON \"notes\" (\"by\", \"price\" DESC)",
        "CREATE INDEX \"notes_after_note\" ON \"notes\" (\"after_note\")",
        ("CREATE VIRTUAL TABLE \"_tenon_search_notes\" USING fts5 (\"text\", content='notes', "
         "tokenize='unicode61 remove_diacritics 2', prefix='2 3')"),
    };
    struct world world;
    struct ddl ddl;
    begin(&world);
    const struct schema *schema =
        build(&world, "users: email=email required unique | notes: int=; text=text required = \"it's\"; "
                      "price=decimal(5,2) = -1.5; ratio=float = 0.5; by=users on_delete(set_null); "
                      "after_note=notes required on_delete(cascade); index=by, -price; search=text");
    assert_int_equal(ddl_create(schema, DIALECT_SQLITE, &world.arena, &ddl), OK);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_string_equal(arena_text(&world.arena, ddl.statements[i].sql), expected[i]);
    assert_int_equal(ddl.count, ARRAY_LEN(expected) + 7);
    assert_string_equal(
        arena_text(&world.arena, ddl.statements[ARRAY_LEN(expected) + 3].sql),
        "CREATE TRIGGER \"_tenon_null_notes.by\" AFTER UPDATE OF \"by\" ON \"notes\" "
        "WHEN new.\"by\" IS NULL AND old.\"by\" IS NOT NULL AND new.\"version\" = old.\"version\" BEGIN\n"
        "  UPDATE \"notes\" SET \"version\" = old.\"version\" + 1, "
        "\"updated_at\" = max(old.\"updated_at\", strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')) "
        "WHERE \"id\" = new.\"id\";\nEND");
    assert_int_equal(schema_sync(world.db, schema, SCHEMA_SYNC_CREATE_IF_EMPTY, &world.diag), OK);
    assert_int_equal(schema_sync(world.db, schema, SCHEMA_SYNC_CHECK, &world.diag), OK);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schema_sync_makes_an_empty_database_once),
        cmocka_unit_test(schema_sync_names_what_differs_and_adds_only_what_costs_no_value),
        cmocka_unit_test(schema_sync_fills_a_search_table_that_comes_late_and_keeps_it_in_step),
        cmocka_unit_test(schema_sync_leaves_tables_of_others_alone),
        cmocka_unit_test(schema_sync_of_two_processes_creates_once),
        cmocka_unit_test(ddl_of_a_schema_is_what_it_was),
    };
    return cmocka_run_group_tests_name("model/schema_sync", tests, NULL, NULL);
}
