/* SPDX-License-Identifier: Apache-2.0 */
/* `limits:` of the app file: each entry a map, whose keys are a table of readers. What fits together (a rate for
 * windows and buckets, `max` for concurrency) is looked at when all keys of an entry are read. */
#include "app/settings_limits.h"

#include <string.h>

#include "base/number.h"
#include "base/suggest.h"
#include "model/expr.h"
#include "svc/limiter.h"

enum { LIMITS_MAX = 64, PATTERNS_MAX = 16, STANDARDS_MAX = 2, NAME_BYTES_MAX = 60, PATTERN_BYTES_MAX = 300 };

/* An entry being read. */
struct entry {
    struct settings_reader *reader;
    const struct node *map;
    const struct node *rate, *burst, *max, *cost, *name; /* NULL: not given */
    struct limiter_rule rule;
};

static bool is_text(const struct entry *entry, const struct node *node, const char *what)
{
    if (node->kind == NODE_SCALAR && !node_is_empty(node))
        return true;
    if (!node->is_broken)
        diag_at(entry->reader->diag, node->place, NULL, "\"%.*s\" must be %s, this is %s", SLICE_ARG(node->key), what,
                node_kind_name(node));
    return false;
}

/* ---- for ---- */

static const char for_hint[] = "such as \"*\", \"POST /auth/*\", \"GET|HEAD /api/v1/markets/:id\"";

static bool read_methods(const struct entry *entry, const struct node *node, struct slice text, uint64_t *out)
{
    struct slice rest = text, name;
    uint64_t methods = 0;
    while (slice_split(&rest, '|', &name)) {
        enum http_method method = method_parse(name);
        if (method == HTTP_OTHER || method == HTTP_CONNECT || method == HTTP_TRACE) {
            diag_at(entry->reader->diag, node->place, for_hint, "\"for\": %s is no method that is served",
                    diag_quote(entry->reader->diag, name));
            return false;
        }
        methods |= method_bit(method);
    }
    *out = methods;
    return true;
}

static bool is_path(struct slice path)
{
    if (slice_eq_text(path, "*"))
        return true;
    if (!slice_starts(path, SLICE("/")) || path.len > PATTERN_BYTES_MAX)
        return false;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_letter && (c == '\0' || !strchr("/:*-._~", c)))
            return false;
    }
    return true;
}

static bool read_pattern(const struct entry *entry, const struct node *node, struct limiter_pattern *out)
{
    if (node->kind != NODE_SCALAR || node_is_empty(node)) {
        diag_at(entry->reader->diag, node->place, for_hint, "\"for\" must be a text or a list of them, this is %s",
                node_kind_name(node));
        return false;
    }
    struct slice text = node->text;
    size_t space = slice_index(text, ' ');
    *out = (struct limiter_pattern){.methods = UINT64_MAX, .path = text, .place = node->place};
    if (space < text.len) {
        out->path = slice_trim(slice_from_index(text, space));
        if (!read_methods(entry, node, slice_of(text.ptr, space), &out->methods))
            return false;
    }
    if (is_path(out->path))
        return true;
    diag_at(entry->reader->diag, node->place, for_hint, "\"for\" must be methods and a route, not %s",
            node_shown(node, entry->reader->diag));
    return false;
}

static enum error read_for(struct entry *entry, const struct node *node)
{
    size_t count = node->kind == NODE_LIST ? node->count : 1;
    if (count == 0 || count > PATTERNS_MAX) {
        diag_at(entry->reader->diag, node->place, for_hint, "\"for\" must be 1 to %d routes", PATTERNS_MAX);
        return OK;
    }
    struct limiter_pattern *patterns = arena_array(entry->reader->arena, count, sizeof *patterns);
    if (!patterns)
        return ERROR_MEMORY;
    entry->rule.patterns = patterns;
    for (const struct node *item = node->kind == NODE_LIST ? node->first : node; item; item = item->next) {
        entry->rule.pattern_count += read_pattern(entry, item, &patterns[entry->rule.pattern_count]);
        if (entry->rule.name.len == 0 && item->kind == NODE_SCALAR)
            entry->rule.name = item->source;
        if (item == node)
            break;
    }
    return OK;
}

/* ---- algorithm ---- */

static const char *const algorithms[LIMIT_ALGORITHM_COUNT] = {
    [LIMIT_TOKEN_BUCKET] = "token_bucket",
    [LIMIT_FIXED_WINDOW] = "fixed_window",
    [LIMIT_SLIDING_WINDOW] = "sliding_window",
    [LIMIT_CONCURRENCY] = "concurrency",
};

