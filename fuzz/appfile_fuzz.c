/* SPDX-License-Identifier: Apache-2.0 */
/* App files: any bytes are an app file or are told why not, at a place that exists; an accepted one gives tables. */
#include <stdint.h>
#include <string.h>

#include "app/settings.h"
#include "app/yamltree.h"
#include "base/check.h"
#include "model/ddl.h"

enum { MEMORY = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *find_variable(void *state, const char *name)
{
    return name[0] == 'N' ? NULL : "qsecretq";
}

static void check_items(const struct diag *diag, struct slice text)
{
    size_t lines = 1;
    bool is_visible = memmem(text.ptr, text.len, "qsecretq", 8) != NULL;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n' || text.ptr[i] == '\r' || (unsigned char)text.ptr[i] >= 0x80;
    for (const struct diag_item *item = diag->first; item; item = item->next) {
        CHECK(item->place.line <= lines + 1, "a place lies in the file");
        CHECK(is_visible || !strstr(item->message, "qsecretq"), "a message never shows what a variable holds");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct variables variables = {.find = find_variable, .directory = "/nonexistent"};
    struct slice text = slice_of((const char *)bytes, size);
    struct arena arena;
    struct diag diag;
    struct node *root = NULL;
    struct settings settings;
    struct ddl ddl;
    arena_init(&arena, MEMORY);
    diag_init(&diag, &arena);
    if (yamltree_parse(text, "app.yaml", &arena, &diag, &root) == OK &&
        variables_replace(root, &variables, &arena, &diag) == OK) {
        enum error error = settings_read(root, &arena, &diag, &settings);
        CHECK(error != OK || settings.schema, "settings have a schema");
        CHECK(error != OK || ddl_create(settings.schema, DIALECT_SQLITE, &arena, &ddl) != ERROR_INTERNAL,
              "a schema has tables");
        if (error == OK)
            settings_fini(&settings);
    }
    check_items(&diag, text);
    arena_fini(&arena);
    return 0;
}
