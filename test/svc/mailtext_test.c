/* SPDX-License-Identifier: Apache-2.0 */
#include "svc/mailtext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEN "abcdefghij"

static void an_address_is_one_that_no_header_and_no_command_breaks_at(void **state)
{
    static const struct {
        const char *text;
        bool is_address;
    } rows[] = {
        {"ada@example.org", true},
        {"a.b+c_d-e@mail.example.org", true},
        {"o'neil/x=y@example.org", true},
        {"ada@localhost", true},
        {"j\xc3\xb6rg@b\xc3\xbc"
         "cher.example",
         true},
        {TEN TEN TEN TEN TEN TEN "1234@example.org", true},
        {TEN TEN TEN TEN TEN TEN "12345@example.org", false},
        {"", false},
        {"ada", false},
        {"@example.org", false},
        {"ada@", false},
        {"a@b@c", false},
        {".ada@example.org", false},
        {"ada.@example.org", false},
        {"a..b@example.org", false},
        {"ada@.org", false},
        {"ada@example.org.", false},
        {"ada@-example.org", false},
        {"ada@exam_ple.org", false},
        {"ada@[127.0.0.1]", false},
        {"\"a b\"@example.org", false},
        {"a b@example.org", false},
        {"ada@example.org\r\nBcc: eve@example.org", false},
        {"ada@example.org\n", false},
        {"ada,eve@example.org", false},
        {"<ada@example.org>", false},
        {"ada@example.org> SIZE=1", false},
        {"ada\x7f@example.org", false},
        {"ada\xff@example.org", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (mailtext_is_address(slice_from(rows[i].text)) != rows[i].is_address)
            fail_msg("%s", rows[i].text);
    assert_false(mailtext_is_address(SLICE("ada\0x@example.org")));
    assert_false(mailtext_is_address(SLICE("ada@exam\0ple.org")));
}

static void a_sender_is_an_address_with_a_name_or_without(void **state)
{
    static const struct {
        const char *text, *name, *address;
    } rows[] = {
        {"Markets <no-reply@example.org>", "Markets", "no-reply@example.org"},
        {" \"The Markets\"  <a@b.org> ", "The Markets", "a@b.org"},
        {"a@b.org", "", "a@b.org"},
        {"<a@b.org>", "", "a@b.org"},
        {"M\xc3\xa4rkte <a@b.org>", "M\xc3\xa4rkte", "a@b.org"},
        {"", NULL, NULL},
        {"Markets", NULL, NULL},
        {"Markets <a@b.org", NULL, NULL},
        {"Markets <a@b.org> x", NULL, NULL},
        {"Mar\r\nkets <a@b.org>", NULL, NULL},
        {"Markets <a@b.org\n>", NULL, NULL},
        {"Markets <>", NULL, NULL},
        {"a@b.org, c@d.org", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mailtext_sender sender;
        bool is_read = mailtext_parse_sender(slice_from(rows[i].text), &sender) == OK;
        if (is_read != (rows[i].name != NULL))
            fail_msg("\"%s\"", rows[i].text);
        if (is_read)
            assert_true(slice_eq_text(sender.name, rows[i].name) && slice_eq_text(sender.address, rows[i].address));
    }
}

static struct mailtext mail_of(const struct mailtext_sender *sender, const char *subject, const char *text)
{
    return (struct mailtext){.sender = sender,
                             .to = SLICE("ada@example.org"),
                             .subject = slice_from(subject),
                             .text = slice_from(text),
                             .id = SLICE("id-1"),
                             .sent_us = 1767323045678901};
}

static void a_mail_is_a_message_of_rfc_5322(void **state)
{
    const struct mailtext_sender sender = {SLICE_INIT("The \"Markets\""), SLICE_INIT("no-reply@example.org")};
    struct buf out;
    buf_init(&out, MAILTEXT_BYTES_MAX);
    struct mailtext mail = mail_of(&sender, "Your password", "Hello,\nhttps://example.org/reset?token=abc\r\n.\n");
    assert_int_equal(mailtext_format(&out, &mail), OK);
    buf_put_byte(&out, '\0');
    assert_string_equal(out.ptr, "Date: Fri, 02 Jan 2026 03:04:05 +0000\r\n"
                                 "From: \"The \\\"Markets\\\"\" <no-reply@example.org>\r\n"
                                 "To: <ada@example.org>\r\n"
                                 "Subject: Your password\r\n"
                                 "Message-ID: <id-1@example.org>\r\n"
                                 "Auto-Submitted: auto-generated\r\n"
                                 "MIME-Version: 1.0\r\n"
                                 "Content-Type: text/plain; charset=utf-8\r\n"
                                 "Content-Transfer-Encoding: 7bit\r\n\r\n"
                                 "Hello,\r\nhttps://example.org/reset?token=abc\r\n.\r\n");
    buf_fini(&out);
}

static void what_is_not_ascii_is_encoded(void **state)
{
    const struct mailtext_sender sender = {SLICE_INIT("M\xc3\xa4rkte"), SLICE_INIT("a@b.org")};
    struct buf out;
    buf_init(&out, MAILTEXT_BYTES_MAX);
    struct mailtext mail = mail_of(&sender, "Gr\xc3\xbc\xc3\x9f", "a=b \n\xe2\x82\xac\t");
    assert_int_equal(mailtext_format(&out, &mail), OK);
    buf_put_byte(&out, '\0');
    assert_non_null(strstr(out.ptr, "From: =?UTF-8?B?TcOkcmt0ZQ==?=\r\n <a@b.org>\r\n"));
    assert_non_null(strstr(out.ptr, "Subject: =?UTF-8?B?R3LDvMOf?=\r\n"));
    assert_non_null(strstr(out.ptr, "quoted-printable\r\n\r\na=3Db=20\r\n=E2=82=AC=09\r\n"));
    buf_fini(&out);
}

/* Whatever the lengths are: no line is longer than 78 bytes, and no encoded word than 75. */
static void long_subjects_and_lines_are_folded(void **state)
{
    const struct mailtext_sender sender = {SLICE_INIT(""), SLICE_INIT("a@b.org")};
    char subject[MAILTEXT_SUBJECT_MAX + 1], text[3001];
    for (size_t size = 0; size <= MAILTEXT_SUBJECT_MAX; size += 5) {
        for (size_t i = 0; i < size; i += 5)
            memcpy(subject + i, "\xf0\x9f\xa6\x8ax", 5);
        subject[size] = '\0';
        for (size_t i = 0; i < size * 6; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 3);
        text[size * 6] = '\0';
        struct buf out;
        buf_init(&out, MAILTEXT_BYTES_MAX);
        struct mailtext mail = mail_of(&sender, subject, text);
        assert_int_equal(mailtext_format(&out, &mail), OK);
        struct slice rest = buf_slice(&out), line;
        while (slice_split(&rest, '\n', &line)) {
            assert_true(line.len <= 79);
            assert_true(line.len == 0 || line.ptr[line.len - 1] == '\r');
        }
        buf_fini(&out);
    }
}

static void nothing_of_a_caller_makes_a_header(void **state)
{
    const struct mailtext_sender sender = {SLICE_INIT(""), SLICE_INIT("a@b.org")};
    static const struct {
        struct slice to, subject, text;
    } rows[] = {
        {SLICE_INIT("a@b.org\r\nBcc: x@y.org"), SLICE_INIT("s"), SLICE_INIT("t")},
        {SLICE_INIT("a@b.org"), SLICE_INIT("s\r\nBcc: x@y.org"), SLICE_INIT("t")},
        {SLICE_INIT("a@b.org"), SLICE_INIT("s\nX: y"), SLICE_INIT("t")},
        {SLICE_INIT("a@b.org"), SLICE_INIT("s\0"), SLICE_INIT("t")},
        {SLICE_INIT("a@b.org"), SLICE_INIT("\xff"), SLICE_INIT("t")},
        {SLICE_INIT("a@b.org"), SLICE_INIT("s"), SLICE_INIT("t\0t")},
        {SLICE_INIT("a@b.org"), SLICE_INIT("s"), SLICE_INIT("t\xc3")},
        {SLICE_INIT(""), SLICE_INIT("s"), SLICE_INIT("t")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        struct mailtext mail = mail_of(&sender, "", "");
        mail.to = rows[i].to;
        mail.subject = rows[i].subject;
        mail.text = rows[i].text;
        buf_init(&out, MAILTEXT_BYTES_MAX);
        assert_int_equal(mailtext_format(&out, &mail), ERROR_VALIDATION);
        buf_fini(&out);
    }
}

static void the_longest_mail_fits(void **state)
{
    static char text[MAILTEXT_TEXT_MAX];
    const struct mailtext_sender sender = {SLICE_INIT(""), SLICE_INIT("a@b.org")};
    static const char *const units[] = {"\x01", "\n", "x"};
    for (size_t unit = 0; unit < ARRAY_LEN(units); unit++) {
        struct buf out;
        memset(text, units[unit][0], sizeof text);
        buf_init(&out, MAILTEXT_BYTES_MAX);
        struct mailtext mail = mail_of(&sender, "s", "");
        mail.text = slice_of(text, sizeof text);
        assert_int_equal(mailtext_format(&out, &mail), OK);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_one_that_no_header_and_no_command_breaks_at),
        cmocka_unit_test(a_sender_is_an_address_with_a_name_or_without),
        cmocka_unit_test(a_mail_is_a_message_of_rfc_5322),
        cmocka_unit_test(what_is_not_ascii_is_encoded),
        cmocka_unit_test(long_subjects_and_lines_are_folded),
        cmocka_unit_test(nothing_of_a_caller_makes_a_header),
        cmocka_unit_test(the_longest_mail_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
