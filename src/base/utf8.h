/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

/* Whether all of it is UTF-8 (RFC 3629): nothing overlong, no surrogate, nothing above U+10FFFF. */
bool utf8_is_valid(struct slice text);
/* How many code points valid UTF-8 has. */
size_t utf8_length(struct slice text);
/* Takes the first code point off `*rest`; false, and nothing taken, when it is empty or does not begin with one. */
bool utf8_next(struct slice *rest, uint32_t *code_point);
/* Writes a code point, neither a surrogate nor above U+10FFFF, and returns the 1 to 4 bytes that it took. */
size_t utf8_encode(uint32_t code_point, char out[4]);
/* The code point that stands for it where case does not matter: the simple folding of Unicode for Latin, Greek,
 * Cyrillic, Armenian, Georgian and full-width letters, except where it would change the length in UTF-8
 * (U+017F, U+1E9E, U+2126, U+212A, U+212B and the like stay themselves). */
uint32_t utf8_fold(uint32_t code_point);
/* Whether `text` holds `needle`, both UTF-8, when case does not matter. Linear in both lengths, whatever they hold. */
bool utf8_contains_folded(struct slice text, struct slice needle);
/* Whether all of `text` is as `pattern` says, in which `*` stands for any text; case does not matter. Linear. */
bool utf8_like_folded(struct slice text, struct slice pattern);

#endif
