/* SPDX-License-Identifier: Apache-2.0 */
/* What a new password must be.
 *
 * The commonest passwords are a sorted table of 64-bit beginnings of SHA-256, which the build makes of Debian's list
 * (passwordrule_list.py): a fifth of the size of the texts, and no reader of the binary's strings stumbles over
 * obscenities. That a password is refused which only shares its 64 bits with one of the list happens once in 10^15. */
#include "svc/passwordrule.h"

#include <stdint.h>
#include <string.h>

#include "base/digest.h"
#include "base/utf8.h"

enum { BYTES_MAX = PASSWORDRULE_LENGTH_MAX * 4 };

static const uint64_t common[] = {
#include "svc/passwordrule_list.inc"
};

/* The first 64 bits of the SHA-256 of a text with the letters of ASCII in lower case. */
static uint64_t digest_of(struct slice text)
{
    char lower[BYTES_MAX];
    unsigned char digest[DIGEST_SHA256_BYTES];
    uint64_t first = 0;
    for (size_t i = 0; i < text.len; i++)
        lower[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + 32 : text.ptr[i]);
    digest_sha256(slice_of(lower, text.len), digest);
    explicit_bzero(lower, text.len);
    for (size_t i = 0; i < sizeof first; i++)
        first = first << 8 | digest[i];
    return first;
}

bool passwordrule_is_common(struct slice password)
{
    if (password.len > BYTES_MAX)
        return false;
    uint64_t wanted = digest_of(password);
    size_t low = 0, high = ARRAY_LEN(common);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (common[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ARRAY_LEN(common) && common[low] == wanted;
}

static bool is_login(struct slice password, struct slice login)
{
    struct slice local = slice_of(login.ptr, slice_index(login, '@'));
    return login.len > 0 && (slice_eq_nocase(password, login) || slice_eq_nocase(password, local));
}

const char *passwordrule_refusal(struct slice password, const struct passwordrule_context *context)
{
    if (password.len < PASSWORDRULE_LENGTH_MIN)
        return "must have at least 8 characters";
    if (password.len > BYTES_MAX)
        return "must have at most 128 characters";
    if (!utf8_is_valid(password) || memchr(password.ptr, '\0', password.len))
        return "must be UTF-8 without NUL";
    size_t length = utf8_length(password);
    if (length < PASSWORDRULE_LENGTH_MIN)
        return "must have at least 8 characters";
    if (length > PASSWORDRULE_LENGTH_MAX)
        return "must have at most 128 characters";
    if (is_login(password, context->login))
        return "must not be the name that you sign in with";
    if (context->app.len > 0 && slice_eq_nocase(password, context->app))
        return "must not be the name of this service";
    return passwordrule_is_common(password) ? "is one of the commonest passwords, which are tried first" : NULL;
}

enum error passwordrule_check(struct slice password, const struct passwordrule_context *context, struct slice field,
                              struct diag *diag)
{
    const char *refusal = passwordrule_refusal(password, context);
    if (!refusal)
        return OK;
    diag_field(diag, field, "a few words that nobody would guess are easy to keep in mind", "%s", refusal);
    return ERROR_VALIDATION;
}
