/* SPDX-License-Identifier: Apache-2.0 */
#include "data/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

enum { P = 1 << DIALECT_POSTGRES, S = 1 << DIALECT_SQLITE, BOTH = P | S };

/* A script, and its statements as `line:text|line:text`. */
static const struct cut {
    const char *name;
    int dialects;
    const char *text, *statements;
} cuts[] = {
    {"nothing", BOTH, "", ""},
    {"white space and comments", BOTH, " \n-- a;\n/* b; */ ;; ;\n", ""},
    {"one without a semicolon", BOTH, "SELECT 1", "1:SELECT 1"},
    {"two, with their lines", BOTH, "SELECT 1;\n\nSELECT\n2 ;", "1:SELECT 1|3:SELECT\n2"},
    {"two on a line", BOTH, "a;b;", "1:a|1:b"},
    {"a byte order mark", BOTH, "\xEF\xBB\xBFSELECT 1;", "1:SELECT 1"},
    {"DOS lines", BOTH, "a\r\n;\r\nb;", "1:a|3:b"},
    {"comments before and behind", BOTH, "-- a\nSELECT 1 -- ;\n/* ; */;", "2:SELECT 1"},
    {"a comment within stays", BOTH, "SELECT /* ; */ 1;", "1:SELECT /* ; */ 1"},
    {"a string", BOTH, "SELECT ';', 'it''s;'; b", "1:SELECT ';', 'it''s;'|1:b"},
    {"a string over lines", BOTH, "a 'x\n;y'; b", "1:a 'x\n;y'|2:b"},
    {"a backslash is no escape", BOTH, "SELECT '\\'; b", "1:SELECT '\\'|1:b"},
    {"a quoted name", BOTH, "SELECT \"a;\"\"b\"; c", "1:SELECT \"a;\"\"b\"|1:c"},
    {"a name in brackets", S, "SELECT [a;'b]; c", "1:SELECT [a;'b]|1:c"},
    {"brackets of an array", P, "SELECT a[1]; SELECT ']'", "1:SELECT a[1]|1:SELECT ']'"},
    {"a name in backticks", S, "SELECT `a;``b`; c", "1:SELECT `a;``b`|1:c"},
    {"an escape string", P, "SELECT E'\\';', e'a\\\\'; b", "1:SELECT E'\\';', e'a\\\\'|1:b"},
    {"an escape string that goes on", P, "SELECT E'a' -- x\n  '\\';'; b", "1:SELECT E'a' -- x\n  '\\';'|2:b"},
    {"an escape string that does not go on", P, "SELECT E'a' '\\';b", "1:SELECT E'a' '\\'|1:b"},
    {"a word that ends in e is no escape", P, "SELECT date'\\'; b", "1:SELECT date'\\'|1:b"},
    {"an escape is PostgreSQL's", S, "SELECT E'\\'; b", "1:SELECT E'\\'|1:b"},
    {"dollar quotes", P, "DO $$ a; $b$ ; $$; SELECT $b$ ;$$; $b$; c", "1:DO $$ a; $b$ ; $$|1:SELECT $b$ ;$$; $b$|1:c"},
    {"a dollar in a word quotes nothing", P, "SELECT a$b$; c$b$", "1:SELECT a$b$|1:c$b$"},
    {"a parameter quotes nothing", P, "SELECT $1; SELECT $1", "1:SELECT $1|1:SELECT $1"},
    {"comments that nest", P, "a /* /* ; */ ; */; b", "1:a|1:b"},
    {"comments that do not nest", S, "a /* /* ; */; b", "1:a|1:b"},
    {"a rule of two commands", P, "CREATE RULE r AS ON INSERT TO t DO (a; b); c",
     "1:CREATE RULE r AS ON INSERT TO t DO (a; b)|1:c"},
    {"a routine's body", P,
     "CREATE OR REPLACE FUNCTION f() RETURNS int\nBEGIN ATOMIC\n SELECT CASE WHEN true THEN 1 END;\nEND; b",
     "1:CREATE OR REPLACE FUNCTION f() RETURNS int\nBEGIN ATOMIC\n SELECT CASE WHEN true THEN 1 END;\nEND|4:b"},
    {"a transaction is no body", P, "BEGIN; a; END; b", "1:BEGIN|1:a|1:END|1:b"},
    {"atomic is a name elsewhere", P, "SELECT begin atomic; b", "1:SELECT begin atomic|1:b"},
    {"a trigger", S, "CREATE TRIGGER a AFTER INSERT ON t BEGIN\n SELECT 1; SELECT CASE 1 WHEN 1 THEN 2 END;\nEND;\nb",
     "1:CREATE TRIGGER a AFTER INSERT ON t BEGIN\n SELECT 1; SELECT CASE 1 WHEN 1 THEN 2 END;\nEND|4:b"},
    {"a temporary trigger, commented", S, "create temp trigger a delete on t begin select 1; /* ; */ end -- ;\n ; b",
     "1:create temp trigger a delete on t begin select 1; /* ; */ end|2:b"},
    {"a trigger at the end of the file", S, "CREATE TRIGGER a INSERT ON t BEGIN SELECT 1; END",
     "1:CREATE TRIGGER a INSERT ON t BEGIN SELECT 1; END"},
    {"a trigger of PostgreSQL", P, "CREATE TRIGGER a BEFORE INSERT ON t EXECUTE FUNCTION f(); b",
     "1:CREATE TRIGGER a BEFORE INSERT ON t EXECUTE FUNCTION f()|1:b"},
    {"a table named trigger", S, "CREATE TABLE trigger(a); b", "1:CREATE TABLE trigger(a)|1:b"},
    {"bytes above ASCII", BOTH, "SELECT \xC3\xA9t\xC3\xA9; b", "1:SELECT \xC3\xA9t\xC3\xA9|1:b"},
};

