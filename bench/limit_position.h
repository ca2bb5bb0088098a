/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LIMIT_POSITION_H
#define BENCH_LIMIT_POSITION_H

#include "limit_market.h"

enum { POSITIONS_MAX = 20, POSITION_BYTES_MAX = 1024 };

/* One page of positions, each with its market in it: read with two statements. */
struct position {
    int64_t id;
    int64_t holder;
    int64_t market;
    int64_t shares; /* in hundredths */
    int64_t version;
    char created_at[DATETIME_BYTES];
    char updated_at[DATETIME_BYTES];
};

struct positions {
    sqlite3_stmt *page;    /* by holder, newest first */
    sqlite3_stmt *markets; /* by POSITIONS_MAX ids */
    size_t count;
    bool has_more;
    struct position rows[POSITIONS_MAX];
    struct text market_texts[POSITIONS_MAX]; /* in `json`, by row */
    char json[POSITIONS_MAX * POSITION_BYTES_MAX];
};

void positions_prepare(struct positions *positions, sqlite3 *db);
/* Reads the first page of a holder and the markets of its rows. */
void positions_read(struct positions *positions, int64_t holder);
/* The rows as JSON objects, separated by commas. */
char *put_positions(char *at, const struct positions *positions);

#endif
