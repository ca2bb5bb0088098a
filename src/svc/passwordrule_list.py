#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the table of the commonest passwords: passwordrule_list.py OUT.inc

The passwords are those of python3-zxcvbn, Debian's package (MIT, Copyright 2012-2013 Dropbox, Inc., 2016 Daniel Wolf): 30,000
that leaks have shown, the commonest first. Those of 8 characters and more are kept, for no shorter one is taken anyway, each as the
first 64 bits of the SHA-256 of its lower-case form, sorted.
"""

import hashlib
import sys

from zxcvbn.frequency_lists import FREQUENCY_LISTS

LENGTH_MIN = 8
COUNT_MIN = 10000  # fewer than this, and it is another list than the one that was looked at


def lower(text):
    """Of ASCII alone, as svc/passwordrule.c does it."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def main():
    passwords = {lower(text) for text in FREQUENCY_LISTS["passwords"] if len(text) >= LENGTH_MIN}
    digests = sorted({int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in passwords})
    if len(digests) < COUNT_MIN:
        sys.exit(f"only {len(digests)} passwords; is python3-zxcvbn the one of Debian 12?")
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write("/* Written by src/svc/passwordrule_list.py. */\n")
        out.writelines(f"UINT64_C(0x{digest:016x}),\n" for digest in digests)


main()
