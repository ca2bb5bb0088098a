/* SPDX-License-Identifier: Apache-2.0 */
#include "data/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

enum { MEMORY = 8 << 20 };

/* What the last statement of a script is found to be: `rule level LOCK flags`, joined by ` | `. Flags: r and w for
 * readers and writers who are blocked, s scans, x rewrites, a allowed; `-` is none of a kind. */
struct row {
    const char *sql, *verdicts;
};

static void put_verdict(struct buf *out, const struct verdict *verdict)
{
    const char *lock = verdict_lock_name(verdict->lock);
    buf_printf(out, "%s%s %s %s ", out->len ? " | " : "", verdict->rule->name, verdict_level_name(verdict->level),
               lock[0] ? lock : "-");
    size_t before = out->len;
    buf_put_text(out, verdict->blocks_reads ? "r" : "");
    buf_put_text(out, verdict->blocks_writes ? "w" : "");
    buf_put_text(out, verdict->scans ? "s" : "");
    buf_put_text(out, verdict->rewrites ? "x" : "");
    buf_put_text(out, verdict->is_allowed ? "a" : "");
    buf_put_text(out, out->len == before ? "-" : "");
}

struct judged {
    struct arena arena;
    struct verdict_reader *reader;
    struct verdict_file file;
};

static void judge(struct judged *judged, struct verdict_options options, const char *sql)
{
    arena_init(&judged->arena, MEMORY);
    assert_int_equal(verdict_create(&options, &judged->arena, &judged->reader), OK);
    if (verdict_read(judged->reader, slice_from(sql), "a.sql", NULL, &judged->file) != OK)
        fail_msg("cannot be read: %s", sql);
}

static void forget(struct judged *judged)
{
    verdict_destroy(judged->reader);
    arena_fini(&judged->arena);
}

static bool check_row(const struct row *row, struct verdict_options options)
{
    struct judged judged;
    struct buf found;
    buf_init(&found, 1 << 16);
    judge(&judged, options, row->sql);
    assert_true(judged.file.count > 0);
    const struct verdict_statement *last = &judged.file.statements[judged.file.count - 1];
    for (size_t i = 0; i < last->count; i++)
        put_verdict(&found, &last->verdicts[i]);
    bool is_right = slice_eq_text(buf_slice(&found), row->verdicts);
    if (!is_right)
        print_error("%s\n  is      %.*s\n  must be %s\n", row->sql, SLICE_ARG(buf_slice(&found)), row->verdicts);
    buf_fini(&found);
    forget(&judged);
    return is_right;
}

static void check_rows(const struct row *rows, size_t count, struct verdict_options options)
{
    bool are_right = true;
    for (size_t i = 0; i < count; i++)
        are_right &= check_row(&rows[i], options);
    assert_true(are_right);
}

static const struct verdict_options postgres = {DIALECT_POSTGRES, false, true};
static const struct verdict_options wrapped = {DIALECT_POSTGRES, true, true};
static const struct verdict_options sqlite = {DIALECT_SQLITE, true, true};

#define AX     "ACCESS EXCLUSIVE "
#define SRX    "SHARE ROW EXCLUSIVE "
#define SUX    "SHARE UPDATE EXCLUSIVE "
#define TABLE  "ALTER TABLE t "
#define COLUMN "adding-column safe " AX "rw"

