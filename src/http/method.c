/* SPDX-License-Identifier: Apache-2.0 */
/* Methods by name and number. The look-up goes by length first: a request line costs one comparison or two. */
#include "http/method.h"

static const struct slice names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = SLICE_INIT("GET"),         [HTTP_HEAD] = SLICE_INIT("HEAD"),   [HTTP_POST] = SLICE_INIT("POST"),
    [HTTP_PUT] = SLICE_INIT("PUT"),         [HTTP_PATCH] = SLICE_INIT("PATCH"), [HTTP_DELETE] = SLICE_INIT("DELETE"),
    [HTTP_OPTIONS] = SLICE_INIT("OPTIONS"), [HTTP_TRACE] = SLICE_INIT("TRACE"), [HTTP_CONNECT] = SLICE_INIT("CONNECT"),
    [HTTP_OTHER] = SLICE_INIT("OTHER"),
};

struct slice method_name(enum http_method method)
{
    return names[method < HTTP_METHOD_COUNT ? method : HTTP_OTHER];
}

enum http_method method_parse(struct slice name)
{
    for (enum http_method method = HTTP_GET; method < HTTP_OTHER; method++)
        if (names[method].len == name.len && memcmp(names[method].ptr, name.ptr, name.len) == 0)
            return method;
    return HTTP_OTHER;
}

void method_format_set(uint64_t set, struct buf *buf)
{
    const char *separator = "";
    for (enum http_method method = HTTP_GET; method < HTTP_OTHER; method++) {
        if (!(set & method_bit(method)))
            continue;
        buf_put_text(buf, separator);
        buf_put_slice(buf, names[method]);
        separator = ", ";
    }
}
