/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of settings, one for each kind of a row: text to the member of struct settings.
 *
 * Limits are kept as they would be written and parsed by the same reader as the value, so that a message can repeat
 * them in their own words. A message shows a value as the file has it: never what a variable was replaced by. */
#include "app/settings_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/number.h"
#include "base/suggest.h"
#include "base/timecode.h"
#include "net/network.h"

typedef enum error settings_parser(struct slice text, int64_t *out);

static void *member(const struct settings_reader *reader, const struct settings_row *row)
{
    return (char *)reader->settings + row->offset;
}

static enum error refuse(struct settings_reader *reader, const struct settings_row *row, const struct node *node,
                         const char *hint, const char *why)
{
    if (node->is_broken)
        return OK;
    if (node->kind == NODE_SCALAR && !node_is_empty(node))
        diag_at(reader->diag, node->place, hint, "\"%s\" %s, not %s", row->path, why, node_shown(node, reader->diag));
    else
        diag_at(reader->diag, node->place, hint, "\"%s\" %s, this is %s", row->path, why, node_kind_name(node));
    return OK;
}

static bool is_scalar(const struct node *node)
{
    return node->kind == NODE_SCALAR && !node_is_empty(node);
}

static int64_t limit_of(const char *text, settings_parser *parse)
{
    int64_t limit = 0;
    CHECK(parse(slice_from(text), &limit) == OK, "the limits of settings.def are valid");
    return limit;
}

/* A number within the limits of its row; false: told. */
static bool read_number(struct settings_reader *reader, const struct settings_row *row, const struct node *node,
                        settings_parser *parse, const char *why, int64_t *out)
{
    if (!is_scalar(node) || parse(node->text, out) != OK) {
        (void)refuse(reader, row, node, NULL, why);
        return false;
    }
    if (*out >= limit_of(row->low, parse) && *out <= limit_of(row->high, parse))
        return true;
    char between[80];
    (void)snprintf(between, sizeof between, "must be between %s and %s", row->low, row->high);
    (void)refuse(reader, row, node, NULL, between);
    return false;
}

static enum error read_count(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    int64_t number;
    if (read_number(reader, row, node, number_parse_int, "must be a whole number", &number))
        *(unsigned *)member(reader, row) = (unsigned)number;
    return OK;
}

static enum error read_size(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    int64_t bytes;
    if (read_number(reader, row, node, timecode_parse_size, "must be a size such as 8KiB", &bytes))
        *(size_t *)member(reader, row) = (size_t)bytes;
    return OK;
}

static enum error read_duration_ms(struct settings_reader *reader, const struct settings_row *row,
                                   const struct node *node)
{
    int64_t duration_ms;
    if (read_number(reader, row, node, timecode_parse_duration, "must be a time such as 30s", &duration_ms))
        *(int64_t *)member(reader, row) = duration_ms;
    return OK;
}

static enum error read_duration_s(struct settings_reader *reader, const struct settings_row *row,
                                  const struct node *node)
{
    int64_t duration_ms;
    if (read_number(reader, row, node, timecode_parse_duration, "must be a time such as 30s", &duration_ms))
        *(int64_t *)member(reader, row) = duration_ms / 1000;
    return OK;
}

/* A text within the limits of its row (in bytes); false: told. */
static bool check_text(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    if (is_scalar(node) || (node->kind == NODE_SCALAR && node->is_quoted)) {
        int64_t length = (int64_t)node->text.len;
        if (length >= limit_of(row->low, number_parse_int) && length <= limit_of(row->high, number_parse_int))
            return true;
    }
    char between[80];
    (void)snprintf(between, sizeof between, "must be a text of %s to %s bytes", row->low, row->high);
    (void)refuse(reader, row, node, NULL, between);
    return false;
}

static enum error read_text(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    if (check_text(reader, row, node))
        *(struct slice *)member(reader, row) = node->text;
    return OK;
}

