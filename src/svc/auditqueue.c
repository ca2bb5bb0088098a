/* SPDX-License-Identifier: Apache-2.0 */
/* Events that wait for a log. Whoever deletes a row writes its line: of two servers that read the same row one deletes
 * it, so that no line is written twice. */
#include "svc/auditqueue.h"

#include <stdio.h>

#include "base/timecode.h"
#include "base/uuid.h"
#include "data/sql.h"
#include "model/model.h"

struct waiting {
    struct slice id, actor, subject;
    enum audit_kind kind;
    int64_t created_us;
};

static enum error put_row(struct session *session, const struct value *values, size_t count)
{
    static const struct slice columns[] = {SLICE_INIT("id"), SLICE_INIT("kind"), SLICE_INIT("actor"),
                                           SLICE_INIT("subject"), SLICE_INIT("created_us")};
    struct sql *sql = session_sql(session);
    sql_insert(sql, SLICE("_tenon_events"));
    for (size_t i = 0; i < count; i++) {
        sql_item(sql);
        sql_name(sql, columns[i]);
    }
    sql_values(sql);
    for (size_t i = 0; i < count; i++) {
        sql_item(sql);
        sql_bind(sql, SQL_ANY, values[i]);
    }
    sql_end_values(sql);
    return sql_execute(sql, session->conn, NULL);
}

enum error auditqueue_put(struct session *session, enum audit_kind kind, struct slice actor, struct slice subject)
{
    char id[UUID_TEXT_BYTES];
    TRY(uuid_generate(session->core->uuids, session->now_us / 1000, session->core->random, id));
    const struct value values[] = {value_text(slice_of(id, sizeof id)), value_text(slice_from(audit_kind_name(kind))),
                                   value_text(actor), value_text(subject), value_int(session->now_us)};
    return put_row(session, values, ARRAY_LEN(values));
}

/* ---- writing them ---- */

struct writing {
    struct audit *audit;
    int64_t limit;
    struct waiting *events;
    size_t count;
};

/* Of a name that read_all() has asked for. */
static enum audit_kind find_kind(struct slice name)
{
    int kind = 0;
    while (kind < AUDIT_KIND_COUNT - 1 && !slice_eq_text(name, audit_kind_name((enum audit_kind)kind)))
        kind++;
    return (enum audit_kind)kind;
}

static enum error copy(struct session *session, const struct db_rows *rows, unsigned column, struct slice *out)
{
    *out = arena_slice(session->arena, db_column(rows, column).text);
    return out->ptr ? OK : ERROR_MEMORY;
}

static enum error read_rows(struct session *session, struct db_rows *rows, struct writing *writing)
{
    size_t capacity = 0;
    for (;;) {
        bool has_row;
        TRY(db_next(rows, &has_row));
        if (!has_row)
            return OK;
        struct waiting event = {.created_us = db_column(rows, 4).integer};
        event.kind = find_kind(db_column(rows, 1).text);
        TRY(copy(session, rows, 0, &event.id));
        TRY(copy(session, rows, 2, &event.actor));
        TRY(copy(session, rows, 3, &event.subject));
        writing->events = arena_grow(session->arena, writing->events, writing->count, &capacity, sizeof event);
        if (!writing->events)
            return ERROR_MEMORY;
        writing->events[writing->count++] = event;
    }
}

static enum error read_all(struct session *session, struct writing *writing)
{
    struct db_rows *rows;
    struct sql *sql = session_sql(session);
    writing->events = NULL;
    writing->count = 0;
    sql_put(sql, "SELECT id, kind, actor, subject, created_us FROM _tenon_events WHERE kind IN (");
    for (int kind = 0; kind < AUDIT_KIND_COUNT; kind++) {
        buf_put_text(&sql->text, kind > 0 ? ", " : "");
        sql_bind(sql, SQL_TEXT, value_text(slice_from(audit_kind_name((enum audit_kind)kind))));
    }
    sql_put(sql, ") ORDER BY created_us, id");
    sql_limit(sql, writing->limit, 0);
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = read_rows(session, rows, writing);
    db_rows_close(rows);
    return error;
}

static enum error take(struct session *session, const struct waiting *event, bool *is_ours)
{
    int64_t changes = 0;
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_events WHERE id = ");
    sql_bind(sql, SQL_TEXT, value_text(event->id));
    TRY(sql_execute(sql, session->conn, &changes));
    *is_ours = changes == 1;
    return OK;
}

static enum error take_all(struct session *session, void *argument)
{
    struct writing *writing = argument;
    size_t kept = 0;
    TRY(read_all(session, writing));
    for (size_t i = 0; i < writing->count; i++) {
        bool is_ours;
        TRY(take(session, &writing->events[i], &is_ours));
        if (is_ours)
            writing->events[kept++] = writing->events[i];
    }
    writing->count = kept;
    return OK;
}

static void write_event(struct audit *audit, const struct waiting *event)
{
    static const char lead[] = "on the command line, at ";
    char reason[sizeof lead - 1 + TIMECODE_DATETIME_BYTES + 1];
    char time[TIMECODE_DATETIME_BYTES];
    timecode_format_datetime(event->created_us, time);
    snprintf(reason, sizeof reason, "%s%.*s", lead, (int)sizeof time, time);
    const struct audit_event line = {
        .kind = event->kind, .actor = event->actor, .subject = event->subject, .reason = slice_from(reason)};
    audit_write(audit, &line);
}

enum error auditqueue_write(struct session *session, struct audit *audit, int64_t limit, int64_t *count)
{
    struct writing writing = {.audit = audit, .limit = limit};
    TRY(session_write(session, DB_READ_COMMITTED, take_all, &writing));
    for (size_t i = 0; i < writing.count; i++)
        write_event(audit, &writing.events[i]);
    *count = (int64_t)writing.count;
    return OK;
}
