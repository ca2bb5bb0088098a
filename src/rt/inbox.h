/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RT_INBOX_H
#define RT_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "rt/core.h"
#include "rt/poller.h"

/* Messages from many threads to one core, and the bell that ends its sleep. */
struct inbox {
    _Atomic(struct core_message *) newest; /* linked to older ones by `next` */
    atomic_bool is_asleep;                 /* the core may be waiting and must be rung */
    struct io bell;                        /* an eventfd for the poller to watch */
};

MUST_USE
enum error inbox_init(struct inbox *inbox);
void inbox_fini(struct inbox *inbox);

/* Hands over the chain first … last (linked by `next`) and rings if the core may be asleep. FIFO per sender. */
ANY_CORE
void inbox_push(struct inbox *inbox, struct core_message *first, struct core_message *last);

/* The core's side. */

/* Takes all messages, oldest first; NULL when there are none. */
struct core_message *inbox_take(struct inbox *inbox);
/* Announces that the core is about to wait; false when it must not because there are messages. */
MUST_USE
bool inbox_fall_asleep(struct inbox *inbox);
/* Says that the core looks at the inbox by itself again. */
void inbox_wake_up(struct inbox *inbox);

#endif