/* In the order of squawk's rules, those of strong_migrations among them. */
static const struct row postgres_rows[] = {
    /* adding-field-with-default */
    {TABLE "ADD COLUMN a uuid DEFAULT gen_random_uuid()", "adding-field-with-default rewrites " AX "rwsx"},
    {TABLE "ADD a timestamptz DEFAULT clock_timestamp()", "adding-field-with-default rewrites " AX "rwsx"},
    {TABLE "ADD COLUMN IF NOT EXISTS a int8 NOT NULL DEFAULT (random() * 10)::int8",
     "adding-field-with-default rewrites " AX "rwsx"},
    {TABLE "ADD COLUMN a text DEFAULT my.now()", "adding-field-with-default rewrites " AX "rwsx"},
    {TABLE "ADD COLUMN a text DEFAULT my.own('x')", "adding-field-with-default rewrites " AX "rwsx"},
    {TABLE "ADD COLUMN a bigint GENERATED ALWAYS AS (b + 1) STORED", "adding-generated-column rewrites " AX "rwsx"},
    {TABLE "ADD COLUMN a bigint GENERATED ALWAYS AS (b + 1) VIRTUAL", COLUMN},
    {"CREATE DOMAIN d AS bigint CHECK (value > 0); " TABLE "ADD COLUMN a d",
     "adding-column-of-domain rewrites " AX "rwsx"},
    {"CREATE DOMAIN d AS bigint; " TABLE "ADD COLUMN a d", COLUMN},
    /* adding-foreign-key-constraint */
    {TABLE "ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id)", "adding-foreign-key-constraint locks " SRX "ws"},
    {TABLE "ADD FOREIGN KEY (a, b) REFERENCES u ON DELETE SET NULL", "adding-foreign-key-constraint locks " SRX "ws"},
    {TABLE "ADD COLUMN a bigint REFERENCES u (id) ON DELETE SET NULL", "adding-reference-column locks " AX "rw"},
    {TABLE "ADD COLUMN a bigint DEFAULT 1 REFERENCES u",
     "adding-reference-column locks " AX "rw | adding-foreign-key-constraint locks " SRX "ws"},
    /* adding-not-nullable-field */
    {TABLE "ALTER COLUMN a SET NOT NULL", "adding-not-nullable-field locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "ALTER a SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "VALIDATE CONSTRAINT c; " TABLE
           "ALTER b SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL OR b) NOT VALID; " TABLE "VALIDATE CONSTRAINT c; " TABLE
           "ALTER a SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "VALIDATE CONSTRAINT c; " TABLE
           "DROP CONSTRAINT c; " TABLE "ALTER a SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    {"ALTER TABLE u ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; ALTER TABLE u VALIDATE CONSTRAINT c; " TABLE
     "ALTER a SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "VALIDATE CONSTRAINT c; " TABLE "DROP a; " TABLE
           "ADD a text; " TABLE "ALTER a SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "VALIDATE CONSTRAINT c; " TABLE
           "RENAME a TO b; " TABLE "RENAME c TO a; " TABLE "ALTER a SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "VALIDATE CONSTRAINT c; " TABLE
           "RENAME CONSTRAINT c TO d; " TABLE "ALTER a SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "VALIDATE CONSTRAINT c; "
           "DROP TABLE t; CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS a; " TABLE "ALTER a SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "VALIDATE CONSTRAINT c; " TABLE
           "RENAME TO u; ALTER TABLE w RENAME TO t; " TABLE "ALTER a SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "VALIDATE CONSTRAINT c; " TABLE
           "SET SCHEMA s; " TABLE "ALTER a SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "VALIDATE CONSTRAINT c; "
           "DO ''; " TABLE "ALTER a SET NOT NULL",
     "adding-not-nullable-field locks " AX "rws"},
    /* adding-required-field */
    {TABLE "ADD COLUMN a text NOT NULL", "adding-required-field breaks " AX "rws"},
    {TABLE "ADD COLUMN a text NOT NULL DEFAULT NULL", "adding-required-field breaks " AX "rws"},
    /* adding-serial-primary-key-field, and strong_migrations' auto-incrementing column */
    {TABLE "ADD COLUMN id serial PRIMARY KEY",
     "adding-auto-incrementing-column rewrites " AX "rwsx | adding-serial-primary-key-field locks " AX "rws"
     " | prefer-big-int safe - - | prefer-identity safe - -"},
    {TABLE "ADD COLUMN id bigserial", "adding-auto-incrementing-column rewrites " AX "rwsx | prefer-identity safe - -"},
    {TABLE "ADD COLUMN id bigint GENERATED BY DEFAULT AS IDENTITY (START 5)",
     "adding-auto-incrementing-column rewrites " AX "rwsx"},
    {TABLE "ADD PRIMARY KEY (id)", "adding-serial-primary-key-field locks " AX "rws"},
    /* domains */
    {"ALTER DOMAIN d ADD CONSTRAINT c CHECK (value > 0)", "ban-alter-domain-with-add-constraint locks SHARE ws"},
    {"ALTER DOMAIN d ADD CONSTRAINT c CHECK (value > 0) NOT VALID", "replacing-object safe - -"},
    {"CREATE DOMAIN d AS int CHECK (value > 0)", "ban-create-domain-with-constraint safe - -"},
    {"CREATE DOMAIN d AS int", "creating-object safe - -"},
    /* drops */
    {TABLE "DROP COLUMN a", "ban-drop-column destructive " AX "rw"},
    {TABLE "DROP IF EXISTS a CASCADE", "ban-drop-column destructive " AX "rw | drop-cascade destructive - -"},
    {"DROP DATABASE d", "ban-drop-database destructive - -"},
    {"DROP SCHEMA s CASCADE", "ban-drop-schema destructive " AX "rw | drop-cascade destructive - -"},
    {TABLE "ALTER COLUMN a DROP NOT NULL", "ban-drop-not-null safe " AX "rw"},
    {"DROP TABLE t", "ban-drop-table destructive " AX "rw"},
    {"DROP TABLE IF EXISTS t, u", "ban-drop-table destructive " AX "rw | ban-drop-table destructive " AX "rw"},
    {"DROP TABLE t CASCADE", "ban-drop-table destructive " AX "rw | drop-cascade destructive - -"},
    {"DROP TABLE IF EXISTS t; CREATE TABLE t (a bigint)", "recreating-table destructive - -"},
    {"TRUNCATE t", "ban-truncate destructive " AX "rw"},
    {"TRUNCATE TABLE t CASCADE", "ban-truncate destructive " AX "rw | ban-truncate-cascade destructive " AX "rw"},
    {"DROP VIEW v", "dropping-object breaks - -"},
    {"DROP FUNCTION f(int, text)", "dropping-object breaks - -"},
    {"DROP SEQUENCE s", "dropping-object breaks - -"},
    {"DROP TYPE e", "dropping-object breaks - -"},
    {"DROP EXTENSION e", "dropping-object breaks - -"},
    {"DROP TRIGGER g ON t", "dropping-trigger safe " AX "rw"},
    {"DROP POLICY p ON t", "changing-policy breaks " AX "rw"},
    {TABLE "DROP CONSTRAINT c", "dropping-constraint safe " AX "rw"},
    /* changing-column-type */
    {TABLE "ALTER COLUMN a TYPE bigint", "changing-column-type rewrites " AX "rwsx"},
    {TABLE "ALTER a SET DATA TYPE text USING a::text", "changing-column-type rewrites " AX "rwsx"},
    {TABLE "ADD COLUMN a int; " TABLE "ALTER a TYPE bigint", "changing-column-type rewrites " AX "rwsx"},
    {TABLE "ADD COLUMN a varchar(9); " TABLE "ALTER a TYPE varchar(8)",
     "changing-column-type rewrites " AX "rwsx | prefer-text-field safe - -"},
    {TABLE "ADD COLUMN a numeric(9,2); " TABLE "ALTER a TYPE numeric(10,3)",
     "changing-column-type rewrites " AX "rwsx"},
    {TABLE "ADD COLUMN a varchar(9); " TABLE "ALTER a TYPE text COLLATE \"C\"",
     "changing-column-type rewrites " AX "rwsx"},
    {TABLE "ADD COLUMN a varchar(9); " TABLE "RENAME a TO b; " TABLE "ALTER a TYPE text",
     "changing-column-type rewrites " AX "rwsx"},
    {TABLE "ADD a varchar(9); " TABLE "DROP a; " TABLE "ALTER a TYPE text", "changing-column-type rewrites " AX "rwsx"},
    {TABLE "ADD a varchar(9); DROP TABLE t; CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS a; " TABLE "ALTER a TYPE text",
     "changing-column-type rewrites " AX "rwsx"},
    {TABLE "ADD a varchar(9); CALL p(); " TABLE "ALTER a TYPE text", "changing-column-type rewrites " AX "rwsx"},
    /* constraint-missing-not-valid, exclusion, unique */
    {TABLE "ADD CONSTRAINT c CHECK (a > 0)", "constraint-missing-not-valid locks " AX "rws"},
    {TABLE "ADD CHECK (a > 0)", "constraint-missing-not-valid locks " AX "rws"},
    {TABLE "ADD COLUMN a bigint CHECK (a > 0)", "constraint-missing-not-valid locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c EXCLUDE USING gist (a WITH &&)", "adding-exclusion-constraint locks " AX "rws"},
    {TABLE "ADD CONSTRAINT c UNIQUE (a)", "disallowed-unique-constraint locks " AX "rws"},
    {TABLE "ADD UNIQUE (a) USING INDEX TABLESPACE s", "disallowed-unique-constraint locks " AX "rws"},
    {TABLE "ADD COLUMN a bigint UNIQUE", "disallowed-unique-constraint locks " AX "rws"},
    /* types */
    {"CREATE TABLE t (a int)", "creating-table safe - - | prefer-bigint-over-int safe - -"},
    {"CREATE TABLE t (a int2)", "creating-table safe - - | prefer-bigint-over-smallint safe - -"},
    {"CREATE TABLE t (id serial PRIMARY KEY)",
     "creating-table safe - - | prefer-big-int safe - - | prefer-identity safe - -"},
    {"CREATE TABLE t (id pg_catalog.bigserial)", "creating-table safe - - | prefer-identity safe - -"},
    {"CREATE TABLE t (a varchar(9))", "creating-table safe - - | prefer-text-field safe - -"},
    {"CREATE TABLE t (a char(9))", "creating-table safe - - | ban-char-field safe - -"},
    {"CREATE TABLE t (a timestamp)", "creating-table safe - - | prefer-timestamptz safe - -"},
    {"CREATE TABLE t (a timestamp(3) without time zone)", "creating-table safe - - | prefer-timestamptz safe - -"},
    {TABLE "ADD COLUMN a json", COLUMN " | prefer-jsonb safe - -"},
    {TABLE "ADD COLUMN a111111111111111111111111111111111111111111111111111111111111111 text",
     "identifier-too-long safe - - | " COLUMN},
    {TABLE "ADD COLUMN a11111111111111111111111111111111111111111111111111111111111111 text", COLUMN},
    /* names */
    {TABLE "RENAME COLUMN a TO b", "renaming-column breaks " AX "rw"},
    {TABLE "RENAME a TO b", "renaming-column breaks " AX "rw"},
    {TABLE "RENAME TO u", "renaming-table breaks " AX "rw"},
    {"ALTER SCHEMA s RENAME TO r", "renaming-schema breaks - -"},
    {TABLE "SET SCHEMA s", "moving-table breaks " AX "rw"},
    {"ALTER VIEW v RENAME TO w", "renaming-table breaks " AX "rw"},
    /* indexes */
    {"CREATE INDEX i ON t (a)", "require-concurrent-index-creation locks SHARE ws"},
    {"CREATE UNIQUE INDEX ON ONLY t USING btree (lower(a), b DESC)",
     "require-concurrent-index-creation locks SHARE ws"},
    {"CREATE INDEX i ON t (a, b, c, d)", "require-concurrent-index-creation locks SHARE ws | wide-index safe - -"},
    {"CREATE UNIQUE INDEX i ON t (a, b, c, d)", "require-concurrent-index-creation locks SHARE ws"},
    {"CREATE INDEX i ON t (a, b, c) INCLUDE (d, e)", "require-concurrent-index-creation locks SHARE ws"},
    {"DROP INDEX i", "require-concurrent-index-deletion locks " AX "rw"},
    {"CREATE INDEX CONCURRENTLY i ON t (a)",
     "creating-index-concurrently safe " SUX "s | prefer-robust-stmts safe - -"},
    {"DROP INDEX CONCURRENTLY i", "dropping-index-concurrently safe " SUX "- | prefer-robust-stmts safe - -"},
    {"REINDEX TABLE t", "require-concurrent-reindex locks SHARE ws"},
    /* partitions */
    {"CREATE TABLE p PARTITION OF t FOR VALUES IN (1)", "creating-table safe - - | creating-partition locks " AX "rw"},
    {TABLE "ATTACH PARTITION p FOR VALUES IN (1)",
     "changing-storage-parameters safe " SUX "- | attaching-partition locks " AX "rws"},
    {TABLE "DETACH PARTITION p", "require-concurrent-partition-detach locks " AX "rw"},
    /* whole tables */
    {"VACUUM FULL t", "rewriting-table rewrites " AX "rwsx"},
    {"VACUUM (ANALYZE, FULL) t", "rewriting-table rewrites " AX "rwsx"},
    {"CLUSTER t USING i", "rewriting-table rewrites " AX "rwsx"},
    {TABLE "SET UNLOGGED", "rewriting-table rewrites " AX "rwsx"},
    {TABLE "SET TABLESPACE s", "rewriting-table rewrites " AX "rwsx"},
    {"REFRESH MATERIALIZED VIEW v", "require-concurrent-refresh locks " AX "rwsx"},
    {"LOCK TABLE t", "locking-table locks " AX "rw"},
    {"LOCK t IN SHARE ROW EXCLUSIVE MODE", "locking-table locks " SRX "w"},
    {"LOCK t, u IN ROW EXCLUSIVE MODE NOWAIT",
     "locking-table locks ROW EXCLUSIVE - | locking-table locks ROW EXCLUSIVE -"},
    /* other objects */
    {"ALTER TYPE e ADD VALUE 'x'", "ban-add-enum-value irreversible - - | require-enum-value-ordering safe - -"},
    {"ALTER TYPE e ADD VALUE IF NOT EXISTS 'x' AFTER 'y'", "ban-add-enum-value irreversible - -"},
    {"ALTER TYPE e RENAME VALUE 'x' TO 'y'", "changing-type-object breaks - -"},
    {"ALTER TYPE c ADD ATTRIBUTE a int", "changing-type-object breaks - -"},
    {TABLE "DISABLE TRIGGER ALL", "ban-disable-trigger breaks " SRX "w"},
    {TABLE "ENABLE ROW LEVEL SECURITY", "ban-alter-row-level-security breaks " AX "rw"},
    {"CREATE POLICY p ON t USING (true)", "changing-policy breaks " AX "rw"},
    {TABLE "NO INHERIT u", "changing-inheritance breaks " AX "rw"},
    {"CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING", "creating-rule breaks " AX "rw"},
    {"REVOKE SELECT ON t FROM r", "ban-revoke breaks - -"},
    {"CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "replacing-object safe - -"},
    /* rows */
    {"UPDATE t SET a = 1", "backfilling-all-rows locks ROW EXCLUSIVE ws"},
    {"UPDATE t SET a = (SELECT 1 WHERE true)", "backfilling-all-rows locks ROW EXCLUSIVE ws"},
    {"DELETE FROM t", "deleting-all-rows destructive ROW EXCLUSIVE ws"},
    {"DELETE FROM ONLY t WHERE a = 1", "deleting-rows destructive ROW EXCLUSIVE s"},
    /* what cannot be told */
    {"DO $$ BEGIN EXECUTE 'DROP TABLE t'; END $$", "unknown-statement unknown - -"},
    {"CALL p()", "unknown-statement unknown - -"},
    {"SELECT my_function()", "unknown-statement unknown - -"},
    {"SELECT * INTO u FROM t", "unknown-statement unknown - -"},
    {"WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", "unknown-statement unknown - -"},
    {"ALTER SYSTEM SET work_mem = '1GB'", "unknown-statement unknown - -"},
    {TABLE "FROBNICATE a", "unknown-statement unknown - -"},
    {TABLE "SET FROBNICATE", "unknown-statement unknown - -"},
    {"FROBNICATE t", "unknown-statement unknown - -"},
    {"42", "unknown-statement unknown - -"},
    /* many actions, odd names */
    {TABLE "ADD COLUMN a text DEFAULT 'x, y', DROP COLUMN b, ALTER c SET DEFAULT f(1, 2)",
     COLUMN " | ban-drop-column destructive " AX "rw | changing-default safe " AX "rw"},
    {"alter /* ; */ table if exists only \"A b\".\"c\"\"d\" * drop column \"drop\" -- x\n restrict",
     "ban-drop-column destructive " AX "rw"},
};

static const struct row safe_rows[] = {
    {TABLE "ADD COLUMN a text", COLUMN},
    {TABLE "ADD COLUMN a text NULL DEFAULT 'x'", COLUMN},
    {TABLE "ADD COLUMN a bigint NOT NULL DEFAULT 0", COLUMN},
    {TABLE "ADD COLUMN a timestamptz NOT NULL DEFAULT now()", COLUMN},
    {TABLE "ADD COLUMN a date DEFAULT CURRENT_DATE", COLUMN},
    {TABLE "ADD COLUMN a numeric DEFAULT 1.5::numeric(10,2)", COLUMN},
    {TABLE "ADD COLUMN a text[] NOT NULL DEFAULT '{}'::text[]", COLUMN},
    {TABLE "ADD COLUMN a jsonb DEFAULT jsonb_build_object('a', 1)", COLUMN},
    {TABLE "ALTER COLUMN a SET DEFAULT gen_random_uuid()", "changing-default safe " AX "rw"},
    {TABLE "ALTER COLUMN a DROP DEFAULT", "changing-default safe " AX "rw"},
    {TABLE "ALTER a ADD GENERATED BY DEFAULT AS IDENTITY", "changing-identity safe " AX "rw"},
    {TABLE "ALTER a SET STATISTICS 100", "changing-storage-parameters safe " SUX "-"},
    {TABLE "SET (fillfactor = 70)", "changing-storage-parameters safe " SUX "-"},
    {TABLE "OWNER TO r", "changing-catalog safe " AX "rw"},
    {TABLE "ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u (id) NOT VALID",
     "adding-foreign-key-not-valid safe " SRX "w"},
    {TABLE "ADD CONSTRAINT c CHECK (a > 0) NOT VALID", "adding-check-not-valid safe " AX "rw"},
    {TABLE "VALIDATE CONSTRAINT c", "validating-constraint safe " SUX "s"},
    {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "VALIDATE CONSTRAINT c; " TABLE
           "ALTER a SET NOT NULL",
     "set-not-null-after-check safe " AX "rw"},
    {TABLE "ADD CONSTRAINT C CHECK ((\"a\" is not null)) not valid; ALTER TABLE public.T VALIDATE CONSTRAINT c; " TABLE
           "ALTER A SET NOT NULL",
     "set-not-null-after-check safe " AX "rw"},
    {TABLE "ADD CONSTRAINT c UNIQUE USING INDEX i", "adding-constraint-using-index safe " AX "rw"},
    {TABLE "ADD CONSTRAINT c PRIMARY KEY USING INDEX i", "adding-constraint-using-index safe " AX "rw"},
    {TABLE "ADD COLUMN a varchar(9); " TABLE "ALTER a TYPE varchar(10)",
     "widening-column-type safe " AX "rw | prefer-text-field safe - -"},
    {TABLE "ADD COLUMN a varchar(9); " TABLE "ALTER a TYPE text", "widening-column-type safe " AX "rw"},
    {TABLE "ADD COLUMN a varchar(9); " TABLE "ALTER a TYPE varchar", "widening-column-type safe " AX "rw"},
    {"CREATE TABLE IF NOT EXISTS t (a numeric(9,2) NOT NULL, b text); " TABLE "ALTER a TYPE decimal(12, 2)",
     "widening-column-type safe " AX "rw"},
    {TABLE "ADD COLUMN a numeric(9,2); " TABLE "ALTER a TYPE numeric", "widening-column-type safe " AX "rw"},
    {TABLE "ADD COLUMN a cidr; " TABLE "ALTER a TYPE inet", "widening-column-type safe " AX "rw"},
    {TABLE "ADD COLUMN a varchar(9); " TABLE "RENAME a TO b; " TABLE "ALTER b TYPE text",
     "widening-column-type safe " AX "rw"},
    {"CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", "creating-index-concurrently safe " SUX "s"},
    {"DROP INDEX CONCURRENTLY IF EXISTS i", "dropping-index-concurrently safe " SUX "-"},
    {"REINDEX INDEX CONCURRENTLY i", "reindexing-concurrently safe " SUX "s"},
    {"REINDEX (CONCURRENTLY) TABLE t", "reindexing-concurrently safe " SUX "s"},
    {"ALTER INDEX i RENAME TO j", "renaming-object safe - -"},
    {TABLE "RENAME CONSTRAINT c TO d", "changing-constraint safe " AX "rw"},
    {TABLE "DETACH PARTITION p CONCURRENTLY", "detaching-partition-concurrently safe " SUX "-"},
    {"CREATE TABLE p (a bigint); " TABLE "ATTACH PARTITION p FOR VALUES IN (1)",
     "changing-storage-parameters safe " SUX "- | new-table safe - -"},
    {"VACUUM ANALYZE t", "maintaining-table safe " SUX "s"},
    {"ANALYZE t", "maintaining-table safe " SUX "s"},
    {"REFRESH MATERIALIZED VIEW CONCURRENTLY v", "refreshing-concurrently safe EXCLUSIVE ws"},
    {"CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()", "creating-trigger safe " SRX "w"},
    {TABLE "ENABLE TRIGGER g", "enabling-trigger safe " SRX "w"},
    {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$", "creating-object safe - -"},
    {"CREATE VIEW v AS SELECT 1", "creating-object safe - -"},
    {"CREATE TYPE e AS ENUM ('a')", "creating-object safe - -"},
    {"CREATE EXTENSION IF NOT EXISTS pg_trgm", "creating-object safe - -"},
    {"CREATE STATISTICS s ON a, b FROM t", "creating-statistics safe " SUX "-"},
    {"COMMENT ON TABLE t IS 'x'", "commenting safe " SUX "-"},
    {"COMMENT ON COLUMN t.a IS 'x'", "commenting safe " SUX "-"},
    {"GRANT SELECT ON t TO r", "granting safe - -"},
    {"ALTER SEQUENCE s RESTART", "changing-sequence safe - -"},
    {"INSERT INTO t VALUES (1)", "inserting-rows safe ROW EXCLUSIVE -"},
    {"INSERT INTO t SELECT * FROM u", "copying-rows safe ROW EXCLUSIVE s"},
    {"UPDATE t SET a = 1 WHERE id BETWEEN 1 AND 1000", "changing-rows safe ROW EXCLUSIVE s"},
    {"SELECT setval('s', 1)", "reading-rows safe ACCESS SHARE -"},
    {"SELECT count(*) FROM t WHERE a IN (1)", "reading-rows safe ACCESS SHARE -"},
    {"SET lock_timeout = '1s'", "setting safe - -"},
    {"BEGIN; COMMIT", "transaction-control safe - -"},
    /* a table of this very file */
    {"SET search_path = s; CREATE TABLE t (a bigint); CREATE INDEX i ON t (a)", "new-table safe - -"},
    {"CREATE TABLE t (a bigint); CREATE INDEX i ON t (a)", "new-table safe - -"},
    {"CREATE TABLE t (a bigint); " TABLE "ALTER a SET NOT NULL, ADD CHECK (a > 0), DROP a", "new-table safe - -"},
    {"CREATE TABLE T (a bigint); CREATE INDEX i ON public.\"t\" (a)", "new-table safe - -"},
    {"CREATE TABLE t (a bigint); UPDATE t SET a = 1", "new-table safe - -"},
    {"CREATE TABLE t (a bigint); DROP TABLE t", "new-table safe - -"},
    {"CREATE TABLE t (a bigint REFERENCES t, b bigint, FOREIGN KEY (b) REFERENCES u)",
     "creating-table safe - - | referencing-existing-table safe " SRX "w"},
    {"CREATE TABLE t (a bigint); " TABLE "ADD FOREIGN KEY (a) REFERENCES u",
     "new-table safe - - | referencing-existing-table safe " SRX "w"},
    {"CREATE TABLE t (a bigint); CREATE TABLE u (a bigint); " TABLE "ADD FOREIGN KEY (a) REFERENCES u",
     "new-table safe - -"},
};

/* What is not that table. */
static const struct row old_table_rows[] = {
    {"CREATE TABLE IF NOT EXISTS t (a bigint); CREATE INDEX i ON t (a)",
     "require-concurrent-index-creation locks SHARE ws"},
    {"CREATE TABLE \"T\" (a bigint); CREATE INDEX i ON t (a)", "require-concurrent-index-creation locks SHARE ws"},
    {"CREATE TABLE s.t (a bigint); CREATE INDEX i ON t (a)", "require-concurrent-index-creation locks SHARE ws"},
    {"CREATE TABLE t (a bigint); DROP TABLE t; CREATE INDEX i ON t (a)",
     "require-concurrent-index-creation locks SHARE ws"},
    {"CREATE TABLE t (a bigint); SET search_path = s; CREATE INDEX i ON t (a)",
     "require-concurrent-index-creation locks SHARE ws"},
    {"CREATE TABLE u (a bigint); ALTER TABLE u RENAME TO t; CREATE INDEX i ON t (a)",
     "require-concurrent-index-creation locks SHARE ws"},
};

/* In a transaction that whoever runs the file has begun. */
static const struct row wrapped_rows[] = {
    {"CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
     "creating-index-concurrently safe " SUX "s | ban-concurrent-index-creation-in-transaction breaks - -"},
    {"CREATE TABLE t (a bigint); CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
     "new-table safe - - | ban-concurrent-index-creation-in-transaction breaks - -"},
    {"DROP INDEX CONCURRENTLY IF EXISTS i",
     "dropping-index-concurrently safe " SUX "- | ban-concurrent-index-creation-in-transaction breaks - -"},
    {"REINDEX TABLE CONCURRENTLY t",
     "reindexing-concurrently safe " SUX "s | ban-concurrent-index-creation-in-transaction breaks - -"},
    {"VACUUM t", "maintaining-table safe " SUX "s | ban-in-transaction breaks - -"},
    {"CREATE DATABASE d", "creating-object safe - - | ban-in-transaction breaks - -"},
    {TABLE "DETACH PARTITION p CONCURRENTLY",
     "detaching-partition-concurrently safe " SUX "- | ban-in-transaction breaks - -"},
    {"BEGIN", "transaction-nesting breaks - -"},
    {"COMMIT", "transaction-nesting breaks - -"},
    {"SAVEPOINT a; ROLLBACK TO a", "transaction-control safe - -"},
    {"COMMIT PREPARED 'a'", "unknown-statement unknown - -"},
    {TABLE "ADD CONSTRAINT c CHECK (a > 0) NOT VALID; " TABLE "VALIDATE CONSTRAINT c",
     "validating-constraint safe " SUX "s | scan-while-locked locks - -"},
    {TABLE "ADD COLUMN a bigint; UPDATE t SET a = 1 WHERE id < 1000",
     "changing-rows safe ROW EXCLUSIVE s | scan-while-locked locks - -"},
    {"INSERT INTO t VALUES (1); UPDATE t SET a = 1 WHERE id < 1000", "changing-rows safe ROW EXCLUSIVE s"},
    {"CREATE TABLE u (a bigint); ALTER TABLE u ADD b text; INSERT INTO u SELECT * FROM t", "new-table safe - -"},
};

static const struct row transaction_rows[] = {
    {"BEGIN; " TABLE "ADD COLUMN a text; COMMIT; UPDATE t SET a = 'x' WHERE id < 9",
     "changing-rows safe ROW EXCLUSIVE s"},
    {"BEGIN; " TABLE "ADD COLUMN a text; UPDATE t SET a = 'x' WHERE id < 9",
     "changing-rows safe ROW EXCLUSIVE s | scan-while-locked locks - -"},
    {"BEGIN; VACUUM t", "maintaining-table safe " SUX "s | ban-in-transaction breaks - -"},
    {"COMMIT; BEGIN", "transaction-control safe - - | ban-uncommitted-transaction breaks - -"},
    {"BEGIN; BEGIN", "transaction-nesting breaks - -"},
};

static const struct row sqlite_rows[] = {
    {TABLE "ADD COLUMN a TEXT", "adding-column safe WRITE w"},
    {TABLE "ADD a TEXT NOT NULL DEFAULT 'x'", "adding-column safe WRITE w"},
    {TABLE "ADD COLUMN a INTEGER REFERENCES u ON DELETE SET NULL", "adding-column safe WRITE w"},
    {TABLE "ADD COLUMN a AS (b + 1)", "adding-column safe WRITE w"},
    {TABLE "ADD COLUMN a TEXT NOT NULL", "adding-required-field breaks WRITE w"},
    {TABLE "ADD COLUMN a TEXT DEFAULT CURRENT_TIMESTAMP", "adding-field-with-default breaks WRITE w"},
    {TABLE "ADD COLUMN a TEXT DEFAULT (lower('A'))", "adding-field-with-default breaks WRITE w"},
    {TABLE "ADD COLUMN a TEXT UNIQUE", "refused-column breaks WRITE w"},
    {TABLE "ADD COLUMN a INTEGER AS (b + 1) STORED", "refused-column breaks WRITE w"},
    {TABLE "ADD COLUMN a INTEGER CHECK (a > 0)", "adding-checked-column locks WRITE ws"},
    {TABLE "DROP COLUMN a", "ban-drop-column destructive WRITE wsx"},
    {TABLE "RENAME COLUMN a TO b", "renaming-column breaks WRITE w"},
    {TABLE "RENAME TO u", "renaming-table breaks WRITE w"},
    {"DROP TABLE [t]", "ban-drop-table destructive WRITE ws"},
    {"DROP TABLE t; CREATE TABLE t (a)", "recreating-table destructive WRITE w"},
    {"CREATE TABLE t (a)", "creating-table safe WRITE w"},
    {"CREATE VIRTUAL TABLE t USING fts5 (a)", "creating-table safe WRITE w"},
    {"CREATE UNIQUE INDEX i ON t (a)", "creating-index locks WRITE ws"},
    {"CREATE TABLE T (a); CREATE INDEX i ON \"t\" (a)", "new-table safe WRITE w"},
    {"DROP INDEX i", "dropping-index safe WRITE w"},
    {"REINDEX t", "reindexing locks WRITE ws"},
    {"ANALYZE", "analyzing safe WRITE ws"},
    {"CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END", "creating-object safe WRITE w"},
    {"DROP TRIGGER g", "dropping-trigger safe WRITE w"},
    {"CREATE VIEW v AS SELECT 1", "creating-object safe WRITE w"},
    {"DROP VIEW v", "dropping-object breaks WRITE w"},
    {"INSERT INTO t VALUES (1)", "inserting-rows safe WRITE w"},
    {"INSERT INTO t SELECT * FROM u", "copying-rows safe WRITE ws"},
    {"REPLACE INTO t VALUES (1)", "changing-rows safe WRITE ws"},
    {"UPDATE t SET a = 1", "backfilling-all-rows locks WRITE ws"},
    {"UPDATE OR IGNORE t SET a = 1 WHERE b", "changing-rows safe WRITE ws"},
    {"DELETE FROM t", "deleting-all-rows destructive WRITE ws"},
    {"DELETE FROM t WHERE a", "deleting-rows destructive WRITE ws"},
    {"SELECT 1", "reading-rows safe - -"},
    {"WITH a AS (SELECT 1) SELECT * FROM a", "reading-rows safe - -"},
    {"WITH a AS (SELECT 1) DELETE FROM t", "unknown-statement unknown WRITE w"},
    {"PRAGMA foreign_keys = OFF", "pragma-in-transaction breaks - -"},
    {"PRAGMA foreign_keys", "pragma safe - -"},
    {"PRAGMA foreign_key_check(t)", "pragma safe - -"},
    {"PRAGMA writable_schema = 1", "unknown-statement unknown WRITE w"},
    {"VACUUM", "vacuum rewrites WRITE wsx | ban-in-transaction breaks - -"},
    {"ATTACH 'a' AS b", "unknown-statement unknown WRITE w | ban-in-transaction breaks - -"},
    {"BEGIN IMMEDIATE", "transaction-nesting breaks - -"},
    {"FROBNICATE", "unknown-statement unknown WRITE w"},
    /* a rebuild, and what only looks like one */
    {"CREATE TABLE n (a); INSERT INTO n SELECT a FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t",
     "table-rebuild rewrites WRITE wsx"},
    {"CREATE TABLE n (a); INSERT INTO n (a) SELECT a FROM \"T\" WHERE 1; DROP TABLE T; ALTER TABLE n RENAME TO t; "
     "CREATE INDEX i ON t (a)",
     "creating-index locks WRITE ws"},
    {"CREATE TABLE n (a); INSERT INTO n SELECT a FROM u; DROP TABLE t; ALTER TABLE n RENAME TO t",
     "new-table safe WRITE w"},
};

static void verdict_read_tells_what_a_statement_of_postgresql_does(void **state)
{
    check_rows(postgres_rows, ARRAY_LEN(postgres_rows), postgres);
    check_rows(old_table_rows, ARRAY_LEN(old_table_rows), postgres);
}

static void verdict_read_tells_what_a_statement_of_sqlite_does(void **state)
{
    check_rows(sqlite_rows, ARRAY_LEN(sqlite_rows), sqlite);
}

static void verdict_read_finds_nothing_above_safe_in_a_safe_form(void **state)
{
    check_rows(safe_rows, ARRAY_LEN(safe_rows), postgres);
    for (size_t i = 0; i < ARRAY_LEN(safe_rows); i++) {
        struct judged judged;
        judge(&judged, postgres, safe_rows[i].sql);
        assert_int_equal(judged.file.statements[judged.file.count - 1].level, VERDICT_SAFE);
        forget(&judged);
    }
}

static void verdict_read_knows_what_a_transaction_does_not_allow(void **state)
{
    check_rows(wrapped_rows, ARRAY_LEN(wrapped_rows), wrapped);
    check_rows(transaction_rows, ARRAY_LEN(transaction_rows), postgres);
}

static void verdict_read_says_what_cannot_run_in_a_transaction(void **state)
{
    static const struct {
        enum dialect dialect;
        const char *sql;
        bool is_transactional;
    } rows[] = {
        {DIALECT_POSTGRES, "CREATE INDEX CONCURRENTLY i ON t (a)", false},
        {DIALECT_POSTGRES, "CREATE INDEX i ON t (a)", true},
        {DIALECT_POSTGRES, "DROP INDEX CONCURRENTLY i", false},
        {DIALECT_POSTGRES, "VACUUM t", false},
        {DIALECT_POSTGRES, "ALTER TYPE e ADD VALUE 'x'", true},
        {DIALECT_POSTGRES, "CLUSTER", false},
        {DIALECT_POSTGRES, "REINDEX DATABASE d", false},
        {DIALECT_POSTGRES, "DROP DATABASE d", false},
        {DIALECT_SQLITE, "VACUUM", false},
        {DIALECT_SQLITE, "PRAGMA foreign_keys = OFF", false},
        {DIALECT_SQLITE, "CREATE INDEX i ON t (a)", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct judged judged;
        judge(&judged, (struct verdict_options){rows[i].dialect, false, true}, rows[i].sql);
        if (judged.file.statements[0].is_transactional != rows[i].is_transactional)
            fail_msg("%s", rows[i].sql);
        forget(&judged);
    }
}

static void verdict_fits_transaction_when_every_statement_does(void **state)
{
    struct arena arena;
    bool fits = false;
    arena_init(&arena, MEMORY);
    assert_int_equal(
        verdict_fits_transaction(DIALECT_POSTGRES, SLICE("SELECT 1; DROP TABLE t"), "a", &arena, NULL, &fits), OK);
    assert_true(fits);
    assert_int_equal(verdict_fits_transaction(DIALECT_POSTGRES, SLICE("DROP INDEX CONCURRENTLY i; SELECT 1"), "a",
                                              &arena, NULL, &fits),
                     OK);
    assert_false(fits);
    assert_int_equal(verdict_fits_transaction(DIALECT_POSTGRES, SLICE("SELECT '"), "a", &arena, NULL, &fits),
                     ERROR_PARSE);
    arena_fini(&arena);
}

static void verdict_read_asks_once_for_a_lock_timeout(void **state)
{
    static const struct row rows[] = {
        {TABLE "ADD a text", COLUMN " | require-timeout-settings locks - -"},
        {TABLE "ADD a text; " TABLE "ADD b text", COLUMN},
        {"SET LOCAL lock_timeout = '1s'; " TABLE "ADD a text", COLUMN},
        {"CREATE TABLE t (a bigint)", "creating-table safe - -"},
        {"INSERT INTO t VALUES (1)", "inserting-rows safe ROW EXCLUSIVE -"},
    };
    check_rows(rows, ARRAY_LEN(rows), (struct verdict_options){DIALECT_POSTGRES, true, false});
}

static void verdict_read_lets_pass_what_the_file_allows(void **state)
{
    static const struct row rows[] = {
        {"-- tenon: allow ban-drop-column\n" TABLE "DROP a", "ban-drop-column destructive " AX "rwa"},
        {"-- tenon: allow ban-drop-column, drop-cascade\n" TABLE "DROP a CASCADE",
         "ban-drop-column destructive " AX "rwa | drop-cascade destructive - a"},
        {"-- tenon: allow ban-drop-column\n-- why\n\n" TABLE "DROP a CASCADE",
         "ban-drop-column destructive " AX "rwa | drop-cascade destructive - -"},
        {"-- tenon: allow ban-drop-table\n" TABLE "DROP a", "ban-drop-column destructive " AX "rw"},
        {"-- tenon: allow ban-drop-columm\n" TABLE "DROP a",
         "ban-drop-column destructive " AX "rw | unknown-rule unknown - -"},
        {"-- tenon: allow ban-drop-column\nSELECT 1;\n" TABLE "DROP a", "ban-drop-column destructive " AX "rw"},
        {"-- tenon: allow unknown-statement\nDO 'x'", "unknown-statement unknown - a"},
    };
    check_rows(rows, ARRAY_LEN(rows), postgres);
    struct judged judged;
    judge(&judged, postgres, rows[1].sql);
    assert_int_equal(judged.file.level, VERDICT_SAFE);
    forget(&judged);
    judge(&judged, postgres, rows[2].sql);
    assert_int_equal(judged.file.level, VERDICT_DESTRUCTIVE);
    forget(&judged);
}

static void verdict_read_remembers_what_earlier_files_did(void **state)
{
    static const struct {
        const char *earlier, *sql, *rule;
    } rows[] = {
        {"CREATE TABLE t (a varchar(9))", TABLE "ALTER a TYPE text", "widening-column-type"},
        {"CREATE TABLE t (a bigint)", "CREATE INDEX i ON t (a)", "require-concurrent-index-creation"},
        {TABLE "ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID; " TABLE "VALIDATE CONSTRAINT c",
         TABLE "ALTER a SET NOT NULL", "set-not-null-after-check"},
        {"DROP TABLE t", "CREATE TABLE t (a bigint)", "creating-table"},
        {"BEGIN", "VACUUM t", "maintaining-table"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct judged judged;
        judge(&judged, postgres, rows[i].earlier);
        assert_int_equal(verdict_read(judged.reader, slice_from(rows[i].sql), "b", NULL, &judged.file), OK);
        assert_string_equal(judged.file.statements[0].verdicts[0].rule->name, rows[i].rule);
        assert_int_equal(judged.file.statements[0].count, 1);
        forget(&judged);
    }
}

static void verdict_read_writes_the_safe_form_with_the_names_of_the_statement(void **state)
{
    struct judged judged;
    judge(&judged, postgres, "\n-- x\nALTER TABLE \"My t\" ALTER COLUMN a SET NOT NULL");
    const struct verdict_statement *statement = &judged.file.statements[0];
    assert_int_equal(statement->line, 3);
    assert_int_equal(statement->lock, VERDICT_LOCK_ACCESS_EXCLUSIVE);
    assert_true(slice_eq_text(statement->verdicts[0].table, "\"My t\""));
    assert_non_null(strstr(statement->verdicts[0].safe_form,
                           "ALTER TABLE \"My t\" ADD CONSTRAINT a_not_null CHECK (a IS NOT NULL) NOT VALID;"));
    forget(&judged);
}

static void verdict_read_refuses_what_cannot_be_cut(void **state)
{
    struct judged judged;
    struct diag diag;
    judge(&judged, postgres, "");
    assert_int_equal(judged.file.count, 0);
    diag_init(&diag, &judged.arena);
    assert_int_equal(
        verdict_read(judged.reader, SLICE("DROP TABLE t;\nSELECT 'x"), "0001_a.up.sql", &diag, &judged.file),
        ERROR_PARSE);
    assert_int_equal(diag.first->place.line, 2);
    assert_string_equal(diag.first->place.file, "0001_a.up.sql");
    forget(&judged);
}

static void verdict_read_reports_that_memory_ran_out(void **state)
{
    static const char sql[] =
        "CREATE TABLE t (a varchar(9)); ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;"
        "-- tenon: allow ban-drop-table\nDROP TABLE u;";
    bool is_read = false;
    for (size_t limit = 2000; !is_read; limit += 64) {
        struct judged judged;
        arena_init(&judged.arena, limit);
        if (verdict_create(&postgres, &judged.arena, &judged.reader) == OK) {
            enum error error = verdict_read(judged.reader, slice_from(sql), "a", NULL, &judged.file);
            assert_true(error == OK || error == ERROR_MEMORY);
            is_read = error == OK;
            verdict_destroy(judged.reader);
        }
        arena_fini(&judged.arena);
    }
}

/* Every rule is found by a row somewhere above. */
static bool is_covered(const struct verdict_rule *rule)
{
    static const struct {
        const struct row *rows;
        size_t count;
        const struct verdict_options *options;
    } tables[] = {
        {postgres_rows, ARRAY_LEN(postgres_rows), &postgres},
        {safe_rows, ARRAY_LEN(safe_rows), &postgres},
        {wrapped_rows, ARRAY_LEN(wrapped_rows), &wrapped},
        {transaction_rows, ARRAY_LEN(transaction_rows), &postgres},
        {sqlite_rows, ARRAY_LEN(sqlite_rows), &sqlite},
    };
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        for (size_t j = 0; j < tables[i].count && tables[i].options->dialect == rule->dialect; j++) {
            size_t length = strlen(rule->name);
            for (const char *at = tables[i].rows[j].verdicts; (at = strstr(at, rule->name)); at += length)
                if (at[length] == ' ' && (at == tables[i].rows[j].verdicts || at[-1] == ' '))
                    return true;
        }
    return false;
}

static void verdict_rules_each_have_a_row(void **state)
{
    /* found by other tests, or by the same code as PostgreSQL's */
    static const char *const elsewhere[] = {"require-timeout-settings", "unknown-rule", "changing-expression",
                                            "transaction-control", "ban-uncommitted-transaction"};
    size_t count, missing = 0;
    const struct verdict_rule *rules = verdict_rules(&count);
    for (size_t i = 0; i < count; i++) {
        bool is_elsewhere = false;
        for (size_t j = 0; j < ARRAY_LEN(elsewhere); j++)
            is_elsewhere |= strcmp(elsewhere[j], rules[i].name) == 0;
        if (is_elsewhere || is_covered(&rules[i]))
            continue;
        print_error("no row finds %s\n", rules[i].name);
        missing++;
    }
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdict_read_tells_what_a_statement_of_postgresql_does),
        cmocka_unit_test(verdict_read_tells_what_a_statement_of_sqlite_does),
        cmocka_unit_test(verdict_read_finds_nothing_above_safe_in_a_safe_form),
        cmocka_unit_test(verdict_read_knows_what_a_transaction_does_not_allow),
        cmocka_unit_test(verdict_read_says_what_cannot_run_in_a_transaction),
        cmocka_unit_test(verdict_fits_transaction_when_every_statement_does),
        cmocka_unit_test(verdict_read_asks_once_for_a_lock_timeout),
        cmocka_unit_test(verdict_read_lets_pass_what_the_file_allows),
        cmocka_unit_test(verdict_read_remembers_what_earlier_files_did),
        cmocka_unit_test(verdict_read_writes_the_safe_form_with_the_names_of_the_statement),
        cmocka_unit_test(verdict_read_refuses_what_cannot_be_cut),
        cmocka_unit_test(verdict_read_reports_that_memory_ran_out),
        cmocka_unit_test(verdict_rules_each_have_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
