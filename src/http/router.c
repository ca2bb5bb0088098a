/* SPDX-License-Identifier: Apache-2.0 */
/* Routes as a tree of path segments, built at start-up and only read afterwards.
 *
 *     /api ── v1 ── markets ── :id ── depth
 *                └─ users ──── me
 *                           └─ :id
 *
 * Idea: a path is cut into segments once; the walk goes down one node for each. A node's static children are sorted
 * (shorter first, then by bytes) and searched by halves; where the static way ends nowhere, the walk tries the
 * parameter. Each node is visited once at most, since its place in the tree fixes the segment it is compared with: a
 * hostile path costs no more than the tree is large.
 *
 * A segment is decoded before it is compared, but after the path was cut: an encoded slash is a byte of a parameter,
 * never a separator, and "/m%61rkets" is "/markets".
 *
 * Invariants
 *   (1) children are sorted by compare_segments() and differ
 *   (2) methods has the bit of each non-NULL entry of routes[], and no other
 *   (3) routes[i]->id == i
 */
#include "http/router.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/percent.h"
#include "base/utf8.h"

enum { ARENA_BYTES_MAX = 16 * 1024 * 1024, ROUTES_MAX = 16 * 1024 };

struct node {
    struct slice segment;   /* static text; empty: the root or a parameter */
    struct node **children; /* static ones */
    size_t child_count;
    size_t child_cap;
    struct node *param; /* NULL: none */
    uint64_t methods;
    const struct http_route *routes[HTTP_METHOD_COUNT];
};

struct router {
    struct arena arena; /* owns everything below */
    struct node root;
    uint64_t methods; /* of all routes */
    struct http_route **routes;
    size_t route_count;
    size_t route_cap;
};

/* A path, cut: segments without their slashes. */
struct segments {
    struct slice at[ROUTER_SEGMENTS_MAX];
    unsigned count;
};

/* One look-up on its way through the tree. */
struct walk {
    const struct segments *segments;
    enum http_method method;
    struct slice *params; /* ROUTER_PARAMS_MAX of them */
    uint64_t allow;       /* what the nodes that were reached can do */
};

enum error router_create(struct router **out)
{
    struct router *router = calloc(1, sizeof *router);
    if (!router)
        return ERROR_MEMORY;
    arena_init(&router->arena, ARENA_BYTES_MAX);
    *out = router;
    return OK;
}

void router_destroy(struct router *router)
{
    if (!router)
        return;
    arena_fini(&router->arena);
    free(router);
}

size_t router_count(const struct router *router)
{
    return router->route_count;
}

const struct http_route *router_at(const struct router *router, size_t id)
{
    return router->routes[id];
}

static int compare_segments(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return memcmp(a.ptr, b.ptr, a.len);
}

