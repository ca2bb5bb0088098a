/* SPDX-License-Identifier: Apache-2.0 */
#include "http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"

static const struct {
    enum http_method method;
    const char *pattern;
} routes[] = {
    {HTTP_GET, "/"},
    {HTTP_GET, "/health"},
    {HTTP_GET, "/api/v1/markets"},
    {HTTP_POST, "/api/v1/markets"},
    {HTTP_GET, "/api/v1/markets/:id"},
    {HTTP_PATCH, "/api/v1/markets/:id"},
    {HTTP_DELETE, "/api/v1/markets/:market"},
    {HTTP_GET, "/api/v1/markets/top"},
    {HTTP_GET, "/api/v1/markets/:id/depth"},
    {HTTP_GET, "/api/v1/markets/top/depth/:level"},
    {HTTP_POST, "/api/v1/batch"},
    {HTTP_GET, "/:a/:b/:c/:d/:e/:f/:g/:h"},
    {HTTP_OPTIONS, "/own"},
    {HTTP_HEAD, "/own"},
};

static struct router *build(void)
{
    struct router *router;
    assert_int_equal(router_create(&router), OK);
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        assert_int_equal(router_add(router, routes[i].method, slice_from(routes[i].pattern), NULL, NULL), OK);
    return router;
}

/* "GET /pattern a=1;b=2;", or the code of the error with the methods that are allowed. */
static void put_hit(const struct router_hit *hit, enum error error, struct buf *out)
{
    if (error != OK) {
        buf_put_text(out, error_code(error));
        if (hit->allow)
            buf_put_byte(out, ' ');
        method_format_set(hit->allow, out);
        return;
    }
    buf_put_slice(out, method_name(hit->route->method));
    buf_put_byte(out, ' ');
    buf_put_slice(out, hit->route->pattern);
    for (unsigned i = 0; i < hit->param_count; i++)
        buf_printf(out, " %.*s=%.*s", SLICE_ARG(hit->route->param_names[i]), SLICE_ARG(hit->params[i]));
}

