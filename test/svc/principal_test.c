/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/principal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct key {
    unsigned char digest[DIGEST_SHA256_BYTES];
};

static struct key key_of(int number)
{
    struct key key;
    digest_sha256(slice_of((const char *)&number, sizeof number), key.digest);
    return key;
}

/* The same first bytes, so that all fall on one bucket. */
static struct key key_beside(int number)
{
    struct key key = {{0}};
    memcpy(key.digest + sizeof key.digest - sizeof number, &number, sizeof number);
    return key;
}

static struct principal *make(const struct key *key, const char *name)
{
    struct principal *principal;
    assert_int_equal(principal_create(key->digest, &principal), OK);
    principal->id = arena_slice(&principal->arena, slice_from(name));
    assert_non_null(principal->id.ptr);
    return principal;
}

/* Makes one that nobody holds. */
static void put(struct principal_cache *cache, struct key key, const char *name)
{
    struct principal *principal = make(&key, name);
    principal_remember(cache, principal);
    principal_release(principal);
}

/* What is remembered; empty: nothing is. A look counts as a use. */
static bool has(struct principal_cache *cache, struct key key, const char *name)
{
    struct principal *principal = principal_find(cache, key.digest);
    bool is_it = principal && slice_eq_text(principal->id, name);
    principal_release(principal);
    return is_it;
}

static void one_is_found_by_its_digest(void **state)
{
    struct principal_cache cache;
    principal_cache_init(&cache, 4);
    assert_null(principal_find(&cache, key_of(1).digest));
    put(&cache, key_of(1), "a");
    put(&cache, key_of(2), "b");
    assert_true(has(&cache, key_of(1), "a"));
    assert_true(has(&cache, key_of(2), "b"));
    assert_false(has(&cache, key_of(3), "c"));
    principal_cache_fini(&cache);
}

static void an_empty_cache_has_no_memory(void **state)
{
    struct principal_cache cache;
    principal_cache_init(&cache, 1000000);
    assert_null(cache.buckets);
    principal_cache_fini(&cache);
}

static void no_more_are_remembered_than_fit_and_who_was_not_seen_for_longest_goes_first(void **state)
{
    struct principal_cache cache;
    principal_cache_init(&cache, 3);
    put(&cache, key_of(1), "a");
    put(&cache, key_of(2), "b");
    put(&cache, key_of(3), "c");
    assert_true(has(&cache, key_of(1), "a"));
    put(&cache, key_of(4), "d");
    assert_int_equal(cache.count, 3);
    assert_false(has(&cache, key_of(2), "b"));
    put(&cache, key_of(5), "e");
    assert_false(has(&cache, key_of(3), "c"));
    assert_true(has(&cache, key_of(1), "a"));
    for (int i = 10; i < 10000; i++)
        put(&cache, key_of(i), "x");
    assert_int_equal(cache.count, 3);
    assert_true(has(&cache, key_of(9999), "x"));
    assert_true(has(&cache, key_of(9997), "x"));
    assert_false(has(&cache, key_of(9996), "x"));
    principal_cache_fini(&cache);
}

static void those_of_one_bucket_are_told_apart_and_taken_out_of_its_middle(void **state)
{
    struct principal_cache cache;
    principal_cache_init(&cache, 8);
    for (int i = 0; i < 5; i++)
        put(&cache, key_beside(i), (const char *[]){"0", "1", "2", "3", "4"}[i]);
    struct principal *middle = principal_find(&cache, key_beside(2).digest);
    principal_forget(&cache, middle);
    principal_release(middle);
    assert_false(has(&cache, key_beside(2), "2"));
    for (int i = 0; i < 5; i++)
        if (i != 2)
            assert_true(has(&cache, key_beside(i), (const char *[]){"0", "1", "", "3", "4"}[i]));
    assert_int_equal(cache.count, 4);
    principal_cache_fini(&cache);
}

static void one_takes_the_place_of_another_with_its_digest(void **state)
{
    struct principal_cache cache;
    principal_cache_init(&cache, 2);
    put(&cache, key_of(1), "old");
    put(&cache, key_of(2), "b");
    struct principal *old = principal_find(&cache, key_of(1).digest);
    put(&cache, key_of(1), "new");
    assert_true(has(&cache, key_of(1), "new"));
    assert_true(has(&cache, key_of(2), "b"));
    assert_int_equal(cache.count, 2);
    assert_true(slice_eq_text(old->id, "old"));
    principal_release(old);
    principal_cache_fini(&cache);
}

static void one_that_is_forgotten_stays_as_long_as_it_is_held(void **state)
{
    struct principal_cache cache;
    principal_cache_init(&cache, 1);
    put(&cache, key_of(1), "a");
    struct principal *first = principal_find(&cache, key_of(1).digest);
    struct principal *second = principal_find(&cache, key_of(1).digest);
    assert_ptr_equal(first, second);
    principal_forget(&cache, first);
    principal_forget(&cache, first);
    assert_false(has(&cache, key_of(1), "a"));
    assert_int_equal(cache.count, 0);
    principal_release(first);
    assert_true(slice_eq_text(second->id, "a"));
    principal_release(second);
    principal_cache_fini(&cache);
}

static void one_that_goes_for_want_of_room_stays_as_long_as_it_is_held(void **state)
{
    struct principal_cache cache;
    principal_cache_init(&cache, 1);
    put(&cache, key_of(1), "a");
    struct principal *held = principal_find(&cache, key_of(1).digest);
    put(&cache, key_of(2), "b");
    assert_false(has(&cache, key_of(1), "a"));
    assert_true(slice_eq_text(held->id, "a"));
    principal_forget(&cache, held);
    principal_release(held);
    assert_true(has(&cache, key_of(2), "b"));
    principal_cache_fini(&cache);
}

static void one_that_was_never_remembered_goes_with_its_last_holder(void **state)
{
    struct key key = key_of(1);
    struct principal *principal = make(&key, "a");
    principal_release(principal);
    principal_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_found_by_its_digest),
        cmocka_unit_test(an_empty_cache_has_no_memory),
        cmocka_unit_test(no_more_are_remembered_than_fit_and_who_was_not_seen_for_longest_goes_first),
        cmocka_unit_test(those_of_one_bucket_are_told_apart_and_taken_out_of_its_middle),
        cmocka_unit_test(one_takes_the_place_of_another_with_its_digest),
        cmocka_unit_test(one_that_is_forgotten_stays_as_long_as_it_is_held),
        cmocka_unit_test(one_that_goes_for_want_of_room_stays_as_long_as_it_is_held),
        cmocka_unit_test(one_that_was_never_remembered_goes_with_its_last_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
