/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_AUTH_PROVIDER_H
#define API_AUTH_PROVIDER_H

#include "http/exchange.h"

/* Handlers of signing in with a provider; their data is the struct auth. */

/* Which there are. */
enum error auth_provider_list(struct exchange *x, void *data);
/* To one of them, and back. */
enum error auth_provider_depart(struct exchange *x, void *data);
enum error auth_provider_arrive(struct exchange *x, void *data);
/* Which of them an account has, and one of these less. */
enum error auth_provider_list_links(struct exchange *x, void *data);
enum error auth_provider_remove_link(struct exchange *x, void *data);

#endif
