/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APP_ADOPTION_H
#define APP_ADOPTION_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"

/* An app file for a database that exists. */

enum adoption_access { ADOPTION_ACCESS_NONE, ADOPTION_ACCESS_READ, ADOPTION_ACCESS_ALL };

struct adoption {
    const char *url;
    const char *output; /* where the app file will stand; NULL: in the working directory */
    enum adoption_access access;
    void (*progress)(void *state, size_t done, size_t count); /* of tables; NULL: nobody asks */
    void *progress_state;
};

struct adoption_counts {
    size_t tables, left_out; /* tables that are served; tables and columns that are not */
};

/* Reads the database and writes its app file to `out`. What is left out, and what the app file cannot say, are warnings
 * of the diag. Blocks.
 * Errors: ERROR_VALIDATION (the URL), ERROR_IO (there is no such file), ERROR_UNAVAILABLE (the server does not answer),
 * those of catalog_read(). */
MUST_USE enum error adoption_write(const struct adoption *adoption, struct diag *diag, struct buf *out,
                                   struct adoption_counts *counts);

#endif
