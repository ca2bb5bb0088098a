/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* Base64 (RFC 4648): the standard one of section 4, with padding, and the one for URLs of section 5, without. Results
 * are arena memory. Decoding is strict, one text for each value: no white space, no missing or superfluous padding, no
 * bits set beyond the last byte. */

/* Errors: ERROR_MEMORY. */
MUST_USE
enum error base64_encode_standard(struct slice bytes, struct arena *arena, struct slice *out);
MUST_USE
enum error base64_encode_url(struct slice bytes, struct arena *arena, struct slice *out);
/* Errors: ERROR_PARSE, ERROR_MEMORY. */
MUST_USE
enum error base64_decode_standard(struct slice text, struct arena *arena, struct slice *out);
MUST_USE
enum error base64_decode_url(struct slice text, struct arena *arena, struct slice *out);

#endif
