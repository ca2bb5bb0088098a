/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's catalog, of the schema that the connection looks in first. Its types say what values are, so only the
 * length of texts is looked for. A domain counts as the type beneath it. */
#include "data/sql.h"
#include "model/catalog.h"

#define OURS "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
#define THIS "(SELECT oid FROM pg_class WHERE relnamespace = " OURS " AND relname = $1)"

static enum error take_table(struct catalog_reading *reading, const struct db_rows *rows)
{
    struct catalog_table *table = catalog_add_table(reading->catalog);
    struct slice kind;
    if (!table)
        return ERROR_LIMIT;
    TRY(catalog_text(reading, rows, 0, &table->name));
    TRY(catalog_text(reading, rows, 1, &kind));
    table->is_view = slice_eq_text(kind, "v") || slice_eq_text(kind, "m");
    table->is_foreign = slice_eq_text(kind, "f");
    return OK;
}

static enum error take_column(struct catalog_reading *reading, const struct db_rows *rows)
{
    struct catalog_column *column = catalog_add_column(reading);
    if (!column)
        return ERROR_MEMORY;
    TRY(catalog_text(reading, rows, 0, &column->name));
    TRY(catalog_text(reading, rows, 1, &column->type));
    column->is_required = catalog_number(rows, 2) != 0;
    TRY(catalog_text(reading, rows, 3, &column->standard));
    column->key = (unsigned)catalog_number(rows, 4);
    column->is_given = catalog_number(rows, 5) != 0;
    column->is_computed = catalog_number(rows, 6) != 0;
    return OK;
}

static enum error take_reference(struct catalog_reading *reading, const struct db_rows *rows)
{
    struct catalog_reference *reference = catalog_add_reference(reading, catalog_number(rows, 0));
    if (!reference)
        return ERROR_MEMORY;
    TRY(catalog_text(reading, rows, 1, &reference->table));
    TRY(catalog_text(reading, rows, 2, &reference->column));
    TRY(catalog_text(reading, rows, 3, &reference->target));
    reference->width = (size_t)catalog_number(rows, 5);
    return catalog_text(reading, rows, 4, &reference->on_delete);
}

static enum error take_index(struct catalog_reading *reading, const struct db_rows *rows)
{
    struct catalog_index_column column = {.is_descending = catalog_number(rows, 5) != 0};
    struct slice name, where;
    TRY(catalog_text(reading, rows, 0, &name));
    TRY(catalog_text(reading, rows, 3, &where));
    TRY(catalog_text(reading, rows, 4, &column.name));
    struct catalog_index *index = catalog_add_index(reading, name, column);
    if (!index)
        return ERROR_MEMORY;
    index->is_unique = catalog_number(rows, 1) != 0;
    index->is_primary = catalog_number(rows, 2) != 0;
    index->where = where;
    return OK;
}

static enum error take_choice(struct catalog_reading *reading, const struct db_rows *rows)
{
    struct slice column, label;
    TRY(catalog_text(reading, rows, 0, &column));
    TRY(catalog_text(reading, rows, 1, &label));
    for (size_t i = 0; i < reading->table->column_count; i++) {
        struct catalog_column *at = &reading->table->columns[i];
        if (!slice_eq(at->name, column))
            continue;
        struct slice *grown = arena_array(reading->catalog->arena, at->choice_count + 1, sizeof *grown);
        if (!grown)
            return ERROR_MEMORY;
        for (size_t j = 0; j < at->choice_count; j++)
            grown[j] = at->choices[j];
        grown[at->choice_count++] = label;
        at->choices = grown;
    }
    return OK;
}

static const struct slice columns =
    SLICE_INIT("SELECT a.attname::text, CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE "
               "format_type(a.atttypid, a.atttypmod) END, a.attnotnull, pg_get_expr(d.adbin, d.adrelid), "
               "coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0), a.attidentity <> '' OR "
               "coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false), "
               "a.attgenerated <> '' OR a.attidentity = 'a' FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = "
               "a.atttypid LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
               "LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary "
               "WHERE a.attrelid = " THIS " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum");
static const struct slice references = SLICE_INIT(
    "SELECT k.oid::bigint, t.relname::text, a.attname::text, b.attname::text, CASE k.confdeltype WHEN 'c' THEN "
    "'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END, "
    "cardinality(k.conkey)::bigint FROM pg_constraint AS k JOIN pg_class AS t ON t.oid = k.confrelid "
    "JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] "
    "JOIN pg_attribute AS b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1] "
    "WHERE k.contype = 'f' AND k.conrelid = " THIS " AND t.relnamespace = " OURS " ORDER BY k.conname");
static const struct slice indexes =
    SLICE_INIT("SELECT c.relname::text, i.indisunique, i.indisprimary, pg_get_expr(i.indpred, i.indrelid), "
               "a.attname::text, (i.indoption[n.place - 1] & 1)::bigint FROM pg_index AS i JOIN pg_class AS c ON "
               "c.oid = i.indexrelid CROSS JOIN generate_series(1, i.indnkeyatts) AS n(place) "
               "LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n.place - 1] AND "
               "a.attnum > 0 WHERE i.indrelid = " THIS " AND i.indisvalid ORDER BY c.relname, n.place");
static const struct slice choices =
    SLICE_INIT("SELECT a.attname::text, e.enumlabel::text FROM pg_attribute AS a JOIN pg_enum AS e ON e.enumtypid = "
               "a.atttypid WHERE a.attrelid = " THIS " AND NOT a.attisdropped ORDER BY a.attnum, e.enumsortorder");

enum error catalog_postgres_read(struct catalog_reading *reading)
{
    struct catalog *catalog = reading->catalog;
    TRY(catalog_ask(reading,
                    SLICE("SELECT c.relname::text, c.relkind::text FROM pg_class AS c WHERE c.relnamespace = " OURS
                          " AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND "
                          "left(c.relname, 7) <> '_tenon_' ORDER BY c.oid"),
                    NULL, take_table));
    for (size_t i = 0; i < catalog->count; i++) {
        struct catalog_table *table = reading->table = &catalog->tables[i];
        TRY(catalog_ask(reading, columns, &table->name, take_column));
        TRY(catalog_ask(reading, references, &table->name, take_reference));
        TRY(catalog_ask(reading, indexes, &table->name, take_index));
        TRY(catalog_ask(reading, choices, &table->name, take_choice));
    }
    return OK;
}

static enum error take_length(struct catalog_reading *reading, const struct db_rows *rows)
{
    reading->column->values.longest = catalog_number(rows, 0);
    return OK;
}

enum error catalog_postgres_look(struct catalog_reading *reading)
{
    struct slice type = reading->column->type;
    if (!slice_eq_text(type, "text") && !slice_eq_text(type, "character varying"))
        return OK;
    struct sql sql;
    sql_init(&sql, reading->catalog->arena, DIALECT_POSTGRES);
    sql_put(&sql, "SELECT max(char_length(");
    sql_name(&sql, reading->column->name);
    sql_put(&sql, "))::bigint");
    sql_from(&sql, reading->table->name, 0);
    enum error error = sql_finish(&sql);
    if (error == OK)
        error = catalog_ask(reading, buf_slice(&sql.text), NULL, take_length);
    sql_fini(&sql);
    return error;
}
