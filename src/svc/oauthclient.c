/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of OAuth.
 *
 * Redirects are compared as texts, never as URLs: two programs that read a URL differently are how codes get to where
 * they do not belong. The one exception is a port of a loopback address, whose rest is again compared as a text.
 *
 * Scopes are patterns of permissions, so that what a token may do is what a role or a key may. */
#include "svc/oauthclient.h"

#include "base/buf.h"
#include "model/permission.h"

const struct oauthclient *oauthclient_find(const struct oauthclient_config *config, struct slice id)
{
    for (size_t i = 0; i < config->client_count; i++)
        if (slice_eq(config->clients[i].id, id))
            return &config->clients[i];
    return NULL;
}

bool oauthclient_is_secret(const struct oauthclient *client, struct slice secret)
{
    static const unsigned char none[DIGEST_SHA256_BYTES];
    bool has_secret = client && client->is_confidential;
    unsigned char digest[DIGEST_SHA256_BYTES];
    digest_sha256(secret, digest);
    bool is_equal = digest_equal(slice_of((const char *)digest, sizeof digest),
                                 slice_of((const char *)(has_secret ? client->secret : none), sizeof digest));
    return has_secret && is_equal;
}

/* ---- redirects ---- */

/* The scheme, without its colon; empty: it has not the form of one (RFC 3986 section 3.1). */
static struct slice scheme_of(struct slice uri)
{
    struct slice scheme = slice_of(uri.ptr, slice_index(uri, ':'));
    if (scheme.len == uri.len || scheme.len == 0)
        return SLICE("");
    for (size_t i = 0; i < scheme.len; i++) {
        char byte = scheme.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        bool is_other = (byte >= '0' && byte <= '9') || byte == '+' || byte == '-' || byte == '.';
        if (!is_letter && (i == 0 || !is_other))
            return SLICE("");
    }
    return scheme;
}

/* What stands behind the port of http://127.0.0.1:port/… or http://[::1]:port/…; `*host` is all that is before it.
 * False: it is no loopback address. */
static bool split_loopback(struct slice uri, struct slice *host, struct slice *rest)
{
    static const struct slice hosts[] = {SLICE_INIT("http://127.0.0.1"), SLICE_INIT("http://[::1]")};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        if (!slice_starts(uri, hosts[i]))
            continue;
        *host = hosts[i];
        *rest = slice_from_index(uri, hosts[i].len);
        size_t digits = 0;
        if (rest->len > 0 && rest->ptr[0] == ':') {
            while (digits + 1 < rest->len && rest->ptr[digits + 1] >= '0' && rest->ptr[digits + 1] <= '9')
                digits++;
            if (digits == 0 || digits > 5)
                return false;
            *rest = slice_from_index(*rest, digits + 1);
        }
        return rest->len == 0 || rest->ptr[0] == '/' || rest->ptr[0] == '?';
    }
    return false;
}

static bool is_visible(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '"' || text.ptr[i] == '\\' ||
            text.ptr[i] == '<' || text.ptr[i] == '>')
            return false;
    return true;
}

/* host[:port] of an http or https URI; empty: there is none, or somebody is named before it. */
static struct slice authority_of(struct slice uri, size_t scheme_bytes)
{
    struct slice rest = slice_from_index(uri, scheme_bytes);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    struct slice authority = slice_of(rest.ptr, end);
    return slice_index(authority, '@') < authority.len ? SLICE("") : authority;
}

const char *oauthclient_redirect_fault(struct slice redirect)
{
    struct slice scheme = scheme_of(redirect), host, rest;
    if (scheme.len == 0 || !is_visible(redirect))
        return "it is not an absolute URI";
    if (slice_index(redirect, '#') < redirect.len)
        return "it has a fragment";
    if (slice_eq_text(scheme, "https"))
        return slice_starts(redirect, SLICE("https://")) && authority_of(redirect, 8).len > 0 ? NULL
                                                                                              : "it names no host";
    if (slice_eq_text(scheme, "http"))
        return split_loopback(redirect, &host, &rest)
                   ? NULL
                   : "http is for http://127.0.0.1 and http://[::1] alone: a code would be there for everybody to read";
    if (slice_index(scheme, '.') == scheme.len)
        return "a scheme of one's own has a dot in it, such as org.example.app";
    return NULL;
}

