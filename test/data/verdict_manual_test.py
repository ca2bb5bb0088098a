# SPDX-License-Identifier: Apache-2.0
"""docs/manual/verdicts.md is what the code knows: every rule has its row, word for word, and every row is a rule; and what
squawk and strong_migrations warn of is a rule here, under the same name or one that the manual gives."""

import json
import re
import subprocess

import pytest

from server import ROOT

PRINT = ROOT / "build/test/data/verdict_print"
MANUAL = (ROOT / "docs/manual/verdicts.md").read_text(encoding="utf-8")

# Every page of squawkhq.com/docs that is a rule, but for those that the manual says are not taken over.
SQUAWK = """
    adding-field-with-default adding-foreign-key-constraint adding-not-nullable-field adding-required-field
    adding-serial-primary-key-field ban-add-composite-attribute ban-add-enum-value ban-alter-database-options
    ban-alter-domain-with-add-constraint ban-alter-extension ban-alter-function-options ban-alter-generated-expression
    ban-alter-identity ban-alter-policy-condition ban-alter-policy-roles ban-alter-role-options
    ban-alter-row-level-security ban-alter-sequence-values ban-alter-system-options ban-alter-view-options ban-char-field
    ban-concurrent-index-creation-in-transaction ban-create-domain-with-constraint ban-create-policy
    ban-detach-inheritance ban-disable-trigger ban-drop-column ban-drop-constraint ban-drop-database ban-drop-default
    ban-drop-domain ban-drop-extension ban-drop-function ban-drop-generated-expression ban-drop-index ban-drop-not-null
    ban-drop-policy ban-drop-schema ban-drop-sequence ban-drop-table ban-drop-trigger ban-drop-type ban-drop-view
    ban-replace-view-function ban-replica-identity ban-revoke ban-set-default ban-set-schema ban-truncate-cascade
    ban-uncommitted-transaction changing-column-type constraint-missing-not-valid disallowed-unique-constraint
    identifier-too-long prefer-big-int prefer-bigint-over-int prefer-bigint-over-smallint prefer-identity prefer-repack
    prefer-robust-stmts prefer-text-field prefer-timestamptz renaming-column renaming-object renaming-table
    require-concurrent-index-creation require-concurrent-index-deletion require-concurrent-partition-detach
    require-concurrent-reindex require-enum-value-ordering require-lock-timeout require-statement-timeout
    require-timeout-settings transaction-nesting
""".split()

STATEMENTS = {
    "ban-add-composite-attribute": "ALTER TYPE c ADD ATTRIBUTE a int",
    "ban-alter-database-options": "ALTER DATABASE d SET work_mem = '8MB'",
    "ban-alter-extension": "ALTER EXTENSION e UPDATE",
    "ban-alter-function-options": "ALTER FUNCTION f(int) SECURITY DEFINER",
    "ban-alter-generated-expression": "ALTER TABLE t ALTER a SET EXPRESSION AS (b + 1)",
    "ban-alter-identity": "ALTER TABLE t ALTER a SET GENERATED ALWAYS",
    "ban-alter-policy-condition": "ALTER POLICY p ON t USING (true)",
    "ban-alter-policy-roles": "ALTER POLICY p ON t TO r",
    "ban-alter-role-options": "ALTER ROLE r SUPERUSER",
    "ban-alter-sequence-values": "ALTER SEQUENCE s INCREMENT 2",
    "ban-alter-system-options": "ALTER SYSTEM SET work_mem = '8MB'",
    "ban-alter-view-options": "ALTER VIEW v SET (security_barrier = true)",
    "ban-create-policy": "CREATE POLICY p ON t USING (true)",
    "ban-detach-inheritance": "ALTER TABLE t NO INHERIT u",
    "ban-drop-constraint": "ALTER TABLE t DROP CONSTRAINT c",
    "ban-drop-default": "ALTER TABLE t ALTER a DROP DEFAULT",
    "ban-drop-domain": "DROP DOMAIN d",
    "ban-drop-extension": "DROP EXTENSION e",
    "ban-drop-function": "DROP FUNCTION f",
    "ban-drop-generated-expression": "ALTER TABLE t ALTER a DROP EXPRESSION",
    "ban-drop-index": "DROP INDEX i",
    "ban-drop-policy": "DROP POLICY p ON t",
    "ban-drop-sequence": "DROP SEQUENCE s",
    "ban-drop-trigger": "DROP TRIGGER g ON t",
    "ban-drop-type": "DROP TYPE e",
    "ban-drop-view": "DROP VIEW v",
    "ban-replace-view-function": "CREATE OR REPLACE VIEW v AS SELECT 1",
    "ban-replica-identity": "ALTER TABLE t REPLICA IDENTITY FULL",
    "ban-set-default": "ALTER TABLE t ALTER a SET DEFAULT 1",
    "ban-set-schema": "ALTER TABLE t SET SCHEMA s",
    "prefer-repack": "VACUUM FULL t",
}


def ask(*arguments, text=""):
    done = subprocess.run([PRINT, *arguments], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def row(rule):
    does = "rewrites" if rule["rewrites"] else "scans" if rule["scans"] else ""
    lock = ", ".join(filter(None, [rule["lock"], does])) if rule["lock"] else "none"
    cells = [f"`{rule['rule']}`", rule["level"], lock, rule["why"], rule["safe_form"] or ""]
    return "| " + " | ".join(cell.replace("<table>", "*table*").replace("<column>", "*column*") for cell in cells) + " |"


@pytest.mark.parametrize("dialect, title", [("postgres", "PostgreSQL"), ("sqlite", "SQLite")])
def test_the_manual_has_every_rule_and_no_other(dialect, title):
    written = re.search(rf"## {title}\n(.*?)\n## ", MANUAL, re.S)[1].splitlines()
    assert [line for line in written if line.startswith("| `")] == [row(rule) for rule in ask("rules") if rule["dialect"] == dialect]


def test_the_levels_of_the_manual_are_those_of_the_rules():
    written = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", MANUAL, re.M)
    assert {rule["level"] for rule in ask("rules")} == set(written)


def test_what_the_manual_allows_is_allowed():
    sql = re.search(r"```sql\n(.*?)```", MANUAL, re.S)[1]
    assert [(verdict["rule"], verdict["is_allowed"]) for verdict in ask("postgres", text=sql)] == [("ban-drop-column", True)]


def elsewhere():
    """What other tools call it, and the rules it is here."""
    table = re.search(r"\| elsewhere \| here \|\n(.*)", MANUAL, re.S)[1]
    return [(there, re.findall(r"`([\w-]+)`", here)) for there, here in re.findall(r"^\| (\w.*?) \| (.*?) \|$", table, re.M)]


def test_what_the_manual_says_of_other_tools_is_a_rule():
    names = {rule["rule"] for rule in ask("rules")}
    assert len(elsewhere()) > 30
    assert [here for _, rules in elsewhere() for here in rules if here not in names] == []


@pytest.mark.parametrize("name", SQUAWK)
def test_a_rule_of_squawk_is_known(name):
    same = [rule for rule in ask("rules") if rule["rule"] == name]
    others = [rules for there, rules in elsewhere() if f"`{name}`" in there]
    assert bool(same) != bool(others), "it is a rule here, or the manual says which"
    if name in STATEMENTS:
        assert others[0][0] in [verdict["rule"] for verdict in ask("postgres", text=STATEMENTS[name])]
