/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_TIME_LIMIT_H
#define HTTP_TIME_LIMIT_H

struct middleware;

/* Gives the handler its deadline: every wait inside returns ERROR_TIMEOUT from then on. */
extern const struct middleware time_limit_middleware;

#endif
