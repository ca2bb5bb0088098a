/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords as Argon2id hashes in PHC form: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`.
 *
 * A stored hash says itself what checking it costs. It comes from the database, which an import or another program
 * may have filled, so its params are held to limits before libargon2 may allocate what they say.
 */
#include "base/password.h"

#include <argon2.h>

#include "base/number.h"
#include "base/random.h"

enum { SALT_BYTES = 16, HASH_BYTES = 32 };

struct password_params password_params_default(void)
{
    return (struct password_params){.memory_kib = 19456, .iterations = 2, .parallelism = 1};
}

static enum error error_of(int argon2_code)
{
    switch (argon2_code) {
    case ARGON2_OK: return OK;
    case ARGON2_MEMORY_ALLOCATION_ERROR: return ERROR_MEMORY;
    case ARGON2_ENCODING_FAIL: return ERROR_LIMIT;
    default: return ERROR_INTERNAL;
    }
}

enum error password_hash(const struct password_params *params, struct slice password, struct random_source *random,
                         char *hash, size_t size)
{
    unsigned char salt[SALT_BYTES];
    if (password.len < 1 || password.len > PASSWORD_BYTES_MAX)
        return ERROR_VALIDATION;
    TRY(random_bytes(random, salt, sizeof salt));
    return error_of(argon2id_hash_encoded(params->iterations, params->memory_kib, params->parallelism, password.ptr,
                                          password.len, salt, sizeof salt, HASH_BYTES, hash, size));
}

/* Takes `name` and the number behind it off the text. */
static bool take_param(struct slice *rest, const char *name, int64_t most, uint32_t *out)
{
    struct slice prefix = slice_from(name);
    struct number_parts parts;
    int64_t value;
    if (!slice_starts(*rest, prefix))
        return false;
    *rest = slice_from_index(*rest, prefix.len);
    struct slice digits = slice_of(rest->ptr, number_scan(*rest, &parts));
    if (number_parse_int(digits, &value) != OK || value < 1 || value > most)
        return false;
    *rest = slice_from_index(*rest, digits.len);
    *out = (uint32_t)value;
    return true;
}

static bool read_params(struct slice hash, struct password_params *params)
{
    return hash.len < PASSWORD_HASH_MAX &&
           take_param(&hash, "$argon2id$v=19$m=", PASSWORD_MEMORY_KIB_MAX, &params->memory_kib) &&
           take_param(&hash, ",t=", PASSWORD_ITERATIONS_MAX, &params->iterations) &&
           take_param(&hash, ",p=", PASSWORD_PARALLELISM_MAX, &params->parallelism) && slice_starts(hash, SLICE("$"));
}

enum error password_verify(struct slice hash, struct slice password, bool *out)
{
    struct password_params params;
    char text[PASSWORD_HASH_MAX];
    if (!read_params(hash, &params))
        return ERROR_PARSE;
    if (password.len < 1 || password.len > PASSWORD_BYTES_MAX) {
        *out = false;
        return OK;
    }
    memcpy(text, hash.ptr, hash.len);
    text[hash.len] = '\0';
    int code = argon2id_verify(text, password.ptr, password.len);
    if (code != ARGON2_OK && code != ARGON2_VERIFY_MISMATCH)
        return code == ARGON2_MEMORY_ALLOCATION_ERROR ? ERROR_MEMORY : ERROR_PARSE;
    *out = code == ARGON2_OK;
    return OK;
}

bool password_needs_rehash(const struct password_params *params, struct slice hash)
{
    struct password_params made;
    return !read_params(hash, &made) || made.memory_kib != params->memory_kib ||
           made.iterations != params->iterations || made.parallelism != params->parallelism;
}
