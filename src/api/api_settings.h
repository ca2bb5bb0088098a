/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_API_SETTINGS_H
#define API_API_SETTINGS_H

#include <stdbool.h>

#include "base/slice.h"

/* What the app file's `api:` says. Immutable while it is in use. */

enum api_envelope { ENVELOPE_DATA, ENVELOPE_SUCCESS, ENVELOPE_FULL, ENVELOPE_PROBLEM };
enum api_naming { NAMING_SNAKE, NAMING_CAMEL };

struct api_settings {
    struct slice base; /* "/api/v1": leading slash, no trailing one; "" serves at the root */
    enum api_envelope envelope;
    enum api_naming naming;
    bool decimals_as_numbers; /* decimals: number */
    unsigned page_default;    /* 20 */
    unsigned page_max;        /* 100 */
};

#endif
