"""What a fresh machine is told: everything that is missing, each with its package, at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "preflight"


def preflight(*arguments: str, path: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ) | environment | ({"PATH": str(path)} if path else {}),
    )


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH with a Debian's apt-get and nothing else; tests add to it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("uname",):
        (folder / name).symlink_to(shutil.which(name) or "/bin/false")
    _program(folder, "apt-get", "exit 0")
    return folder


def _program(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def test_this_machine_has_everything() -> None:
    done = preflight(sys.executable)
    assert (done.returncode, done.stderr) == (0, "")


def test_everything_missing_is_named_at_once(machine: Path) -> None:
    done = preflight("python3", path=machine)
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr
    assert "a C compiler" in done.stderr
    assert done.stderr.count("apt-get install") == 2


def test_a_debian_python_without_venv_and_headers(machine: Path) -> None:
    # Of the questions the script asks this interpreter, only the one about its version is answered yes.
    _program(machine, "python3", 'case "$2" in *version_info*) exit 0;; *) exit 1;; esac')
    _program(machine, "cc", "exit 0")
    done = preflight("python3", path=machine)
    assert done.returncode == 1
    assert "python3-venv" in done.stderr
    assert "python3-dev" in done.stderr
    assert "compiler" not in done.stderr


def test_with_uv_no_venv_module_is_needed(machine: Path) -> None:
    _program(machine, "python3", 'case "$2" in *version_info*) exit 0;; *) exit 1;; esac')
    _program(machine, "cc", "exit 0")
    assert "python3-venv" not in preflight("python3", "/usr/bin/uv", path=machine).stderr


def test_an_old_python_is_named_with_its_version(machine: Path) -> None:
    _program(machine, "python3", 'case "$1" in -V) echo Python 3.9.2;; *) exit 1;; esac')
    _program(machine, "cc", "exit 0")
    done = preflight("python3", path=machine)
    assert done.returncode == 1
    assert "Python 3.9.2" in done.stderr


def test_a_compiler_without_headers(machine: Path) -> None:
    _program(machine, "python3", "exit 0")
    _program(machine, "cc", "exit 1")
    done = preflight("python3", path=machine)
    assert done.returncode == 1
    assert "libc6-dev" in done.stderr
