/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_SETTINGS_AUTH_H
#define APP_SETTINGS_AUTH_H

#include "app/settings_value.h"

/* Reads what the app file says of identity and mail beyond single values: keys, issuers, secrets, who may sign in. The
 * schema is there. Mistakes are told. Errors: ERROR_MEMORY. */
MUST_USE
enum error settings_auth_read(struct settings_reader *reader);

#endif
