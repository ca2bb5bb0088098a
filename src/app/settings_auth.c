/* SPDX-License-Identifier: Apache-2.0 */
/* Identity in the app file: secrets, keys, issuers, who may sign in. Every key is made here once, so that what the
 * library does not take is told with its place, and thrown away: the server makes its own. What is written in the file
 * instead of coming from a variable or a file, and what would be served without TLS, is warned of. */
#include "app/settings_auth.h"

#include <string.h>

#include "app/settings_map.h"
#include "app/settings_provider.h"
#include "base/jwk.h"
#include "base/suggest.h"
#include "model/expr.h"
#include "svc/account.h"
#include "svc/mailer.h"

enum { SECRET_BYTES_MIN = 32 };

/* ---- keys ---- */

/* Says whether the library takes a key. */
static bool try_key(struct settings_reader *reader, const struct identity_key *key, bool must_sign)
{
    struct diag said;
    struct jwk *made = NULL;
    diag_init(&said, reader->arena);
    enum error error = key->is_secret ? jwk_create_secret(key->text, JWK_HS256, key->kid, &said, &made)
                                      : jwk_create_pem(key->text, key->algorithms, key->kid, &said, &made);
    bool is_good = error == OK && (!must_sign || jwk_can_sign(made));
    if (error != OK)
        diag_at(reader->diag, key->place, said.hint, "this key cannot be used: %s",
                said.message ? said.message : error_sentence(error));
    else if (!is_good)
        diag_at(reader->diag, key->place, "put a private key or a secret first", "the first key must be able to sign");
    jwk_destroy(made);
    return is_good;
}

static bool read_algorithm(struct settings_reader *reader, const struct node *node, uint32_t allowed, uint32_t *set)
{
    enum jwk_algorithm algorithm;
    bool is_known = node->kind == NODE_SCALAR && jwk_algorithm_find(node->text, &algorithm);
    if (is_known && (allowed >> algorithm & 1)) {
        *set |= 1u << algorithm;
        return true;
    }
    struct suggest suggest;
    suggest_init(&suggest, node->kind == NODE_SCALAR ? node->source : SLICE(""));
    for (int i = 0; i < JWK_ALGORITHM_COUNT; i++)
        if (allowed >> i & 1)
            suggest_offer_text(&suggest, jwk_algorithm_name((enum jwk_algorithm)i));
    suggest_report(&suggest, reader->diag, node->place, "unknown algorithm", "such as ES256, EdDSA or RS256");
    return false;
}

static bool read_key(struct settings_reader *reader, const struct node *map, bool is_first, struct identity_key *out)
{
    const struct node *secret = NULL, *private = NULL, *public = NULL, *algorithm = NULL;
    const struct settings_map_row rows[] = {{"secret", NULL, &secret, false},
                                            {"private", NULL, &private, false},
                                            {"public", NULL, &public, false},
                                            {"algorithm", NULL, &algorithm, false},
                                            {"kid", &out->kid, NULL, false}};
    *out = (struct identity_key){.place = map->place, .algorithms = JWK_ASYMMETRIC};
    if (!settings_map_read(reader->diag, map, "a key", rows, ARRAY_LEN(rows)))
        return false;
    const struct node *text = secret ? secret : private ? private : public;
    if (!text || !!secret + !!private + !!public != 1) {
        diag_at(reader->diag, map->place, "such as {private: \"${file:/run/secrets/jwt.pem}\", algorithm: ES256}",
                "a key has one of secret, private and public");
        return false;
    }
    out->algorithms = 0;
    if (!settings_map_is_text(reader->diag, text, "secret, private or public") ||
        (algorithm && !read_algorithm(reader, algorithm, secret ? 1u << JWK_HS256 : JWK_ASYMMETRIC, &out->algorithms)))
        return false;
    if (!algorithm)
        out->algorithms = JWK_ASYMMETRIC;
    if (!public)
        settings_value_warn_of_secret(reader->diag, text, "a key's secret");
    out->text = text->text;
    out->is_secret = secret != NULL;
    return try_key(reader, out, is_first);
}

static enum error read_keys(struct settings_reader *reader)
{
    struct settings_auth *auth = &reader->settings->auth;
    if (!auth->keys || !settings_map_is_list(reader->diag, auth->keys, "auth.keys", SETTINGS_MAP_ITEMS_MAX))
        return OK;
    struct identity_key *keys = arena_array(reader->arena, auth->keys->count, sizeof *keys);
    if (!keys)
        return ERROR_MEMORY;
    auth->config.keys = keys;
    for (const struct node *node = auth->keys->first; node; node = node->next)
        auth->config.key_count += read_key(reader, node, node == auth->keys->first, &keys[auth->config.key_count]);
    if (auth->secret)
        diag_at(reader->diag, auth->secret->place, "put it into auth.keys", "there is auth.keys as well");
    return OK;
}

