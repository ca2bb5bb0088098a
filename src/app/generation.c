/* SPDX-License-Identifier: Apache-2.0 */
/* Generations of an app: what a reload replaces as a whole. Everything lives in one arena or is destroyed with it. */
#include "app/generation.h"

#include <stdlib.h>

#include "api/auth.h"
#include "api/oauth.h"
#include "http/site.h"
#include "svc/gate.h"
#include "svc/identity.h"
#include "svc/limiter.h"

enum { ARENA_BYTES_MAX = 256 * 1024 * 1024 };

enum error generation_load(const char *path, struct diag *diag, struct generation **out)
{
    struct generation *generation = calloc(1, sizeof *generation);
    if (!generation)
        return ERROR_MEMORY;
    arena_init(&generation->arena, ARENA_BYTES_MAX);
    enum error error = settings_load(path, &generation->arena, diag, &generation->settings);
    if (error != OK) {
        generation_destroy(generation);
        return error;
    }
    *out = generation;
    return OK;
}

static void release(void *data)
{
    generation_destroy(data);
}

/* When every route is there. */
static enum error build_limits(struct generation *generation, const struct generation_parts *parts)
{
    const struct limiter_config *limits = &generation->settings.limits;
    struct limiter_parts limiter = {.metrics = parts->limit_metrics};
    if (limits->count == 0 || parts->is_closed)
        return OK;
    if (parts->limit)
        limiter.store = limit_store(parts->limit);
    TRY(limiter_create(limits, parts->limit ? &limiter : NULL, generation->site, &generation->arena,
                       &generation->limiter));
    if (parts->limit)
        generation->site->config.throttle = limiter_throttle(generation->limiter);
    return OK;
}

static enum error add_identity_routes(struct generation *generation, struct diag *diag)
{
    const struct identity_config *config = &generation->settings.auth.config;
    bool has_accounts = identity_has_accounts(config, generation->settings.schema);
    const struct auth_offer offer = {has_accounts, config->provider_count > 0};
    TRY(auth_add_routes(generation->rest, generation->identity, offer, generation->site, &generation->arena, diag));
    return config->oauth.client_count == 0 ? OK
                                           : oauth_add_routes(generation->rest, generation->identity, has_accounts,
                                                              generation->site, &generation->arena, diag);
}

static enum error build_site(struct generation *generation, const struct generation_parts *parts, struct diag *diag)
{
    const struct site_config config = {.settings = &generation->settings.http,
                                       .render_error = rest_render_error,
                                       .render_data = generation->rest,
                                       .offload = parts->offload,
                                       .metrics = parts->metrics,
                                       .guard = generation->identity ? &generation->guard : NULL,
                                       .is_closed = parts->is_closed};
    TRY(site_create(&config, &generation->site));
    TRY(rest_add_routes(generation->rest, generation->site, &generation->arena, diag));
    const struct identity_config *auth = &generation->settings.auth.config;
    const struct schema *schema = generation->settings.schema;
    bool is_served = parts->db && !parts->is_closed;
    if (identity_is_needed(auth, schema) && (generation->identity || !is_served)) /* nobody signs in to a look */
        TRY(add_identity_routes(generation, diag));
    if (parts->extend)
        TRY(parts->extend(parts->extend_state, generation, diag));
    TRY(build_limits(generation, parts));
    return site_seal(generation->site);
}

static enum error open_identity(struct generation *generation, const struct generation_parts *parts, struct diag *diag)
{
    const struct identity_config *config = &generation->settings.auth.config;
    if (parts->is_closed || !parts->audits || !identity_is_needed(config, generation->settings.schema))
        return OK;
    const struct identity_parts identity = {.model = generation->model,
                                            .mailer = parts->mailer,
                                            .fetch = parts->fetch,
                                            .audits = parts->audits,
                                            .limit = parts->limit,
                                            .core_logs = parts->core_logs,
                                            .core_count = parts->core_count};
    TRY(identity_create(config, &identity, diag, &generation->identity));
    generation->guard = (struct http_guard){gate_enter, gate_leave, generation->identity};
    return OK;
}

enum error generation_build(struct generation *generation, const struct generation_parts *parts, struct diag *diag)
{
    const struct settings *settings = &generation->settings;
    struct db *db = parts->is_closed ? NULL : parts->db;
    TRY(model_create(settings->schema, db, parts->offload, parts->core_count, &generation->model));
    TRY(open_identity(generation, parts, diag));
    TRY(rest_create(&settings->api, generation->model, &generation->arena, &generation->rest));
    TRY(build_site(generation, parts, diag));
    generation->site->config.release = release;
    generation->site->config.release_data = generation;
    return OK;
}

enum error generation_outline(struct generation *generation, generation_extend *extend, void *extend_state,
                              struct diag *diag)
{
    const struct generation_parts parts = {.extend = extend, .extend_state = extend_state};
    generation->model = calloc(1, sizeof *generation->model);
    if (!generation->model)
        return ERROR_MEMORY;
    generation->model->schema = generation->settings.schema;
    TRY(rest_create(&generation->settings.api, generation->model, &generation->arena, &generation->rest));
    return build_site(generation, &parts, diag);
}

void generation_destroy(struct generation *generation)
{
    if (!generation)
        return;
    if (generation->site && !generation->site->config.release)
        site_unref(generation->site);
    rest_destroy(generation->rest);
    identity_destroy(generation->identity);
    model_destroy(generation->model);
    settings_fini(&generation->settings);
    arena_fini(&generation->arena);
    free(generation);
}
