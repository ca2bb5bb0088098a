/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of signatures over libcrypto's EVP.
 *
 * A key is an EVP_PKEY, or the bytes of a secret, and the one algorithm that it is for. What a token says about its
 * algorithm is compared with that and never obeyed: so a public key can never become the secret of an HMAC.
 *
 * Every key comes through jwk_take() or jwk_create_secret(), whatever it was read from:
 *   (1) RSA has 2048 to 8192 bits and an odd exponent of 64 bits at most
 *   (2) a point is on one of the named curves of the table
 *   (3) a private half belongs to its public half
 *
 * libcrypto's queue of errors is the thread's: what is called from outside empties it before it returns. */
#include "base/jwk.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/digest.h"
#include "base/jsonwrite.h"
#include "base/jwk_key.h"
#include "base/utf8.h"

static const struct jwk_form forms[JWK_ALGORITHM_COUNT] = {
    [JWK_HS256] = {.name = "HS256", .kind = JWK_KIND_OCT, .hash = "SHA256", .bytes = 32},
    [JWK_HS384] = {.name = "HS384", .kind = JWK_KIND_OCT, .hash = "SHA384", .bytes = 48},
    [JWK_HS512] = {.name = "HS512", .kind = JWK_KIND_OCT, .hash = "SHA512", .bytes = 64},
    [JWK_RS256] = {.name = "RS256", .kind = JWK_KIND_RSA, .hash = "SHA256"},
    [JWK_RS384] = {.name = "RS384", .kind = JWK_KIND_RSA, .hash = "SHA384"},
    [JWK_RS512] = {.name = "RS512", .kind = JWK_KIND_RSA, .hash = "SHA512"},
    [JWK_PS256] = {.name = "PS256", .kind = JWK_KIND_RSA, .hash = "SHA256", .is_pss = true},
    [JWK_PS384] = {.name = "PS384", .kind = JWK_KIND_RSA, .hash = "SHA384", .is_pss = true},
    [JWK_PS512] = {.name = "PS512", .kind = JWK_KIND_RSA, .hash = "SHA512", .is_pss = true},
    [JWK_ES256] = {"ES256", JWK_KIND_EC, "P-256", "prime256v1", "SHA256", 32, false},
    [JWK_ES384] = {"ES384", JWK_KIND_EC, "P-384", "secp384r1", "SHA384", 48, false},
    [JWK_ES512] = {"ES512", JWK_KIND_EC, "P-521", "secp521r1", "SHA512", 66, false},
    [JWK_EDDSA] = {"EdDSA", JWK_KIND_OKP, "Ed25519", NULL, NULL, 32, false},
};

static const char *const kind_names[] = {"oct", "RSA", "EC", "OKP"};

enum { PUBLIC_BYTES_MAX = 8 * 1024, RSA_EXPONENT_BITS_MAX = 64, GROUP_BYTES = 64, PEM_HEADER_BYTES = 11 };

const struct jwk_form *jwk_form(enum jwk_algorithm algorithm)
{
    return &forms[algorithm];
}

const char *jwk_algorithm_name(enum jwk_algorithm algorithm)
{
    return forms[algorithm].name;
}

bool jwk_algorithm_find(struct slice name, enum jwk_algorithm *out)
{
    for (unsigned i = 0; i < JWK_ALGORITHM_COUNT; i++) {
        if (!slice_eq_text(name, forms[i].name))
            continue;
        *out = (enum jwk_algorithm)i;
        return true;
    }
    return false;
}

static enum error refuse(struct diag *diag, const char *hint, const char *sentence)
{
    diag_say(diag, hint, "%s", sentence);
    return ERROR_VALIDATION;
}

/* An empty key of a name; NULL when memory is exhausted. */
static struct jwk *begin(struct slice kid)
{
    struct jwk *key = calloc(1, sizeof *key);
    if (!key)
        return NULL;
    key->kid_bytes = kid.len;
    if (kid.len > 0)
        memcpy(key->kid, kid.ptr, kid.len);
    return key;
}

static enum error check_kid(struct slice kid, struct diag *diag)
{
    if (kid.len <= JWK_KID_BYTES_MAX && utf8_is_valid(kid) && slice_index(kid, '\0') == kid.len)
        return OK;
    return refuse(diag, "256 bytes of UTF-8 at most", "the name of the key is too long, or no text");
}

