/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_RT_SUPPORT_H
#define TEST_RT_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "rt/core.h"
#include "rt/fiber.h"

/* Stands in for the cmocka headers' order of includes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Runs `main` as the first fiber of a new core, on this thread, until it returns; then the core stops. Assertions
 * belong behind it: cmocka leaves a failed test by longjmp, which must not cross stacks. */
void support_run(fiber_main *main, void *argument);
/* The same with a configuration. */
void support_run_on(const struct core_config *config, fiber_main *main, void *argument);
/* The same, but leaves it to the caller to destroy the core, after the threads that post to it. */
struct core *support_run_and_keep(const struct core_config *config, fiber_main *main, void *argument);

/* For the facts a fiber finds out: the first that does not hold is printed and ends the test program. */
#define EXPECT(condition) support_expect(condition, #condition, __FILE__, __LINE__)
void support_expect(bool holds, const char *condition, const char *file, int line);

/* Whether a tool makes everything slow or limits the number of fibers (ThreadSanitizer: 8,000 threads and fibers). */
bool support_is_slow(void);

#endif
