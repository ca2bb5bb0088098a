/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table with chains, and a list by last use. The key is a SHA-256, of which the first eight bytes are as good a
 * hash as any: only what was proven is in the table, so nobody can fill a bucket at will. */
#include "svc/principal.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 256 * 1024 };

void principal_cache_init(struct principal_cache *cache, size_t capacity)
{
    *cache = (struct principal_cache){.capacity = capacity};
}

void principal_cache_fini(struct principal_cache *cache)
{
    while (cache->oldest)
        principal_forget(cache, cache->oldest);
    free(cache->buckets);
    cache->buckets = NULL;
}

enum error principal_create(const unsigned char digest[DIGEST_SHA256_BYTES], struct principal **out)
{
    struct principal *principal = calloc(1, sizeof *principal);
    if (!principal)
        return ERROR_MEMORY;
    memcpy(principal->digest, digest, sizeof principal->digest);
    arena_init(&principal->arena, ARENA_BYTES_MAX);
    principal->holders = 1;
    *out = principal;
    return OK;
}

static void destroy(struct principal *principal)
{
    arena_fini(&principal->arena);
    free(principal);
}

static struct principal **bucket_of(const struct principal_cache *cache, const unsigned char *digest)
{
    uint64_t hash;
    memcpy(&hash, digest, sizeof hash);
    return &cache->buckets[hash % (cache->capacity * 2)];
}

static void unlink_use(struct principal_cache *cache, struct principal *principal)
{
    *(principal->older ? &principal->older->younger : &cache->oldest) = principal->younger;
    *(principal->younger ? &principal->younger->older : &cache->youngest) = principal->older;
}

static void link_youngest(struct principal_cache *cache, struct principal *principal)
{
    principal->older = cache->youngest;
    principal->younger = NULL;
    *(cache->youngest ? &cache->youngest->younger : &cache->oldest) = principal;
    cache->youngest = principal;
}

static struct principal *look(const struct principal_cache *cache, const unsigned char *digest)
{
    struct principal *principal = cache->buckets ? *bucket_of(cache, digest) : NULL;
    while (principal && memcmp(principal->digest, digest, DIGEST_SHA256_BYTES) != 0)
        principal = principal->next;
    return principal;
}

struct principal *principal_find(struct principal_cache *cache, const unsigned char digest[DIGEST_SHA256_BYTES])
{
    struct principal *principal = look(cache, digest);
    if (!principal)
        return NULL;
    if (principal != cache->youngest) {
        unlink_use(cache, principal);
        link_youngest(cache, principal);
    }
    principal->holders++;
    return principal;
}

static bool make_buckets(struct principal_cache *cache)
{
    if (!cache->buckets)
        cache->buckets = calloc(cache->capacity * 2, sizeof(struct principal *));
    return cache->buckets;
}

void principal_remember(struct principal_cache *cache, struct principal *principal)
{
    if (!make_buckets(cache))
        return;
    struct principal *other = look(cache, principal->digest);
    if (other)
        principal_forget(cache, other);
    if (cache->count == cache->capacity)
        principal_forget(cache, cache->oldest);
    struct principal **bucket = bucket_of(cache, principal->digest);
    principal->next = *bucket;
    *bucket = principal;
    link_youngest(cache, principal);
    principal->is_cached = true;
    cache->count++;
}

void principal_forget(struct principal_cache *cache, struct principal *principal)
{
    if (!principal->is_cached)
        return;
    struct principal **link = bucket_of(cache, principal->digest);
    while (*link != principal)
        link = &(*link)->next;
    *link = principal->next;
    unlink_use(cache, principal);
    principal->is_cached = false;
    cache->count--;
    if (principal->holders == 0)
        destroy(principal);
}

void principal_release(struct principal *principal)
{
    if (principal && --principal->holders == 0 && !principal->is_cached)
        destroy(principal);
}