enum error jwk_create_secret(struct slice secret, enum jwk_algorithm algorithm, struct slice kid, struct diag *diag,
                             struct jwk **out)
{
    const struct jwk_form *form = &forms[algorithm];
    CHECK(form->kind == JWK_KIND_OCT, "a secret is for an HMAC");
    TRY(check_kid(kid, diag));
    if (slice_starts(secret, SLICE("-----BEGIN ")))
        return refuse(diag, "give it as a key of RS256, ES256 or EdDSA", "a key in PEM is no secret");
    if (secret.len < form->bytes) {
        diag_say(diag, "make one with: openssl rand -base64 64", "a secret of %s has at least %zu bytes", form->name,
                 form->bytes);
        return ERROR_VALIDATION;
    }
    if (secret.len > JWK_SECRET_BYTES_MAX)
        return refuse(diag, "1024 bytes at most", "the secret is too long");
    struct jwk *key = begin(kid);
    unsigned char *copy = key ? malloc(secret.len) : NULL;
    if (!copy) {
        jwk_destroy(key);
        return ERROR_MEMORY;
    }
    memcpy(copy, secret.ptr, secret.len);
    key->secret = copy;
    key->secret_bytes = secret.len;
    key->algorithm = algorithm;
    key->can_sign = true;
    *out = key;
    return OK;
}

/* The first algorithm of a set that an EVP_PKEY is for; false when there is none. */
static bool choose_algorithm(EVP_PKEY *pkey, uint32_t algorithms, enum jwk_algorithm *out)
{
    char group[GROUP_BYTES] = "";
    if (EVP_PKEY_is_a(pkey, "EC"))
        (void)EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL);
    for (unsigned i = 0; i < JWK_ALGORITHM_COUNT; i++) {
        const struct jwk_form *form = &forms[i];
        bool suits = (form->kind == JWK_KIND_RSA && EVP_PKEY_is_a(pkey, "RSA")) ||
                     (form->kind == JWK_KIND_EC && strcmp(group, form->group) == 0) ||
                     (form->kind == JWK_KIND_OKP && EVP_PKEY_is_a(pkey, "ED25519"));
        if (!suits || (algorithms >> i & 1) == 0)
            continue;
        *out = (enum jwk_algorithm)i;
        return true;
    }
    return false;
}

static bool is_rsa_sound(EVP_PKEY *pkey)
{
    BIGNUM *exponent = NULL;
    int bits = EVP_PKEY_get_bits(pkey);
    bool is_sound = bits >= JWK_RSA_BITS_MIN && bits <= JWK_RSA_BITS_MAX &&
                    EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 && BN_is_odd(exponent) &&
                    !BN_is_one(exponent) && BN_num_bits(exponent) <= RSA_EXPONENT_BITS_MAX;
    BN_free(exponent);
    return is_sound;
}

/* A curve that was spelt out instead of named could be any curve. */
static bool is_curve_named(EVP_PKEY *pkey)
{
    int spelt_out = 0;
    return EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &spelt_out) != 1 ||
           spelt_out == 0;
}

static enum error check_pair(EVP_PKEY *pkey, const struct jwk_form *form, bool can_sign, struct diag *diag)
{
    if (form->kind == JWK_KIND_RSA && !is_rsa_sound(pkey))
        return refuse(diag, "make one with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
                      "an RSA key has 2048 to 8192 bits and an odd exponent");
    if (form->kind == JWK_KIND_EC && !is_curve_named(pkey))
        return refuse(diag, "name the curve", "the key spells its curve out");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (!context)
        return ERROR_MEMORY;
    bool is_sound = EVP_PKEY_public_check(context) == 1 && (!can_sign || EVP_PKEY_pairwise_check(context) == 1);
    EVP_PKEY_CTX_free(context);
    return is_sound ? OK : refuse(diag, NULL, "the numbers of the key are not those of a key");
}

enum error jwk_take(EVP_PKEY *pkey, bool can_sign, uint32_t algorithms, struct slice kid, struct diag *diag,
                    struct jwk **out)
{
    enum jwk_algorithm algorithm;
    TRY(check_kid(kid, diag));
    if (!choose_algorithm(pkey, algorithms, &algorithm))
        return refuse(diag, "RSA for RS256, the curve P-256 for ES256, Ed25519 for EdDSA",
                      "the kind or the curve of the key is not one of the algorithm");
    TRY(check_pair(pkey, &forms[algorithm], can_sign, diag));
    struct jwk *key = begin(kid);
    if (!key)
        return ERROR_MEMORY;
    key->pkey = pkey;
    key->algorithm = algorithm;
    key->can_sign = can_sign;
    enum error error = OK;
    if (kid.len == 0) {
        key->kid_bytes = JWK_THUMBPRINT_BYTES;
        error = jwk_thumbprint(key, key->kid);
    }
    if (error != OK) {
        key->pkey = NULL; /* it is the caller's still */
        jwk_destroy(key);
        return error;
    }
    *out = key;
    return OK;
}

