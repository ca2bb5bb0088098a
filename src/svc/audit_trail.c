/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an audit trail.
 *
 * A line vouches for itself by its mark. Only lines that do say anything about their chain: which numbers were seen.
 * What was not seen is kept as a list of gaps, in order; a line that comes later than it should takes its number out of
 * one. So memory grows with what is wrong, and not with the log.
 *
 * A line that was changed is told as that, and if it stands where its number says, it is not told as missing too. */
#include "svc/audit_trail.h"

#include <string.h>

#include "base/digest.h"
#include "base/jsonread.h"
#include "base/number.h"

enum { CHAINS_MAX = 1000000, LINE_BYTES_MAX = 1024 * 1024, DEPTH_MAX = 1 };

const char *audit_trail_kind_name(enum audit_trail_kind kind)
{
    static const char *const names[AUDIT_TRAIL_KIND_COUNT] = {
        [AUDIT_TRAIL_CHANGED] = "changed",           [AUDIT_TRAIL_MISSING] = "missing",
        [AUDIT_TRAIL_OUT_OF_ORDER] = "out_of_order", [AUDIT_TRAIL_REPEATED] = "repeated",
        [AUDIT_TRAIL_NOT_BEGUN] = "not_begun",       [AUDIT_TRAIL_NOT_ENDED] = "not_ended",
    };
    return names[kind];
}

/* Numbers that were not seen, `place` being where the next one was. */
struct gap {
    struct gap *next;
    uint64_t from, to;
    struct audit_trail_place place;
    bool is_told; /* a line with this number was told as changed, and the true one has not come */
};

struct chain {
    struct slice id;
    uint64_t next; /* one more than the largest number seen */
    struct gap *gaps;
    bool has_ended;
    struct audit_trail_place last;
};

/* ---- one line ---- */

struct record {
    struct slice parts[AUDIT_PART_COUNT];
    struct slice mark, message, level;
    uint64_t seen; /* a bit for each part, and for mark, message and level */
    uint64_t sequence;
    bool is_wellformed; /* nothing in it that a line of the trail has not */
};

enum { BIT_MARK = AUDIT_PART_COUNT, BIT_MESSAGE, BIT_LEVEL };

