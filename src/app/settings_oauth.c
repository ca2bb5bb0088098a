/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of OAuth in the app file. What could let somebody else in for one of them is refused here: a redirect that is
 * no exact address, a secret that can be guessed, a client without a secret that acts for itself. */
#include "app/settings_oauth.h"

#include "app/settings_map.h"
#include "base/suggest.h"
#include "model/permission.h"
#include "svc/oauthclient.h"

enum { CLIENTS_MAX = 1000, REDIRECTS_MAX = 20, REDIRECT_BYTES_MAX = 2000, ID_BYTES_MAX = 100, NAME_BYTES_MAX = 100 };

/* What is read of one client before it is one. */
struct draft {
    struct settings_reader *reader;
    const struct node *map;
    const struct node *redirects, *scopes, *secret, *grants;
    struct oauthclient *client;
};

static void tell(const struct draft *draft, const struct node *node, const char *hint, const char *sentence)
{
    diag_at(draft->reader->diag, node ? node->place : draft->map->place, hint, "client \"%.*s\": %s",
            SLICE_ARG(draft->client->id), sentence);
}

/* ---- a client's parts ---- */

/* What stands in headers, logs and URLs without being escaped. */
static bool is_id(struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        char byte = id.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_letter && !(byte >= '0' && byte <= '9') && byte != '-' && byte != '_' && byte != '.')
            return false;
    }
    return id.len > 0 && id.len <= ID_BYTES_MAX;
}

static void read_redirect(const struct draft *draft, const struct node *node, struct slice *out)
{
    const char *fault = "it is no text";
    if (node->kind == NODE_SCALAR && !node_is_empty(node))
        fault = node->text.len > REDIRECT_BYTES_MAX ? "it is too long" : oauthclient_redirect_fault(node->text);
    *out = node->text;
    if (fault)
        diag_at(draft->reader->diag, node->place, "such as https://app.example.org/callback",
                "a redirect cannot be used: %s", fault);
}

static enum error read_redirects(struct draft *draft)
{
    struct oauthclient *client = draft->client;
    bool has_code = oauthclient_may(client, OAUTHCLIENT_CODE);
    if (!draft->redirects) {
        if (has_code)
            tell(draft, NULL, "redirects: [\"https://app.example.org/callback\"]", "it needs \"redirects\"");
        return OK;
    }
    if (!settings_map_is_list(draft->reader->diag, draft->redirects, "redirects", REDIRECTS_MAX))
        return OK;
    struct slice *redirects = arena_array(draft->reader->arena, draft->redirects->count, sizeof *redirects);
    if (!redirects)
        return ERROR_MEMORY;
    client->redirects = redirects;
    for (const struct node *node = draft->redirects->first; node; node = node->next)
        read_redirect(draft, node, &redirects[client->redirect_count++]);
    return OK;
}

/* One that nothing asks for is most likely misspelt. */
static void check_scope(const struct draft *draft, const struct node *node)
{
    const struct schema *schema = draft->reader->settings->schema;
    struct suggest suggest;
    for (size_t i = 0; i < schema->permission_count; i++)
        if (permission_matches(node->text, schema->permissions[i]))
            return;
    suggest_init(&suggest, node->text);
    for (size_t i = 0; i < schema->permission_count; i++)
        suggest_offer(&suggest, schema->permissions[i]);
    suggest_report(&suggest, draft->reader->diag, node->place, "unknown permission", "such as markets:read");
}

static enum error read_scopes(struct draft *draft)
{
    struct slice *scopes = &draft->client->scopes;
    *scopes = SLICE("");
    if (!settings_map_is_list(draft->reader->diag, draft->scopes, "scopes", OAUTHCLIENT_SCOPES_MAX))
        return OK;
    for (const struct node *node = draft->scopes->first; node; node = node->next) {
        if (node->kind != NODE_SCALAR || !permission_is_pattern(node->text)) {
            diag_at(draft->reader->diag, node->place, "such as \"markets:read\" or \"markets:*\"",
                    "a scope must be a permission, or a pattern of them");
            continue;
        }
        check_scope(draft, node);
        TRY(oauthclient_join(*scopes, node->text, draft->reader->arena, scopes));
    }
    if (scopes->len > OAUTHCLIENT_SCOPE_BYTES_MAX)
        tell(draft, draft->scopes, "use patterns, such as \"markets:*\"", "its scopes are too long");
    return OK;
}

