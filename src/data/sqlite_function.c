/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL functions of the expression language's `~` and `like`, over base/utf8.h. */
#include "data/sqlite_function.h"

#include "base/utf8.h"

typedef bool matcher(struct slice text, struct slice pattern);

static struct slice text_of(sqlite3_value *value)
{
    const char *text = (const char *)sqlite3_value_text(value);
    return slice_of(text, (size_t)sqlite3_value_bytes(value));
}

static void answer(sqlite3_context *context, sqlite3_value **values, matcher *match)
{
    if (sqlite3_value_type(values[0]) == SQLITE_NULL || sqlite3_value_type(values[1]) == SQLITE_NULL)
        return;
    struct slice text = text_of(values[0]);
    struct slice pattern = text_of(values[1]);
    if (!text.ptr || !pattern.ptr)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_int(context, match(text, pattern));
}

static void contains(sqlite3_context *context, int count, sqlite3_value **values)
{
    answer(context, values, utf8_contains_folded);
}

static void like(sqlite3_context *context, int count, sqlite3_value **values)
{
    answer(context, values, utf8_like_folded);
}

enum error sqlite_function_register(sqlite3 *handle)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    if (sqlite3_create_function_v2(handle, "tn_contains", 2, flags, NULL, contains, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_create_function_v2(handle, "tn_like", 2, flags, NULL, like, NULL, NULL, NULL) != SQLITE_OK)
        return ERROR_MEMORY;
    return OK;
}
