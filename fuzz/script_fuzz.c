/* SPDX-License-Identifier: Apache-2.0 */
/* Files of SQL: statements come in order without overlap, each by itself is cut the same again, nothing but white
 * space, comments and semicolons lies between them, and each gets a verdict. The first byte says the dialect and
 * whether there is a transaction. */
#include <stdint.h>

#include "base/check.h"
#include "data/script.h"
#include "data/verdict.h"

enum { MEMORY = 256 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_alone(const struct script_statement *statement, enum dialect dialect)
{
    struct script script;
    struct script_statement again, none;
    if (slice_starts(statement->text, SLICE("\xEF\xBB\xBF")))
        return; /* at the begin of a file it is a byte order mark */
    script_init(&script, statement->text, dialect);
    CHECK(script_next(&script, &again), "a statement by itself is a statement");
    CHECK(slice_eq(again.text, statement->text), "a statement by itself is the same");
    CHECK(!script_next(&script, &none), "a statement by itself is one");
    CHECK(script_finish(&script, "", NULL) == OK, "a statement by itself is closed");
}

static void check_between(struct slice text, size_t from, size_t to, enum dialect dialect)
{
    struct script script;
    struct script_statement none;
    if (from == 0)
        return;
    script_init(&script, slice_of(text.ptr + from, to - from), dialect);
    CHECK(!script_next(&script, &none), "between statements there is none");
}

static size_t check_cuts(struct slice text, enum dialect dialect, enum error *error)
{
    struct script script;
    struct script_statement statement;
    size_t count = 0, end = 0;
    unsigned line = 1;
    script_init(&script, text, dialect);
    while (script_next(&script, &statement)) {
        struct slice directive;
        CHECK(statement.offset >= end, "statements do not overlap");
        CHECK(statement.line >= line, "lines only grow");
        CHECK(statement.text.ptr == text.ptr + statement.offset, "a statement is where it says");
        CHECK(statement.text.len > 0, "a statement is not empty");
        check_between(text, end, statement.offset, dialect);
        check_alone(&statement, dialect);
        while (script_directive(&statement.comments, &directive))
            CHECK(directive.ptr + directive.len <= statement.text.ptr, "a directive is above its statement");
        end = statement.offset + statement.text.len;
        line = statement.line;
        count++;
    }
    *error = script_finish(&script, "", NULL);
    return count;
}

static void check_verdicts(struct slice text, const struct verdict_options *options)
{
    struct arena arena;
    struct verdict_reader *reader;
    struct verdict_file file;
    enum error cut;
    size_t count = check_cuts(text, options->dialect, &cut);
    arena_init(&arena, MEMORY);
    CHECK(verdict_create(options, &arena, &reader) == OK, "there is memory for a reader");
    for (int i = 0; i < 2; i++) {
        enum error error = verdict_read(reader, text, "", NULL, &file);
        CHECK(error == cut || error == ERROR_LIMIT, "what can be cut can be judged");
        if (error != OK)
            break;
        CHECK(file.count == count, "each statement is judged");
        for (size_t j = 0; j < file.count; j++)
            CHECK(file.statements[j].count > 0, "each statement has a verdict");
    }
    verdict_destroy(reader);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    struct verdict_options options = {.dialect = bytes[0] & 1 ? DIALECT_POSTGRES : DIALECT_SQLITE,
                                      .in_transaction = bytes[0] & 2};
    check_verdicts(slice_of((const char *)bytes + 1, size - 1), &options);
    return 0;
}
