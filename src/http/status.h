/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

#include "base/attr.h"
#include "base/slice.h"

/* Every status the server may send (http/status.def); metrics keep one counter for each index. */
enum {
#define X(status, reason) STATUS_INDEX_##status,
#include "http/status.def"
#undef X
    STATUS_INDEX_OTHER, /* whatever is not in the table */
    STATUS_INDEX_COUNT
};

/* Where a status stands in a metrics array of STATUS_INDEX_COUNT; STATUS_INDEX_OTHER for one that is not listed. */
ANY_CORE unsigned status_index(int status);
/* The status at an index; 0 for STATUS_INDEX_OTHER. */
ANY_CORE int status_at(unsigned index);
/* "Not Found"; "Unknown" for one that is not listed. Static memory. */
ANY_CORE struct slice status_reason(int status);
/* "HTTP/1.1 404 Not Found\r\n"; the line of 500 for one that is not listed. Static memory. */
ANY_CORE struct slice status_line(int status);

#endif
