/* SPDX-License-Identifier: Apache-2.0 */
/* copy: the result goes to standard output, how far it is to standard error: a bar on a terminal, else a line for each
 * table. */
#include "cli/copy.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/copier.h"
#include "base/clock.h"
#include "base/jsonwrite.h"
#include "cli/progress.h"
#include "cli/report.h"

enum { ARENA_BYTES_MAX = 512 * 1024 * 1024, TEXT_BYTES_MAX = 16 * 1024 * 1024 };

struct display {
    struct progress bar;
    int64_t began_us;
    enum transfer_phase phase;
};

static int64_t now_us(void)
{
    return clock_monotonic_us(clock_system());
}

/* `state` is the display; called by whichever thread copies. */
static void show_progress(void *state, const struct transfer_progress *progress)
{
    static const char *const words[] = {
        [TRANSFER_COPY] = "copying", [TRANSFER_FINISH] = "finishing", [TRANSFER_VERIFY] = "verifying"};
    struct display *display = state;
    char label[64];
    if (progress->phase == TRANSFER_COPY && progress->is_table_done && !display->bar.is_shown)
        fprintf(stderr, "copied %.*s: %" PRId64 " rows\n", SLICE_ARG(progress->table), progress->table_rows);
    if (progress->phase != display->phase) {
        (void)progress_end(&display->bar);
        progress_begin(&display->bar);
        display->phase = progress->phase;
    }
    snprintf(label, sizeof label, "%s %.*s", words[progress->phase], SLICE_ARG(progress->table));
    progress_draw(&display->bar, slice_from(label), progress->phase == TRANSFER_FINISH ? "statements" : "rows",
                  progress->done, progress->total);
}

static void print_table(const struct transfer_report *report, double seconds)
{
    int widest = 5;
    for (size_t i = 0; i < report->count; i++)
        widest = (int)report->tables[i].name.len > widest ? (int)report->tables[i].name.len : widest;
    printf("%-*s  %12s  %s\n", widest, "table", "rows", "checksum, the same on both sides");
    for (size_t i = 0; i < report->count; i++)
        printf("%-*.*s  %12" PRId64 "  %s\n", widest, SLICE_ARG(report->tables[i].name), report->tables[i].rows,
               report->tables[i].checksum);
    printf("copied %" PRId64
           " rows of %zu tables in %.1f s; what is written to the source from now on is not in the copy\n",
           report->rows, report->count, seconds);
}

static void print_json(const struct transfer_report *report, double seconds)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    buf_put_literal(&out, "{\"tables\":[");
    for (size_t i = 0; i < report->count; i++) {
        buf_put_text(&out, i > 0 ? ",{\"name\":" : "{\"name\":");
        jsonwrite_string(&out, report->tables[i].name);
        buf_put_literal(&out, ",\"rows\":");
        buf_put_int(&out, report->tables[i].rows);
        buf_put_literal(&out, ",\"checksum\":");
        jsonwrite_string(&out, slice_from(report->tables[i].checksum));
        buf_put_byte(&out, '}');
    }
    buf_put_literal(&out, "],\"rows\":");
    buf_put_int(&out, report->rows);
    buf_put_literal(&out, ",\"seconds\":");
    buf_printf(&out, "%.3f}\n", seconds);
    fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
}

static void print_outcome(const struct command_line *line, const struct transfer_report *report,
                          const struct diag *diag, enum error error, double seconds)
{
    if (error != OK && line->is_json)
        report_print_json(stdout, diag, error);
    else
        report_print_outcome(stderr, diag, error);
    if (error == OK && line->is_json)
        print_json(report, seconds);
    else if (error == OK)
        print_table(report, seconds);
}

enum command_exit copy_run(const struct command_line *line)
{
    struct arena arena;
    struct diag diag;
    struct transfer_report report = {0};
    struct display display = {.began_us = now_us()};
    if (line->argument_count < 2) {
        fprintf(stderr, "%s copy: say what to copy from and to, such as: %s copy sqlite:data/app.db postgres://…\n",
                line->program, line->program);
        return COMMAND_USAGE;
    }
    const struct copier_options options = {.app_path =
                                               line->arguments[2] ? line->arguments[2] : line->running->app_path,
                                           .from = line->arguments[0],
                                           .to = line->arguments[1],
                                           .is_unlocked = line->is_unlocked,
                                           .on_progress = show_progress,
                                           .state = &display};
    arena_init(&arena, ARENA_BYTES_MAX);
    diag_init(&diag, &arena);
    progress_begin(&display.bar);
    enum error error = copier_run(&options, &arena, &diag, &report);
    (void)progress_end(&display.bar);
    print_outcome(line, &report, &diag, error, (double)(now_us() - display.began_us) / 1e6);
    arena_fini(&arena);
    return error == OK ? COMMAND_DONE : COMMAND_FAILED;
}
