/* SPDX-License-Identifier: Apache-2.0 */
/* tenon audit: what was found goes to standard output, one line each, then what was read and whether all is well. */
#include "cli/audit_command.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/auditor.h"
#include "base/jsonwrite.h"
#include "cli/progress.h"
#include "cli/report.h"

enum { ARENA_BYTES_MAX = 1024 * 1024 * 1024, TEXT_BYTES_MAX = 16 * 1024 * 1024 };

static void show_progress(void *state, const char *file, int64_t done_bytes, int64_t total_bytes)
{
    progress_draw(state, slice_from(file), "bytes", done_bytes, total_bytes);
}

static bool is_well(const struct auditor_report *report)
{
    return report->errors == 0 && report->lines > 0;
}

static void print_finding(const struct auditor_finding *finding)
{
    printf("%s:%" PRIu64 ": %s%s", finding->file, finding->line, finding->is_error ? "" : "note: ", finding->message);
    if (finding->chain_id.len > 0)
        printf(" (chain %.*s)", SLICE_ARG(finding->chain_id));
    putchar('\n');
}

static void print_text(const struct auditor_report *report)
{
    for (size_t i = 0; i < report->count; i++)
        print_finding(&report->findings[i]);
    if (report->errors + report->notes > report->count)
        printf("and more: %" PRIu64 " in all\n", report->errors + report->notes);
    if (report->lines == 0)
        printf("there is no line of an audit trail in this log\n");
    else if (report->errors == 0)
        printf("%" PRIu64 " audit lines of %zu chain%s are as they were written\n", report->good, report->chains,
               report->chains == 1 ? "" : "s");
    else
        printf("%" PRIu64 " of %" PRIu64 " audit lines are as they were written; %" PRIu64 " finding%s\n", report->good,
               report->lines, report->errors, report->errors == 1 ? "" : "s");
}

static void put_finding(struct buf *out, const struct auditor_finding *finding)
{
    buf_put_literal(out, "{\"kind\":");
    jsonwrite_string(out, slice_from(finding->kind));
    buf_put_literal(out, ",\"file\":");
    jsonwrite_string(out, slice_from(finding->file));
    buf_printf(out, ",\"line\":%" PRIu64 ",\"chain\":", finding->line);
    jsonwrite_string(out, finding->chain_id);
    buf_printf(out, ",\"from\":%" PRIu64 ",\"to\":%" PRIu64 ",\"error\":%s,\"message\":", finding->from, finding->to,
               finding->is_error ? "true" : "false");
    jsonwrite_string(out, slice_from(finding->message));
    buf_put_byte(out, '}');
}

static void print_json(const struct auditor_report *report)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    buf_printf(&out,
               "{\"ok\":%s,\"lines\":%" PRIu64 ",\"verified\":%" PRIu64 ",\"chains\":%zu,\"errors\":%" PRIu64
               ",\"notes\":%" PRIu64 ",\"findings\":[",
               is_well(report) ? "true" : "false", report->lines, report->good, report->chains, report->errors,
               report->notes);
    for (size_t i = 0; i < report->count; i++) {
        if (i > 0)
            buf_put_byte(&out, ',');
        put_finding(&out, &report->findings[i]);
    }
    buf_put_literal(&out, "]}\n");
    fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
}

static void print_outcome(const struct command_line *line, const struct auditor_report *report, const struct diag *diag,
                          enum error error)
{
    if (error != OK && line->is_json)
        report_print_json(stdout, diag, error);
    else if (error != OK)
        report_print(stderr, diag, error);
    else if (line->is_json)
        print_json(report);
    else
        print_text(report);
}

enum command_exit audit_command_run(const struct command_line *line)
{
    static const char *const standard[] = {"-"};
    struct arena arena;
    struct diag diag;
    struct progress progress;
    struct auditor_report report = {0};
    const struct auditor_options options = {.app_path = line->app ? line->app : line->running->app_path,
                                            .database = line->database,
                                            .files = line->argument_count > 0 ? line->arguments : standard,
                                            .file_count = line->argument_count > 0 ? line->argument_count : 1,
                                            .is_complete = line->is_complete,
                                            .on_progress = show_progress,
                                            .state = &progress};
    arena_init(&arena, ARENA_BYTES_MAX);
    diag_init(&diag, &arena);
    progress_begin(&progress);
    enum error error = auditor_run(&options, &arena, &diag, &report);
    (void)progress_end(&progress);
    print_outcome(line, &report, &diag, error);
    arena_fini(&arena);
    return error == OK && is_well(&report) ? COMMAND_DONE : COMMAND_FAILED;
}