/* One text, or a list of them. */
/* Whoever follows it must arrive with the token. */
static enum error read_link(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    static const struct slice mark = SLICE_INIT("{token}");
    if (!check_text(reader, row, node))
        return OK;
    bool is_url = slice_starts(node->text, SLICE("https://")) || slice_starts(node->text, SLICE("http://"));
    if (!is_url || !memmem(node->text.ptr, node->text.len, mark.ptr, mark.len))
        return refuse(reader, row, node, "such as https://app.example.org/reset?token={token}",
                      "must be an http or https address with {token} in it");
    *(struct slice *)member(reader, row) = node->text;
    return OK;
}

static enum error read_texts(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    struct settings_texts *texts = member(reader, row);
    if (node->kind != NODE_LIST)
        return refuse(reader, row, node, NULL, "must be a list of texts");
    struct slice *items = arena_array(reader->arena, node->count + 1, sizeof *items);
    if (!items)
        return ERROR_MEMORY;
    *texts = (struct settings_texts){.items = items};
    for (const struct node *item = node->first; item; item = item->next)
        if (check_text(reader, row, item))
            items[texts->count++] = item->text;
    return OK;
}

/* The number of the choice, or -1 and told. */
static int read_choice_number(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    struct slice rest = slice_from(row->choices), choice;
    struct suggest suggest;
    suggest_init(&suggest, node->source);
    for (int number = 0; slice_split(&rest, '|', &choice); number++) {
        if (is_scalar(node) && slice_eq(choice, node->text))
            return number;
        suggest_offer(&suggest, choice);
    }
    char why[120] = "must be ";
    size_t length = strlen(why);
    for (const char *at = row->choices; *at && length < sizeof why - 8; at++) {
        if (*at != '|')
            why[length++] = *at;
        else
            length += (size_t)snprintf(why + length, sizeof why - length, strchr(at + 1, '|') ? ", " : " or ");
    }
    why[length] = '\0';
    (void)refuse(reader, row, node, NULL, why);
    return -1;
}

static enum error read_choice(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    int number = read_choice_number(reader, row, node);
    if (number >= 0)
        *(int *)member(reader, row) = number; /* every enum of settings is as wide as an int */
    return OK;
}

static enum error read_flag(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    int number = read_choice_number(reader, row, node);
    if (number >= 0)
        *(bool *)member(reader, row) = number == 1;
    return OK;
}

static bool is_path_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("/-._~", c);
}

static enum error read_path(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    static const char hint[] = "a path such as /api/v1, of letters, digits and - . _ ~";
    struct slice path = node->text;
    bool is_right =
        is_scalar(node) && path.len <= 100 && slice_starts(path, SLICE("/")) && !memmem(path.ptr, path.len, "//", 2);
    for (size_t i = 0; is_right && i < path.len; i++)
        is_right = path.ptr[i] != '\0' && is_path_byte(path.ptr[i]);
    if (!is_right)
        return refuse(reader, row, node, hint, "must be a path");
    if (path.ptr[path.len - 1] == '/')
        path.len--;
    *(struct slice *)member(reader, row) = path;
    return OK;
}

static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* Cuts the host, without its brackets, and leaves the port. */
static bool split_host(struct slice *rest, struct slice *host)
{
    bool is_bracketed = slice_starts(*rest, SLICE("["));
    size_t end = is_bracketed ? slice_index(*rest, ']') : slice_index(*rest, ':');
    if (end == rest->len || (is_bracketed && (end + 1 == rest->len || rest->ptr[end + 1] != ':')))
        return false;
    *host = slice_of(rest->ptr + is_bracketed, end - is_bracketed);
    *rest = slice_from_index(*rest, end + 1 + is_bracketed);
    for (size_t i = 0; i < host->len; i++)
        if (!is_host_byte(host->ptr[i]) && !(is_bracketed && strchr(":%", host->ptr[i])))
            return false;
    return !is_bracketed || host->len > 0;
}

