/* SPDX-License-Identifier: Apache-2.0 */
/* Why a request is allowed or denied, for people and for programs. */
#include "cli/reasons.h"

#include <stdio.h>

#include "app/why.h"
#include "base/jsonwrite.h"
#include "cli/report.h"
#include "cli/shown.h"

enum { ARENA_BYTES_MAX = 256 * 1024 * 1024, TEXT_BYTES_MAX = 16 * 1024 * 1024 };

static const char *const verdict_names[] = {[EXPR_FALSE] = "false", [EXPR_TRUE] = "true", [EXPR_UNDECIDED] = "open"};

/* ---- for people ---- */

static void put_names(struct buf *out, const char *label, const struct why_names *names)
{
    buf_put_text(out, label);
    for (size_t i = 0; i < names->count; i++)
        buf_printf(out, "%s%s", i > 0 ? ", " : "", names->items[i]);
    buf_put_text(out, names->count > 0 ? "\n" : "nothing\n");
}

static void put_who(struct buf *out, const struct why_report *report)
{
    buf_printf(out, "%s\nby:        %s%s%s\n", report->request, report->who, report->role ? ", role " : "",
               report->role ? report->role : "");
    if (report->holds_all)
        buf_put_literal(out, "holds:     everything\n");
    else
        put_names(out, "holds:     ", &report->permissions);
    if (report->is_narrowed)
        put_names(out, "scopes:    ", &report->scopes);
}

static void put_clause(struct buf *out, const struct why_clause *clause)
{
    buf_printf(out, "     %-5s  %s", verdict_names[clause->verdict], clause->text);
    for (size_t i = 0; i < clause->value_count; i++)
        buf_printf(out, "%s%s = %s", i > 0 ? ", " : "    [", clause->values[i].name, clause->values[i].json);
    buf_put_text(out, clause->value_count > 0 ? "]\n" : "\n");
}

static void put_condition(struct buf *out, const struct why_rule *rule)
{
    if (!rule->sql)
        return;
    buf_printf(out, "   SQL: %s\n", rule->sql);
    for (size_t i = 0; i < rule->argument_count; i++) {
        buf_printf(out, "   argument %zu: ", i + 1);
        shown_value(out, &rule->arguments[i]);
        buf_put_byte(out, '\n');
    }
}

static void put_rule(struct buf *out, const struct why_rule *rule)
{
    static const char *const joins[] = {
        [EXPR_JOIN_NONE] = "", [EXPR_JOIN_ALL] = "   all of\n", [EXPR_JOIN_ANY] = "   any of\n"};
    buf_printf(out, "\n%s, asked of %s", rule->subject, rule->about);
    if (rule->place.file)
        buf_printf(out, " (%s:%u)", rule->place.file, rule->place.line);
    buf_put_byte(out, '\n');
    for (size_t i = 0; i < rule->other_count; i++)
        buf_printf(out, "   not for this caller: %s (%s:%u)\n", rule->others[i].whose, rule->others[i].place.file,
                   rule->others[i].place.line);
    if (rule->whose)
        buf_printf(out, "   for %s\n", rule->whose);
    buf_put_text(out, joins[rule->join]);
    for (size_t i = 0; i < rule->clause_count; i++)
        put_clause(out, &rule->clauses[i]);
    if (rule->text && rule->clause_count == 0)
        buf_printf(out, "     %-5s  %s\n", verdict_names[rule->verdict], rule->text);
    put_condition(out, rule);
}

static void put_report(struct buf *out, const struct why_report *report)
{
    put_who(out, report);
    for (const struct why_rule *rule = report->rules; rule; rule = rule->next)
        put_rule(out, rule);
    buf_printf(out, "\n%d: %s\n", report->status, report->reason);
    if (report->has_fields)
        put_names(out, "may read:  ", &report->readable);
    if (report->has_fields && report->writable.items)
        put_names(out, "may write: ", &report->writable);
}

/* ---- for programs ---- */

static void put_json_names(struct buf *out, const char *key, const struct why_names *names, bool is_there)
{
    buf_put_text(out, key);
    if (!is_there) {
        jsonwrite_null(out);
        return;
    }
    buf_put_byte(out, '[');
    for (size_t i = 0; i < names->count; i++)
        shown_member(out, i > 0 ? "," : "", names->items[i]);
    buf_put_byte(out, ']');
}

static void put_json_place(struct buf *out, const struct why_place *place)
{
    shown_member(out, ",\"file\":", place->file);
    buf_printf(out, ",\"line\":%u", place->line);
}

