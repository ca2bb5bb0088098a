/* SPDX-License-Identifier: Apache-2.0 */
/* Times are microseconds of the wall clock; secrets are SHA-256 digests. An account is its id as text, whatever the
 * type of the account resource's ids is, so that these tables are the same for every app. */
#include "svc/identity_table.h"

#include "data/db.h"

static const char sqlite[] =
    "CREATE TABLE IF NOT EXISTS _tenon_grants(id TEXT PRIMARY KEY NOT NULL, kind INTEGER NOT NULL, "
    "account TEXT NOT NULL, digest BLOB NOT NULL, generation INTEGER NOT NULL, created_us INTEGER NOT NULL, "
    "seen_us INTEGER NOT NULL, expires_us INTEGER NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL, "
    "client TEXT NOT NULL, scopes TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS _tenon_grants_account ON _tenon_grants(account);"
    "CREATE INDEX IF NOT EXISTS _tenon_grants_expires_us ON _tenon_grants(expires_us);"
    "CREATE TABLE IF NOT EXISTS _tenon_keys(id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, digest BLOB NOT NULL, "
    "scopes TEXT NOT NULL, account TEXT, rate TEXT, created_us INTEGER NOT NULL, seen_us INTEGER, "
    "expires_us INTEGER) STRICT, WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS _tenon_keys_account ON _tenon_keys(account);"
    "CREATE TABLE IF NOT EXISTS _tenon_resets(digest BLOB PRIMARY KEY NOT NULL, account TEXT NOT NULL, "
    "expires_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS _tenon_resets_account ON _tenon_resets(account);"
    "CREATE INDEX IF NOT EXISTS _tenon_resets_expires_us ON _tenon_resets(expires_us);"
    "CREATE TABLE IF NOT EXISTS _tenon_attempts(subject BLOB PRIMARY KEY NOT NULL, failures INTEGER NOT NULL, "
    "last_us INTEGER NOT NULL, until_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS _tenon_attempts_last_us ON _tenon_attempts(last_us);"
    "CREATE TABLE IF NOT EXISTS _tenon_codes(digest BLOB PRIMARY KEY NOT NULL, client TEXT NOT NULL, "
    "account TEXT NOT NULL, redirect TEXT NOT NULL, challenge TEXT NOT NULL, scopes TEXT NOT NULL, "
    "origin TEXT NOT NULL, signin TEXT NOT NULL, expires_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS _tenon_codes_account ON _tenon_codes(account);"
    "CREATE INDEX IF NOT EXISTS _tenon_codes_expires_us ON _tenon_codes(expires_us);"
    "CREATE TABLE IF NOT EXISTS _tenon_consents(account TEXT NOT NULL, client TEXT NOT NULL, scopes TEXT NOT NULL, "
    "given_us INTEGER NOT NULL, PRIMARY KEY(account, client)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS _tenon_events(id TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL, "
    "subject TEXT NOT NULL, created_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS _tenon_identities(provider TEXT NOT NULL, issuer TEXT NOT NULL, "
    "subject TEXT NOT NULL, account TEXT NOT NULL, email TEXT NOT NULL, created_us INTEGER NOT NULL, "
    "PRIMARY KEY(provider, issuer, subject)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS _tenon_identities_account ON _tenon_identities(account);"
    "CREATE TABLE IF NOT EXISTS _tenon_states(id TEXT PRIMARY KEY NOT NULL, expires_us INTEGER NOT NULL) "
    "STRICT, WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS _tenon_states_expires_us ON _tenon_states(expires_us);";

/* IF NOT EXISTS alone does not keep two nodes from making one table at once. And CREATE INDEX locks its table against
 * whoever writes before it looks whether there is one: a reload would wait for all who sign in, and hold them up. */
static const char postgres[] =
    "SELECT pg_advisory_xact_lock(hashtext('_tenon_identity'));"
    "CREATE TABLE IF NOT EXISTS _tenon_grants(id text PRIMARY KEY, kind bigint NOT NULL, account text NOT NULL, "
    "digest bytea NOT NULL, generation bigint NOT NULL, created_us bigint NOT NULL, seen_us bigint NOT NULL, "
    "expires_us bigint NOT NULL, address text NOT NULL, agent text NOT NULL, client text NOT NULL, "
    "scopes text NOT NULL);"
    "CREATE TABLE IF NOT EXISTS _tenon_keys(id text PRIMARY KEY, name text NOT NULL, digest bytea NOT NULL, "
    "scopes text NOT NULL, account text, rate text, created_us bigint NOT NULL, seen_us bigint, expires_us bigint);"
    "CREATE TABLE IF NOT EXISTS _tenon_resets(digest bytea PRIMARY KEY, account text NOT NULL, "
    "expires_us bigint NOT NULL);"
    "CREATE TABLE IF NOT EXISTS _tenon_attempts(subject bytea PRIMARY KEY, failures bigint NOT NULL, "
    "last_us bigint NOT NULL, until_us bigint NOT NULL);"
    "CREATE TABLE IF NOT EXISTS _tenon_codes(digest bytea PRIMARY KEY, client text NOT NULL, account text NOT NULL, "
    "redirect text NOT NULL, challenge text NOT NULL, scopes text NOT NULL, origin text NOT NULL, "
    "signin text NOT NULL, expires_us bigint NOT NULL);"
    "CREATE TABLE IF NOT EXISTS _tenon_consents(account text NOT NULL, client text NOT NULL, scopes text NOT NULL, "
    "given_us bigint NOT NULL, PRIMARY KEY(account, client));"
    "CREATE TABLE IF NOT EXISTS _tenon_events(id text PRIMARY KEY, kind text NOT NULL, actor text NOT NULL, "
    "subject text NOT NULL, created_us bigint NOT NULL);"
    "CREATE TABLE IF NOT EXISTS _tenon_identities(provider text NOT NULL, issuer text NOT NULL, "
    "subject text NOT NULL, account text NOT NULL, email text NOT NULL, created_us bigint NOT NULL, "
    "PRIMARY KEY(provider, issuer, subject));"
    "CREATE TABLE IF NOT EXISTS _tenon_states(id text PRIMARY KEY, expires_us bigint NOT NULL);"
    "DO $$ DECLARE item record; BEGIN FOR item IN SELECT *, tab || '_' || col AS name FROM (VALUES "
    "('_tenon_grants', 'account'), ('_tenon_grants', 'expires_us'), "
    "('_tenon_keys', 'account'), ('_tenon_resets', 'account'), "
    "('_tenon_resets', 'expires_us'), ('_tenon_attempts', 'last_us'), "
    "('_tenon_codes', 'account'), ('_tenon_codes', 'expires_us'), "
    "('_tenon_identities', 'account'), ('_tenon_states', 'expires_us')"
    ") AS list(tab, col) LOOP IF to_regclass(item.name) IS NULL THEN "
    "EXECUTE format('CREATE INDEX %I ON %I(%I)', item.name, item.tab, item.col); END IF; END LOOP; END $$;";

static enum error make(struct db_conn *tx, void *argument)
{
    return db_script(tx, slice_from(db_conn_dialect(tx) == DIALECT_SQLITE ? sqlite : postgres));
}

enum error identity_table_make(struct db *db)
{
    return db_tx_blocking(db, make, NULL);
}
