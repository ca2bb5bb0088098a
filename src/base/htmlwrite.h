/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HTMLWRITE_H
#define BASE_HTMLWRITE_H

#include "base/buf.h"
#include "base/slice.h"

/* Appends text to an HTML document, in an element or in a quoted attribute, so that it is nothing but text there:
 * & < > " ' are written as character references, control bytes but tab and newline as U+FFFD. The text must be UTF-8.
 */
void htmlwrite_text(struct buf *buf, struct slice text);

#endif
