/* SPDX-License-Identifier: Apache-2.0 */
/* Providers in the app file. What a provider needs to know of this server must be known here (auth.url), and where
 * browsers are sent must be the app's own: a page of this server, or of an origin that may call it. */
#include "app/settings_provider.h"

#include "app/settings_map.h"
#include "model/schema.h"
#include "svc/account.h"
#include "svc/provider_metadata.h"
#include "svc/provider_signin.h"
#include "svc/provider_state.h"

enum { NAME_MAX_BYTES = 40, SCOPES_MAX_BYTES = 500 };
static const char url_hint[] = "such as https://api.example.org: https, or http to this machine";

static bool is_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        if (!is_letter && byte != '-' && byte != '_')
            return false;
    }
    return name.len > 0 && name.len <= NAME_MAX_BYTES;
}

/* What stands between two scopes is a space, so none is in one (RFC 6749 section 3.3). */
static bool is_scope(struct slice scope)
{
    for (size_t i = 0; i < scope.len; i++)
        if (scope.ptr[i] <= ' ' || scope.ptr[i] > '~' || scope.ptr[i] == '"' || scope.ptr[i] == '\\')
            return false;
    return scope.len > 0;
}

static enum error join_scopes(struct settings_reader *reader, const struct node *list, struct slice *out)
{
    const char *joined = "openid";
    for (const struct node *node = list->first; node; node = node->next) {
        if (node->kind != NODE_SCALAR || !is_scope(node->text) || node->text.len > SCOPES_MAX_BYTES) {
            diag_at(reader->diag, node->place, "such as email or profile", "a scope is a word");
            continue;
        }
        if (slice_eq_text(node->text, "openid"))
            continue;
        joined = arena_printf(reader->arena, "%s %.*s", joined, SLICE_ARG(node->text));
        if (!joined)
            return ERROR_MEMORY;
    }
    *out = slice_from(joined);
    return OK;
}

static enum error read_scopes(struct settings_reader *reader, const struct node *node, struct slice *out)
{
    *out = SLICE("openid email");
    if (!node)
        return OK;
    return settings_map_is_list(reader->diag, node, "scopes", SETTINGS_MAP_ITEMS_MAX) ? join_scopes(reader, node, out)
                                                                                      : OK;
}

static void read_link(struct settings_reader *reader, const struct node *node, bool *out)
{
    *out = !node || slice_eq_text(node->text, "true");
    if (node && !*out && (node->kind != NODE_SCALAR || !slice_eq_text(node->text, "false")))
        diag_at(reader->diag, node->place, "whether an account may be found by its e-mail address",
                "\"link\" must be true or false");
}

static void read_secret(struct settings_reader *reader, const struct node *node, struct slice *out)
{
    if (!node || !settings_map_is_text(reader->diag, node, "secret"))
        return;
    settings_value_warn_of_secret(reader->diag, node, "the secret of a provider");
    if (node->text.len == 0)
        diag_at(reader->diag, node->place, "leave it out where the app is a public client", "\"secret\" is empty");
    *out = node->text;
}

static bool is_taken(const struct provider_config *before, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(before[i].name, name))
            return true;
    return false;
}

static void check_provider(struct settings_reader *reader, const struct node *map, const struct provider_config *before,
                           size_t count, const struct provider_config *config)
{
    struct place place = node_find(map, "name")->place;
    if (!is_name(config->name))
        diag_at(reader->diag, place, "such as google: it becomes a part of paths",
                "the name of a provider is of small letters, digits, - and _, %d at most", NAME_MAX_BYTES);
    else if (is_taken(before, count, config->name))
        diag_at(reader->diag, place, NULL, "there are two providers of this name");
    struct slice issuer = config->issuer;
    bool is_bare = slice_index(issuer, '?') == issuer.len && slice_index(issuer, '#') == issuer.len;
    if (!provider_metadata_is_safe_url(issuer) || !is_bare || issuer.len > PROVIDER_METADATA_URL_MAX)
        diag_at(reader->diag, node_find(map, "issuer")->place,
                "such as https://accounts.google.com; http only to this machine",
                "\"issuer\" is not a URL that can be trusted");
}

static enum error read_provider(struct settings_reader *reader, const struct node *map, struct settings_auth *auth,
                                struct provider_config *providers)
{
    const struct node *secret = NULL, *scopes = NULL, *link = NULL;
    struct provider_config config = {.secret = SLICE("")};
    const struct settings_map_row rows[] = {
        {"name", &config.name, NULL, true},     {"issuer", &config.issuer, NULL, true},
        {"client", &config.client, NULL, true}, {"secret", NULL, &secret, false},
        {"scopes", NULL, &scopes, false},       {"link", NULL, &link, false}};
    if (!settings_map_read(reader->diag, map, "a provider", rows, ARRAY_LEN(rows)))
        return OK;
    check_provider(reader, map, providers, auth->config.provider_count, &config);
    read_secret(reader, secret, &config.secret);
    read_link(reader, link, &config.may_link);
    TRY(read_scopes(reader, scopes, &config.scopes));
    providers[auth->config.provider_count++] = config;
    return OK;
}

