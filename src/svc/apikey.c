/* SPDX-License-Identifier: Apache-2.0 */
/* API keys in the database. A look-up goes by the id, which is no secret; what is compared is a digest, in constant
 * time, so that neither tells how much of a guess was right. */
#include "svc/apikey.h"

#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/random.h"
#include "data/sql.h"

enum { SECRET_BYTES = 32, SECRET_TEXT_BYTES = 43, LIST_MAX = 10000 };

enum error apikey_make(struct random_source *random, struct arena *arena, struct apikey *key, struct slice *text)
{
    unsigned char id[APIKEY_ID_BYTES / 2], secret[SECRET_BYTES];
    struct slice encoded;
    TRY(random_bytes(random, id, sizeof id));
    TRY(random_bytes(random, secret, sizeof secret));
    TRY(base64_encode_url(slice_of((const char *)secret, sizeof secret), arena, &encoded));
    char *room = arena_alloc(arena, APIKEY_ID_BYTES);
    if (!room)
        return ERROR_MEMORY;
    hex_encode(slice_of((const char *)id, sizeof id), room);
    key->id = slice_of(room, APIKEY_ID_BYTES);
    digest_sha256(encoded, key->digest);
    *text = slice_from(arena_printf(arena, "tk_%.*s_%.*s", SLICE_ARG(key->id), SLICE_ARG(encoded)));
    return text->ptr ? OK : ERROR_MEMORY;
}

bool apikey_parse(struct slice text, struct slice *id, struct slice *secret)
{
    if (text.len != APIKEY_TEXT_BYTES || !slice_starts(text, SLICE("tk_")) || text.ptr[3 + APIKEY_ID_BYTES] != '_')
        return false;
    *id = slice_of(text.ptr + 3, APIKEY_ID_BYTES);
    *secret = slice_of(text.ptr + 3 + APIKEY_ID_BYTES + 1, SECRET_TEXT_BYTES);
    for (size_t i = 0; i < id->len; i++)
        if (!((id->ptr[i] >= '0' && id->ptr[i] <= '9') || (id->ptr[i] >= 'a' && id->ptr[i] <= 'f')))
            return false;
    return true;
}

bool apikey_is_secret(const struct apikey *key, struct slice secret)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    digest_sha256(secret, digest);
    return digest_equal(slice_of((const char *)digest, sizeof digest),
                        slice_of((const char *)key->digest, sizeof key->digest));
}

#define COLUMNS "SELECT id, name, scopes, account, rate, digest, created_us, seen_us, expires_us FROM _tenon_keys"

static enum error copy(struct session *session, const struct db_rows *rows, unsigned column, struct slice *out)
{
    struct value value = db_column(rows, column);
    *out = arena_slice(session->arena, value.kind == VALUE_TEXT ? value.text : SLICE(""));
    return out->ptr ? OK : ERROR_MEMORY;
}

static int64_t number(const struct db_rows *rows, unsigned column)
{
    struct value value = db_column(rows, column);
    return value.kind == VALUE_INT ? value.integer : 0;
}

static enum error read_row(struct session *session, const struct db_rows *rows, struct apikey *out)
{
    struct value digest = db_column(rows, 5);
    *out = (struct apikey){.created_us = number(rows, 6), .seen_us = number(rows, 7), .expires_us = number(rows, 8)};
    if (digest.kind != VALUE_BLOB || digest.text.len != sizeof out->digest)
        return ERROR_NOT_FOUND;
    memcpy(out->digest, digest.text.ptr, sizeof out->digest);
    TRY(copy(session, rows, 0, &out->id));
    TRY(copy(session, rows, 1, &out->name));
    TRY(copy(session, rows, 2, &out->scopes));
    TRY(copy(session, rows, 3, &out->account));
    return copy(session, rows, 4, &out->rate);
}

enum error apikey_find(struct session *session, struct slice id, struct apikey *out)
{
    TRY(session_read(session));
    struct sql *sql = session_sql(session);
    sql_put(sql, COLUMNS " WHERE id = ");
    sql_bind(sql, SQL_TEXT, value_text(id));
    sql_put(sql, " AND (expires_us IS NULL OR expires_us > ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_put(sql, ")");
    struct db_rows *rows;
    bool has_row;
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = db_next(rows, &has_row);
    if (error == OK)
        error = has_row ? read_row(session, rows, out) : ERROR_NOT_FOUND;
    db_rows_close(rows);
    return error;
}

