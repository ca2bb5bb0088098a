/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SIM_DISK_H
#define TEST_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>

/* The disk of the simulated machine, as SQLite's default VFS: files in memory that know what was synced. */

/* Registers it; an empty disk. */
void disk_begin(void);
void disk_end(void);

/* How often in a thousand a write finds no room, or a write or sync fails; 0: never. A failed sync has lost its mind
 * about what it was to write, as a kernel's page cache does: a later one does not make up for it. */
void disk_set_faults(unsigned full, unsigned broken);
/* Loses power at the n-th operation that writes or syncs from now; `on_loss` is called there. 0: not. */
void disk_lose_power_at(unsigned long operation, void (*on_loss)(void));
/* Loses power now: remembers what is on the disk, which is everything synced and, sector by sector, some of the rest.
 * The program that still runs goes on with files that nobody will see. */
void disk_lose_power(void);
/* The program has ended: the files are now what was remembered. */
void disk_restart(void);

unsigned long disk_syncs(void);

#endif
