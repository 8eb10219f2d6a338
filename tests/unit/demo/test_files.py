"""The demo's files are good ones, and its connection strings can be pasted."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import psycopg.conninfo

from govproxy.cli.check import find_mistakes
from govproxy.config.loader import load
from govproxy.demo import files


def _write(folder: Path) -> Path:
    return files.write_files(
        folder, port=6432, console_port=6480, upstream_host="127.0.0.1", upstream_port=5432, login_password="p"
    )


def test_the_files_have_no_mistakes(tmp_path: Path) -> None:
    assert find_mistakes(_write(tmp_path)) == []


def test_secrets_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    _write(tmp_path)
    for name in ("dev.pem", "upstream-password"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_the_upstream_login_is_the_ordinary_role(tmp_path: Path) -> None:
    upstream = load(_write(tmp_path)).databases["shop"].upstream
    assert upstream.user == "govproxy_login"


def test_connection_strings_name_user_and_database() -> None:
    text = files.connection_string(files.AGENT, token="aaa.bbb.ccc", port=6432)
    parts = psycopg.conninfo.conninfo_to_dict(text)
    assert parts["user"] == files.AGENT.user
    assert parts["password"] == "aaa.bbb.ccc"
    assert parts["dbname"] == "shop"
    assert "'" not in text, "it is printed between single quotes"
    assert urlsplit(text).port == 6432