/* The index of the child with that segment, or of the first one behind its place. */
static size_t child_index(const struct node *node, struct slice segment)
{
    size_t low = 0, high = node->child_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_segments(node->children[middle]->segment, segment) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct node *child_find(const struct node *node, struct slice segment)
{
    size_t index = child_index(node, segment);
    if (index == node->child_count || !slice_eq(node->children[index]->segment, segment))
        return NULL;
    return node->children[index];
}

/* Cuts a path that begins with '/'; false when it has an empty segment or too many. */
static bool cut(struct slice path, struct segments *out)
{
    out->count = 0;
    if (path.len == 0 || path.ptr[0] != '/')
        return false;
    if (path.len == 1)
        return true;
    for (size_t at = 1; at <= path.len;) {
        size_t len = slice_index(slice_from_index(path, at), '/');
        if (len == 0 || out->count == ROUTER_SEGMENTS_MAX)
            return false;
        out->at[out->count++] = slice_of(path.ptr + at, len);
        at += len + 1;
    }
    return true;
}

/* Makes room for one more pointer in an array of the router's arena; the old array stays behind in it. */
static bool grow(struct arena *arena, void **array, size_t count, size_t *cap)
{
    if (count < *cap)
        return true;
    size_t grown_cap = *cap ? *cap * 2 : 4;
    void **grown = arena_array(arena, grown_cap, sizeof *grown);
    if (!grown)
        return false;
    if (count)
        memcpy(grown, *array, count * sizeof *grown);
    *array = grown;
    *cap = grown_cap;
    return true;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_static_byte(char c)
{
    return is_name_byte(c) || c == '-' || c == '.' || c == '~';
}

static bool is_dots(struct slice segment)
{
    return slice_eq_text(segment, ".") || slice_eq_text(segment, "..");
}

static bool is_param(struct slice segment)
{
    return segment.ptr[0] == ':';
}

static bool is_segment_valid(struct slice segment)
{
    bool (*is_byte)(char c) = is_param(segment) ? is_name_byte : is_static_byte;
    struct slice text = slice_from_index(segment, is_param(segment));
    for (size_t i = 0; i < text.len; i++)
        if (!is_byte(text.ptr[i]))
            return false;
    return text.len > 0 && !is_dots(text);
}

/* Notes the name of a parameter; false when there are too many, or two of one name. */
static bool add_param_name(struct http_route *route, struct slice name)
{
    for (unsigned i = 0; i < route->param_count; i++)
        if (slice_eq(route->param_names[i], name))
            return false;
    if (route->param_count == ROUTER_PARAMS_MAX)
        return false;
    route->param_names[route->param_count++] = name;
    return true;
}

/* Cuts and checks a pattern. */
static enum error read_pattern(struct http_route *route, struct segments *segments, struct diag *diag)
{
    bool is_valid = cut(route->pattern, segments);
    for (unsigned i = 0; is_valid && i < segments->count; i++) {
        struct slice segment = segments->at[i];
        is_valid =
            is_segment_valid(segment) && (!is_param(segment) || add_param_name(route, slice_from_index(segment, 1)));
    }
    if (is_valid)
        return OK;
    diag_say(diag, "write it as /name/:parameter, without a slash at its end", "the route \"%.*s\" is not a valid path",
             SLICE_ARG(route->pattern));
    return ERROR_VALIDATION;
}

static struct node *param_child(struct router *router, struct node *node)
{
    if (!node->param)
        node->param = arena_zalloc(&router->arena, sizeof *node);
    return node->param;
}

static struct node *static_child(struct router *router, struct node *node, struct slice segment)
{
    struct node *child = child_find(node, segment);
    if (child)
        return child;
    void *children = node->children;
    child = arena_zalloc(&router->arena, sizeof *child);
    if (!child || !grow(&router->arena, &children, node->child_count, &node->child_cap))
        return NULL;
    node->children = children;
    size_t index = child_index(node, segment);
    memmove(node->children + index + 1, node->children + index, (node->child_count - index) * sizeof *node->children);
    node->children[index] = child;
    node->child_count++;
    child->segment = segment;
    return child;
}

/* Puts a route at the end of its segments. Nodes without a route, left behind by a failure, are never a hit. */
static enum error place(struct router *router, struct http_route *route, const struct segments *segments,
                        struct diag *diag)
{
    struct node *node = &router->root;
    for (unsigned i = 0; node && i < segments->count; i++)
        node = is_param(segments->at[i]) ? param_child(router, node) : static_child(router, node, segments->at[i]);
    void *routes = router->routes;
    if (!node || !grow(&router->arena, &routes, router->route_count, &router->route_cap))
        return ERROR_MEMORY;
    router->routes = routes;
    const struct http_route *other = node->routes[route->method];
    if (other) {
        diag_say(diag, "remove one of them", "the route \"%.*s %.*s\" is declared twice, also as \"%.*s\"",
                 SLICE_ARG(method_name(route->method)), SLICE_ARG(route->pattern), SLICE_ARG(other->pattern));
        return ERROR_CONFLICT;
    }
    route->id = (unsigned)router->route_count;
    router->routes[router->route_count++] = route;
    node->routes[route->method] = route;
    node->methods |= method_bit(route->method);
    router->methods |= method_bit(route->method);
    return OK;
}

enum error router_add(struct router *router, enum http_method method, struct slice pattern, void *data,
                      struct diag *diag)
{
    struct segments segments;
    if (router->route_count == ROUTES_MAX)
        return ERROR_LIMIT;
    struct http_route *route = arena_zalloc(&router->arena, sizeof *route);
    struct slice copy = arena_slice(&router->arena, pattern);
    if (!route || !copy.ptr)
        return ERROR_MEMORY;
    *route = (struct http_route){.method = method, .pattern = copy, .data = data};
    TRY(read_pattern(route, &segments, diag));
    return place(router, route, &segments, diag);
}

/* The route of a node for the method; notes what else the node can do. */
static const struct http_route *route_of(struct walk *walk, const struct node *node)
{
    walk->allow |= node->methods;
    const struct http_route *route = node->routes[walk->method];
    return route || walk->method != HTTP_HEAD ? route : node->routes[HTTP_GET];
}

/* Recursion as deep as the path has segments, ROUTER_SEGMENTS_MAX at most. */
static const struct http_route *descend(struct walk *walk, const struct node *node, unsigned depth, unsigned params)
{
    if (depth == walk->segments->count)
        return route_of(walk, node);
    struct slice segment = walk->segments->at[depth];
    const struct node *child = child_find(node, segment);
    const struct http_route *route = child ? descend(walk, child, depth + 1, params) : NULL;
    if (route || !node->param)
        return route;
    walk->params[params] = segment;
    return descend(walk, node->param, depth + 1, params + 1);
}

static enum error decode(struct slice *segment, struct arena *arena)
{
    if (slice_index(*segment, '%') < segment->len) {
        TRY(percent_decode(*segment, arena, segment));
        if (slice_index(*segment, '\0') < segment->len || !utf8_is_valid(*segment))
            return ERROR_PARSE;
    }
    return is_dots(*segment) ? ERROR_NOT_FOUND : OK;
}

/* With what is never declared. */
static uint64_t complete(uint64_t methods)
{
    uint64_t head = methods & method_bit(HTTP_GET) ? method_bit(HTTP_HEAD) : 0;
    return methods | head | method_bit(HTTP_OPTIONS);
}

enum error router_find(const struct router *router, enum http_method method, struct slice path, struct arena *arena,
                       struct router_hit *out)
{
    struct segments segments;
    *out = (struct router_hit){.route = NULL};
    if (slice_eq_text(path, "*")) { /* the server as a whole (RFC 9110 section 9.3.7) */
        out->allow = complete(router->methods);
        return ERROR_METHOD_NOT_ALLOWED;
    }
    if (!cut(path, &segments))
        return ERROR_NOT_FOUND;
    for (unsigned i = 0; i < segments.count; i++)
        TRY(decode(&segments.at[i], arena));
    struct walk walk = {.segments = &segments, .method = method, .params = out->params};
    out->route = descend(&walk, &router->root, 0, 0);
    if (walk.allow == 0)
        return ERROR_NOT_FOUND;
    out->allow = complete(walk.allow);
    if (!out->route)
        return ERROR_METHOD_NOT_ALLOWED;
    out->param_count = out->route->param_count;
    return OK;
}