enum error settings_value_address(struct slice text, struct arena *arena, struct settings_address *out)
{
    struct slice host, port = text;
    int64_t number;
    if (text.len > 255 || !split_host(&port, &host) || number_parse_int(port, &number) != OK || number < 0 ||
        number > 65535)
        return ERROR_VALIDATION;
    struct settings_address address = {.text = arena_slice(arena, text), .port = (unsigned)number};
    address.host = arena_text(arena, host);
    if (!address.text.ptr || !address.host)
        return ERROR_MEMORY;
    *out = address;
    return OK;
}

static const char address_hint[] = "host:port, such as 127.0.0.1:8080, [::1]:8080 or :8080 for every address";

static enum error read_address(struct settings_reader *reader, const struct settings_row *row, const struct node *node,
                               struct settings_address *out)
{
    enum error error = is_scalar(node) ? settings_value_address(node->text, reader->arena, out) : ERROR_VALIDATION;
    if (error == ERROR_VALIDATION)
        return refuse(reader, row, node, address_hint, "must be an address");
    if (error == OK && node->is_secret)
        out->text = node->source;
    return error;
}

static enum error read_addresses(struct settings_reader *reader, const struct settings_row *row,
                                 const struct node *node)
{
    struct settings_addresses *addresses = member(reader, row);
    if (node->kind == NODE_MAP || (node->kind == NODE_LIST && (!node->count || node->count > SETTINGS_LISTEN_MAX)))
        return refuse(reader, row, node, address_hint, "must be an address or a list of at most 8");
    addresses->count = 0;
    if (node->kind == NODE_SCALAR)
        return read_address(reader, row, node, &addresses->items[addresses->count++]);
    for (const struct node *item = node->first; item; item = item->next)
        TRY(read_address(reader, row, item, &addresses->items[addresses->count++]));
    return OK;
}

static enum error read_admin(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    reader->settings->admin_is_chosen = true;
    return read_address(reader, row, node, member(reader, row));
}

bool settings_value_has_password(struct slice url)
{
    const char *authority = memmem(url.ptr, url.len, "://", 3);
    if (!authority)
        return false;
    struct slice rest = slice_from_index(url, (size_t)(authority - url.ptr) + 3);
    rest.len = slice_index(rest, '/');
    size_t at = slice_index(rest, '@');
    return at < rest.len && slice_index(slice_of(rest.ptr, at), ':') < at;
}

/* What stands in a file is in its copies, in its history, and in every editor that has it open. */
void settings_value_warn_of_secret(struct diag *diag, const struct node *node, const char *what)
{
    if (!node->is_secret)
        diag_warn(diag, node->place, "write ${NAME} for a variable, or ${file:/run/secrets/name}",
                  "%s stands in the app file", what);
}

static enum error read_database(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    static const char hint[] = "sqlite:path, such as sqlite:data/app.db (relative to the app file), or "
                               "postgres://user@host:5432/database";
    struct settings_database *database = member(reader, row);
    struct slice url = is_scalar(node) ? node->text : SLICE("");
    if (slice_starts(url, SLICE("sqlite::memory:"))) {
        diag_at(reader->diag, node->place, hint, "\"database\": a database in memory is not available");
        return OK;
    }
    bool is_postgres = slice_starts(url, SLICE("postgres://")) || slice_starts(url, SLICE("postgresql://"));
    bool is_sqlite = slice_starts(url, SLICE("sqlite:")) && url.len > 7 && !slice_starts(url, SLICE("sqlite://"));
    if (!is_postgres && !is_sqlite)
        return refuse(reader, row, node, hint, "must be the URL of a database");
    if (settings_value_has_password(url))
        settings_value_warn_of_secret(reader->diag, node, "the password of the database");
    database->url = arena_text(reader->arena, url);
    database->shown = arena_text(reader->arena, node->source);
    return database->url && database->shown ? OK : ERROR_MEMORY;
}

/* scheme://host[:port], as browsers send it. */
static bool is_origin(struct slice text)
{
    size_t scheme = slice_starts(text, SLICE("https://")) ? 8 : slice_starts(text, SLICE("http://")) ? 7 : 0;
    struct slice host = slice_from_index(text, scheme);
    if (scheme == 0 || host.len == 0)
        return slice_eq_text(text, "*");
    for (size_t i = 0; i < host.len; i++)
        if ((unsigned char)host.ptr[i] <= ' ' || strchr("/?#*,", host.ptr[i]))
            return false;
    return text.len <= 300;
}

