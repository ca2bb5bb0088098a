/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_APPSCHEMA_H
#define APP_APPSCHEMA_H

#include "base/buf.h"

/* Writes the JSON Schema (draft 2020-12) of app files, for editors: `tenon schema app`. A failure is in the buffer. */
void appschema_write(struct buf *out);

#endif
