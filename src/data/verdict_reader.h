/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATA_VERDICT_READER_H
#define DATA_VERDICT_READER_H

#include "base/map.h"
#include "data/script.h"
#include "data/verdict.h"

/* What the parts of the judge share: where in a statement they are, and what is known of tables. A failure of memory is
 * remembered in `error` and ends the file; every function here goes on without harm until then. */

enum verdict_id {
#define X(id, ...) VERDICT_##id,
#include "data/verdict.def"
#undef X
    VERDICT_RULE_COUNT
};

/* A name as it is written, and as it is looked up: folded, without the default schema. */
struct verdict_name {
    struct slice text, key;
};

/* A type in PostgreSQL's own words: "character varying", with its numbers or -1. */
struct verdict_type {
    char name[40];
    int first, second;
    bool is_array;
};

struct verdict_column {
    struct verdict_name name;
    struct verdict_type type;
    struct verdict_name target; /* what it refers to */
    bool is_not_null, has_default, is_null_default, is_computed, is_parenthesized, is_stored, is_generated, is_identity,
        has_check, is_unique, is_primary, is_reference;
};

struct verdict_table {
    unsigned generation;             /* counts the tables that this name was given to: what is known is of the last */
    unsigned file;                   /* that created it */
    unsigned dropped_in;             /* the file that dropped it last */
    struct verdict_finding *dropped; /* and what was found about that */
    struct slice copied_from;        /* SQLite: the key of the table that filled it */
};

struct verdict_check {
    struct slice column; /* that it says is not null */
    bool is_valid, is_dropped;
};

struct verdict_finding {
    struct verdict_finding *next, *previous;
    struct verdict verdict;
};

struct verdict_entry {
    struct verdict_entry *next;
    struct verdict_statement statement;
    struct sqltoken_reader comments; /* above it */
    struct verdict_finding *first, **last, *newest;
    size_t count;
};

struct verdict_reader {
    struct verdict_options options;
    struct arena *arena;
    struct map tables;  /* of struct verdict_table, by key */
    struct map columns; /* of struct verdict_type, by table and column */
    struct map domains; /* that have a constraint, by key */
    struct map checks;  /* of struct verdict_check, by table and constraint */
    enum error error;

    unsigned file;  /* counts from 1 */
    unsigned epoch; /* counts statements that may have changed anything: what was known before them is forgotten */
    bool in_transaction, has_lock_timeout;
    bool has_path;               /* the file has set search_path: names without schema are this file's own */
    struct verdict_entry *begun; /* the statement that began the transaction; NULL: the file's runner did */
    enum verdict_lock held;      /* the strongest of the transaction that others wait for */
    struct slice held_table;

    struct sqltoken_reader at; /* of the present statement, behind `token` */
    struct sqltoken token;
    struct verdict_entry *entry;
};

/* The statement's tokens, without comments. */
void verdict_reader_begin(struct verdict_reader *reader, struct slice text);
void verdict_reader_advance(struct verdict_reader *reader);
bool verdict_reader_is_end(const struct verdict_reader *reader);
bool verdict_reader_is(const struct verdict_reader *reader, const char *word);
/* Passes over words, "if not exists", when all of them come next; else it stays. */
bool verdict_reader_accept(struct verdict_reader *reader, const char *words);
bool verdict_reader_accept_mark(struct verdict_reader *reader, char mark);
/* Passes over (…) when it comes next, or one token. */
void verdict_reader_skip(struct verdict_reader *reader);
/* Passes over an item of a list: to the comma or the parenthesis that closes the list, or the end. */
void verdict_reader_skip_item(struct verdict_reader *reader);
/* Whether the word comes somewhere in the rest of the statement, outside parentheses. */
bool verdict_reader_has(const struct verdict_reader *reader, const char *word);
/* A name with or without schema; empty when none comes next. */
struct verdict_name verdict_reader_name(struct verdict_reader *reader);

/* Adds a finding. On a table of this very file it becomes "new-table", unless the rule always holds or is a note. */
struct verdict_finding *verdict_reader_find(struct verdict_reader *reader, enum verdict_id id,
                                            struct verdict_name table, struct slice column);
/* Makes a finding one of another rule. */
void verdict_reader_change(struct verdict_reader *reader, struct verdict_finding *finding, enum verdict_id id);
struct verdict_table *verdict_reader_table(struct verdict_reader *reader, struct verdict_name name);
/* The name is free from here on, or another table's: forgets its columns and constraints. */
void verdict_reader_drop(struct verdict_reader *reader, struct verdict_name name, struct verdict_finding *finding);
bool verdict_reader_is_new(struct verdict_reader *reader, struct verdict_name name);
/* Domains with a constraint: whether a type is one, and that it is one from here on. */
bool verdict_reader_is_domain(const struct verdict_reader *reader, const struct verdict_type *type);
void verdict_reader_add_domain(struct verdict_reader *reader, struct verdict_name name);
struct verdict_type *verdict_reader_type(struct verdict_reader *reader, struct verdict_name table,
                                         struct verdict_name column);
struct verdict_check *verdict_reader_check(struct verdict_reader *reader, struct verdict_name table,
                                           struct verdict_name constraint);

/* Whether a validated CHECK has shown that a column is never null. */
bool verdict_reader_is_checked(struct verdict_reader *reader, struct verdict_name table, struct verdict_name column);
/* A column is gone, or has another name: what is known of it no longer counts. */
void verdict_reader_drop_column(struct verdict_reader *reader, struct verdict_name table, struct verdict_name column);

/* A column definition behind its name's place: `name type constraints`. */
void verdict_column_read(struct verdict_reader *reader, struct verdict_column *out);
void verdict_column_read_type(struct verdict_reader *reader, struct verdict_type *out);
/* What the type of a new column is worth remarking. */
void verdict_column_note(struct verdict_reader *reader, struct verdict_name table, const struct verdict_column *column);
/* Whether every stored value of one type is one of the other, byte for byte. */
bool verdict_column_widens(const struct verdict_type *from, const struct verdict_type *to);
/* The column of `(column IS NOT NULL)` that comes next, which is not passed over; else empty. */
struct slice verdict_column_of_not_null(const struct verdict_reader *reader);
/* The list of columns and constraints of CREATE TABLE, from its parenthesis on: remembers and remarks. */
void verdict_column_list(struct verdict_reader *reader, struct verdict_name table);

/* Whole statements. */
void verdict_postgres_judge(struct verdict_reader *reader);
void verdict_alter_judge(struct verdict_reader *reader);
void verdict_sqlite_judge(struct verdict_reader *reader);

#endif
