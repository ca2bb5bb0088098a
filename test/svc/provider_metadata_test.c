/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/provider_metadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ENDPOINTS(host)                                                                                                \
    "\"authorization_endpoint\":\"" host "/a?x=y\",\"token_endpoint\":\"" host "/t\",\"jwks_uri\":\"" host "/k\""
#define SECURE "https://login.example.org"
#define LOCAL  "http://127.0.0.1:9000"

static enum error read(const char *issuer, const char *text, struct arena *arena, struct provider_metadata *out)
{
    const char *reason = NULL;
    enum error error = provider_metadata_read(slice_from(text), slice_from(issuer), arena, out, &reason);
    assert_true(error == OK || error == ERROR_MEMORY || reason);
    return error;
}

static void a_document_gives_its_endpoints(void **state)
{
    struct arena arena;
    struct provider_metadata out;
    arena_init(&arena, 1024 * 1024);
    assert_int_equal(read(SECURE, "{\"issuer\":\"" SECURE "\"," ENDPOINTS(SECURE) "}", &arena, &out), OK);
    assert_true(slice_eq_text(out.authorization, SECURE "/a?x=y") && slice_eq_text(out.token, SECURE "/t"));
    assert_true(slice_eq_text(out.jwks, SECURE "/k") && out.userinfo.len == 0);
    assert_true(out.secret == PROVIDER_METADATA_BASIC && !out.names_itself);
    assert_int_equal(read(LOCAL,
                          "{\"issuer\":\"" LOCAL
                          "\"," ENDPOINTS(LOCAL) ",\"userinfo_endpoint\":\"" SECURE "/u\","
                                                 "\"token_endpoint_auth_methods_supported\":[7,\"client_secret_post\"],"
                                                 "\"authorization_response_iss_parameter_supported\":true}",
                          &arena, &out),
                     OK);
    assert_true(slice_eq_text(out.userinfo, SECURE "/u") && out.secret == PROVIDER_METADATA_POST && out.names_itself);
    arena_fini(&arena);
}

static void a_document_that_is_not_to_be_trusted_gives_nothing(void **state)
{
    static const char *const rows[] = {
        "",
        "[]",
        "{}",
        "{\"issuer\":\"" SECURE "\"}",
        "{" ENDPOINTS(SECURE) "}",
        "{\"issuer\":\"" SECURE "/\"," ENDPOINTS(SECURE) "}",
        "{\"issuer\":[\"" SECURE "\"]," ENDPOINTS(SECURE) "}",
        "{\"issuer\":\"" SECURE "\",\"issuer\":\"" SECURE "\"," ENDPOINTS(SECURE) "}",
        "{\"issuer\":\"" SECURE "\"," ENDPOINTS("http://login.example.org") "}",
        "{\"issuer\":\"" SECURE "\"," ENDPOINTS(LOCAL) "}", /* a stranger has no business on this machine */
        "{\"issuer\":\"" SECURE "\"," ENDPOINTS("ftp://login.example.org") "}",
        "{\"issuer\":\"" SECURE "\"," ENDPOINTS("https://user:password@login.example.org") "}",
        "{\"issuer\":\"" SECURE "\"," ENDPOINTS(SECURE "#x") "}",
        "{\"issuer\":\"" SECURE "\"," ENDPOINTS(SECURE) ",\"userinfo_endpoint\":7}",
        "{\"issuer\":\"" SECURE "\"," ENDPOINTS(SECURE) ",\"userinfo_endpoint\":\"" LOCAL "\"}",
        "{\"issuer\":\"" SECURE "\"," ENDPOINTS(SECURE) ",\"token_endpoint_auth_methods_supported\":\"none\"}",
        "{\"issuer\":\"" SECURE "\"," ENDPOINTS(SECURE) "} x",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct provider_metadata out;
        arena_init(&arena, 1024 * 1024);
        if (read(SECURE, rows[i], &arena, &out) != ERROR_UNAVAILABLE)
            fail_msg("%s", rows[i]);
        arena_fini(&arena);
    }
}

static void a_document_needs_its_memory(void **state)
{
    struct arena arena;
    struct provider_metadata out;
    arena_init(&arena, 16);
    assert_int_equal(read(SECURE, "{\"issuer\":\"" SECURE "\"," ENDPOINTS(SECURE) "}", &arena, &out), ERROR_MEMORY);
    arena_fini(&arena);
}

static void only_this_machine_is_spoken_to_in_the_clear(void **state)
{
    static const char *const good[] = {"https://a.example", "http://localhost",  "http://localhost:80/x",
                                       "http://127.0.0.1/", "http://[::1]:8080", "http://127.0.0.1?x"};
    static const char *const bad[] = {"http://a.example",
                                      "http://localhost.evil.example",
                                      "http://127.0.0.1.evil.example",
                                      "http://127.0.0.1@evil.example",
                                      "http://localhost:80@evil.example",
                                      "ftp://localhost",
                                      "localhost",
                                      "https://",
                                      "javascript:alert(1)",
                                      "https://a b",
                                      ""};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!provider_metadata_is_safe_url(slice_from(good[i])))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (provider_metadata_is_safe_url(slice_from(bad[i])))
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_gives_its_endpoints),
        cmocka_unit_test(a_document_that_is_not_to_be_trusted_gives_nothing),
        cmocka_unit_test(a_document_needs_its_memory),
        cmocka_unit_test(only_this_machine_is_spoken_to_in_the_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
