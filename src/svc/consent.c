/* SPDX-License-Identifier: Apache-2.0 */
/* Consents in the database. */
#include "svc/consent.h"

#include "data/sql.h"
#include "svc/oauthclient.h"

static enum error look(struct session *session, struct slice account, struct slice client, struct slice *scopes)
{
    struct sql *sql = session_sql(session);
    struct db_rows *rows;
    bool has_row;
    *scopes = SLICE("");
    sql_put(sql, "SELECT scopes FROM _tenon_consents WHERE account = ");
    sql_bind(sql, SQL_TEXT, value_text(account));
    sql_put(sql, " AND client = ");
    sql_bind(sql, SQL_TEXT, value_text(client));
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = db_next(rows, &has_row);
    if (error == OK && has_row)
        *scopes = arena_slice(session->arena, db_column(rows, 0).text);
    db_rows_close(rows);
    return error == OK && !scopes->ptr ? ERROR_MEMORY : error;
}

enum error consent_find(struct session *session, struct slice account, struct slice client, struct slice *scopes)
{
    TRY(session_read(session));
    return look(session, account, client, scopes);
}

enum error consent_add(struct session *session, struct slice account, struct slice client, struct slice scopes)
{
    static const struct slice key[] = {SLICE_INIT("account"), SLICE_INIT("client")};
    static const struct slice rest[] = {SLICE_INIT("scopes"), SLICE_INIT("given_us")};
    struct slice before, all;
    TRY(look(session, account, client, &before));
    TRY(oauthclient_join(before, scopes, session->arena, &all));
    struct sql *sql = session_sql(session);
    sql_put(sql, "INSERT INTO _tenon_consents(account, client, scopes, given_us) VALUES (");
    sql_bind(sql, SQL_TEXT, value_text(account));
    sql_put(sql, ", ");
    sql_bind(sql, SQL_TEXT, value_text(client));
    sql_put(sql, ", ");
    sql_bind(sql, SQL_TEXT, value_text(all));
    sql_put(sql, ", ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_put(sql, ")");
    sql_upsert(sql, key, ARRAY_LEN(key), rest, ARRAY_LEN(rest));
    return sql_execute(sql, session->conn, NULL);
}

enum error consent_forget(struct session *session, struct slice account)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_consents WHERE account = ");
    sql_bind(sql, SQL_TEXT, value_text(account));
    return sql_execute(sql, session->conn, NULL);
}
