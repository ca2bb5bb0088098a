/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_RECOVER_H
#define HTTP_RECOVER_H

struct middleware;

/* Turns the error of a handler, or of an item inside, into an answer through the site's renderer. */
extern const struct middleware recover_middleware;

#endif
