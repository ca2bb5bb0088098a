/* SPDX-License-Identifier: Apache-2.0 */
/* Authorization codes. A code is found by its digest, so how long a look-up takes says nothing about it; it is used up
 * by one statement, whose condition only the first of many who come at once meets. */
#include "svc/oauthcode.h"

#include "base/base64.h"
#include "base/digest.h"
#include "base/random.h"
#include "data/sql.h"
#include "model/model.h"

enum { RANDOM_BYTES = 32 };

static struct value digest_of(struct slice text, unsigned char room[DIGEST_SHA256_BYTES])
{
    digest_sha256(text, room);
    return value_blob(slice_of((const char *)room, DIGEST_SHA256_BYTES));
}

enum error oauthcode_make(struct session *session, struct slice *text)
{
    unsigned char bytes[RANDOM_BYTES];
    TRY(random_bytes(session->core->random, bytes, sizeof bytes));
    return base64_encode_url(slice_of((const char *)bytes, sizeof bytes), session->arena, text);
}

enum error oauthcode_store(struct session *session, struct slice text, const struct oauthcode *code)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    const struct slice texts[] = {code->client,    code->account, code->redirect,
                                  code->challenge, code->scopes,  code->origin};
    struct sql *sql = session_sql(session);
    sql_put(sql, "INSERT INTO _tenon_codes(digest, client, account, redirect, challenge, scopes, origin, signin, "
                 "expires_us) "
                 "VALUES (");
    sql_bind(sql, SQL_BYTES, digest_of(text, digest));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        sql_put(sql, ", ");
        sql_bind(sql, SQL_TEXT, value_text(texts[i]));
    }
    sql_put(sql, ", '', ");
    sql_bind(sql, SQL_INTEGER, value_int(code->expires_us));
    sql_put(sql, ")");
    return sql_execute(sql, session->conn, NULL);
}

/* Copies the texts of the one row that a statement gives. */
static enum error read_texts(struct session *session, const struct sql *sql, struct slice **texts, unsigned count)
{
    struct db_rows *rows;
    bool has_row;
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = db_next(rows, &has_row);
    if (error == OK && !has_row)
        error = ERROR_NOT_FOUND;
    for (unsigned i = 0; error == OK && i < count; i++) {
        *texts[i] = arena_slice(session->arena, db_column(rows, i).text);
        error = texts[i]->ptr ? OK : ERROR_MEMORY;
    }
    if (error == OK)
        error = db_next(rows, &has_row);
    db_rows_close(rows);
    return error;
}

static void put_key(struct sql *sql, struct value digest, struct slice client)
{
    sql_put(sql, " WHERE digest = ");
    sql_bind(sql, SQL_BYTES, digest);
    sql_put(sql, " AND client = ");
    sql_bind(sql, SQL_TEXT, value_text(client));
}

enum error oauthcode_take(struct session *session, struct slice text, struct slice client, struct slice grant,
                          int64_t keep_until_us, struct oauthcode *out)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    struct slice *texts[] = {&out->account, &out->redirect, &out->challenge, &out->scopes, &out->origin};
    struct sql *sql = session_sql(session);
    *out = (struct oauthcode){.client = client};
    sql_put(sql, "UPDATE _tenon_codes SET signin = ");
    sql_bind(sql, SQL_TEXT, value_text(grant));
    sql_put(sql, ", expires_us = ");
    sql_bind(sql, SQL_INTEGER, value_int(keep_until_us));
    put_key(sql, digest_of(text, digest), client);
    sql_put(sql, " AND signin = '' AND expires_us > ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_put(sql, " RETURNING account, redirect, challenge, scopes, origin");
    return read_texts(session, sql, texts, ARRAY_LEN(texts));
}

enum error oauthcode_find_used(struct session *session, struct slice text, struct slice client, struct slice *grant,
                               struct slice *account)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    struct slice *texts[] = {grant, account};
    struct sql *sql = session_sql(session);
    sql_put(sql, "SELECT signin, account FROM _tenon_codes");
    put_key(sql, digest_of(text, digest), client);
    sql_put(sql, " AND signin <> ''");
    return read_texts(session, sql, texts, ARRAY_LEN(texts));
}

enum error oauthcode_forget(struct session *session, struct slice account)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_codes WHERE account = ");
    sql_bind(sql, SQL_TEXT, value_text(account));
    return sql_execute(sql, session->conn, NULL);
}

enum error oauthcode_sweep(struct session *session, int64_t limit, int64_t *deleted)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_codes WHERE digest IN (SELECT digest FROM _tenon_codes WHERE expires_us <= ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_limit(sql, limit, 0);
    sql_put(sql, ")");
    return sql_execute(sql, session->conn, deleted);
}
