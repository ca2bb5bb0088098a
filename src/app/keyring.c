/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of programs. Each change and what the audit trail is to hear of it are one transaction. A secret is in no
 * message: it leaves this file in keyring_made.text alone. */
#include "app/keyring.h"

#include "base/buf.h"
#include "base/random.h"
#include "base/timecode.h"
#include "base/utf8.h"
#include "model/permission.h"
#include "svc/limit.h"

enum { OVERLAP_MS = 24 * 60 * 60 * 1000 };

/* ---- what was asked for ---- */

static bool is_shown_well(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127)
            return false;
    return utf8_is_valid(text);
}

static void read_name(const char *text, struct diag *diag, struct slice *out)
{
    *out = slice_from(text ? text : "");
    if (text && (out->len == 0 || out->len > KEYRING_NAME_MAX || !is_shown_well(*out)))
        diag_at(diag, (struct place){0}, NULL, "--name must be one line of 1 to %d bytes", KEYRING_NAME_MAX);
}

static void check_pattern(struct slice pattern, struct diag *diag)
{
    if (!permission_is_pattern(pattern))
        diag_at(diag, (struct place){0},
                "\"markets:read\", \"markets:*\", \"*:read\" or \"*\", with spaces between them",
                "--scopes: %s is no permission", diag_quote(diag, pattern));
}

/* The patterns with one space between them. */
static enum error read_scopes(const char *text, struct arena *arena, struct diag *diag, struct slice *out)
{
    struct slice rest = slice_from(text ? text : ""), pattern;
    struct buf scopes;
    buf_init(&scopes, KEYRING_SCOPES_MAX);
    while (slice_split(&rest, ' ', &pattern)) {
        if (pattern.len == 0)
            continue;
        check_pattern(pattern, diag);
        buf_put_text(&scopes, scopes.len > 0 ? " " : "");
        buf_put_slice(&scopes, pattern);
    }
    if (buf_failed(&scopes))
        diag_at(diag, (struct place){0}, NULL, "--scopes must not be longer than %d bytes", KEYRING_SCOPES_MAX);
    else if (text && scopes.len == 0)
        diag_at(diag, (struct place){0}, "\"*\" is all that its owner may do", "--scopes must name a permission");
    *out = buf_failed(&scopes) ? SLICE("") : arena_slice(arena, buf_slice(&scopes));
    buf_fini(&scopes);
    return out->ptr ? OK : ERROR_MEMORY;
}

static void read_rate(const char *text, struct diag *diag, struct slice *out)
{
    struct limit_rate rate;
    *out = slice_from(text ? text : "");
    if (text && limit_parse_rate(*out, &rate) != OK)
        diag_at(diag, (struct place){0}, NULL, "--rate must be a count and a time, such as 100/m or 5/15m, not %s",
                diag_quote(diag, *out));
}

static void read_duration(const char *option, const char *text, int64_t least_ms, struct diag *diag, int64_t *us)
{
    int64_t ms;
    if (!text)
        return;
    if (timecode_parse_duration(slice_from(text), &ms) == OK && ms >= least_ms)
        *us = ms * 1000;
    else
        diag_at(diag, (struct place){0}, NULL, "%s must be a length of time, such as 90d, 24h or 30m, not %s", option,
                diag_quote(diag, slice_from(text)));
}

enum error keyring_read(const struct keyring_request *request, struct arena *arena, struct diag *diag,
                        struct keyring_order *out)
{
    *out = (struct keyring_order){.owner = request->owner, .overlap_us = OVERLAP_MS * INT64_C(1000)};
    read_name(request->name, diag, &out->name);
    TRY(read_scopes(request->scopes, arena, diag, &out->scopes));
    read_rate(request->rate, diag, &out->rate);
    read_duration("--expires", request->expires, 1, diag, &out->expires_us);
    read_duration("--overlap", request->overlap, 0, diag, &out->overlap_us);
    return diag->count > 0 ? ERROR_VALIDATION : OK;
}

/* ---- one key ---- */

static bool is_asked_for(const struct schema *schema, struct slice pattern)
{
    for (size_t i = 0; i < schema->permission_count; i++)
        if (permission_matches(pattern, schema->permissions[i]))
            return true;
    return false;
}

static void warn_of_scopes(struct office *office, struct slice scopes)
{
    struct slice pattern;
    while (slice_split(&scopes, ' ', &pattern))
        if (!is_asked_for(office->settings.schema, pattern))
            diag_warn(office->diag, (struct place){0}, NULL, "nothing in %s asks for %s", office->settings.path,
                      diag_quote(office->diag, pattern));
}