bool oauthclient_has_redirect(const struct oauthclient *client, struct slice redirect)
{
    struct slice host, rest, declared_host, declared_rest;
    bool is_loopback = split_loopback(redirect, &host, &rest);
    for (size_t i = 0; i < client->redirect_count; i++) {
        struct slice declared = client->redirects[i];
        if (slice_eq(declared, redirect))
            return true;
        if (is_loopback && is_visible(rest) && split_loopback(declared, &declared_host, &declared_rest) &&
            slice_eq(host, declared_host) && slice_eq(rest, declared_rest))
            return true;
    }
    return false;
}

bool oauthclient_is_certain(const struct oauthclient *client, struct slice redirect)
{
    return client->is_confidential || slice_starts(redirect, SLICE("https://"));
}

/* ---- scopes ---- */

static bool has_pattern(struct slice patterns, struct slice wanted)
{
    struct slice pattern;
    while (patterns.len > 0 && slice_split(&patterns, ' ', &pattern))
        if (slice_eq(pattern, wanted))
            return true;
    return false;
}

static void add_pattern(struct buf *out, struct slice pattern)
{
    if (has_pattern(buf_slice(out), pattern))
        return;
    if (out->len > 0)
        buf_put_byte(out, ' ');
    buf_put_slice(out, pattern);
}

enum error oauthclient_read_scope(struct slice text, struct arena *arena, struct slice *out)
{
    char room[OAUTHCLIENT_SCOPE_BYTES_MAX];
    struct buf kept = {.ptr = room, .cap = sizeof room, .limit_bytes = sizeof room};
    struct slice pattern;
    size_t count = 0;
    if (text.len == 0 || text.len > sizeof room || text.ptr[text.len - 1] == ' ')
        return ERROR_VALIDATION;
    while (text.len > 0 && slice_split(&text, ' ', &pattern)) {
        if (!permission_is_pattern(pattern) || ++count > OAUTHCLIENT_SCOPES_MAX)
            return ERROR_VALIDATION;
        add_pattern(&kept, pattern);
    }
    *out = arena_slice(arena, buf_slice(&kept));
    return out->ptr ? OK : ERROR_MEMORY;
}

/* A pattern holds what another one does when it holds its text: a part of it is `*`, or the same. */
static bool is_covered(struct slice granted, struct slice wanted)
{
    struct slice pattern;
    while (granted.len > 0 && slice_split(&granted, ' ', &pattern))
        if (slice_eq(pattern, wanted) || permission_matches(pattern, wanted))
            return true;
    return false;
}

bool oauthclient_covers(struct slice granted, struct slice wanted)
{
    struct slice pattern;
    while (wanted.len > 0 && slice_split(&wanted, ' ', &pattern))
        if (!is_covered(granted, pattern))
            return false;
    return true;
}

enum error oauthclient_join(struct slice a, struct slice b, struct arena *arena, struct slice *out)
{
    char *room = arena_alloc(arena, a.len + b.len + 1);
    if (!room)
        return ERROR_MEMORY;
    struct buf joined = {.ptr = room, .cap = a.len + b.len + 1, .limit_bytes = a.len + b.len + 1};
    struct slice both[] = {a, b}, pattern;
    for (size_t i = 0; i < ARRAY_LEN(both); i++)
        while (both[i].len > 0 && slice_split(&both[i], ' ', &pattern))
            add_pattern(&joined, pattern);
    *out = buf_slice(&joined);
    return buf_error(&joined);
}

static void add_narrower(struct buf *out, struct slice a, struct slice b)
{
    if (is_covered(a, b))
        add_pattern(out, b);
    else if (is_covered(b, a))
        add_pattern(out, a);
}

enum error oauthclient_meet(struct slice a, struct slice b, struct arena *arena, struct slice *out)
{
    char *room = arena_alloc(arena, a.len + b.len + 1); /* each pattern stands there once at most */
    struct slice first, second;
    if (!room)
        return ERROR_MEMORY;
    struct buf met = {.ptr = room, .cap = a.len + b.len + 1, .limit_bytes = a.len + b.len + 1};
    while (a.len > 0 && slice_split(&a, ' ', &first))
        for (struct slice rest = b; rest.len > 0 && slice_split(&rest, ' ', &second);)
            add_narrower(&met, first, second);
    *out = buf_slice(&met);
    return buf_error(&met);
}
