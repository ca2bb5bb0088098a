/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_REST_BATCH_H
#define API_REST_BATCH_H

#include "base/attr.h"
#include "base/error.h"
#include "http/exchange.h"

enum { REST_BATCH_OPERATIONS_MAX = 100 };

/* POST of the batch, the unit of work over REST; `data` is the struct rest. */
YIELDS MUST_USE enum error rest_batch(struct exchange *x, void *data);

#endif
