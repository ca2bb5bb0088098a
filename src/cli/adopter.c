/* SPDX-License-Identifier: Apache-2.0 */
/* adopt: the app file goes to standard output or to a new file, what there is to say about it to standard error. */
#include "cli/adopter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/adoption.h"
#include "base/arena.h"
#include "cli/report.h"

enum { ARENA_BYTES_MAX = 64 * 1024 * 1024, TEXT_BYTES_MAX = 64 * 1024 * 1024, BAR = 30 };

/* A bar that grows, on a terminal only. */
static void show_progress(void *state, size_t done, size_t count)
{
    static const char full[] = "##############################";
    const bool *is_terminal = state;
    int filled = count > 0 ? (int)(done * BAR / count) : BAR;
    if (*is_terminal)
        fprintf(stderr, "\r[%-*.*s] %zu of %zu tables%s", BAR, filled, full, done, count, done == count ? "\n" : "");
}

static bool find_access(const char *text, enum adoption_access *out)
{
    static const struct {
        const char *word;
        enum adoption_access access;
    } rows[] = {{"none", ADOPTION_ACCESS_NONE}, {"read", ADOPTION_ACCESS_READ}, {"all", ADOPTION_ACCESS_ALL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(text, rows[i].word) == 0) {
            *out = rows[i].access;
            return true;
        }
    return false;
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno != EINTR)
            return false;
        bytes += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

static enum command_exit complain(const struct command_line *line, const char *path, const char *hint)
{
    fprintf(stderr, "%s adopt: %s: %s%s\n", line->program, path, strerrordesc_np(errno), hint);
    return COMMAND_FAILED;
}

static enum command_exit put(const struct command_line *line, const struct buf *text)
{
    const char *path = line->output;
    if (!path)
        return write_all(STDOUT_FILENO, text->ptr, text->len) ? COMMAND_DONE : complain(line, "standard output", "");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return complain(line, path, errno == EEXIST ? "; nothing is overwritten: name another file" : "");
    bool is_written = write_all(fd, text->ptr, text->len);
    return close(fd) == 0 && is_written ? COMMAND_DONE : complain(line, path, "");
}

static void summarize(const struct command_line *line, const struct adoption_counts *counts)
{
    fprintf(stderr, "%zu tables and views served, %zu left out\n", counts->tables, counts->left_out);
    if (line->output)
        fprintf(stderr, "wrote %s; next: %s check %s\n", line->output, line->program, line->output);
}

enum command_exit adopter_run(const struct command_line *line)
{
    struct adoption adoption = {.url = line->arguments[0], .output = line->output, .progress = show_progress};
    bool is_terminal = isatty(STDERR_FILENO);
    adoption.progress_state = &is_terminal;
    if (!adoption.url) {
        fprintf(stderr, "%s adopt: name a database, as in sqlite:shop.db or postgres://user@host/shop\n",
                line->program);
        return COMMAND_USAGE;
    }
    if (line->access && !find_access(line->access, &adoption.access)) {
        fprintf(stderr, "%s adopt: --access is none, read or all\n", line->program);
        return COMMAND_USAGE;
    }
    if (line->output && access(line->output, F_OK) == 0) {
        errno = EEXIST;
        return complain(line, line->output, "; nothing is overwritten: name another file");
    }
    struct arena arena;
    struct diag diag;
    struct buf text;
    struct adoption_counts counts;
    arena_init(&arena, ARENA_BYTES_MAX);
    diag_init(&diag, &arena);
    buf_init(&text, TEXT_BYTES_MAX);
    enum error error = adoption_write(&adoption, &diag, &text, &counts);
    enum command_exit exit = error == OK ? put(line, &text) : COMMAND_FAILED;
    report_print(stderr, &diag, error);
    if (exit == COMMAND_DONE)
        summarize(line, &counts);
    buf_fini(&text);
    arena_fini(&arena);
    return exit;
}
