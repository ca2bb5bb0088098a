# SPDX-License-Identifier: Apache-2.0
"""Letters whose case SQLite's side of the engine ignores are folded the same by PostgreSQL's, every one of Unicode."""

import pathlib
import subprocess

from server import BINARY

APP = "resources: {notes: {fields: {title: text}, access: {all: true}}}\n"
TABLE = pathlib.Path(BINARY).parents[2] / "test/base/fold_table"
FOLDED = """
select i || ' ' || ascii(tn_fold(chr(i))) from generate_series(1, 1114111) as i
where i not between 55296 and 57343 and tn_fold(chr(i)) <> chr(i) and char_length(tn_fold(chr(i))) = 1
"""


def test_every_letter_that_sqlite_folds_postgres_folds_to_the_same(serve, postgres):
    server = serve(APP, database=postgres.create_database())
    ours = set(subprocess.run([TABLE], capture_output=True, text=True, check=True).stdout.splitlines())
    theirs = set(postgres.sql(server.database, FOLDED).splitlines())
    assert len(ours) > 600 and not ours - theirs
