"""The tree as a whole: nothing of one machine in it, and no file out of hand."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

MAX_LINES = {".py": 650, ".pyx": 1_100}
_BINARY = frozenset({".png", ".ico", ".woff2", ".gz"})
_MACHINE_PATH = re.compile(r"(?<![\w.])/(?:root|home/\w+|Users/\w+|work|workspace)/\w")
_INDEX = re.compile(
    r"--(?:extra-)?index-url|--find-links|^\s*-[if]\s+https?:|index_url\s*=|find-links\s*=", re.MULTILINE
)


def _files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git clone: the tracked files cannot be listed")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return [path for name in names if (path := ROOT / name).is_file() and path.suffix not in _BINARY]


def test_no_path_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {hit[0]}"
        for path in _files()
        if path != Path(__file__)
        for hit in _MACHINE_PATH.finditer(path.read_text(errors="replace"))
    ]
    assert not found, "\n".join(found)


def test_no_package_index_is_chosen_for_the_user() -> None:
    found = [
        str(path) for path in _files() if path != Path(__file__) and _INDEX.search(path.read_text(errors="replace"))
    ]
    assert not found


def test_no_lock_file_with_addresses() -> None:
    names = {path.name for path in _files()}
    assert not names & {"uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock"}
    assert not re.search(r"://|\s@\s", (ROOT / "constraints.txt").read_text()), "names and versions only"


def test_every_dependency_is_pinned() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    names = {re.split(r"[\[<>=!~; ]", text)[0].lower().replace("_", "-").replace(".", "-") for text in wanted}
    assert not names - pinned


def test_modules_hold_one_idea() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {count} lines"
        for path in _files()
        if path.suffix in MAX_LINES and path.is_relative_to(ROOT / "govproxy")
        if (count := path.read_text().count("\n")) > MAX_LINES[path.suffix]
    ]
    # Tables of words are data, not code.
    assert not [text for text in long if not text.startswith("govproxy/masking/vocabulary.py")]
