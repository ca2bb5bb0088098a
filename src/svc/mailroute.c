/* SPDX-License-Identifier: Apache-2.0 */
/* Where mail goes.
 *
 * libcurl speaks SMTP: it gets a URL without secrets, user and password apart, and may use no other protocol, no proxy
 * and no signal. A connection stays open between mails. Nothing that it says is passed on but its constant sentence for
 * an error and the number of the server's reply, for the rest may quote an address.
 *
 * A file is written under a name that ends in .tmp and then renamed, so that whoever watches the folder sees whole
 * mails only. */
#include "svc/mailroute.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/percent.h"
#include "svc/mailer.h"

enum { TIMEOUT_MS = 30000, CONNECT_MS = 10000, PORT_STARTTLS = 587, PORT_TLS = 465 };

static const char form_hint[] = "smtp://user:password@host:587, smtps://user:password@host:465 or file:mail";

/* ---- reading the configuration ---- */

static enum error refuse(struct diag *diag, const char *hint, const char *message)
{
    diag_say(diag, hint, "%s", message);
    return ERROR_VALIDATION;
}

static enum error decode(struct slice text, struct arena *arena, struct diag *diag, const char **out)
{
    struct slice decoded;
    enum error error = percent_decode(text, arena, &decoded);
    if (error == ERROR_PARSE || (error == OK && slice_index(decoded, '\0') < decoded.len))
        return refuse(diag, "write % as %25", "mail.url: the user and the password must be percent-encoded");
    TRY(error);
    *out = arena_text(arena, decoded);
    return *out ? OK : ERROR_MEMORY;
}

static bool is_host(struct slice host)
{
    bool is_literal = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    const char *allowed =
        is_literal ? "0123456789abcdefABCDEF:.[]" : "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_";
    for (size_t i = 0; i < host.len; i++)
        if (host.ptr[i] == '\0' || !strchr(allowed, host.ptr[i]))
            return false;
    return host.len > 0;
}

static bool is_loopback(struct slice host)
{
    return slice_eq_nocase(host, SLICE("localhost")) || slice_starts(host, SLICE("127.")) ||
           slice_eq_text(host, "[::1]");
}

/* Takes "user:password@" off. */
static enum error read_user(struct slice *authority, struct mailroute *route, struct arena *arena, struct diag *diag)
{
    size_t at = authority->len;
    for (size_t i = 0; i < authority->len; i++)
        if (authority->ptr[i] == '@')
            at = i;
    if (at == authority->len)
        return OK;
    struct slice user = slice_of(authority->ptr, at);
    size_t colon = slice_index(user, ':');
    TRY(decode(slice_of(user.ptr, colon), arena, diag, &route->user));
    TRY(decode(slice_from_index(user, colon + 1), arena, diag, &route->password));
    *authority = slice_from_index(*authority, at + 1);
    return OK;
}

static enum error read_port(struct slice host_and_port, struct slice *host, int64_t *port, struct diag *diag)
{
    struct slice bracketed = slice_of(host_and_port.ptr, slice_index(host_and_port, ']'));
    size_t from = bracketed.len < host_and_port.len ? bracketed.len : 0;
    size_t colon = from + slice_index(slice_from_index(host_and_port, from), ':');
    *host = slice_of(host_and_port.ptr, colon);
    if (!is_host(*host))
        return refuse(diag, form_hint, "mail.url: there is no host in it");
    if (colon < host_and_port.len &&
        (number_parse_int(slice_from_index(host_and_port, colon + 1), port) != OK || *port < 1 || *port > 65535))
        return refuse(diag, form_hint, "mail.url: the port is not a number from 1 to 65535");
    return OK;
}

static enum error read_server(struct slice rest, bool begins_plain, struct mailroute *route, struct arena *arena,
                              struct diag *diag)
{
    struct slice query = slice_from_index(rest, slice_index(rest, '?') + 1), host;
    struct slice authority = slice_of(rest.ptr, slice_index(rest, '?'));
    int64_t port = begins_plain ? PORT_STARTTLS : PORT_TLS;
    if (authority.len > 0 && authority.ptr[authority.len - 1] == '/')
        authority.len--;
    TRY(read_user(&authority, route, arena, diag));
    TRY(read_port(authority, &host, &port, diag));
    bool is_off = slice_eq_text(query, "tls=off");
    if (query.len > 0 && (!is_off || !begins_plain))
        return refuse(diag, "only smtp:// has ?tls=off", "mail.url: what is behind the ? is not known");
    route->begins_plain = begins_plain;
    route->has_tls = !begins_plain || !(is_off || is_loopback(host));
    route->url = arena_printf(arena, "%s://%.*s:%d/%.*s", begins_plain ? "smtp" : "smtps", SLICE_ARG(host), (int)port,
                              SLICE_ARG(mailtext_domain(route->sender.address)));
    return route->url ? OK : ERROR_MEMORY;
}