static enum error read_secret(struct settings_reader *reader)
{
    struct settings_auth *auth = &reader->settings->auth;
    if (!auth->secret || auth->keys || !settings_map_is_text(reader->diag, auth->secret, "auth.secret"))
        return OK;
    struct identity_key *key = arena_zalloc(reader->arena, sizeof *key);
    if (!key)
        return ERROR_MEMORY;
    *key = (struct identity_key){.text = auth->secret->text, .is_secret = true, .place = auth->secret->place};
    settings_value_warn_of_secret(reader->diag, auth->secret, "the secret of access tokens");
    if (key->text.len < SECRET_BYTES_MIN) {
        diag_at(reader->diag, key->place, "make one: openssl rand -base64 48",
                "\"auth.secret\" is %zu bytes long: a secret that short can be guessed; %d at least", key->text.len,
                SECRET_BYTES_MIN);
        return OK;
    }
    auth->config.keys = key;
    auth->config.key_count = try_key(reader, key, true);
    return OK;
}

/* ---- issuers ---- */

static void check_field(struct settings_reader *reader, const struct node *map, struct slice name)
{
    const struct resource *account = reader->settings->schema->account;
    const struct field *field = account && name.len > 0 ? resource_find_field(account, name) : NULL;
    const struct node *node = node_find(map, "field");
    if (name.len == 0)
        return;
    if (!field || !field_is(field, FIELD_UNIQUE))
        diag_at(reader->diag, node->place, "such as email", "\"%.*s\" is no unique field of the account",
                SLICE_ARG(name));
}

/* http is for this machine only. */
static bool is_local_url(struct slice url)
{
    static const char *const hosts[] = {"http://localhost", "http://127.0.0.1", "http://[::1]"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct slice host = slice_from(hosts[i]);
        if (slice_starts(url, host) && (url.len == host.len || url.ptr[host.len] == ':' || url.ptr[host.len] == '/'))
            return true;
    }
    return false;
}

static bool read_issuer(struct settings_reader *reader, const struct node *map, struct identity_issuer *out)
{
    const struct node *algorithms = NULL;
    struct slice trust = {NULL, 0};
    *out = (struct identity_issuer){0};
    const struct settings_map_row rows[] = {
        {"issuer", &out->issuer, NULL, true}, {"audience", &out->audience, NULL, true},
        {"jwks", &out->jwks, NULL, true},     {"algorithms", NULL, &algorithms, false},
        {"trust_email", &trust, NULL, false}, {"subject", &out->subject, NULL, false},
        {"field", &out->field, NULL, false},  {"role", &out->role, NULL, false}};
    if (!settings_map_read(reader->diag, map, "an issuer", rows, ARRAY_LEN(rows)))
        return false;
    if (!slice_starts(out->jwks, SLICE("https://")) && !slice_starts(out->jwks, SLICE("http://")))
        diag_at(reader->diag, node_find(map, "jwks")->place, NULL, "\"jwks\" must be an http or https URL");
    if (slice_starts(out->jwks, SLICE("http://")) && !is_local_url(out->jwks))
        diag_at(reader->diag, node_find(map, "jwks")->place, "use https",
                "\"jwks\": keys that come in the clear may be anybody's");
    out->algorithms = algorithms ? 0 : JWK_RECOMMENDED & JWK_ASYMMETRIC;
    if (algorithms && algorithms->kind != NODE_LIST)
        return read_algorithm(reader, algorithms, JWK_ASYMMETRIC, &out->algorithms);
    for (const struct node *node = algorithms ? algorithms->first : NULL; node; node = node->next)
        if (!read_algorithm(reader, node, JWK_ASYMMETRIC, &out->algorithms))
            return false;
    out->trusts_email = slice_eq_text(trust, "true");
    if (trust.len > 0 && !out->trusts_email && !slice_eq_text(trust, "false"))
        diag_at(reader->diag, node_find(map, "trust_email")->place, NULL, "\"trust_email\" must be true or false");
    check_field(reader, map, out->field);
    return true;
}

static enum error read_issuers(struct settings_reader *reader)
{
    struct settings_auth *auth = &reader->settings->auth;
    if (!auth->issuers || !settings_map_is_list(reader->diag, auth->issuers, "auth.issuers", SETTINGS_MAP_ITEMS_MAX))
        return OK;
    struct identity_issuer *issuers = arena_array(reader->arena, auth->issuers->count, sizeof *issuers);
    if (!issuers)
        return ERROR_MEMORY;
    auth->config.issuers = issuers;
    for (const struct node *node = auth->issuers->first; node; node = node->next)
        auth->config.issuer_count += read_issuer(reader, node, &issuers[auth->config.issuer_count]);
    if (auth->config.issuer_count > 1 && !reader->settings->schema->account)
        diag_warn(reader->diag, auth->issuers->place,
                  "declare accounts, and with `field:` what of them each issuer's subject is",
                  "whoever has the same subject at two issuers is one caller, for there are no accounts");
    return OK;
}

/* ---- who may sign in ---- */

