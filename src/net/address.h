/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/slice.h"

/* The address of one end of a TCP connection, IPv4 or IPv6. */
struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    };
};

/* Room for every address as text, with its port and the NUL. */
enum { ADDRESS_TEXT_BYTES = 64 };

/* Reads "127.0.0.1:8080", "[::1]:8080", "localhost:8080" or ":8080" (every IPv4 address of the machine). Names but
 * localhost are refused: looking one up would block.
 * Errors: ERROR_VALIDATION, told in `diag`. */
MUST_USE
enum error address_parse(struct slice text, struct diag *diag, struct address *out);
/* Writes "127.0.0.1:8080" or "[::1]:8080" with a NUL; returns the length without it. */
size_t address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES]);
/* The same without port and brackets: what a log calls the remote. */
size_t address_format_host(const struct address *address, char text[ADDRESS_TEXT_BYTES]);

unsigned address_port(const struct address *address);
void address_set_port(struct address *address, unsigned port);
/* The length that bind() and connect() want. */
socklen_t address_length(const struct address *address);
/* Whether only this machine reaches it. */
bool address_is_loopback(const struct address *address);

#endif
