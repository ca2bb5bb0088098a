# SPDX-License-Identifier: Apache-2.0
"""P4: a sync of the database file that fails loses nothing, though the system forgets the pages that it was for."""

import sqlite3
import time

from disk import Disk, Shim, needs_shim

URL = "/api/v1/notes"
APP = """
resources:
  notes:
    id: int
    fields: {text: text required}
    access: {all: true}
"""


def create(server, text, count):
    answer = server.client.post(URL, [{"text": f"{text} {i} " + "x" * 1000} for i in range(count)])
    assert answer.status == 201, answer
    return [(row["id"], row["text"]) for row in answer.data]


@needs_shim
def test_what_was_moved_before_a_sync_that_failed_is_moved_again(serve, tmp_path):
    """A checkpoint that a reader cut short has written pages that no sync has brought to the disk yet; the sync of the next
    one fails, and with it go those pages; the log may not be begun anew before they were written once more."""
    shim = Shim(tmp_path)
    server = serve(APP, env=shim.env)
    acknowledged = create(server, "early", 100)
    path = server.directory / "data/app.db"
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM notes").fetchone()
    acknowledged += create(server, "late", 1)
    time.sleep(0.8)  # what the reader does not need in the log is moved
    shim.fail("5sd")
    reader.execute("COMMIT")
    reader.close()
    time.sleep(1.2)  # the rest is moved, and the sync fails
    shim.mend()
    time.sleep(1.2)  # it is tried again, and does not
    acknowledged += create(server, "last", 1)  # begins the log anew
    server.kill()
    disk = Disk()
    for record in shim.records():
        disk.apply(record)
    database = sqlite3.connect(disk.save(tmp_path))
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    stored = dict(database.execute("SELECT id, text FROM notes"))
    assert [row for row, text in acknowledged if stored.get(row) != text] == []
