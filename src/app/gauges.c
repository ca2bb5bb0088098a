/* SPDX-License-Identifier: Apache-2.0 */
/* Figures that are asked for only when somebody scrapes: one table of name, help, and how to read it. */
#include "app/gauges.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "app/version.h"
#include "data/db.h"
#include "rt/core.h"
#include "rt/metrics.h"
#include "rt/offload.h"
#include "svc/limit.h"

void gauges_init(struct gauges *gauges, struct core **cores, unsigned core_count, struct db *db,
                 struct offload *offload)
{
    gauges->cores = cores;
    gauges->core_count = core_count;
    gauges->db = db;
    gauges->offload = offload;
    atomic_init(&gauges->limit, NULL);
}

void gauges_set_limit(struct gauges *gauges, struct limit *limit)
{
    atomic_store(&gauges->limit, limit);
}

static double fibers(void *argument)
{
    const struct gauges *gauges = argument;
    double sum = 0;
    for (unsigned i = 0; i < gauges->core_count; i++)
        sum += (double)core_figures(gauges->cores[i]).fibers;
    return sum;
}

static double stacks(void *argument)
{
    const struct gauges *gauges = argument;
    double sum = 0;
    for (unsigned i = 0; i < gauges->core_count; i++)
        sum += (double)core_figures(gauges->cores[i]).stacks;
    return sum;
}

static double turns(void *argument)
{
    const struct gauges *gauges = argument;
    double sum = 0;
    for (unsigned i = 0; i < gauges->core_count; i++)
        sum += (double)core_figures(gauges->cores[i]).turns;
    return sum;
}

static struct db_figures figures(void *argument)
{
    const struct gauges *gauges = argument;
    return db_figures(gauges->db);
}

static double readers_open(void *argument)
{
    return figures(argument).readers_open;
}

static double readers_lent(void *argument)
{
    return figures(argument).readers_lent;
}

static double readers_waiting(void *argument)
{
    return figures(argument).readers_waiting;
}

static double writer_queue(void *argument)
{
    return (double)figures(argument).writer_queue;
}

static double queries(void *argument)
{
    return (double)figures(argument).queries;
}

static double commits(void *argument)
{
    return (double)figures(argument).commits;
}

static double transactions(void *argument)
{
    return (double)figures(argument).transactions;
}

static double rollbacks(void *argument)
{
    return (double)figures(argument).rollbacks;
}

static double checkpoints(void *argument)
{
    return (double)figures(argument).checkpoints;
}

static double last_commit(void *argument)
{
    return (double)figures(argument).last_commit_us / 1e6;
}

static double writable(void *argument)
{
    return figures(argument).state == OK;
}

static double round_trips(void *argument)
{
    return (double)figures(argument).round_trips;
}

static double replicas(void *argument)
{
    return figures(argument).replicas;
}

static double replicas_up(void *argument)
{
    return figures(argument).replicas_up;
}

static double replica_queries(void *argument)
{
    return (double)figures(argument).replica_queries;
}

static double waits_timed_out(void *argument)
{
    return (double)figures(argument).waits_timed_out;
}

static double reruns(void *argument)
{
    return (double)figures(argument).reruns;
}

static double up(void *argument)
{
    return !figures(argument).is_down;
}

static double offload_queue(void *argument)
{
    const struct gauges *gauges = argument;
    return (double)offload_figures(gauges->offload).queued;
}

static double offload_busy(void *argument)
{
    const struct gauges *gauges = argument;
    return (double)offload_figures(gauges->offload).busy;
}

static struct limit_figures limits(void *argument)
{
    struct gauges *gauges = argument;
    return limit_figures(atomic_load(&gauges->limit));
}

static double limit_keys(void *argument)
{
    return (double)limits(argument).keys;
}

static double limit_evicted(void *argument)
{
    return (double)limits(argument).evicted_early;
}

static double resident_bytes(void *argument)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    int read = fscanf(file, "%lu %lu", &total, &resident);
    fclose(file);
    return read == 2 ? (double)resident * (double)sysconf(_SC_PAGESIZE) : 0;
}

static double one(void *argument)
{
    return 1;
}

static const struct {
    const char *name, *help;
    double (*read)(void *argument);
    bool is_counter;
} rows[] = {
    {"tenon_fibers", "Fibers alive", fibers, false},
    {"tenon_fiber_stacks", "Fiber stacks mapped", stacks, false},
    {"tenon_loop_turns_total", "Turns of the cores' loops", turns, true},
    {"tenon_db_readers_open", "Connections open (SQLite: those that read)", readers_open, false},
    {"tenon_db_readers_lent", "Connections lent to a request (PostgreSQL: to a transaction)", readers_lent, false},
    {"tenon_db_readers_waiting", "Statements and transactions that wait for a connection", readers_waiting, false},
    {"tenon_db_writer_queue", "Transactions that wait for the writer", writer_queue, false},
    {"tenon_db_queries_total", "Statements begun on read connections", queries, true},
    {"tenon_db_commits_total", "Commits", commits, true},
    {"tenon_db_transactions_total", "Transactions; divided by commits, how many share one", transactions, true},
    {"tenon_db_rollbacks_total", "Transactions rolled back", rollbacks, true},
    {"tenon_db_checkpoints_total", "Checkpoints", checkpoints, true},
    {"tenon_db_last_commit_seconds", "How long the last commit took", last_commit, false},
    {"tenon_db_writable", "1 while writes succeed", writable, false},
    {"tenon_db_up", "1 while the database can be reached", up, false},
    {"tenon_db_round_trips_total", "Batches of statements sent to PostgreSQL", round_trips, true},
    {"tenon_db_replicas", "Replicas that are configured", replicas, false},
    {"tenon_db_replicas_up", "Replicas that take reads", replicas_up, false},
    {"tenon_db_replica_queries_total", "Statements that replicas were asked", replica_queries, true},
    {"tenon_db_waits_timed_out_total", "Waits for a connection that lasted too long", waits_timed_out, true},
    {"tenon_db_reruns_total", "Transactions run again after a serialization failure or a deadlock", reruns, true},
    {"tenon_offload_queue", "Jobs that wait for the offload pool", offload_queue, false},
    {"tenon_offload_busy", "Threads of the offload pool at work", offload_busy, false},
    {"tenon_limit_keys", "Keys that limits remember", limit_keys, false},
    {"tenon_limit_evicted_total", "Keys forgotten for want of room before all of their share was back", limit_evicted,
     true},
    {"process_resident_memory_bytes", "Resident memory in bytes", resident_bytes, false},
};

enum error gauges_add(struct gauges *gauges, struct metrics *metrics)
{
    unsigned family;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        TRY(rows[i].is_counter ? metrics_add_counter(metrics, rows[i].name, rows[i].help, "", &family)
                               : metrics_add_gauge(metrics, rows[i].name, rows[i].help, "", &family));
        TRY(metrics_add_probe(metrics, family, NULL, 0, rows[i].read, gauges));
    }
    const struct slice version = SLICE(TENON_VERSION);
    TRY(metrics_add_gauge(metrics, "tenon_build_info", "The version that runs", "version", &family));
    return metrics_add_probe(metrics, family, &version, 1, one, NULL);
}
