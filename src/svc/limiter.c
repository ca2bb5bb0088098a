/* SPDX-License-Identifier: Apache-2.0 */
/* Which limits hold for what.
 *
 * All matching is done once, when the site is built: every route has a list of its limits and what a request of it
 * costs, for its method and for HEAD, and so has every method without a route. Limits are about routes and never about
 * paths as they were sent, so that no way of writing a path leads past them: what does not find its route does not find
 * its handler either.
 *
 * A list is asked in two parts. What is counted by address comes first, before anybody knows who asks; what is counted
 * by caller comes when the guard knows (throttle_admit()). A route that no guard is asked for has nobody as its caller,
 * and all of its limits in the first part. A part takes all of its shares or none; what the first part has taken stays
 * taken when the second refuses, because a flood of refusals is a flood, too.
 *
 * Invariants
 *   (1) what a concurrency limit has given is given back once: at the end of the request, whichever way it ends, or at
 *       once when the part that took it is refused
 *   (2) keys of one kind never meet those of another: the first byte says the kind */
#include "svc/limiter.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "http/exchange.h"
#include "http/http1.h"
#include "http/router.h"
#include "http/site.h"
#include "model/expr.h"
#include "rt/core.h"
#include "svc/limit_metrics.h"
#include "svc/principal.h"

enum { HEADER_BYTES_MAX = 64 * 1024 };

/* A limit that holds, and what a request costs. */
struct use {
    unsigned rule;
    int64_t cost;
};

/* The limits of a route and method: first those that do not need the caller. */
struct uses {
    const struct use *items;
    unsigned early, count;
    struct slice policy; /* the header, up to the values of the next one */
};

struct limiter {
    const struct limiter_config *config;
    struct limit_rule *rules; /* as many as the config's */
    unsigned *rows;           /* of the metrics */
    struct limit_store store;
    struct limit_metrics *metrics;
    const struct http_site *site;
    struct uses *routes; /* by a route's id * 2, and one more for HEAD */
    struct uses unmatched[HTTP_METHOD_COUNT];
    struct http_throttle throttle;
    atomic_bool has_warned; /* of proxies that nobody has declared */
};

/* What was taken for an exchange. */
struct stay {
    struct limit_claim *claims;
    struct limit_result *results;
    size_t count, capacity;
    bool is_charged; /* there may be more than the route's own */
    size_t address_len;
    char address[1 + EXCHANGE_CUSTOMER_BYTES];
};

/* ---- which limits hold for a route ---- */

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t skip_name(struct slice text, size_t at)
{
    while (at < text.len && is_name_byte(text.ptr[at]))
        at++;
    return at;
}

/* `*` is any run of bytes, and names behind a colon are alike. Goes back to the last `*` only, so the product of the
 * lengths bounds it. */
