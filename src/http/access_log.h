/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_ACCESS_LOG_H
#define HTTP_ACCESS_LOG_H

struct middleware;

/* Writes one JSON line per request when it is over, and counts it in the site's metrics. */
extern const struct middleware access_log_middleware;

#endif
