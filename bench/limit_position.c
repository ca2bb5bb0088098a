/* SPDX-License-Identifier: Apache-2.0 */
/* A page of positions with the market of each: what an expanded list comes to when it is written by hand for one shape.
 *
 * Idea: one statement for the page, one for all of its markets, whose ids are bound to a fixed number of places. Each
 * market is written as JSON once, as its row comes by, and copied to where it belongs. */
#include "limit_position.h"

#include "limit_writer.h"

void positions_prepare(struct positions *positions, sqlite3 *db)
{
    positions->page = prepare(db, "select id, holder, market, shares, created_at, updated_at, version from positions "
                                  "where holder = ?1 order by created_at desc, id limit ?2");
    positions->markets = prepare(db, "select " COLUMNS " from markets where id in "
                                     "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)");
}

static void read_page(struct positions *positions, int64_t holder)
{
    sqlite3_stmt *page = positions->page;
    sqlite3_bind_int64(page, 1, holder);
    sqlite3_bind_int64(page, 2, POSITIONS_MAX + 1);
    positions->count = 0;
    positions->has_more = false;
    while (sqlite3_step(page) == SQLITE_ROW) {
        if (positions->count == POSITIONS_MAX) {
            positions->has_more = true;
            break;
        }
        struct position *row = &positions->rows[positions->count++];
        row->id = sqlite3_column_int64(page, 0);
        row->holder = sqlite3_column_int64(page, 1);
        row->market = sqlite3_column_int64(page, 2);
        row->shares = sqlite3_column_int64(page, 3);
        memcpy(row->created_at, sqlite3_column_text(page, 4), DATETIME_BYTES);
        memcpy(row->updated_at, sqlite3_column_text(page, 5), DATETIME_BYTES);
        row->version = sqlite3_column_int64(page, 6);
    }
    sqlite3_reset(page);
}

static void read_markets(struct positions *positions)
{
    sqlite3_stmt *markets = positions->markets;
    for (int i = 0; i < POSITIONS_MAX; i++) {
        if ((size_t)i < positions->count)
            sqlite3_bind_int64(markets, i + 1, positions->rows[i].market);
        else
            sqlite3_bind_null(markets, i + 1);
    }
    char *at = positions->json;
    while (sqlite3_step(markets) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(markets, 0);
        char *begin = at;
        at = put_row(at, markets);
        for (size_t i = 0; i < positions->count; i++) {
            if (positions->rows[i].market == id)
                positions->market_texts[i] = (struct text){begin, (size_t)(at - begin)};
        }
    }
    sqlite3_reset(markets);
}

void positions_read(struct positions *positions, int64_t holder)
{
    read_page(positions, holder);
    read_markets(positions);
}

static char *put_position(char *at, const struct position *row, struct text market)
{
    at = PUT_TEXT(at, "{\"id\":");
    at = put_int(at, row->id);
    at = PUT_TEXT(at, ",\"holder\":");
    at = put_int(at, row->holder);
    at = PUT_TEXT(at, ",\"market\":");
    at = put_bytes(at, market.ptr, market.len);
    at = PUT_TEXT(at, ",\"shares\":");
    at = put_decimal(at, row->shares);
    at = PUT_TEXT(at, ",\"created_at\":\"");
    at = put_bytes(at, row->created_at, DATETIME_BYTES);
    at = PUT_TEXT(at, "\",\"updated_at\":\"");
    at = put_bytes(at, row->updated_at, DATETIME_BYTES);
    at = PUT_TEXT(at, "\",\"version\":");
    at = put_int(at, row->version);
    *at++ = '}';
    return at;
}

char *put_positions(char *at, const struct positions *positions)
{
    for (size_t i = 0; i < positions->count; i++) {
        if (i > 0)
            *at++ = ',';
        at = put_position(at, &positions->rows[i], positions->market_texts[i]);
    }
    return at;
}
