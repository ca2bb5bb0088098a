/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_REST_H
#define API_REST_H

#include <stddef.h>

#include "api/api_settings.h"
#include "api/shape.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "http/exchange.h"
#include "model/schema.h"
#include "model/session.h"

struct hmac_key;
struct http_site;
struct idempotency;
struct model;

/* REST over the model: the routes of every declared resource (design, section 3). */

struct rest;

/* What a handler of one resource needs; the data of its routes. */
struct rest_resource {
    struct rest *rest;
    const struct resource *resource;
    struct shape *plains; /* by read rule, at least one: see rest_plain() */
};

/* Called before a change of the program's own choosing (tn_before): an error refuses the change. */
typedef enum error rest_hook(struct exchange *x, void *data);

struct rest {
    struct api_settings settings;
    struct model *model;
    struct idempotency *idempotency;
    struct hmac_key *cursor_key;
    struct rest_resource *resources; /* by resource index */
    size_t resource_count;
    /* Runs the hooks of an event such as "markets.create"; NULL: there are none. */
    enum error (*before)(void *state, struct exchange *x, const struct resource *resource, enum action action);
    /* Runs the hooks of an action; NULL: there are none. */
    enum error (*before_action)(void *state, struct exchange *x, struct slice name);
    void *before_state;
};

/* Makes the handlers of a model. Owner: the caller; rest_destroy() when no site uses them any more; `settings` is
 * copied (its texts are borrowed), `model` borrowed. Errors: ERROR_MEMORY. */
MUST_USE enum error rest_create(const struct api_settings *settings, struct model *model, struct arena *arena,
                                struct rest **out);
/* Accepts NULL. */
void rest_destroy(struct rest *rest);

/* Adds the routes of all resources, of the batch and of the actions. Errors: those of site_add_route(), ERROR_MEMORY.
 */
MUST_USE enum error rest_add_routes(struct rest *rest, struct http_site *site, struct arena *arena, struct diag *diag);

/* The site's error renderer; `data` is the rest. */
void rest_render_error(struct exchange *x, enum error error, void *data);

/* Begins the session of an exchange; session_fini() ends it, also after an error.
 * Errors: ERROR_NOT_ACCEPTABLE (the client takes no JSON), ERROR_VALIDATION (Tenon-Position). */
MUST_USE enum error rest_begin(struct exchange *x, struct model *model, struct session *session);
/* The same for what answers with pages, redirects or forms of its own, whatever the client accepts. */
void rest_begin_page(struct exchange *x, struct model *model, struct session *session);
/* Adds what the client sends back to read its own write, where there are replicas. */
void rest_put_position(struct exchange *x, const struct session *session);
/* The key of a row in a path, as stored; `segment` is the last of the path, with its escapes. A key of several fields
 * has them separated by commas, each with escapes of its own. `out` has room for RESOURCE_KEY_MAX values.
 * Errors: ERROR_NOT_FOUND (what is no key names no row), ERROR_MEMORY. */
MUST_USE enum error rest_path_key(const struct resource *resource, struct slice segment, struct arena *arena,
                                  struct value *out);
/* The key of the request's own path. Errors: the same. */
MUST_USE enum error rest_key(const struct exchange *x, const struct resource *resource, struct value *out);
/* Appends the path of a row. Errors are the buffer's. */
void rest_put_path(const struct rest *rest, const struct resource *resource, const struct value *key, struct buf *out);

/* The plain shape for whoever the session is for. */
const struct shape *rest_plain(const struct rest_resource *resource, const struct session *session);
/* Adds the one row of this key in this shape to the answer (without envelope), and its version.
 * Errors: ERROR_NOT_FOUND, those of the query. */
YIELDS MUST_USE enum error rest_put_row(struct rest *rest, struct session *session, const struct shape *shape,
                                        const struct value *key, struct buf *out, int64_t *version);
/* Sets the entity tag of a row: strong for the plain shape. Version 0: none. */
void rest_set_etag(struct exchange *x, const struct shape *shape, int64_t version);

#endif