static enum error find_owner(struct office *office, const char *owner, struct slice *out)
{
    struct account account;
    *out = SLICE("");
    if (!owner)
        return OK;
    TRY(office_find_account(office, owner, &account));
    *out = account.key;
    if (!account.is_active)
        diag_warn(office->diag, (struct place){0}, "the key is refused until `auth: when:` lets it in",
                  "the account %s may not sign in", diag_quote(office->diag, slice_from(owner)));
    return OK;
}

static struct slice subject_of(struct office *office, struct slice id)
{
    return slice_from(arena_printf(office->arena, "key:%.*s", SLICE_ARG(id)));
}

static enum error tell(struct office *office, enum audit_kind kind, struct slice id)
{
    struct slice subject = subject_of(office, id);
    return subject.ptr ? office_tell(office, kind, subject) : ERROR_MEMORY;
}

struct work {
    struct office *office;
    const struct keyring_order *order;
    struct keyring_made *made;
    struct slice id;
};

static enum error make(struct work *work)
{
    struct office *office = work->office;
    struct apikey *key = &work->made->key;
    key->created_us = office->session.now_us;
    key->seen_us = 0;
    TRY(apikey_make(office->session.core->random, office->arena, key, &work->made->text));
    return apikey_insert(&office->session, key);
}

static enum error create(struct session *session, void *argument)
{
    struct work *work = argument;
    (void)session;
    TRY(make(work));
    return tell(work->office, AUDIT_KEY_CREATED, work->made->key.id);
}

enum error keyring_create(struct office *office, const struct keyring_order *order, struct keyring_made *out)
{
    struct work work = {.office = office, .order = order, .made = out};
    *out = (struct keyring_made){.key = {.name = order->name, .scopes = order->scopes, .rate = order->rate}};
    TRY(find_owner(office, order->owner, &out->key.account));
    warn_of_scopes(office, order->scopes);
    out->key.expires_us = order->expires_us ? office->session.now_us + order->expires_us : 0;
    return session_write(&office->session, DB_READ_COMMITTED, create, &work);
}

enum error keyring_list(struct office *office, const struct apikey **out, size_t *count)
{
    enum error error = apikey_list(&office->session, out, count);
    session_fini(&office->session);
    return error;
}

/* ---- in place of another ---- */

static enum error end_old(struct work *work, int64_t expires_us)
{
    struct session *session = &work->office->session;
    int64_t until_us = session->now_us + work->order->overlap_us;
    if (work->order->overlap_us == 0)
        return apikey_delete(session, work->id);
    work->made->old_until_us = expires_us && expires_us < until_us ? expires_us : until_us;
    return apikey_end(session, work->id, until_us);
}

static enum error rotate(struct session *session, void *argument)
{
    struct work *work = argument;
    struct apikey *key = &work->made->key;
    work->made->old_until_us = 0;
    TRY(apikey_find(session, work->id, key));
    int64_t old_us = key->expires_us;
    int64_t lasts_us = old_us ? old_us - key->created_us : 0;
    if (work->order->expires_us)
        lasts_us = work->order->expires_us;
    key->expires_us = lasts_us ? session->now_us + lasts_us : 0;
    TRY(make(work));
    TRY(end_old(work, old_us));
    TRY(tell(work->office, AUDIT_KEY_ROTATED, work->id));
    return tell(work->office, AUDIT_KEY_CREATED, key->id);
}

/* What was not found is told. */
static enum error run(struct work *work, session_unit *unit, const char *missing)
{
    struct office *office = work->office;
    enum error error = session_write(&office->session, DB_READ_COMMITTED, unit, work);
    if (error == ERROR_NOT_FOUND)
        diag_say(office->diag, "`tenon key list` shows them: the id is what stands between tk_ and the second _", "%s",
                 missing);
    return error;
}

enum error keyring_rotate(struct office *office, const char *id, const struct keyring_order *order,
                          struct keyring_made *out)
{
    struct work work = {.office = office, .order = order, .made = out, .id = slice_from(id)};
    *out = (struct keyring_made){0};
    return run(&work, rotate, "there is no key of that id, or it has expired");
}

static enum error revoke(struct session *session, void *argument)
{
    struct work *work = argument;
    TRY(apikey_delete(session, work->id));
    return tell(work->office, AUDIT_KEY_REVOKED, work->id);
}

enum error keyring_revoke(struct office *office, const char *id)
{
    struct work work = {.office = office, .id = slice_from(id)};
    return run(&work, revoke, "there is no key of that id");
}
