# SPDX-License-Identifier: Apache-2.0
"""`tenon schema app` is a JSON Schema that accepts what `tenon check` accepts, and marks what is plainly wrong."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "e2e"))

from server import BINARY  # noqa: E402

yaml = pytest.importorskip("yaml", reason="python3-yaml is not installed")
jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")

GOOD = sorted(ROOT.glob("examples/*/app.yaml")) + sorted(ROOT.glob("test/app/good/**/*.yaml"))
BAD = ["using", "unknown-keys", "kinds", "api", "names-shape", "timeouts", "sizes", "not-yet", "not-yet-in-resource", "roles", "rules"]


@pytest.fixture(scope="module")
def schema():
    text = subprocess.run([BINARY, "schema", "app"], check=True, capture_output=True, timeout=20).stdout
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_good_app_file_is_valid(schema, path):
    faults = [fault.message for fault in schema.iter_errors(yaml.safe_load(path.read_text()))]
    assert faults == []


@pytest.mark.parametrize("name", BAD)
def test_a_broken_app_file_is_not(schema, name):
    text = (ROOT / "test/app/broken" / f"{name}.yaml").read_text()
    assert not schema.is_valid(yaml.safe_load(text))


def test_every_setting_is_described(schema):
    def walk(properties):
        for name, value in properties.items():
            if "properties" in value:
                walk(value["properties"])
            else:
                assert value["description"], name

    walk(schema.schema["properties"])