static const struct {
    enum http_method method;
    const char *path;
    const char *expected;
} routes_of_paths[] = {
    {HTTP_GET, "/", "GET /"},
    {HTTP_GET, "/health", "GET /health"},
    {HTTP_HEAD, "/health", "GET /health"},
    {HTTP_POST, "/health", "METHOD_NOT_ALLOWED GET, HEAD, OPTIONS"},
    {HTTP_OPTIONS, "/health", "METHOD_NOT_ALLOWED GET, HEAD, OPTIONS"},
    {HTTP_OTHER, "/health", "METHOD_NOT_ALLOWED GET, HEAD, OPTIONS"},
    {HTTP_OPTIONS, "/own", "OPTIONS /own"},
    {HTTP_HEAD, "/own", "HEAD /own"},
    {HTTP_GET, "/own", "METHOD_NOT_ALLOWED HEAD, OPTIONS"},
    {HTTP_GET, "/Health", "NOT_FOUND"},
    {HTTP_GET, "/health/", "NOT_FOUND"},
    {HTTP_GET, "//health", "NOT_FOUND"},
    {HTTP_GET, "//", "NOT_FOUND"},
    {HTTP_GET, "", "NOT_FOUND"},
    {HTTP_OPTIONS, "*", "METHOD_NOT_ALLOWED GET, HEAD, POST, PATCH, DELETE, OPTIONS"},
    {HTTP_GET, "health", "NOT_FOUND"},
    {HTTP_GET, "/healt", "NOT_FOUND"},
    {HTTP_GET, "/healthy", "NOT_FOUND"},
    {HTTP_GET, "/api", "NOT_FOUND"},
    {HTTP_GET, "/api/v1", "NOT_FOUND"},
    {HTTP_GET, "/api/v1/markets", "GET /api/v1/markets"},
    {HTTP_POST, "/api/v1/markets", "POST /api/v1/markets"},
    {HTTP_PUT, "/api/v1/markets", "METHOD_NOT_ALLOWED GET, HEAD, POST, OPTIONS"},
    {HTTP_GET, "/api/v1/batch", "METHOD_NOT_ALLOWED POST, OPTIONS"},
    {HTTP_GET, "/api/v1/markets/7", "GET /api/v1/markets/:id id=7"},
    {HTTP_DELETE, "/api/v1/markets/7", "DELETE /api/v1/markets/:market market=7"},
    {HTTP_PUT, "/api/v1/markets/7", "METHOD_NOT_ALLOWED GET, HEAD, PATCH, DELETE, OPTIONS"},
    {HTTP_GET, "/api/v1/markets/top", "GET /api/v1/markets/top"},
    {HTTP_PATCH, "/api/v1/markets/top", "PATCH /api/v1/markets/:id id=top"},
    {HTTP_PUT, "/api/v1/markets/top", "METHOD_NOT_ALLOWED GET, HEAD, PATCH, DELETE, OPTIONS"},
    {HTTP_GET, "/api/v1/markets/7/depth", "GET /api/v1/markets/:id/depth id=7"},
    {HTTP_GET, "/api/v1/markets/top/depth", "GET /api/v1/markets/:id/depth id=top"},
    {HTTP_GET, "/api/v1/markets/top/depth/3", "GET /api/v1/markets/top/depth/:level level=3"},
    {HTTP_GET, "/api/v1/markets/7/depth/3", "NOT_FOUND"},
    {HTTP_GET, "/1/2/3/4/5/6/7/8", "GET /:a/:b/:c/:d/:e/:f/:g/:h a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8"},
    {HTTP_GET, "/api/v1/markets/top/depth/6/7/8",
     "GET /:a/:b/:c/:d/:e/:f/:g/:h a=api b=v1 c=markets d=top e=depth f=6 g=7 h=8"},
    {HTTP_GET, "/1/2/3/4/5/6/7/8/9", "NOT_FOUND"},
    {HTTP_GET, "/1/2/3/4/5/6/7", "NOT_FOUND"},
    {HTTP_GET, "/1/2/3/4//6/7/8", "NOT_FOUND"},
    {HTTP_GET, "/api/v1/markets/a%2Fb", "GET /api/v1/markets/:id id=a/b"},
    {HTTP_GET, "/api/v1/markets/a+b%20c%25", "GET /api/v1/markets/:id id=a+b c%"},
    {HTTP_GET, "/api/v1/markets/caf%C3%A9", "GET /api/v1/markets/:id id=caf\xc3\xa9"},
    {HTTP_GET, "/api/v1/m%61rkets", "GET /api/v1/markets"},
    {HTTP_GET, "/api%2Fv1/markets", "NOT_FOUND"},
    {HTTP_GET, "/%3Aid", "NOT_FOUND"},
    {HTTP_GET, "/api/v1/markets/.", "NOT_FOUND"},
    {HTTP_GET, "/api/v1/markets/..", "NOT_FOUND"},
    {HTTP_GET, "/api/v1/markets/%2e%2E", "NOT_FOUND"},
    {HTTP_GET, "/api/v1/markets/.%2e", "NOT_FOUND"},
    {HTTP_GET, "/api/v1/../v1/markets", "NOT_FOUND"},
    {HTTP_GET, "/api/v1/markets/...", "GET /api/v1/markets/:id id=..."},
    {HTTP_GET, "/api/v1/markets/%", "PARSE_ERROR"},
    {HTTP_GET, "/api/v1/markets/%4", "PARSE_ERROR"},
    {HTTP_GET, "/api/v1/markets/%zz", "PARSE_ERROR"},
    {HTTP_GET, "/api/v1/markets/a%00", "PARSE_ERROR"},
    {HTTP_GET, "/api/v1/markets/%ff", "PARSE_ERROR"},
    {HTTP_GET, "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3", "NOT_FOUND"},
};

static void a_path_leads_to_its_most_static_route(void **state)
{
    struct router *router = build();
    for (size_t i = 0; i < ARRAY_LEN(routes_of_paths); i++) {
        struct arena arena;
        struct router_hit hit;
        struct buf text;
        arena_init(&arena, 1 << 16);
        buf_init(&text, 1 << 16);
        enum error error =
            router_find(router, routes_of_paths[i].method, slice_from(routes_of_paths[i].path), &arena, &hit);
        put_hit(&hit, error, &text);
        if (!slice_eq_text(buf_slice(&text), routes_of_paths[i].expected))
            fail_msg("%s %s gives %.*s", method_name(routes_of_paths[i].method).ptr, routes_of_paths[i].path,
                     SLICE_ARG(buf_slice(&text)));
        buf_fini(&text);
        arena_fini(&arena);
    }
    router_destroy(router);
}

