/* SPDX-License-Identifier: Apache-2.0 */
/* Explaining a permission: the app file and its database are opened as for serving, but only read; somebody is taken
 * for the caller, narrowed to scopes if need be, and the rules are gone through (why_judge.c). */
#include "app/why.h"

#include <stdlib.h>

#include "app/generation.h"
#include "app/impersonate.h"
#include "app/why_judge.h"
#include "app/why_rule.h"
#include "app/why_target.h"
#include "base/bits.h"
#include "base/clock.h"
#include "data/db.h"
#include "model/model.h"
#include "model/permission.h"
#include "model/schema_sync.h"

struct why {
    const struct why_options *options;
    struct arena *arena;
    struct diag *diag;
    struct why_report *report;
    struct generation *generation;
    struct model *model;
    struct db *db;
    struct caller caller;
};

static enum error open_database(struct why *why)
{
    const struct settings *settings = &why->generation->settings;
    const struct db_config config = {.url = settings->database.url,
                                     .directory = settings->directory,
                                     .pool = settings->database.pool,
                                     .name = "tenon why"};
    if (!db_exists(&config)) {
        diag_say(why->diag, "serve the app once: that makes it", "there is no database yet");
        return ERROR_NOT_FOUND;
    }
    TRY(db_open(&config, why->diag, &why->db));
    if (db_figures(why->db).is_down)
        return ERROR_UNAVAILABLE;
    return schema_sync(why->db, settings->schema, SCHEMA_SYNC_CHECK, why->diag);
}

/* ---- who ---- */

static enum error narrow(struct why *why)
{
    const struct schema *schema = why->generation->settings.schema;
    struct slice scopes = slice_from(why->options->scopes), rest = scopes, pattern;
    while (rest.ptr && slice_split(&rest, ' ', &pattern)) {
        if (pattern.len > 0 && !permission_is_pattern(pattern)) {
            diag_say(why->diag, "as in --scopes \"markets:read positions:*\"", "\"%.*s\" is no permission",
                     SLICE_ARG(pattern));
            return ERROR_VALIDATION;
        }
    }
    return impersonate_narrow(schema, scopes, why->arena, &why->caller);
}

static enum error list_set(struct why *why, const uint64_t *set, struct why_names *out)
{
    const struct schema *schema = why->generation->settings.schema;
    const char **items = arena_array(why->arena, schema->permission_count + 1, sizeof *items);
    if (!items)
        return ERROR_MEMORY;
    out->items = items;
    for (size_t i = 0; set && i < schema->permission_count; i++) {
        if (!bits_has(set, i))
            continue;
        items[out->count] = arena_text(why->arena, schema->permissions[i]);
        if (!items[out->count++])
            return ERROR_MEMORY;
    }
    return OK;
}

static enum error tell_who(struct why *why)
{
    struct why_report *report = why->report;
    const struct schema *schema = why->generation->settings.schema;
    const struct caller *caller = &why->caller;
    report->request = why->options->request;
    report->who = caller->name.len > 0 ? arena_text(why->arena, caller->name) : "nobody";
    report->role = caller->role.len > 0 ? arena_text(why->arena, caller->role) : NULL;
    if (!report->who)
        return ERROR_MEMORY;
    TRY(list_set(why, caller->held, &report->permissions));
    report->holds_all = schema->permission_count > 0 && report->permissions.count == schema->permission_count;
    report->is_narrowed = caller->scopes != NULL;
    return list_set(why, caller->scopes, &report->scopes);
}

static enum error find_caller(struct why *why)
{
    const struct schema *schema = why->generation->settings.schema;
    why->caller = CALLER_ANONYMOUS;
    if (why->options->as)
        TRY(impersonate_find(why->db, schema, why->options->as, why->arena, why->diag, &why->caller));
    else if (why->options->scopes) {
        diag_say(why->diag, "add --as ID", "scopes narrow somebody who is signed in");
        return ERROR_VALIDATION;
    }
    if (why->options->scopes)
        TRY(narrow(why));
    return tell_who(why);
}

/* ---- the request ---- */

/* What is wrong with the request is told by a sentence; its fields are of no file. */
static enum error read_target(struct why *why, struct why_scene *scene, struct why_target *target)
{
    struct diag own;
    diag_init(&own, why->arena);
    scene->session.diag = &own;
    enum error error = why_target_read(scene->settings, slice_from(why->options->request), &scene->session, target);
    if (error != OK && own.message)
        diag_say(why->diag, own.hint, "%s", own.message);
    scene->session.diag = why->diag;
    return error;
}

static enum error judge(struct why *why, struct db_conn *conn)
{
    struct why_scene scene = {.settings = &why->generation->settings, .conn = conn};
    struct why_target target;
    session_init(&scene.session, why->model, NULL, 0);
    scene.session.caller = why->caller;
    scene.session.arena = why->arena;
    scene.session.now_us = clock_wall_us(clock_system());
    scene.session.conn = conn;
    TRY(read_target(why, &scene, &target));
    enum error error = why_judge(&scene, &target, why->report);
    if (error != OK && error != ERROR_MEMORY)
        diag_say(why->diag, NULL, "the rules could not be asked: %s", db_message(conn));
    return error;
}

static enum error run(struct why *why)
{
    struct db_conn *conn;
    TRY(generation_load(why->options->app_path, why->diag, &why->generation));
    TRY(model_create(why->generation->settings.schema, NULL, NULL, 1, &why->model));
    TRY(open_database(why));
    TRY(find_caller(why));
    TRY(db_read_blocking(why->db, &conn));
    enum error error = judge(why, conn);
    db_read_end(conn);
    return error;
}

enum error why_run(const struct why_options *options, struct arena *arena, struct diag *diag, struct why_report *out)
{
    struct why why = {.options = options, .arena = arena, .diag = diag, .report = out};
    *out = (struct why_report){0};
    enum error error = run(&why);
    db_close(why.db);
    model_destroy(why.model);
    generation_destroy(why.generation);
    return error;
}
