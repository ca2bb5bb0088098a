/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to other servers over libcurl.
 *
 * Each request has an easy handle of its own on a thread of the pool: handles share nothing, so that one server's
 * connection, cookie or credential never meets another's. What is asked here is rare (keys of issuers, mails,
 * webhooks); a handshake more for each costs less than what sharing would have to be trusted with.
 *
 * libcurl's defaults are made for a command line. Whatever could lead elsewhere than the URL says is set, not assumed:
 * see apply_rules(). */
#include "http/fetch.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "rt/core.h"
#include "rt/fiber.h"
#include "rt/offload.h"

struct fetch {
    struct offload *pool;
    char *ca_file;
    bool has_library;
};

/* One request under way. */
struct exchange_out {
    struct buf body;
    size_t head_bytes;
    bool is_over; /* larger than allowed, so it was broken off */
};

enum error fetch_create(const struct fetch_config *config, struct fetch **out)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch)
        return ERROR_MEMORY;
    enum error error = ERROR_MEMORY;
    fetch->has_library = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    fetch->ca_file = config->ca_file ? strdup(config->ca_file) : NULL;
    if (fetch->has_library && (fetch->ca_file || !config->ca_file))
        error = offload_create(config->threads, config->queue_limit, 0, &fetch->pool);
    if (error != OK) {
        fetch_destroy(fetch);
        return error;
    }
    *out = fetch;
    return OK;
}

void fetch_destroy(struct fetch *fetch)
{
    if (!fetch)
        return;
    offload_destroy(fetch->pool);
    if (fetch->has_library)
        curl_global_cleanup();
    free(fetch->ca_file);
    free(fetch);
}

struct offload *fetch_pool(const struct fetch *fetch)
{
    return fetch->pool;
}

static enum error refuse(const char **reason, enum error error, const char *sentence)
{
    if (reason)
        *reason = sentence;
    return error;
}

bool fetch_is_url(struct slice url)
{
    struct slice rest;
    if (slice_starts(url, SLICE("https://")))
        rest = slice_from_index(url, sizeof "https://" - 1);
    else if (slice_starts(url, SLICE("http://")))
        rest = slice_from_index(url, sizeof "http://" - 1);
    else
        return false;
    size_t authority = 0;
    while (authority < rest.len && !strchr("/?#", rest.ptr[authority]))
        authority++;
    if (url.len > FETCH_URL_BYTES_MAX || authority == 0 || rest.ptr[0] == ':')
        return false;
    for (size_t i = 0; i < rest.len; i++)
        if ((unsigned char)rest.ptr[i] <= ' ' || (unsigned char)rest.ptr[i] >= 0x7F || rest.ptr[i] == '\\' ||
            (i < authority && rest.ptr[i] == '@'))
            return false;
    return true;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *state)
{
    struct exchange_out *exchange = state;
    buf_put(&exchange->body, bytes, size * count);
    if (!buf_failed(&exchange->body))
        return size * count;
    exchange->is_over = exchange->body.is_over;
    return CURL_WRITEFUNC_ERROR;
}

static size_t count_head(char *bytes, size_t size, size_t count, void *state)
{
    struct exchange_out *exchange = state;
    exchange->head_bytes += size * count;
    exchange->is_over = exchange->head_bytes > FETCH_HEAD_BYTES_MAX;
    return exchange->is_over ? 0 : size * count;
}

/* A header's line must not end in the middle, nor bring another. */
static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || (unsigned char)text.ptr[i] == 0x7F)
            return false;
    return true;
}

static enum error add_headers(const struct fetch_request *request, struct arena *arena, struct curl_slist **list,
                              const char **reason)
{
    if (request->header_count > FETCH_HEADERS_MAX)
        return refuse(reason, ERROR_VALIDATION, "there are too many headers");
    for (size_t i = 0; i < request->header_count; i++) {
        const struct fetch_header *header = &request->headers[i];
        if (header->name.len == 0 || header->name.len + header->value.len > FETCH_HEADER_BYTES_MAX ||
            !is_plain(header->name) || !is_plain(header->value))
            return refuse(reason, ERROR_VALIDATION, "a header cannot be sent");
        const char *line = arena_printf(arena, "%.*s: %.*s", SLICE_ARG(header->name), SLICE_ARG(header->value));
        struct curl_slist *longer = line ? curl_slist_append(*list, line) : NULL;
        if (!longer)
            return ERROR_MEMORY;
        *list = longer;
    }
    return OK;
}

/* What holds for every request, whatever it asks for. */
static bool apply_rules(CURL *curl, const struct fetch *fetch, int64_t timeout_ms)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_TIMEOUT_MS, (long)timeout_ms},
        {CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms},
        {CURLOPT_QUICK_EXIT, 1}, /* a resolver that hangs does not hold up the deadline */
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED},
        {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_HTTP09_ALLOWED, 0},
        {CURLOPT_FORBID_REUSE, 1},
        {CURLOPT_FRESH_CONNECT, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (curl_easy_setopt(curl, numbers[i].option, numbers[i].value) != CURLE_OK)
            return false;
    return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           (!fetch->ca_file || curl_easy_setopt(curl, CURLOPT_CAINFO, fetch->ca_file) == CURLE_OK);
}

static bool apply_request(CURL *curl, const struct fetch_request *request, const char *url,
                          const struct curl_slist *headers, struct exchange_out *exchange)
{
    bool is_set = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_USERAGENT, "tenon") == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, count_head) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange) == CURLE_OK;
    if (!is_set || !request->body)
        return is_set;
    return curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body->len) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body->ptr ? request->body->ptr : "") == CURLE_OK;
}

