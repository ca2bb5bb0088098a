/* SPDX-License-Identifier: Apache-2.0 */
/* A file holds its bytes as programs see them, and its bytes as they are on the platter. A write changes the first and
 * is noted; a sync carries the noted writes over. Shared memory for the log's index is plain memory that no power loss
 * survives, which is what it is. */
#include "disk.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { FILES_MAX = 8, SECTOR = 512, SHM_REGIONS_MAX = 64, SHM_LOCKS = 8, NAME_BYTES = 64 };

struct bytes {
    unsigned char *at;
    size_t len, capacity;
};

struct write {
    size_t begin, end;
};

struct file {
    char name[NAME_BYTES];
    bool exists;
    struct bytes seen, kept, after; /* after: what a power loss leaves */
    bool exists_after;
    struct write *unsynced;
    size_t unsynced_count, unsynced_capacity;
    unsigned shared, reserved, exclusive; /* locks of the rollback kind; how many hold each */
    unsigned handles;
    void *regions[SHM_REGIONS_MAX];
    unsigned shm_shared[SHM_LOCKS];
    bool shm_exclusive[SHM_LOCKS];
};

struct handle {
    sqlite3_file base;
    struct file *file;
    int level;
    unsigned shm_shared, shm_exclusive; /* bit sets over the locks */
};

static struct {
    struct file files[FILES_MAX];
    unsigned full, broken;
    unsigned long operations, power_ends_at, syncs;
    void (*on_loss)(void);
    bool is_lost;
} disk;

static void bytes_resize(struct bytes *bytes, size_t len)
{
    if (len > bytes->capacity) {
        bytes->capacity = len * 2;
        bytes->at = world_resize(bytes->at, bytes->capacity);
    }
    if (len > bytes->len)
        memset(bytes->at + bytes->len, 0, len - bytes->len);
    bytes->len = len;
}

static void bytes_copy(struct bytes *to, const struct bytes *from)
{
    bytes_resize(to, from->len);
    if (from->len > 0)
        memcpy(to->at, from->at, from->len);
}

void disk_set_faults(unsigned full, unsigned broken)
{
    disk.full = full;
    disk.broken = broken;
}

void disk_lose_power_at(unsigned long operation, void (*on_loss)(void))
{
    disk.power_ends_at = operation > 0 ? disk.operations + operation : 0;
    disk.on_loss = on_loss;
}

unsigned long disk_syncs(void)
{
    return disk.syncs;
}

/* Some sectors of the writes that were never synced got there all the same. */
static void tear(struct file *file)
{
    for (size_t i = 0; i < file->unsynced_count; i++) {
        const struct write *write = &file->unsynced[i];
        for (size_t at = write->begin; at < write->end; at = (at / SECTOR + 1) * SECTOR) {
            size_t end = (at / SECTOR + 1) * SECTOR;
            end = end < write->end ? end : write->end;
            if (world_chance(500) || end > file->seen.len)
                continue;
            if (end > file->after.len)
                bytes_resize(&file->after, end);
            memcpy(file->after.at + at, file->seen.at + at, end - at);
        }
    }
}

void disk_lose_power(void)
{
    if (disk.is_lost)
        return;
    disk.is_lost = true;
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct file *file = &disk.files[i];
        file->exists_after = file->exists;
        bytes_copy(&file->after, &file->kept);
        tear(file);
        world_note("lost", i, file->after.at, file->after.len);
    }
}

void disk_restart(void)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct file *file = &disk.files[i];
        if (file->handles > 0)
            world_fail("%s is still open", file->name);
        if (!disk.is_lost)
            continue;
        file->exists = file->exists_after;
        bytes_copy(&file->seen, &file->after);
        bytes_copy(&file->kept, &file->after);
        file->unsynced_count = 0;
    }
    disk.is_lost = false;
    disk.power_ends_at = 0;
}

/* Whether the operation that begins now fails; the power may end with it. */
static int trouble(bool is_write)
{
    disk.operations++;
    if (disk.power_ends_at > 0 && disk.operations >= disk.power_ends_at && !disk.is_lost) {
        disk_lose_power();
        disk.on_loss();
    }
    if (is_write && disk.full > 0 && world_chance(disk.full))
        return SQLITE_FULL;
    if (disk.broken > 0 && world_chance(disk.broken))
        return is_write ? SQLITE_IOERR_WRITE : SQLITE_IOERR_FSYNC;
    return SQLITE_OK;
}

/* Files */

static struct file *file_of(sqlite3_file *base)
{
    return ((struct handle *)base)->file;
}

static int disk_close(sqlite3_file *base)
{
    file_of(base)->handles--;
    return SQLITE_OK;
}

