/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_ACCOUNTWATCH_H
#define SVC_ACCOUNTWATCH_H

#include "model/model.h"

/* What identity does when the row of an account is written like any other: by a resource's routes, a batch, an action.
 * The state is a struct identity. */
struct model_accounts accountwatch_hooks(void *identity);

#endif
