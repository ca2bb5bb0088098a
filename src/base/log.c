/* SPDX-License-Identifier: Apache-2.0 */
/* Structured logs: an event becomes one line of JSON and goes to a sink as a whole.
 *
 * Idea: a line cannot be forged. Keys, messages and values all pass through jsonwrite_string(), so no byte of a
 * request ends a line or a string, and what is not UTF-8 is replaced. Several cores may write to one file: a line is
 * one write(2), which the kernel appends as a whole in all but pathological cases.
 *
 * Secrets: a redacted key's value is never read. The list is short, so it is simply searched.
 */
#include "base/log.h"

#include <errno.h>
#include <unistd.h>

#include "base/jsonwrite.h"
#include "base/number.h"
#include "base/timecode.h"

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

void log_init(struct log *log, const struct clock *clock, log_write_fn write, void *state)
{
    *log = (struct log){.level = LOG_LEVEL_INFO, .clock = clock, .write = write, .state = state};
    buf_init(&log->line, LOG_LINE_BYTES_MAX);
}

void log_fini(struct log *log)
{
    buf_fini(&log->line);
}

void log_redact(struct log *log, const struct slice *keys, size_t count)
{
    log->redacted = keys;
    log->redacted_count = count;
}

enum error log_level_parse(struct slice name, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (!slice_eq_text(name, level_names[i]))
            continue;
        *out = (enum log_level)i;
        return OK;
    }
    return ERROR_PARSE;
}

bool log_redacts(const struct log *log, const char *key)
{
    for (size_t i = 0; i < log->redacted_count; i++)
        if (slice_eq_nocase(log->redacted[i], slice_from(key)))
            return true;
    return false;
}

static void put_key(struct buf *line, const char *key)
{
    buf_put_byte(line, ',');
    jsonwrite_string(line, slice_from(key));
    buf_put_byte(line, ':');
}

static void put_value(struct buf *line, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_KIND_TEXT: jsonwrite_string(line, field->text); break;
    case LOG_KIND_INT: jsonwrite_int(line, field->integer); break;
    case LOG_KIND_THOUSANDTHS: number_format_decimal(line, field->integer, 3); break;
    case LOG_KIND_BOOL: jsonwrite_bool(line, field->integer != 0); break;
    }
}

static void begin_line(struct log *log, enum log_level level, const char *message)
{
    char timestamp[TIMECODE_DATETIME_BYTES];
    timecode_format_datetime(clock_wall_us(log->clock), timestamp);
    buf_clear(&log->line);
    buf_put_literal(&log->line, "{\"timestamp\":\"");
    buf_put(&log->line, timestamp, sizeof timestamp);
    buf_put_literal(&log->line, "\",\"level\":\"");
    buf_put_text(&log->line, level_names[level]);
    buf_put_literal(&log->line, "\",\"message\":");
    jsonwrite_string(&log->line, slice_from(message));
}

void log_event(struct log *log, enum log_level level, const char *message, const struct log_field *fields, size_t count)
{
    if (!log_enabled(log, level))
        return;
    begin_line(log, level, message);
    for (size_t i = 0; i < count; i++) {
        put_key(&log->line, fields[i].key);
        if (log_redacts(log, fields[i].key))
            buf_put_literal(&log->line, "\"[redacted]\"");
        else
            put_value(&log->line, &fields[i]);
    }
    buf_put_literal(&log->line, "}\n");
    if (buf_failed(&log->line)) {
        begin_line(log, level, message);
        buf_put_literal(&log->line, ",\"fields\":\"[too long]\"}\n");
    }
    if (buf_failed(&log->line) || log->write(log->state, buf_slice(&log->line)) != OK)
        log->lost++;
}

enum error log_write_fd(void *state, struct slice lines)
{
    const int *fd = state;
    while (lines.len > 0) {
        ssize_t written = write(*fd, lines.ptr, lines.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return ERROR_IO;
        lines = slice_from_index(lines, (size_t)written);
    }
    return OK;
}

void log_buffered_init(struct log_buffered *buffered, size_t limit_bytes, log_write_fn write, void *state)
{
    *buffered = (struct log_buffered){.write = write, .state = state};
    buf_init(&buffered->pending, limit_bytes);
}

void log_buffered_fini(struct log_buffered *buffered)
{
    buf_fini(&buffered->pending);
}

enum error log_buffered_flush(struct log_buffered *buffered)
{
    struct slice lines = buf_slice(&buffered->pending);
    enum error error = lines.len > 0 ? buffered->write(buffered->state, lines) : OK;
    buf_clear(&buffered->pending);
    return error;
}

enum error log_buffered_write(void *state, struct slice lines)
{
    struct log_buffered *buffered = state;
    buf_put_slice(&buffered->pending, lines);
    if (!buf_failed(&buffered->pending))
        return OK;
    TRY(log_buffered_flush(buffered));
    buf_put_slice(&buffered->pending, lines);
    if (!buf_failed(&buffered->pending))
        return OK;
    buf_clear(&buffered->pending);
    return buffered->write(buffered->state, lines);
}