static int disk_read(sqlite3_file *base, void *out, int size, sqlite3_int64 offset)
{
    const struct bytes *seen = &file_of(base)->seen;
    size_t at = (size_t)offset, wanted = (size_t)size;
    size_t left = at < seen->len ? seen->len - at : 0;
    size_t got = left < wanted ? left : wanted;
    if (got > 0)
        memcpy(out, seen->at + at, got);
    memset((char *)out + got, 0, wanted - got);
    return got == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int disk_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset)
{
    struct file *file = file_of(base);
    size_t begin = (size_t)offset, end = begin + (size_t)size;
    int code = trouble(true);
    if (code != SQLITE_OK)
        return code;
    if (end > file->seen.len)
        bytes_resize(&file->seen, end);
    memcpy(file->seen.at + begin, bytes, (size_t)size);
    if (file->unsynced_count == file->unsynced_capacity) {
        file->unsynced_capacity = file->unsynced_capacity * 2 + 64;
        file->unsynced = world_resize(file->unsynced, file->unsynced_capacity * sizeof *file->unsynced);
    }
    file->unsynced[file->unsynced_count++] = (struct write){begin, end};
    return SQLITE_OK;
}

static int disk_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    int code = trouble(true);
    if (code == SQLITE_OK)
        bytes_resize(&file_of(base)->seen, (size_t)size);
    return code;
}

static int disk_sync(sqlite3_file *base, int flags)
{
    struct file *file = file_of(base);
    int code = trouble(false);
    if (code == SQLITE_OK) {
        bytes_resize(&file->kept, file->seen.len);
        for (size_t i = 0; i < file->unsynced_count; i++) {
            size_t begin = file->unsynced[i].begin, end = file->unsynced[i].end;
            end = end < file->seen.len ? end : file->seen.len;
            if (begin < end)
                memcpy(file->kept.at + begin, file->seen.at + begin, end - begin);
        }
    }
    file->unsynced_count = 0;
    disk.syncs++;
    world_note(code ? "nosync" : "sync", (uint64_t)(file - disk.files), &code, sizeof code);
    world_pass_us((int64_t)(50 + world_random(500)));
    return code;
}

static int disk_file_size(sqlite3_file *base, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)file_of(base)->seen.len;
    return SQLITE_OK;
}

/* SHARED, RESERVED, EXCLUSIVE of one process; PENDING is never needed, as nobody waits. */
static int disk_unlock(sqlite3_file *base, int level)
{
    struct handle *handle = (struct handle *)base;
    struct file *file = handle->file;
    if (handle->level >= SQLITE_LOCK_EXCLUSIVE && level < SQLITE_LOCK_EXCLUSIVE)
        file->exclusive--;
    if (handle->level >= SQLITE_LOCK_RESERVED && level < SQLITE_LOCK_RESERVED)
        file->reserved--;
    if (handle->level >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED)
        file->shared--;
    handle->level = level < handle->level ? level : handle->level;
    return SQLITE_OK;
}

static int disk_lock(sqlite3_file *base, int level)
{
    struct handle *handle = (struct handle *)base;
    struct file *file = handle->file;
    if (handle->level >= level)
        return SQLITE_OK;
    bool is_busy = file->exclusive > 0 ||
                   (level >= SQLITE_LOCK_RESERVED && handle->level < SQLITE_LOCK_RESERVED && file->reserved > 0) ||
                   (level == SQLITE_LOCK_EXCLUSIVE && file->shared > 1);
    if (is_busy)
        return SQLITE_BUSY;
    if (handle->level < SQLITE_LOCK_SHARED)
        file->shared++;
    if (handle->level < SQLITE_LOCK_RESERVED && level >= SQLITE_LOCK_RESERVED)
        file->reserved++;
    if (level == SQLITE_LOCK_EXCLUSIVE)
        file->exclusive++;
    handle->level = level;
    return SQLITE_OK;
}

static int disk_check_reserved(sqlite3_file *base, int *out)
{
    *out = file_of(base)->reserved > 0;
    return SQLITE_OK;
}

static int disk_file_control(sqlite3_file *base, int operation, void *argument)
{
    return SQLITE_NOTFOUND;
}

static int disk_sector_size(sqlite3_file *base)
{
    return SECTOR;
}

static int disk_characteristics(sqlite3_file *base)
{
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as SQLite assumes of every Unix */
}

/* Shared memory */

static int disk_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
    struct file *file = file_of(base);
    if (region >= SHM_REGIONS_MAX)
        return SQLITE_IOERR_SHMMAP;
    if (!file->regions[region] && extend) {
        file->regions[region] = world_resize(NULL, (size_t)size);
        memset(file->regions[region], 0, (size_t)size);
    }
    *out = file->regions[region];
    return SQLITE_OK;
}

