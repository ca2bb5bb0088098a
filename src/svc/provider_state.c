/* SPDX-License-Identifier: Apache-2.0 */
/* States: "<id>.<seconds>.<c or t>.<path in base64url>.<tag>".
 *
 * The tag is made with the cookie, so that a state that somebody else has begun is refused in this browser: nobody is
 * signed in to an account that an attacker has chosen. Each part that is hashed has a name before it, and none can hold
 * the line break between them. */
#include "svc/provider_state.h"

#include <string.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/number.h"
#include "http/exchange.h"
#include "svc/credential.h"

enum { TAG_BYTES = 16 };

static enum error derive(const struct provider_state_binding *binding, const char *what, struct slice text, size_t size,
                         struct arena *arena, struct slice *out)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    const struct slice parts[] = {slice_from(what), SLICE("\n"), binding->provider, SLICE("\n"), binding->cookie,
                                  SLICE("\n"),      text};
    digest_hmac(binding->key, parts, ARRAY_LEN(parts), digest);
    return base64_encode_url(slice_of((const char *)digest, size), arena, out);
}

enum error provider_state_make(const struct provider_state_binding *binding, const struct provider_state *state,
                               struct arena *arena, struct slice *out)
{
    struct slice path, tag;
    TRY(base64_encode_url(state->path, arena, &path));
    const char *text = arena_printf(arena, "%.*s.%lld.%c.%.*s", SLICE_ARG(state->id), (long long)state->expires_s,
                                    state->mode == SIGNIN_COOKIE ? 'c' : 't', SLICE_ARG(path));
    if (!text)
        return ERROR_MEMORY;
    TRY(derive(binding, "provider state", slice_from(text), TAG_BYTES, arena, &tag));
    *out = slice_from(arena_printf(arena, "%s.%.*s", text, SLICE_ARG(tag)));
    return out->ptr ? OK : ERROR_MEMORY;
}

static bool is_signed(const struct provider_state_binding *binding, struct slice text, struct slice tag,
                      struct arena *arena)
{
    struct slice made;
    return derive(binding, "provider state", text, TAG_BYTES, arena, &made) == OK && digest_equal(made, tag);
}

bool provider_state_parse(const struct provider_state_binding *binding, struct slice text, int64_t now_us,
                          struct arena *arena, struct provider_state *out)
{
    struct slice rest = text, seconds, mode, path;
    struct provider_state state;
    if (text.len > PROVIDER_STATE_BYTES_MAX || binding->cookie.len == 0)
        return false;
    if (!slice_split(&rest, '.', &state.id) || !rest.ptr || !slice_split(&rest, '.', &seconds) || !rest.ptr ||
        !slice_split(&rest, '.', &mode) || !rest.ptr || !slice_split(&rest, '.', &path) || !rest.ptr)
        return false;
    struct slice said = slice_of(text.ptr, (size_t)(rest.ptr - text.ptr) - 1);
    if (!is_signed(binding, said, rest, arena) || number_parse_int(seconds, &state.expires_s) != OK ||
        state.expires_s * 1000000 <= now_us || base64_decode_url(path, arena, &state.path) != OK)
        return false;
    state.mode = slice_eq_text(mode, "c") ? SIGNIN_COOKIE : SIGNIN_TOKENS;
    *out = state;
    return true;
}

enum error provider_state_nonce(const struct provider_state_binding *binding, struct slice id, struct arena *arena,
                                struct slice *out)
{
    return derive(binding, "provider nonce", id, DIGEST_SHA256_BYTES, arena, out);
}

enum error provider_state_verifier(const struct provider_state_binding *binding, struct slice id, struct arena *arena,
                                   struct slice *out)
{
    return derive(binding, "provider verifier", id, DIGEST_SHA256_BYTES, arena, out);
}

enum error provider_state_challenge(struct slice verifier, struct arena *arena, struct slice *out)
{
    unsigned char digest[DIGEST_SHA256_BYTES];
    digest_sha256(verifier, digest);
    return base64_encode_url(slice_of((const char *)digest, sizeof digest), arena, out);
}

/* Browsers drop tabs and line breaks, read a backslash as a slash, and take what follows two slashes for a host. */
bool provider_state_is_path(struct slice path)
{
    static const char marks[] = "-._~!$&'()*+,;=:@/?%#";
    if (path.len == 0 || path.len > PROVIDER_STATE_RETURN_MAX || path.ptr[0] != '/' ||
        (path.len > 1 && path.ptr[1] == '/'))
        return false;
    for (size_t i = 0; i < path.len; i++) {
        char byte = path.ptr[i];
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
        if (!is_plain && !memchr(marks, byte, sizeof marks - 1))
            return false;
    }
    return true;
}

struct slice provider_state_cookie(const struct exchange *x)
{
    struct slice cookie = credential_find_cookie(x, PROVIDER_STATE_COOKIE), bytes;
    bool is_ours = cookie.len == CREDENTIAL_PART_BYTES && base64_decode_url(cookie, x->arena, &bytes) == OK;
    return is_ours ? cookie : SLICE("");
}

void provider_state_put_cookie(struct exchange *x, struct slice secret)
{
    credential_put_cookie_of(x, PROVIDER_STATE_COOKIE, secret, PROVIDER_STATE_S);
}
