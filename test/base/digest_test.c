/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hex.h"

static void assert_digest(const unsigned char digest[DIGEST_SHA256_BYTES], const char *expected)
{
    char text[2 * DIGEST_SHA256_BYTES];
    hex_encode(slice_of((const char *)digest, DIGEST_SHA256_BYTES), text);
    assert_memory_equal(text, expected, sizeof text);
}

static void digest_sha256_gives_the_known_digests(void **state)
{
    unsigned char out[DIGEST_SHA256_BYTES];
    digest_sha256(SLICE(""), out);
    assert_digest(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_sha256((struct slice){NULL, 0}, out);
    assert_digest(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_sha256(SLICE("abc"), out);
    assert_digest(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void digest_sha512_gives_the_known_digest(void **state)
{
    static const char expected[] = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                                   "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    unsigned char out[DIGEST_SHA512_BYTES];
    char text[2 * DIGEST_SHA512_BYTES];
    digest_sha512(SLICE("abc"), out);
    hex_encode(slice_of((const char *)out, sizeof out), text);
    assert_memory_equal(text, expected, sizeof text);
}

static void digest_hmac_gives_the_digests_of_rfc_4231(void **state)
{
    char key_20[20], key_131[131], data_50[50];
    memset(key_20, 0x0b, sizeof key_20);
    memset(key_131, 0xaa, sizeof key_131);
    memset(data_50, 0xdd, sizeof data_50);
    const struct {
        struct slice key, text;
        const char *expected;
    } rows[] = {
        {slice_of(key_20, 20), SLICE("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {SLICE("Jefe"), SLICE("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {slice_of(key_131, 20), slice_of(data_50, 50),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {slice_of(key_131, 131), SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct hmac_key *key;
        unsigned char out[DIGEST_SHA256_BYTES];
        assert_int_equal(digest_hmac_create(rows[i].key, &key), OK);
        for (size_t cut = 0; cut <= rows[i].text.len; cut++) {
            const struct slice parts[] = {slice_of(rows[i].text.ptr, cut), slice_from_index(rows[i].text, cut)};
            digest_hmac(key, parts, ARRAY_LEN(parts), out);
            assert_digest(out, rows[i].expected);
        }
        digest_hmac_destroy(key);
    }
    digest_hmac_destroy(NULL);
}

static void digest_hmac_takes_an_empty_key_and_no_parts(void **state)
{
    struct hmac_key *key;
    unsigned char out[DIGEST_SHA256_BYTES];
    assert_int_equal(digest_hmac_create((struct slice){NULL, 0}, &key), OK);
    digest_hmac(key, NULL, 0, out);
    assert_digest(out, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    digest_hmac_destroy(key);
}

static void digest_equal_compares_all_bytes(void **state)
{
    assert_true(digest_equal(SLICE("secret"), SLICE("secret")));
    assert_true(digest_equal(SLICE(""), (struct slice){NULL, 0}));
    assert_false(digest_equal(SLICE("secret"), SLICE("secreT")));
    assert_false(digest_equal(SLICE("secret"), SLICE("secre")));
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Every length, every single bit, two seeds: none of these hashes meets another, nor do the low bits crowd. */
static void digest_hash64_tells_near_texts_apart(void **state)
{
    enum { BYTES = 70, HASHES = 2 * (BYTES + 1 + BYTES * 8), BUCKETS = 64 };
    char text[BYTES] = {0};
    static const uint64_t seeds[] = {0, 1};
    uint64_t *hashes = calloc(HASHES, sizeof *hashes);
    unsigned crowd[BUCKETS] = {0};
    size_t count = 0;
    assert_non_null(hashes);
    for (size_t s = 0; s < ARRAY_LEN(seeds); s++) {
        for (size_t length = 0; length <= BYTES; length++)
            hashes[count++] = digest_hash64(seeds[s], slice_of(text, length));
        for (size_t bit = 0; bit < BYTES * 8; bit++) {
            text[bit / 8] ^= (char)(1 << bit % 8);
            hashes[count++] = digest_hash64(seeds[s], slice_of(text, BYTES));
            text[bit / 8] = 0;
        }
    }
    assert_int_equal(count, HASHES);
    qsort(hashes, count, sizeof *hashes, compare_numbers);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || hashes[i] != hashes[i - 1]);
        crowd[hashes[i] % BUCKETS]++;
    }
    for (size_t i = 0; i < BUCKETS; i++)
        assert_in_range(crowd[i], 4, 45); /* 20 on average */
    free(hashes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_sha256_gives_the_known_digests),
        cmocka_unit_test(digest_sha512_gives_the_known_digest),
        cmocka_unit_test(digest_hmac_gives_the_digests_of_rfc_4231),
        cmocka_unit_test(digest_hmac_takes_an_empty_key_and_no_parts),
        cmocka_unit_test(digest_equal_compares_all_bytes),
        cmocka_unit_test(digest_hash64_tells_near_texts_apart),
    };
    return cmocka_run_group_tests_name("base/digest", tests, NULL, NULL);
}
