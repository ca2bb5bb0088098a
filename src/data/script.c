/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting SQL text into statements.
 *
 * A semicolon ends a statement, except
 *   in parentheses, on PostgreSQL (CREATE RULE … DO (a; b));
 *   in the body of CREATE FUNCTION or PROCEDURE … BEGIN ATOMIC … END, where CASE counts as one more BEGIN (PostgreSQL
 *     manual, CREATE FUNCTION, sql_body; psql counts the same way);
 *   in CREATE TRIGGER on SQLite, which ends with the three tokens `; END ;` (sqlite.org/c3ref/complete.html).
 *
 * Invariants
 *   (1) the statements come in order and do not overlap; between two are only white space, comments and semicolons
 *   (2) what is left open is a fault, never a statement: half a file is not to be run */
#include "data/script.h"

/* What of a statement has been seen so far. */
struct shape {
    bool is_past_head; /* the words that say what it is are over */
    bool is_create;    /* CREATE [OR REPLACE] or CREATE [TEMP] so far */
    bool is_routine;   /* PostgreSQL's function or procedure */
    bool is_trigger;   /* SQLite's */
    size_t depth;      /* of parentheses */
    size_t blocks;     /* BEGIN ATOMIC, and what is in it */
    unsigned opened;   /* the line of what was opened last */
    bool after_begin;  /* the token before was BEGIN */
    unsigned end_step; /* how much of `; END` the last tokens were */
};

void script_init(struct script *script, struct slice text, enum dialect dialect)
{
    *script = (struct script){.fault = NULL};
    sqltoken_init(&script->reader, text, dialect);
    script->start = script->reader.at;
}

static void see_head(struct shape *shape, const struct sqltoken *token, enum dialect dialect)
{
    static const char *const passed[] = {"or", "replace", "temp", "temporary", "explain", "query", "plan"};
    if (shape->is_past_head)
        return;
    for (size_t i = 0; i < ARRAY_LEN(passed); i++)
        if (sqltoken_is_word(token, passed[i]))
            return;
    if (sqltoken_is_word(token, "create") && !shape->is_create) {
        shape->is_create = true;
        return;
    }
    shape->is_past_head = true;
    if (!shape->is_create)
        return;
    shape->is_trigger = dialect == DIALECT_SQLITE && sqltoken_is_word(token, "trigger");
    shape->is_routine =
        dialect == DIALECT_POSTGRES && (sqltoken_is_word(token, "function") || sqltoken_is_word(token, "procedure"));
    shape->opened = token->line;
}

static void see_block(struct shape *shape, const struct sqltoken *token)
{
    bool is_begin = sqltoken_is_word(token, "begin");
    if (shape->blocks > 0) {
        if (is_begin || sqltoken_is_word(token, "case"))
            shape->blocks++;
        else if (sqltoken_is_word(token, "end"))
            shape->blocks--;
    } else if (shape->after_begin && sqltoken_is_word(token, "atomic")) {
        shape->blocks = 1;
        shape->opened = token->line;
    }
    shape->after_begin = is_begin;
}

static void see(struct shape *shape, const struct sqltoken *token, enum dialect dialect)
{
    see_head(shape, token, dialect);
    if (shape->is_trigger)
        shape->end_step = sqltoken_is_mark(token, ';')                             ? 1
                          : shape->end_step == 1 && sqltoken_is_word(token, "end") ? 2
                                                                                   : 0;
    if (dialect != DIALECT_POSTGRES)
        return;
    if (sqltoken_is_mark(token, '(') && shape->depth++ == 0 && shape->blocks == 0)
        shape->opened = token->line;
    else if (sqltoken_is_mark(token, ')') && shape->depth > 0)
        shape->depth--;
    if (shape->is_routine && shape->depth == 0)
        see_block(shape, token);
}

static const char *what_is_open(const struct shape *shape)
{
    if (shape->depth > 0)
        return "a parenthesis is not closed";
    if (shape->blocks > 0)
        return "BEGIN ATOMIC has no END";
    return shape->is_trigger && shape->end_step != 2 ? "a trigger has no END" : NULL;
}

static bool fail(struct script *script, const char *fault, unsigned line)
{
    script->fault = fault;
    script->fault_line = line;
    script->reader.at = script->reader.text.len;
    return false;
}

static void see_comment(const struct sqltoken_reader *reader, const struct sqltoken *token,
                        struct sqltoken_reader *comments)
{
    const char *begin = comments->text.ptr ? comments->text.ptr : token->text.ptr;
    if (!comments->text.ptr)
        *comments = (struct sqltoken_reader){.dialect = reader->dialect, .line = token->line};
    comments->text = slice_of(begin, (size_t)(token->text.ptr + token->text.len - begin));
}

bool script_next(struct script *script, struct script_statement *out)
{
    struct sqltoken_reader *reader = &script->reader;
    struct shape shape = {0};
    struct script_statement found = {.line = 0};
    unsigned before = reader->at > script->start ? reader->line : 0; /* the line where the statement before ends */
    size_t end = 0;
    for (;;) {
        struct sqltoken token;
        sqltoken_next(reader, &token);
        if (token.kind == SQLTOKEN_FAULT)
            return fail(script, token.fault, token.line);
        if (token.kind == SQLTOKEN_COMMENT) {
            if (found.line == 0 && token.line > before)
                see_comment(reader, &token, &found.comments);
            continue;
        }
        bool is_over = token.kind == SQLTOKEN_END || sqltoken_is_mark(&token, ';');
        if (is_over && found.line == 0 && token.kind != SQLTOKEN_END) {
            found.comments = (struct sqltoken_reader){.line = 0};
            before = token.line;
            continue;
        }
        if (token.kind == SQLTOKEN_END && found.line != 0 && what_is_open(&shape))
            return fail(script, what_is_open(&shape), shape.opened);
        if (token.kind == SQLTOKEN_END || (is_over && !what_is_open(&shape)))
            break;
        if (found.line == 0) {
            found.line = token.line;
            found.offset = token.offset;
        }
        see(&shape, &token, reader->dialect);
        end = token.offset + token.text.len;
    }
    if (found.line == 0)
        return false;
    found.text = slice_of(reader->text.ptr + found.offset, end - found.offset);
    *out = found;
    return true;
}

enum error script_finish(const struct script *script, const char *file, struct diag *diag)
{
    if (!script->fault)
        return OK;
    diag_at(diag, (struct place){file, script->fault_line, 0}, "close it; nothing of the file is run until then", "%s",
            script->fault);
    return ERROR_PARSE;
}

bool script_directive(struct sqltoken_reader *comments, struct slice *out)
{
    struct sqltoken token;
    for (sqltoken_next(comments, &token); token.kind == SQLTOKEN_COMMENT; sqltoken_next(comments, &token)) {
        struct slice line = token.text;
        if (line.ptr[0] != '-')
            continue;
        if (line.ptr[line.len - 1] == '\r')
            line.len--;
        line = slice_trim(slice_from_index(line, 2));
        if (!slice_starts(line, SLICE("tenon:")))
            continue;
        *out = slice_trim(slice_from_index(line, 6));
        return true;
    }
    return false;
}
