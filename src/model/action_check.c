/* SPDX-License-Identifier: Apache-2.0 */
/* Actions against a database: whether their statements compile there, and, where that can be known before they run,
 * which columns they return: that no hidden field is answered, and that a column that a later step uses is there.
 *
 * SQLite knows the columns of a statement that has not begun; starting one that returns rows does not step it. On
 * PostgreSQL a statement that is started runs, so there the columns are left to the first run. */
#include "model/action_check.h"

#include "base/suggest.h"
#include "data/db.h"
#include "model/action_column.h"

struct checking {
    const struct schema *schema;
    const struct action_spec *action;
    struct db_conn *conn;
    enum dialect dialect;
    struct arena *arena;
    struct diag *diag;
};

static struct slice text_of(const struct checking *checking, const struct action_step *step)
{
    return step->statement.sql[checking->dialect];
}

static enum error check_compiles(const struct checking *checking, const struct action_step *step, bool *is_right)
{
    size_t parameters = 0;
    enum error error = db_check(checking->conn, text_of(checking, step), &parameters);
    *is_right = error == OK && parameters == step->statement.name_count;
    if (error == ERROR_VALIDATION)
        diag_at(checking->diag, step->place, NULL, "action \"%.*s\": the database says: %s",
                SLICE_ARG(checking->action->name), db_message(checking->conn));
    else if (error == OK && !*is_right)
        diag_at(checking->diag, step->place, "as in :note", "a parameter is written with a colon and its name");
    return error == ERROR_VALIDATION ? OK : error;
}

/* Starts a statement and does not step it; its parameters are null. */
static enum error open_columns(const struct checking *checking, const struct action_step *step, struct db_rows **out)
{
    size_t count = step->statement.name_count;
    struct value *nothing = arena_array(checking->arena, count, sizeof *nothing);
    if (!nothing)
        return ERROR_MEMORY;
    return db_query(checking->conn, text_of(checking, step), nothing, count, out);
}

static void check_hidden(const struct checking *checking, const struct action_step *step, const struct db_rows *rows)
{
    for (unsigned i = 0; i < db_column_count(rows); i++) {
        const struct field *field = action_column_secret(checking->schema, rows, i);
        if (field)
            diag_at(checking->diag, step->place, "leave it out of what the statement returns",
                    "field \"%.*s\" is hidden and cannot be answered", SLICE_ARG(field->name));
    }
}

static void check_column(const struct checking *checking, const struct action_parameter *parameter,
                         const struct db_rows *rows)
{
    struct suggest suggest;
    suggest_init(&suggest, parameter->column);
    for (unsigned i = 0; i < db_column_count(rows); i++) {
        struct slice name = db_column_name(rows, i);
        if (slice_eq(name, parameter->column))
            return;
        suggest_offer(&suggest, name);
    }
    suggest_report(&suggest, checking->diag, parameter->place, "that step returns no column", NULL);
}

/* What later steps take of this one. */
static void check_uses(const struct checking *checking, size_t index, const struct db_rows *rows)
{
    const struct action_spec *action = checking->action;
    for (size_t i = index + 1; i < action->step_count; i++)
        for (size_t j = 0; j < action->steps[i].statement.name_count; j++) {
            const struct action_parameter *parameter = &action->steps[i].parameters[j];
            if (parameter->source == ACTION_FROM_STEP && parameter->step == index)
                check_column(checking, parameter, rows);
        }
}

static enum error check_step(const struct checking *checking, size_t index)
{
    const struct action_step *step = &checking->action->steps[index];
    struct db_rows *rows;
    bool is_right;
    TRY(check_compiles(checking, step, &is_right));
    if (!is_right || !step->statement.returns_rows || checking->dialect != DIALECT_SQLITE)
        return OK;
    TRY(open_columns(checking, step, &rows));
    if (step->is_answered)
        check_hidden(checking, step, rows);
    check_uses(checking, index, rows);
    db_rows_close(rows);
    return OK;
}

static enum error check_all(struct checking *checking)
{
    for (size_t i = 0; i < checking->schema->action_count; i++) {
        checking->action = &checking->schema->actions[i];
        for (size_t step = 0; step < checking->action->step_count; step++)
            TRY(check_step(checking, step));
    }
    return OK;
}

enum error action_check(const struct schema *schema, struct db *db, struct diag *diag)
{
    struct arena arena;
    struct checking checking = {.schema = schema, .dialect = db_dialect(db), .arena = &arena, .diag = diag};
    size_t before = diag->count;
    if (schema->action_count == 0)
        return OK;
    TRY(db_read_blocking(db, &checking.conn));
    arena_init(&arena, (size_t)STATEMENT_NAMES_MAX * SCHEMA_ACTIONS_MAX * ACTION_STEPS_MAX * sizeof(struct value));
    enum error error = check_all(&checking);
    arena_fini(&arena);
    db_read_end(checking.conn);
    diag_sort(diag);
    return error == OK && diag->count > before ? ERROR_VALIDATION : error;
}
