/* SPDX-License-Identifier: Apache-2.0 */
#include "app/explain_patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct row {
    const char *before;
    unsigned resource_line;
    const char *index;
    const char *after; /* NULL: there is no patch */
    unsigned line;
};

static const struct row rows[] = {
    {"resources:\n  a:\n    fields:\n      b: int\n    access: {all: true}\n", 2, "b, -c",
     "resources:\n  a:\n    fields:\n      b: int\n    indexes:\n      - b, -c\n    access: {all: true}\n", 5},
    {"resources:\n  a:\n    fields: {b: int}\n  z:\n    fields: {b: int}\n", 2, "b",
     "resources:\n  a:\n    fields: {b: int}\n    indexes:\n      - b\n  z:\n    fields: {b: int}\n", 4},
    {"resources:\n  a:\n    indexes:\n      - c\n\n      # why\n      - d   \n\n    fields: {b: int}\n", 2, "b",
     "resources:\n  a:\n    indexes:\n      - c\n\n      # why\n      - d   \n      - b\n\n    fields: {b: int}\n", 8},
    {"resources:\n  a:\n    fields: {b: int}\n    indexes:\n    - c\n    access: {all: true}\n", 2, "b",
     "resources:\n  a:\n    fields: {b: int}\n    indexes:\n    - c\n    - b\n    access: {all: true}\n", 6},
    {"resources:\n  a:\n    fields: {b: int}\n    indexes:\n      - {fields: c,\n         unique: true}\n", 2, "b",
     "resources:\n  a:\n    fields: {b: int}\n    indexes:\n      - {fields: c,\n         unique: true}\n      - b\n",
     7},
    {"resources:\n  a:\n    fields: {b: int}\n    indexes: [c, \"d, e\"] # two\n", 2, "b, -c",
     "resources:\n  a:\n    fields: {b: int}\n    indexes: [c, \"d, e\", \"b, -c\"] # two\n", 4},
    {"resources:\n  a:\n    fields: {b: int}\n    indexes: []\n", 2, "{fields: t, using: gin}",
     "resources:\n  a:\n    fields: {b: int}\n    indexes: [{fields: t, using: gin}]\n", 4},
    {"resources:\n  a:\n    fields: {b: int}\n    indexes:   # none yet\n    access: {all: true}\n", 2, "b",
     "resources:\n  a:\n    fields: {b: int}\n    indexes:   # none yet\n      - b\n    access: {all: true}\n", 5},
    {"resources:\n  a:\n    fields:\n      b: int", 2, "b",
     "resources:\n  a:\n    fields:\n      b: int\n    indexes:\n      - b\n", 5},
    {"resources:\n  a:\n    fields: {b: int}\n    access: {all: true}", 2, "b",
     "resources:\n  a:\n    fields: {b: int}\n    indexes:\n      - b\n    access: {all: true}", 4},
    {"resources:\n  a: {fields: {b: int}, access: {all: true}}\n", 2, "b", NULL, 2},
    {"resources:\n  a:\n    fields: {b: int}\n    indexes: [c,\n      d]\n", 2, "b", NULL, 2},
    {"resources: {a: {fields: {b: int}}}\n", 1, "b", NULL, 1},
    {"", 7, "b", NULL, 7},
};

static void write_file(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void assert_file(const char *path, const char *expected)
{
    char text[1024];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

/* As a person would apply it; context that does not fit is not forgiven. */
static void apply(const char *folder, const char *patch)
{
    char path[64], command[200];
    snprintf(path, sizeof path, "%s/patch", folder);
    write_file(path, patch, strlen(patch));
    snprintf(command, sizeof command, "cd %s && patch -s -F0 -p1 < patch", folder);
    assert_int_equal(system(command), 0);
}

static void check(const struct row *row)
{
    char folder[] = "/tmp/tenon-patch-XXXXXX", path[64], command[64];
    struct arena arena;
    const char *patch;
    unsigned line;
    arena_init(&arena, 1 << 20);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/app.yaml", folder);
    write_file(path, row->before, strlen(row->before));
    const struct slice text = slice_from(row->before), index = slice_from(row->index);
    assert_int_equal(explain_patch_text(text, "app.yaml", row->resource_line, index, &arena, &patch, &line), OK);
    assert_int_equal(line, row->line);
    assert_int_equal(patch != NULL, row->after != NULL);
    if (patch)
        apply(folder, patch);
    assert_file(path, row->after ? row->after : row->before);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    arena_fini(&arena);
}

static void a_patch_adds_the_index_where_its_author_would(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(&rows[i]);
}

static void a_file_that_has_gone_is_told(void **state)
{
    struct arena arena;
    const char *patch;
    unsigned line;
    const struct place gone = {.file = "/nonexistent/app.yaml", .line = 3};
    arena_init(&arena, 1 << 20);
    assert_int_equal(explain_patch_index(gone, SLICE("b"), &arena, &patch, &line), ERROR_IO);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_patch_adds_the_index_where_its_author_would),
        cmocka_unit_test(a_file_that_has_gone_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
