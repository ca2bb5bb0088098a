/* SPDX-License-Identifier: Apache-2.0 */
/* A core's inbox: a lock-free stack that the core takes as a whole and turns round.
 *
 * Idea: senders push with a compare-and-swap; the core swaps the whole stack for NULL. Nothing is ever popped singly,
 * so there is no ABA. The system call that ends the core's wait is paid only when the core may be waiting, which is
 * Dekker's handshake over two variables, all four steps sequentially consistent:
 *
 *     core:   is_asleep = true;  look at `newest`;   wait only if it is NULL
 *     sender: push to `newest`;  look at is_asleep;  ring if it is true
 *
 * In any order of the four, either the core sees the message or the sender sees the sleeper. Of several senders the one
 * whose exchange turns is_asleep to false rings.
 *
 * The bell is an eventfd that is never read: it is watched edge-triggered, and every write is an edge. A ring that
 * arrives late costs one turn without work.
 *
 * Invariants
 *   (1) messages of one sender are taken in the order they were pushed
 *   (2) a sender does not touch a message once it is pushed: the core may have freed it */
#include "rt/inbox.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"

/* Being woken was all. */
static void heard(struct io *io, unsigned ready)
{
}

enum error inbox_init(struct inbox *inbox)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE ? ERROR_LIMIT : ERROR_IO;
    atomic_init(&inbox->newest, NULL);
    atomic_init(&inbox->is_asleep, false);
    inbox->bell = (struct io){.fd = fd, .on_ready = heard};
    return OK;
}

void inbox_fini(struct inbox *inbox)
{
    close(inbox->bell.fd);
}

static void ring(struct inbox *inbox)
{
    const uint64_t one = 1;
    int saved = errno;
    while (write(inbox->bell.fd, &one, sizeof one) < 0)
        CHECK(errno == EINTR, "an eventfd takes one more ring");
    errno = saved;
}

/* The same chain the other way round; returns the one that was last. */
static struct core_message *reversed(struct core_message *first)
{
    struct core_message *done = NULL;
    while (first) {
        struct core_message *next = first->next;
        first->next = done;
        done = first;
        first = next;
    }
    return done;
}

void inbox_push(struct inbox *inbox, struct core_message *first, struct core_message *last)
{
    last->next = NULL;
    struct core_message *newest = reversed(first);
    struct core_message *older = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
    do
        first->next = older;
    while (!atomic_compare_exchange_weak(&inbox->newest, &older, newest));
    if (atomic_load(&inbox->is_asleep) && atomic_exchange(&inbox->is_asleep, false))
        ring(inbox);
}

struct core_message *inbox_take(struct inbox *inbox)
{
    if (!atomic_load_explicit(&inbox->newest, memory_order_relaxed))
        return NULL;
    return reversed(atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire));
}

bool inbox_fall_asleep(struct inbox *inbox)
{
    atomic_store(&inbox->is_asleep, true);
    if (!atomic_load(&inbox->newest))
        return true;
    inbox_wake_up(inbox);
    return false;
}

void inbox_wake_up(struct inbox *inbox)
{
    atomic_store_explicit(&inbox->is_asleep, false, memory_order_relaxed);
}
