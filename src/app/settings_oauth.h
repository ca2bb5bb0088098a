/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_SETTINGS_OAUTH_H
#define APP_SETTINGS_OAUTH_H

#include "app/settings_value.h"

/* Reads the clients of OAuth that the app file declares. The schema and what the file says of identity are there.
 * Mistakes are told. Errors: ERROR_MEMORY. */
MUST_USE
enum error settings_oauth_read(struct settings_reader *reader);

#endif
