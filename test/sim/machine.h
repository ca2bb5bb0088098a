/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SIM_MACHINE_H
#define TEST_SIM_MACHINE_H

#include <stdbool.h>

/* The program under test, from the listener to the rows, on one simulated core. */

/* Starts it on the disk as it is, and runs it until machine_stop() was called and it has ended; false when it could not
 * start, because of a fault of the disk. `app_path` is a real file. */
bool machine_run(const char *app_path);
/* Lets it end. Drained: what was asked is answered first. */
void machine_stop(bool is_drained);
/* Whether it is running and not asked to stop. */
bool machine_is_up(void);

#endif
