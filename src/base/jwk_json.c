/* SPDX-License-Identifier: Apache-2.0 */
/* From the members of a JWK to a key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).
 *
 * A table says for each kind of key which members are its numbers and what libcrypto calls them; the numbers become
 * parameters, and EVP_PKEY_fromdata() makes the key of them. Members that are not read (x5c, x5u, x5t …) mean nothing
 * here: no certificate is looked at and nothing is fetched. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/base64.h"
#include "base/jwk_key.h"

enum { RSA_NUMBERS = 8, RSA_PUBLIC_NUMBERS = 2, LIST_MAX = 16, POINT_BYTES_MAX = 1 + 2 * 66 };

static const struct {
    struct slice member;
    const char *parameter;
} rsa_numbers[RSA_NUMBERS] = {
    {SLICE_INIT("n"), OSSL_PKEY_PARAM_RSA_N},          {SLICE_INIT("e"), OSSL_PKEY_PARAM_RSA_E},
    {SLICE_INIT("d"), OSSL_PKEY_PARAM_RSA_D},          {SLICE_INIT("p"), OSSL_PKEY_PARAM_RSA_FACTOR1},
    {SLICE_INIT("q"), OSSL_PKEY_PARAM_RSA_FACTOR2},    {SLICE_INIT("dp"), OSSL_PKEY_PARAM_RSA_EXPONENT1},
    {SLICE_INIT("dq"), OSSL_PKEY_PARAM_RSA_EXPONENT2}, {SLICE_INIT("qi"), OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
};

/* What a key is being made of. */
struct draft {
    const struct jsonobject *object;
    struct arena *arena;
    struct diag *diag;
    OSSL_PARAM_BLD *parameters;
    BIGNUM *numbers[RSA_NUMBERS]; /* the parameters borrow them */
    size_t count;
    bool has_private;
};

static enum error refuse(struct diag *diag, const char *sentence)
{
    diag_say(diag, NULL, "it is not a JWK that signs: %s", sentence);
    return ERROR_VALIDATION;
}

static bool has(const struct draft *draft, const char *name)
{
    return jsonobject_find(draft->object, slice_from(name)) != NULL;
}

/* The text of a member; empty when it is not there. */
static enum error read_text(const struct draft *draft, const char *name, struct slice *out)
{
    const struct jsonobject_member *member = jsonobject_find(draft->object, slice_from(name));
    *out = (struct slice){NULL, 0};
    if (!member)
        return OK;
    if (member->value.token != JSON_STRING || member->value.text.len == 0)
        return refuse(draft->diag, "a member that must be a text is none");
    *out = member->value.text;
    return OK;
}

static enum error read_bytes(const struct draft *draft, struct slice name, struct slice *out)
{
    const struct jsonobject_member *member = jsonobject_find(draft->object, name);
    if (!member || member->value.token != JSON_STRING)
        return refuse(draft->diag, "a number of the key is missing");
    enum error error = base64_decode_url(member->value.text, draft->arena, out);
    return error == ERROR_PARSE ? refuse(draft->diag, "a number of the key is not base64url") : error;
}

/* Bytes that must have one length, as coordinates have. */
static enum error read_exactly(const struct draft *draft, const char *name, size_t bytes, struct slice *out)
{
    TRY(read_bytes(draft, slice_from(name), out));
    return out->len == bytes ? OK
                             : refuse(draft->diag, "a number of the key has not the length that its curve asks for");
}

static enum error add_number(struct draft *draft, const char *parameter, struct slice bytes)
{
    BIGNUM *number = BN_bin2bn((const unsigned char *)bytes.ptr, (int)bytes.len, NULL);
    if (!number)
        return ERROR_MEMORY;
    draft->numbers[draft->count++] = number;
    return OSSL_PARAM_BLD_push_BN(draft->parameters, parameter, number) == 1 ? OK : ERROR_MEMORY;
}

static enum error add_rsa(struct draft *draft)
{
    if (has(draft, "oth"))
        return refuse(draft->diag, "an RSA key has two primes");
    for (size_t i = 0; i < (draft->has_private ? RSA_NUMBERS : RSA_PUBLIC_NUMBERS); i++) {
        struct slice bytes;
        TRY(read_bytes(draft, rsa_numbers[i].member, &bytes));
        if (bytes.len > JWK_RSA_BITS_MAX / 8 + 1)
            return refuse(draft->diag, "it is too long");
        TRY(add_number(draft, rsa_numbers[i].parameter, bytes));
    }
    return OK;
}