static enum error read_folder(struct slice path, const char *directory, struct mailroute *route, struct arena *arena,
                              struct diag *diag)
{
    if (path.len == 0)
        return refuse(diag, form_hint, "mail.url: there is no folder behind file:");
    bool is_relative = path.ptr[0] != '/' && directory;
    route->is_folder = true;
    route->folder =
        arena_printf(arena, "%s%s%.*s", is_relative ? directory : "", is_relative ? "/" : "", SLICE_ARG(path));
    return route->folder ? OK : ERROR_MEMORY;
}

/* Takes `prefix` off. */
static bool is_scheme(struct slice *url, const char *prefix)
{
    if (!slice_starts(*url, slice_from(prefix)))
        return false;
    *url = slice_from_index(*url, strlen(prefix));
    return true;
}

enum error mailroute_init(struct mailroute *route, const struct mailer_config *config, struct arena *arena,
                          struct diag *diag)
{
    const char *from = arena_text(arena, slice_from(config->from)), *url = arena_text(arena, slice_from(config->url));
    *route = (struct mailroute){.timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : TIMEOUT_MS};
    if (!from || !url)
        return ERROR_MEMORY;
    if (config->ca_file && !(route->ca_file = arena_text(arena, slice_from(config->ca_file))))
        return ERROR_MEMORY;
    if (mailtext_parse_sender(slice_from(from), &route->sender) != OK)
        return refuse(diag, "as in \"Markets <no-reply@example.org>\"", "mail.from: not an address to send from");
    struct slice rest = slice_from(url);
    if (is_scheme(&rest, "smtp://"))
        return read_server(rest, true, route, arena, diag);
    if (is_scheme(&rest, "smtps://"))
        return read_server(rest, false, route, arena, diag);
    if (is_scheme(&rest, "file:"))
        return read_folder(rest, config->directory, route, arena, diag);
    return refuse(diag, form_hint, "mail.url: not a place that mail can go to");
}

/* ---- opening ---- */

/* Makes a folder and those above it; `path` is changed meanwhile and put back. */
static bool make_folders(char *path)
{
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        bool is_made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *at = '/';
        if (!is_made)
            return false;
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static enum error open_folder(struct mailroute *route, struct diag *diag)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    char *path = arena_text(&arena, slice_from(route->folder));
    bool is_made = path && make_folders(path) && access(path, W_OK | X_OK) == 0;
    if (!is_made)
        diag_say(diag, "mail.url names a folder that this process may write to", "the folder for mail: %s",
                 strerrordesc_np(errno));
    arena_fini(&arena);
    return is_made ? OK : ERROR_IO;
}

enum error mailroute_open(struct mailroute *route, struct diag *diag)
{
    if (route->is_folder)
        return open_folder(route, diag);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        return OK;
    diag_say(diag, NULL, "libcurl does not start");
    return ERROR_IO;
}

