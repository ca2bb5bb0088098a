/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_DATA_SUPPORT_H
#define TEST_DATA_SUPPORT_H

#include <pthread.h>

#include "data/db.h"
#include "rt/core.h"
#include "rt/fiber.h"

/* A database in a temporary folder, with one core that reads it on a thread of its own. */
struct rig {
    struct core *core;
    struct db *db;
    pthread_t thread;
    char folder[64];
    char url[128];
};

/* Zero members of `config` take their defaults. */
void rig_open(struct rig *rig, struct db_config config);
void rig_close(struct rig *rig);

typedef void rig_work(struct rig *rig, struct fiber *self, void *argument);

/* Runs `count` fibers that begin in one turn, each with its element of `arguments`, and waits for all. */
void rig_run(struct rig *rig, rig_work *work, void *const *arguments, size_t count);

/* Runs statements on the writer; fails the test when they fail. */
void rig_script(struct rig *rig, const char *sql);
/* The one integer that a query answers. */
int64_t rig_integer(struct rig *rig, const char *sql);

#endif
