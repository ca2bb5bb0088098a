/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_PROGRAM_H
#define APP_PROGRAM_H

#include "app/generation.h"
#include "base/arena.h"
#include "base/attr.h"
#include "model/session.h"
#include "tenon/tenon.h"

/* What stands behind the handles of the public C API. */

struct program_route {
    struct program_route *next;
    const char *spec;
    tn_handler *handler;
};

struct program_hook {
    struct program_hook *next;
    struct slice event; /* "markets.create" */
    tn_handler *handler;
};

struct tn_app {
    const char *path;
    struct arena arena;
    struct program_route *routes;
    struct program_hook *hooks;
    bool is_out_of_memory; /* a route or hook could not be kept */
};

struct tn_request {
    struct exchange *x;
    struct rest *rest;
    struct session session;
};

/* A materialised row: its columns' names are shared by all rows of a statement. */
struct tn_row_data {
    const struct slice *names;
    const tn_value *values;
    size_t count;
};

struct tn_rows_data {
    const struct tn_row_data *rows;
    size_t count;
};

/* Adds the routes and hooks of a program to a generation; `state` is its tn_app. A generation_extend. */
MUST_USE enum error program_extend(void *state, struct generation *generation, struct diag *diag);

/* Empties the answer but for the headers that the program has added. */
void program_clear_answer(struct exchange *x);
/* Whether the request is inside tn_db_tx(). */
bool program_is_in_unit(const struct tn_request *request);

/* Frees the app. */
void program_destroy(struct tn_app *app);

#endif
