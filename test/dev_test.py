# SPDX-License-Identifier: Apache-2.0
"""The front door, with Debian's package tools replaced by recorders."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

import layers

DEV = pathlib.Path(__file__).resolve().parents[1] / "dev"
NOBODY = 65534


@pytest.fixture
def tools():
    """A folder for PATH: dpkg-query knows only the packages in `installed`, apt-get writes down what it is asked."""
    with tempfile.TemporaryDirectory() as name:  # not tmp_path, which is closed to other users
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        scripts = {
            "dpkg-query": f'for last; do :; done; grep -qx -- "$last" {folder}/installed && echo -n installed',
            "apt-get": f'echo "$*" >>{folder}/apt',
            "sudo": f'echo "sudo $1" >>{folder}/apt; "$@"',
        }
        for script, body in scripts.items():
            (folder / script).write_text(f"#!/bin/bash\n{body}\n")
            (folder / script).chmod(0o755)
        (folder / "installed").write_text("\n".join(packages()) + "\n")
        yield folder


def packages():
    listed = re.findall(r"^PACKAGES_\w+=\(([^)]*)\)", layers.read(DEV), re.M)
    return " ".join(listed).split()


def run(*args, path=None, **options):
    env = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]}
    return subprocess.run([DEV, *args], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)


def asked(tools):
    record = tools / "apt"
    return record.read_text() if record.exists() else ""


def test_help_shows_every_command_and_each_has_its_function():
    text = layers.read(DEV)
    names = re.findall(r'^  "(\w+)\|', text, re.M)
    shown = run("--help")
    assert shown.returncode == 0 and len(names) >= 8
    for name in names:
        assert re.search(rf"^  {name}\b", shown.stdout, re.M)
        assert re.search(rf"^dev_{name}\(\)", text, re.M)


def test_an_unknown_command_is_refused_with_the_help(tmp_path):
    done = run("bild", cwd=tmp_path)
    assert done.returncode == 1 and 'unknown command "bild"' in done.stderr and "./dev <command>" in done.stderr


def test_nothing_is_asked_of_apt_when_all_is_there(tools):
    assert run("setup", path=tools, cwd="/").returncode == 0
    assert asked(tools) == ""


def test_only_what_is_missing_is_installed(tools):
    (tools / "installed").write_text("\n".join(name for name in packages() if name not in ("meson", "wrk")) + "\n")
    assert run("setup", path=tools).returncode == 0
    assert asked(tools).splitlines() == ["update -qq", "install -y -qq --no-install-recommends meson wrk"]


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
is_open = all(path.stat().st_mode & 0o001 for path in [DEV, *DEV.resolve().parents])
needs_entry = pytest.mark.skipif(not is_open, reason="the checkout is closed to others")


@needs_root
@needs_entry
def test_without_root_it_uses_sudo(tools):
    (tools / "installed").write_text("")
    run("setup", path=tools, user=NOBODY)
    assert asked(tools).startswith("sudo apt-get\n")


@needs_root
@needs_entry
def test_without_root_and_sudo_it_says_what_to_type(tools):
    (tools / "installed").write_text("")
    for name in ("bash", "env", "dirname", "readlink", "nproc", "grep"):
        (tools / name).symlink_to(shutil.which(name))
    (tools / "sudo").unlink()
    done = subprocess.run([DEV, "setup"], env={"PATH": str(tools)}, capture_output=True, text=True, user=NOBODY)
    assert done.returncode == 1 and "as root: apt-get install gcc" in done.stderr
