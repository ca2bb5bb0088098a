/* SPDX-License-Identifier: Apache-2.0 */
/* Query strings: what is accepted is UTF-8 without NUL, and written again, all encoded, it says the same. */
#include <stdint.h>

#include "base/check.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "http/urlquery.h"

enum { MEMORY = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_text(struct slice text)
{
    CHECK(utf8_is_valid(text), "decoded text is UTF-8");
    CHECK(slice_index(text, '\0') == text.len, "decoded text has no NUL");
}

static void write_pair(const struct urlquery_pair *pair, struct buf *out)
{
    percent_encode_query(out, pair->name);
    if (pair->op.ptr) {
        buf_put_literal(out, "%5B");
        percent_encode_query(out, pair->op);
        buf_put_literal(out, "%5D");
    }
    buf_put_byte(out, '=');
    percent_encode_query(out, pair->value);
    buf_put_byte(out, '&');
}

static void check_same(const struct urlquery_pair *a, const struct urlquery_pair *b)
{
    CHECK(slice_eq(a->name, b->name), "a name survives being written");
    CHECK((a->op.ptr == NULL) == (b->op.ptr == NULL), "an operator stays or is still absent");
    CHECK(slice_eq(a->op, b->op), "an operator survives being written");
    CHECK(slice_eq(a->value, b->value), "a value survives being written");
}

static void check_again(const struct urlquery *query, struct arena *arena)
{
    struct urlquery again;
    struct buf written;
    buf_init(&written, MEMORY);
    for (size_t i = 0; i < query->count; i++)
        write_pair(&query->pairs[i], &written);
    CHECK(urlquery_parse(buf_slice(&written), URLQUERY_PAIRS_MAX, arena, NULL, &again) == OK,
          "what was written is read");
    CHECK(again.count == query->count, "no pair is lost");
    for (size_t i = 0; i < query->count; i++)
        check_same(&query->pairs[i], &again.pairs[i]);
    buf_fini(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena arena;
    struct diag diag;
    struct urlquery query;
    arena_init(&arena, MEMORY);
    diag_init(&diag, &arena);
    enum error error = urlquery_parse(slice_of((const char *)bytes, size), URLQUERY_PAIRS_MAX, &arena, &diag, &query);
    CHECK((error == OK) == (diag.count == 0 && !diag.message), "a refusal says why");
    if (error == OK) {
        for (size_t i = 0; i < query.count; i++) {
            check_text(query.pairs[i].name);
            check_text(query.pairs[i].op);
            check_text(query.pairs[i].value);
        }
        check_again(&query, &arena);
    }
    arena_fini(&arena);
    return 0;
}
