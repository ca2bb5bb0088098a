/* SPDX-License-Identifier: Apache-2.0 */
/* Reads logs for svc/audit_trail.c, line by line, and puts what it finds into words. */
#include "app/auditor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/settings.h"
#include "base/digest.h"
#include "base/log.h"
#include "data/db.h"
#include "model/secret.h"
#include "svc/audit_trail.h"

/* A longer line is not one of the log's. */
enum { ROOM_BYTES = 2 * LOG_LINE_BYTES_MAX, READ_BYTES = LOG_LINE_BYTES_MAX };

struct job {
    const struct auditor_options *options;
    struct arena *arena;
    struct diag *diag;
    struct auditor_finding *findings;
    size_t capacity;
    struct auditor_report report;
    struct audit_trail trail;
    bool is_out_of_memory;
    char *room; /* ROOM_BYTES, the beginning of a line */
    size_t used;
    bool is_skipping; /* the rest of a line that was too long */
    struct audit_trail_place place;
    int64_t done_bytes, total_bytes;
};

/* ---- findings ---- */

static const char *message_of(struct arena *arena, const struct audit_trail_finding *found)
{
    unsigned long long from = found->from, to = found->to;
    switch (found->kind) {
    case AUDIT_TRAIL_CHANGED: return "changed, or written by somebody without the key";
    case AUDIT_TRAIL_MISSING:
        return from == to ? arena_printf(arena, "line %llu of its chain is missing before it", from)
                          : arena_printf(arena, "lines %llu to %llu of its chain are missing before it", from, to);
    case AUDIT_TRAIL_OUT_OF_ORDER: return arena_printf(arena, "line %llu of its chain stands behind later ones", from);
    case AUDIT_TRAIL_REPEATED: return arena_printf(arena, "line %llu of its chain was there before", from);
    case AUDIT_TRAIL_NOT_BEGUN:
        return arena_printf(arena, "its chain begins before these logs, %llu line%s earlier", to - from + 1,
                            to == from ? "" : "s");
    case AUDIT_TRAIL_NOT_ENDED: return "its chain has no end here: it may run still, or go on in another log";
    default: return "";
    }
}

static void take_finding(void *state, const struct audit_trail_finding *found)
{
    struct job *job = state;
    bool is_end = found->kind == AUDIT_TRAIL_NOT_BEGUN || found->kind == AUDIT_TRAIL_NOT_ENDED;
    bool is_error = !is_end || job->options->is_complete;
    job->report.errors += is_error;
    job->report.notes += !is_error;
    if (job->report.count == AUDITOR_FINDINGS_MAX)
        return;
    struct auditor_finding *findings =
        arena_grow(job->arena, job->findings, job->report.count, &job->capacity, sizeof *findings);
    struct auditor_finding finding = {.kind = audit_trail_kind_name(found->kind),
                                      .message = message_of(job->arena, found),
                                      .file = found->place.file,
                                      .line = found->place.line,
                                      .chain_id = arena_slice(job->arena, found->chain_id),
                                      .from = found->from,
                                      .to = found->to,
                                      .is_error = is_error};
    if (!findings || !finding.message || !finding.chain_id.ptr) {
        job->is_out_of_memory = true;
        return;
    }
    findings[job->report.count++] = finding;
    job->findings = findings;
}

/* ---- reading ---- */

static enum error fail(struct job *job, const char *file)
{
    diag_say(job->diag, NULL, "%s: %s", file, strerrordesc_np(errno));
    return errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO;
}

static enum error take_line(struct job *job, struct slice line)
{
    job->place.line++;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    TRY(audit_trail_read(&job->trail, line, job->place));
    return job->is_out_of_memory ? ERROR_MEMORY : OK;
}

/* Takes the whole lines out of the room. */
static enum error take_lines(struct job *job)
{
    struct slice rest = slice_of(job->room, job->used);
    for (size_t end; (end = slice_index(rest, '\n')) < rest.len; rest = slice_from_index(rest, end + 1)) {
        if (job->is_skipping)
            job->place.line++;
        else
            TRY(take_line(job, slice_of(rest.ptr, end)));
        job->is_skipping = false;
    }
    memmove(job->room, rest.ptr, rest.len);
    job->used = rest.len;
    if (job->used > ROOM_BYTES - READ_BYTES) {
        job->is_skipping = true;
        job->used = 0;
    }
    return OK;
}

