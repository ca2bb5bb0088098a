/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonread.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ARENA_BYTES = 1 << 20 };

/* Tokens as letters, texts in brackets: {"a":[1,true]} is {K(a)[N(1)t]}. */
static const char letters[] = {
    [JSON_ERROR] = '!',       [JSON_END] = '.',       [JSON_OBJECT_BEGIN] = '{', [JSON_OBJECT_END] = '}',
    [JSON_ARRAY_BEGIN] = '[', [JSON_ARRAY_END] = ']', [JSON_KEY] = 'K',          [JSON_STRING] = 'S',
    [JSON_NUMBER] = 'N',      [JSON_TRUE] = 't',      [JSON_FALSE] = 'f',        [JSON_NULL] = 'n',
};

static void assert_tokens(struct slice text, const char *expected)
{
    struct arena arena;
    struct jsonread reader;
    struct json_value value;
    char seen[1000];
    size_t length = 0;
    arena_init(&arena, ARENA_BYTES);
    jsonread_init(&reader, text, &arena, JSONREAD_DEPTH_DEFAULT);
    do {
        jsonread_next(&reader, &value);
        seen[length++] = letters[value.token];
        if (value.text.ptr)
            length += (size_t)snprintf(seen + length, sizeof seen - length, "(%.*s)", SLICE_ARG(value.text));
    } while (value.token > JSON_END);
    seen[length] = '\0';
    assert_string_equal(seen, expected);
    arena_fini(&arena);
}

static void jsonread_gives_one_token_at_a_time(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"{}", "{}."},
        {" [ ] ", "[]."},
        {"{\"a\":[1,true]}", "{K(a)[N(1)t]}."},
        {"{\"a\" : {\"b\":null} ,\n\"c\":false}", "{K(a){K(b)n}K(c)f}."},
        {"[[],{},[{}]]", "[[]{}[{}]]."},
        {"-12.5e+3", "N(-12.5e+3)."},
        {"\"\"", "S()."},
        {"\"a\\n\\u00e9\\ud83d\\ude00\\/\"", "S(a\n\xC3\xA9\xF0\x9F\x98\x80/)."},
        {"\"caf\xC3\xA9 \xE2\x82\xAC and more\"", "S(caf\xC3\xA9 \xE2\x82\xAC and more)."},
        {"{\"k\\u0065y\":\"v\"}", "{K(key)S(v)}."},
        {"{\"a\":1,\"a\":2}", "{K(a)N(1)K(a)N(2)}."},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_tokens(slice_from(rows[i].text), rows[i].expected);
}

/* Reads to the end or the error. */
static struct jsonread read_all(struct slice text, unsigned depth_limit, struct arena *arena)
{
    struct jsonread reader;
    struct json_value value;
    jsonread_init(&reader, text, arena, depth_limit);
    while (jsonread_next(&reader, &value) > JSON_END)
        ;
    return reader;
}