/* ---- where browsers come back to and go ---- */

static struct place place_of(const struct settings_reader *reader, const char *key)
{
    const struct node *node = node_find(node_find(reader->settings->root, "auth"), key);
    return node ? node->place : reader->settings->auth.providers->place;
}

/* Clients of OAuth were told where this server is: there is one place to say it. */
static void check_url(struct settings_reader *reader)
{
    struct settings_auth *auth = &reader->settings->auth;
    struct slice *url = &auth->config.url;
    if (url->len == 0 && auth->clients)
        *url = auth->config.issuer;
    while (url->len > 0 && url->ptr[url->len - 1] == '/')
        url->len--;
    bool is_bare = slice_index(*url, '?') == url->len && slice_index(*url, '#') == url->len;
    if (url->len == 0)
        diag_at(reader->diag, place_of(reader, "providers"), url_hint,
                "\"auth.url\" is missing: providers send browsers back to it");
    else if (!provider_metadata_is_safe_url(*url) || !is_bare)
        diag_at(reader->diag, place_of(reader, "url"), url_hint,
                "\"auth.url\" is not a URL that browsers can be sent to");
    else if (auth->clients && !slice_eq(*url, auth->config.issuer))
        diag_warn(reader->diag, place_of(reader, "url"), "leave \"auth.url\" out",
                  "\"auth.url\" and \"auth.issuer\" differ, and both are the URL that people come by");
}

static struct slice origin_of(struct slice url)
{
    size_t scheme = slice_starts(url, SLICE("https://")) ? 8 : 7;
    return slice_of(url.ptr, scheme + slice_index(slice_from_index(url, scheme), '/'));
}

static bool is_own_page(const struct settings *settings, struct slice after)
{
    const struct http_cors *cors = &settings->http.cors;
    if (!provider_metadata_is_safe_url(after))
        return false;
    struct slice origin = origin_of(after), path = slice_from_index(after, origin.len);
    if (path.len > 0 && !provider_state_is_path(path))
        return false;
    if (slice_eq(origin, origin_of(settings->auth.config.url)))
        return true;
    for (size_t i = 0; i < cors->origin_count; i++)
        if (slice_eq(cors->origins[i], origin))
            return true;
    return false;
}

static void check_after(struct settings_reader *reader)
{
    const struct settings *settings = reader->settings;
    struct slice after = settings->auth.config.after;
    if (after.len == 0 || provider_state_is_path(after) || is_own_page(settings, after))
        return;
    diag_at(reader->diag, place_of(reader, "after"), "a path such as /welcome, or a page of an origin of cors.origins",
            "\"auth.after\" is not where this app's users may be sent");
}

/* ---- who signs in ---- */

static void check_account(struct settings_reader *reader)
{
    const struct settings *settings = reader->settings;
    const struct resource *account = settings->schema->account;
    struct place place = settings->auth.providers->place;
    struct account_form form;
    const char *why;
    if (!account) {
        diag_at(reader->diag, place, "a resource with a password is one", "\"auth.providers\": there are no accounts");
        return;
    }
    if (account_form_find(settings->schema, settings->auth.config.login, &form, &why) != OK)
        return; /* told elsewhere */
    if (!provider_signin_email_field(&form))
        diag_at(reader->diag, place, "such as `email: email required unique`",
                "\"auth.providers\": an account needs a unique field of type email");
    const struct field *verified = resource_find_field(account, SLICE("verified"));
    if (verified && !provider_signin_verified_field(account))
        diag_warn(reader->diag, verified->place, "verified: bool readonly = false",
                  "\"verified\" is not believed when people sign in with a provider: only the server may write it");
    else if (verified && provider_signin_email_field(&form) && !provider_signin_believes_verified(&form))
        diag_warn(reader->diag, verified->place, "name the other fields in `fields:` of the rule for update",
                  "\"verified\" is not believed when people sign in with a provider: an account may change its address "
                  "and stay verified");
}

enum error settings_provider_read(struct settings_reader *reader)
{
    struct settings_auth *auth = &reader->settings->auth;
    if (!auth->providers ||
        !settings_map_is_list(reader->diag, auth->providers, "auth.providers", SETTINGS_MAP_ITEMS_MAX))
        return OK;
    struct provider_config *providers = arena_array(reader->arena, auth->providers->count, sizeof *providers);
    if (!providers)
        return ERROR_MEMORY;
    auth->config.providers = providers;
    for (const struct node *node = auth->providers->first; node; node = node->next)
        TRY(read_provider(reader, node, auth, providers));
    check_url(reader);
    if (reader->diag->count == 0)
        check_after(reader);
    check_account(reader);
    return OK;
}
