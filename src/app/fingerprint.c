/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of a table is the sum of the digests of its rows: two orders of the same rows have the same. Every value
 * is read as the text that the database writes for it, with its type. */
#include "app/fingerprint.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "data/sql.h"
#include "model/tables.h"

enum { DIFFERENCES_MAX = 10, ROW_BYTES_MAX = 64 * 1024 * 1024, WORDS = DIGEST_SHA256_BYTES / sizeof(uint64_t) };

static enum error add(struct fingerprint *print, struct arena *arena, const char *line)
{
    if (!line)
        return ERROR_MEMORY;
    const char **lines = arena_grow(arena, print->lines, print->count, &print->capacity, sizeof *print->lines);
    if (!lines)
        return ERROR_MEMORY;
    print->lines = lines;
    print->lines[print->count++] = line;
    return OK;
}

static int compare_columns(const void *left, const void *right)
{
    return slice_compare(((const struct tables_column *)left)->name, ((const struct tables_column *)right)->name);
}

static enum error read_columns(struct db_conn *conn, struct slice table, struct arena *arena, struct fingerprint *print,
                               struct tables_columns *columns)
{
    TRY(tables_read_columns(conn, table, arena, columns));
    if (columns->count > 0)
        qsort(columns->items, columns->count, sizeof *columns->items, compare_columns);
    for (size_t i = 0; i < columns->count; i++) {
        const struct tables_column *column = &columns->items[i];
        TRY(add(print, arena,
                arena_printf(arena, "column %.*s.%.*s: %.*s%s%s%s%.*s %.*s", SLICE_ARG(table), SLICE_ARG(column->name),
                             SLICE_ARG(column->type), column->is_required ? " not null" : "",
                             column->is_key ? " key" : "", column->refers.len ? " to " : "", SLICE_ARG(column->refers),
                             SLICE_ARG(column->on_delete))));
    }
    return OK;
}

static void put_select(struct sql *sql, struct slice table, const struct tables_columns *columns)
{
    sql_select(sql);
    for (size_t i = 0; i < columns->count; i++) {
        sql_item(sql);
        buf_put_text(&sql->text, sql->dialect == DIALECT_SQLITE ? "quote(" : "");
        sql_column(sql, 0, columns->items[i].name);
        buf_put_text(&sql->text, sql->dialect == DIALECT_SQLITE ? ")" : "::text");
    }
    sql_from(sql, table, 0);
}

static enum error add_row(const struct db_rows *rows, struct buf *room, uint64_t sum[WORDS])
{
    uint64_t digest[WORDS];
    buf_clear(room);
    for (unsigned i = 0; i < db_column_count(rows); i++) {
        struct value value = db_column(rows, i);
        bool is_null = value.kind != VALUE_TEXT;
        buf_put_byte(room, is_null ? 'n' : 't');
        if (is_null)
            continue;
        buf_put_uint(room, value.text.len);
        buf_put_byte(room, ':');
        buf_put_slice(room, value.text);
    }
    TRY(buf_error(room));
    digest_sha256(buf_slice(room), (unsigned char *)digest);
    for (size_t i = 0; i < WORDS; i++)
        sum[i] += digest[i];
    return OK;
}

static enum error sum_rows(struct db_rows *rows, uint64_t sum[WORDS], int64_t *count)
{
    struct buf room;
    bool has_row;
    buf_init(&room, ROW_BYTES_MAX);
    enum error error = db_next(rows, &has_row);
    for (; error == OK && has_row; ++*count) {
        error = add_row(rows, &room, sum);
        if (error == OK)
            error = db_next(rows, &has_row);
    }
    buf_fini(&room);
    return error;
}

static enum error read_rows(struct db_conn *conn, struct slice table, const struct tables_columns *columns,
                            struct arena *arena, struct fingerprint *print)
{
    uint64_t sum[WORDS] = {0};
    int64_t count = 0;
    struct db_rows *rows;
    struct sql sql;
    sql_init(&sql, arena, db_conn_dialect(conn));
    put_select(&sql, table, columns);
    enum error error = sql_query(&sql, conn, &rows);
    if (error == OK) {
        error = sum_rows(rows, sum, &count);
        db_rows_close(rows);
    }
    sql_fini(&sql);
    TRY(error);
    print->rows += count;
    return add(print, arena,
               arena_printf(arena, "rows of %.*s: %lld, digest %016llx%016llx%016llx%016llx", SLICE_ARG(table),
                            (long long)count, (unsigned long long)sum[0], (unsigned long long)sum[1],
                            (unsigned long long)sum[2], (unsigned long long)sum[3]));
}

static bool is_own(struct slice name)
{
    return slice_eq_text(name, "_tenon_migrations") || slice_starts(name, SLICE("_tenon_migrations_")) ||
           slice_starts(name, SLICE("_tenon_search_"));
}

static enum error read_object(struct db_conn *conn, const struct tables_object *object, struct arena *arena,
                              struct fingerprint *print)
{
    struct tables_columns columns;
    bool is_table = slice_eq_text(object->kind, "table");
    if (is_own(object->name))
        return OK;
    TRY(add(print, arena,
            arena_printf(arena, "%.*s %.*s on %.*s: %.*s", SLICE_ARG(object->kind), SLICE_ARG(object->name),
                         SLICE_ARG(object->table), is_table ? 0 : (int)object->sql.len, object->sql.ptr)));
    if (!is_table)
        return OK;
    print->tables++;
    TRY(read_columns(conn, object->name, arena, print, &columns));
    return read_rows(conn, object->name, &columns, arena, print);
}

static int compare_lines(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static enum error read_all(struct db_conn *conn, struct arena *arena, struct fingerprint *print)
{
    struct tables tables;
    TRY(tables_read(conn, arena, &tables));
    for (size_t i = 0; i < tables.count; i++)
        TRY(read_object(conn, &tables.objects[i], arena, print));
    if (print->count > 0)
        qsort(print->lines, print->count, sizeof *print->lines, compare_lines);
    return OK;
}

enum error fingerprint_read(struct db *db, struct arena *arena, struct fingerprint *out)
{
    struct db_conn *conn;
    *out = (struct fingerprint){.count = 0};
    TRY(db_read_blocking(db, &conn));
    enum error error = read_all(conn, arena, out);
    db_read_end(conn);
    return error;
}

bool fingerprint_compare(const struct fingerprint *before, const struct fingerprint *after, const char *when,
                         struct diag *diag)
{
    size_t i = 0, j = 0, differences = 0;
    while ((i < before->count || j < after->count) && differences < DIFFERENCES_MAX) {
        int order = i == before->count ? 1 : j == after->count ? -1 : strcmp(before->lines[i], after->lines[j]);
        if (order != 0) {
            differences++;
            diag_at(diag, (struct place){0}, NULL, "%s: %s %s", when, order < 0 ? "no more" : "now",
                    order < 0 ? before->lines[i] : after->lines[j]);
        }
        i += order <= 0;
        j += order >= 0;
    }
    return differences == 0;
}
