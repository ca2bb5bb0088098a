/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PASSPHRASE_H
#define CLI_PASSPHRASE_H

#include <signal.h>

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

enum { PASSPHRASE_BYTES_MAX = 1024 };

/* Threads that are begun between these two never take the signals that end a program: they must find the one that reads
 * a password, so that it can show again what is typed. */
void passphrase_shelter(sigset_t *before);
void passphrase_unshelter(const sigset_t *before);

/* A line of standard input that is no one else's: without its end. On a terminal it is asked for on standard error,
 * twice, and not shown. Owner: the caller, who wipes `room` when it is done.
 * Errors: ERROR_VALIDATION (empty, too long, or the second is another), ERROR_IO; told in `diag`. */
MUST_USE enum error passphrase_read(struct diag *diag, char room[PASSPHRASE_BYTES_MAX], struct slice *out);

#endif
