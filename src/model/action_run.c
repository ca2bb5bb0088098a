/* SPDX-License-Identifier: Apache-2.0 */
/* Runs an action.
 *
 * The input is prepared on the fiber, as a change is, and its lists sorted. In the unit of work the references are
 * looked up, then each step is run: once, or for each object of its list, or row of an earlier step. What a later step
 * refers to is kept: of each time a step was run its first row, and all rows of a step that one is run for. An
 * expectation that fails ends the unit with the failure that the app has named, and the transaction takes back all that
 * was done.
 *
 * Invariant: nothing outlives a run that ends in an error but memory, so a unit may be run again. */
#include "model/action_run.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/check.h"
#include "base/timecode.h"
#include "base/uuid.h"
#include "data/db.h"
#include "model/model.h"
#include "model/permission.h"
#include "model/reference.h"
#include "model/type.h"

enum { ROWS_MAX = 10000 };

/* What later steps see of a step. */
struct kept {
    struct slice *names;
    unsigned column_count;
    struct value **first; /* row by time; NULL: that time there was none */
    size_t times;
    struct value **all; /* rows, when a later step is run for each */
    size_t count, capacity;
};

/* The columns of a step that is answered, and room for a row of it. */
struct shown {
    const struct action_column *columns;
    size_t count;
    struct value *values;
};

struct running {
    struct action_run *run;
    struct session *session;
    struct kept kept[ACTION_STEPS_MAX];
    struct shown shown[ACTION_STEPS_MAX];
    size_t rows; /* answered so far */
    struct value now;
};

enum error action_run_init(struct action_run *run, const struct action_spec *action, struct session *session)
{
    *run = (struct action_run){.action = action};
    run->lists = arena_array(session->arena, action->input->field_count + 1, sizeof *run->lists);
    return run->lists ? change_init(&run->input, CHANGE_CREATE, action->input, session) : ERROR_MEMORY;
}

enum error action_run_add(struct action_run *run, const struct field *field, size_t index, struct session *session,
                          struct change **out)
{
    struct action_list *list = &run->lists[field->index];
    struct change *grown =
        arena_grow(session->arena, list->elements, list->count, &list->capacity, sizeof *list->elements);
    if (!grown)
        return ERROR_MEMORY;
    list->elements = grown;
    struct change *element = &list->elements[list->count];
    TRY(change_init(element, CHANGE_CREATE, field->type.record, session));
    const char *prefix = arena_printf(session->arena, "%.*s.%zu.", SLICE_ARG(field->json_name), index);
    if (!prefix)
        return ERROR_MEMORY;
    element->prefix = slice_from(prefix);
    list->count++;
    *out = element;
    return OK;
}

static struct value input_value(const void *state, const struct field *field)
{
    const struct action_run *run = state;
    return run->input.values[field->index];
}

/* Whether the caller's token or key reaches the action. */
static bool is_in_scope(const struct action_spec *action, const struct session *session)
{
    const uint64_t *scopes = session->caller.scopes;
    if (!scopes)
        return true;
    const struct schema *schema = session->model->schema;
    return bits_has(scopes, permission_of_action(schema, (size_t)(action - schema->actions)));
}

enum error action_run_admit(const struct action_spec *action, const struct action_run *run,
                            const struct session *session)
{
    struct expr_context context = session_context(session);
    if (run) {
        context.input = input_value;
        context.input_state = run;
    }
    if (!is_in_scope(action, session))
        return ERROR_FORBIDDEN;
    enum expr_verdict verdict = action->is_allowed ? expr_decide(action->allow, &context) : EXPR_FALSE;
    if (verdict == EXPR_TRUE || (verdict == EXPR_UNDECIDED && !run))
        return OK;
    return session->caller.is_signed_in ? ERROR_FORBIDDEN : ERROR_UNAUTHORIZED;
}

/* Does something with the input and with each object of its lists; ERROR_VALIDATION does not end it. */
typedef enum error visit(struct change *change, struct session *session, void *argument);

static enum error visit_all(struct action_run *run, struct session *session, visit *body, void *argument)
{
    enum error verdict = body(&run->input, session, argument);
    if (verdict != OK && verdict != ERROR_VALIDATION)
        return verdict;
    for (size_t i = 0; i < run->action->input->field_count; i++)
        for (size_t j = 0; j < run->lists[i].count; j++) {
            enum error error = body(&run->lists[i].elements[j], session, argument);
            if (error != OK && error != ERROR_VALIDATION)
                return error;
            if (error != OK)
                verdict = error;
        }
    return verdict;
}

static enum error count_passwords(struct change *change, struct session *session, void *argument)
{
    return change_count_passwords(change, session, argument);
}

static enum error prepare(struct change *change, struct session *session, void *argument)
{
    return change_prepare(change, session);
}

