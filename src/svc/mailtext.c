/* SPDX-License-Identifier: Apache-2.0 */
/* Mails as text.
 *
 * No byte of a caller reaches a header unless it was checked: addresses are of few characters, the subject and the name
 * of the sender have no control characters, and what is not plain printable ASCII becomes encoded words (RFC 2047) of
 * base64, cut between code points, one to a line. */
#include "svc/mailtext.h"

#include <string.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/timecode.h"
#include "base/utf8.h"

enum {
    LOCAL_MAX = 64,
    PLAIN_MAX = 60,      /* a header's value that stands as it is */
    WORD_BYTES = 39,     /* of an encoded word: 52 of base64, 12 around them and "Subject: " are 73; 78 is advised */
    LINE_MAX_7BIT = 990, /* RFC 5322 section 2.1.1 says 998 */
    LINE_MAX_QUOTED = 75,
};

/* ---- addresses ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c & 0x80);
}

static bool is_atom(struct slice text, const char *more)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_letter(text.ptr[i]) && (text.ptr[i] == '\0' || !strchr(more, text.ptr[i])))
            return false;
    return text.len > 0;
}

/* Atoms with dots between them. */
static bool is_dotted(struct slice text, const char *more, bool is_domain)
{
    struct slice rest = text, part;
    while (slice_split(&rest, '.', &part)) {
        if (!is_atom(part, more))
            return false;
        if (is_domain && (part.ptr[0] == '-' || part.ptr[part.len - 1] == '-' || part.len > 63))
            return false;
    }
    return text.len > 0 && text.ptr[text.len - 1] != '.';
}

struct slice mailtext_domain(struct slice address)
{
    return slice_from_index(address, slice_index(address, '@') + 1);
}

bool mailtext_is_address(struct slice text)
{
    struct slice local = slice_of(text.ptr, slice_index(text, '@'));
    return text.len <= MAILTEXT_ADDRESS_MAX && local.len <= LOCAL_MAX && local.len < text.len &&
           is_dotted(local, "!#$%&'*+-/=?^_`{|}~", false) && is_dotted(mailtext_domain(text), "-", true) &&
           utf8_is_valid(text);
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < ' ' || text.ptr[i] > '~')
            return false;
    return true;
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return true;
    return false;
}

enum error mailtext_parse_sender(struct slice text, struct mailtext_sender *out)
{
    struct slice whole = slice_trim(text), name = {NULL, 0}, address = whole;
    size_t open = slice_index(whole, '<');
    if (open < whole.len) {
        name = slice_trim(slice_of(whole.ptr, open));
        address = slice_from_index(whole, open + 1);
        if (address.len == 0 || address.ptr[address.len - 1] != '>')
            return ERROR_PARSE;
        address.len--;
    }
    if (name.len >= 2 && name.ptr[0] == '"' && name.ptr[name.len - 1] == '"')
        name = slice_of(name.ptr + 1, name.len - 2);
    if (!mailtext_is_address(address) || has_control(name) || !utf8_is_valid(name) || name.len > MAILTEXT_SUBJECT_MAX)
        return ERROR_PARSE;
    *out = (struct mailtext_sender){name, address};
    return OK;
}

/* ---- headers ---- */

/* As much of `*rest` as an encoded word holds. */
static struct slice next_word(struct slice *rest)
{
    struct slice left = *rest;
    uint32_t code_point;
    while (left.len > 0) {
        struct slice before = left;
        if (!utf8_next(&left, &code_point) || (size_t)(left.ptr - rest->ptr) > WORD_BYTES) {
            left = before;
            break;
        }
    }
    struct slice word = slice_of(rest->ptr, rest->len - left.len);
    *rest = left;
    return word;
}

