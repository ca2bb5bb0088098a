/* SPDX-License-Identifier: Apache-2.0 */
/* The admin port: what an operator asks, never on the public port. Its own requests are counted nowhere, so that a
 * scrape does not change what it reads. */
#include "app/admin.h"

#include "app/health.h"
#include "http/exchange.h"
#include "http/http_settings.h"
#include "http/site.h"
#include "rt/metrics.h"

static enum error print_metrics(struct exchange *x, void *data)
{
    x->content_type = SLICE("text/plain; version=0.0.4; charset=utf-8");
    metrics_print(data, &x->body);
    exchange_status(x, 200);
    return buf_error(&x->body);
}

static enum error add_routes(const struct admin_parts *parts, struct http_site *site, struct diag *diag)
{
    const struct site_route metrics = {.method = HTTP_GET,
                                       .pattern = SLICE("/metrics"),
                                       .handler = print_metrics,
                                       .data = parts->metrics,
                                       .name = "metrics"};
    TRY(health_add_admin(parts->health, site, diag));
    TRY(site_add_route(site, &metrics, diag));
    return site_seal(site);
}

enum error admin_create_site(const struct admin_parts *parts, struct diag *diag, struct http_site **out)
{
    struct http_settings settings = *parts->settings;
    settings.cors.origin_count = 0;
    const struct site_config config = {.settings = &settings};
    struct http_site *site;
    TRY(site_create(&config, &site));
    enum error error = add_routes(parts, site, diag);
    if (error != OK) {
        site_unref(site);
        return error;
    }
    *out = site;
    return OK;
}