struct sorting {
    const struct change *elements;
    const struct field *field;
};

/* Objects that are alike stay in the order in which they were sent. */
static int compare_elements(const void *left, const void *right, void *argument)
{
    const struct sorting *sorting = argument;
    size_t a = *(const size_t *)left, b = *(const size_t *)right, member = sorting->field->index;
    int order =
        type_compare(&sorting->field->type, sorting->elements[a].values[member], sorting->elements[b].values[member]);
    return order ? order : (a > b) - (a < b);
}

static enum error sort_list(struct action_list *list, const struct field *order, struct arena *arena)
{
    size_t *places = arena_array(arena, list->count, sizeof *places);
    struct change *sorted = arena_array(arena, list->count, sizeof *sorted);
    struct sorting sorting = {list->elements, order};
    if (!places || !sorted)
        return ERROR_MEMORY;
    for (size_t i = 0; i < list->count; i++)
        places[i] = i;
    qsort_r(places, list->count, sizeof *places, compare_elements, &sorting);
    for (size_t i = 0; i < list->count; i++)
        sorted[i] = list->elements[places[i]];
    *list = (struct action_list){sorted, list->count, list->count};
    return OK;
}

enum error action_run_prepare(struct action_run *run, struct session *session)
{
    const struct resource *input = run->action->input;
    size_t passwords = 0;
    TRY(visit_all(run, session, count_passwords, &passwords));
    TRY(visit_all(run, session, prepare, NULL));
    for (size_t i = 0; i < input->field_count; i++)
        if (input->fields[i].type.order)
            TRY(sort_list(&run->lists[i], input->fields[i].type.order, session->arena));
    return OK;
}

/* ---- references ---- */

static bool is_in_path(const struct action_spec *action, const struct field *field)
{
    for (size_t i = 0; i < action->in_path_count; i++)
        if (action->in_path[i] == field)
            return true;
    return false;
}

/* A path that leads to no row is a 404, and tells nothing more. */
static enum error check_path(struct action_run *run, struct session *session, const struct field *field)
{
    struct diag scratch;
    struct diag *own = session->diag;
    diag_init(&scratch, session->arena);
    session->diag = &scratch;
    enum error error = reference_check(session, field, run->input.values[field->index], SLICE(""));
    session->diag = own;
    return error == OK && scratch.count > 0 ? ERROR_NOT_FOUND : error;
}

static enum error check_references(struct change *change, struct session *session, void *argument)
{
    struct action_run *run = argument;
    for (size_t i = 0; i < change->resource->field_count; i++) {
        const struct field *field = &change->resource->fields[i];
        if (field->type.kind != FIELD_REFERENCE)
            continue;
        if (is_in_path(run->action, field))
            TRY(check_path(run, session, field));
        else
            TRY(reference_check(session, field, change->values[i], change->prefix));
    }
    return OK;
}

/* ---- arguments ---- */

/* The row of an earlier step that a step sees the given time: the one it is run for, the one of the same time if both
 * are run for the same, or else the first. NULL: there was none. */
static const struct value *kept_row(const struct running *running, size_t index, size_t time,
                                    const struct action_step *step)
{
    const struct kept *kept = &running->kept[index];
    const struct action_step *earlier = &running->run->action->steps[index];
    if (step->each.step == earlier)
        return kept->all[time];
    bool is_in_step =
        action_step_is_repeated(step) && step->each.list == earlier->each.list && step->each.step == earlier->each.step;
    size_t place = is_in_step ? time : 0;
    return place < kept->times ? kept->first[place] : NULL;
}

static enum error kept_value(const struct running *running, const struct action_parameter *parameter, size_t time,
                             const struct action_step *step, struct value *out)
{
    const struct kept *kept = &running->kept[parameter->step];
    const struct value *row = kept_row(running, parameter->step, time, step);
    *out = VALUE_NOTHING;
    if (!row)
        return OK;
    for (unsigned i = 0; i < kept->column_count; i++)
        if (slice_eq(kept->names[i], parameter->column)) {
            *out = row[i];
            return OK;
        }
    diag_say(running->session->diag, NULL, "a step of the action returns no column \"%.*s\"",
             SLICE_ARG(parameter->column));
    return ERROR_INTERNAL;
}

static enum error make_uuid(struct session *session, struct value *out)
{
    char *text = arena_alloc(session->arena, UUID_TEXT_BYTES);
    if (!text)
        return ERROR_MEMORY;
    TRY(uuid_generate(session->core->uuids, session->now_us / 1000, session->core->random, text));
    *out = value_text(slice_of(text, UUID_TEXT_BYTES));
    return OK;
}

