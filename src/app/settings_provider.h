/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_SETTINGS_PROVIDER_H
#define APP_SETTINGS_PROVIDER_H

#include "app/settings_value.h"

/* Reads whom people sign in with (auth.providers), and where browsers come back to and go. The schema is there, and
 * auth.login was read. Mistakes are told. Errors: ERROR_MEMORY. */
MUST_USE
enum error settings_provider_read(struct settings_reader *reader);

#endif
