/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of OAuth: what is accepted is UTF-8 without NUL, and written again it says the same. */
#include <stdint.h>

#include "api/oauth_form.h"
#include "base/check.h"
#include "base/percent.h"
#include "base/utf8.h"

enum { MEMORY = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_again(const struct oauth_form *form, struct arena *arena)
{
    struct oauth_form again;
    struct buf written;
    buf_init(&written, MEMORY);
    for (unsigned i = 0; i < OAUTH_PARAMETER_COUNT; i++) {
        if (form->values[i].len == 0)
            continue;
        CHECK(utf8_is_valid(form->values[i]), "a value is UTF-8");
        CHECK(slice_index(form->values[i], '\0') == form->values[i].len, "a value has no NUL");
        buf_put_text(&written, oauth_form_name((enum oauth_parameter)i));
        buf_put_byte(&written, '=');
        percent_encode_query(&written, form->values[i]);
        buf_put_byte(&written, '&');
    }
    if (written.len <= 16 * 1024) {
        CHECK(oauth_form_parse(buf_slice(&written), arena, &again) == OK, "what was written is read");
        CHECK(again.twice == 0, "nothing was written twice");
        for (unsigned i = 0; i < OAUTH_PARAMETER_COUNT; i++)
            CHECK(slice_eq(form->values[i], again.values[i]), "a value survives being written");
    }
    buf_fini(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena arena;
    struct oauth_form form;
    arena_init(&arena, MEMORY);
    if (oauth_form_parse(slice_of((const char *)bytes, size), &arena, &form) == OK)
        check_again(&form, &arena);
    arena_fini(&arena);
    return 0;
}
