/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CORS_H
#define HTTP_CORS_H

#include <stdbool.h>

#include "base/slice.h"

struct http_cors;
struct middleware;

/* Lets the pages of the origins in the app file read answers (the Fetch standard, CORS protocol): answers preflights
 * and names the origin in every other answer. */
extern const struct middleware cors_middleware;

/* Whether an origin is one of those; "null" never is. */
bool cors_is_listed(const struct http_cors *cors, struct slice origin);

#endif