static bool is_path_like(struct slice pattern, struct slice path)
{
    size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;
    while (t < path.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.len && pattern.ptr[p] == path.ptr[t]) {
            bool is_parameter = pattern.ptr[p] == ':';
            p = is_parameter ? skip_name(pattern, p + 1) : p + 1;
            t = is_parameter ? skip_name(path, t + 1) : t + 1;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static bool is_everything(const struct limiter_pattern *pattern)
{
    return slice_eq_text(pattern->path, "*");
}

static bool has_method(const struct limiter_pattern *pattern, enum http_method method)
{
    uint64_t asked = method_bit(method) | (method == HTTP_HEAD ? method_bit(HTTP_GET) : 0);
    return pattern->methods & asked;
}

/* `route` NULL: none. */
static bool is_match(const struct limiter_pattern *pattern, const struct site_route *route, enum http_method method)
{
    if (!has_method(pattern, method))
        return false;
    if (is_everything(pattern))
        return !route || !route->is_always;
    return route && is_path_like(pattern->path, route->pattern);
}

static bool holds(const struct limiter_rule *rule, const struct site_route *route, enum http_method method)
{
    for (size_t i = 0; i < rule->pattern_count; i++)
        if (is_match(&rule->patterns[i], route, method))
            return true;
    return false;
}

/* "/authors" is not below "/auth". */
static bool is_below(struct slice path, struct slice prefix)
{
    return slice_starts(path, prefix) &&
           (path.len == prefix.len || path.ptr[prefix.len] == '/' || path.ptr[prefix.len] == '*');
}

static bool is_about(const struct limiter_pattern *pattern, struct slice prefix, const struct site_route *route,
                     enum http_method method)
{
    return (is_below(pattern->path, prefix) || slice_eq(pattern->path, route->pattern)) &&
           is_match(pattern, route, method);
}

/* Whether the app has an entry of its own for what holds where it says nothing. */
static bool is_replaced(const struct limiter_config *config, const struct limiter_rule *standard,
                        const struct site_route *route, enum http_method method)
{
    if (standard->prefix.len == 0 || !route)
        return false;
    for (size_t i = 0; i < config->count; i++) {
        const struct limiter_rule *rule = &config->rules[i];
        for (size_t j = 0; rule->prefix.len == 0 && j < rule->pattern_count; j++)
            if (is_about(&rule->patterns[j], standard->prefix, route, method))
                return true;
    }
    return false;
}

static enum error put_policy(const struct limiter *limiter, struct arena *arena, struct uses *uses)
{
    struct buf text;
    buf_init(&text, HEADER_BYTES_MAX);
    buf_put_literal(&text, "RateLimit-Policy: ");
    for (unsigned i = 0; i < uses->count; i++)
        limit_format_policy(&text, &limiter->rules[uses->items[i].rule], i == 0);
    buf_put_literal(&text, "\r\nRateLimit: ");
    uses->policy = arena_slice(arena, buf_slice(&text));
    bool failed = buf_failed(&text) || !uses->policy.ptr;
    buf_fini(&text);
    return failed ? ERROR_MEMORY : OK;
}

static enum error list_uses(const struct limiter *limiter, const struct site_route *route, enum http_method method,
                            struct arena *arena, struct uses *out)
{
    const struct limiter_config *config = limiter->config;
    bool is_guarded = limiter->site->config.guard && route && !route->is_open;
    struct use *items = arena_array(arena, config->count, sizeof *items);
    if (!items)
        return ERROR_MEMORY;
    *out = (struct uses){.items = items};
    for (int is_late = 0; is_late < 2; is_late++) {
        for (unsigned i = 0; i < config->count; i++) {
            const struct limiter_rule *rule = &config->rules[i];
            bool needs_caller = is_guarded && rule->by != LIMITER_ADDRESS;
            if (rule->costs[method] > 0 && needs_caller == is_late && holds(rule, route, method) &&
                !is_replaced(config, rule, route, method))
                items[out->count++] = (struct use){i, rule->costs[method]};
        }
        if (!is_late)
            out->early = out->count;
    }
    return put_policy(limiter, arena, out);
}

static enum error list_all(struct limiter *limiter, struct arena *arena)
{
    size_t count = site_route_count(limiter->site);
    limiter->routes = arena_array(arena, count * 2, sizeof *limiter->routes);
    if (!limiter->routes)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const struct site_route *route = site_route_at(limiter->site, i);
        TRY(list_uses(limiter, route, route->method, arena, &limiter->routes[i * 2]));
        TRY(list_uses(limiter, route, HTTP_HEAD, arena, &limiter->routes[i * 2 + 1]));
    }
    for (int method = 0; method < HTTP_METHOD_COUNT; method++)
        TRY(list_uses(limiter, NULL, (enum http_method)method, arena, &limiter->unmatched[method]));
    return OK;
}

static void warn_of_idle(const struct limiter_pattern *pattern, const struct http_site *site, struct diag *diag)
{
    size_t count = site_route_count(site), i = 0;
    while (i < count && !is_match(pattern, site_route_at(site, i), site_route_at(site, i)->method))
        i++;
    if (i == count && !is_everything(pattern))
        diag_warn(diag, pattern->place, "`tenon routes` lists what there is", "\"for\": no route is like %s",
                  diag_quote(diag, pattern->path));
}

/* ---- making ---- */

static enum error quote_name(struct limit_rule *rule, struct arena *arena)
{
    struct buf text;
    buf_init(&text, HEADER_BYTES_MAX);
    limit_format_name(&text, rule->name);
    rule->quoted = arena_slice(arena, buf_slice(&text));
    bool failed = buf_failed(&text) || !rule->quoted.ptr;
    buf_fini(&text);
    return failed ? ERROR_MEMORY : OK;
}

static enum error make_rules(struct limiter *limiter, struct arena *arena)
{
    const struct limiter_config *config = limiter->config;
    limiter->rules = arena_array(arena, config->count, sizeof *limiter->rules);
    limiter->rows = arena_array(arena, config->count, sizeof *limiter->rows);
    if (!limiter->rules || !limiter->rows)
        return ERROR_MEMORY;
    for (size_t i = 0; i < config->count; i++) {
        const struct limiter_rule *rule = &config->rules[i];
        limit_rule_init(&limiter->rules[i], rule->name, rule->algorithm, rule->rate, rule->burst);
        limit_rule_add(&limiter->rules[i], rule->by_text);
        TRY(quote_name(&limiter->rules[i], arena));
        if (limiter->metrics)
            TRY(limit_metrics_add(limiter->metrics, rule->name, &limiter->rows[i]));
    }
    return OK;
}

static enum error enter(struct exchange *x, void *state);
static enum error admit(struct exchange *x, void *state);
static void leave(struct exchange *x, void *state);

enum error limiter_create(const struct limiter_config *config, const struct limiter_parts *parts,
                          const struct http_site *site, struct arena *arena, struct limiter **out)
{
    struct limiter *limiter = arena_zalloc(arena, sizeof *limiter);
    if (!limiter)
        return ERROR_MEMORY;
    limiter->config = config;
    limiter->site = site;
    limiter->throttle = (struct http_throttle){enter, admit, leave, limiter};
    atomic_init(&limiter->has_warned, false);
    if (parts) {
        limiter->store = parts->store;
        limiter->metrics = parts->metrics;
    }
    TRY(make_rules(limiter, arena));
    TRY(list_all(limiter, arena));
    *out = limiter;
    return OK;
}

void limiter_check(const struct limiter *limiter, struct diag *diag)
{
    const struct limiter_config *config = limiter->config;
    for (size_t i = 0; i < config->count; i++)
        for (size_t j = 0; j < config->rules[i].pattern_count; j++)
            warn_of_idle(&config->rules[i].patterns[j], limiter->site, diag);
}

const struct http_throttle *limiter_throttle(const struct limiter *limiter)
{
    return &limiter->throttle;
}

const struct limiter_rule *limiter_rule_at(const struct limiter *limiter, size_t route, size_t index)
{
    const struct uses *uses = &limiter->routes[route * 2];
    return index < uses->count ? &limiter->config->rules[uses->items[index].rule] : NULL;
}

/* ---- whose share it is ---- */

static struct slice address_key(const struct exchange *x, struct stay *stay)
{
    if (stay->address_len == 0) {
        stay->address[0] = 'a';
        stay->address_len = 1 + exchange_customer(x, stay->address + 1);
    }
    return slice_of(stay->address, stay->address_len);
}

/* A key of a kind; empty when there is none of it. */
static enum error make_key(struct arena *arena, char kind, struct slice text, struct slice *out)
{
    *out = SLICE("");
    if (text.len == 0)
        return OK;
    char *bytes = arena_alloc(arena, text.len + 1);
    if (!bytes)
        return ERROR_MEMORY;
    bytes[0] = kind;
    memcpy(bytes + 1, text.ptr, text.len);
    *out = slice_of(bytes, text.len + 1);
    return OK;
}

static enum error value_key(const struct exchange *x, const struct limiter_rule *rule, struct slice *out)
{
    const struct expr_context context = {.caller = x->caller, .now_us = x->now_us};
    struct value value = expr_eval_value(rule->value, &context);
    if (value.kind == VALUE_TEXT || value.kind == VALUE_BLOB)
        return make_key(x->arena, 't', value.text, out);
    if (value.kind == VALUE_INT)
        return make_key(x->arena, 'i', slice_of((const char *)&value.integer, sizeof value.integer), out);
    if (value.kind == VALUE_FLOAT)
        return make_key(x->arena, 'f', slice_of((const char *)&value.number, sizeof value.number), out);
    *out = SLICE("");
    return OK;
}

static enum error user_key(const struct exchange *x, const struct principal *principal, struct slice *out)
{
    if (principal && principal->account.len > 0)
        return make_key(x->arena, 'u', principal->account, out);
    return make_key(x->arena, 'n', x->caller->name, out);
}

static enum error key_of(const struct exchange *x, const struct limiter_rule *rule, struct stay *stay,
                         struct slice *out)
{
    const struct principal *principal = x->guarded;
    *out = SLICE("");
    if (x->caller && rule->by == LIMITER_VALUE)
        TRY(value_key(x, rule, out));
    if (x->caller && rule->by == LIMITER_KEY && principal && principal->kind == PRINCIPAL_KEY)
        TRY(make_key(x->arena, 'k', principal->id, out));
    if (x->caller && out->len == 0 && (rule->by == LIMITER_KEY || rule->by == LIMITER_USER))
        TRY(user_key(x, principal, out));
    if (out->len == 0)
        *out = address_key(x, stay);
    return OK;
}

/* ---- taking ---- */

static const struct uses *uses_of(const struct limiter *limiter, const struct exchange *x)
{
    if (!x->route)
        return &limiter->unmatched[x->head->method];
    return &limiter->routes[x->route->id * 2 + (x->head->method == HTTP_HEAD)];
}

static enum error make_stay(struct exchange *x, size_t capacity, struct stay **out)
{
    struct stay *stay = arena_zalloc(x->arena, sizeof *stay);
    if (!stay)
        return ERROR_MEMORY;
    stay->claims = arena_alloc(x->arena, capacity * sizeof *stay->claims);
    stay->results = arena_alloc(x->arena, capacity * sizeof *stay->results);
    stay->capacity = capacity;
    if (!stay->claims || !stay->results)
        return ERROR_MEMORY;
    *out = stay;
    return OK;
}

static unsigned number_of(const struct limiter *limiter, const struct limit_claim *claim)
{
    return (unsigned)(claim->rule - limiter->rules);
}

/* Addresses that proxies tell are not heeded, and a limit by address has refused somebody: perhaps it is the proxy's.
 */
static void warn_of_proxy(struct limiter *limiter, struct exchange *x)
{
    bool is_told =
        http1_head_has(x->head, HTTP1_HEADER_X_FORWARDED_FOR) || http1_head_has(x->head, HTTP1_HEADER_FORWARDED);
    if (!is_told || x->site->settings.proxy_count > 0 || atomic_exchange(&limiter->has_warned, true))
        return;
    LOG_WARN(x->log, "a limit has refused a request that says by which way it came; no proxy is trusted",
             LOG_STR("remote", exchange_remote(x)), LOG_STR("hint", SLICE("http.proxies names those that are")));
}

static void tell(struct limiter *limiter, struct exchange *x, const struct limit_claim *claims,
                 const struct limit_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned number = number_of(limiter, &claims[i]), retry_s = limit_retry_seconds(&results[i]);
        if (results[i].is_allowed)
            continue;
        if (limiter->metrics)
            limit_metrics_count(limiter->metrics, core_index(x->core), limiter->rows[number]);
        if (retry_s > x->retry_after_s)
            x->retry_after_s = retry_s;
        diag_say(&x->diag,
                 retry_s > 0 ? "try again when Retry-After says"
                             : "this limit never allows so much at once: ask for less",
                 "the limit \"%.*s\" is reached", SLICE_ARG(claims[i].rule->name));
        if (claims[i].key.ptr[0] == 'a')
            warn_of_proxy(limiter, x);
    }
}

