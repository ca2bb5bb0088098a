/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/diag.h"
#include "base/error.h"

/* What a command has to say about an app file, for people or for programs. */

/* Prints every mistake and warning as "app.yaml:12:31: unknown modifier "requird"; did you mean "required"?", then the
 * sentence of the failure, if there is one. Colours only on a terminal that has not set NO_COLOR. */
void report_print(FILE *out, const struct diag *diag, enum error error);
/* The same without the warnings about the app file: for a command that has something else to do with it. */
void report_print_outcome(FILE *out, const struct diag *diag, enum error error);
/* All of it as a JSON list of {file, line, column, severity, message, hint}. */
void report_print_json(FILE *out, const struct diag *diag, enum error error);

#endif
