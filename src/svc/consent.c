/* SPDX-License-Identifier: Apache-2.0 */
/* Consents in the database. */
#include "svc/consent.h"

#include "data/sql.h"
#include "svc/oauthclient.h"

enum { LIST_MAX = 1000 };

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

static enum error read_all(struct session *session, struct db_rows *rows, struct consent **out, size_t *count)
{
    size_t capacity = 0;
    for (;;) {
        bool has_row;
        TRY(db_next(rows, &has_row));
        if (!has_row)
            return OK;
        struct consent *grown = arena_grow(session->arena, *out, *count, &capacity, sizeof **out);
        if (!grown)
            return ERROR_MEMORY;
        *out = grown;
        struct consent *consent = &grown[*count];
        consent->client = arena_slice(session->arena, db_column(rows, 0).text);
        consent->scopes = arena_slice(session->arena, db_column(rows, 1).text);
        consent->given_us = db_column(rows, 2).integer;
        if (!consent->client.ptr || !consent->scopes.ptr)
            return ERROR_MEMORY;
        (*count)++;
    }
}

enum error consent_list(struct session *session, struct slice account, const struct consent **out, size_t *count)
{
    struct consent *consents = NULL;
    struct db_rows *rows;
    *count = 0;
    TRY(session_read(session));
    struct sql *sql = session_sql(session);
    sql_put(sql, "SELECT client, scopes, given_us FROM _tenon_consents WHERE account = ");
    sql_bind(sql, SQL_TEXT, value_text(account));
    sql_put(sql, " ORDER BY client");
    sql_limit(sql, LIST_MAX, 0);
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = read_all(session, rows, &consents, count);
    db_rows_close(rows);
    *out = consents;
    return error;
}

static void put_pair(struct sql *sql, struct slice account, struct slice client)
{
    sql_put(sql, " WHERE account = ");
    sql_bind(sql, SQL_TEXT, value_text(account));
    sql_put(sql, " AND client = ");
    sql_bind(sql, SQL_TEXT, value_text(client));
}

/* Codes before sign-ins, as in grant_revoke_all(). */
enum error consent_withdraw(struct session *session, struct slice account, struct slice client)
{
    int64_t changes = 0;
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_consents");
    put_pair(sql, account, client);
    TRY(sql_execute(sql, session->conn, &changes));
    if (changes == 0)
        return ERROR_NOT_FOUND;
    sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_codes");
    put_pair(sql, account, client);
    TRY(sql_execute(sql, session->conn, NULL));
    sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_grants");
    put_pair(sql, account, client);
    return sql_execute(sql, session->conn, NULL);
}

enum error consent_forget(struct session *session, struct slice account)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_consents WHERE account = ");
    sql_bind(sql, SQL_TEXT, value_text(account));
    return sql_execute(sql, session->conn, NULL);
}
