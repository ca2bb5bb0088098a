/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_NETWORK_H
#define NET_NETWORK_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"
#include "net/address.h"

/* Addresses without their ports, and ranges of them. IPv4 is held as the IPv6 that it is mapped to (RFC 4291 section
 * 2.5.5.2), so that a client of a socket for both is the same as one of a socket for IPv4. */

enum { NETWORK_ADDRESS_BYTES = 16 };

/* All addresses whose first bits are these. */
struct network {
    unsigned char bytes[NETWORK_ADDRESS_BYTES];
    unsigned bits; /* 0 to 128 */
};

/* Reads "10.0.0.0/8", "fd00::/8", or one address. Bits behind the prefix must be zero: else it is not what was meant.
 * Errors: ERROR_VALIDATION. */
MUST_USE enum error network_parse(struct slice text, struct network *out);
bool network_has(const struct network *network, const struct address *address);
/* The bytes of an address; true when it is IPv4. */
bool network_bytes(const struct address *address, unsigned char out[NETWORK_ADDRESS_BYTES]);
/* Reads "192.0.2.1", "2001:db8::1" or "[2001:db8::1]", of the last with a port behind it or not, as of "192.0.2.1:80".
 * The port is checked and dropped; mapped IPv4 is read as IPv4. Errors: ERROR_PARSE. */
MUST_USE enum error network_parse_address(struct slice text, struct address *out);

#endif