static void read_secret(struct draft *draft)
{
    const struct node *secret = draft->secret;
    struct oauthclient *client = draft->client;
    if (!secret)
        return;
    client->is_confidential = true;
    if (secret->kind != NODE_SCALAR || node_is_empty(secret)) {
        diag_at(draft->reader->diag, secret->place, NULL, "\"secret\" must be a text, this is %s",
                node_kind_name(secret));
        return;
    }
    settings_value_warn_of_secret(draft->reader->diag, secret, "the secret of a client");
    if (secret->text.len < OAUTHCLIENT_SECRET_BYTES_MIN)
        diag_at(draft->reader->diag, secret->place, "make one: openssl rand -hex 32",
                "the secret is %zu bytes long: one that short can be guessed; %d at least", secret->text.len,
                OAUTHCLIENT_SECRET_BYTES_MIN);
    digest_sha256(secret->text, client->secret);
}

static void read_grants(struct draft *draft)
{
    static const char *const names[OAUTHCLIENT_GRANT_COUNT] = {
        [OAUTHCLIENT_CODE] = "code",
        [OAUTHCLIENT_REFRESH] = "refresh",
        [OAUTHCLIENT_CREDENTIALS] = "client_credentials",
    };
    unsigned *grants = &draft->client->grants;
    *grants = 1u << OAUTHCLIENT_CODE | 1u << OAUTHCLIENT_REFRESH;
    if (!draft->grants || !settings_map_is_list(draft->reader->diag, draft->grants, "grants", OAUTHCLIENT_GRANT_COUNT))
        return;
    *grants = 0;
    for (const struct node *node = draft->grants->first; node; node = node->next) {
        unsigned i = 0;
        while (i < OAUTHCLIENT_GRANT_COUNT && !(node->kind == NODE_SCALAR && slice_eq_text(node->text, names[i])))
            i++;
        if (i == OAUTHCLIENT_GRANT_COUNT)
            diag_at(draft->reader->diag, node->place, NULL, "\"grants\" holds code, refresh and client_credentials");
        else
            *grants |= 1u << i;
    }
}

/* ---- what goes together ---- */

static void check_grants(const struct draft *draft)
{
    const struct oauthclient *client = draft->client;
    bool has_code = oauthclient_may(client, OAUTHCLIENT_CODE);
    bool is_own = oauthclient_may(client, OAUTHCLIENT_CREDENTIALS);
    if (is_own && !client->is_confidential)
        tell(draft, draft->grants, "give it a secret: \"${CLIENT_SECRET}\"",
             "without a secret anybody could act for it with client_credentials");
    if (!has_code && oauthclient_may(client, OAUTHCLIENT_REFRESH))
        tell(draft, draft->grants, "grants: [code, refresh]", "there is nothing to refresh without \"code\"");
    if (has_code && !identity_has_accounts(&draft->reader->settings->auth.config, draft->reader->settings->schema))
        tell(draft, draft->grants, "a resource with a password is one; or grants: [client_credentials]",
             "nobody can sign in: there are no accounts");
}

static void check_role(const struct draft *draft)
{
    const struct oauthclient *client = draft->client;
    const struct schema *schema = draft->reader->settings->schema;
    const struct node *node = node_find(draft->map, "role");
    if (client->role.len == 0)
        return;
    if (!permission_role(schema, client->role))
        tell(draft, node, "declare it under `roles:`", "there is no such role");
    if (!oauthclient_may(client, OAUTHCLIENT_CREDENTIALS))
        tell(draft, node, "grants: [client_credentials]", "it has a role, and never acts for itself");
}