static enum error read_when(struct settings_reader *reader)
{
    struct settings_auth *auth = &reader->settings->auth;
    const struct resource *account = reader->settings->schema->account;
    struct expr *expr = NULL;
    if (!auth->when || !settings_map_is_text(reader->diag, auth->when, "auth.when"))
        return OK;
    if (!account) {
        diag_at(reader->diag, auth->when->place, "a resource with a password is one",
                "\"auth.when\": there are no accounts");
        return OK;
    }
    const struct expr_scope scope = {.schema = reader->settings->schema, .resource = account, .use = EXPR_CONDITION};
    enum error error = expr_parse(auth->when->text, auth->when->text_place, reader->arena, reader->diag, &expr);
    if (error == OK)
        error = expr_check(expr, &scope, reader->diag);
    if (error == OK)
        auth->config.when = expr;
    return error == ERROR_VALIDATION ? OK : error;
}

/* One resource holds the accounts. */
static void warn_of_second(struct settings_reader *reader, const struct resource *account)
{
    const struct schema *schema = reader->settings->schema;
    for (size_t i = 0; account && i < schema->resource_count; i++)
        for (size_t j = 0; &schema->resources[i] != account && j < schema->resources[i].field_count; j++)
            if (schema->resources[i].fields[j].type.kind == FIELD_PASSWORD) {
                diag_warn(reader->diag, schema->resources[i].fields[j].place,
                          "keep the passwords of people in one resource",
                          "nobody signs in as one of \"%.*s\": the accounts are \"%.*s\"",
                          SLICE_ARG(schema->resources[i].name), SLICE_ARG(account->name));
                break;
            }
}

static void check_login(struct settings_reader *reader)
{
    const struct settings *settings = reader->settings;
    const struct resource *account = settings->schema->account;
    struct account_form form;
    const char *why;
    struct slice login = settings->auth.config.login;
    warn_of_second(reader, account);
    if (!account || account_form_find(settings->schema, login, &form, &why) == OK)
        return;
    if (login.len > 0)
        diag_at(reader->diag, account->place, "such as `email: email required unique`",
                "\"auth.login\" is \"%.*s\": %s", SLICE_ARG(login), why);
    else
        diag_warn(reader->diag, account->place, "such as `email: email required unique`",
                  "nobody can sign in as one of \"%.*s\": %s", SLICE_ARG(account->name), why);
}

/* ---- mail ---- */

static enum error read_mail(struct settings_reader *reader)
{
    struct settings_mail *mail = &reader->settings->mail;
    if (!mail->url_node || !settings_map_is_text(reader->diag, mail->url_node, "mail.url"))
        return OK;
    mail->url = arena_text(reader->arena, mail->url_node->text);
    const char *from = arena_text(reader->arena, mail->from);
    if (!mail->url || !from)
        return ERROR_MEMORY;
    struct diag said;
    diag_init(&said, reader->arena);
    const struct mailer_config config = {.url = mail->url, .from = from};
    if (mail->from.len == 0)
        diag_at(reader->diag, mail->url_node->place, "mail.from: Markets <no-reply@example.org>",
                "\"mail.from\" says whom mail is from, and is not there");
    else if (mailer_check(&config, &said) != OK)
        diag_at(reader->diag, mail->url_node->place, said.hint, "\"mail\": %s",
                said.message ? said.message : "is wrong");
    if (settings_value_has_password(mail->url_node->text))
        settings_value_warn_of_secret(reader->diag, mail->url_node, "the password of the mail server");
    return OK;
}

/* ---- all of it ---- */

/* An address that could not be read is told as what it is. */
static bool is_local(const struct settings_address *address)
{
    return !address->host || strncmp(address->host, "127.", 4) == 0 || strcmp(address->host, "::1") == 0 ||
           strcmp(address->host, "localhost") == 0;
}

/* Passwords and tokens would be on the wire for everybody to read. */
static void warn_of_plain_text(struct settings_reader *reader)
{
    const struct settings *settings = reader->settings;
    bool is_open = false;
    for (size_t i = 0; i < settings->listen.count; i++)
        is_open = is_open || !is_local(&settings->listen.items[i]);
    if (is_open && settings->schema->account)
        diag_warn(reader->diag, settings->schema->account->place,
                  "listen on 127.0.0.1, and let a proxy that speaks TLS stand in front",
                  "people sign in, and \"listen\" takes them from everywhere without TLS");
}

enum error settings_auth_read(struct settings_reader *reader)
{
    struct settings *settings = reader->settings;
    struct settings_auth *auth = &settings->auth;
    auth->config.app = settings->name;
    auth->config.password = (struct password_params){.memory_kib = (uint32_t)(auth->memory_bytes / 1024),
                                                     .iterations = auth->iterations,
                                                     .parallelism = auth->parallelism};
    TRY(read_keys(reader));
    TRY(read_secret(reader));
    TRY(read_issuers(reader));
    TRY(settings_provider_read(reader));
    TRY(read_when(reader));
    TRY(read_mail(reader));
    check_login(reader);
    warn_of_plain_text(reader);
    return OK;
}
