/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_AUDITQUEUE_H
#define SVC_AUDITQUEUE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"
#include "svc/audit.h"

/* Events of who has no log, such as the command line: kept in the table _tenon_events, in the transaction of what they
 * tell of, until a server writes them to its audit trail. */

/* In a unit: keeps one for later. Errors: those of db_execute(). */
MUST_USE enum error auditqueue_put(struct session *session, enum audit_kind kind, struct slice actor,
                                   struct slice subject);
/* Takes `limit` of them out of the table at most, the oldest first, and writes them behind the commit; each is written
 * once, however many servers do this. When it happened is in the line's reason. A kind that this program does not know
 * stays for one that does. Blocks. Errors: those of session_write(). */
MUST_USE enum error auditqueue_write(struct session *session, struct audit *audit, int64_t limit, int64_t *count);

#endif
