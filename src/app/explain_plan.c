/* SPDX-License-Identifier: Apache-2.0 */
/* Plans.
 *
 * SQLite tells its plan as a tree of sentences, and counts the steps through whole tables; what it finds by an index it
 * does not count. There the number of rows is estimated from the steps of its machine: a row that is looked at and
 * passed over takes about STEPS_PASSED of them.
 *
 * PostgreSQL tells its plan as JSON, here with what running it has measured. A node that names a relation has looked at
 * the rows that it handed on and at those that its filters took away, once for each of its loops. */
#include "app/explain_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonread.h"
#include "data/sql.h"

enum { PLAN_LINES_MAX = 500, PLAN_SQL_MAX = 512 * 1024, PLAN_DEPTH_MAX = 64, STEPS_PASSED = 8, STEPS_RETURNED = 12 };

struct plan {
    struct arena *arena;
    const char **lines;
    size_t count;
    double scanned;
    bool is_sorted, is_searched;
};

static enum error add_line(struct plan *plan, unsigned depth, struct slice text)
{
    if (plan->count == PLAN_LINES_MAX)
        return OK;
    char *line = arena_printf(plan->arena, "%*s%.*s", (int)depth * 2, "", SLICE_ARG(text));
    plan->lines[plan->count++] = line;
    return line ? OK : ERROR_MEMORY;
}

/* ---- SQLite ---- */

struct step {
    int64_t id;
    unsigned depth;
};

static unsigned depth_of(const struct step *steps, size_t count, int64_t parent)
{
    for (size_t i = count; i > 0; i--)
        if (steps[i - 1].id == parent)
            return steps[i - 1].depth + 1;
    return 0;
}

static enum error take_step(struct plan *plan, struct step *steps, const struct db_rows *rows)
{
    struct slice detail = db_column(rows, 3).text;
    size_t i = plan->count;
    if (i == PLAN_LINES_MAX)
        return OK;
    steps[i] = (struct step){db_column(rows, 0).integer, depth_of(steps, i, db_column(rows, 1).integer)};
    plan->is_sorted = plan->is_sorted || slice_starts(detail, SLICE("USE TEMP B-TREE FOR"));
    plan->is_searched = plan->is_searched || slice_starts(detail, SLICE("SEARCH"));
    return add_line(plan, steps[i].depth, detail);
}

static enum error read_sqlite(struct plan *plan, struct db_rows *rows)
{
    struct step *steps = arena_array(plan->arena, PLAN_LINES_MAX, sizeof *steps);
    bool has_row;
    if (!steps)
        return ERROR_MEMORY;
    TRY(db_next(rows, &has_row));
    while (has_row) {
        TRY(take_step(plan, steps, rows));
        TRY(db_next(rows, &has_row));
    }
    return OK;
}

/* A full scan ends with the step that finds nothing more, or with the last row that was wanted. */
static void judge_sqlite(const struct plan *plan, const struct observed_run *run, struct explain_statement *statement)
{
    const struct db_effort *effort = &run->effort;
    int64_t found = statement->returned;
    int64_t spare = effort->steps - run->returned * (STEPS_RETURNED + (int64_t)run->columns);
    statement->is_sorted = plan->is_sorted && effort->sorts > 0;
    statement->scanned = effort->scanned > 0 ? effort->scanned + 1 : found;
    statement->scanned_is_estimate = plan->is_searched && effort->scanned == 0;
    if (statement->scanned_is_estimate && spare / STEPS_PASSED > found)
        statement->scanned = spare / STEPS_PASSED;
}

/* ---- PostgreSQL ---- */

/* The members of a node that are shown or counted. */
struct plan_node {
    struct slice type, relation, index, condition, filter, sort_key;
    double rows, loops, removed, rechecked, milliseconds, hits, reads;
};

static enum error read_plan(struct plan *plan, struct jsonread *reader, unsigned depth);

