# SPDX-License-Identifier: Apache-2.0
"""The table of common passwords holds what it is made of, all of it."""

import hashlib
import pathlib
import re
import subprocess

from zxcvbn.frequency_lists import FREQUENCY_LISTS

ROOT = pathlib.Path(__file__).resolve().parents[2]


def table(tmp_path):
    out = tmp_path / "list.inc"
    subprocess.run([ROOT / "src/svc/passwordrule_list.py", out], check=True)
    return [int(number, 16) for number in re.findall(r"0x([0-9a-f]{16})", out.read_text())]


def test_every_password_of_eight_characters_is_in_the_sorted_table(tmp_path):
    numbers = table(tmp_path)
    listed = [text for text in FREQUENCY_LISTS["passwords"] if len(text) >= 8]
    assert numbers == sorted(set(numbers)) and len(numbers) >= 10000
    assert len(listed) - len(numbers) <= 0
    assert all(int(hashlib.sha256(text.lower().encode()).hexdigest()[:16], 16) in set(numbers) for text in listed[:3000])


def test_the_commonest_three_thousand_are_refused_by_length_or_by_the_table(tmp_path):
    numbers = set(table(tmp_path))
    for text in FREQUENCY_LISTS["passwords"][:3000]:
        assert len(text) < 8 or int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) in numbers, text
