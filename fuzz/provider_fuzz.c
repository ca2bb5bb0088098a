/* SPDX-License-Identifier: Apache-2.0 */
/* What a provider says of itself, and what comes back from it: nothing that it says sends anybody or any secret to an
 * address that is not safe, and no state is good that was not made here. */
#include <stdint.h>

#include "base/check.h"
#include "base/digest.h"
#include "svc/provider_metadata.h"
#include "svc/provider_state.h"

enum { MEMORY = 16 << 20, NOW_S = 1700000000 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_url(struct slice url)
{
    CHECK(provider_metadata_is_safe_url(url), "secrets go to safe addresses");
    CHECK(url.len <= PROVIDER_METADATA_URL_MAX, "an address is bounded");
}

static void read_document(struct slice text, struct slice issuer, struct arena *arena)
{
    struct provider_metadata metadata;
    const char *reason = NULL;
    if (provider_metadata_read(text, issuer, arena, &metadata, &reason) != OK) {
        CHECK(reason, "a refusal has a reason");
        return;
    }
    check_url(metadata.authorization);
    check_url(metadata.token);
    check_url(metadata.jwks);
    if (metadata.userinfo.len > 0)
        check_url(metadata.userinfo);
}

static void check_path(struct slice path)
{
    CHECK(path.ptr[0] == '/' && (path.len == 1 || (path.ptr[1] != '/' && path.ptr[1] != '\\')), "a path is no host");
    for (size_t i = 0; i < path.len; i++)
        CHECK(path.ptr[i] > ' ' && path.ptr[i] < 0x7f, "a path is visible ASCII");
}

static void read_state(struct slice text, struct arena *arena)
{
    struct hmac_key *key;
    struct provider_state state = {.id = SLICE("id"), .mode = SIGNIN_COOKIE, .path = text, .expires_s = NOW_S + 1};
    struct slice made;
    if (digest_hmac_create(SLICE("a key of thirty-two bytes, or so"), &key) != OK)
        return;
    const struct provider_state_binding binding = {key, SLICE("provider"), SLICE("cookie")};
    CHECK(!provider_state_parse(&binding, text, NOW_S * INT64_C(1000000), arena, &state), "no state is made elsewhere");
    if (provider_state_is_path(text)) {
        check_path(text);
        if (provider_state_make(&binding, &state, arena, &made) == OK) {
            CHECK(provider_state_parse(&binding, made, NOW_S * INT64_C(1000000), arena, &state), "a state comes back");
            CHECK(slice_eq(state.path, text) && state.mode == SIGNIN_COOKIE, "a state says what it was made of");
        }
    }
    digest_hmac_destroy(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct slice issuers[] = {SLICE_INIT("https://login.example.org"),
                                           SLICE_INIT("http://127.0.0.1:8080/realm"), SLICE_INIT("https://e.example/")};
    struct arena arena;
    struct slice text = slice_of((const char *)bytes, size);
    arena_init(&arena, MEMORY);
    for (size_t i = 0; i < sizeof issuers / sizeof *issuers; i++)
        read_document(text, issuers[i], &arena);
    read_state(text, &arena);
    arena_fini(&arena);
    return 0;
}
