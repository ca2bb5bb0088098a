/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SIM_SHAPES_H
#define TEST_SIM_SHAPES_H

#include <stddef.h>

/* Kinds of requests that an API gets, for tests that try something on each of them. A request is a line, headers, and
 * behind an empty line a body. `%N` is a number that no other try has; other letters are what the answers to the
 * requests before it have said last:
 *     %I an id                   %F the token of a form        %K a code in a redirect
 *     %A an access token         %C the cookie of a sign-in    %X a token against forged requests
 *     %R a refresh token, %S the one before that */
struct shape {
    const char *name;
    const char *const *before; /* requests that prepare it; NULL: none */
    const char *request;
    int status;
    const char *check; /* a query for one number: what is stored; NULL: it writes nothing */
    long done, undone;
};

#define BEFORE(...)                                                                                                    \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

/* An app and what is asked of it. */
struct shape_set {
    const char *app;
    const char *const *rows; /* creates that every shape may rely on */
    size_t row_count;
    const struct shape *shapes;
    size_t count;
};

extern const struct shape_set shapes_rest, shapes_identity;

#endif
