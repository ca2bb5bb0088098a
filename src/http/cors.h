/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CORS_H
#define HTTP_CORS_H

struct middleware;

/* Lets the pages of the origins in the app file read answers (the Fetch standard, CORS protocol): answers preflights
 * and names the origin in every other answer. */
extern const struct middleware cors_middleware;

#endif