static enum error read_algorithm(struct entry *entry, const struct node *node)
{
    struct suggest suggest;
    if (!is_text(entry, node, "an algorithm"))
        return OK;
    suggest_init(&suggest, node->source);
    for (int i = 0; i < LIMIT_ALGORITHM_COUNT; i++) {
        suggest_offer_text(&suggest, algorithms[i]);
        if (!slice_eq_text(node->text, algorithms[i]))
            continue;
        entry->rule.algorithm = (enum limit_algorithm)i;
        return OK;
    }
    suggest_report(&suggest, entry->reader->diag, node->place, "unknown algorithm",
                   "token_bucket, fixed_window, sliding_window or concurrency");
    return OK;
}

/* ---- by ---- */

static enum error read_value(struct entry *entry, const struct node *node)
{
    struct settings_reader *reader = entry->reader;
    struct expr *expr = NULL;
    const struct expr_scope scope = {.schema = reader->settings->schema, .use = EXPR_KEY};
    enum error error = expr_parse(node->text, node->text_place, reader->arena, reader->diag, &expr);
    if (error == OK)
        error = expr_check(expr, &scope, reader->diag);
    entry->rule.value = expr;
    return error == ERROR_VALIDATION ? OK : error;
}

static enum error read_by(struct entry *entry, const struct node *node)
{
    const struct settings *settings = entry->reader->settings;
    if (!is_text(entry, node, "ip, user, key or an expression"))
        return OK;
    entry->rule.by_text = node->text;
    if (slice_eq_text(node->text, "ip"))
        return OK;
    if (!identity_is_needed(&settings->auth.config, settings->schema))
        diag_warn(entry->reader->diag, node->place, "by: ip",
                  "nobody can sign in, so every request is counted by its address");
    entry->rule.by = slice_eq_text(node->text, "user")  ? LIMITER_USER
                     : slice_eq_text(node->text, "key") ? LIMITER_KEY
                                                        : LIMITER_VALUE;
    return entry->rule.by == LIMITER_VALUE ? read_value(entry, node) : OK;
}

/* ---- keys of an entry ---- */

static enum error keep_rate(struct entry *entry, const struct node *node)
{
    entry->rate = node;
    return OK;
}

static enum error keep_burst(struct entry *entry, const struct node *node)
{
    entry->burst = node;
    return OK;
}

static enum error keep_max(struct entry *entry, const struct node *node)
{
    entry->max = node;
    return OK;
}

static enum error keep_cost(struct entry *entry, const struct node *node)
{
    entry->cost = node;
    return OK;
}

static enum error keep_name(struct entry *entry, const struct node *node)
{
    entry->name = node;
    return OK;
}

static const struct {
    const char *name;
    enum error (*read)(struct entry *entry, const struct node *node);
} keys[] = {
    {"for", read_for}, {"algorithm", read_algorithm}, {"rate", keep_rate}, {"burst", keep_burst}, {"max", keep_max},
    {"by", read_by},   {"cost", keep_cost},           {"name", keep_name}};

static enum error read_key(struct entry *entry, const struct node *node)
{
    struct suggest suggest;
    suggest_init(&suggest, node->key);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (slice_eq_text(node->key, keys[i].name))
            return keys[i].read(entry, node);
        suggest_offer_text(&suggest, keys[i].name);
    }
    suggest_report(&suggest, entry->reader->diag, node->key_place, "unknown key", NULL);
    return OK;
}

/* ---- what fits together ---- */

static void read_count(const struct entry *entry, const struct node *node, int64_t low, int64_t *out)
{
    int64_t count;
    if (!is_text(entry, node, "a whole number"))
        return;
    if (number_parse_int(node->text, &count) == OK && count >= low && count <= LIMIT_COUNT_MAX)
        *out = count;
    else
        diag_at(entry->reader->diag, node->place, NULL, "\"%.*s\" must be a whole number of %d to %d, not %s",
                SLICE_ARG(node->key), (int)low, LIMIT_COUNT_MAX, node_shown(node, entry->reader->diag));
}

static void refuse_key(const struct entry *entry, const struct node *node, const char *hint)
{
    if (node)
        diag_at(entry->reader->diag, node->key_place, hint, "\"%.*s\" is nothing for %s", SLICE_ARG(node->key),
                algorithms[entry->rule.algorithm]);
}

