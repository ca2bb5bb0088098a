/* SPDX-License-Identifier: Apache-2.0 */
/* The timers of a core: a hierarchical wheel of one-millisecond ticks (Varghese and Lauck, 1987).
 *
 * Idea: write a tick as digits of base 64. A timer is kept at the level of the highest digit in which its tick differs
 * from the wheel's, in the slot of that digit. So whatever is at a lower level comes before whatever is at a higher
 * one, and within a level the slots are in order: the next thing to do is the first occupied slot of the lowest
 * occupied level, found in one bitmap per level. At level 0 that is a tick to fire; above, the slot's first tick is
 * when its timers move down. Nine levels hold 54 bits, which is every time an int64_t of microseconds can say: nothing
 * is clamped.
 *
 * Arming and disarming are O(1): a slot is a circular list, and the head's place in the array tells which bit to clear.
 * The timers of the tick being fired wait in one more list (level TIMER_LEVELS, slot 0), so that a `fire` may disarm
 * them like all others.
 *
 * Invariants
 *   (1) an armed timer's tick is its time rounded up, and later than done_tick: it never fires early
 *   (2) a slot's bit in `occupied` is set exactly when its list is not empty
 *   (3) the slot of an armed timer is later, at its level, than the wheel's own digit */
#include "rt/timer.h"

#include <stddef.h>

#include "base/check.h"

enum { DIGIT_BITS = 6, TICK_US = 1000 };
_Static_assert(1 << DIGIT_BITS == TIMER_SLOTS, "a digit names a slot");

static struct timer *slot_at(struct timer_wheel *wheel, unsigned level, unsigned slot)
{
    return &wheel->slots[level * TIMER_SLOTS + slot];
}

static struct timer *due_list(struct timer_wheel *wheel)
{
    return slot_at(wheel, TIMER_LEVELS, 0);
}

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_us)
{
    *wheel = (struct timer_wheel){.done_tick = now_us / TICK_US};
    for (size_t i = 0; i < ARRAY_LEN(wheel->slots); i++)
        wheel->slots[i].next = wheel->slots[i].previous = &wheel->slots[i];
}

static int64_t tick_of(int64_t at_us)
{
    return at_us / TICK_US + (at_us > 0 && at_us % TICK_US != 0);
}

static void append(struct timer_wheel *wheel, struct timer *head, struct timer *timer)
{
    timer->next = head;
    timer->previous = head->previous;
    head->previous->next = timer;
    head->previous = timer;
    size_t index = (size_t)(head - wheel->slots);
    wheel->occupied[index / TIMER_SLOTS] |= (uint64_t)1 << index % TIMER_SLOTS;
}

static void unlink_timer(struct timer_wheel *wheel, struct timer *timer)
{
    struct timer *neighbour = timer->next;
    timer->previous->next = timer->next;
    timer->next->previous = timer->previous;
    timer->next = timer->previous = NULL;
    if (neighbour->next != neighbour)
        return;
    size_t index = (size_t)(neighbour - wheel->slots); /* alone with itself: the head of an empty list */
    wheel->occupied[index / TIMER_SLOTS] &= ~((uint64_t)1 << index % TIMER_SLOTS);
}

/* Puts a timer into the slot of `tick`, which is later than done_tick. */
static void place(struct timer_wheel *wheel, struct timer *timer, int64_t tick)
{
    uint64_t differing = (uint64_t)tick ^ (uint64_t)wheel->done_tick;
    unsigned level = (63 - (unsigned)__builtin_clzll(differing)) / DIGIT_BITS;
    unsigned slot = (uint64_t)tick >> level * DIGIT_BITS & (TIMER_SLOTS - 1);
    append(wheel, slot_at(wheel, level, slot), timer);
}

void timer_wheel_arm(struct timer_wheel *wheel, struct timer *timer, int64_t at_us)
{
    timer_wheel_disarm(wheel, timer);
    timer->at_us = at_us;
    int64_t tick = tick_of(at_us);
    place(wheel, timer, tick > wheel->done_tick ? tick : wheel->done_tick + 1);
}

void timer_wheel_disarm(struct timer_wheel *wheel, struct timer *timer)
{
    if (timer_is_armed(timer))
        unlink_timer(wheel, timer);
}

/* The first slot with timers: false when there is none. `tick` is the first one of the slot. */
static bool find_next(const struct timer_wheel *wheel, unsigned *level_out, unsigned *slot_out, int64_t *tick)
{
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        if (!wheel->occupied[level])
            continue;
        unsigned slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
        unsigned shift = level * DIGIT_BITS;
        uint64_t above = (uint64_t)wheel->done_tick >> shift >> DIGIT_BITS << DIGIT_BITS;
        *tick = (int64_t)((above | slot) << shift);
        *level_out = level;
        *slot_out = slot;
        return true;
    }
    return false;
}

int64_t timer_wheel_next_us(const struct timer_wheel *wheel)
{
    unsigned level, slot;
    int64_t tick;
    if (!find_next(wheel, &level, &slot, &tick))
        return INT64_MAX;
    return tick > INT64_MAX / TICK_US ? INT64_MAX : tick * TICK_US;
}

/* Takes a slot whose first tick has come apart: what is due goes to the due list, the rest to lower levels. */
static void open_slot(struct timer_wheel *wheel, unsigned level, unsigned slot)
{
    struct timer *head = slot_at(wheel, level, slot);
    while (head->next != head) {
        struct timer *timer = head->next;
        unlink_timer(wheel, timer);
        int64_t tick = tick_of(timer->at_us);
        if (tick <= wheel->done_tick)
            append(wheel, due_list(wheel), timer);
        else
            place(wheel, timer, tick);
    }
}

static uint64_t fire_due(struct timer_wheel *wheel, struct core *core)
{
    struct timer *due = due_list(wheel);
    uint64_t fired = 0;
    while (due->next != due) {
        struct timer *timer = due->next;
        unlink_timer(wheel, timer);
        timer->fire(core, timer);
        fired++;
    }
    return fired;
}

uint64_t timer_wheel_advance(struct timer_wheel *wheel, struct core *core, int64_t now_us)
{
    int64_t now_tick = now_us / TICK_US;
    unsigned level, slot;
    int64_t tick;
    uint64_t fired = 0;
    while (find_next(wheel, &level, &slot, &tick) && tick <= now_tick) {
        wheel->done_tick = tick;
        open_slot(wheel, level, slot);
        fired += fire_due(wheel, core);
    }
    if (wheel->done_tick < now_tick)
        wheel->done_tick = now_tick;
    return fired;
}
