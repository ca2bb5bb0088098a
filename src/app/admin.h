/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_ADMIN_H
#define APP_ADMIN_H

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"

struct health;
struct http_settings;
struct http_site;
struct metrics;

struct admin_parts {
    const struct http_settings *settings;
    struct health *health;
    struct metrics *metrics;
};

/* Makes the site of the admin port: health in detail and metrics. Owner: the caller; site_unref().
 * Errors: those of site_create() and site_add_route(). */
MUST_USE enum error admin_create_site(const struct admin_parts *parts, struct diag *diag, struct http_site **out);

#endif