/* Where the value of a key goes; NULL: no line of the trail has it. */
static struct slice *room_for(struct record *record, struct slice key, unsigned *bit)
{
    const struct {
        const char *name;
        struct slice *room;
        unsigned bit;
    } others[] = {{"chain", &record->mark, BIT_MARK},
                  {"message", &record->message, BIT_MESSAGE},
                  {"level", &record->level, BIT_LEVEL}};
    for (unsigned i = 0; i < AUDIT_PART_COUNT; i++) {
        *bit = i;
        if (slice_eq_text(key, audit_part_name((enum audit_part)i)))
            return &record->parts[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        *bit = others[i].bit;
        if (slice_eq_text(key, others[i].name))
            return others[i].room;
    }
    return NULL;
}

static void take_value(struct record *record, struct slice key, const struct json_value *value)
{
    unsigned bit;
    struct slice *room = room_for(record, key, &bit);
    bool is_number = room == &record->parts[AUDIT_PART_SEQUENCE];
    if (!room || value->token != (is_number ? JSON_NUMBER : JSON_STRING) || (record->seen >> bit & 1)) {
        record->is_wellformed = false;
        return;
    }
    record->seen |= UINT64_C(1) << bit;
    *room = value->text;
}

/* Reads an object of scalars. False: the line is something else. */
static bool read_object(struct jsonread *reader, struct record *record)
{
    struct json_value key, value;
    if (jsonread_next(reader, &value) != JSON_OBJECT_BEGIN)
        return false;
    while (jsonread_next(reader, &key) == JSON_KEY) {
        if (jsonread_next(reader, &value) == JSON_ERROR)
            return false;
        take_value(record, key.text, &value);
    }
    return key.token == JSON_OBJECT_END && jsonread_next(reader, &value) == JSON_END;
}

static bool read_sequence(struct record *record)
{
    int64_t sequence;
    struct slice text = record->parts[AUDIT_PART_SEQUENCE];
    if (number_parse_int(text, &sequence) != OK || text.ptr[0] == '-')
        return false;
    record->sequence = (uint64_t)sequence;
    return true;
}

static bool is_vouched_for(const struct audit_trail *trail, const struct record *record)
{
    char mark[AUDIT_MARK_BYTES];
    if (!record->is_wellformed || !slice_eq_text(record->level, "info"))
        return false;
    audit_mark(trail->key, record->parts, mark);
    return digest_equal(record->mark, slice_of(mark, sizeof mark));
}

/* ---- chains ---- */

static void say(struct audit_trail *trail, enum audit_trail_kind kind, struct audit_trail_place place,
                struct slice chain_id, uint64_t from, uint64_t to)
{
    trail->found(trail->state, &(struct audit_trail_finding){kind, place, chain_id, from, to});
}

static enum error add_chain(struct audit_trail *trail, struct slice id, struct chain **out)
{
    struct chain *chain = arena_zalloc(trail->memory, sizeof *chain);
    if (!chain)
        return ERROR_MEMORY;
    chain->id = arena_slice(trail->memory, id);
    if (!chain->id.ptr)
        return ERROR_MEMORY;
    TRY(map_add(&trail->chains, chain->id, chain));
    *out = chain;
    return OK;
}

static enum error add_gap(struct audit_trail *trail, struct gap **link, uint64_t from, uint64_t to,
                          struct audit_trail_place place)
{
    struct gap *gap = arena_zalloc(trail->memory, sizeof *gap);
    if (!gap)
        return ERROR_MEMORY;
    *gap = (struct gap){*link, from, to, place, false};
    *link = gap;
    return OK;
}

/* Counts everything before `to` as missing that was not seen. */
static enum error skip_to(struct audit_trail *trail, struct chain *chain, uint64_t to, struct audit_trail_place place)
{
    struct gap **link = &chain->gaps;
    if (to == chain->next)
        return OK;
    while (*link)
        link = &(*link)->next;
    return add_gap(trail, link, chain->next, to - 1, place);
}

enum lateness { IN_ITS_PLACE, LATE, REPEATED };

/* Takes a number out of its gap, if it is in one. */
static enum error take_from_gap(struct audit_trail *trail, struct chain *chain, uint64_t number, enum lateness *out)
{
    struct gap **link = &chain->gaps;
    while (*link && (*link)->to < number)
        link = &(*link)->next;
    struct gap *gap = *link;
    *out = !gap || gap->from > number ? REPEATED : gap->is_told ? IN_ITS_PLACE : LATE;
    if (*out == REPEATED)
        return OK;
    if (gap->from < number && number < gap->to)
        TRY(add_gap(trail, &gap->next, number + 1, gap->to, gap->place));
    if (gap->from == number && gap->to == number)
        *link = gap->next;
    else if (gap->from == number)
        gap->from++;
    else
        gap->to = number - 1;
    return OK;
}

/* A line that the key vouches for. */
static enum error take_good(struct audit_trail *trail, const struct record *record, struct audit_trail_place place)
{
    struct slice id = record->parts[AUDIT_PART_CHAIN_ID];
    struct chain *chain = map_find(&trail->chains, id);
    uint64_t number = record->sequence;
    enum lateness lateness;
    if (!chain)
        TRY(add_chain(trail, id, &chain));
    trail->good++;
    chain->last = place;
    chain->has_ended |= slice_eq_text(record->parts[AUDIT_PART_EVENT], audit_kind_name(AUDIT_CHAIN_ENDED));
    if (number >= chain->next) {
        TRY(skip_to(trail, chain, number, place));
        chain->next = number + 1;
        return OK;
    }
    TRY(take_from_gap(trail, chain, number, &lateness));
    if (lateness != IN_ITS_PLACE)
        say(trail, lateness == LATE ? AUDIT_TRAIL_OUT_OF_ORDER : AUDIT_TRAIL_REPEATED, place, chain->id, number,
            number);
    return OK;
}

static enum error take_bad(struct audit_trail *trail, const struct record *record, bool has_sequence,
                           struct audit_trail_place place)
{
    struct chain *chain = map_find(&trail->chains, record->parts[AUDIT_PART_CHAIN_ID]);
    uint64_t number = has_sequence ? record->sequence : 0;
    say(trail, AUDIT_TRAIL_CHANGED, place, record->parts[AUDIT_PART_CHAIN_ID], number, number);
    if (!chain || !has_sequence || number != chain->next)
        return OK;
    struct gap **link = &chain->gaps;
    while (*link)
        link = &(*link)->next;
    TRY(add_gap(trail, link, number, number, place));
    (*link)->is_told = true;
    chain->next++;
    return OK;
}

static bool holds(struct slice line, const char *text)
{
    return line.len > 0 && memmem(line.ptr, line.len, text, strlen(text));
}

enum error audit_trail_read(struct audit_trail *trail, struct slice line, struct audit_trail_place place)
{
    struct jsonread reader;
    struct record record = {.is_wellformed = true};
    if (!holds(line, "chain_id"))
        return OK;
    arena_reset(&trail->line);
    jsonread_init(&reader, line, &trail->line, DEPTH_MAX);
    bool is_read = read_object(&reader, &record);
    if (reader.error == ERROR_MEMORY)
        return ERROR_MEMORY;
    bool is_ours = is_read ? slice_eq_text(record.message, "audit") : holds(line, "\"message\":\"audit\"");
    if (!is_ours)
        return OK;
    trail->lines++;
    bool has_sequence = is_read && read_sequence(&record);
    if (has_sequence && is_vouched_for(trail, &record))
        return take_good(trail, &record, place);
    return take_bad(trail, &record, has_sequence, place);
}

/* ---- the end ---- */

static void end_chain(struct audit_trail *trail, const struct chain *chain)
{
    for (const struct gap *gap = chain->gaps; gap; gap = gap->next)
        if (!gap->is_told)
            say(trail, gap->from == 0 ? AUDIT_TRAIL_NOT_BEGUN : AUDIT_TRAIL_MISSING, gap->place, chain->id, gap->from,
                gap->to);
    if (!chain->has_ended)
        say(trail, AUDIT_TRAIL_NOT_ENDED, chain->last, chain->id, chain->next, chain->next);
}

void audit_trail_end(struct audit_trail *trail)
{
    for (size_t i = 0; i < map_count(&trail->chains); i++)
        end_chain(trail, map_at(&trail->chains, i)->value);
}

void audit_trail_init(struct audit_trail *trail, const struct hmac_key *key, struct arena *memory,
                      void (*found)(void *state, const struct audit_trail_finding *finding), void *state)
{
    *trail = (struct audit_trail){.key = key, .memory = memory, .found = found, .state = state};
    map_init(&trail->chains, CHAINS_MAX, 0); /* keys are those of lines that the key vouches for */
    arena_init(&trail->line, LINE_BYTES_MAX);
}

void audit_trail_fini(struct audit_trail *trail)
{
    map_fini(&trail->chains);
    arena_fini(&trail->line);
}
