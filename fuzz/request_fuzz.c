/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says beside its route: the query string of a list and of a row, a body for each kind of change,
 * cursors, and the headers that are negotiated. Whatever the text, reading it over a schema with a field of every type
 * ends with an answer, and a refusal says why. The first byte chooses what is read. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/body.h"
#include "api/cursor.h"
#include "api/listing.h"
#include "app/settings.h"
#include "base/check.h"
#include "base/digest.h"
#include "base/random.h"
#include "http/negotiate.h"
#include "model/model.h"

enum { MEMORY = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char app[] = "resources:\n"
                          "  items:\n"
                          "    fields:\n"
                          "      name: text(1..80) required unique\n"
                          "      mail: email\n"
                          "      site: url\n"
                          "      state: enum(draft, open) = draft\n"
                          "      size: int(0..9)\n"
                          "      ratio: float\n"
                          "      price: decimal(12,2)\n"
                          "      open: bool\n"
                          "      due: date\n"
                          "      at: datetime\n"
                          "      code: {type: text, pattern: '^[a-z]+$'}\n"
                          "      ref: uuid\n"
                          "      data: json\n"
                          "      tags: list(text)\n"
                          "      sums: list(decimal(6,2))\n"
                          "      secret: text hidden\n"
                          "      pass: password\n"
                          "      owner: items\n"
                          "    search: [name, code]\n"
                          "    access: {all: true}\n";

/* Loaded once, and kept: only what is read of an input is freed behind it. */
static const struct settings *load(void)
{
    static struct settings settings;
    static struct arena arena;
    static const struct settings *loaded;
    struct diag diag;
    char path[] = "/tmp/tenon-fuzz-XXXXXX.yaml";
    if (loaded)
        return loaded;
    int fd = mkstemps(path, 5);
    CHECK(fd >= 0 && write(fd, app, sizeof app - 1) == (ssize_t)sizeof app - 1, "the app file is written");
    close(fd);
    arena_init(&arena, MEMORY);
    diag_init(&diag, &arena);
    CHECK(settings_load(path, &arena, &diag, &settings) == OK, "the app file is right");
    unlink(path);
    return loaded = &settings;
}

/* The same bytes for each input, so that a finding can be repeated. */
static enum error fill_same(void *state, void *bytes, size_t size)
{
    memset(bytes, 0x5a, size);
    return OK;
}

static void read_list(const struct listing_scope *scope, struct slice text, struct session *session)
{
    struct listing listing;
    enum error error = listing_parse(scope, text, session, &listing);
    CHECK(error != ERROR_VALIDATION || session->diag->count > 0 || session->diag->message, "a refusal says why");
    CHECK(error != OK || listing.page.limit <= scope->settings->page_max, "a page is capped");
}

static void read_body(enum change_kind kind, struct slice text, struct session *session,
                      const struct resource *resource)
{
    struct change *changes;
    size_t count = 0;
    bool is_many;
    enum error error = body_read_changes(text, kind, resource, session, &changes, &count, &is_many);
    CHECK(error != OK || (count > 0 && count <= BODY_ROWS_MAX), "a body that is read brings changes");
    CHECK(error != ERROR_INTERNAL && error != ERROR_IO, "a body is right or wrong");
}

static void read_headers(struct slice text, struct arena *arena)
{
    const struct negotiate_etag current = {SLICE("7"), false};
    struct slice out;
    bool verdict;
    (void)negotiate_accept(text, SLICE("application/json"));
    (void)negotiate_accept_encoding(text);
    (void)!negotiate_if_match(text, &current, &verdict);
    (void)!negotiate_if_none_match(text, &current, &verdict);
    (void)negotiate_prefer_return(text);
    (void)!negotiate_content_type(text, &out);
    (void)!negotiate_idempotency_key(text, arena, &out);
}

static void read_cursor(struct slice text, struct arena *arena)
{
    struct hmac_key *key;
    struct value values[3];
    if (digest_hmac_create(SLICE("a key of thirty-two bytes, or so"), &key) != OK)
        return;
    for (size_t count = 1; count <= 3; count++)
        CHECK(cursor_decode(key, 42, text, count, arena, values) != OK, "nobody guesses a signature");
    digest_hmac_destroy(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    const struct settings *settings = load();
    const struct resource *resource = &settings->schema->resources[0];
    struct slice text = slice_of((const char *)bytes + 1, size - 1);
    struct arena arena;
    struct diag diag;
    struct shape plain, shape;
    struct hmac_key *key;
    struct random_source random;
    arena_init(&arena, MEMORY);
    diag_init(&diag, &arena);
    random_source_init(&random, fill_same, NULL);
    struct model_core core = {.random = &random};
    struct session session = {
        .core = &core, .deadline = DEADLINE_NEVER, .caller = CALLER_ANONYMOUS, .arena = &arena, .diag = &diag};
    CHECK(shape_plain(resource, NULL, &arena, &plain) == OK, "there is memory");
    CHECK(digest_hmac_create(SLICE("a key"), &key) == OK, "there is memory");
    const struct listing_scope scope = {settings->schema, resource, &settings->api, key, &plain};
    switch (bytes[0] % 7) {
    case 0: read_list(&scope, text, &session); break;
    case 1: (void)!listing_parse_single(&scope, text, &session, &shape); break;
    case 2: read_body(CHANGE_CREATE, text, &session, resource); break;
    case 3: read_body(CHANGE_REPLACE, text, &session, resource); break;
    case 4: read_body(CHANGE_MERGE, text, &session, resource); break;
    case 5: read_headers(text, &arena); break;
    default: read_cursor(text, &arena);
    }
    digest_hmac_destroy(key);
    arena_fini(&arena);
    return 0;
}
