/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in the statements on standard input, a line of JSON for each finding: verdict_print postgres|sqlite.
 * With `rules` instead of a dialect it is the rules. For the tests that are written in Python. */
#include <stdio.h>
#include <string.h>

#include "base/jsonwrite.h"
#include "data/verdict.h"

enum { INPUT_MAX = 1 << 20, MEMORY = 64 << 20 };

static void put_text(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, "\"%s\": ", key);
    if (text)
        jsonwrite_string(out, slice_from(text));
    else
        jsonwrite_null(out);
    buf_put_text(out, ", ");
}

static void put_flag(struct buf *out, const char *key, bool value, const char *end)
{
    buf_printf(out, "\"%s\": ", key);
    jsonwrite_bool(out, value);
    buf_put_text(out, end);
}

static void put_rules(struct buf *out)
{
    size_t count;
    const struct verdict_rule *rules = verdict_rules(&count);
    for (size_t i = 0; i < count; i++) {
        buf_put_text(out, "{");
        put_text(out, "dialect", rules[i].dialect == DIALECT_POSTGRES ? "postgres" : "sqlite");
        put_text(out, "rule", rules[i].name);
        put_text(out, "level", verdict_level_name(rules[i].level));
        put_text(out, "lock", verdict_lock_name(rules[i].lock));
        put_text(out, "why", rules[i].why);
        put_text(out, "safe_form", rules[i].safe_form);
        put_text(out, "source", rules[i].source);
        put_flag(out, "scans", rules[i].scans, ", ");
        put_flag(out, "rewrites", rules[i].rewrites, "}\n");
    }
}

static void put_verdict(struct buf *out, const struct verdict_statement *statement, const struct verdict *verdict,
                        size_t number)
{
    buf_printf(out, "{\"statement\": %zu, \"line\": %u, \"text\": ", number, statement->line);
    jsonwrite_string(out, statement->text);
    buf_put_text(out, ", \"table\": ");
    jsonwrite_string(out, verdict->table);
    buf_put_text(out, ", ");
    put_text(out, "rule", verdict->rule->name);
    put_text(out, "level", verdict_level_name(verdict->level));
    put_text(out, "lock", verdict_lock_name(verdict->lock));
    put_flag(out, "is_allowed", verdict->is_allowed, ", ");
    put_flag(out, "blocks_reads", verdict->blocks_reads, ", ");
    put_flag(out, "blocks_writes", verdict->blocks_writes, ", ");
    put_flag(out, "scans", verdict->scans, ", ");
    put_flag(out, "rewrites", verdict->rewrites, "}\n");
}

static enum error judge(enum dialect dialect, struct slice text, struct buf *out)
{
    struct arena arena;
    struct diag diag;
    struct verdict_reader *reader = NULL;
    struct verdict_file file;
    struct verdict_options options = {.dialect = dialect, .has_lock_timeout = true};
    arena_init(&arena, MEMORY);
    diag_init(&diag, &arena);
    enum error error = verdict_create(&options, &arena, &reader);
    if (error == OK)
        error = verdict_read(reader, text, "-", &diag, &file);
    for (size_t i = 0; error == OK && !buf_failed(out) && i < file.count; i++)
        for (size_t j = 0; j < file.statements[i].count; j++)
            put_verdict(out, &file.statements[i], &file.statements[i].verdicts[j], i);
    verdict_destroy(reader);
    arena_fini(&arena);
    return error;
}

int main(int argc, char **argv)
{
    struct buf in, out;
    enum error error = OK;
    buf_init(&in, INPUT_MAX);
    buf_init(&out, MEMORY);
    const char *wanted = argc > 1 ? argv[1] : "";
    if (strcmp(wanted, "rules") == 0) {
        put_rules(&out);
    } else {
        char part[1024];
        for (size_t size; (size = fread(part, 1, sizeof part, stdin)) > 0;)
            buf_put(&in, part, size);
        error = judge(strcmp(wanted, "sqlite") == 0 ? DIALECT_SQLITE : DIALECT_POSTGRES, buf_slice(&in), &out);
    }
    if (error == OK)
        error = buf_error(&out);
    if (error == OK && out.len > 0)
        fwrite(out.ptr, 1, out.len, stdout);
    else if (error != OK)
        fprintf(stderr, "%s\n", error_sentence(error));
    buf_fini(&in);
    buf_fini(&out);
    return error != OK;
}