static void read_rate(struct entry *entry)
{
    struct diag *diag = entry->reader->diag;
    static const char hint[] = "such as 100/m, 5/15m, 1000/d: a count, and a time of s m h d";
    refuse_key(entry, entry->max, "it is of concurrency");
    if (!entry->rate)
        diag_at(diag, entry->map->place, hint, "a limit needs \"rate\"");
    else if (is_text(entry, entry->rate, "a rate") && limit_parse_rate(entry->rate->text, &entry->rule.rate) != OK)
        diag_at(diag, entry->rate->place, hint, "\"rate\" must be a rate, not %s", node_shown(entry->rate, diag));
    entry->rule.burst = entry->rule.rate.count;
    if (entry->rule.algorithm != LIMIT_TOKEN_BUCKET)
        refuse_key(entry, entry->burst, "it is of token_bucket");
    else if (entry->burst)
        read_count(entry, entry->burst, 1, &entry->rule.burst);
}

static void read_max(struct entry *entry)
{
    refuse_key(entry, entry->rate, "`max` says how many at the same time");
    refuse_key(entry, entry->burst, "`max` says how many at the same time");
    if (entry->max)
        read_count(entry, entry->max, 1, &entry->rule.burst);
    else
        diag_at(entry->reader->diag, entry->map->place, "such as max: 4", "a limit of concurrency needs \"max\"");
}

static void read_cost_of(struct entry *entry, const struct node *node)
{
    enum http_method method = method_parse(node->key);
    if (method == HTTP_OTHER) {
        diag_at(entry->reader->diag, node->key_place, "such as {GET: 1, POST: 5}", "\"cost\": %s is no method",
                diag_quote(entry->reader->diag, node->key));
        return;
    }
    read_count(entry, node, 0, &entry->rule.costs[method]);
    if (method == HTTP_GET && !node_find(entry->cost, "HEAD"))
        entry->rule.costs[HTTP_HEAD] = entry->rule.costs[HTTP_GET];
}

static void read_cost(struct entry *entry)
{
    int64_t cost = 1;
    bool is_map = entry->cost && entry->cost->kind == NODE_MAP;
    if (entry->cost && !is_map)
        read_count(entry, entry->cost, 1, &cost);
    for (int i = 0; i < HTTP_METHOD_COUNT; i++)
        entry->rule.costs[i] = cost;
    for (const struct node *node = is_map ? entry->cost->first : NULL; node; node = node->next)
        read_cost_of(entry, node);
    for (int i = 0; i < HTTP_METHOD_COUNT; i++)
        if (entry->rule.burst > 0 && entry->rule.costs[i] > entry->rule.burst) {
            diag_at(entry->reader->diag, entry->cost->place, "raise the limit, or lower the cost",
                    "\"cost\" is more than the limit ever allows, which is %lld", (long long)entry->rule.burst);
            return;
        }
}

static void read_name(struct entry *entry)
{
    const struct node *node = entry->name;
    if (!node || !is_text(entry, node, "a text"))
        return;
    bool is_good = node->text.len <= NAME_BYTES_MAX;
    if (slice_starts(node->text, SLICE("default ")))
        diag_at(entry->reader->diag, node->place, NULL,
                "\"name\" begins with \"default \": so do those of limits that "
                "hold where no entry does");
    for (size_t i = 0; i < node->text.len; i++)
        is_good = is_good && node->text.ptr[i] >= ' ' && node->text.ptr[i] <= '~';
    if (is_good)
        entry->rule.name = node->text;
    else
        diag_at(entry->reader->diag, node->place, "callers see it in the RateLimit headers",
                "\"name\" must be a text of 1 to %d printable ASCII characters", NAME_BYTES_MAX);
}

static enum error read_entry(struct settings_reader *reader, const struct node *map, struct limiter_rule *out)
{
    struct entry entry = {.reader = reader, .map = map, .rule = {.by_text = SLICE("ip")}};
    if (map->kind != NODE_MAP) {
        diag_at(reader->diag, map->place, "such as {for: \"*\", rate: 100/m}", "a limit must be a map, this is %s",
                node_kind_name(map));
        return OK;
    }
    for (const struct node *node = map->first; node; node = node->next)
        TRY(read_key(&entry, node));
    if (!node_find(map, "for"))
        diag_at(reader->diag, map->place, for_hint, "a limit needs \"for\"");
    if (entry.rule.algorithm == LIMIT_CONCURRENCY)
        read_max(&entry);
    else
        read_rate(&entry);
    read_cost(&entry);
    read_name(&entry);
    *out = entry.rule;
    return OK;
}