static int disk_shm_lock(sqlite3_file *base, int first, int count, int flags)
{
    struct handle *handle = (struct handle *)base;
    struct file *file = handle->file;
    for (int i = first; i < first + count; i++) {
        unsigned bit = 1u << i;
        bool has_shared = handle->shm_shared & bit, has_exclusive = handle->shm_exclusive & bit;
        if (flags & SQLITE_SHM_UNLOCK)
            continue;
        unsigned others = file->shm_shared[i] - has_shared;
        if ((file->shm_exclusive[i] && !has_exclusive) || ((flags & SQLITE_SHM_EXCLUSIVE) && others > 0))
            return SQLITE_BUSY;
    }
    for (int i = first; i < first + count; i++) {
        unsigned bit = 1u << i;
        if (flags & SQLITE_SHM_UNLOCK) {
            file->shm_shared[i] -= (handle->shm_shared & bit) != 0;
            file->shm_exclusive[i] = file->shm_exclusive[i] && !(handle->shm_exclusive & bit);
            handle->shm_shared &= ~bit;
            handle->shm_exclusive &= ~bit;
        } else if (flags & SQLITE_SHM_EXCLUSIVE) {
            file->shm_exclusive[i] = true;
            handle->shm_exclusive |= bit;
        } else if (!(handle->shm_shared & bit)) {
            file->shm_shared[i]++;
            handle->shm_shared |= bit;
        }
    }
    return SQLITE_OK;
}

static void disk_shm_barrier(sqlite3_file *base)
{
}

static void free_regions(struct file *file)
{
    for (int i = 0; i < SHM_REGIONS_MAX; i++) {
        world_free(file->regions[i]);
        file->regions[i] = NULL;
    }
}

static int disk_shm_unmap(sqlite3_file *base, int is_deleted)
{
    disk_shm_lock(base, 0, SHM_LOCKS, SQLITE_SHM_UNLOCK);
    if (is_deleted)
        free_regions(file_of(base));
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = disk_close,
                                           .xRead = disk_read,
                                           .xWrite = disk_write,
                                           .xTruncate = disk_truncate,
                                           .xSync = disk_sync,
                                           .xFileSize = disk_file_size,
                                           .xLock = disk_lock,
                                           .xUnlock = disk_unlock,
                                           .xCheckReservedLock = disk_check_reserved,
                                           .xFileControl = disk_file_control,
                                           .xSectorSize = disk_sector_size,
                                           .xDeviceCharacteristics = disk_characteristics,
                                           .xShmMap = disk_shm_map,
                                           .xShmLock = disk_shm_lock,
                                           .xShmBarrier = disk_shm_barrier,
                                           .xShmUnmap = disk_shm_unmap};

/* The file system */

static struct file *find(const char *name, bool is_made)
{
    struct file *unused = NULL;
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (strcmp(disk.files[i].name, name) == 0)
            return &disk.files[i];
        if (disk.files[i].name[0] == '\0' && !unused)
            unused = &disk.files[i];
    }
    if (!is_made || !unused || strlen(name) >= NAME_BYTES)
        return NULL;
    strcpy(unused->name, name);
    return unused;
}

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out_flags)
{
    struct handle *handle = (struct handle *)base;
    *handle = (struct handle){0};
    struct file *file = name ? find(name, flags & SQLITE_OPEN_CREATE) : NULL;
    if (!file || (!file->exists && !(flags & SQLITE_OPEN_CREATE)))
        return SQLITE_CANTOPEN;
    if (file->handles == 0)
        free_regions(file); /* nobody is left who could vouch for them */
    file->exists = true;
    file->handles++;
    handle->file = file;
    handle->base.pMethods = &methods;
    if (out_flags)
        *out_flags = flags;
    return SQLITE_OK;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int syncs_folder)
{
    struct file *file = find(name, false);
    if (!file || !file->exists)
        return SQLITE_IOERR_DELETE_NOENT;
    file->exists = false;
    bytes_resize(&file->seen, 0);
    bytes_resize(&file->kept, 0);
    file->unsynced_count = 0;
    return SQLITE_OK;
}

static int disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    const struct file *file = find(name, false);
    *out = file && file->exists;
    return SQLITE_OK;
}

static int disk_full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
}

static int disk_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    for (int i = 0; i < size; i++)
        out[i] = (char)world_random(256);
    return size;
}

static int disk_sleep(sqlite3_vfs *vfs, int us)
{
    world_pass_us(us);
    return us;
}

static int disk_time(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)(2440587.5 * 86400000) + INT64_C(1800000000000) + world_now_us() / 1000;
    return SQLITE_OK;
}

static int disk_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    return 0;
}

void disk_begin(void)
{
    static sqlite3_vfs vfs = {.iVersion = 2,
                              .szOsFile = sizeof(struct handle),
                              .mxPathname = NAME_BYTES,
                              .zName = "sim",
                              .xOpen = disk_open,
                              .xDelete = disk_delete,
                              .xAccess = disk_access,
                              .xFullPathname = disk_full_pathname,
                              .xRandomness = disk_randomness,
                              .xSleep = disk_sleep,
                              .xGetLastError = disk_last_error,
                              .xCurrentTimeInt64 = disk_time};
    memset(&disk, 0, sizeof disk);
    sqlite3_vfs_register(&vfs, 1);
    sqlite3_randomness(0, NULL); /* forgets what it has drawn from another world */
}

void disk_end(void)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct file *file = &disk.files[i];
        world_free(file->seen.at);
        world_free(file->kept.at);
        world_free(file->after.at);
        world_free(file->unsynced);
        free_regions(file);
    }
    memset(&disk, 0, sizeof disk);
}