static void what_needs_no_decoding_costs_no_memory(void **state)
{
    struct router *router = build();
    struct arena none;
    struct router_hit hit;
    struct slice path = SLICE("/api/v1/markets/7/depth");
    arena_init(&none, 0);
    assert_int_equal(router_find(router, HTTP_GET, path, &none, &hit), OK);
    assert_ptr_equal(hit.params[0].ptr, path.ptr + 16);
    assert_int_equal(router_find(router, HTTP_GET, SLICE("/api/v1/markets/%37"), &none, &hit), ERROR_MEMORY);
    router_destroy(router);
}

static void routes_are_numbered_in_their_order(void **state)
{
    struct router *router = build();
    assert_int_equal(router_count(router), ARRAY_LEN(routes));
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        const struct http_route *route = router_at(router, i);
        assert_int_equal(route->id, i);
        assert_int_equal(route->method, routes[i].method);
        assert_true(slice_eq_text(route->pattern, routes[i].pattern));
    }
    router_destroy(router);
}

static void patterns_that_are_wrong_are_refused(void **state)
{
    static const struct {
        const char *pattern;
        enum error error;
    } rows[] = {
        {"", ERROR_VALIDATION},
        {"a", ERROR_VALIDATION},
        {"/a/", ERROR_VALIDATION},
        {"//a", ERROR_VALIDATION},
        {"/a b", ERROR_VALIDATION},
        {"/a%20", ERROR_VALIDATION},
        {"/a/..", ERROR_VALIDATION},
        {"/:", ERROR_VALIDATION},
        {"/:a-b", ERROR_VALIDATION},
        {"/a:b", ERROR_VALIDATION},
        {"/:a/:a", ERROR_VALIDATION},
        {"/:a/:b/:c/:d/:e/:f/:g/:h/:i", ERROR_VALIDATION},
        {"/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3", ERROR_VALIDATION},
        {"/health", ERROR_CONFLICT},
        {"/api/v1/markets/:other", ERROR_CONFLICT},
        {"/api/v1/:other", OK},
        {"/_/a.b~c-d", OK},
    };
    struct router *router = build();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct diag diag;
        arena_init(&arena, 1 << 16);
        diag_init(&diag, &arena);
        enum error error = router_add(router, HTTP_GET, slice_from(rows[i].pattern), NULL, &diag);
        if (error != rows[i].error || (error != OK) != (diag.message != NULL))
            fail_msg("%s", rows[i].pattern);
        arena_fini(&arena);
    }
    assert_int_equal(router_count(router), ARRAY_LEN(routes) + 2);
    router_destroy(router);
}

static void a_route_that_is_declared_twice_says_where(void **state)
{
    struct router *router = build();
    struct arena arena;
    struct diag diag;
    arena_init(&arena, 1 << 16);
    diag_init(&diag, &arena);
    assert_int_equal(router_add(router, HTTP_GET, SLICE("/api/v1/markets/:x"), NULL, &diag), ERROR_CONFLICT);
    assert_string_equal(diag.message,
                        "the route \"GET /api/v1/markets/:x\" is declared twice, also as \"/api/v1/markets/:id\"");
    arena_fini(&arena);
    router_destroy(router);
}

static void many_siblings_are_all_found(void **state)
{
    struct router *router;
    struct arena none;
    char pattern[32];
    enum { SIBLINGS = 500 };
    assert_int_equal(router_create(&router), OK);
    arena_init(&none, 0);
    for (unsigned i = 0; i < SIBLINGS; i++) {
        int length = snprintf(pattern, sizeof pattern, "/r%u", i * 7919 % SIBLINGS);
        struct slice text = slice_of(pattern, (size_t)length);
        assert_int_equal(router_add(router, HTTP_GET, text, NULL, NULL), OK);
    }
    for (unsigned i = 0; i < SIBLINGS; i++) {
        struct router_hit hit;
        int length = snprintf(pattern, sizeof pattern, "/r%u", i);
        assert_int_equal(router_find(router, HTTP_GET, slice_of(pattern, (size_t)length), &none, &hit), OK);
        assert_true(slice_eq_text(hit.route->pattern, pattern));
    }
    router_destroy(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_leads_to_its_most_static_route),
        cmocka_unit_test(what_needs_no_decoding_costs_no_memory),
        cmocka_unit_test(routes_are_numbered_in_their_order),
        cmocka_unit_test(patterns_that_are_wrong_are_refused),
        cmocka_unit_test(a_route_that_is_declared_twice_says_where),
        cmocka_unit_test(many_siblings_are_all_found),
    };
    return cmocka_run_group_tests_name("http/router", tests, NULL, NULL);
}
