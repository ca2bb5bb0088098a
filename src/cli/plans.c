/* SPDX-License-Identifier: Apache-2.0 */
/* What a request asks of the database, for people and for programs. */
#include "cli/plans.h"

#include <stdio.h>

#include "app/explain.h"
#include "base/jsonwrite.h"
#include "cli/report.h"
#include "cli/shown.h"

enum { ARENA_BYTES_MAX = 512 * 1024 * 1024, TEXT_BYTES_MAX = 64 * 1024 * 1024 };

/* ---- for people ---- */

static void put_numbers(struct buf *out, const struct explain_statement *statement)
{
    buf_printf(out, "   rows: %s%lld scanned%s, %lld %s · %.3f ms\n", statement->scanned_is_estimate ? "about " : "",
               (long long)statement->scanned, statement->is_sorted ? " and sorted" : "", (long long)statement->returned,
               statement->is_count ? "counted" : "returned", (double)statement->elapsed_us / 1000);
}

static void put_statement(struct buf *out, const struct explain_statement *statement, unsigned number)
{
    buf_printf(out, "\n%u. %s%.*s\n   %.*s\n", number,
               statement->is_count            ? "count of "
               : statement->resource.len == 0 ? "statement"
                                              : "",
               SLICE_ARG(statement->resource), SLICE_ARG(statement->sql));
    for (size_t i = 0; i < statement->argument_count; i++) {
        buf_printf(out, "   argument %zu: ", i + 1);
        shown_value(out, &statement->arguments[i]);
        buf_put_byte(out, '\n');
    }
    buf_put_literal(out, "   plan:\n");
    for (size_t i = 0; i < statement->plan_count; i++)
        buf_printf(out, "     %s\n", statement->plan[i]);
    put_numbers(out, statement);
    if (statement->note)
        buf_printf(out, "   %s\n", statement->note);
}

static void put_advice(struct buf *out, const struct explain_advice *advice)
{
    buf_printf(out, "\nan index of %.*s would help: %s\n   - %s\n", SLICE_ARG(advice->resource), advice->reason,
               advice->index);
    if (advice->patch)
        buf_printf(out, "\n%s", advice->patch);
    else
        buf_printf(out, "   add it under `indexes:` of %.*s, which begins at %s:%u\n", SLICE_ARG(advice->resource),
                   advice->file ? advice->file : "", advice->line);
}

static void put_report(struct buf *out, const struct explain_report *report)
{
    unsigned number = 0;
    buf_printf(out, "answer: %d, %zu bytes\n", report->status, report->body.len);
    if (report->status >= 400)
        buf_printf(out, "%.*s\n", SLICE_ARG(report->body));
    for (const struct explain_statement *statement = report->statements; statement; statement = statement->next)
        put_statement(out, statement, ++number);
    for (const struct explain_advice *advice = report->advice; advice; advice = advice->next)
        put_advice(out, advice);
    if (!report->advice && number > 0)
        buf_put_literal(out, "\nno index is missing\n");
}

/* ---- for programs ---- */

static void put_json_statement(struct buf *out, const struct explain_statement *statement)
{
    buf_put_literal(out, "{\"resource\":");
    if (statement->resource.len > 0)
        jsonwrite_string(out, statement->resource);
    else
        jsonwrite_null(out);
    buf_put_literal(out, ",\"sql\":");
    jsonwrite_string(out, statement->sql);
    buf_put_literal(out, ",\"arguments\":[");
    for (size_t i = 0; i < statement->argument_count; i++) {
        buf_put_text(out, i > 0 ? "," : "");
        shown_json(out, &statement->arguments[i]);
    }
    buf_put_literal(out, "],\"plan\":[");
    for (size_t i = 0; i < statement->plan_count; i++)
        shown_member(out, i > 0 ? "," : "", statement->plan[i]);
    buf_printf(out, "],\"isCount\":%s,\"scanned\":%lld,\"scannedIsEstimate\":%s,\"returned\":%lld,\"isSorted\":%s",
               statement->is_count ? "true" : "false", (long long)statement->scanned,
               statement->scanned_is_estimate ? "true" : "false", (long long)statement->returned,
               statement->is_sorted ? "true" : "false");
    buf_printf(out, ",\"ms\":%.3f", (double)statement->elapsed_us / 1000);
    shown_member(out, ",\"note\":", statement->note);
    buf_put_byte(out, '}');
}

static void put_json_advice(struct buf *out, const struct explain_advice *advice)
{
    buf_put_literal(out, "{\"resource\":");
    jsonwrite_string(out, advice->resource);
    shown_member(out, ",\"index\":", advice->index);
    shown_member(out, ",\"reason\":", advice->reason);
    shown_member(out, ",\"file\":", advice->file);
    buf_printf(out, ",\"line\":%u", advice->line);
    shown_member(out, ",\"patch\":", advice->patch);
    buf_put_byte(out, '}');
}

static void put_json(struct buf *out, const struct explain_report *report)
{
    buf_printf(out, "{\"status\":%d,\"error\":", report->status);
    if (report->status >= 400)
        jsonwrite_string(out, report->body);
    else
        jsonwrite_null(out);
    buf_put_literal(out, ",\"statements\":[");
    for (const struct explain_statement *statement = report->statements; statement; statement = statement->next) {
        buf_put_text(out, statement == report->statements ? "" : ",");
        put_json_statement(out, statement);
    }
    buf_put_literal(out, "],\"advice\":[");
    for (const struct explain_advice *advice = report->advice; advice; advice = advice->next) {
        buf_put_text(out, advice == report->advice ? "" : ",");
        put_json_advice(out, advice);
    }
    buf_put_literal(out, "]}\n");
}

static enum command_exit print(const struct command_line *line, const struct explain_report *report)
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
    return failed || report->status >= 400 ? COMMAND_FAILED : COMMAND_DONE;
}

enum command_exit plans_explain(const struct command_line *line)
{
    if (!line->arguments[0] || shown_is_unquoted(line)) {
        fprintf(stderr, "%s explain: say which request, in quotes: 'GET /api/v1/markets?status=active'\n",
                line->program);
        return COMMAND_USAGE;
    }
    const struct explain_options options = {.app_path =
                                                line->arguments[1] ? line->arguments[1] : line->running->app_path,
                                            .request = line->arguments[0],
                                            .as = line->as,
                                            .extend = line->running->extend,
                                            .extend_state = line->running->extend_state};
    struct arena arena;
    struct diag diag;
    struct explain_report report;
    arena_init(&arena, ARENA_BYTES_MAX);
    diag_init(&diag, &arena);
    enum error error = explain_run(&options, &arena, &diag, &report);
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