/* Takes what has been added behind `from`. */
static enum error take(struct limiter *limiter, struct exchange *x, struct stay *stay, size_t from, size_t to)
{
    struct limit_result *results = &stay->results[from];
    enum error error = limiter->store.take(limiter->store.state, x, &stay->claims[from], to - from, results);
    if (error == OK || error == ERROR_RATE_LIMITED)
        stay->count = to;
    if (error == ERROR_RATE_LIMITED) {
        tell(limiter, x, &stay->claims[from], results, to - from);
        for (size_t i = from; i < to; i++)
            stay->claims[i].cost = 0; /* nothing of it is held */
    }
    return error;
}

static enum error take_uses(struct limiter *limiter, struct exchange *x, struct stay *stay, const struct use *uses,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct limit_claim *claim = &stay->claims[stay->count + i];
        *claim = (struct limit_claim){.rule = &limiter->rules[uses[i].rule], .cost = uses[i].cost};
        TRY(key_of(x, &limiter->config->rules[uses[i].rule], stay, &claim->key));
    }
    return count > 0 ? take(limiter, x, stay, stay->count, stay->count + count) : OK;
}

/* ---- the answer ---- */

/* A rule that was asked again is told as it is now. */
static bool is_asked_again(const struct stay *stay, size_t index)
{
    for (size_t i = index + 1; stay->is_charged && i < stay->count; i++)
        if (stay->claims[i].rule == stay->claims[index].rule)
            return true;
    return false;
}

