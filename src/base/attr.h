/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

/* The caller must look at the result. */
#define MUST_USE __attribute__((warn_unused_result))
/* May switch fibers: after it returns, whatever another fiber could change has changed. */
#define YIELDS
/* Safe to call from any core; everything else belongs to the core that made the object. */
#define ANY_CORE
#define PRINTF_LIKE(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#define NORETURN                                  __attribute__((noreturn))
#define LIKELY(condition)                         __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition)                       __builtin_expect(!!(condition), 0)
#define ARRAY_LEN(array)                          (sizeof(array) / sizeof((array)[0]))
/* The struct of `type` whose `member` is at `pointer`. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
