/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_VERDICT_H
#define DATA_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "data/db.h"

/* What a migration's statements do to a database that is in use: what each locks, scans, rewrites, breaks and loses.
 * From the text alone: pure, no database. What is true of PostgreSQL 12 and later; where only the stored data could
 * tell, the worse is assumed, and earlier files that were read first (column types, validated constraints) help.
 *
 *     TRY(verdict_create(&options, arena, &reader));
 *     TRY(verdict_read(reader, earlier, "0001_a.up.sql", diag, &ignored));    any number, in order
 *     TRY(verdict_read(reader, text, "0002_b.up.sql", diag, &file));
 *     verdict_destroy(reader);
 *
 * A comment line above a statement, `-- tenon: allow renaming-column, ban-drop-column`, acknowledges findings. */

/* In the order of weight. */
enum verdict_level {
    VERDICT_SAFE,        /* nobody waits for longer than a moment; a note at most */
    VERDICT_UNKNOWN,     /* review it */
    VERDICT_LOCKS,       /* others wait for as long as it takes */
    VERDICT_REWRITES,    /* … and that is as long as writing the table anew */
    VERDICT_BREAKS,      /* a running program, or the migration itself, fails */
    VERDICT_DESTRUCTIVE, /* stored values are gone */
    VERDICT_IRREVERSIBLE /* no down can be written */
};

/* PostgreSQL's table locks from weak to strong, and SQLite's one write lock. */
enum verdict_lock {
    VERDICT_LOCK_NONE,
    VERDICT_LOCK_ACCESS_SHARE,
    VERDICT_LOCK_ROW_SHARE,
    VERDICT_LOCK_ROW_EXCLUSIVE,
    VERDICT_LOCK_SHARE_UPDATE_EXCLUSIVE,
    VERDICT_LOCK_SHARE,
    VERDICT_LOCK_SHARE_ROW_EXCLUSIVE,
    VERDICT_LOCK_EXCLUSIVE,
    VERDICT_LOCK_ACCESS_EXCLUSIVE,
    VERDICT_LOCK_WRITE
};

/* A row of what is known: see verdict.def. Everything is static. */
struct verdict_rule {
    enum dialect dialect;
    const char *name; /* kebab-case; the same in both dialects where they mean the same */
    enum verdict_level level;
    enum verdict_lock lock;
    bool scans, rewrites;
    bool blocks_writes; /* of the same rows, whatever the lock on the table */
    bool is_always;     /* also of a table that the file itself creates */
    const char *why;
    const char *safe_form; /* with <table> and <column>; NULL: there is nothing to do better */
    const char *source;    /* where the fact is from */
};

/* One finding about a statement. */
struct verdict {
    const struct verdict_rule *rule;
    enum verdict_level level;
    enum verdict_lock lock;           /* on `table` */
    bool blocks_reads, blocks_writes; /* of others on `table`, while the lock is held */
    bool scans, rewrites;             /* neither: the lock is one of a moment, or of the transaction */
    bool is_allowed;                  /* acknowledged in the file */
    struct slice table;               /* or the object, as it is written; may be empty */
    const char *why;                  /* one sentence, without a full stop */
    const char *safe_form;            /* NULL: none is needed */
};

struct verdict_statement {
    struct slice text;
    unsigned line;            /* where it begins, from 1 */
    bool is_transactional;    /* false: it cannot run inside a transaction */
    enum verdict_level level; /* the gravest of what is not allowed */
    enum verdict_lock lock;   /* the strongest on a table that was there before */
    const struct verdict *verdicts;
    size_t count; /* at least 1 */
};

struct verdict_file {
    const struct verdict_statement *statements;
    size_t count;
    enum verdict_level level; /* the gravest of its statements */
};

struct verdict_options {
    enum dialect dialect;
    bool in_transaction;   /* whoever runs a file wraps it in one transaction */
    bool has_lock_timeout; /* … and sets lock_timeout first */
};

struct verdict_reader;

/* Makes a reader that knows nothing yet. Its memory, and all that comes of it, is the arena's, except an index of
 * names. Owner:  the caller; give it back with verdict_destroy(). Errors: ERROR_MEMORY. */
MUST_USE enum error verdict_create(const struct verdict_options *options, struct arena *arena,
                                   struct verdict_reader **out);
void verdict_destroy(struct verdict_reader *reader);
/* For the files that follow: whether whoever runs them wraps each in one transaction. */
void verdict_set_transaction(struct verdict_reader *reader, bool in_transaction);
/* Judges the statements of one file, and remembers what they did for the files that follow. `text` is borrowed for as
 * long as the results and the reader are used; `file` names it in the diag.
 * Errors: ERROR_PARSE (see script_finish()), ERROR_LIMIT, ERROR_MEMORY. */
MUST_USE enum error verdict_read(struct verdict_reader *reader, struct slice text, const char *file, struct diag *diag,
                                 struct verdict_file *out);

/* Whether every statement of a file can run inside a transaction: whoever runs it decides by this, before
 * verdict_read() is told what was decided.
 * Errors: as verdict_read(). */
MUST_USE enum error verdict_fits_transaction(enum dialect dialect, struct slice text, const char *file,
                                             struct arena *arena, struct diag *diag, bool *out);

/* Names: "locks", "ACCESS EXCLUSIVE"; "" for no lock. */
const char *verdict_level_name(enum verdict_level level);
const char *verdict_lock_name(enum verdict_lock lock);
/* All rules, in the order of verdict.def. */
const struct verdict_rule *verdict_rules(size_t *count);

#endif