static void check_names(const struct settings_reader *reader, const struct node *list, const struct limiter_rule *rules,
                        size_t count)
{
    const struct node *node = list->first;
    for (size_t i = 0; i < count; i++, node = node->next)
        for (size_t j = 0; j < i; j++)
            if (rules[i].name.len > 0 && slice_eq(rules[i].name, rules[j].name))
                diag_at(reader->diag, node->place, "give one of them a `name` of its own",
                        "two limits are called \"%.*s\"", SLICE_ARG(rules[i].name));
}

/* ---- what holds when nothing is said ---- */

/* The first where there are providers, the last where there are clients of OAuth. */
static const struct limiter_pattern auth_patterns[] = {
    {.methods = UINT64_C(1) << HTTP_GET, .path = SLICE_INIT("/auth/provider/:name/callback")},
    {.methods = UINT64_C(1) << HTTP_POST, .path = SLICE_INIT("/auth/*")},
    {.methods = UINT64_C(1) << HTTP_POST, .path = SLICE_INIT("/oauth/authorize")},
};
static const struct limiter_pattern oauth_patterns[] = {
    {.methods = UINT64_C(1) << HTTP_POST, .path = SLICE_INIT("/oauth/*")},
};

/* An entry takes its place on a route: see struct limiter_rule. */
struct standard {
    struct slice prefix, name, rate;
    const struct limiter_pattern *patterns;
    size_t pattern_count;
};

static enum error add_standard(struct limiter_config *limits, struct limiter_rule *rules, struct standard standard)
{
    struct limiter_rule *rule = &rules[limits->count++];
    *rule = (struct limiter_rule){.patterns = standard.patterns,
                                  .pattern_count = standard.pattern_count,
                                  .name = standard.name,
                                  .algorithm = LIMIT_SLIDING_WINDOW,
                                  .by_text = SLICE("ip"),
                                  .prefix = standard.prefix};
    for (int i = 0; i < HTTP_METHOD_COUNT; i++)
        rule->costs[i] = 1;
    return limit_parse_rate(standard.rate, &rule->rate);
}

/* One sign-in a second: more than the people behind one address need, less than guessing or filling up takes. A client
 * of OAuth is often a server that comes for all of its people from one address, with secrets that nobody guesses. */
static enum error add_standards(struct settings_reader *reader, struct limiter_rule *rules)
{
    struct settings *settings = reader->settings;
    const struct identity_config *config = &settings->auth.config;
    size_t first = config->provider_count > 0 ? 0 : 1, end = config->oauth.client_count > 0 ? 3 : 2;
    struct standard auth = {SLICE("/auth"), SLICE("default auth"), SLICE("60/m"), auth_patterns + first, end - first};
    struct standard oauth = {SLICE("/oauth"), SLICE("default oauth"), SLICE("600/m"), oauth_patterns,
                             ARRAY_LEN(oauth_patterns)};
    if (identity_has_accounts(config, settings->schema))
        TRY(add_standard(&settings->limits, rules, auth));
    if (config->oauth.client_count > 0)
        TRY(add_standard(&settings->limits, rules, oauth));
    return OK;
}

enum error settings_limits_read(struct settings_reader *reader)
{
    struct settings *settings = reader->settings;
    const struct node *list = settings->limits_node;
    size_t count = list && list->kind == NODE_LIST ? list->count : 0;
    if (list && (list->kind != NODE_LIST || count > LIMITS_MAX)) {
        diag_at(reader->diag, list->place, "such as limits: [{for: \"*\", rate: 100/m}]",
                "\"limits\" must be a list of at most %d", LIMITS_MAX);
        return OK;
    }
    struct limiter_rule *rules = arena_array(reader->arena, count + STANDARDS_MAX, sizeof *rules);
    if (!rules)
        return ERROR_MEMORY;
    settings->limits = (struct limiter_config){.rules = rules};
    for (const struct node *node = count > 0 ? list->first : NULL; node; node = node->next) {
        TRY(read_entry(reader, node, &rules[settings->limits.count]));
        settings->limits.count++;
    }
    if (count > 0)
        check_names(reader, list, rules, count);
    return add_standards(reader, rules);
}
