/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_PRECONDITION_H
#define API_PRECONDITION_H

#include "base/error.h"
#include "base/slice.h"
#include "model/change.h"
#include "model/session.h"

enum { PRECONDITION_TAGS_MAX = 100 };

/* Turns an If-Match value (RFC 9110 section 13.1.1) into the versions that a change accepts; an empty one asks nothing.
 * Weak tags and tags that are no version never match.
 * Errors: ERROR_VALIDATION (not a list of entity tags, or too many), ERROR_MEMORY. */
MUST_USE enum error precondition_if_match(struct slice header, struct session *session, struct change *change);

#endif
