/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_SETTINGS_LIMITS_H
#define APP_SETTINGS_LIMITS_H

#include "app/settings_value.h"

/* Reads `limits:`, and adds the one that holds for /auth where people sign in and nothing is said of it. The schema is
 * there. Mistakes are told. Errors: ERROR_MEMORY. */
MUST_USE
enum error settings_limits_read(struct settings_reader *reader);

#endif