static void take_text(struct plan_node *node, struct slice key, struct slice text)
{
    const struct {
        const char *key;
        struct slice *to;
    } texts[] = {{"Node Type", &node->type},       {"Relation Name", &node->relation}, {"Index Name", &node->index},
                 {"Index Cond", &node->condition}, {"Recheck Cond", &node->condition}, {"Filter", &node->filter}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (slice_eq_text(key, texts[i].key))
            *texts[i].to = text;
}

static void take_number(struct plan_node *node, struct slice key, struct slice text)
{
    const struct {
        const char *key;
        double *to;
    } numbers[] = {{"Actual Rows", &node->rows},
                   {"Actual Loops", &node->loops},
                   {"Rows Removed by Filter", &node->removed},
                   {"Rows Removed by Index Recheck", &node->rechecked},
                   {"Actual Total Time", &node->milliseconds},
                   {"Shared Hit Blocks", &node->hits},
                   {"Shared Read Blocks", &node->reads}};
    char digits[32];
    size_t length = text.len < sizeof digits - 1 ? text.len : sizeof digits - 1;
    memcpy(digits, text.ptr, length);
    digits[length] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (slice_eq_text(key, numbers[i].key))
            *numbers[i].to = strtod(digits, NULL);
}

static void put_member(struct buf *out, const char *word, struct slice text)
{
    if (text.len == 0)
        return;
    buf_put_text(out, word);
    buf_put_slice(out, text);
}

/* ["a", "b"] as it stands there, without what JSON needs. */
static void put_list(struct buf *out, const char *word, struct slice list)
{
    buf_put_text(out, list.len > 0 ? word : "");
    for (size_t i = 0; i < list.len; i++)
        if (!strchr("[]\"\\", list.ptr[i]))
            buf_put_byte(out, list.ptr[i]);
}

static enum error add_node(struct plan *plan, const struct plan_node *node, unsigned depth, size_t place)
{
    struct buf line;
    buf_init(&line, PLAN_SQL_MAX);
    buf_put_slice(&line, node->type);
    put_member(&line, " on ", node->relation);
    put_member(&line, " using ", node->index);
    buf_printf(&line, ": %.0f rows", node->rows);
    if (node->loops != 1)
        buf_printf(&line, " in each of %.0f loops", node->loops);
    if (node->removed > 0)
        buf_printf(&line, ", %.0f filtered out", node->removed);
    if (node->rechecked > 0)
        buf_printf(&line, ", %.0f rechecked and dropped", node->rechecked);
    buf_printf(&line, ", %.3f ms", node->milliseconds);
    if (node->hits + node->reads > 0)
        buf_printf(&line, ", %.0f pages cached, %.0f read", node->hits, node->reads);
    put_member(&line, " · by ", node->condition);
    put_member(&line, " · where ", node->filter);
    put_list(&line, " · by ", node->sort_key);
    size_t end = plan->count;
    plan->count = place;
    enum error error = buf_failed(&line) ? ERROR_MEMORY : add_line(plan, depth, buf_slice(&line));
    plan->count = end > plan->count ? end : plan->count;
    buf_fini(&line);
    return error;
}

static void count_node(struct plan *plan, const struct plan_node *node)
{
    if (node->relation.len > 0 && !slice_starts(node->type, SLICE("Bitmap Index")))
        plan->scanned += (node->rows + node->removed + node->rechecked) * (node->loops > 0 ? node->loops : 0);
    plan->is_sorted =
        plan->is_sorted || slice_eq_text(node->type, "Sort") || slice_eq_text(node->type, "Incremental Sort");
}

static enum error take_member(struct plan *plan, struct plan_node *node, struct jsonread *reader, struct slice key,
                              unsigned depth)
{
    struct json_value value;
    struct slice skipped;
    bool is_list = jsonread_next(reader, &value) == JSON_ARRAY_BEGIN;
    if (is_list && slice_eq_text(key, "Plans")) {
        while (jsonread_next(reader, &value) == JSON_OBJECT_BEGIN)
            TRY(read_plan(plan, reader, depth + 1));
        return value.token == JSON_ARRAY_END ? OK : ERROR_PARSE;
    }
    if (value.token == JSON_STRING)
        take_text(node, key, value.text);
    else if (value.token == JSON_NUMBER)
        take_number(node, key, value.text);
    TRY(jsonread_finish(reader, &value, &skipped));
    if (is_list && slice_eq_text(key, "Sort Key"))
        node->sort_key = skipped;
    return OK;
}

/* One node, whose brace was read. Its own line stands before those of the nodes below. */
static enum error read_plan(struct plan *plan, struct jsonread *reader, unsigned depth)
{
    struct plan_node *node = arena_zalloc(plan->arena, sizeof *node);
    struct json_value value;
    size_t place = plan->count;
    if (!node)
        return ERROR_MEMORY;
    if (depth > PLAN_DEPTH_MAX)
        return ERROR_LIMIT;
    plan->count += plan->count < PLAN_LINES_MAX;
    while (jsonread_next(reader, &value) == JSON_KEY)
        TRY(take_member(plan, node, reader, value.text, depth));
    if (value.token != JSON_OBJECT_END)
        return ERROR_PARSE;
    count_node(plan, node);
    return place < PLAN_LINES_MAX ? add_node(plan, node, depth, place) : OK;
}

/* [{"Plan": {…}, "Execution Time": …, …}] */
static enum error read_document(struct plan *plan, struct slice text)
{
    struct jsonread reader;
    struct json_value value;
    struct slice skipped;
    jsonread_init(&reader, text, plan->arena, JSONREAD_DEPTH_MAX);
    if (jsonread_next(&reader, &value) != JSON_ARRAY_BEGIN || jsonread_next(&reader, &value) != JSON_OBJECT_BEGIN)
        return ERROR_PARSE;
    while (jsonread_next(&reader, &value) == JSON_KEY) {
        if (!slice_eq_text(value.text, "Plan")) {
            TRY(jsonread_skip(&reader, &skipped));
            continue;
        }
        if (jsonread_next(&reader, &value) != JSON_OBJECT_BEGIN)
            return ERROR_PARSE;
        TRY(read_plan(plan, &reader, 0));
    }
    return value.token == JSON_OBJECT_END ? OK : ERROR_PARSE;
}

static enum error read_postgres(struct plan *plan, struct db_rows *rows)
{
    struct buf text;
    bool has_row;
    buf_init(&text, 16 * 1024 * 1024);
    enum error error = db_next(rows, &has_row);
    while (error == OK && has_row) {
        buf_put_slice(&text, db_column(rows, 0).text);
        error = db_next(rows, &has_row);
    }
    struct slice copy = arena_slice(plan->arena, buf_slice(&text));
    if (error == OK && (buf_failed(&text) || !copy.ptr))
        error = ERROR_MEMORY;
    buf_fini(&text);
    return error == OK ? read_document(plan, copy) : error;
}

/* ---- both ---- */

static enum error ask(struct db_conn *conn, const char *lead, const struct explain_statement *statement,
                      struct db_rows **out)
{
    struct buf sql;
    buf_init(&sql, PLAN_SQL_MAX);
    buf_put_text(&sql, lead);
    buf_put_slice(&sql, statement->sql);
    enum error error = buf_failed(&sql)
                           ? ERROR_LIMIT
                           : db_query(conn, buf_slice(&sql), statement->arguments, statement->argument_count, out);
    buf_fini(&sql);
    return error;
}

enum error explain_plan_read(struct db_conn *conn, const struct observed_run *run, struct arena *arena,
                             struct explain_statement *statement)
{
    bool is_postgres = db_conn_dialect(conn) == DIALECT_POSTGRES;
    bool is_read = slice_starts(statement->sql, SLICE("SELECT"));
    struct plan plan = {.arena = arena, .lines = arena_array(arena, PLAN_LINES_MAX, sizeof *plan.lines)};
    struct db_rows *rows = NULL;
    if (!plan.lines)
        return ERROR_MEMORY;
    const char *lead = !is_postgres ? "EXPLAIN QUERY PLAN "
                       : is_read    ? "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
                                    : "EXPLAIN (FORMAT JSON) ";
    TRY(ask(conn, lead, statement, &rows));
    enum error error = is_postgres ? read_postgres(&plan, rows) : read_sqlite(&plan, rows);
    db_rows_close(rows);
    TRY(error);
    statement->plan = plan.lines;
    statement->plan_count = plan.count;
    if (!is_postgres) {
        judge_sqlite(&plan, run, statement);
        return OK;
    }
    statement->scanned = (int64_t)llround(plan.scanned);
    statement->is_sorted = plan.is_sorted;
    return OK;
}

enum error explain_plan_count(struct db_conn *conn, struct slice table, int64_t most, struct arena *arena, int64_t *out)
{
    struct sql sql;
    struct db_rows *rows = NULL;
    bool has_row = false;
    sql_init(&sql, arena, db_conn_dialect(conn));
    sql_put(&sql, "SELECT count(*) FROM (SELECT 1 FROM ");
    sql_name(&sql, table);
    sql_limit(&sql, most, 0);
    sql_put(&sql, ") AS t0");
    enum error error = sql_query(&sql, conn, &rows);
    if (error == OK)
        error = db_next(rows, &has_row);
    if (error == OK)
        *out = has_row ? db_column(rows, 0).integer : 0;
    db_rows_close(rows);
    sql_fini(&sql);
    return error;
}
