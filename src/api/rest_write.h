/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_REST_WRITE_H
#define API_REST_WRITE_H

#include "base/attr.h"
#include "base/error.h"
#include "http/exchange.h"

/* POST, PUT, PATCH and DELETE of a resource; `data` is a struct rest_resource. */
YIELDS MUST_USE enum error rest_write_create(struct exchange *x, void *data);
YIELDS MUST_USE enum error rest_write_replace(struct exchange *x, void *data);
YIELDS MUST_USE enum error rest_write_merge(struct exchange *x, void *data);
YIELDS MUST_USE enum error rest_write_delete(struct exchange *x, void *data);

#endif
