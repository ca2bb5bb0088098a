/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LIMIT_MARKET_H
#define BENCH_LIMIT_MARKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sqlite3.h>

enum { NAME_POINTS_MIN = 3, NAME_POINTS_MAX = 120, NAME_BYTES = NAME_POINTS_MAX * 4, DATETIME_BYTES = 27 };

#define PUT_TEXT(at, text) put_bytes(at, text, sizeof(text) - 1)
/* What put_row() expects, in this order. */
#define COLUMNS "id, name, status, volume, creator, created_at, updated_at, version"

struct text {
    const char *ptr;
    size_t len;
};

/* Bytes being read: from `at` to `end`. */
struct cursor {
    const char *at;
    const char *end;
};

/* A new market. The bits of `given` say which of its fields were sent; the others are null. */
struct market {
    int64_t id;
    int64_t volume; /* in hundredths */
    int64_t creator;
    const char *status;
    size_t name_len;
    unsigned given;
    char name[NAME_BYTES];
    char created_at[DATETIME_BYTES];
};

enum { GIVEN_NAME = 1, GIVEN_STATUS = 2, GIVEN_VOLUME = 4, GIVEN_CREATOR = 8 };

/* Each put_ function returns the end of what it wrote; the caller has made sure of the room. */

static inline char *put_bytes(char *at, const char *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

char *put_uint(char *at, uint64_t number);
char *put_int(char *at, int64_t number);
/* Hundredths as a JSON string, always with two places. */
char *put_decimal(char *at, int64_t hundredths);
/* A JSON string, with its quotes. */
char *put_string(char *at, const char *bytes, size_t len);
/* The record that the statement stands on, as a JSON object; the columns are COLUMNS. */
char *put_row(char *at, sqlite3_stmt *row);
/* The same object from a market that was just stored. */
char *put_market(char *at, const struct market *market);

void skip_space(struct cursor *cursor);
/* Decimal digits without a leading zero; false also when they overflow. */
bool parse_digits(struct cursor *cursor, int64_t *number);
/* A JSON object with the fields of a market, validated; unknown and repeated keys are refused. */
bool parse_market(struct text body, struct market *market);

#endif
