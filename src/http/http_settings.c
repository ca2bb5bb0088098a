/* SPDX-License-Identifier: Apache-2.0 */
/* The documented defaults of everything about HTTP that an app file may set. */
#include "http/http_settings.h"

struct http_settings http_settings_default(void)
{
    return (struct http_settings){
        .limits = {.request_line_bytes = 8 * 1024,
                   .header_bytes = 32 * 1024,
                   .header_count = 100,
                   .body_bytes = 1024 * 1024,
                   .connections = 20000,
                   .in_flight = 1000,
                   .bodies_bytes = 256 * 1024 * 1024},
        .timeouts = {.header_ms = 10000, .body_ms = 30000, .idle_ms = 75000, .handler_ms = 30000, .shutdown_ms = 30000},
        .cors = {.max_age_s = 600},
        .compress = true,
    };
}
