/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/attr.h"

/* The one error type. Zero is success; every code has a row in base/error.def. */
enum error {
    OK = 0,
#define X(name, code, http_status, grpc_status, sentence) ERROR_##name,
#include "base/error.def"
#undef X
    ERROR_COUNT
};

/* Returns the failure of `expression` to the caller. The one macro that hides a return. */
#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        enum error try_error = (expression);                                                                           \
        if (UNLIKELY(try_error != OK))                                                                                 \
            return try_error;                                                                                          \
    } while (0)

/* The stable code that clients see, such as "NOT_FOUND"; "OK" for OK. Static memory. */
ANY_CORE const char *error_code(enum error error);
/* The HTTP status of an error; 200 for OK (RFC 9110 section 15). */
ANY_CORE int error_http_status(enum error error);
/* The gRPC status code of an error (grpc/doc/statuscodes.md). */
ANY_CORE int error_grpc_status(enum error error);
/* A sentence for people, lower case, without a full stop. Static memory. */
ANY_CORE const char *error_sentence(enum error error);

#endif