/* libcrypto asks for the password of an encrypted key on the terminal unless somebody else answers. */
static int no_password(char *room, int size, int is_writing, void *state)
{
    return -1;
}

/* Whether a text is one block of PEM and nothing else; `is_private` says of what. */
static bool is_one_block(struct slice pem, bool *is_private)
{
    static const char opening[] = "-----BEGIN ", closing[] = "-----";
    struct slice rest = slice_from_index(pem, PEM_HEADER_BYTES);
    if (!slice_starts(pem, slice_from(opening)) || pem.len < 2 * sizeof opening ||
        memmem(rest.ptr, rest.len, opening, sizeof opening - 1) ||
        memcmp(pem.ptr + pem.len - (sizeof closing - 1), closing, sizeof closing - 1) != 0)
        return false;
    struct slice label = slice_of(rest.ptr, slice_index(rest, '-'));
    *is_private = memmem(label.ptr, label.len, "PRIVATE KEY", sizeof "PRIVATE KEY" - 1) != NULL;
    return true;
}

static struct slice trim_lines(struct slice text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL)
        text.len--;
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]) != NULL)
        text = slice_from_index(text, 1);
    return text;
}

/* What a block holds; NULL when it is not a key. */
static enum error read_pem(struct slice pem, bool is_private, EVP_PKEY **out)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    if (!bio)
        return ERROR_MEMORY;
    *out = is_private ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)
                      : PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
    BIO_free(bio);
    return OK;
}

enum error jwk_create_pem(struct slice pem, uint32_t algorithms, struct slice kid, struct diag *diag, struct jwk **out)
{
    static const char hint[] = "one block: PUBLIC KEY, or PRIVATE KEY without a password, as openssl genpkey writes it";
    bool is_private;
    pem = trim_lines(pem);
    if (pem.len > JWK_TEXT_BYTES_MAX || !is_one_block(pem, &is_private))
        return refuse(diag, hint, "it is not a key in PEM");
    EVP_PKEY *pkey = NULL;
    enum error error = read_pem(pem, is_private, &pkey);
    if (error == OK && !pkey)
        error = refuse(diag, hint, "it is not a key in PEM");
    if (error == OK)
        error = jwk_take(pkey, is_private, algorithms, kid, diag, out);
    if (error != OK)
        EVP_PKEY_free(pkey);
    ERR_clear_error();
    return error;
}

enum error jwk_create_json(struct slice json, uint32_t algorithms, struct diag *diag, struct jwk **out)
{
    struct arena arena;
    struct jsonobject object;
    const char *reason = "it is too long";
    enum error error = ERROR_PARSE;
    arena_init(&arena, 4 * JWK_TEXT_BYTES_MAX);
    if (json.len <= JWK_TEXT_BYTES_MAX)
        error = jsonobject_read(json, JWK_MEMBERS_MAX, &arena, &object, &reason);
    if (error == ERROR_PARSE) {
        diag_say(diag, "a JSON object as RFC 7517 has it", "it is not a JWK: %s", reason);
        error = ERROR_VALIDATION;
    } else if (error == OK) {
        error = jwk_json_create(&object, algorithms, JWK_PART_ALL, &arena, diag, out);
    }
    arena_fini(&arena);
    return error;
}

void jwk_destroy(struct jwk *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    if (key->secret)
        OPENSSL_cleanse(key->secret, key->secret_bytes);
    free(key->secret);
    free(key);
}

enum jwk_algorithm jwk_algorithm(const struct jwk *key)
{
    return key->algorithm;
}

struct slice jwk_kid(const struct jwk *key)
{
    return slice_of(key->kid, key->kid_bytes);
}

bool jwk_can_sign(const struct jwk *key)
{
    return key->can_sign;
}

/* Appends `"name":"…"` with bytes in base64url. */
static enum error write_bytes(const char *name, struct slice bytes, struct arena *arena, struct buf *buf)
{
    struct slice text;
    TRY(base64_encode_url(bytes, arena, &text));
    buf_printf(buf, "\"%s\":\"", name);
    buf_put_slice(buf, text);
    buf_put_literal(buf, "\"");
    return OK;
}

