/* SPDX-License-Identifier: Apache-2.0 */
/* If-Match as versions: our entity tags are the version of the row, so the comparison is one of numbers and happens
 * where the row is read. */
#include "api/precondition.h"

#include "base/number.h"
#include "http/negotiate.h"

enum error precondition_if_match(struct slice header, struct session *session, struct change *change)
{
    header = slice_trim(header);
    if (header.len == 0)
        return OK;
    change->has_if_match = true;
    change->if_match_any = slice_eq_text(header, "*");
    if (change->if_match_any)
        return OK;
    int64_t *versions = arena_array(session->arena, PRECONDITION_TAGS_MAX, sizeof *versions);
    if (!versions)
        return ERROR_MEMORY;
    change->versions = versions;
    struct negotiate_etag tag;
    for (unsigned tags = 0; header.ptr; tags++) {
        int64_t version;
        if (tags == PRECONDITION_TAGS_MAX || negotiate_next_etag(&header, &tag) != OK) {
            diag_say(session->diag, "an entity tag is in quotes: If-Match: \"3\"",
                     "If-Match is not a list of entity tags");
            return ERROR_VALIDATION;
        }
        if (!tag.is_weak && number_parse_int(tag.opaque, &version) == OK)
            versions[change->version_count++] = version;
    }
    return OK;
}
