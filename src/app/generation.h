/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_GENERATION_H
#define APP_GENERATION_H

#include "api/rest.h"
#include "app/settings.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "http/guard.h"
#include "model/model.h"

struct audit;
struct db;
struct fetch;
struct http_metrics;
struct http_site;
struct identity;
struct limit;
struct limit_metrics;
struct limiter;
struct log;
struct mailer;
struct offload;
struct tn_app;

/* One reading of the app file and all that was built from it: settings, schema, model, routes. A reload builds the next
 * one beside it; requests in flight end on the one they began with, and the last of them frees it. */
struct generation {
    struct arena arena;
    struct settings settings;
    struct model *model;
    struct rest *rest;
    struct identity *identity; /* NULL: nobody signs in, or the app is only looked at */
    struct http_guard guard;
    struct limiter *limiter; /* NULL: nothing is limited */
    struct http_site *site;  /* the public one */
    struct tn_app *program;  /* the C program around it, or NULL */
};

/* Adds what the program and the engine serve besides the declared resources. */
typedef enum error generation_extend(void *state, struct generation *generation, struct diag *diag);

/* Reads an app file. Owner: the caller; generation_destroy(), until generation_build() has succeeded.
 * Errors: ERROR_VALIDATION (the diag has every mistake), ERROR_MEMORY. */
MUST_USE enum error generation_load(const char *path, struct diag *diag, struct generation **out);

struct generation_parts {
    struct db *db;
    struct offload *offload;
    struct http_metrics *metrics;
    unsigned core_count;
    struct mailer *mailer; /* NULL: nothing can be mailed */
    struct fetch *fetch;   /* for what other issuers publish; NULL: there are none */
    struct audit *audits;  /* by core; NULL: the app is only looked at, and nobody can sign in */
    struct limit *limit;   /* what callers have asked for; NULL: the app is only looked at, and nobody is limited */
    struct limit_metrics *limit_metrics;
    struct log *const *core_logs;
    generation_extend *extend; /* NULL: nothing */
    void *extend_state;
    bool is_closed; /* nothing but health is served, and the database is not asked: it is not there yet */
};
/* Builds model, handlers and site on the tables that exist. From now on the generation belongs to its site: it ends
 * when the site's last reference is given back. Blocks. Errors: ERROR_MEMORY, ERROR_CONFLICT (two routes are one),
 * those of model_create(). */
MUST_USE enum error generation_build(struct generation *generation, const struct generation_parts *parts,
                                     struct diag *diag);

/* Builds the routes alone, without a database, to be looked at and never served. The generation stays the caller's.
 * Errors: ERROR_MEMORY, ERROR_CONFLICT. */
MUST_USE enum error generation_outline(struct generation *generation, generation_extend *extend, void *extend_state,
                                       struct diag *diag);

/* Accepts NULL, and one that was not built. */
void generation_destroy(struct generation *generation);

#endif