/* A number of the key, big endian, in `bytes` bytes, or in as few as it needs for 0. */
static enum error write_number(const EVP_PKEY *pkey, const char *name, const char *parameter, size_t bytes,
                               struct arena *arena, struct buf *buf)
{
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(pkey, parameter, &number) != 1)
        return ERROR_MEMORY;
    if (bytes == 0)
        bytes = (size_t)BN_num_bytes(number);
    unsigned char *room = arena_alloc(arena, bytes);
    enum error error = room && BN_bn2binpad(number, room, (int)bytes) >= 0 ? OK : ERROR_MEMORY;
    BN_free(number);
    TRY(error);
    return write_bytes(name, slice_of((const char *)room, bytes), arena, buf);
}

/* The members that make the key, in the order of RFC 7638 section 3.2: theirs. */
static enum error write_required(const struct jwk *key, struct arena *arena, struct buf *buf)
{
    const struct jwk_form *form = &forms[key->algorithm];
    buf_put_byte(buf, '{');
    if (form->kind == JWK_KIND_RSA) {
        TRY(write_number(key->pkey, "e", OSSL_PKEY_PARAM_RSA_E, 0, arena, buf));
        buf_put_literal(buf, ",\"kty\":\"RSA\",");
        return write_number(key->pkey, "n", OSSL_PKEY_PARAM_RSA_N, 0, arena, buf);
    }
    buf_printf(buf, "\"crv\":\"%s\",\"kty\":\"%s\",", form->crv, kind_names[form->kind]);
    if (form->kind == JWK_KIND_EC) {
        TRY(write_number(key->pkey, "x", OSSL_PKEY_PARAM_EC_PUB_X, form->bytes, arena, buf));
        buf_put_byte(buf, ',');
        return write_number(key->pkey, "y", OSSL_PKEY_PARAM_EC_PUB_Y, form->bytes, arena, buf);
    }
    unsigned char point[32];
    size_t length = sizeof point;
    if (EVP_PKEY_get_raw_public_key(key->pkey, point, &length) != 1)
        return ERROR_MEMORY;
    return write_bytes("x", slice_of((const char *)point, length), arena, buf);
}

enum error jwk_write_public(const struct jwk *key, struct buf *buf)
{
    if (!key->pkey)
        return ERROR_VALIDATION;
    struct arena arena;
    arena_init(&arena, PUBLIC_BYTES_MAX);
    enum error error = write_required(key, &arena, buf);
    arena_fini(&arena);
    ERR_clear_error();
    TRY(error);
    buf_printf(buf, ",\"use\":\"sig\",\"alg\":\"%s\",\"kid\":", forms[key->algorithm].name);
    jsonwrite_string(buf, jwk_kid(key));
    buf_put_byte(buf, '}');
    return buf_failed(buf) ? ERROR_MEMORY : OK;
}

enum error jwk_thumbprint(const struct jwk *key, char out[JWK_THUMBPRINT_BYTES])
{
    if (!key->pkey)
        return ERROR_VALIDATION;
    struct arena arena;
    struct buf buf;
    struct slice text = {NULL, 0};
    unsigned char digest[DIGEST_SHA256_BYTES];
    arena_init(&arena, PUBLIC_BYTES_MAX);
    buf_init(&buf, PUBLIC_BYTES_MAX);
    enum error error = write_required(key, &arena, &buf);
    buf_put_byte(&buf, '}');
    ERR_clear_error();
    if (error == OK && buf_failed(&buf))
        error = ERROR_MEMORY;
    if (error == OK) {
        digest_sha256(buf_slice(&buf), digest);
        error = base64_encode_url(slice_of((const char *)digest, sizeof digest), &arena, &text);
    }
    if (error == OK)
        memcpy(out, text.ptr, JWK_THUMBPRINT_BYTES);
    buf_fini(&buf);
    arena_fini(&arena);
    return error;
}

const struct jwk *jwk_find(struct jwk *const *keys, size_t count, struct slice kid, enum jwk_algorithm algorithm)
{
    const struct jwk *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (keys[i]->algorithm != algorithm || (kid.len > 0 && !slice_eq(kid, jwk_kid(keys[i]))))
            continue;
        if (found)
            return NULL;
        found = keys[i];
    }
    return found;
}