static void jsonread_says_where_and_why_it_refuses(void **state)
{
    static const struct {
        struct slice text;
        size_t offset;
        const char *message;
    } rows[] = {
        {SLICE_INIT(""), 0, "the text ends too early"},
        {SLICE_INIT("  "), 2, "the text ends too early"},
        {SLICE_INIT("{\"a\":1"), 6, "the text ends too early"},
        {SLICE_INIT("[1,"), 3, "the text ends too early"},
        {SLICE_INIT("\"abc"), 4, "the text ends too early"},
        {SLICE_INIT("\"abc\\"), 5, "the text ends too early"},
        {SLICE_INIT("\xEF\xBB\xBF{}"), 0, "a byte order mark is not allowed"},
        {SLICE_INIT("{\"a\" 1}"), 5, "expected a colon"},
        {SLICE_INIT("{\"a\":1 \"b\":2}"), 7, "expected a comma or }"},
        {SLICE_INIT("[1 2]"), 3, "expected a comma or ]"},
        {SLICE_INIT("[1}"), 2, "expected a comma or ]"},
        {SLICE_INIT("[1,]"), 3, "expected a value"},
        {SLICE_INIT("[,1]"), 1, "expected a value"},
        {SLICE_INIT("{\"a\":1,}"), 7, "expected a key in quotes"},
        {SLICE_INIT("{a:1}"), 1, "expected a key in quotes"},
        {SLICE_INIT("{'a':1}"), 1, "expected a key in quotes"},
        {SLICE_INIT("{\"a\":}"), 5, "expected a value"},
        {SLICE_INIT("tru"), 0, "expected a value"},
        {SLICE_INIT("True"), 0, "expected a value"},
        {SLICE_INIT("NaN"), 0, "expected a value"},
        {SLICE_INIT("[01]"), 1, "not a number as JSON writes it"},
        {SLICE_INIT("[-]"), 1, "not a number as JSON writes it"},
        {SLICE_INIT("[1.]"), 1, "not a number as JSON writes it"},
        {SLICE_INIT("[1.5.2]"), 1, "not a number as JSON writes it"},
        {SLICE_INIT("[1e]"), 1, "not a number as JSON writes it"},
        {SLICE_INIT("[+1]"), 1, "expected a value"},
        {SLICE_INIT("{} {}"), 3, "expected nothing more behind the value"},
        {SLICE_INIT("1 // one"), 2, "expected nothing more behind the value"},
        {SLICE_INIT("1\0"), 1, "expected nothing more behind the value"},
        {SLICE_INIT("\"a\nb\""), 2, "a control character in a string must be escaped"},
        {SLICE_INIT("\"a\0b\""), 2, "a control character in a string must be escaped"},
        {SLICE_INIT("\"a\\x\""), 2, "unknown escape in a string"},
        {SLICE_INIT("\"a\\\0\""), 2, "unknown escape in a string"},
        {SLICE_INIT("\"\\u12g4\""), 1, "\\u needs four hexadecimal digits"},
        {SLICE_INIT("\"\\u0000\""), 1, "\\u0000 is not allowed"},
        {SLICE_INIT("\"\\ud83d\""), 1, "half of a surrogate pair"},
        {SLICE_INIT("\"\\ude00\""), 1, "half of a surrogate pair"},
        {SLICE_INIT("\"\\ud83d\\u0041\""), 1, "half of a surrogate pair"},
        {SLICE_INIT("\"\\ud83d\\ud83d\""), 1, "half of a surrogate pair"},
        {SLICE_INIT("\"ok \xC3\xA9 \xFF\""), 7, "a string is not UTF-8"},
        {SLICE_INIT("\"\xED\xA0\x80\""), 1, "a string is not UTF-8"},
        {SLICE_INIT("\"\xC0\x80\""), 1, "a string is not UTF-8"},
    };
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_value value;
        struct jsonread reader = read_all(rows[i].text, JSONREAD_DEPTH_DEFAULT, &arena);
        assert_int_equal(reader.error, ERROR_PARSE);
        assert_string_equal(reader.error_message, rows[i].message);
        assert_int_equal(reader.error_offset, rows[i].offset);
        assert_int_equal(jsonread_next(&reader, &value), JSON_ERROR);
    }
    arena_fini(&arena);
}

static void jsonread_refuses_nesting_beyond_the_limit(void **state)
{
    char text[2 * JSONREAD_DEPTH_MAX + 2];
    for (unsigned depth = 1; depth <= JSONREAD_DEPTH_MAX; depth += 73) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct slice nested = slice_of(text, 2 * depth);
        assert_int_equal(read_all(nested, depth, NULL).error, OK);
        struct jsonread reader = read_all(nested, depth - 1, NULL);
        assert_string_equal(reader.error_message, "nested too deeply");
        assert_int_equal(reader.error_offset, depth - 1);
    }
}

static void jsonread_remembers_what_each_of_many_containers_is(void **state)
{
    char text[2800];
    size_t length = 0, depth = 0;
    for (; depth < 400; depth++)
        length += (size_t)snprintf(text + length, sizeof text - length, depth % 3 ? "{\"a\":" : "[");
    text[length++] = '1';
    while (depth-- > 0)
        text[length++] = depth % 3 ? '}' : ']';
    assert_int_equal(read_all(slice_of(text, length), JSONREAD_DEPTH_MAX, NULL).error, OK);
    text[length - 200] ^= ']' ^ '}';
    assert_int_equal(read_all(slice_of(text, length), JSONREAD_DEPTH_MAX, NULL).error_offset, length - 200);
}

static void jsonread_reads_a_number_of_a_million_digits_once(void **state)
{
    enum { DIGITS = 1000000 };
    char *text = malloc(DIGITS);
    assert_non_null(text);
    memset(text, '7', DIGITS);
    struct jsonread reader;
    struct json_value value;
    jsonread_init(&reader, slice_of(text, DIGITS), NULL, 1);
    assert_int_equal(jsonread_next(&reader, &value), JSON_NUMBER);
    assert_int_equal(value.text.len, DIGITS);
    assert_true(value.is_integer);
    free(text);
}

static void jsonread_lends_plain_strings_and_decodes_others_into_the_arena(void **state)
{
    static const char text[] = "[\"plain\",\"esc\\u0061ped\"]";
    struct arena arena;
    struct jsonread reader;
    struct json_value value;
    arena_init(&arena, ARENA_BYTES);
    jsonread_init(&reader, slice_of(text, sizeof text - 1), &arena, 4);
    jsonread_next(&reader, &value);
    jsonread_next(&reader, &value);
    assert_ptr_equal(value.text.ptr, text + 2);
    assert_int_equal(value.offset, 1);
    assert_int_equal(arena.used_bytes, 0);
    jsonread_next(&reader, &value);
    assert_true(slice_eq_text(value.text, "escaped"));
    assert_int_equal(value.offset, 9);
    arena_fini(&arena);
}