static void put_charged_policy(const struct stay *stay, struct buf *out)
{
    bool is_first = true;
    buf_put_literal(out, "RateLimit-Policy: ");
    for (size_t i = 0; i < stay->count; i++) {
        if (is_asked_again(stay, i))
            continue;
        limit_format_policy(out, stay->claims[i].rule, is_first);
        is_first = false;
    }
    buf_put_literal(out, "\r\nRateLimit: ");
}

static void answer(const struct limiter *limiter, struct exchange *x, const struct stay *stay)
{
    struct buf *out = &x->server_headers;
    bool is_first = true;
    if (stay->count == 0)
        return;
    if (stay->is_charged)
        put_charged_policy(stay, out);
    else
        buf_put_slice(out, uses_of(limiter, x)->policy);
    for (size_t i = 0; i < stay->count; i++) {
        if (is_asked_again(stay, i))
            continue;
        limit_format_state(out, stay->claims[i].rule, &stay->results[i], is_first);
        is_first = false;
    }
    buf_put_literal(out, "\r\n");
}

static void give_back(const struct limiter *limiter, const struct stay *stay)
{
    for (size_t i = 0; i < stay->count; i++)
        if (stay->claims[i].rule->algorithm == LIMIT_CONCURRENCY && stay->claims[i].cost > 0)
            limiter->store.give_back(limiter->store.state, &stay->claims[i], &stay->results[i]);
}

