/* SPDX-License-Identifier: Apache-2.0 */
/* The error table of base/error.def as functions. */
#include "base/error.h"

#include "base/check.h"

struct error_row {
    const char *code;
    const char *sentence;
    short http_status;
    short grpc_status;
};

static const struct error_row rows[ERROR_COUNT] = {
    [OK] = {"OK", "done", 200, 0},
#define X(name, code, http_status, grpc_status, sentence) [ERROR_##name] = {code, sentence, http_status, grpc_status},
#include "base/error.def"
#undef X
};

static const struct error_row *error_row(enum error error)
{
    CHECK((unsigned)error < ERROR_COUNT, "an error has a row in error.def");
    return &rows[error];
}

const char *error_code(enum error error)
{
    return error_row(error)->code;
}

int error_http_status(enum error error)
{
    return error_row(error)->http_status;
}

int error_grpc_status(enum error error)
{
    return error_row(error)->grpc_status;
}

const char *error_sentence(enum error error)
{
    return error_row(error)->sentence;
}
