/* SPDX-License-Identifier: Apache-2.0 */
/* `${NAME}`, `${NAME:-default}` and `${file:/run/secrets/x}` inside scalars.
 *
 * They are replaced in the tree, not in the text of the file: a value can never change the structure of the app file
 * around it, and never becomes a comment, a key or a list. A value is not replaced again.
 *
 * Whoever writes a variable means a secret, or something that is nobody's business in a log: the scalar is marked, and
 * messages show it as it was written. */
#include "app/variables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/utf8.h"

struct replacement {
    const struct variables *variables;
    struct arena *arena;
    struct diag *diag;
    struct node *node; /* at work on */
    struct buf text;
    bool has_variable;
};

static const char *find_in_process(void *state, const char *name)
{
    return getenv(name);
}

struct variables variables_of_process(const char *directory)
{
    return (struct variables){.find = find_in_process, .directory = directory};
}

static bool is_name(struct slice name)
{
    if (name.len == 0 || (name.ptr[0] >= '0' && name.ptr[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

static void put_value(struct replacement *replacement, struct slice value, struct place place, const char *shown)
{
    if (!utf8_is_valid(value) || slice_index(value, '\0') < value.len)
        diag_at(replacement->diag, place, NULL, "%s does not hold UTF-8 text", shown);
    else
        buf_put_slice(&replacement->text, value);
}

static void put_file(struct replacement *replacement, struct slice path, struct place place, const char *shown)
{
    const char *directory = replacement->variables->directory;
    bool is_relative = path.len > 0 && path.ptr[0] != '/' && directory[0] != '\0';
    const char *full = arena_printf(replacement->arena, "%s%s%.*s", is_relative ? directory : "",
                                    is_relative ? "/" : "", SLICE_ARG(path));
    char *content = arena_alloc(replacement->arena, VARIABLES_TEXT_MAX + 1);
    if (!full || !content) {
        replacement->text.failed = true;
        return;
    }
    FILE *file = fopen(full, "re");
    size_t length = file ? fread(content, 1, VARIABLES_TEXT_MAX + 1, file) : 0;
    int reason = !file || ferror(file) ? errno : 0;
    if (file)
        fclose(file);
    struct slice value = slice_of(content, length);
    if (value.len > 0 && value.ptr[value.len - 1] == '\n')
        value.len--; /* the one that editors and `echo` leave */
    if (reason != 0)
        diag_at(replacement->diag, place, NULL, "%s cannot be read: %s", shown, strerror(reason));
    else if (length > VARIABLES_TEXT_MAX)
        diag_at(replacement->diag, place, NULL, "%s is larger than 64 KiB", shown);
    else
        put_value(replacement, value, place, shown);
}

/* `inside` is what stands between the braces. */
static void put_variable(struct replacement *replacement, struct slice inside, struct place place)
{
    struct diag *diag = replacement->diag;
    const char *shown = diag_quote(diag, slice_of(inside.ptr - 2, inside.len + 3));
    if (slice_starts(inside, SLICE("file:"))) {
        put_file(replacement, slice_from_index(inside, 5), place, shown);
        return;
    }
    struct slice name = slice_of(inside.ptr, slice_index(inside, ':'));
    struct slice rest = slice_from_index(inside, name.len);
    bool has_default = slice_starts(rest, SLICE(":-"));
    if (!is_name(name) || (rest.len > 0 && !has_default)) {
        diag_at(diag, place, "write ${NAME}, ${NAME:-default} or ${file:path}; `$$` is a dollar",
                "%s is not a variable", shown);
        return;
    }
    const char *key = arena_text(replacement->arena, name);
    if (!key) {
        replacement->text.failed = true;
        return;
    }
    const char *value = replacement->variables->find(replacement->variables->state, key);
    if (has_default && (!value || value[0] == '\0'))
        buf_put_slice(&replacement->text, slice_from_index(rest, 2));
    else if (!value)
        diag_at(diag, place, "set it in the environment, or give it a default: ${NAME:-default}",
                "the variable \"%s\" is not set", key);
    else
        put_value(replacement, slice_from(value), place, shown);
}

static void replace_in_text(struct replacement *replacement, struct slice text)
{
    for (size_t at = 0; at < text.len;) {
        struct slice rest = slice_from_index(text, at);
        if (slice_starts(rest, SLICE("$$"))) {
            buf_put_byte(&replacement->text, '$');
            at += 2;
        } else if (slice_starts(rest, SLICE("${"))) {
            struct place place = node_place_at(replacement->node, at);
            size_t close = slice_index(rest, '}');
            replacement->has_variable = true;
            if (close == rest.len)
                diag_at(replacement->diag, place, "`$$` is a dollar", "a variable misses its closing brace");
            else
                put_variable(replacement, slice_of(rest.ptr + 2, close - 2), place);
            at += close + (close < rest.len);
        } else {
            buf_put_byte(&replacement->text, rest.ptr[0]);
            at++;
        }
    }
}

static enum error replace_scalar(struct replacement *replacement, struct node *node)
{
    struct slice text = node->text;
    if (slice_index(text, '$') == text.len)
        return OK;
    size_t before = replacement->diag->count;
    buf_init(&replacement->text, VARIABLES_TEXT_MAX * 2);
    replacement->node = node;
    replacement->has_variable = false;
    replace_in_text(replacement, text);
    node->is_broken = node->is_broken || replacement->diag->count != before;
    bool is_failed = buf_failed(&replacement->text);
    if (!is_failed) {
        node->text = arena_slice(replacement->arena, buf_slice(&replacement->text));
        node->is_secret = replacement->has_variable;
    }
    buf_fini(&replacement->text);
    return is_failed || !node->text.ptr ? ERROR_MEMORY : OK;
}

/* The reader bounds the depth of a tree. */
static enum error replace_in(struct replacement *replacement, struct node *node)
{
    if (node->kind == NODE_SCALAR)
        return replace_scalar(replacement, node);
    for (struct node *child = node->first; child; child = child->next)
        TRY(replace_in(replacement, child));
    return OK;
}

enum error variables_replace(struct node *root, const struct variables *variables, struct arena *arena,
                             struct diag *diag)
{
    struct replacement replacement = {.variables = variables, .arena = arena, .diag = diag};
    return replace_in(&replacement, root);
}
