/* SPDX-License-Identifier: Apache-2.0 */
/* Sign-ins in the database. Statements of the engine's own tables: their text is this file's, their values are bound.
 */
#include "svc/grant.h"

#include <string.h>

#include "data/sql.h"
#include "svc/oauthcode.h"

static struct value blob_of(const unsigned char *digest)
{
    return value_blob(slice_of((const char *)digest, DIGEST_SHA256_BYTES));
}

static enum error copy(struct session *session, const struct db_rows *rows, unsigned column, struct slice *out)
{
    *out = arena_slice(session->arena, db_column(rows, column).text);
    return out->ptr ? OK : ERROR_MEMORY;
}

static enum error read_row(struct session *session, const struct db_rows *rows, struct grant *out)
{
    struct value digest = db_column(rows, 3);
    *out = (struct grant){.kind = db_column(rows, 0).integer == GRANT_COOKIE ? GRANT_COOKIE : GRANT_TOKEN,
                          .generation = db_column(rows, 4).integer,
                          .created_us = db_column(rows, 5).integer,
                          .seen_us = db_column(rows, 6).integer,
                          .expires_us = db_column(rows, 7).integer};
    if (digest.kind != VALUE_BLOB || digest.text.len != sizeof out->digest)
        return ERROR_NOT_FOUND;
    memcpy(out->digest, digest.text.ptr, sizeof out->digest);
    TRY(copy(session, rows, 1, &out->id));
    TRY(copy(session, rows, 2, &out->account));
    TRY(copy(session, rows, 8, &out->client));
    return copy(session, rows, 9, &out->scopes);
}

enum error grant_find(struct session *session, struct slice id, struct grant *out)
{
    TRY(session_read(session));
    struct sql *sql = session_sql(session);
    sql_put(sql, "SELECT kind, id, account, digest, generation, created_us, seen_us, expires_us, client, scopes "
                 "FROM _tenon_grants WHERE id = ");
    sql_bind(sql, SQL_TEXT, value_text(id));
    sql_put(sql, " AND expires_us > ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    struct db_rows *rows;
    bool has_row;
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = db_next(rows, &has_row);
    if (error == OK)
        error = has_row ? read_row(session, rows, out) : ERROR_NOT_FOUND;
    db_rows_close(rows);
    return error;
}

enum error grant_insert(struct session *session, const struct grant *grant)
{
    static const struct slice columns[] = {SLICE_INIT("id"),      SLICE_INIT("kind"),       SLICE_INIT("account"),
                                           SLICE_INIT("digest"),  SLICE_INIT("generation"), SLICE_INIT("created_us"),
                                           SLICE_INIT("seen_us"), SLICE_INIT("expires_us"), SLICE_INIT("address"),
                                           SLICE_INIT("agent"),   SLICE_INIT("client"),     SLICE_INIT("scopes")};
    const struct value values[] = {
        value_text(grant->id),     value_int(grant->kind),       value_text(grant->account),
        blob_of(grant->digest),    value_int(grant->generation), value_int(grant->created_us),
        value_int(grant->seen_us), value_int(grant->expires_us), value_text(grant->address),
        value_text(grant->agent),  value_text(grant->client),    value_text(grant->scopes)};
    struct sql *sql = session_sql(session);
    sql_insert(sql, SLICE("_tenon_grants"));
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        sql_item(sql);
        sql_name(sql, columns[i]);
    }
    sql_values(sql);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        sql_item(sql);
        sql_bind(sql, SQL_ANY, values[i]);
    }
    sql_end_values(sql);
    return sql_execute(sql, session->conn, NULL);
}

enum error grant_replace(struct session *session, const struct grant *grant,
                         const unsigned char digest[DIGEST_SHA256_BYTES], int64_t expires_us, bool *is_done)
{
    int64_t changes = 0;
    struct sql *sql = session_sql(session);
    sql_put(sql, "UPDATE _tenon_grants SET digest = ");
    sql_bind(sql, SQL_BYTES, blob_of(digest));
    sql_put(sql, ", generation = ");
    sql_bind(sql, SQL_INTEGER, value_int(grant->generation + 1));
    sql_put(sql, ", seen_us = ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_put(sql, ", expires_us = ");
    sql_bind(sql, SQL_INTEGER, value_int(expires_us));
    sql_put(sql, " WHERE id = ");
    sql_bind(sql, SQL_TEXT, value_text(grant->id));
    sql_put(sql, " AND generation = ");
    sql_bind(sql, SQL_INTEGER, value_int(grant->generation));
    TRY(sql_execute(sql, session->conn, &changes));
    *is_done = changes == 1;
    return OK;
}

enum error grant_touch(struct session *session, struct slice id)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "UPDATE _tenon_grants SET seen_us = ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_put(sql, " WHERE id = ");
    sql_bind(sql, SQL_TEXT, value_text(id));
    return sql_execute(sql, session->conn, NULL);
}

enum error grant_revoke(struct session *session, struct slice id)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_grants WHERE id = ");
    sql_bind(sql, SQL_TEXT, value_text(id));
    return sql_execute(sql, session->conn, NULL);
}

enum error grant_revoke_cookies(struct session *session, struct slice account)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_grants WHERE account = ");
    sql_bind(sql, SQL_TEXT, value_text(account));
    sql_put(sql, " AND kind = ");
    sql_bind(sql, SQL_INTEGER, value_int(GRANT_COOKIE));
    return sql_execute(sql, session->conn, NULL);
}

/* Codes go first: one that is being redeemed at this moment is waited for, and the sign-in that it has become is seen.
 */
enum error grant_revoke_all(struct session *session, struct slice account, int64_t *count)
{
    TRY(oauthcode_forget(session, account));
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_grants WHERE account = ");
    sql_bind(sql, SQL_TEXT, value_text(account));
    return sql_execute(sql, session->conn, count);
}

enum error grant_sweep(struct session *session, int64_t limit, int64_t *deleted)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_grants WHERE id IN (SELECT id FROM _tenon_grants WHERE expires_us <= ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_limit(sql, limit, 0);
    sql_put(sql, ")");
    return sql_execute(sql, session->conn, deleted);
}