static enum error argument_of(struct running *running, const struct action_step *step, size_t time,
                              const struct action_parameter *parameter, struct value *out)
{
    const struct action_run *run = running->run;
    const struct caller *caller = &running->session->caller;
    switch (parameter->source) {
    case ACTION_FROM_INPUT: *out = run->input.values[parameter->field->index]; return OK;
    case ACTION_FROM_ELEMENT:
        *out = run->lists[step->each.list->index].elements[time].values[parameter->field->index];
        return OK;
    case ACTION_FROM_AUTH_ID: *out = caller->id; return OK;
    case ACTION_FROM_AUTH_ROLE: *out = caller->role.len > 0 ? value_text(caller->role) : VALUE_NOTHING; return OK;
    case ACTION_FROM_NOW: *out = running->now; return OK;
    case ACTION_FROM_UUID: return make_uuid(running->session, out);
    case ACTION_FROM_STEP: return kept_value(running, parameter, time, step, out);
    }
    return ERROR_INTERNAL;
}

/* ---- rows ---- */

static enum error copy_value(struct arena *arena, struct value *value)
{
    if (value->kind != VALUE_TEXT && value->kind != VALUE_BLOB)
        return OK;
    value->text = arena_slice(arena, value->text);
    return value->text.ptr ? OK : ERROR_MEMORY;
}

static enum error keep_names(struct kept *kept, struct arena *arena, const struct db_rows *rows)
{
    kept->column_count = db_column_count(rows);
    kept->names = arena_array(arena, kept->column_count, sizeof *kept->names);
    if (!kept->names)
        return ERROR_MEMORY;
    for (unsigned i = 0; i < kept->column_count; i++) {
        kept->names[i] = arena_slice(arena, db_column_name(rows, i));
        if (!kept->names[i].ptr)
            return ERROR_MEMORY;
    }
    return OK;
}

static enum error keep_row(struct kept *kept, size_t time, struct arena *arena, const struct db_rows *rows)
{
    if (!kept->names)
        TRY(keep_names(kept, arena, rows));
    struct value *values = arena_array(arena, kept->column_count, sizeof *values);
    if (!values)
        return ERROR_MEMORY;
    for (unsigned i = 0; i < kept->column_count; i++) {
        values[i] = db_column(rows, i);
        TRY(copy_value(arena, &values[i]));
    }
    if (!kept->first[time])
        kept->first[time] = values;
    struct value **all = arena_grow(arena, kept->all, kept->count, &kept->capacity, sizeof *kept->all);
    if (!all)
        return ERROR_MEMORY;
    kept->all = all;
    kept->all[kept->count++] = values;
    return OK;
}

static enum error describe(struct running *running, size_t index, const struct db_rows *rows)
{
    struct shown *shown = &running->shown[index];
    const struct session *session = running->session;
    TRY(action_column_describe(session, &running->run->action->steps[index], rows, &shown->columns, &shown->count));
    shown->values = arena_array(session->arena, shown->count, sizeof *shown->values);
    return shown->values ? OK : ERROR_MEMORY;
}

static enum error show_row(struct running *running, size_t index, const struct db_rows *rows)
{
    const struct action_run *run = running->run;
    struct shown *shown = &running->shown[index];
    if (!shown->columns)
        TRY(describe(running, index, rows));
    for (size_t i = 0; i < shown->count; i++)
        shown->values[i] = db_column(rows, (unsigned)i);
    const struct action_row row = {shown->columns, shown->count, shown->values};
    return run->row(run->state, index, &row);
}

static enum error take_row(struct running *running, size_t index, size_t time, size_t number,
                           const struct db_rows *rows)
{
    const struct action_run *run = running->run;
    const struct action_step *step = &run->action->steps[index];
    bool is_shown = step->is_answered && run->row;
    bool is_kept = step->is_gone_through || (step->is_referred_to && number == 0);
    if (is_shown && ++running->rows > ROWS_MAX) {
        diag_say(running->session->diag, NULL, "the answer has more than %d rows", ROWS_MAX);
        return ERROR_UNPROCESSABLE;
    }
    if (is_kept && running->kept[index].count == ROWS_MAX) {
        diag_say(running->session->diag, NULL, "a step has more than %d rows", ROWS_MAX);
        return ERROR_UNPROCESSABLE;
    }
    if (is_kept)
        TRY(keep_row(&running->kept[index], time, running->session->arena, rows));
    return is_shown ? show_row(running, index, rows) : OK;
}

static enum error take_rows(struct running *running, size_t index, size_t time, struct db_rows *rows, int64_t *count)
{
    for (*count = 0;; (*count)++) {
        bool has_row;
        TRY(db_next(rows, &has_row));
        if (!has_row)
            return OK;
        TRY(take_row(running, index, time, (size_t)*count, rows));
    }
}

/* ---- failures ---- */

