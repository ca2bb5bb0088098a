/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens for a new password. A token is found by its digest, so how long a look-up takes says nothing about it. */
#include "svc/reset.h"

#include "base/base64.h"
#include "base/digest.h"
#include "base/random.h"
#include "data/sql.h"
#include "model/model.h"

enum { TOKEN_BYTES = 32 };

static struct value digest_of(struct slice token, unsigned char room[DIGEST_SHA256_BYTES])
{
    digest_sha256(token, room);
    return value_blob(slice_of((const char *)room, DIGEST_SHA256_BYTES));
}

enum error reset_forget(struct session *session, struct slice account)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_resets WHERE account = ");
    sql_bind(sql, SQL_TEXT, value_text(account));
    return sql_execute(sql, session->conn, NULL);
}

enum error reset_make(struct session *session, struct slice account, int64_t expires_us, struct slice *token)
{
    unsigned char bytes[TOKEN_BYTES], digest[DIGEST_SHA256_BYTES];
    TRY(random_bytes(session->core->random, bytes, sizeof bytes));
    TRY(base64_encode_url(slice_of((const char *)bytes, sizeof bytes), session->arena, token));
    TRY(reset_forget(session, account));
    struct sql *sql = session_sql(session);
    sql_put(sql, "INSERT INTO _tenon_resets(digest, account, expires_us) VALUES (");
    sql_bind(sql, SQL_BYTES, digest_of(*token, digest));
    sql_put(sql, ", ");
    sql_bind(sql, SQL_TEXT, value_text(account));
    sql_put(sql, ", ");
    sql_bind(sql, SQL_INTEGER, value_int(expires_us));
    sql_put(sql, ")");
    return sql_execute(sql, session->conn, NULL);
}

/* The one row of a statement that gives an account. */
static enum error read_account(struct session *session, const struct sql *sql, struct slice *account)
{
    struct db_rows *rows;
    bool has_row;
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = db_next(rows, &has_row);
    if (error == OK && !has_row)
        error = ERROR_NOT_FOUND;
    if (error == OK) {
        *account = arena_slice(session->arena, db_column(rows, 0).text);
        error = account->ptr ? db_next(rows, &has_row) : ERROR_MEMORY;
    }
    db_rows_close(rows);
    return error;
}

static void put_condition(struct sql *sql, const struct session *session, struct value digest)
{
    sql_put(sql, " WHERE digest = ");
    sql_bind(sql, SQL_BYTES, digest);
    sql_put(sql, " AND expires_us > ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
}

enum error reset_look(struct session *session, struct slice token, struct slice *account)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    TRY(session_read(session));
    struct sql *sql = session_sql(session);
    sql_put(sql, "SELECT account FROM _tenon_resets");
    put_condition(sql, session, digest_of(token, digest));
    return read_account(session, sql, account);
}

enum error reset_take(struct session *session, struct slice token, struct slice *account)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_resets");
    put_condition(sql, session, digest_of(token, digest));
    sql_put(sql, " RETURNING account");
    return read_account(session, sql, account);
}

enum error reset_sweep(struct session *session, int64_t limit, int64_t *deleted)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_resets WHERE digest IN (SELECT digest FROM _tenon_resets WHERE expires_us <= ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_limit(sql, limit, 0);
    sql_put(sql, ")");
    return sql_execute(sql, session->conn, deleted);
}