static enum error add_ec(struct draft *draft, const struct jwk_form *form)
{
    struct slice x, y, d;
    TRY(read_exactly(draft, "x", form->bytes, &x));
    TRY(read_exactly(draft, "y", form->bytes, &y));
    unsigned char *point = arena_alloc(draft->arena, POINT_BYTES_MAX);
    if (!point)
        return ERROR_MEMORY;
    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(point + 1, x.ptr, x.len);
    memcpy(point + 1 + x.len, y.ptr, y.len);
    if (OSSL_PARAM_BLD_push_utf8_string(draft->parameters, OSSL_PKEY_PARAM_GROUP_NAME, form->group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(draft->parameters, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x.len + y.len) != 1)
        return ERROR_MEMORY;
    if (!draft->has_private)
        return OK;
    TRY(read_exactly(draft, "d", form->bytes, &d));
    return add_number(draft, OSSL_PKEY_PARAM_PRIV_KEY, d);
}

static enum error add_okp(struct draft *draft, const struct jwk_form *form)
{
    struct slice x, d;
    TRY(read_exactly(draft, "x", form->bytes, &x));
    if (OSSL_PARAM_BLD_push_octet_string(draft->parameters, OSSL_PKEY_PARAM_PUB_KEY, x.ptr, x.len) != 1)
        return ERROR_MEMORY;
    if (!draft->has_private)
        return OK;
    TRY(read_exactly(draft, "d", form->bytes, &d));
    return OSSL_PARAM_BLD_push_octet_string(draft->parameters, OSSL_PKEY_PARAM_PRIV_KEY, d.ptr, d.len) == 1
               ? OK
               : ERROR_MEMORY;
}

static enum error add_parameters(struct draft *draft, const struct jwk_form *form)
{
    if (form->kind == JWK_KIND_RSA)
        return add_rsa(draft);
    return form->kind == JWK_KIND_EC ? add_ec(draft, form) : add_okp(draft, form);
}

static enum error make_pkey(struct draft *draft, const struct jwk_form *form, EVP_PKEY **out)
{
    static const char *const types[] = {[JWK_KIND_RSA] = "RSA", [JWK_KIND_EC] = "EC", [JWK_KIND_OKP] = "ED25519"};
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(draft->parameters);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, types[form->kind], NULL);
    enum error error = parameters && context && EVP_PKEY_fromdata_init(context) == 1 ? OK : ERROR_MEMORY;
    int selection = draft->has_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    if (error == OK && EVP_PKEY_fromdata(context, &pkey, selection, parameters) != 1)
        error = refuse(draft->diag, "its numbers are not those of a key");
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    if (error == OK)
        *out = pkey;
    return error;
}

static enum error create_pair(struct draft *draft, const struct jwk_form *form, uint32_t algorithms, struct slice kid,
                              struct jwk **out)
{
    EVP_PKEY *pkey = NULL;
    draft->parameters = OSSL_PARAM_BLD_new();
    enum error error = draft->parameters ? add_parameters(draft, form) : ERROR_MEMORY;
    if (error == OK)
        error = make_pkey(draft, form, &pkey);
    if (error == OK)
        error = jwk_take(pkey, draft->has_private, algorithms, kid, draft->diag, out);
    if (error != OK)
        EVP_PKEY_free(pkey);
    OSSL_PARAM_BLD_free(draft->parameters);
    for (size_t i = 0; i < draft->count; i++)
        BN_clear_free(draft->numbers[i]);
    ERR_clear_error();
    return error;
}

/* The first algorithm of the set that `kty` and `crv` name, or, with `alg`, just that one. */
static enum error choose_algorithm(const struct draft *draft, uint32_t algorithms, enum jwk_algorithm *out)
{
    static const char *const kinds[] = {"oct", "RSA", "EC", "OKP"};
    struct slice kty, crv, alg;
    TRY(read_text(draft, "kty", &kty));
    TRY(read_text(draft, "crv", &crv));
    TRY(read_text(draft, "alg", &alg));
    for (unsigned i = 0; i < JWK_ALGORITHM_COUNT; i++) {
        const struct jwk_form *form = jwk_form((enum jwk_algorithm)i);
        if ((algorithms >> i & 1) == 0 || !slice_eq_text(kty, kinds[form->kind]) ||
            (form->crv && !slice_eq_text(crv, form->crv)) || (alg.len > 0 && !slice_eq_text(alg, form->name)))
            continue;
        *out = (enum jwk_algorithm)i;
        return OK;
    }
    return refuse(draft->diag, "its kty, crv and alg are not those of an algorithm that is allowed");
}

/* Whether `use` and `key_ops` let the key be used for signatures. */
static enum error check_use(const struct draft *draft)
{
    struct slice use;
    TRY(read_text(draft, "use", &use));
    if (use.len > 0 && !slice_eq_text(use, "sig"))
        return refuse(draft->diag, "its use is not \"sig\"");
    const struct jsonobject_member *operations = jsonobject_find(draft->object, SLICE("key_ops"));
    if (!operations)
        return OK;
    struct json_value *items;
    size_t count = 0;
    enum error error = ERROR_PARSE;
    if (operations->value.token == JSON_ARRAY_BEGIN)
        error = jsonobject_read_list(operations->value.text, LIST_MAX, draft->arena, &items, &count, NULL);
    for (size_t i = 0; error == OK && i < count; i++)
        if (items[i].token == JSON_STRING &&
            (slice_eq_text(items[i].text, "verify") || slice_eq_text(items[i].text, "sign")))
            return OK;
    return error == ERROR_MEMORY ? error : refuse(draft->diag, "its key_ops have neither \"sign\" nor \"verify\"");
}

enum error jwk_json_create(const struct jsonobject *object, uint32_t algorithms, enum jwk_part part,
                           struct arena *arena, struct diag *diag, struct jwk **out)
{
    struct draft draft = {.object = object, .arena = arena, .diag = diag};
    enum jwk_algorithm algorithm;
    struct slice kid, secret;
    TRY(choose_algorithm(&draft, algorithms, &algorithm));
    TRY(check_use(&draft));
    TRY(read_text(&draft, "kid", &kid));
    if (jwk_algorithm_is_symmetric(algorithm)) {
        TRY(read_bytes(&draft, SLICE("k"), &secret));
        return jwk_create_secret(secret, algorithm, kid, diag, out);
    }
    draft.has_private = part == JWK_PART_ALL && has(&draft, "d");
    return create_pair(&draft, jwk_form(algorithm), 1u << algorithm, kid, out);
}
