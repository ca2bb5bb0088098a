/* SPDX-License-Identifier: Apache-2.0 */
/* Worlds: one seed, one history. The machine runs, stops in an orderly way or loses power, and starts again on what its
 * disk has kept; clients work meanwhile, and after each end the rows are compared with what they were told.
 *
 * usage: sim_test [seed]      without one: WORLDS seeds, each twice; with one: its diary */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "disk.h"
#include "machine.h"
#include "network.h"
#include "threads.h"
#include "world.h"

enum {
    WORLDS = 200,
    WORLDS_SOAK = 10000,
    LIVES_MAX = 4,
    OPERATIONS_MAX = 30,
    CRASH_US = 2 * 1000 * 1000,
    WRITES_MAX = 400
};

static const char app[] =
    "name: sim\n"
    "database: sqlite:/sim.db\n"
    "resources:\n"
    "  counters: {id: int, fields: {value: int required}, access: {all: true}}\n"
    "  notes: {id: int, fields: {name: text required unique, value: int required}, access: {all: true}}\n"
    "  lines: {id: int, fields: {note: notes required, text: text}, access: {all: true}}\n";

struct totals {
    uint64_t requests, answers, lost, crashes, stops, syncs;
};

static struct {
    int64_t ends_us;  /* when this life ends; INT64_MAX: when the clients are done */
    int64_t fault_us; /* when the disk begins to fail, and when it stops again */
    int64_t healed_us;
    bool ends_by_crash;
} life;

static void crash(void)
{
    world_note("crash", 0, NULL, 0);
    network_cut();
    clients_excuse();
    machine_stop(false);
}