static enum error explain(CURLcode code, const struct exchange_out *exchange, const char **reason)
{
    static const struct {
        CURLcode code;
        enum error error;
        const char *sentence;
    } rows[] = {
        {CURLE_OPERATION_TIMEDOUT, ERROR_TIMEOUT, "the server did not answer in time"},
        {CURLE_COULDNT_RESOLVE_HOST, ERROR_UNAVAILABLE, "the server's name could not be resolved"},
        {CURLE_COULDNT_CONNECT, ERROR_UNAVAILABLE, "the server could not be reached"},
        {CURLE_PEER_FAILED_VERIFICATION, ERROR_UNAVAILABLE, "the server's certificate is not to be trusted"},
        {CURLE_SSL_CACERT_BADFILE, ERROR_UNAVAILABLE, "the file of certificates that sign cannot be read"},
        {CURLE_SSL_CONNECT_ERROR, ERROR_UNAVAILABLE, "TLS could not be agreed on"},
        {CURLE_OUT_OF_MEMORY, ERROR_MEMORY, "out of memory"},
        {CURLE_URL_MALFORMAT, ERROR_VALIDATION, "the URL is none that can be asked"},
    };
    if (exchange->is_over)
        return refuse(reason, ERROR_PAYLOAD_TOO_LARGE, "the answer is larger than allowed");
    if (buf_failed(&exchange->body))
        return ERROR_MEMORY;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].code == code)
            return refuse(reason, rows[i].error, rows[i].sentence);
    return refuse(reason, ERROR_UNAVAILABLE, "the answer broke off, or was no HTTP");
}

static enum error copy_answer(CURL *curl, const struct exchange_out *exchange, struct arena *arena,
                              struct fetch_answer *out)
{
    long status = 0;
    char *content_type = NULL;
    if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
        curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &content_type) != CURLE_OK)
        return ERROR_MEMORY;
    struct fetch_answer answer = {.status = (int)status,
                                  .content_type = arena_slice(arena, slice_from(content_type)),
                                  .body = arena_slice(arena, buf_slice(&exchange->body))};
    if (!answer.content_type.ptr || !answer.body.ptr)
        return ERROR_MEMORY;
    *out = answer;
    return OK;
}

/* With everything it needs at hand. */
static enum error perform(CURL *curl, const struct fetch *fetch, int64_t timeout_ms,
                          const struct fetch_request *request, struct arena *arena, struct fetch_answer *out,
                          const char **reason)
{
    struct curl_slist *headers = NULL;
    struct exchange_out exchange = {.head_bytes = 0};
    buf_init(&exchange.body, request->answer_limit);
    const char *url = arena_text(arena, request->url);
    enum error error = url ? add_headers(request, arena, &headers, reason) : ERROR_MEMORY;
    if (error == OK && !(apply_rules(curl, fetch, timeout_ms) && apply_request(curl, request, url, headers, &exchange)))
        error = ERROR_MEMORY;
    if (error == OK) {
        CURLcode code = curl_easy_perform(curl);
        error = code == CURLE_OK ? copy_answer(curl, &exchange, arena, out) : explain(code, &exchange, reason);
    }
    curl_slist_free_all(headers);
    buf_fini(&exchange.body);
    return error;
}

enum error fetch_send_blocking(const struct fetch *fetch, int64_t timeout_ms, const struct fetch_request *request,
                               struct arena *arena, struct fetch_answer *out, const char **reason)
{
    enum { TIMEOUT_MS_MAX = 3600 * 1000 };
    if (!fetch_is_url(request->url))
        return refuse(reason, ERROR_VALIDATION, "the URL is none that can be asked");
    if (timeout_ms <= 0)
        return refuse(reason, ERROR_TIMEOUT, "the time was up before the request began");
    CURL *curl = curl_easy_init();
    if (!curl)
        return ERROR_MEMORY;
    if (timeout_ms > TIMEOUT_MS_MAX)
        timeout_ms = TIMEOUT_MS_MAX;
    enum error error = perform(curl, fetch, timeout_ms, request, arena, out, reason);
    curl_easy_cleanup(curl);
    return error;
}

/* A request on its way to a thread and back. */
struct errand {
    const struct fetch *fetch;
    int64_t begun_us, timeout_ms; /* by the system's clock: the wait for a thread counts */
    const struct fetch_request *request;
    struct arena *arena;
    struct fetch_answer *out;
    const char *reason;
    enum error error;
};

static void run_errand(void *argument)
{
    struct errand *errand = argument;
    int64_t waited_ms = (clock_monotonic_us(clock_system()) - errand->begun_us) / 1000;
    errand->error = fetch_send_blocking(errand->fetch, errand->timeout_ms - waited_ms, errand->request, errand->arena,
                                        errand->out, &errand->reason);
}

enum error fetch_send(struct fetch *fetch, struct fiber *self, struct deadline deadline,
                      const struct fetch_request *request, struct arena *arena, struct fetch_answer *out,
                      const char **reason)
{
    int64_t left_us = deadline.at_us - core_now_us(fiber_core(self));
    struct errand errand = {.fetch = fetch,
                            .begun_us = clock_monotonic_us(clock_system()),
                            .timeout_ms = left_us / 1000,
                            .request = request,
                            .arena = arena,
                            .out = out};
    enum error error = offload_run(fetch->pool, self, deadline, run_errand, &errand);
    if (error == OK)
        error = errand.error;
    if (reason && errand.reason)
        *reason = errand.reason;
    return error;
}