static void put_json_clause(struct buf *out, const struct why_clause *clause)
{
    shown_member(out, "{\"text\":", clause->text);
    shown_member(out, ",\"outcome\":", verdict_names[clause->verdict]);
    shown_member(out, ",\"decidedBy\":",
                 clause->verdict == EXPR_UNDECIDED ? NULL
                 : clause->is_of_caller            ? "caller"
                                                   : "row");
    buf_put_literal(out, ",\"values\":{");
    for (size_t i = 0; i < clause->value_count; i++) {
        shown_member(out, i > 0 ? "," : "", clause->values[i].name);
        buf_printf(out, ":%s", clause->values[i].json);
    }
    buf_put_literal(out, "}}");
}

static void put_json_others(struct buf *out, const struct why_rule *rule)
{
    buf_put_literal(out, ",\"others\":[");
    for (size_t i = 0; i < rule->other_count; i++) {
        shown_member(out, i > 0 ? ",{\"for\":" : "{\"for\":", rule->others[i].whose);
        put_json_place(out, &rule->others[i].place);
        buf_put_byte(out, '}');
    }
    buf_put_byte(out, ']');
}

static void put_json_rule(struct buf *out, const struct why_rule *rule)
{
    static const char *const joins[] = {[EXPR_JOIN_NONE] = NULL, [EXPR_JOIN_ALL] = "all", [EXPR_JOIN_ANY] = "any"};
    shown_member(out, "{\"subject\":", rule->subject);
    shown_member(out, ",\"about\":", rule->about);
    put_json_place(out, &rule->place);
    shown_member(out, ",\"for\":", rule->whose);
    shown_member(out, ",\"rule\":", rule->text);
    put_json_others(out, rule);
    shown_member(out, ",\"join\":", joins[rule->join]);
    buf_put_literal(out, ",\"clauses\":[");
    for (size_t i = 0; i < rule->clause_count; i++) {
        buf_put_text(out, i > 0 ? "," : "");
        put_json_clause(out, &rule->clauses[i]);
    }
    shown_member(out, "],\"outcome\":", verdict_names[rule->verdict]);
    shown_member(out, ",\"sql\":", rule->sql);
    buf_put_literal(out, ",\"arguments\":[");
    for (size_t i = 0; i < rule->argument_count; i++) {
        buf_put_text(out, i > 0 ? "," : "");
        shown_json(out, &rule->arguments[i]);
    }
    buf_put_literal(out, "]}");
}

static void put_json(struct buf *out, const struct why_report *report)
{
    shown_member(out, "{\"request\":", report->request);
    shown_member(out, ",\"by\":", report->who);
    shown_member(out, ",\"role\":", report->role);
    put_json_names(out, ",\"holds\":", &report->permissions, true);
    put_json_names(out, ",\"scopes\":", &report->scopes, report->is_narrowed);
    buf_put_literal(out, ",\"rules\":[");
    for (const struct why_rule *rule = report->rules; rule; rule = rule->next) {
        buf_put_text(out, rule == report->rules ? "" : ",");
        put_json_rule(out, rule);
    }
    buf_printf(out, "],\"status\":%d", report->status);
    shown_member(out, ",\"reason\":", report->reason);
    put_json_names(out, ",\"mayRead\":", &report->readable, report->has_fields);
    put_json_names(out, ",\"mayWrite\":", &report->writable, report->has_fields && report->writable.items);
    buf_put_literal(out, "}\n");
}

static enum command_exit print(const struct command_line *line, const struct why_report *report)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    if (line->is_json)
        put_json(&out, report);
    else
        put_report(&out, report);
    fwrite(out.ptr, 1, out.len, stdout);
    bool failed = buf_failed(&out);
    buf_fini(&out);
    return failed ? COMMAND_FAILED : COMMAND_DONE;
}

enum command_exit reasons_why(const struct command_line *line)
{
    if (!line->arguments[0] || shown_is_unquoted(line)) {
        fprintf(stderr, "%s why: say which request, in quotes: 'PATCH /api/v1/markets/7'\n", line->program);
        return COMMAND_USAGE;
    }
    const struct why_options options = {.app_path = line->arguments[1] ? line->arguments[1] : line->running->app_path,
                                        .request = line->arguments[0],
                                        .as = line->as,
                                        .scopes = line->scopes};
    struct arena arena;
    struct diag diag;
    struct why_report report;
    arena_init(&arena, ARENA_BYTES_MAX);
    diag_init(&diag, &arena);
    enum error error = why_run(&options, &arena, &diag, &report);
    enum command_exit code = COMMAND_FAILED;
    if (error == OK)
        code = print(line, &report);
    else if (line->is_json)
        report_print_json(stdout, &diag, error);
    else
        report_print_outcome(stderr, &diag, error);
    arena_fini(&arena);
    return error == ERROR_PARSE ? COMMAND_USAGE : code;
}
