/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/slice.h"

/* Logs as JSON, one line for each event:
 *     {"timestamp":"2026-01-02T03:04:05.678901Z","level":"info","message":"serving","port":8080}
 * The message is a constant sentence; everything that varies is a field. */

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum { LOG_LINE_BYTES_MAX = 64 * 1024 };

/* Takes whole lines, each with its newline. */
typedef enum error (*log_write_fn)(void *state, struct slice lines);

/* Where events of one core go. It is the core's own, so there is no lock; several may end in one file. */
struct log {
    enum log_level level; /* what is lower is not written */
    const struct clock *clock;
    log_write_fn write;
    void *state;
    const struct slice *redacted; /* keys, in any case, whose values nobody may see */
    size_t redacted_count;
    uint64_t lost;   /* lines that could not be written */
    struct buf line; /* reused */
};

enum log_kind { LOG_KIND_TEXT, LOG_KIND_INT, LOG_KIND_THOUSANDTHS, LOG_KIND_BOOL };

struct log_field {
    const char *key;
    enum log_kind kind;
    struct slice text;
    int64_t integer; /* also of THOUSANDTHS and BOOL */
};

#define LOG_STR(key_text, slice_value)                                                                                 \
    ((struct log_field){.key = (key_text), .kind = LOG_KIND_TEXT, .text = (slice_value)})
#define LOG_TEXT(key_text, c_string) LOG_STR(key_text, slice_from(c_string))
#define LOG_INT(key_text, int_value)                                                                                   \
    ((struct log_field){.key = (key_text), .kind = LOG_KIND_INT, .integer = (int_value)})
/* A count of thousandths, such as the microseconds of a "duration_ms": 1250 is 1.250. */
#define LOG_THOUSANDTHS(key_text, int_value)                                                                           \
    ((struct log_field){.key = (key_text), .kind = LOG_KIND_THOUSANDTHS, .integer = (int_value)})
#define LOG_BOOL(key_text, bool_value)                                                                                 \
    ((struct log_field){.key = (key_text), .kind = LOG_KIND_BOOL, .integer = (bool_value)})

/* LOG_INFO(log, "listening", LOG_TEXT("address", text), LOG_INT("port", 8080)); the fields are evaluated only when
 * the level is on. */
#define LOG_AT(log_, level_, message, ...)                                                                             \
    do {                                                                                                               \
        if (log_enabled(log_, level_))                                                                                 \
            log_event(log_, level_, message, (const struct log_field[]){{.key = NULL}, ##__VA_ARGS__} + 1,             \
                      sizeof((const struct log_field[]){{.key = NULL}, ##__VA_ARGS__}) / sizeof(struct log_field) -    \
                          1);                                                                                          \
    } while (0)
#define LOG_DEBUG(log_, ...) LOG_AT(log_, LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(log_, ...)  LOG_AT(log_, LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(log_, ...)  LOG_AT(log_, LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(log_, ...) LOG_AT(log_, LOG_LEVEL_ERROR, __VA_ARGS__)

/* Makes a log of LOG_LEVEL_INFO that hands each line to `write`. */
void log_init(struct log *log, const struct clock *clock, log_write_fn write, void *state);
void log_fini(struct log *log);
/* Keys whose values are written as "[redacted]"; borrowed for the life of the log. */
void log_redact(struct log *log, const struct slice *keys, size_t count);
/* Whether the values of a key are. */
bool log_redacts(const struct log *log, const char *key);
/* The level of a name, "debug", "info", "warn" or "error".
 * Errors: ERROR_PARSE. */
MUST_USE
enum error log_level_parse(struct slice name, enum log_level *out);

/* NULL is a log that writes nothing. */
static inline bool log_enabled(const struct log *log, enum log_level level)
{
    return log && level >= log->level;
}

/* Writes one event, whatever bytes its values hold. An event too long for a line loses its fields and says so. */
void log_event(struct log *log, enum log_level level, const char *message, const struct log_field *fields,
               size_t count);

/* A sink for log_init(): write(2) to the descriptor that `state`, an int *, points to. */
enum error log_write_fd(void *state, struct slice lines);

/* A sink that gathers lines for another one: for the access log, where a system call for each line costs too much. */
struct log_buffered {
    log_write_fn write;
    void *state;
    struct buf pending;
};

/* Gathers up to `limit_bytes` before it writes by itself. */
void log_buffered_init(struct log_buffered *buffered, size_t limit_bytes, log_write_fn write, void *state);
/* Frees the memory; flush first. */
void log_buffered_fini(struct log_buffered *buffered);
/* The sink for log_init(); `state` is the struct log_buffered. */
enum error log_buffered_write(void *state, struct slice lines);
/* Writes what has gathered: at the end of each turn of the loop.
 * Errors: those of the sink; what was gathered is gone. */
enum error log_buffered_flush(struct log_buffered *buffered);

#endif
