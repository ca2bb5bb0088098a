/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of OAuth. The text is cut first and decoded after, so that an encoded separator is data. */
#include "api/oauth_form.h"

#include "base/percent.h"
#include "base/utf8.h"
#include "http/exchange.h"
#include "http/http1.h"
#include "http/negotiate.h"

enum { BYTES_MAX = 16 * 1024 };

static const char *const names[OAUTH_PARAMETER_COUNT] = {
    [OAUTH_RESPONSE_TYPE] = "response_type",
    [OAUTH_RESPONSE_MODE] = "response_mode",
    [OAUTH_CLIENT_ID] = "client_id",
    [OAUTH_CLIENT_SECRET] = "client_secret",
    [OAUTH_REDIRECT_URI] = "redirect_uri",
    [OAUTH_SCOPE] = "scope",
    [OAUTH_STATE] = "state",
    [OAUTH_CODE_CHALLENGE] = "code_challenge",
    [OAUTH_CODE_CHALLENGE_METHOD] = "code_challenge_method",
    [OAUTH_PROMPT] = "prompt",
    [OAUTH_REQUEST] = "request",
    [OAUTH_REQUEST_URI] = "request_uri",
    [OAUTH_GRANT_TYPE] = "grant_type",
    [OAUTH_CODE] = "code",
    [OAUTH_CODE_VERIFIER] = "code_verifier",
    [OAUTH_REFRESH_TOKEN] = "refresh_token",
    [OAUTH_TOKEN] = "token",
    [OAUTH_TOKEN_TYPE_HINT] = "token_type_hint",
    [OAUTH_LOGIN] = "login",
    [OAUTH_PASSWORD] = "password",
    [OAUTH_FORM] = "form",
    [OAUTH_DECISION] = "decision",
};

const char *oauth_form_name(enum oauth_parameter parameter)
{
    return names[parameter];
}

static enum error decode(struct slice raw, struct arena *arena, struct slice *out)
{
    TRY(percent_decode_query(raw, arena, out));
    return utf8_is_valid(*out) && slice_index(*out, '\0') == out->len ? OK : ERROR_PARSE;
}

static enum error read_pair(struct slice part, struct arena *arena, struct oauth_form *form)
{
    struct slice name, value;
    size_t equals = slice_index(part, '=');
    unsigned i = 0;
    TRY(decode(slice_of(part.ptr, equals), arena, &name));
    TRY(decode(slice_from_index(part, equals + 1), arena, &value));
    while (i < OAUTH_PARAMETER_COUNT && !slice_eq_text(name, names[i]))
        i++;
    if (i == OAUTH_PARAMETER_COUNT)
        return OK;
    if (form->values[i].ptr)
        form->twice |= 1u << i;
    form->values[i] = value.ptr ? value : SLICE("");
    return OK;
}

enum error oauth_form_parse(struct slice raw, struct arena *arena, struct oauth_form *out)
{
    struct slice part;
    *out = (struct oauth_form){0};
    if (raw.len > BYTES_MAX)
        return ERROR_LIMIT;
    while (raw.len > 0 && slice_split(&raw, '&', &part))
        if (part.len > 0)
            TRY(read_pair(part, arena, out));
    return OK;
}

enum error oauth_form_read(struct exchange *x, struct oauth_form *out)
{
    struct slice media_type = {NULL, 0}, body;
    enum error error = negotiate_content_type(exchange_header(x, HTTP1_HEADER_CONTENT_TYPE), &media_type);
    if (error != OK || !slice_eq_nocase(media_type, SLICE("application/x-www-form-urlencoded")) ||
        exchange_header(x, HTTP1_HEADER_CONTENT_ENCODING).len > 0)
        return ERROR_UNSUPPORTED_MEDIA_TYPE;
    TRY(exchange_read_body(x, &body));
    return oauth_form_parse(body, x->arena, out);
}