static enum error read_origins(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    static const char hint[] = "scheme, host and port without a path: https://app.example.org; or \"*\" for all";
    struct http_cors *cors = member(reader, row);
    if (node->kind == NODE_MAP || node->count > 100)
        return refuse(reader, row, node, hint, "must be a list of at most 100 origins");
    struct slice *origins = arena_array(reader->arena, node->count + 1, sizeof *origins);
    if (!origins)
        return ERROR_MEMORY;
    cors->origins = origins;
    cors->origin_count = 0;
    for (const struct node *item = node->kind == NODE_LIST ? node->first : node; item; item = item->next) {
        if (!is_scalar(item) || !is_origin(item->text))
            (void)refuse(reader, row, item, hint, "must hold origins");
        else
            origins[cors->origin_count++] = item->text;
        if (item == node)
            break;
    }
    for (size_t i = 0; i < cors->origin_count; i++)
        if (cors->origin_count > 1 && slice_eq_text(origins[i], "*"))
            diag_at(reader->diag, node->place, hint, "\"%s\" has \"*\" and other origins", row->path);
    return OK;
}

static enum error read_proxies(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    static const char hint[] =
        "addresses or networks: 127.0.0.1, 10.0.0.0/8, fd00::/8; no bit may be set behind the prefix";
    struct http_settings *http = member(reader, row);
    if (node->kind == NODE_MAP || node->count > 100)
        return refuse(reader, row, node, hint, "must be a list of at most 100 addresses and networks");
    struct network *proxies = arena_array(reader->arena, node->count + 1, sizeof *proxies);
    if (!proxies)
        return ERROR_MEMORY;
    http->proxies = proxies;
    http->proxy_count = 0;
    for (const struct node *item = node->kind == NODE_LIST ? node->first : node; item; item = item->next) {
        if (!is_scalar(item) || network_parse(item->text, &proxies[http->proxy_count]) != OK)
            (void)refuse(reader, row, item, hint, "must hold addresses and networks");
        else
            http->proxy_count++;
        if (item == node)
            break;
    }
    return OK;
}

/* Kept as it is, for who reads it once the schema is there. */
static enum error keep_node(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    if (!node_is_empty(node) && !node->is_broken)
        *(const struct node **)member(reader, row) = node;
    return OK;
}

enum error settings_value_read(struct settings_reader *reader, const struct settings_row *row, const struct node *node)
{
    static enum error (*const readers[SETTINGS_KIND_COUNT])(struct settings_reader *, const struct settings_row *,
                                                            const struct node *) = {
        [SETTINGS_TEXT] = read_text,
        [SETTINGS_TEXTS] = read_texts,
        [SETTINGS_LINK] = read_link,
        [SETTINGS_COUNT] = read_count,
        [SETTINGS_SIZE] = read_size,
        [SETTINGS_DURATION_MS] = read_duration_ms,
        [SETTINGS_DURATION_S] = read_duration_s,
        [SETTINGS_CHOICE] = read_choice,
        [SETTINGS_FLAG] = read_flag,
        [SETTINGS_PATH] = read_path,
        [SETTINGS_ADDRESSES] = read_addresses,
        [SETTINGS_ADMIN] = read_admin,
        [SETTINGS_DATABASE] = read_database,
        [SETTINGS_ORIGINS] = read_origins,
        [SETTINGS_PROXIES] = read_proxies,
        [SETTINGS_CONDITION] = keep_node,
        [SETTINGS_SECRET] = keep_node,
        [SETTINGS_KEYS] = keep_node,
        [SETTINGS_ISSUERS] = keep_node,
        [SETTINGS_PROVIDERS] = keep_node,
        [SETTINGS_LIMITS] = keep_node,
        [SETTINGS_CLIENTS] = keep_node,
    };
    return readers[row->kind](reader, row, node);
}