static void jsonread_reports_a_full_arena(void **state)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct jsonread reader = read_all(SLICE("[\"a\\n\"]"), 4, &arena);
    assert_int_equal(reader.error, ERROR_MEMORY);
    assert_string_equal(reader.error_message, "out of memory");
}

static void jsonread_skip_passes_over_one_value_and_checks_it(void **state)
{
    struct jsonread reader;
    struct json_value value;
    struct slice raw;
    jsonread_init(&reader, SLICE("{\"a\" : [1, {\"b\\n\": \"\\u00e9\"}] , \"c\": -1.5 , \"d\":[tru]}"), NULL, 8);
    assert_int_equal(jsonread_next(&reader, &value), JSON_OBJECT_BEGIN);
    assert_int_equal(jsonread_next(&reader, &value), JSON_KEY);
    assert_int_equal(jsonread_skip(&reader, &raw), OK);
    assert_true(slice_eq_text(raw, "[1, {\"b\\n\": \"\\u00e9\"}]"));
    assert_int_equal(jsonread_next(&reader, &value), JSON_KEY);
    assert_int_equal(jsonread_next(&reader, &value), JSON_NUMBER);
    assert_int_equal(jsonread_finish(&reader, &value, &raw), OK);
    assert_true(slice_eq_text(raw, "-1.5"));
    assert_int_equal(jsonread_next(&reader, &value), JSON_KEY);
    assert_int_equal(jsonread_next(&reader, &value), JSON_ARRAY_BEGIN);
    assert_int_equal(jsonread_finish(&reader, &value, &raw), ERROR_PARSE);
    assert_string_equal(reader.error_message, "expected a value");
}

static void jsonread_position_counts_lines_and_columns_from_one(void **state)
{
    static const struct {
        size_t offset;
        unsigned line, column;
    } rows[] = {{0, 1, 1}, {2, 1, 3}, {3, 2, 1}, {4, 3, 1}, {6, 3, 3}, {99, 3, 3}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned line, column;
        jsonread_position(SLICE("ab\n\ncd"), rows[i].offset, &line, &column);
        assert_int_equal(line, rows[i].line);
        assert_int_equal(column, rows[i].column);
    }
}

/* JSONTestSuite: y_ must be accepted, n_ refused, i_ is free. */

/* Accepted by the suite, but no text of the engine holds a NUL, neither in a database nor in C. */
static const char *const refused_by_design[] = {"y_object_escaped_null_in_key.json", "y_string_null_escape.json"};

static bool must_be_accepted(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(refused_by_design); i++)
        if (strcmp(refused_by_design[i], name) == 0)
            return false;
    return name[0] == 'y';
}

static struct slice read_file(const char *folder, const char *name, char *room, size_t size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(room, 1, size, file);
    fclose(file);
    return slice_of(room, length);
}

static void jsonread_agrees_with_json_test_suite(void **state)
{
    enum { ROOM = 300000, FILES_AT_LEAST = 300 };
    char folder[512];
    const char *shared = getenv("TENON_SHARED");
    snprintf(folder, sizeof folder, "%s/json/JSONTestSuite/test_parsing", shared ? shared : "../shared/data");
    DIR *directory = opendir(folder);
    if (!directory)
        skip();
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    char *room = malloc(ROOM);
    assert_non_null(room);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        struct slice text = read_file(folder, entry->d_name, room, ROOM);
        struct jsonread reader = read_all(text, JSONREAD_DEPTH_DEFAULT, &arena);
        arena_reset(&arena);
        files++;
        if (entry->d_name[0] != 'i' && (reader.error == OK) != must_be_accepted(entry->d_name))
            fail_msg("%s: %s", entry->d_name, reader.error == OK ? "accepted" : reader.error_message);
    }
    assert_true(files >= FILES_AT_LEAST);
    free(room);
    closedir(directory);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsonread_gives_one_token_at_a_time),
        cmocka_unit_test(jsonread_says_where_and_why_it_refuses),
        cmocka_unit_test(jsonread_refuses_nesting_beyond_the_limit),
        cmocka_unit_test(jsonread_remembers_what_each_of_many_containers_is),
        cmocka_unit_test(jsonread_reads_a_number_of_a_million_digits_once),
        cmocka_unit_test(jsonread_lends_plain_strings_and_decodes_others_into_the_arena),
        cmocka_unit_test(jsonread_reports_a_full_arena),
        cmocka_unit_test(jsonread_skip_passes_over_one_value_and_checks_it),
        cmocka_unit_test(jsonread_position_counts_lines_and_columns_from_one),
        cmocka_unit_test(jsonread_agrees_with_json_test_suite),
    };
    return cmocka_run_group_tests_name("base/jsonread", tests, NULL, NULL);
}
