/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_REST_READ_H
#define API_REST_READ_H

#include "base/attr.h"
#include "base/error.h"
#include "http/exchange.h"

/* GET of a resource's list, and of one of its rows; `data` is a struct rest_resource. */
YIELDS MUST_USE enum error rest_read_list(struct exchange *x, void *data);
YIELDS MUST_USE enum error rest_read_one(struct exchange *x, void *data);

#endif