static void check_names(const struct draft *draft, const struct oauthclient *clients, size_t count)
{
    const struct oauthclient *client = draft->client;
    const struct node *name = node_find(draft->map, "name");
    if (!is_id(client->id))
        diag_at(draft->reader->diag, node_find(draft->map, "id")->place, NULL,
                "\"id\" must be 1 to %d letters, digits, - _ .", ID_BYTES_MAX);
    if (client->name.len > NAME_BYTES_MAX)
        tell(draft, name, NULL, "its name is too long");
    for (size_t i = 0; i < count; i++)
        if (slice_eq(clients[i].id, client->id))
            tell(draft, node_find(draft->map, "id"), NULL, "it stands here twice");
}

/* ---- all of them ---- */

static enum error read_client(struct settings_reader *reader, const struct node *map, struct oauthclient *clients,
                              size_t *count)
{
    struct oauthclient *client = &clients[*count];
    struct draft draft = {.reader = reader, .map = map, .client = client};
    const struct settings_map_row rows[] = {{"id", &client->id, NULL, true},
                                            {"name", &client->name, NULL, true},
                                            {"redirects", NULL, &draft.redirects, false},
                                            {"scopes", NULL, &draft.scopes, true},
                                            {"secret", NULL, &draft.secret, false},
                                            {"grants", NULL, &draft.grants, false},
                                            {"role", &client->role, NULL, false}};
    *client = (struct oauthclient){0};
    if (!settings_map_read(reader->diag, map, "a client", rows, ARRAY_LEN(rows)))
        return OK;
    check_names(&draft, clients, *count);
    read_grants(&draft);
    read_secret(&draft);
    TRY(read_redirects(&draft));
    TRY(read_scopes(&draft));
    check_grants(&draft);
    check_role(&draft);
    (*count)++;
    return OK;
}

/* What clients compare, byte for byte, and put paths behind (RFC 8414 section 2). */
static bool is_issuer(struct slice issuer)
{
    bool is_tls = slice_starts(issuer, SLICE("https://")), is_plain = slice_starts(issuer, SLICE("http://"));
    struct slice host = slice_from_index(issuer, is_tls ? 8 : 7);
    if ((!is_tls && !is_plain) || host.len == 0)
        return false;
    for (size_t i = 0; i < host.len; i++)
        if (host.ptr[i] <= ' ' || host.ptr[i] >= 0x7f || strchr("/?#@\\\"<>", host.ptr[i]))
            return false;
    return true;
}

static void check_issuer(struct settings_reader *reader)
{
    const struct settings_auth *auth = &reader->settings->auth;
    const struct node *section = node_find(reader->settings->root, "auth");
    const struct node *node = node_find(section, "issuer");
    struct place place = node ? node->place : auth->clients->key_place;
    if (!is_issuer(auth->config.issuer))
        diag_at(
            reader->diag, place, "auth.issuer: https://app.example.org",
            "with \"oauth.clients\" \"auth.issuer\" must be the URL that people and clients come by, without a path");
    else if (slice_starts(auth->config.issuer, SLICE("http://")) &&
             !slice_starts(auth->config.issuer, SLICE("http://127.0.0.1")) &&
             !slice_starts(auth->config.issuer, SLICE("http://localhost")) &&
             !slice_starts(auth->config.issuer, SLICE("http://[::1]")))
        diag_warn(reader->diag, place, "use https", "codes and tokens would be there for everybody to read");
}

enum error settings_oauth_read(struct settings_reader *reader)
{
    struct settings_auth *auth = &reader->settings->auth;
    const struct node *list = auth->clients;
    if (!list)
        return OK;
    if (list->kind != NODE_LIST || list->count == 0 || list->count > CLIENTS_MAX) {
        diag_at(reader->diag, list->place, NULL, "\"oauth.clients\" must be a list of 1 to %d", CLIENTS_MAX);
        return OK;
    }
    struct oauthclient *clients = arena_array(reader->arena, list->count, sizeof *clients);
    if (!clients)
        return ERROR_MEMORY;
    auth->config.oauth.clients = clients;
    for (const struct node *node = list->first; node; node = node->next)
        TRY(read_client(reader, node, clients, &auth->config.oauth.client_count));
    check_issuer(reader);
    return OK;
}
