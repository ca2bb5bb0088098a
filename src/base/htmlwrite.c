/* SPDX-License-Identifier: Apache-2.0 */
/* Text as HTML: the five characters that mean something in an element or a quoted attribute are escaped. */
#include "base/htmlwrite.h"

void htmlwrite_text(struct buf *buf, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        switch (byte) {
        case '&': buf_put_literal(buf, "&amp;"); break;
        case '<': buf_put_literal(buf, "&lt;"); break;
        case '>': buf_put_literal(buf, "&gt;"); break;
        case '"': buf_put_literal(buf, "&quot;"); break;
        case '\'': buf_put_literal(buf, "&#39;"); break;
        case '\t':
        case '\n': buf_put_byte(buf, (char)byte); break;
        default:
            if (byte < ' ' || byte == 0x7f)
                buf_put_literal(buf, "\xef\xbf\xbd");
            else
                buf_put_byte(buf, (char)byte);
        }
    }
}
