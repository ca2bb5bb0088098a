/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures over libcrypto's EVP.
 *
 * ECDSA is r and s behind each other, each as long as a coordinate, where libcrypto wants and gives DER; so a signature
 * has one length and one encoding. An HMAC is compared in constant time; the others hold nothing secret when checked.
 * (ECDSA has a twin for each signature, s and n - s: a token is no name of itself.)
 *
 * libcrypto's queue of errors is the thread's, not the fiber's: it is emptied before anybody else runs. */
#include "base/jws_signature.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "base/digest.h"
#include "base/jwk_key.h"

enum { DER_BYTES_MAX = 160, MAC_BYTES_MAX = 64 };

static const unsigned char *bytes_of(struct slice slice)
{
    return (const unsigned char *)slice.ptr;
}

static const EVP_MD *hash_of(const struct jwk_form *form)
{
    return form->bytes == 64 ? EVP_sha512() : form->bytes == 48 ? EVP_sha384() : EVP_sha256();
}

static enum error make_mac(const struct jwk *key, struct slice text, unsigned char *room, size_t *length)
{
    const struct jwk_form *form = jwk_form(key->algorithm);
    unsigned written = 0;
    if (!HMAC(hash_of(form), key->secret, (int)key->secret_bytes, bytes_of(text), text.len, room, &written))
        return ERROR_MEMORY;
    *length = written;
    return OK;
}

/* RFC 7518 section 3.5: PSS with MGF1 of the same hash and a salt as long as the hash. */
static bool use_pss(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* From r and s to DER, in libcrypto's memory; NULL when there is no more of that. */
static unsigned char *encode_ecdsa(struct slice raw, int *length)
{
    int half = (int)raw.len / 2;
    unsigned char *der = NULL;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes_of(raw), half, NULL);
    BIGNUM *s = BN_bin2bn(bytes_of(raw) + half, half, NULL);
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1)
        r = s = NULL; /* they are the pair's */
    else
        goto end;
    *length = i2d_ECDSA_SIG(pair, &der);
end:
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return der;
}

/* From DER to r and s, each `half` bytes long. */
static bool decode_ecdsa(const unsigned char *der, size_t length, size_t half, unsigned char *out)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)length);
    bool is_done = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, (int)half) == (int)half &&
                   BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + half, (int)half) == (int)half;
    ECDSA_SIG_free(pair);
    return is_done;
}

/* The length that every signature of the key has. */
static size_t signature_bytes(const struct jwk *key)
{
    const struct jwk_form *form = jwk_form(key->algorithm);
    switch (form->kind) {
    case JWK_KIND_OCT: return form->bytes;
    case JWK_KIND_RSA: return (size_t)EVP_PKEY_get_size(key->pkey);
    case JWK_KIND_EC:
    case JWK_KIND_OKP: break;
    }
    return 2 * form->bytes;
}

static enum error verify(const struct jwk *key, struct slice text, struct slice signature)
{
    const struct jwk_form *form = jwk_form(key->algorithm);
    EVP_PKEY_CTX *parameters = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context)
        return ERROR_MEMORY;
    enum error error = ERROR_MEMORY;
    if (EVP_DigestVerifyInit_ex(context, &parameters, form->hash, NULL, NULL, key->pkey, NULL) == 1 &&
        (!form->is_pss || use_pss(parameters)))
        error = EVP_DigestVerify(context, bytes_of(signature), signature.len, bytes_of(text), text.len) == 1
                    ? OK
                    : ERROR_UNAUTHORIZED;
    EVP_MD_CTX_free(context);
    return error;
}

static enum error verify_ecdsa(const struct jwk *key, struct slice text, struct slice signature)
{
    int length = 0;
    unsigned char *der = encode_ecdsa(signature, &length);
    enum error error = ERROR_MEMORY;
    if (der && length > 0)
        error = verify(key, text, slice_of((const char *)der, (size_t)length));
    OPENSSL_free(der);
    return error;
}

static enum error verify_mac(const struct jwk *key, struct slice text, struct slice signature)
{
    unsigned char mac[MAC_BYTES_MAX];
    size_t length;
    TRY(make_mac(key, text, mac, &length));
    bool is_equal = digest_equal(slice_of((const char *)mac, length), signature);
    OPENSSL_cleanse(mac, sizeof mac);
    return is_equal ? OK : ERROR_UNAUTHORIZED;
}

enum error jws_signature_check(const struct jwk *key, struct slice text, struct slice signature)
{
    if (signature.len != signature_bytes(key))
        return ERROR_UNAUTHORIZED;
    enum jwk_kind kind = jwk_form(key->algorithm)->kind;
    enum error error = kind == JWK_KIND_OCT  ? verify_mac(key, text, signature)
                       : kind == JWK_KIND_EC ? verify_ecdsa(key, text, signature)
                                             : verify(key, text, signature);
    ERR_clear_error();
    return error;
}

/* What libcrypto makes of it, in `room`, which has `*length` bytes. */
static enum error sign(const struct jwk *key, struct slice text, unsigned char *room, size_t *length)
{
    const struct jwk_form *form = jwk_form(key->algorithm);
    EVP_PKEY_CTX *parameters = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context)
        return ERROR_MEMORY;
    bool is_done = EVP_DigestSignInit_ex(context, &parameters, form->hash, NULL, NULL, key->pkey, NULL) == 1 &&
                   (!form->is_pss || use_pss(parameters)) &&
                   EVP_DigestSign(context, room, length, bytes_of(text), text.len) == 1;
    EVP_MD_CTX_free(context);
    return is_done ? OK : ERROR_MEMORY;
}

static enum error sign_ecdsa(const struct jwk *key, struct slice text, unsigned char *room, size_t length)
{
    unsigned char der[DER_BYTES_MAX];
    size_t der_bytes = sizeof der;
    TRY(sign(key, text, der, &der_bytes));
    return decode_ecdsa(der, der_bytes, length / 2, room) ? OK : ERROR_MEMORY;
}

enum error jws_signature_make(const struct jwk *key, struct slice text, struct arena *arena, struct slice *out)
{
    if (!key->can_sign)
        return ERROR_VALIDATION;
    size_t length = signature_bytes(key);
    unsigned char *room = arena_alloc(arena, length);
    if (!room)
        return ERROR_MEMORY;
    enum jwk_kind kind = jwk_form(key->algorithm)->kind;
    enum error error = kind == JWK_KIND_OCT  ? make_mac(key, text, room, &length)
                       : kind == JWK_KIND_EC ? sign_ecdsa(key, text, room, length)
                                             : sign(key, text, room, &length);
    ERR_clear_error();
    TRY(error);
    *out = slice_of((const char *)room, length);
    return OK;
}