/* ---- the throttle of a site ---- */

static enum error enter(struct exchange *x, void *state)
{
    struct limiter *limiter = state;
    const struct uses *uses = uses_of(limiter, x);
    struct stay *stay;
    if (uses->count == 0)
        return OK;
    TRY(make_stay(x, uses->count, &stay));
    enum error error = take_uses(limiter, x, stay, uses->items, uses->early);
    if (error == OK)
        x->throttled = stay;
    else if (error == ERROR_RATE_LIMITED)
        answer(limiter, x, stay);
    return error;
}

static enum error admit(struct exchange *x, void *state)
{
    struct limiter *limiter = state;
    const struct uses *uses = uses_of(limiter, x);
    if (uses->count == uses->early)
        return OK;
    return take_uses(limiter, x, x->throttled, uses->items + uses->early, uses->count - uses->early);
}

static void leave(struct exchange *x, void *state)
{
    struct stay *stay = x->throttled;
    if (!stay)
        return;
    answer(state, x, stay);
    give_back(state, stay);
    x->throttled = NULL;
}

/* ---- what stands for several requests ---- */

static bool is_held(const struct limiter *limiter, const struct stay *stay, unsigned rule)
{
    for (size_t i = 0; i < stay->count; i++)
        if (number_of(limiter, &stay->claims[i]) == rule)
            return true;
    return false;
}

