"""The commands as a person runs them: exit status, standard output, standard error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from govproxy import __version__
from govproxy.identity.keys import generate_signing_key

CONFIG = """\
databases:
  shop: {upstream: "postgresql://login@127.0.0.1:5432/shop?sslmode=disable", environment: production}
identity:
  tokens:
    - {issuer: "https://idp.example", audience: govproxy, signing_key: {file: dev.pem}}
"""


def govproxy(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "govproxy", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dev.pem").write_bytes(generate_signing_key())
    (tmp_path / "govproxy.yaml").write_text(CONFIG)
    return tmp_path


def test_version(tmp_path: Path) -> None:
    done = govproxy("--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"govproxy {__version__}\n")


def test_a_token_is_the_only_thing_printed(folder: Path) -> None:
    done = govproxy("token", "--user", "ana", "--group", "analysts", "--ttl", "5m", folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(".") == 2
    assert len(done.stdout.split()) == 1


def test_check_is_quiet_about_a_good_file(folder: Path) -> None:
    done = govproxy("check", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_check_names_file_and_line(folder: Path) -> None:
    (folder / "govproxy.yaml").write_text("lisen: 127.0.0.1:6432\n" + CONFIG)
    done = govproxy("check", folder=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("govproxy.yaml:1: ")
    assert "lisen" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "token", "explain"])
def test_a_wrong_file_stops_every_command_with_its_line(command: str, folder: Path) -> None:
    (folder / "govproxy.yaml").write_text(CONFIG + "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n")
    more = {"token": ["--user", "ana"], "explain": ["--user", "ana", "--database", "shop", "SELECT 1"]}
    done = govproxy(command, *more.get(command, []), folder=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("govproxy.yaml:7: ")
    assert "Traceback" not in done.stderr


def test_an_unset_secret_stops_the_start(folder: Path) -> None:
    text = CONFIG.replace("environment: production", "environment: production, password: {env: NOT_SET_ANYWHERE}")
    (folder / "govproxy.yaml").write_text(text)
    done = govproxy("serve", folder=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("govproxy.yaml:2: ")
    assert "NOT_SET_ANYWHERE" in done.stderr


def test_a_wrong_policy_stops_the_start(folder: Path) -> None:
    (folder / "policy.yaml").write_text("rules:\n  - {name: x, does: [dorp], effect: deny}\n")
    (folder / "govproxy.yaml").write_text(CONFIG + "policy: policy.yaml\n")
    done = govproxy("serve", folder=folder)
    assert done.returncode == 1
    assert "policy.yaml:2: " in done.stderr
    assert "Traceback" not in done.stderr


def test_check_prints_json_for_programs(folder: Path) -> None:
    done = govproxy("check", "--json", folder=folder)
    assert orjson.loads(done.stdout) == {"ok": True, "errors": []}


def test_an_unknown_option_is_a_usage_error(folder: Path) -> None:
    assert govproxy("serve", "--porty", "1", folder=folder).returncode == 2
