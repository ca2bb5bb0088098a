/* SPDX-License-Identifier: Apache-2.0 */
#include "base/htmlwrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void htmlwrite_text_leaves_nothing_that_means_something(void **state)
{
    static const struct {
        struct slice text, html;
    } rows[] = {
        {SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("plain text, 100% of it"), SLICE_INIT("plain text, 100% of it")},
        {SLICE_INIT("<script>alert(\"x\")</script>"), SLICE_INIT("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;")},
        {SLICE_INIT("' onclick='x"), SLICE_INIT("&#39; onclick=&#39;x")},
        {SLICE_INIT("&amp;"), SLICE_INIT("&amp;amp;")},
        {SLICE_INIT("caf\xc3\xa9 \xe2\x82\xac"), SLICE_INIT("caf\xc3\xa9 \xe2\x82\xac")},
        {SLICE_INIT("a\0b\x1b\x7f\r"), SLICE_INIT("a\xef\xbf\xbd"
                                                  "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")},
        {SLICE_INIT("a\tb\nc"), SLICE_INIT("a\tb\nc")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        buf_init(&out, 1 << 16);
        htmlwrite_text(&out, rows[i].text);
        assert_true(slice_eq(buf_slice(&out), rows[i].html));
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(htmlwrite_text_leaves_nothing_that_means_something)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
