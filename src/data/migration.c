/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a folder beside the records of a database. */
#include "data/migration.h"

#include "data/migration_record.h"

const char *migration_state_name(enum migration_state state)
{
    static const char *const names[] = {
        [MIGRATION_PENDING] = "pending", [MIGRATION_APPLYING] = "applying", [MIGRATION_APPLIED] = "applied",
        [MIGRATION_UNDOING] = "undoing", [MIGRATION_EDITED] = "edited",     [MIGRATION_MISSING] = "missing",
        [MIGRATION_LATE] = "late"};
    return names[state];
}

static const struct migration_record *find_record(const struct migration_records *records, struct slice id)
{
    for (size_t i = 0; i < records->count; i++)
        if (slice_eq(records->items[i].id, id))
            return &records->items[i];
    return NULL;
}

static bool has_file(const struct migration_folder *folder, struct slice id)
{
    for (size_t i = 0; i < folder->count; i++)
        if (slice_eq(folder->items[i].id, id))
            return true;
    return false;
}

static void add_missing(struct migration_status *status, const struct migration_record *record)
{
    status->entries[status->count++] = (struct migration_entry){
        .id = record->id, .state = MIGRATION_MISSING, .steps = record->steps, .changed_at = record->changed_at};
}

static void add_file(struct migration_status *status, const struct migration *file,
                     const struct migration_record *record)
{
    struct migration_entry *entry = &status->entries[status->count++];
    *entry = (struct migration_entry){.id = file->id, .file = file, .state = MIGRATION_PENDING};
    if (!record)
        return;
    bool is_same = slice_eq_text(record->checksum, file->checksum);
    bool is_edited = record->state == MIGRATION_APPLIED && !is_same; /* one that is on its way may be mended */
    entry->state = is_edited ? MIGRATION_EDITED : record->state;
    entry->steps = record->steps;
    entry->changed_at = record->changed_at;
}

/* What is pending below something that is applied comes too late; what contracts may wait. */
static void mark_late(struct migration_status *status)
{
    bool is_any_applied = false;
    for (size_t i = status->count; i-- > 0;) {
        struct migration_entry *entry = &status->entries[i];
        bool is_contract = entry->file && entry->file->is_contract;
        if (entry->state == MIGRATION_PENDING && is_any_applied && !is_contract)
            entry->state = MIGRATION_LATE;
        is_any_applied = is_any_applied || (entry->state != MIGRATION_PENDING && entry->state != MIGRATION_LATE);
    }
}

static void count_states(struct migration_status *status)
{
    for (size_t i = 0; i < status->count; i++) {
        const struct migration_entry *entry = &status->entries[i];
        switch (entry->state) {
        case MIGRATION_PENDING: *(entry->file->is_contract ? &status->contracts : &status->pending) += 1; break;
        case MIGRATION_APPLYING:
        case MIGRATION_UNDOING: status->pending++; break;
        case MIGRATION_APPLIED: break;
        case MIGRATION_EDITED:
        case MIGRATION_MISSING:
        case MIGRATION_LATE: status->wrong++; break;
        }
    }
}

enum error migration_read_status(struct db_conn *conn, const struct migration_folder *folder, struct arena *arena,
                                 struct migration_status *out)
{
    struct migration_records records;
    TRY(migration_record_read_all(conn, arena, &records));
    *out = (struct migration_status){.count = 0};
    out->entries = arena_array(arena, records.count + folder->count + 1, sizeof *out->entries);
    if (!out->entries)
        return ERROR_MEMORY;
    size_t next = 0;
    for (size_t i = 0; i < folder->count; i++) {
        for (; next < records.count && slice_compare(records.items[next].id, folder->items[i].id) <= 0; next++)
            if (!has_file(folder, records.items[next].id))
                add_missing(out, &records.items[next]);
        add_file(out, &folder->items[i], find_record(&records, folder->items[i].id));
    }
    for (; next < records.count; next++)
        if (!has_file(folder, records.items[next].id))
            add_missing(out, &records.items[next]);
    mark_late(out);
    count_states(out);
    return OK;
}
