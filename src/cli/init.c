/* SPDX-License-Identifier: Apache-2.0 */
/* The first app file: small, commented, and right as it stands. Nothing that exists is overwritten. */
#include "cli/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char app_text[] =
    "# A Tenon app. Serve it:  tenon dev\n"
    "name: notes\n"
    "listen: 127.0.0.1:8080\n"
    "database: sqlite:data/notes.db\n"
    "\n"
    "resources:\n"
    "  notes:\n"
    "    fields:\n"
    "      title:  text(1..200) required\n"
    "      body:   text\n"
    "      status: enum(open, done) = open\n"
    "      due:    date\n"
    "    indexes:\n"
    "      - status, -created_at   # the newest of a status\n"
    "    search: [title, body]     # ?search=rain\n"
    "    access: {all: true}       # everybody may do everything: tighten it before strangers come\n";

static const char ignore_text[] = "/data/\n";

static enum command_exit complain(const struct command_line *line, const char *path)
{
    fprintf(stderr, "%s init: %s: %s\n", line->program, path, strerrordesc_np(errno));
    return COMMAND_FAILED;
}

static bool write_new(const char *path, const char *text, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return false;
    bool is_written = write(fd, text, length) == (ssize_t)length;
    return close(fd) == 0 && is_written;
}

enum command_exit init_run(const struct command_line *line)
{
    const char *folder = line->arguments[0] ? line->arguments[0] : ".";
    char path[1024];
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return complain(line, folder);
    snprintf(path, sizeof path, "%s/app.yaml", folder);
    if (!write_new(path, app_text, sizeof app_text - 1))
        return complain(line, path);
    printf("wrote %s\n", path);
    snprintf(path, sizeof path, "%s/.gitignore", folder);
    if (write_new(path, ignore_text, sizeof ignore_text - 1))
        printf("wrote %s\n", path);
    else if (errno != EEXIST)
        return complain(line, path);
    printf("next: cd %s && %s dev\n", folder, line->program);
    return COMMAND_DONE;
}
