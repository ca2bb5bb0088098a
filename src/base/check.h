/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include "base/attr.h"

/* States what must be true whatever the input: always on, one condition, `invariant` names what broke. Aborts. */
#define CHECK(condition, invariant)                                                                                    \
    do {                                                                                                               \
        if (UNLIKELY(!(condition)))                                                                                    \
            check_failed(#condition, invariant, __FILE__, __LINE__);                                                   \
    } while (0)

NORETURN ANY_CORE void check_failed(const char *condition, const char *invariant, const char *file, int line);

#endif