/* Adds the limits of some more requests to what is to be taken, by rule. */
static void add_costs(const struct limiter *limiter, const struct uses *uses, int64_t count, int64_t *costs)
{
    for (unsigned i = 0; i < uses->count; i++) {
        unsigned rule = uses->items[i].rule;
        if (limiter->rules[rule].algorithm == LIMIT_CONCURRENCY)
            costs[rule] = uses->items[i].cost;
        else
            costs[rule] += uses->items[i].cost * count;
    }
}

/* Room for a claim of every rule behind those there are. */
static enum error make_room(const struct limiter *limiter, struct exchange *x, struct stay **out)
{
    struct stay *stay, *before = x->throttled;
    size_t count = before ? before->count : 0;
    TRY(make_stay(x, count + limiter->config->count, &stay));
    if (before) {
        memcpy(stay->claims, before->claims, count * sizeof *stay->claims);
        memcpy(stay->results, before->results, count * sizeof *stay->results);
    }
    stay->count = count;
    stay->is_charged = true;
    x->throttled = stay;
    *out = stay;
    return OK;
}

static enum error charge(struct limiter *limiter, struct exchange *x, const int64_t *costs)
{
    struct stay *stay;
    TRY(make_room(limiter, x, &stay));
    size_t end = stay->count;
    for (unsigned i = 0; i < limiter->config->count; i++) {
        bool is_at_once = limiter->rules[i].algorithm == LIMIT_CONCURRENCY;
        if (costs[i] == 0 || (is_at_once && is_held(limiter, stay, i)))
            continue;
        struct limit_claim *claim = &stay->claims[end++];
        *claim = (struct limit_claim){.rule = &limiter->rules[i], .cost = costs[i]};
        TRY(key_of(x, &limiter->config->rules[i], stay, &claim->key));
    }
    return end > stay->count ? take(limiter, x, stay, stay->count, end) : OK;
}

/* What the request has cost already. */
static void deduct(const struct limiter *limiter, const struct stay *stay, int64_t *costs)
{
    for (size_t i = 0; stay && i < stay->count; i++) {
        int64_t *cost = &costs[number_of(limiter, &stay->claims[i])];
        *cost = *cost > stay->claims[i].cost ? *cost - stay->claims[i].cost : 0;
    }
}

static struct limiter *limiter_of(const struct exchange *x)
{
    const struct http_throttle *throttle = x->site ? x->site->config.throttle : NULL;
    return throttle ? throttle->state : NULL;
}

enum error limiter_charge(struct exchange *x, const struct limiter_operation *operations, size_t count)
{
    struct limiter *limiter = limiter_of(x);
    if (!limiter)
        return OK;
    int64_t *costs = arena_array(x->arena, limiter->config->count, sizeof *costs);
    if (!costs)
        return ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct router_hit hit;
        enum http_method method = operations[i].method;
        enum error error = router_find(limiter->site->router, method, operations[i].path, x->arena, &hit);
        if (error == ERROR_MEMORY)
            return error;
        add_costs(limiter, hit.route ? &limiter->routes[hit.route->id * 2] : &limiter->unmatched[method], 1, costs);
    }
    deduct(limiter, x->throttled, costs);
    return charge(limiter, x, costs);
}

enum error limiter_charge_again(struct exchange *x, size_t count)
{
    struct limiter *limiter = limiter_of(x);
    if (!limiter || count == 0 || uses_of(limiter, x)->count == 0)
        return OK;
    int64_t *costs = arena_array(x->arena, limiter->config->count, sizeof *costs);
    if (!costs)
        return ERROR_MEMORY;
    add_costs(limiter, uses_of(limiter, x), (int64_t)count, costs);
    return charge(limiter, x, costs);
}
