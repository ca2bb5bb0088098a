/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SVC_IDENTITY_TABLE_H
#define SVC_IDENTITY_TABLE_H

#include "base/attr.h"
#include "base/error.h"

struct db;

/* The engine's own tables of identity: _tenon_grants (sign-ins), _tenon_keys (API keys), _tenon_resets (tokens that let
 * a password be set anew), _tenon_attempts (wrong passwords), _tenon_events (what the audit trail is to hear of),
 * _tenon_codes (authorization codes), _tenon_consents (what clients may do for whom), _tenon_identities (people of
 * providers), _tenon_states (sign-ins with a provider that have come back). */

/* Makes those that are not there. Blocks. Errors: those of db_tx_blocking(). */
MUST_USE enum error identity_table_make(struct db *db);

#endif
