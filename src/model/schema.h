/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_SCHEMA_H
#define MODEL_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/value.h"

/* The resources of an app: what the app file declares, resolved and checked. Immutable once loaded, shared by all
 * cores, and freed with the arena it lives in. */

struct action_spec;
struct expr;
struct regex;
struct resource;

/* How values look and are stored. TEXT columns unless said otherwise.
 *   text email url password enum   as they are (email collates without ASCII case)
 *   int bool                        INTEGER (bool as 0 and 1)
 *   float                           REAL
 *   decimal                         INTEGER, scaled by 10^scale
 *   datetime                        27 bytes, 2026-01-02T03:04:05.678901Z: sorts as time
 *   date                            2026-01-02
 *   uuid                            36 bytes, lower case
 *   json list                       JSON text, as received without white space
 *   reference                       as the other resource's id: INTEGER or uuid text */
enum field_type {
    FIELD_TEXT,
    FIELD_INT,
    FIELD_FLOAT,
    FIELD_DECIMAL,
    FIELD_BOOL,
    FIELD_DATETIME,
    FIELD_DATE,
    FIELD_UUID,
    FIELD_JSON,
    FIELD_ENUM,
    FIELD_EMAIL,
    FIELD_URL,
    FIELD_PASSWORD,
    FIELD_LIST,
    FIELD_REFERENCE,
    FIELD_TYPE_COUNT
};

enum on_delete { ON_DELETE_RESTRICT, ON_DELETE_CASCADE, ON_DELETE_SET_NULL };
enum default_kind { DEFAULT_NONE, DEFAULT_VALUE, DEFAULT_NOW, DEFAULT_AUTH_ID };
/* Who gives a row its key: the engine a new uuid, the database the next number, or whoever creates it. */
enum id_kind { ID_UUID, ID_INT, ID_SENT };

/* A type with its limits; also what a list holds. */
struct type {
    enum field_type kind;
    int64_t min, max; /* text, email, url, password: code points; int: values; list: elements */
    double float_min, float_max;
    unsigned precision, scale;   /* decimal; its min and max above are scaled */
    const struct slice *choices; /* enum */
    size_t choice_count;
    const struct resource *target; /* reference */
    const struct type *element;    /* list: a scalar type, never a list or a password */
    const struct resource *record; /* json, in the input of an action: a list of min to max objects with these fields */
    const struct field *order;     /* of a record: what the objects are sorted by; NULL: they stay as they were sent */
};

enum field_flag {
    FIELD_REQUIRED = 1 << 0,
    FIELD_UNIQUE = 1 << 1,
    FIELD_INDEXED = 1 << 2,
    FIELD_READONLY = 1 << 3,  /* set by the server only */
    FIELD_HIDDEN = 1 << 4,    /* writable, never read, filtered, sorted or searched */
    FIELD_IMMUTABLE = 1 << 5, /* set on create */
    FIELD_SYSTEM = 1 << 6,    /* id, created_at, updated_at, version */
    FIELD_CONTENT = 1 << 7,   /* an index (gin, gist) knows what its values hold: PostgreSQL only */
    FIELD_KEY = 1 << 8,       /* identifies a row; never null */
    FIELD_ADOPTED = 1 << 9,   /* of a table that somebody else made: its column may be of a kindred type */
};

struct field {
    struct slice name;      /* in the schema */
    struct slice column;    /* in the database; the same but in an adopted table */
    struct slice json_name; /* as `naming` says */
    struct slice json_key;  /* "\"json_name\":", ready to be written */
    unsigned index;         /* in resource.fields */
    unsigned flags;
    struct type type;
    enum on_delete on_delete;
    enum default_kind default_kind;
    struct value default_value; /* as stored; of DEFAULT_VALUE */
    const struct regex *pattern;
    const char *pattern_text;
    const char *description;
    struct slice renamed_from; /* what migrations knew it as; empty: it has kept its name */
    struct place place;
};

struct index_column {
    const struct field *field;
    bool is_descending;
};

/* How an index finds values. What SQLite has no other kind for is an ordinary index there (hash), or none. */
enum index_kind {
    INDEX_BTREE, /* by their order */
    INDEX_HASH,  /* one value; smaller than a btree where values are long */
    INDEX_GIN,   /* what they hold: the elements of a list, the parts of a text */
    INDEX_GIST,  /* the parts of a text */
};

