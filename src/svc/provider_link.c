/* SPDX-License-Identifier: Apache-2.0 */
/* Links in the database. Statements of the engine's own tables: their text is this file's, their values are bound. */
#include "svc/provider_link.h"

#include "data/sql.h"

static enum error copy(struct session *session, const struct db_rows *rows, unsigned column, struct slice *out)
{
    *out = arena_slice(session->arena, db_column(rows, column).text);
    return out->ptr ? OK : ERROR_MEMORY;
}

static struct sql *begin_select(struct session *session)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "SELECT provider, issuer, subject, account, email, created_us FROM _tenon_identities WHERE ");
    return sql;
}

static enum error read_row(struct session *session, const struct db_rows *rows, struct provider_link *out)
{
    TRY(copy(session, rows, 0, &out->provider));
    TRY(copy(session, rows, 1, &out->issuer));
    TRY(copy(session, rows, 2, &out->subject));
    TRY(copy(session, rows, 3, &out->account));
    TRY(copy(session, rows, 4, &out->email));
    out->created_us = db_column(rows, 5).integer;
    return OK;
}

static void put_text(struct sql *sql, struct slice text)
{
    sql_bind(sql, SQL_TEXT, value_text(text));
}

static void put_person(struct sql *sql, struct slice provider, struct slice issuer, struct slice subject)
{
    sql_put(sql, "provider = ");
    put_text(sql, provider);
    sql_put(sql, " AND issuer = ");
    put_text(sql, issuer);
    sql_put(sql, " AND subject = ");
    put_text(sql, subject);
}

enum error provider_link_find(struct session *session, struct slice provider, struct slice issuer, struct slice subject,
                              struct provider_link *out)
{
    struct db_rows *rows;
    bool has_row;
    TRY(session_read(session));
    struct sql *sql = begin_select(session);
    put_person(sql, provider, issuer, subject);
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = db_next(rows, &has_row);
    if (error == OK)
        error = has_row ? read_row(session, rows, out) : ERROR_NOT_FOUND;
    db_rows_close(rows);
    return error;
}

static enum error read_rows(struct session *session, struct db_rows *rows, struct provider_link *links, size_t *count)
{
    bool has_row;
    for (*count = 0; *count < PROVIDER_LINK_LIST_MAX; ++*count) {
        TRY(db_next(rows, &has_row));
        if (!has_row)
            break;
        TRY(read_row(session, rows, &links[*count]));
    }
    return OK;
}

enum error provider_link_list(struct session *session, struct slice account, struct provider_link **out, size_t *count)
{
    struct db_rows *rows;
    struct provider_link *links = arena_array(session->arena, PROVIDER_LINK_LIST_MAX, sizeof *links);
    if (!links)
        return ERROR_MEMORY;
    TRY(session_read(session));
    struct sql *sql = begin_select(session);
    sql_put(sql, "account = ");
    put_text(sql, account);
    sql_put(sql, " ORDER BY created_us, provider, subject");
    sql_limit(sql, PROVIDER_LINK_LIST_MAX, 0);
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = read_rows(session, rows, links, count);
    db_rows_close(rows);
    *out = links;
    return error;
}

enum error provider_link_insert(struct session *session, const struct provider_link *link)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "INSERT INTO _tenon_identities(provider, issuer, subject, account, email, created_us) VALUES (");
    put_text(sql, link->provider);
    sql_put(sql, ", ");
    put_text(sql, link->issuer);
    sql_put(sql, ", ");
    put_text(sql, link->subject);
    sql_put(sql, ", ");
    put_text(sql, link->account);
    sql_put(sql, ", ");
    put_text(sql, link->email);
    sql_put(sql, ", ");
    sql_bind(sql, SQL_INTEGER, value_int(link->created_us));
    sql_put(sql, ")");
    return sql_execute(sql, session->conn, NULL);
}

enum error provider_link_delete(struct session *session, const struct provider_link *link)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_identities WHERE ");
    put_person(sql, link->provider, link->issuer, link->subject);
    return sql_execute(sql, session->conn, NULL);
}

enum error provider_link_delete_of(struct session *session, struct slice account, struct slice provider, int64_t *count)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_identities WHERE account = ");
    put_text(sql, account);
    sql_put(sql, " AND provider = ");
    put_text(sql, provider);
    return sql_execute(sql, session->conn, count);
}

enum error provider_link_delete_all(struct session *session, struct slice account, int64_t *count)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_identities WHERE account = ");
    put_text(sql, account);
    return sql_execute(sql, session->conn, count);
}

enum error provider_link_use_state(struct session *session, struct slice id, int64_t expires_us, bool *is_first)
{
    int64_t changes = 0;
    struct sql *sql = session_sql(session);
    sql_put(sql, "INSERT INTO _tenon_states(id, expires_us) VALUES (");
    put_text(sql, id);
    sql_put(sql, ", ");
    sql_bind(sql, SQL_INTEGER, value_int(expires_us));
    sql_put(sql, ") ON CONFLICT DO NOTHING");
    TRY(sql_execute(sql, session->conn, &changes));
    *is_first = changes == 1;
    return OK;
}

enum error provider_link_sweep(struct session *session, int64_t limit, int64_t *deleted)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_states WHERE id IN (SELECT id FROM _tenon_states WHERE expires_us <= ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_limit(sql, limit, 0);
    sql_put(sql, ")");
    return sql_execute(sql, session->conn, deleted);
}