static void end_life(void)
{
    life.ends_us = INT64_MAX;
    if (life.ends_by_crash) {
        disk_lose_power();
        crash();
    } else {
        world_note("stop", 0, NULL, 0);
        clients_excuse(); /* a deadline may cut a drain */
        machine_stop(true);
    }
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t plan_next_us(void)
{
    return earliest(life.ends_us, earliest(life.fault_us, life.healed_us));
}

static void follow_plan(void)
{
    if (life.fault_us <= world_now_us()) {
        life.fault_us = INT64_MAX;
        clients_excuse();
        disk_set_faults(world_chance(500) ? 300 : 0, world_chance(700) ? 200 : 0);
    }
    if (life.healed_us <= world_now_us()) {
        life.healed_us = INT64_MAX;
        disk_set_faults(0, 0);
    }
    if (life.ends_us <= world_now_us() || (clients_are_done() && machine_is_up()))
        end_life();
}

/* One thing happens, not later than `limit_us`. */
static void step(int64_t limit_us)
{
    world_pass_us(1 + (int64_t)world_random(20));
    int64_t thread_us = threads_next_us();
    int64_t next_us = earliest(earliest(clients_next_us(), network_next_us()), earliest(thread_us, plan_next_us()));
    int64_t until_us = earliest(next_us, limit_us);
    if (until_us == INT64_MAX && !clients_are_done())
        world_fail("nothing will ever happen again");
    if (until_us > world_now_us() && until_us != INT64_MAX)
        world_pass_us(until_us - world_now_us());
    if (thread_us <= world_now_us())
        threads_run_one();
    network_arrive();
    clients_act();
    follow_plan();
}

static void plan_life(bool is_last)
{
    int64_t now_us = world_now_us();
    life.ends_us = life.fault_us = life.healed_us = INT64_MAX;
    life.ends_by_crash = !is_last && world_chance(700);
    disk_set_faults(0, 0);
    disk_lose_power_at(0, crash);
    if (is_last)
        return;
    if (life.ends_by_crash && world_chance(600))
        disk_lose_power_at(1 + world_random(WRITES_MAX), crash);
    life.ends_us = now_us + (int64_t)world_random(CRASH_US);
    if (world_chance(300)) {
        life.fault_us = now_us + (int64_t)world_random(CRASH_US / 2);
        life.healed_us = life.fault_us + (int64_t)world_random(CRASH_US / 4);
    }
}

static void check_disk(void)
{
    sqlite3 *db;
    if (sqlite3_open("/sim.db", &db) != SQLITE_OK)
        world_fail("the database does not open: %s", sqlite3_errmsg(db));
    clients_check(db);
    sqlite3_close(db);
}

/* The tables, and the counter that all clients share. */
static void make_database(const char *app_path)
{
    sqlite3 *db;
    network_begin(step);
    life.ends_us = world_now_us();
    life.ends_by_crash = false;
    life.fault_us = life.healed_us = INT64_MAX;
    if (!machine_run(app_path))
        world_fail("the first start failed");
    network_end();
    sqlite3_open("/sim.db", &db);
    if (sqlite3_exec(db, "INSERT INTO counters(value, created_at, updated_at, version) VALUES(0, '', '', 1)", NULL,
                     NULL, NULL))
        world_fail("the counter could not be made: %s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void live(const char *app_path, bool is_last, struct totals *totals)
{
    network_begin(step);
    plan_life(is_last);
    clients_meet_server();
    bool was_up = machine_run(app_path);
    totals->crashes += life.ends_by_crash;
    totals->stops += !life.ends_by_crash;
    network_end();
    clients_lose_server();
    disk_set_faults(0, 0);
    disk_restart();
    if (is_last && !was_up)
        world_fail("the last start failed");
    check_disk();
    world_pass_us((int64_t)world_random(500 * 1000));
}

static uint64_t run_world(uint64_t seed, bool is_told, const char *app_path, struct totals *totals)
{
    world_begin(seed, is_told);
    disk_begin();
    clients_begin(5 + (unsigned)world_random(16), 0);
    make_database(app_path);
    clients_begin(5 + (unsigned)world_random(16), 5 + (unsigned)world_random(OPERATIONS_MAX));
    unsigned lives = 1 + (unsigned)world_random(LIVES_MAX);
    for (unsigned i = 0; i <= lives && !(clients_are_done() && i > 0); i++)
        live(app_path, i == lives, totals);
    struct client_figures figures = clients_figures();
    totals->requests += figures.requests;
    totals->answers += figures.answers;
    totals->lost += figures.lost;
    totals->syncs += disk_syncs();
    clients_end();
    disk_end();
    return world_diary();
}

static void write_app(char *path)
{
    int fd = mkstemps(path, 5);
    if (fd < 0 || write(fd, app, sizeof app - 1) != (ssize_t)sizeof app - 1)
        exit(2);
    close(fd);
}

int main(int argc, char **argv)
{
    char app_path[] = "/tmp/tenon-sim-XXXXXX.yaml";
    struct totals totals = {0}, again = {0};
    unsigned long worlds = getenv("TENON_SOAK") ? WORLDS_SOAK : WORLDS;
    write_app(app_path);
    if (argc == 2) {
        run_world(strtoull(argv[1], NULL, 10), true, app_path, &totals);
        unlink(app_path);
        return 0;
    }
    printf("1..1\n");
    for (uint64_t seed = 1; seed <= worlds; seed++) {
        uint64_t first = run_world(seed, false, app_path, &totals);
        if (run_world(seed, false, app_path, &again) != first)
            world_fail("the second run of this seed was another one");
    }
    unlink(app_path);
    printf("# figure P27: %lu seeds, each twice to the same trace; %llu requests, %llu without an answer, %llu power "
           "losses, "
           "%llu orderly stops, %llu syncs\n",
           worlds, (unsigned long long)totals.requests, (unsigned long long)totals.lost,
           (unsigned long long)totals.crashes, (unsigned long long)totals.stops, (unsigned long long)totals.syncs);
    printf("ok 1 - worlds_keep_every_promise\n");
    return 0;
}
