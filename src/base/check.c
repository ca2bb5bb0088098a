/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a process whose own invariant broke: one line to standard error, without allocating, then abort. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *condition, const char *invariant, const char *file, int line)
{
    fprintf(stderr, "tenon: invariant broken: %s (%s) at %s:%d\n", invariant, condition, file, line);
    abort();
}
