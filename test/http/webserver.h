/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_HTTP_WEBSERVER_H
#define TEST_HTTP_WEBSERVER_H

#include <stdbool.h>
#include <stddef.h>

/* Another server for tests of what asks others: a thread that takes one connection after the other, reads a request and
 * answers what it was told to, byte for byte. */

struct webserver;

/* How a TLS server's certificate is made; it signs itself. */
struct webserver_tls {
    const char *name;     /* it is for this host */
    int from_day, to_day; /* valid between these days from today */
};

/* Listens on a free port of 127.0.0.1. `tls` NULL: in the clear. */
struct webserver *webserver_start(const struct webserver_tls *tls);
/* Ends the thread, also in the middle of an answer. */
void webserver_stop(struct webserver *server);
unsigned webserver_port(const struct webserver *server);
/* The file with the certificate of a TLS server; it goes with the server. */
const char *webserver_ca_file(const struct webserver *server);

/* What is answered from now on; copied. */
void webserver_answer(struct webserver *server, const char *bytes, size_t length);
/* The same: a status line's rest ("200 OK") and a body. */
void webserver_answer_body(struct webserver *server, const char *status, const char *body);
/* The bytes are repeated until the client has gone. */
void webserver_answer_endlessly(struct webserver *server, const char *first, const char *repeated);
/* Answers wait until webserver_let_go(). */
void webserver_hold(struct webserver *server);
void webserver_let_go(struct webserver *server);
/* How many requests have come, held ones too. */
unsigned webserver_count(struct webserver *server);
/* Whether the head or the body of the last one holds a text. */
bool webserver_was_told(struct webserver *server, const char *text);

#endif