static void check_cut(const struct cut *cut, enum dialect dialect)
{
    struct script script;
    struct script_statement statement;
    struct buf found;
    buf_init(&found, 1 << 16);
    script_init(&script, slice_from(cut->text), dialect);
    while (script_next(&script, &statement)) {
        buf_printf(&found, "%s%u:", found.len ? "|" : "", statement.line);
        buf_put_slice(&found, statement.text);
        assert_ptr_equal(statement.text.ptr, cut->text + statement.offset);
    }
    if (script_finish(&script, "a", NULL) != OK || !slice_eq_text(buf_slice(&found), cut->statements))
        fail_msg("%s, dialect %d: %.*s (%s)", cut->name, (int)dialect, SLICE_ARG(buf_slice(&found)), script.fault);
    buf_fini(&found);
}

static void script_next_cuts_where_the_server_does(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++)
        for (int dialect = 0; dialect < 2; dialect++)
            if (cuts[i].dialects & 1 << dialect)
                check_cut(&cuts[i], (enum dialect)dialect);
}

/* A script that is not closed, how many statements come before, and what is said of which line. */
static const struct open {
    int dialects;
    const char *text;
    int before;
    unsigned line;
    const char *fault;
} opens[] = {
    {BOTH, "a;\nSELECT 'b;", 1, 2, "a string is not closed"},
    {BOTH, "SELECT \"b;", 0, 1, "a quoted name is not closed"},
    {S, "SELECT [b;", 0, 1, "a quoted name is not closed"},
    {BOTH, "a; b;\n\n/* c;", 2, 3, "a comment is not closed"},
    {P, "/* /* */", 0, 1, "a comment is not closed"},
    {P, "DO $a$ b; $b$;", 0, 1, "a dollar quote is not closed"},
    {P, "SELECT E'\\';", 0, 1, "a string is not closed"},
    {P, "SELECT\n(1;\nb;", 0, 2, "a parenthesis is not closed"},
    {P, "CREATE FUNCTION f()\nBEGIN ATOMIC a; b;", 0, 2, "BEGIN ATOMIC has no END"},
    {S, "a;\nCREATE TRIGGER b INSERT ON t BEGIN c;", 1, 2, "a trigger has no END"},
    {S, "CREATE TRIGGER b INSERT ON t BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; c;", 0, 1, "a trigger has no END"},
};

static void check_open(const struct open *open, enum dialect dialect)
{
    struct script script;
    struct script_statement statement;
    struct arena arena;
    struct diag diag;
    arena_init(&arena, 1 << 16);
    diag_init(&diag, &arena);
    int before = 0;
    script_init(&script, slice_from(open->text), dialect);
    while (script_next(&script, &statement))
        before++;
    assert_false(script_next(&script, &statement));
    assert_int_equal(script_finish(&script, "0001_a.up.sql", &diag), ERROR_PARSE);
    assert_string_equal(diag.first->message, open->fault);
    assert_int_equal(diag.first->place.line, open->line);
    assert_int_equal(before, open->before);
    arena_fini(&arena);
}

static void script_finish_tells_what_is_not_closed(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(opens); i++)
        for (int dialect = 0; dialect < 2; dialect++)
            if (opens[i].dialects & 1 << dialect)
                check_open(&opens[i], (enum dialect)dialect);
}

static void script_refuses_a_nul_byte(void **state)
{
    struct script script;
    struct script_statement statement;
    script_init(&script, SLICE("SELECT 1; DROP\0 TABLE t;"), DIALECT_POSTGRES);
    assert_true(script_next(&script, &statement));
    assert_false(script_next(&script, &statement));
    assert_int_equal(script_finish(&script, "a", NULL), ERROR_PARSE);
}

/* A script whose last statement has these directives, joined by `|`. */
static const struct said {
    const char *text, *directives;
} said[] = {
    {"a", ""},
    {"-- tenon: allow x\na", "allow x"},
    {"\xEF\xBB\xBF-- tenon: allow x\na", "allow x"},
    {"--tenon:allow x, y \r\n\n-- why\n--  tenon: batch\na", "allow x, y|batch"},
    {"-- tenon: allow x\na;\nb", ""},
    {"a; -- tenon: allow x\nb", ""},
    {"a;\n-- tenon: allow x\nb", "allow x"},
    {"-- tenon: allow x\n;b", ""},
    {"/*\n-- tenon: allow x\n*/ a", ""},
    {"/* y */ -- tenon: allow x\na", "allow x"},
    {"a -- tenon: allow x\n", ""},
    {"-- the tenon: allow x\na", ""},
};

static void script_directive_gives_what_is_said_above_a_statement(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct script script;
        struct script_statement statement = {.line = 0}, next;
        struct slice directive;
        struct buf found;
        buf_init(&found, 1 << 16);
        script_init(&script, slice_from(said[i].text), DIALECT_SQLITE);
        while (script_next(&script, &next))
            statement = next;
        while (script_directive(&statement.comments, &directive)) {
            buf_put_text(&found, found.len ? "|" : "");
            buf_put_slice(&found, directive);
        }
        if (!slice_eq_text(buf_slice(&found), said[i].directives))
            fail_msg("%s: %.*s", said[i].text, SLICE_ARG(buf_slice(&found)));
        buf_fini(&found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(script_next_cuts_where_the_server_does),
        cmocka_unit_test(script_finish_tells_what_is_not_closed),
        cmocka_unit_test(script_refuses_a_nul_byte),
        cmocka_unit_test(script_directive_gives_what_is_said_above_a_statement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
