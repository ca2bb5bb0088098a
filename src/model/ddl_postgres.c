/* SPDX-License-Identifier: Apache-2.0 */
/* What only PostgreSQL's tables have.
 *
 * Functions: tn_fold() is base/utf8.h's folding; ICU does the work, and a few letters that it leaves alone are named.
 * tn_words() is what SQLite's FTS5 makes of a text (unicode61, remove_diacritics 2), so that both find the same rows.
 *
 * References are constraints of their own, made when all tables are there: one may refer to a table that comes later.
 *
 * Full text is an index over the expression that a search is written with. */
#include "model/ddl_writer.h"
#include "model/search.h"
#include "model/type.h"

static const struct function {
    const char *name, *sql;
} functions[] = {
    {"tn_fold",
     "CREATE OR REPLACE FUNCTION tn_fold(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS\n"
     "$$ SELECT CASE WHEN octet_length(value) = char_length(value) THEN lower(value COLLATE \"C\") COLLATE \"C\"\n"
     "  ELSE translate(lower(value COLLATE \"und-x-icu\"), U&'\\00B5\\03C2\\1E9B', U&'\\03BC\\03C3\\1E61')\n"
     "    COLLATE \"C\" END $$"},
    {"tn_contains", "CREATE OR REPLACE FUNCTION tn_contains(value text, part text) RETURNS boolean\n"
                    "LANGUAGE sql IMMUTABLE PARALLEL SAFE AS\n"
                    "$$ SELECT strpos(tn_fold(value) COLLATE \"C\", tn_fold(part) COLLATE \"C\") > 0 $$"},
    {"tn_like", "CREATE OR REPLACE FUNCTION tn_like(value text, pattern text) RETURNS boolean\n"
                "LANGUAGE sql IMMUTABLE PARALLEL SAFE AS\n"
                "$$ SELECT tn_fold(value) COLLATE \"C\" LIKE replace(replace(replace(replace(tn_fold(pattern),\n"
                "  '\\', '\\\\'), '%', '\\%'), '_', '\\_'), '*', '%') COLLATE \"C\" $$"},
    {"tn_words",
     "CREATE OR REPLACE FUNCTION tn_words(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS\n"
     "$$ SELECT regexp_replace(regexp_replace(normalize(tn_fold(value), NFD) COLLATE \"und-x-icu\",\n"
     "  U&'[\\0300-\\036F]', '', 'g'), '[^[:alnum:]]+', ' ', 'g') $$"},
    {"tn_prefix",
     "CREATE OR REPLACE FUNCTION tn_prefix(word text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS\n"
     "$$ SELECT CASE WHEN btrim(tn_words(word)) = '' THEN ''::tsquery\n"
     "  ELSE to_tsquery('simple', replace(btrim(tn_words(word)), ' ', ' <-> ') || ':*') END $$"},
    {"tn_touch", "CREATE OR REPLACE FUNCTION tn_touch() RETURNS trigger LANGUAGE plpgsql AS\n"
                 "$$ BEGIN\n"
                 "  NEW.version := OLD.version + 1;\n"
                 "  NEW.updated_at := greatest(OLD.updated_at, clock_timestamp());\n"
                 "  RETURN NEW;\n"
                 "END $$"},
};

static const struct engine_table {
    const char *name, *sql;
} engine_tables[] = {
    {"_tenon_schema", "CREATE TABLE \"_tenon_schema\" (\n"
                      "  \"id\" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n"
                      "  \"recorded_at\" text NOT NULL,\n"
                      "  \"ddl\" text NOT NULL\n"
                      ")"},
    {"_tenon_idempotency", "CREATE TABLE \"_tenon_idempotency\" (\n"
                           "  \"scope\" text COLLATE \"C\" NOT NULL,\n"
                           "  \"key\" text COLLATE \"C\" NOT NULL,\n"
                           "  \"fingerprint\" bytea NOT NULL,\n"
                           "  \"status\" bigint NOT NULL,\n"
                           "  \"content_type\" text,\n"
                           "  \"headers\" text,\n"
                           "  \"etag\" text,\n"
                           "  \"is_weak\" bigint NOT NULL,\n"
                           "  \"body\" bytea,\n"
                           "  \"created_us\" bigint NOT NULL,\n"
                           "  PRIMARY KEY (\"scope\", \"key\")\n"
                           ")"},
    {"_tenon_idempotency_created_us",
     "CREATE INDEX \"_tenon_idempotency_created_us\" ON \"_tenon_idempotency\" (\"created_us\")"},
};

enum error ddl_postgres_functions(struct ddl_writer *writer)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        buf_put_text(&writer->sql.text, functions[i].sql);
        TRY(ddl_end(writer, DDL_FUNCTION, slice_from(functions[i].name), NULL));
    }
    return OK;
}

enum error ddl_postgres_put_type(struct ddl_writer *writer, const struct field *field)
{
    static const char *const names[FIELD_TYPE_COUNT] = {
        [FIELD_INT] = "bigint",
        [FIELD_FLOAT] = "double precision",
        [FIELD_DATETIME] = "timestamp with time zone",
        [FIELD_BOOL] = "boolean",
        [FIELD_DATE] = "date",
        [FIELD_UUID] = "uuid",
        [FIELD_JSON] = "json",
        [FIELD_LIST] = "json",
    };
    struct buf *text = &writer->sql.text;
    const struct type *type = type_root(&field->type);
    if (type->kind == FIELD_DECIMAL)
        buf_printf(text, "numeric(%u,%u)", type->precision, type->scale);
    else
        buf_put_text(text, names[type->kind] ? names[type->kind] : "text COLLATE \"C\"");
    return OK;
}

