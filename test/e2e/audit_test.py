# SPDX-License-Identifier: Apache-2.0
"""`tenon audit` tells what was done to an audit trail. The trails here are written by the test, as the manual says they are."""

import datetime
import hashlib
import hmac
import json
import os
import pathlib
import random
import types

import pytest

import transcript
from server import BINARY, run_tenon

DATABASES = ("sqlite", "postgres")
ROOT = pathlib.Path(__file__).resolve().parents[2]
MANUAL = ROOT / "docs/manual/audit.md"
APP = """
resources:
  notes:
    fields: {title: text}
    access: {all: true}
"""
KEY = bytes(range(32))
PARTS = "timestamp event outcome actor subject remote request_id route reason chain_id sequence previous".split()


def seal(record, key=KEY):
    parts = [str(record.get(name, "")).encode() for name in PARTS]
    text = b"tenon-audit-1" + b"".join(b"%d:%s," % (len(part), part) for part in parts)
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:32]


def chain(seed, events, ends=True, key=KEY):
    """The records of one chain."""
    rng = random.Random(seed)
    chain_id, previous, records = f"{rng.getrandbits(128):032x}", "", []
    events = [{"event": "chain_begun"}, *events, *([{"event": "chain_ended"}] if ends else [])]
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    for sequence, event in enumerate(events):
        at += datetime.timedelta(microseconds=rng.randrange(10**9))
        record = {"timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "level": "info", "message": "audit", "outcome": "done", **event}
        record |= {"chain_id": chain_id, "sequence": sequence, **({"previous": previous} if previous else {})}
        previous = record["chain"] = seal(record, key)
        records.append(record)
    return records


SIGN_IN = {"event": "sign_in", "actor": "users:7", "remote": "192.0.2.1", "request_id": "r-1", "route": "/auth/login"}
FAILED = {"event": "sign_in_failed", "outcome": "failed", "subject": 'eve"\r\n\\{}ü🦊', "remote": "192.0.2.2"}
CREATED = {"event": "key_created", "actor": "users:9", "subject": "key:ab12"}
REQUEST = {"timestamp": "2026-01-02T03:04:05.000000Z", "level": "info", "message": "request", "path": '/?"message":"audit" chain_id'}


def dump(records, **style):
    return "".join(json.dumps(record, ensure_ascii=False, **style) + "\n" for record in records)


@pytest.fixture(scope="module")
def app(serve_module):
    """An app whose database holds the key."""
    server = serve_module(APP)
    value = f"x'{KEY.hex()}'" if server.database.startswith("sqlite:") else f"'\\x{KEY.hex()}'::bytea"
    server.execute(f"insert into _tenon_secret(name, value) values('audit', {value})")
    return server


@pytest.fixture
def audit(app, tmp_path):
    """audit(records or text, *options): the exit code and what it says as JSON."""

    def run(log, *options):
        log = log if isinstance(log, str) else dump(log)
        done = run_tenon("audit", "--app", app.app_path, "--json", *options, directory=tmp_path, text_in=log)
        return done.returncode, json.loads(done.stdout)

    return run


def kinds(said):
    return [(finding["kind"], finding["line"]) for finding in said["findings"] if finding["error"]]


def interleaved(*chains):
    """The chains' lines mixed as cores mix them, with other lines between."""
    rng, left, mixed = random.Random(1), [list(records) for records in chains], []
    while any(left):
        mixed.append(rng.choice([records for records in left if records]).pop(0))
        mixed += [REQUEST] * rng.randrange(2)
    return mixed


def test_a_trail_as_it_was_written_is_found_so(audit):
    log = interleaved(chain(1, [SIGN_IN, FAILED, CREATED]), chain(2, [SIGN_IN] * 40))
    code, said = audit(log, "--complete")
    assert code == 0 and said == {"ok": True, "lines": 47, "verified": 47, "chains": 2, "errors": 0, "notes": 0, "findings": []}


def test_json_that_was_written_anew_is_the_same_trail(audit):
    records = chain(1, [SIGN_IN, FAILED, CREATED])
    for text in (dump(records, indent=None, separators=(" , ", " : ")), dump(dict(reversed(record.items())) for record in records)):
        assert audit(text, "--complete")[0] == 0
    escaped = "".join(json.dumps(record) + "\r\n" for record in records)
    assert audit(escaped, "--complete")[0] == 0


@pytest.mark.parametrize("field, value", [("actor", "users:1"), ("outcome", "failed"), ("remote", ""), ("event", "sign_out"), ("timestamp", "2026-01-02T03:04:05.000000Z"), ("reason", "x"), ("previous", "0" * 32), ("chain", "0" * 32), ("sequence", 9), ("chain_id", "0" * 32), ("level", "error"), ("role", "admin"), ("sequence", "2"), ("chain", "")])  # fmt: skip
def test_a_changed_line_is_told_with_its_number(audit, field, value):
    log = chain(1, [SIGN_IN] * 5)
    log[2] = {**log[2], field: value}
    code, said = audit(log)
    assert code == 1 and ("changed", 3) in kinds(said) and not said["ok"]
    assert [line for _, line in kinds(said)][0] == 3 and len(kinds(said)) <= 2


@pytest.mark.parametrize("line", [1, 4])
def test_a_line_that_was_taken_out_is_missed(audit, line):
    log = chain(1, [SIGN_IN] * 5)
    del log[line]
    code, said = audit(log)
    assert code == 1 and kinds(said) == [("missing", line + 1)]
    assert (said["findings"][0]["from"], said["findings"][0]["to"]) == (line, line)


def test_a_line_in_another_place_is_told(audit):
    log = chain(1, [SIGN_IN] * 5)
    log[2], log[4] = log[4], log[2]
    code, said = audit(log)
    assert code == 1 and kinds(said) == [("out_of_order", 4), ("out_of_order", 5)]


@pytest.mark.parametrize("key", [KEY, bytes(32)])
def test_a_line_that_was_put_in_is_told(audit, key):
    log = chain(1, [SIGN_IN] * 5)
    forged = chain(2, [CREATED], key=bytes(32))[1] | {"chain_id": log[2]["chain_id"], "sequence": 3, "previous": log[2]["chain"]}
    log.insert(3, forged if key != KEY else log[1])
    code, said = audit(log)
    assert code == 1 and kinds(said) == [("changed" if key != KEY else "repeated", 4)]


def test_a_line_that_is_no_json_any_more_is_told(audit):
    text = dump(chain(1, [SIGN_IN] * 3), separators=(",", ":")).splitlines(keepends=True)
    text[2] = text[2][:-20] + "\n"
    code, said = audit("".join(text))
    assert code == 1 and kinds(said)[0] == ("changed", 3)


def test_what_was_rotated_away_is_said_and_only_with_complete_an_error(audit):
    log = chain(1, [SIGN_IN] * 5)
    for part, kind in ((log[2:], "not_begun"), (log[:-1], "not_ended")):
        code, said = audit(part)
        assert code == 0 and [finding["kind"] for finding in said["findings"]] == [kind] and said["notes"] == 1
        code, said = audit(part, "--complete")
        assert code == 1 and [finding["kind"] for finding in said["findings"]] == [kind]


def test_a_log_without_a_trail_is_not_well(audit):
    assert audit([REQUEST])[0] == 1
    code, said = audit("")
    assert code == 1 and said["lines"] == 0 and said["errors"] == 0


def test_rotated_files_are_read_one_after_the_other(audit, app, tmp_path):
    log = interleaved(chain(1, [SIGN_IN] * 9), chain(2, [FAILED] * 9))
    (tmp_path / "log.1").write_text(dump(log[:11]))
    (tmp_path / "log").write_text(dump(log[11:20]) + "x" * 1_000_000 + "\n" + "chain_id" * 1_000_000 + "\n" + dump(log[20:]).rstrip("\n"))
    assert audit("", "--complete", "log.1", "log")[0] == 0
    code, said = audit("", "log", "log.1")
    assert code == 1 and {kind for kind, _ in kinds(said)} == {"out_of_order"}
    assert {finding["file"] for finding in said["findings"]} == {"log.1"}
    code, said = audit("", "gone")
    assert code == 1 and "gone" in json.dumps(said)


def test_many_findings_are_counted_and_the_first_thousand_listed(audit):
    log = [{**record, "actor": "x"} for record in chain(1, [SIGN_IN] * 3000)]
    code, said = audit(log)
    assert code == 1 and said["errors"] == 3002 and len(said["findings"]) == 1000


def test_people_are_told_in_sentences(app, tmp_path):
    log = chain(1, [SIGN_IN] * 5)
    del log[2:4]
    done = run_tenon("audit", "--app", app.app_path, text_in=dump(log))
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout == (
        f"standard input:3: lines 2 to 3 of its chain are missing before it (chain {log[0]['chain_id']})\n"
        "5 of 5 audit lines are as they were written; 1 finding\n"
    )


def test_a_database_without_the_key_says_what_to_do(serve):
    server = serve(APP)
    done = run_tenon("audit", "--app", server.app_path, text_in="")
    assert done.returncode == 1 and "no key for audit trails" in done.stderr and "hint" in done.stderr


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    (tmp_path / "app.yaml").write_text("name: test\ndatabase: sqlite:data/app.db\n" + APP)
    done = run_tenon("audit", directory=tmp_path, text_in="")
    assert done.returncode == 1 and done.stderr and not (tmp_path / "data/app.db").exists()


def test_the_manual_of_the_audit_trail(app, tmp_path, monkeypatch):
    log = chain(1, [SIGN_IN], ends=True) + chain(2, [CREATED, FAILED, CREATED, FAILED])
    (tmp_path / "server.log").write_text(dump(log, separators=(",", ":")))
    monkeypatch.setenv("PATH", f"{os.path.dirname(BINARY)}:{os.environ['PATH']}")
    (tmp_path / "app.yaml").write_text(app.app_path.read_text())
    if app.database.startswith("sqlite:"):
        (tmp_path / "data").symlink_to(app.directory / "data")
    for step in transcript.steps(MANUAL):
        step.check(types.SimpleNamespace(port=0, directory=tmp_path))


def test_the_manual_names_every_event():
    names = [line.split('"')[1] for line in (ROOT / "src/svc/audit.def").read_text().splitlines() if line.startswith("X(")]
    text = MANUAL.read_text()
    assert len(names) > 20 and [name for name in names if f"`{name}`" not in text] == []