struct index {
    struct slice name; /* "<table>_<fields>", unique in the database */
    const struct index_column *columns;
    size_t column_count;
    const struct field *const *include; /* covering columns */
    size_t include_count;
    const struct expr *where; /* partial; NULL: all rows */
    bool is_unique;
    enum index_kind kind;
    struct place place;
};

enum action { ACTION_READ, ACTION_CREATE, ACTION_UPDATE, ACTION_DELETE, ACTION_COUNT };

/* One access rule: what those whom it is for may do. */
struct rule {
    const struct expr *whose; /* knows the caller alone; NULL: everybody's */
    const struct expr *allow; /* which rows; NULL: all */
    bool is_denial;           /* `false`: none */
    bool is_secret;           /* variables were replaced in it: its text must not be shown */
    const uint64_t *fields;   /* bit set over field indexes that may be written (or read); NULL: all */
    struct place place;
};

/* The rules for an action: the first that is for a caller is theirs. None is: nothing may be done. */
struct access {
    const struct rule *rules;
    size_t count;
};

/* Rows of another resource that refer to this one: usable in expressions on the right of `in`. */
struct relation {
    struct slice name; /* the referring resource's, or the reference's `as:` */
    const struct resource *from;
    const struct field *via;
};

enum {
    RESOURCE_FIELDS_MAX = 200,
    RESOURCE_KEY_MAX = 8,
    RESOURCE_RULES_MAX = 16, /* for one action */
    SCHEMA_RESOURCES_MAX = 1000,
    SCHEMA_ACTIONS_MAX = 200,
    SCHEMA_ROLES_MAX = 100
};

struct resource {
    struct slice name;  /* also its path segment */
    struct slice table; /* or view; the same as the name but in an adopted one */
    unsigned index;     /* in schema.resources */
    enum id_kind id_kind;
    bool is_adopted; /* somebody else made the table: it is never created, altered or compared text by text */
    bool is_view;    /* read only */
    /* id first (unless `key:` names other fields), then as declared, then created_at, updated_at, version. */
    const struct field *fields;
    size_t field_count;
    const struct field *const *key; /* what identifies a row, in the order of its path; each is FIELD_KEY */
    size_t key_count;               /* 0: nothing does, as in a view: it is only listed */
    const struct field *id;         /* the key where that is one field; else NULL, and nothing refers to it */
    const struct field *created_at, *updated_at, *version; /* may be NULL in an adopted table */
    const struct index *indexes;
    size_t index_count;
    const struct field *const *search; /* full-text fields */
    size_t search_count;
    struct access access[ACTION_COUNT];
    const struct relation *relations;
    size_t relation_count;
    const char *description;
    struct slice renamed_from; /* as a field's */
    struct place place;
};

/* What a kind of account may do. */
struct role {
    struct slice name;
    const struct slice *patterns; /* "markets:*" */
    size_t pattern_count;
    const uint64_t *permissions; /* set over schema.permissions */
    struct place place;
};

/* A compiled pattern, which is not arena memory. */
struct schema_pattern {
    struct schema_pattern *next;
    struct regex *regex;
};

struct schema {
    struct resource *resources;
    size_t resource_count;
    struct schema_pattern *patterns;   /* all of them; schema_build_release() destroys them */
    const struct resource *account;    /* the resource that signs in (has a password field), or NULL */
    const struct action_spec *actions; /* model/action.h */
    size_t action_count;
    const struct slice *permissions; /* all that rules and scopes ask for, see model/permission.h */
    size_t permission_count;
    const struct role *roles;
    size_t role_count;
};

/* The resource of that name, or NULL. */
const struct resource *schema_find(const struct schema *schema, struct slice name);
/* The field of that column, or NULL; databases do not all tell names apart by their capital letters. */
const struct field *resource_find_column(const struct resource *resource, struct slice column);
/* The field of that schema name, or NULL. */
const struct field *resource_find_field(const struct resource *resource, struct slice name);
/* The field of that JSON name, or NULL. */
const struct field *resource_find_json(const struct resource *resource, struct slice json_name);

static inline bool field_is(const struct field *field, enum field_flag flag)
{
    return (field->flags & flag) != 0;
}

/* "read", "create", "update", "delete". */
const char *schema_action_name(enum action action);

/* Whether an index of this kind can hold fields of this type. */
bool schema_index_takes(enum index_kind kind, const struct type *type);

/* "text", "int", …: as the app file spells it. */
const char *type_name(enum field_type kind);

#endif