/* Ends the connection without the farewell, whose answer libcurl would wait for as long as two minutes. */
static void hang_up(struct mailroute *route)
{
    curl_socket_t socket = CURL_SOCKET_BAD;
    if (!route->curl)
        return;
    if (curl_easy_getinfo(route->curl, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK && socket != CURL_SOCKET_BAD)
        (void)shutdown(socket, SHUT_RDWR); /* the other side may have done so already */
    curl_easy_cleanup(route->curl);
    route->curl = NULL;
}

void mailroute_close(struct mailroute *route)
{
    if (route->is_folder)
        return;
    hang_up(route);
    curl_global_cleanup();
}

/* ---- delivering ---- */

static enum error fail(struct mailroute_failure *failure, const char *reason)
{
    *failure = (struct mailroute_failure){.reason = reason};
    return ERROR_IO;
}

static bool write_all(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t count = write(fd, text.ptr, text.len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        text = slice_from_index(text, (size_t)count);
    }
    return true;
}

static enum error put_file(int folder, const struct mailroute_item *item, const char *hidden, const char *name,
                           struct mailroute_failure *failure)
{
    int fd = openat(folder, hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(failure, strerrordesc_np(errno));
    bool is_written = write_all(fd, item->content);
    is_written = close(fd) == 0 && is_written && renameat(folder, hidden, folder, name) == 0;
    if (is_written)
        return OK;
    enum error error = fail(failure, strerrordesc_np(errno));
    (void)unlinkat(folder, hidden, 0); /* it may be gone already */
    return error;
}

static enum error deliver_file(struct mailroute *route, const struct mailroute_item *item,
                               struct mailroute_failure *failure)
{
    char hidden[128], name[128];
    int folder = open(route->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return fail(failure, strerrordesc_np(errno));
    snprintf(hidden, sizeof hidden, "%.*s.tmp", SLICE_ARG(item->id));
    snprintf(name, sizeof name, "%.*s.eml", SLICE_ARG(item->id));
    enum error error = put_file(folder, item, hidden, name, failure);
    close(folder);
    return error;
}

static size_t read_content(char *room, size_t size, size_t count, void *state)
{
    struct slice *rest = state;
    size_t taken = size * count < rest->len ? size * count : rest->len;
    memcpy(room, rest->ptr, taken);
    *rest = slice_from_index(*rest, taken);
    return taken;
}

static int is_to_stop(void *state, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct mailroute *route = state;
    return route->stop_at_us && clock_monotonic_us(clock_system()) >= atomic_load(route->stop_at_us);
}

/* What is the same for each mail. */
static bool set_route(CURL *curl, const struct mailroute *route)
{
    long tls = route->has_tls && route->begins_plain ? CURLUSESSL_ALL : CURLUSESSL_NONE;
    return curl_easy_setopt(curl, CURLOPT_URL, route->url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USE_SSL, tls) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           (!route->ca_file || curl_easy_setopt(curl, CURLOPT_CAINFO, route->ca_file) == CURLE_OK) &&
           (!route->user || (curl_easy_setopt(curl, CURLOPT_USERNAME, route->user) == CURLE_OK &&
                             curl_easy_setopt(curl, CURLOPT_PASSWORD, route->password) == CURLE_OK)) &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)route->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)((route->timeout_ms + 999) / 1000)) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_to_stop) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, (void *)(uintptr_t)route) == CURLE_OK;
}

static bool set_mail(CURL *curl, const char *sender, struct curl_slist *recipients, struct slice *rest)
{
    return curl_easy_setopt(curl, CURLOPT_MAIL_FROM, sender) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_content) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_READDATA, rest) == CURLE_OK;
}

/* A reply of the 500s is about this mail, but for those that are about us. */
static bool is_final(CURLcode code, long reply)
{
    return reply >= 500 && reply < 600 && code != CURLE_LOGIN_DENIED && code != CURLE_USE_SSL_FAILED;
}

static enum error send_smtp(CURL *curl, const char *sender, const struct mailroute_item *item,
                            struct curl_slist *recipients, struct mailroute_failure *failure)
{
    struct slice rest = item->content;
    if (!set_mail(curl, sender, recipients, &rest))
        return fail(failure, "out of memory");
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK)
        return OK;
    long reply = 0;
    if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply) != CURLE_OK)
        reply = 0;
    *failure = (struct mailroute_failure){curl_easy_strerror(code), reply, is_final(code, reply)};
    return ERROR_IO;
}

static enum error deliver_smtp(struct mailroute *route, const struct mailroute_item *item,
                               struct mailroute_failure *failure)
{
    char sender[MAILTEXT_ADDRESS_MAX + 1];
    if (!route->curl && (route->curl = curl_easy_init()) && !set_route(route->curl, route)) {
        curl_easy_cleanup(route->curl);
        route->curl = NULL;
    }
    struct curl_slist *recipients = route->curl ? curl_slist_append(NULL, item->to) : NULL;
    if (!recipients)
        return fail(failure, "out of memory");
    snprintf(sender, sizeof sender, "%.*s", SLICE_ARG(route->sender.address));
    enum error error = send_smtp(route->curl, sender, item, recipients, failure);
    if (error != OK)
        hang_up(route); /* the next mail begins a conversation of its own */
    curl_slist_free_all(recipients);
    return error;
}

enum error mailroute_deliver(struct mailroute *route, const struct mailroute_item *item,
                             struct mailroute_failure *failure)
{
    return route->is_folder ? deliver_file(route, item, failure) : deliver_smtp(route, item, failure);
}