static enum error put_words(struct buf *out, struct slice text)
{
    struct arena arena;
    struct slice encoded;
    enum error error = OK;
    arena_init(&arena, 64 * 1024);
    for (struct slice rest = text; rest.len > 0 && error == OK;) {
        bool is_first = rest.ptr == text.ptr;
        error = base64_encode_standard(next_word(&rest), &arena, &encoded);
        if (error != OK)
            break;
        buf_put_text(out, is_first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        buf_put_slice(out, encoded);
        buf_put_literal(out, "?=");
    }
    arena_fini(&arena);
    return error;
}

static bool needs_words(struct slice text)
{
    return text.len > PLAIN_MAX || !is_plain(text) || memmem(text.ptr, text.len, "=?", 2);
}

static enum error put_subject(struct buf *out, struct slice subject)
{
    if (subject.len > 0 && needs_words(subject))
        return put_words(out, subject);
    buf_put_slice(out, subject);
    return OK;
}

static enum error put_sender(struct buf *out, const struct mailtext_sender *sender)
{
    struct slice name = sender->name;
    if (name.len > 0 && needs_words(name)) {
        TRY(put_words(out, name));
        buf_put_literal(out, "\r\n ");
    } else if (name.len > 0) {
        buf_put_byte(out, '"');
        for (size_t i = 0; i < name.len; i++) {
            if (name.ptr[i] == '"' || name.ptr[i] == '\\')
                buf_put_byte(out, '\\');
            buf_put_byte(out, name.ptr[i]);
        }
        buf_put_literal(out, "\" ");
    }
    buf_put_byte(out, '<');
    buf_put_slice(out, sender->address);
    buf_put_byte(out, '>');
    return OK;
}

static void put_date(struct buf *out, int64_t us)
{
    char text[TIMECODE_HTTP_BYTES];
    timecode_format_http(us / 1000000, text);
    buf_put(out, text, sizeof text - 3); /* without GMT, which RFC 5322 calls obsolete */
    buf_put_literal(out, "+0000");
}

/* ---- the body ---- */

/* The next line of `*rest`, without its end. */
static struct slice next_line(struct slice *rest)
{
    struct slice line = slice_of(rest->ptr, slice_index(*rest, '\n'));
    *rest = slice_from_index(*rest, line.len + 1);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool is_7bit(struct slice text)
{
    for (struct slice rest = text; rest.len > 0;) {
        struct slice line = next_line(&rest);
        for (size_t i = 0; i < line.len; i++)
            if (line.ptr[i] != '\t' && (line.ptr[i] < ' ' || line.ptr[i] > '~'))
                return false;
        if (line.len > LINE_MAX_7BIT)
            return false;
    }
    return true;
}

/* RFC 2045 section 6.7. */
static void put_quoted(struct buf *out, struct slice line)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t column = 0;
    for (size_t i = 0; i < line.len; i++) {
        unsigned char byte = (unsigned char)line.ptr[i];
        bool is_blank = byte == ' ' || byte == '\t';
        bool is_literal = is_blank ? i + 1 < line.len : byte > ' ' && byte <= '~' && byte != '=';
        size_t width = is_literal ? 1 : 3;
        if (column + width > LINE_MAX_QUOTED) {
            buf_put_literal(out, "=\r\n");
            column = 0;
        }
        const char escape[] = {'=', digits[byte >> 4], digits[byte & 15]};
        buf_put(out, is_literal ? line.ptr + i : escape, width);
        column += width;
    }
}

static void put_body(struct buf *out, struct slice text, bool is_quoted)
{
    for (struct slice rest = text; rest.len > 0;) {
        struct slice line = next_line(&rest);
        if (is_quoted)
            put_quoted(out, line);
        else
            buf_put_slice(out, line);
        buf_put_literal(out, "\r\n");
    }
}

static bool is_sendable(const struct mailtext *mail)
{
    return mailtext_is_address(mail->to) && mail->subject.len <= MAILTEXT_SUBJECT_MAX && !has_control(mail->subject) &&
           utf8_is_valid(mail->subject) && mail->text.len <= MAILTEXT_TEXT_MAX && utf8_is_valid(mail->text) &&
           slice_index(mail->text, '\0') == mail->text.len;
}

enum error mailtext_format(struct buf *out, const struct mailtext *mail)
{
    if (!is_sendable(mail))
        return ERROR_VALIDATION;
    bool is_quoted = !is_7bit(mail->text);
    buf_put_literal(out, "Date: ");
    put_date(out, mail->sent_us);
    buf_put_literal(out, "\r\nFrom: ");
    TRY(put_sender(out, mail->sender));
    buf_put_literal(out, "\r\nTo: <");
    buf_put_slice(out, mail->to);
    buf_put_literal(out, ">\r\nSubject: ");
    TRY(put_subject(out, mail->subject));
    buf_put_literal(out, "\r\nMessage-ID: <");
    buf_put_slice(out, mail->id);
    buf_put_byte(out, '@');
    buf_put_slice(out, mailtext_domain(mail->sender->address));
    buf_put_literal(out, ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ");
    buf_put_text(out, is_quoted ? "quoted-printable\r\n\r\n" : "7bit\r\n\r\n");
    put_body(out, mail->text, is_quoted);
    return buf_failed(out) ? ERROR_MEMORY : OK;
}
