/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_PROVIDER_LINK_H
#define SVC_PROVIDER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/session.h"

/* Which account a person of a provider is: one row of _tenon_identities for each of both; and which states were used
 * already (_tenon_states). A subject is somebody at one issuer (OpenID Connect Core 1.0 section 5.7): a provider of the
 * same name that is another one now knows other people by it. */

struct provider_link {
    struct slice provider, issuer, subject;
    struct slice account; /* its id as text */
    struct slice email;   /* the address that the provider had verified when the link was made */
    int64_t created_us;
};
enum { PROVIDER_LINK_LIST_MAX = 100 };

/* The link of a person; texts are the session's arena. Errors: ERROR_NOT_FOUND, those of db_query(). */
YIELDS MUST_USE enum error provider_link_find(struct session *session, struct slice provider, struct slice issuer,
                                              struct slice subject, struct provider_link *out);
/* The links of an account, oldest first, PROVIDER_LINK_LIST_MAX at most. Errors: those of db_query(). */
YIELDS MUST_USE enum error provider_link_list(struct session *session, struct slice account, struct provider_link **out,
                                              size_t *count);

/* The rest is done in a unit of work. Errors: those of db_execute(); ERROR_CONFLICT: the person has a link already. */
MUST_USE enum error provider_link_insert(struct session *session, const struct provider_link *link);
MUST_USE enum error provider_link_delete(struct session *session, const struct provider_link *link);
/* Those of an account: with one provider; all. They say how many there were. */
MUST_USE enum error provider_link_delete_of(struct session *session, struct slice account, struct slice provider,
                                            int64_t *count);
MUST_USE enum error provider_link_delete_all(struct session *session, struct slice account, int64_t *count);

/* Notes that a state was used; false: it was used before. */
MUST_USE enum error provider_link_use_state(struct session *session, struct slice id, int64_t expires_us,
                                            bool *is_first);
/* Forgets states that are too old to be shown again, `limit` rows at most; says how many. */
MUST_USE enum error provider_link_sweep(struct session *session, int64_t limit, int64_t *deleted);

#endif