void ddl_postgres_put_using(struct ddl_writer *writer, const struct index *index)
{
    static const char *const names[] = {
        [INDEX_BTREE] = "btree", [INDEX_HASH] = "hash", [INDEX_GIN] = "gin", [INDEX_GIST] = "gist"};
    sql_put(&writer->sql, " USING ");
    buf_put_text(&writer->sql.text, names[index->kind]);
}

/* The expressions that expr_compile.c writes its filters with: tn_like() becomes the second one when it is planned. */
void ddl_postgres_put_content(struct ddl_writer *writer, const struct index *index)
{
    struct sql *sql = &writer->sql;
    const struct field *field = index->columns[0].field;
    if (field->type.kind == FIELD_LIST) {
        sql_put(sql, "(");
        sql_name(sql, field->name);
        sql_put(sql, "::jsonb) jsonb_path_ops");
        return;
    }
    sql_put(sql, "(tn_fold(");
    sql_name(sql, field->name);
    sql_put(sql, ") COLLATE \"C\") ");
    buf_put_text(&sql->text, index->kind == INDEX_GIN ? "gin_trgm_ops" : "gist_trgm_ops");
}

/* <lead><table><between><field><end>; `field` may be NULL */
static enum error make_name(struct ddl_writer *writer, const char *lead, const struct resource *resource,
                            const char *between, const struct field *field, const char *end, struct slice *out)
{
    char room[SQL_IDENTIFIER_BYTES];
    struct buf name;
    buf_init(&name, 1024);
    buf_put_text(&name, lead);
    buf_put_slice(&name, resource->name);
    buf_put_text(&name, between);
    buf_put_slice(&name, field ? field->name : SLICE(""));
    buf_put_text(&name, end);
    *out = arena_slice(writer->arena, sql_identifier(DIALECT_POSTGRES, buf_slice(&name), room));
    bool failed = buf_failed(&name) || !out->ptr;
    buf_fini(&name);
    return failed ? ERROR_MEMORY : OK;
}

static void put_on_delete(struct sql *sql, enum on_delete on_delete)
{
    static const char *const actions[] = {[ON_DELETE_RESTRICT] = " ON DELETE RESTRICT",
                                          [ON_DELETE_CASCADE] = " ON DELETE CASCADE",
                                          [ON_DELETE_SET_NULL] = " ON DELETE SET NULL"};
    buf_put_text(&sql->text, actions[on_delete]);
}

enum error ddl_postgres_reference(struct ddl_writer *writer, const struct resource *resource, const struct field *field)
{
    struct sql *sql = &writer->sql;
    struct slice name;
    TRY(make_name(writer, "", resource, "_", field, "_fkey", &name));
    sql_put(sql, "ALTER TABLE ");
    sql_name(sql, resource->name);
    sql_put(sql, " ADD CONSTRAINT ");
    sql_name(sql, name);
    sql_put(sql, " FOREIGN KEY (");
    sql_name(sql, field->name);
    sql_put(sql, ") REFERENCES ");
    sql_name(sql, field->type.target->table);
    sql_put(sql, " (");
    sql_name(sql, field->type.target->id->column);
    sql_put(sql, ")");
    put_on_delete(sql, field->on_delete);
    return ddl_end(writer, DDL_REFERENCE, name, resource);
}

enum error ddl_postgres_search(struct ddl_writer *writer, const struct resource *resource)
{
    struct sql *sql = &writer->sql;
    struct slice name;
    TRY(make_name(writer, "_tenon_search_", resource, "", NULL, "", &name));
    sql_put(sql, "CREATE INDEX ");
    sql_name(sql, name);
    sql_put(sql, " ON ");
    sql_name(sql, resource->name);
    sql_put(sql, " USING gin (");
    search_document(sql, resource, "");
    sql_put(sql, ")");
    return ddl_end(writer, DDL_INDEX, name, resource);
}

enum error ddl_postgres_null_trigger(struct ddl_writer *writer, const struct resource *resource,
                                     const struct field *field)
{
    struct sql *sql = &writer->sql;
    struct slice name;
    TRY(make_name(writer, "_tenon_null_", resource, ".", field, "", &name));
    sql_put(sql, "CREATE TRIGGER ");
    sql_name(sql, name);
    sql_put(sql, " BEFORE UPDATE OF ");
    sql_name(sql, field->name);
    sql_put(sql, " ON ");
    sql_name(sql, resource->name);
    sql_put(sql, " FOR EACH ROW WHEN (new.");
    sql_name(sql, field->name);
    sql_put(sql, " IS NULL AND old.");
    sql_name(sql, field->name);
    sql_put(sql, " IS NOT NULL AND new.\"version\" = old.\"version\") EXECUTE FUNCTION tn_touch()");
    return ddl_end(writer, DDL_TRIGGER, name, resource);
}

enum error ddl_postgres_engine(struct ddl_writer *writer)
{
    for (size_t i = 0; i < ARRAY_LEN(engine_tables); i++) {
        buf_put_text(&writer->sql.text, engine_tables[i].sql);
        TRY(ddl_end(writer, DDL_ENGINE, slice_from(engine_tables[i].name), NULL));
    }
    return OK;
}
