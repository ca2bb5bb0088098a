/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_SETTINGS_H
#define APP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "api/api_settings.h"
#include "app/variables.h"
#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/node.h"
#include "base/slice.h"
#include "data/db.h"
#include "http/http_settings.h"
#include "model/schema.h"
#include "svc/identity.h"
#include "svc/limiter.h"

/* What an app file says, checked and typed. Immutable; it lives in the arena it was loaded into. */

enum { SETTINGS_LISTEN_MAX = 8 };

struct settings_address {
    struct slice text; /* as written: for people */
    const char *host;  /* an address or a name without brackets; "" is every address */
    unsigned port;     /* 0: any free one */
};

enum settings_migrations { SETTINGS_REVERSIBLE, SETTINGS_FORWARD_ONLY };
enum settings_level { SETTINGS_DEBUG, SETTINGS_INFO, SETTINGS_WARN, SETTINGS_ERROR };

struct settings_addresses {
    struct settings_address items[SETTINGS_LISTEN_MAX];
    size_t count; /* at least 1 */
};

struct settings_texts {
    const struct slice *items;
    size_t count;
};

struct settings_database {
    const char *url;     /* "sqlite:…", "postgres://…"; may hold a secret */
    const char *shown;   /* what logs may say */
    struct db_pool pool; /* but for the replicas */
    struct settings_texts replicas;
    int64_t start_ms;
};

/* What the file says of identity: as written, and as the engine takes it. */
struct settings_auth {
    struct identity_config config;
    const struct node *when, *secret, *keys, *issuers, *providers, *clients;
    size_t memory_bytes;
    unsigned iterations, parallelism;
};

struct settings_mail {
    const struct node *url_node;
    const char *url; /* NULL: nothing can be mailed */
    struct slice from;
};

struct settings {
    const char *path;      /* of the app file */
    const char *directory; /* of the app file; "." when the path has none */
    struct slice name;
    struct settings_addresses listen;
    struct settings_database database;
    unsigned cores; /* 0: one per CPU */
    struct api_settings api;
    struct http_settings http;
    struct settings_address admin;
    bool admin_is_chosen;
    struct settings_auth auth;
    struct settings_mail mail;
    const struct node *limits_node; /* as written */
    struct limiter_config limits;
    enum settings_migrations migrations;
    enum settings_level log_level;
    struct settings_texts redact;
    const struct schema *schema;
    const struct node *root;  /* what was read: to be written again */
    const char *const *files; /* that were read, the app file first */
    size_t file_count;
};

/* Reads an app file with all that it includes, and checks all of it. Everything in `out` lives in `arena` (give it
 * 256 MiB as a limit). Every mistake and warning is in `diag`, which must not be NULL, in the order of the file.
 * Errors: ERROR_VALIDATION, ERROR_MEMORY. */
MUST_USE
enum error settings_load(const char *path, struct arena *arena, struct diag *diag, struct settings *out);
/* The same with variables from elsewhere than the process; for tests. */
MUST_USE
enum error settings_load_with(const char *path, const struct variables *variables, struct arena *arena,
                              struct diag *diag, struct settings *out);
/* The same from a tree (app/yamltree.h) that was read already; `path`, `directory` and `files` stay empty. */
MUST_USE
enum error settings_read(const struct node *root, struct arena *arena, struct diag *diag, struct settings *out);
/* Gives back what settings hold outside of their arena; before the arena is freed. Accepts empty ones. */
void settings_fini(struct settings *settings);
/* Reads an address such as `127.0.0.1:8080`, `[::1]:0` or `:80`, as `listen` and the command line take it.
 * Errors: ERROR_VALIDATION, ERROR_MEMORY. */
MUST_USE
enum error settings_value_address(struct slice text, struct arena *arena, struct settings_address *out);

/* A row of settings.def. */
enum settings_kind {
    SETTINGS_TEXT,
    SETTINGS_TEXTS,
    SETTINGS_LINK, /* an address with {token} in it */
    SETTINGS_COUNT,
    SETTINGS_SIZE,
    SETTINGS_DURATION_MS,
    SETTINGS_DURATION_S,
    SETTINGS_CHOICE,
    SETTINGS_FLAG,
    SETTINGS_PATH,
    SETTINGS_ADDRESSES,
    SETTINGS_ADMIN,
    SETTINGS_DATABASE,
    SETTINGS_ORIGINS,
    SETTINGS_PROXIES,
    /* These are read later, by settings_auth.c, settings_limits.c, settings_oauth.c and settings_provider.c. */
    SETTINGS_CONDITION,
    SETTINGS_SECRET,
    SETTINGS_KEYS,
    SETTINGS_ISSUERS,
    SETTINGS_PROVIDERS,
    SETTINGS_LIMITS,
    SETTINGS_CLIENTS,
    SETTINGS_KIND_COUNT
};
struct settings_row {
    const char *path;
    enum settings_kind kind;
    size_t offset; /* of the member in struct settings */
    const char *standard, *low, *high, *choices, *help;
};
/* The rows, in the order of settings.def. */
const struct settings_row *settings_rows(size_t *count);

#endif