/* The error that stands for a status: whether an answer may be replayed, or carries a challenge, depends on it. */
static enum error error_of_status(int status)
{
    static const enum error errors[] = {ERROR_VALIDATION,   ERROR_UNAUTHORIZED, ERROR_FORBIDDEN,
                                        ERROR_NOT_FOUND,    ERROR_CONFLICT,     ERROR_PRECONDITION_FAILED,
                                        ERROR_RATE_LIMITED, ERROR_UNAVAILABLE};
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (error_http_status(errors[i]) == status)
            return errors[i];
    return ERROR_UNPROCESSABLE;
}

static enum error fail(struct running *running, const struct action_step *step)
{
    const struct action_failure *failure = &step->failure;
    if (!step->has_failure) {
        diag_say(running->session->diag, NULL, "the state of the rows does not allow this");
        return ERROR_CONFLICT;
    }
    diag_name(running->session->diag, failure->code, failure->status);
    if (failure->sentence)
        diag_say(running->session->diag, NULL, "%s", failure->sentence);
    return error_of_status(failure->status);
}

/* A constraint of the database has refused the statement: where the action names a failure, it is that one. */
static enum error refuse(struct running *running, const struct action_step *step)
{
    if (step->has_failure)
        return fail(running, step);
    switch (db_fault(running->session->conn)->kind) {
    case DB_FAULT_UNIQUE: diag_say(running->session->diag, NULL, "a value is taken already"); break;
    case DB_FAULT_FOREIGN_KEY:
        diag_say(running->session->diag, NULL, "a row that is referred to is missing, or cannot go");
        break;
    default: diag_say(running->session->diag, NULL, "a value is not allowed by the database"); break;
    }
    return ERROR_CONFLICT;
}

/* ---- steps ---- */

static enum error execute(struct running *running, size_t index, size_t time, const struct value *arguments,
                          int64_t *count)
{
    const struct session *session = running->session;
    const struct statement *statement = &running->run->action->steps[index].statement;
    struct slice sql = statement->sql[db_dialect(session->model->db)];
    if (!statement->returns_rows)
        return db_execute(session->conn, sql, arguments, statement->name_count, count);
    struct db_rows *rows;
    TRY(db_query(session->conn, sql, arguments, statement->name_count, &rows));
    enum error error = take_rows(running, index, time, rows, count);
    db_rows_close(rows);
    return error;
}

static enum error run_once(struct running *running, size_t index, size_t time)
{
    const struct action_step *step = &running->run->action->steps[index];
    size_t arguments_count = step->statement.name_count;
    struct value *arguments = arena_array(running->session->arena, arguments_count, sizeof *arguments);
    int64_t count = 0;
    if (!arguments)
        return ERROR_MEMORY;
    for (size_t i = 0; i < arguments_count; i++)
        TRY(argument_of(running, step, time, &step->parameters[i], &arguments[i]));
    enum error error = execute(running, index, time, arguments, &count);
    if (error == ERROR_CONFLICT)
        return refuse(running, step);
    TRY(error);
    bool is_met = !step->has_expect || (count >= step->least && count <= step->most);
    return is_met ? OK : fail(running, step);
}

static size_t times_of(const struct running *running, const struct action_step *step)
{
    if (step->each.list)
        return running->run->lists[step->each.list->index].count;
    return step->each.step ? running->kept[step->each.step - running->run->action->steps].count : 1;
}

static enum error run_step(struct running *running, size_t index)
{
    struct action_run *run = running->run;
    const struct action_step *step = &run->action->steps[index];
    struct kept *kept = &running->kept[index];
    bool is_shown = step->is_answered && run->row;
    kept->times = times_of(running, step);
    kept->first = arena_array(running->session->arena, kept->times, sizeof *kept->first);
    if (!kept->first)
        return ERROR_MEMORY;
    if (is_shown)
        TRY(run->begin(run->state, index));
    for (size_t time = 0; time < kept->times; time++)
        TRY(run_once(running, index, time));
    if (kept->times > 0)
        TRY(session_note_statement(running->session, step->statement.sql[DIALECT_SQLITE]));
    return is_shown ? run->end(run->state, index) : OK;
}

enum error action_run_steps(struct action_run *run, struct session *session)
{
    struct running *running = arena_zalloc(session->arena, sizeof *running);
    char *now = arena_alloc(session->arena, TIMECODE_DATETIME_BYTES);
    if (!running || !now)
        return ERROR_MEMORY;
    timecode_format_datetime(session->now_us, now);
    running->run = run;
    running->session = session;
    running->now = value_text(slice_of(now, TIMECODE_DATETIME_BYTES));
    TRY(visit_all(run, session, check_references, run));
    if (session->diag->count > 0)
        return ERROR_VALIDATION;
    for (size_t i = 0; i < run->action->step_count; i++)
        TRY(run_step(running, i));
    return OK;
}
