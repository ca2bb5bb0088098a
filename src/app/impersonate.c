/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody who has not signed in: a caller made from the row of an account, for explanations. */
#include "app/impersonate.h"

#include "app/storedrow.h"
#include "model/permission.h"
#include "model/type.h"

struct account {
    const struct value *values; /* by field index */
};

static struct value field_of(const void *state, const struct field *field)
{
    const struct account *account = state;
    return account->values[field->index];
}

static enum error find(struct db *db, const struct resource *resource, struct value id, struct arena *arena,
                       const struct value **out)
{
    struct db_conn *conn;
    TRY(db_read_blocking(db, &conn));
    enum error error = storedrow_read(conn, resource, &id, arena, out);
    db_read_end(conn);
    return error;
}

/* "users:7" is 7, where the accounts are users. */
static struct slice strip(const struct resource *resource, struct slice id)
{
    struct slice name = resource->name;
    bool is_named = slice_starts(id, name) && id.len > name.len + 1 && id.ptr[name.len] == ':';
    return is_named ? slice_from_index(id, name.len + 1) : id;
}

static enum error name_caller(const struct resource *resource, struct slice id, struct arena *arena, struct caller *out)
{
    const char *name =
        resource ? arena_printf(arena, "%.*s:%.*s", SLICE_ARG(resource->name), SLICE_ARG(id)) : arena_text(arena, id);
    if (!name)
        return ERROR_MEMORY;
    out->name = slice_from(name);
    return OK;
}

/* What the row of an account says of it. */
static void read_account(const struct schema *schema, const struct account *account, struct caller *out)
{
    const struct field *role = resource_find_field(schema->account, SLICE("role"));
    if (role && account->values[role->index].kind == VALUE_TEXT)
        out->role = account->values[role->index].text;
    const struct role *held = permission_role(schema, out->role);
    if (held)
        out->held = held->permissions;
    out->field = field_of;
    out->state = account;
}

enum error impersonate_find(struct db *db, const struct schema *schema, const char *id, struct arena *arena,
                            struct diag *diag, struct caller *out)
{
    const struct resource *resource = schema->account && schema->account->id ? schema->account : NULL;
    struct slice own_id = resource ? strip(resource, slice_from(id)) : slice_from(id);
    const char *why = NULL;
    *out = (struct caller){.is_signed_in = true, .id = value_text(own_id)};
    TRY(name_caller(resource, own_id, arena, out));
    if (!resource)
        return OK;
    enum error error = type_parse_text(&resource->id->type, own_id, arena, &why, &out->id);
    if (error == ERROR_VALIDATION)
        diag_say(diag, NULL, "--as names no account: an id of \"%.*s\" %s", SLICE_ARG(resource->name), why);
    TRY(error);
    struct account *account = arena_zalloc(arena, sizeof *account);
    if (!account)
        return ERROR_MEMORY;
    error = find(db, resource, out->id, arena, &account->values);
    if (error == ERROR_NOT_FOUND)
        diag_say(diag, NULL, "--as names no account: there is none with that id in \"%.*s\"",
                 SLICE_ARG(resource->name));
    TRY(error);
    read_account(schema, account, out);
    return OK;
}

enum error impersonate_narrow(const struct schema *schema, struct slice scopes, struct arena *arena,
                              struct caller *caller)
{
    size_t words = permission_words(schema);
    uint64_t *set = arena_array(arena, words, sizeof *set), *held = arena_array(arena, words, sizeof *held);
    if (!set || !held)
        return ERROR_MEMORY;
    permission_add(schema, scopes, set);
    for (size_t i = 0; i < words; i++)
        held[i] = caller->held ? caller->held[i] & set[i] : 0;
    caller->scopes = set;
    caller->held = held;
    return OK;
}