static enum error read_all(struct job *job, int fd, const char *file)
{
    for (;;) {
        ssize_t count = read(fd, job->room + job->used, READ_BYTES);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fail(job, file);
        if (count == 0)
            break;
        job->used += (size_t)count;
        job->done_bytes += count;
        TRY(take_lines(job));
        if (job->options->on_progress)
            job->options->on_progress(job->options->state, file, job->done_bytes, job->total_bytes);
    }
    struct slice last = slice_of(job->room, job->used);
    job->used = 0;
    return last.len > 0 && !job->is_skipping ? take_line(job, last) : OK;
}

static enum error read_file(struct job *job, const char *file)
{
    bool is_standard = strcmp(file, "-") == 0;
    int fd = is_standard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(job, file);
    job->place = (struct audit_trail_place){is_standard ? "standard input" : file, 0};
    job->is_skipping = false;
    enum error error = read_all(job, fd, job->place.file);
    if (!is_standard)
        close(fd);
    return error;
}

static int64_t size_of_all(const struct auditor_options *options)
{
    int64_t total = 0;
    struct stat status;
    for (size_t i = 0; i < options->file_count; i++)
        if (strcmp(options->files[i], "-") == 0 || stat(options->files[i], &status) != 0)
            return 0;
        else
            total += status.st_size;
    return total;
}

static enum error read_logs(struct job *job)
{
    job->room = malloc(ROOM_BYTES);
    if (!job->room)
        return ERROR_MEMORY;
    enum error error = OK;
    for (size_t i = 0; i < job->options->file_count && error == OK; i++)
        error = read_file(job, job->options->files[i]);
    free(job->room);
    return error;
}

static enum error judge(struct job *job, const struct hmac_key *key)
{
    job->total_bytes = size_of_all(job->options);
    audit_trail_init(&job->trail, key, job->arena, take_finding, job);
    enum error error = read_logs(job);
    if (error == OK)
        audit_trail_end(&job->trail);
    job->report.lines = job->trail.lines;
    job->report.good = job->trail.good;
    job->report.chains = map_count(&job->trail.chains);
    job->report.findings = job->findings;
    audit_trail_fini(&job->trail);
    return error == OK && job->is_out_of_memory ? ERROR_MEMORY : error;
}

/* ---- the key ---- */

static enum error find_key(struct db *db, struct diag *diag, char key[AUDIT_KEY_BYTES])
{
    bool found;
    TRY(secret_find(db, "audit", key, AUDIT_KEY_BYTES, &found));
    if (!found)
        diag_say(diag, "a server whose app file has accounts or keys makes it when it starts; is this its database?",
                 "the database has no key for audit trails");
    return found ? OK : ERROR_NOT_FOUND;
}

static enum error fetch_key(const struct auditor_options *options, struct arena *arena, struct diag *diag,
                            struct hmac_key **out)
{
    struct settings settings = {0};
    struct db *db;
    char key[AUDIT_KEY_BYTES];
    enum error error = settings_load(options->app_path, arena, diag, &settings);
    if (error == OK) {
        const struct db_config config = {.url = options->database ? options->database : settings.database.url,
                                         .directory = settings.directory,
                                         .pool = settings.database.pool,
                                         .must_exist = true,
                                         .name = "tenon audit"};
        error = db_open(&config, diag, &db);
    }
    if (error == OK) {
        error = db_figures(db).is_down ? ERROR_UNAVAILABLE : find_key(db, diag, key);
        db_close(db);
    }
    settings_fini(&settings);
    if (error == OK)
        error = digest_hmac_create(slice_of(key, sizeof key), out);
    explicit_bzero(key, sizeof key);
    return error;
}

enum error auditor_run(const struct auditor_options *options, struct arena *arena, struct diag *diag,
                       struct auditor_report *out)
{
    struct hmac_key *key;
    struct job *job = arena_zalloc(arena, sizeof *job);
    if (!job)
        return ERROR_MEMORY;
    job->options = options;
    job->arena = arena;
    job->diag = diag;
    TRY(fetch_key(options, arena, diag, &key));
    enum error error = judge(job, key);
    digest_hmac_destroy(key);
    if (error == OK)
        *out = job->report;
    return error;
}
