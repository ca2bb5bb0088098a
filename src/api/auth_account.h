/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_AUTH_ACCOUNT_H
#define API_AUTH_ACCOUNT_H

#include "http/exchange.h"

/* Handlers of what an account asks of itself; their data is the struct auth. */
enum error auth_account_me(struct exchange *x, void *data);
enum error auth_account_change_password(struct exchange *x, void *data);
enum error auth_account_forgot(struct exchange *x, void *data);
enum error auth_account_reset(struct exchange *x, void *data);

#endif
