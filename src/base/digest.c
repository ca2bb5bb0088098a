/* SPDX-License-Identifier: Apache-2.0 */
/* Digests over libcrypto, and a hash for tables.
 *
 * SHA-256 is libcrypto's own state, used directly and not through EVP: it is a struct on the stack, so a digest
 * cannot fail, and starting one costs nothing. (EVP allocates a context and looks the algorithm up for each; measured
 * at five times the cost for a short text, and HMAC() at ten times.) OpenSSL 3 calls this interface deprecated, hence
 * the level that is asked for below; tests hold it to the vectors of RFC 4231.
 *
 * HMAC is H(outer pad, H(inner pad, text)). A key keeps the two states that have digested the pads already; each use
 * copies them, which only reads the key.
 *
 * digest_hash64() folds 16 bytes at a time with one 64x64->128 bit multiplication, its halves xored; the seed goes
 * into both factors.
 */
#define OPENSSL_API_COMPAT 10101

#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/swar.h"

struct hmac_key {
    SHA256_CTX inner, outer;
};

static void update(SHA256_CTX *state, struct slice bytes)
{
    if (bytes.len > 0)
        SHA256_Update(state, bytes.ptr, bytes.len);
}

void digest_sha256(struct slice bytes, unsigned char out[DIGEST_SHA256_BYTES])
{
    SHA256_CTX state;
    SHA256_Init(&state);
    update(&state, bytes);
    SHA256_Final(out, &state);
}

void digest_sha512(struct slice bytes, unsigned char out[DIGEST_SHA512_BYTES])
{
    SHA512_CTX state;
    SHA512_Init(&state);
    if (bytes.len > 0)
        SHA512_Update(&state, bytes.ptr, bytes.len);
    SHA512_Final(out, &state);
}

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct digest_state), "a state has room for the library's");

static SHA256_CTX *context_of(struct digest_state *state)
{
    return (SHA256_CTX *)(void *)state->room;
}

void digest_begin(struct digest_state *state)
{
    SHA256_Init(context_of(state));
}

void digest_add(struct digest_state *state, struct slice bytes)
{
    update(context_of(state), bytes);
}

void digest_end(struct digest_state *state, unsigned char out[DIGEST_SHA256_BYTES])
{
    SHA256_Final(out, context_of(state));
}

/* The state that has digested the key xored with a pad. */
static void begin(SHA256_CTX *state, const unsigned char key[SHA256_CBLOCK], unsigned char pad)
{
    unsigned char block[SHA256_CBLOCK];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = key[i] ^ pad;
    SHA256_Init(state);
    SHA256_Update(state, block, sizeof block);
    OPENSSL_cleanse(block, sizeof block);
}

enum error digest_hmac_create(struct slice key, struct hmac_key **out)
{
    unsigned char block[SHA256_CBLOCK] = {0};
    struct hmac_key *made = malloc(sizeof *made);
    if (!made)
        return ERROR_MEMORY;
    if (key.len > sizeof block)
        digest_sha256(key, block);
    else if (key.len > 0)
        memcpy(block, key.ptr, key.len);
    begin(&made->inner, block, 0x36);
    begin(&made->outer, block, 0x5C);
    OPENSSL_cleanse(block, sizeof block);
    *out = made;
    return OK;
}

void digest_hmac_destroy(struct hmac_key *key)
{
    if (!key)
        return;
    OPENSSL_cleanse(key, sizeof *key);
    free(key);
}

void digest_hmac(const struct hmac_key *key, const struct slice *parts, size_t count,
                 unsigned char out[DIGEST_SHA256_BYTES])
{
    unsigned char inner[DIGEST_SHA256_BYTES];
    SHA256_CTX state = key->inner;
    for (size_t i = 0; i < count; i++)
        update(&state, parts[i]);
    SHA256_Final(inner, &state);
    state = key->outer;
    SHA256_Update(&state, inner, sizeof inner);
    SHA256_Final(out, &state);
}

bool digest_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t digest_hash64(uint64_t seed, struct slice bytes)
{
    static const uint64_t odd_a = 0x9E3779B97F4A7C15, odd_b = 0xD6E8FEB86659FD93;
    uint64_t hash = fold(seed ^ odd_a, bytes.len ^ odd_b), other = seed + odd_b;
    for (; bytes.len >= 16; bytes = slice_from_index(bytes, 16))
        hash = fold(swar_load(bytes.ptr) ^ hash, swar_load(bytes.ptr + 8) ^ other);
    char tail[16] = {0};
    if (bytes.len > 0)
        memcpy(tail, bytes.ptr, bytes.len);
    hash = fold(swar_load(tail) ^ hash, swar_load(tail + 8) ^ other);
    return fold(hash ^ odd_a, other);
}
