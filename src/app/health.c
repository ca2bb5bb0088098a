/* SPDX-License-Identifier: Apache-2.0 */
/* Health. "Alive" asks nothing of anybody: a slow database must not make an orchestrator kill the process. "Ready" is
 * said while requests can be answered: a database that takes no writes at the moment degrades, one that is away
 * unreadies. */
#include "app/health.h"

#include "base/attr.h"
#include "data/db.h"
#include "http/exchange.h"
#include "http/site.h"

enum health_state health_state(const struct health *health)
{
    if (!atomic_load_explicit(&health->is_serving, memory_order_relaxed))
        return HEALTH_UNHEALTHY;
    struct db_figures figures = db_figures(health->db);
    if (figures.is_down)
        return HEALTH_UNHEALTHY;
    return figures.state == OK ? HEALTH_HEALTHY : HEALTH_DEGRADED;
}

static const char *const state_words[] = {"healthy", "degraded", "unhealthy"};

static enum error alive(struct exchange *x, void *data)
{
    buf_put_literal(&x->body, "{\"status\":\"ok\"}");
    exchange_status(x, 200);
    return OK;
}

static enum error ready(struct exchange *x, void *data)
{
    enum health_state state = health_state(data);
    buf_put_literal(&x->body, "{\"status\":\"");
    buf_put_text(&x->body, state == HEALTH_UNHEALTHY ? "unready" : "ready");
    buf_put_literal(&x->body, "\"}");
    if (state == HEALTH_UNHEALTHY)
        x->retry_after_s = 1;
    exchange_status(x, state == HEALTH_UNHEALTHY ? 503 : 200);
    return OK;
}

static enum error ready_in_detail(struct exchange *x, void *data)
{
    const struct health *health = data;
    enum health_state state = health_state(health);
    struct db_figures figures = db_figures(health->db);
    enum error database = figures.state;
    enum health_state state_of_it = figures.is_down  ? HEALTH_UNHEALTHY
                                    : database == OK ? HEALTH_HEALTHY
                                                     : HEALTH_DEGRADED;
    buf_put_literal(&x->body, "{\"status\":\"");
    buf_put_text(&x->body, state_words[state]);
    buf_put_literal(&x->body, "\",\"dependencies\":{\"database\":{\"status\":\"");
    buf_put_text(&x->body, state_words[state_of_it]);
    buf_put_byte(&x->body, '"');
    if (database != OK) {
        buf_put_literal(&x->body, ",\"reason\":\"");
        buf_put_text(&x->body, error_sentence(database));
        buf_put_byte(&x->body, '"');
    }
    buf_put_literal(&x->body, "}}}");
    exchange_status(x, state == HEALTH_UNHEALTHY ? 503 : 200);
    return OK;
}

static enum error add(struct health *health, struct http_site *site, http_handler *ready_handler, struct diag *diag)
{
    const struct site_route routes[] = {
        {.method = HTTP_GET,
         .pattern = SLICE("/health"),
         .handler = alive,
         .data = health,
         .name = "health",
         .is_always = true,
         .is_open = true},
        {.method = HTTP_GET,
         .pattern = SLICE("/health/ready"),
         .handler = ready_handler,
         .data = health,
         .name = "health.ready",
         .is_always = true,
         .is_open = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        TRY(site_add_route(site, &routes[i], diag));
    return OK;
}

enum error health_add_public(struct health *health, struct http_site *site, struct diag *diag)
{
    return add(health, site, ready, diag);
}

enum error health_add_admin(struct health *health, struct http_site *site, struct diag *diag)
{
    return add(health, site, ready_in_detail, diag);
}