static enum error read_rows(struct session *session, struct db_rows *rows, struct apikey **out, size_t *count)
{
    size_t capacity = 0;
    for (;;) {
        bool has_row;
        TRY(db_next(rows, &has_row));
        if (!has_row)
            return OK;
        struct apikey *grown = arena_grow(session->arena, *out, *count, &capacity, sizeof **out);
        if (!grown)
            return ERROR_MEMORY;
        *out = grown;
        TRY(read_row(session, rows, &grown[(*count)++]));
    }
}

enum error apikey_list(struct session *session, const struct apikey **out, size_t *count)
{
    struct apikey *keys = NULL;
    *count = 0;
    TRY(session_read(session));
    struct sql *sql = session_sql(session);
    sql_put(sql, COLUMNS " ORDER BY created_us, id");
    sql_limit(sql, LIST_MAX, 0);
    struct db_rows *rows;
    TRY(sql_query(sql, session->conn, &rows));
    enum error error = read_rows(session, rows, &keys, count);
    db_rows_close(rows);
    *out = keys;
    return error;
}

static struct value text_or_null(struct slice text)
{
    return text.len > 0 ? value_text(text) : VALUE_NOTHING;
}

enum error apikey_insert(struct session *session, const struct apikey *key)
{
    struct sql *sql = session_sql(session);
    const struct value digest = value_blob(slice_of((const char *)key->digest, sizeof key->digest));
    sql_put(sql, "INSERT INTO _tenon_keys(id, name, scopes, digest, created_us, account, rate, expires_us) VALUES (");
    sql_bind(sql, SQL_TEXT, value_text(key->id));
    sql_put(sql, ", ");
    sql_bind(sql, SQL_TEXT, value_text(key->name));
    sql_put(sql, ", ");
    sql_bind(sql, SQL_TEXT, value_text(key->scopes));
    sql_put(sql, ", ");
    sql_bind(sql, SQL_BYTES, digest);
    sql_put(sql, ", ");
    sql_bind(sql, SQL_INTEGER, value_int(key->created_us));
    sql_put(sql, ", ");
    sql_bind(sql, SQL_TEXT, text_or_null(key->account));
    sql_put(sql, ", ");
    sql_bind(sql, SQL_TEXT, text_or_null(key->rate));
    sql_put(sql, ", ");
    sql_bind(sql, SQL_INTEGER, key->expires_us ? value_int(key->expires_us) : VALUE_NOTHING);
    sql_put(sql, ")");
    return sql_execute(sql, session->conn, NULL);
}

enum error apikey_touch(struct session *session, struct slice id)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "UPDATE _tenon_keys SET seen_us = ");
    sql_bind(sql, SQL_INTEGER, value_int(session->now_us));
    sql_put(sql, " WHERE id = ");
    sql_bind(sql, SQL_TEXT, value_text(id));
    return sql_execute(sql, session->conn, NULL);
}

enum error apikey_end(struct session *session, struct slice id, int64_t expires_us)
{
    int64_t changes = 0;
    struct sql *sql = session_sql(session);
    sql_put(sql, "UPDATE _tenon_keys SET expires_us = CASE WHEN expires_us < ");
    sql_bind(sql, SQL_INTEGER, value_int(expires_us));
    sql_put(sql, " THEN expires_us ELSE ");
    sql_bind(sql, SQL_INTEGER, value_int(expires_us));
    sql_put(sql, " END WHERE id = ");
    sql_bind(sql, SQL_TEXT, value_text(id));
    TRY(sql_execute(sql, session->conn, &changes));
    return changes == 1 ? OK : ERROR_NOT_FOUND;
}

enum error apikey_delete(struct session *session, struct slice id)
{
    int64_t changes = 0;
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_keys WHERE id = ");
    sql_bind(sql, SQL_TEXT, value_text(id));
    TRY(sql_execute(sql, session->conn, &changes));
    return changes == 1 ? OK : ERROR_NOT_FOUND;
}

enum error apikey_delete_all(struct session *session, struct slice account, int64_t *count)
{
    struct sql *sql = session_sql(session);
    sql_put(sql, "DELETE FROM _tenon_keys WHERE account = ");
    sql_bind(sql, SQL_TEXT, value_text(account));
    return sql_execute(sql, session->conn, count);
}
