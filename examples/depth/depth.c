/* SPDX-License-Identifier: Apache-2.0 */
/* What an app file cannot say, in C: a report over two tables, a rule that counts rows, and a change of many rows. */
#include <tenon/tenon.h>

enum { MARKETS_MAX = 3 };

/* GET /api/v1/markets/:id/depth — positions of one market by size. */
static tn_error market_depth(tn_request *r)
{
    tn_row market;
    TN_TRY(tn_db_one(r, &market, "select id, status from markets where id = $1", TN_ARGS(tn_param(r, "id"))));
    if (!tn_is(market, "status", "active"))
        return tn_fail(r, TN_UNPROCESSABLE, "market is not active");

    tn_rows levels;
    TN_TRY(tn_db_query(r, &levels,
                       "select size, count(*) as holders from positions where market = $1 group by size order by size",
                       TN_ARGS(tn_get(market, "id"))));
    return tn_reply_rows(r, 200, levels);
}

/* No more than a few markets at a time. */
static tn_error check_quota(tn_request *r)
{
    tn_row count;
    TN_TRY(tn_db_one(r, &count, "select count(*) as n from markets where status <> 'closed'", TN_NO_ARGS));
    if (tn_int(count, "n") >= MARKETS_MAX)
        return tn_fail(r, TN_UNPROCESSABLE, "there are %d open markets already", MARKETS_MAX);
    return TN_OK;
}

struct settlement {
    const char *market;
};

/* Closes a market and doubles what its holders have, or does neither. */
static tn_error settle(tn_request *r, void *argument)
{
    const char *market = ((struct settlement *)argument)->market;
    int64_t closed;
    TN_TRY(tn_db_exec(r, &closed, "update markets set status = 'closed' where id = $1 and status = $2",
                      TN_ARGS(market, "active")));
    TN_TRY(tn_db_exec(r, NULL, "update positions set size = size * $2 where market = $1", TN_ARGS(market, 2)));
    if (closed != 1)
        return tn_fail(r, TN_CONFLICT, "market is not active");
    return TN_OK;
}

/* POST /api/v1/markets/:id/settle */
static tn_error market_settle(tn_request *r)
{
    struct settlement settlement = {tn_param(r, "id")};
    TN_TRY(tn_db_tx(r, settle, &settlement));
    return tn_reply_status(r, 204);
}

/* GET /api/v1/count?to=N — counts for as long as it is let. */
static tn_error count_up(tn_request *r)
{
    tn_row sum;
    const char *to = tn_query_param(r, "to");
    TN_TRY(tn_db_one(r, &sum,
                     "with recursive c(n) as (select 1 union all select n + 1 from c where n < cast($1 as bigint)) "
                     "select count(*) as n from c",
                     TN_ARGS(to ? to : "10")));
    return tn_reply_row(r, 200, sum);
}

int main(int argc, char **argv)
{
    tn_app *app = tn_app_open("app.yaml");
    if (!app)
        return 1;
    tn_route(app, "GET /api/v1/markets/:id/depth", market_depth);
    tn_route(app, "POST /api/v1/markets/:id/settle", market_settle);
    tn_route(app, "GET /api/v1/count", count_up);
    tn_before(app, "markets.create", check_quota);
    return tn_app_main(app, argc, argv);
}
