/* SPDX-License-Identifier: Apache-2.0 */
/* The table of statuses (status.def), found through one table of bytes: a status from 100 to 599 to its index. */
#include "http/status.h"

enum { LOWEST = 100, HIGHEST = 599 };

struct row {
    int status;
    struct slice reason;
    struct slice line;
};

static const struct row rows[STATUS_INDEX_COUNT] = {
#define X(status, reason) {status, SLICE_INIT(reason), SLICE_INIT("HTTP/1.1 " #status " " reason "\r\n")},
#include "http/status.def"
#undef X
    {0, SLICE_INIT("Unknown"), SLICE_INIT("HTTP/1.1 500 Internal Server Error\r\n")},
};

/* Index plus 1, so that what is not listed is 0. */
static const unsigned char index_of[HIGHEST - LOWEST + 1] = {
#define X(status, reason) [status - LOWEST] = STATUS_INDEX_##status + 1,
#include "http/status.def"
#undef X
};

unsigned status_index(int status)
{
    unsigned index = status >= LOWEST && status <= HIGHEST ? index_of[status - LOWEST] : 0;
    return index ? index - 1 : STATUS_INDEX_OTHER;
}

int status_at(unsigned index)
{
    return index < STATUS_INDEX_COUNT ? rows[index].status : 0;
}

struct slice status_reason(int status)
{
    return rows[status_index(status)].reason;
}

struct slice status_line(int status)
{
    return rows[status_index(status)].line;
}
