/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SIM_CLIENT_H
#define TEST_SIM_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

/* Clients that write, read, break off and come back, and that remember what they were told. */

/* `count` clients with `operations` each to do. */
void clients_begin(unsigned count, unsigned operations);
void clients_end(void);

/* When the next of them does something; INT64_MAX: all are done, or wait for an answer. */
int64_t clients_next_us(void);
/* Lets those act that are due, and those take their answers for whom something has arrived. */
void clients_act(void);
bool clients_are_done(void);

/* The server starts: from now on an answer of 500 or above is a broken promise. */
void clients_meet_server(void);
/* The server has ended, and all connections with it. */
void clients_lose_server(void);
/* From now on 500 and above are to be expected: the disk has faults, or the server drains. */
void clients_excuse(void);

/* Compares what they were told with what is stored. What nobody knows is learnt from it. */
void clients_check(sqlite3 *db);

struct client_figures {
    uint64_t requests, answers, lost;
};
struct client_figures clients_figures(void);

#endif
