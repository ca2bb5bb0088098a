# SPDX-License-Identifier: Apache-2.0
"""What storage_shim.so has recorded of a server, and the disk under it as a power cut would leave it.

    shim = Shim(tmp_path)
    server = serve(APP, env=shim.env)             # started under the shim
    shim.fail("5s")                               # from now on syncs end with EIO; shim.mend() ends that
    disk = Disk()
    for record in shim.records():                 # in the order in which it happened
        disk.apply(record)                        # a page cache and a disk: see Disk
    disk.save(folder)                             # app.db and its log as they are on the disk now

The page cache is Linux's: a sync brings the pages to the disk that were written before it began; where it fails they are
clean all the same, and only another write to them brings them there (https://lwn.net/Articles/752063/).
"""

import collections
import os
import struct

import pytest

from server import ROOT

SHIM = ROOT / "build/test/promises/storage_shim.so"
HEAD = struct.Struct("<QQIBB2x")
PAGE, SECTOR = 4096, 512
NAMES = {"d": "app.db", "l": "app.db-wal", "j": "app.db-journal"}

needs_shim = pytest.mark.skipif(bool(os.environ.get("TENON_BIN")), reason="the shim is preloaded into the release build only")

Record = collections.namedtuple("Record", "number kind target offset data")


class Shim:
    def __init__(self, folder, **env):
        self.log, self.control = folder / "storage.log", folder / "fault"
        self.env = {"LD_PRELOAD": str(SHIM), "TENON_SHIM_LOG": str(self.log), "TENON_SHIM_FAULT": str(self.control), **env}

    def fail(self, what):
        new = self.control.with_suffix(".new")
        new.write_text(what)
        new.rename(self.control)

    def mend(self):
        self.control.unlink()

    def records(self):
        data, at, found = memoryview(self.log.read_bytes()), 0, []
        while at < len(data):
            number, offset, size, kind, target = HEAD.unpack_from(data, at)
            at += HEAD.size
            found.append(Record(number, chr(kind), chr(target), offset, bytes(data[at : at + size])))
            at += size
        return sorted(found)


class File:
    """`cache` is what programs see, `kept` what is on the disk, `dirty` the pages that a sync would bring there."""

    def __init__(self):
        self.cache, self.kept = bytearray(), bytearray()
        self.dirty, self.syncing = set(), {}
        self.is_unlinked = False

    def write(self, offset, data):
        end = offset + len(data)
        if end > len(self.cache):
            self.cache.extend(bytes(end - len(self.cache)))
        self.cache[offset:end] = data
        self.dirty.update(range(offset // PAGE, (end - 1) // PAGE + 1))

    def truncate(self, size):
        last = len(self.cache) // PAGE
        if size < len(self.cache):
            del self.cache[size:]
        else:
            self.cache.extend(bytes(size - len(self.cache)))
        self.dirty = {page for page in self.dirty if page * PAGE < size}
        if last * PAGE < size:
            self.dirty.add(last)

    def begin_sync(self, number):
        pages = {page: bytes(self.cache[page * PAGE : (page + 1) * PAGE]) for page in self.dirty}
        self.syncing[number] = (len(self.cache), pages)
        self.dirty = set()

    def end_sync(self, number, is_good):
        size, pages = self.syncing.pop(number)
        if not is_good:
            return
        self.forget_if_unlinked()
        resize(self.kept, size)
        for page, data in pages.items():
            self.kept[page * PAGE : page * PAGE + len(data)] = data

    def unlink(self):
        self.cache, self.dirty, self.is_unlinked = bytearray(), set(), True

    def forget_if_unlinked(self):
        if self.is_unlinked:
            self.kept, self.is_unlinked = bytearray(), False

    def torn(self, chance):
        """What is kept, and of each page that no sync has brought there yet some of its sectors."""
        torn = bytearray(self.kept)
        waiting = {page: bytes(self.cache[page * PAGE : (page + 1) * PAGE]) for page in self.dirty}
        for _, pages in self.syncing.values():
            waiting = {**pages, **waiting}
        for page, data in sorted(waiting.items()):
            for at in range(0, len(data), SECTOR):
                if chance.random() < 0.5:
                    sector = data[at : at + SECTOR]
                    begin = page * PAGE + at
                    if begin + len(sector) > len(torn):
                        resize(torn, begin + len(sector))
                    torn[begin : begin + len(sector)] = sector
        return torn


def resize(data, size):
    if size < len(data):
        del data[size:]
    else:
        data.extend(bytes(size - len(data)))


class Disk:
    def __init__(self):
        self.files = {target: File() for target in NAMES}

    def apply(self, record):
        """What a record does to the files; of the folder only its syncs matter."""
        if record.target == "f" and record.kind == "e":
            for file in self.files.values():
                file.forget_if_unlinked()
        file = self.files.get(record.target)
        if not file:
            return
        if record.kind == "w":
            file.write(record.offset, record.data)
        elif record.kind == "t":
            file.truncate(record.offset)
        elif record.kind == "u":
            file.unlink()
        elif record.kind == "b":
            file.begin_sync(record.number)
        elif record.kind in "ef":
            file.end_sync(record.offset, record.kind == "e")

    def save(self, folder, chance=None):
        """Writes the files as the disk has them, or torn by this `chance`; the path of the database."""
        for target, name in NAMES.items():
            file = self.files[target]
            data = file.torn(chance) if chance else file.kept
            (folder / name).unlink(missing_ok=True)
            if data:
                (folder / name).write_bytes(data)
        (folder / "app.db-shm").unlink(missing_ok=True)
        return folder / NAMES["d"]
