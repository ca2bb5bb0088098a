/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_AUTH_SIGNIN_H
#define API_AUTH_SIGNIN_H

#include "http/exchange.h"

/* Handlers of signing up, in, on and out; their data is the struct auth. */
enum error auth_signin_register(struct exchange *x, void *data);
enum error auth_signin_login(struct exchange *x, void *data);
enum error auth_signin_refresh(struct exchange *x, void *data);
enum error auth_signin_logout(struct exchange *x, void *data);

#endif
