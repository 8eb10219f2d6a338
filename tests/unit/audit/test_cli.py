"""``govproxy audit`` as people and programs use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from govproxy.audit.chain import head_path
from govproxy.cli.audit import app
from govproxy.errors import ConfigError
from tests.unit.audit.ledgers import KEY, OTHER_KEY, open_ledger, run, segment_files, start

RUNNER = CliRunner()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    audit = tmp_path / "audit"
    ledger = open_ledger(audit)
    start(ledger)
    run(ledger, 1)
    run(ledger, 2, decision="deny", action="drop", sql="DROP TABLE people")
    ledger.close()
    (audit / "ledger.pub").write_bytes(KEY.public.pem())
    return audit


def _run(*arguments: str | Path, code: int = 0) -> str:
    result = RUNNER.invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def test_tail(directory: Path) -> None:
    lines = _run("tail", "-d", directory, "-n", "2").splitlines()
    assert len(lines) == 2
    assert "deny" in lines[0]


def test_tail_json_gives_the_lines_as_written(directory: Path) -> None:
    printed = _run("tail", "-d", directory, "--json").splitlines()
    written = segment_files(directory)[0].read_text().splitlines()
    assert printed == [line for line in written if "checkpoint" not in line and '"event":"segment"' not in line]


def test_search(directory: Path) -> None:
    found = [json.loads(line) for line in _run("search", "-d", directory, "--decision", "deny", "--json").splitlines()]
    assert [line["event"] for line in found] == ["statement", "outcome"]
    assert _run("search", "-d", directory, "--since", "1h", "--limit", "1").count("\n") == 1
    assert _run("search", "-d", directory, "--until", "1h") == ""


@pytest.mark.parametrize("arguments", [["--since", "yesterday"], ["--event", "nonsense"], ["--limit", "0"]])
def test_search_with_a_mistake(directory: Path, arguments: list[str]) -> None:
    _run("search", "-d", directory, *arguments, code=2)


def test_verify(directory: Path, tmp_path: Path) -> None:
    assert "as it was written" in _run("verify", "-d", directory)
    (tmp_path / "mine.pub").write_bytes(KEY.public.pem())
    assert "compare it" not in _run("verify", "-d", directory, "--key", tmp_path / "mine.pub")
    (tmp_path / "other.pub").write_bytes(OTHER_KEY.public.pem())
    assert "signed with" in _run("verify", "-d", directory, "--key", tmp_path / "other.pub", code=1)


def test_verify_finds_and_places_a_change(directory: Path) -> None:
    segment = segment_files(directory)[0]
    segment.write_bytes(segment.read_bytes().replace(b"DROP TABLE", b"DROP TABLF"))
    text = _run("verify", "-d", directory, code=1)
    assert f"PROBLEM  {segment.name}:" in text
    report = json.loads(_run("verify", "-d", directory, "--json", code=1))
    assert report["sound"] is False
    assert report["problems"][0]["file"] == segment.name
    assert report["problems"][0]["line"] > 0


def test_verify_against_an_anchor(directory: Path, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor"
    anchor.write_bytes(head_path(directory, 0).read_bytes())
    _run("verify", "-d", directory, "--anchor", anchor)
    fresh = tmp_path / "fresh"
    open_ledger(fresh).close()
    (fresh / "ledger.pub").write_bytes(KEY.public.pem())
    _run("verify", "-d", fresh)
    _run("verify", "-d", fresh, "--anchor", anchor, code=1)


def test_report(directory: Path) -> None:
    assert "ana" in _run("report", "-d", directory)
    made = json.loads(_run("report", "-d", directory, "--json"))
    assert made["people"][0]["decisions"] == {"allow": 1, "deny": 1}


def test_the_directory_of_a_configuration_without_its_secrets(directory: Path, tmp_path: Path) -> None:
    config = tmp_path / "govproxy.yaml"
    config.write_text(
        "listen: 127.0.0.1:6432\n"
        "databases:\n"
        "  shop:\n"
        "    upstream: postgresql://login@127.0.0.1:5432/shop\n"
        "    password: {env: A_VARIABLE_THAT_IS_NOT_SET}\n"
        "    environment: production\n"
        "identity:\n"
        "  users:\n"
        "    - {name: app, password: {env: ANOTHER_VARIABLE_THAT_IS_NOT_SET}}\n"
        "audit: {directory: audit}\n"
    )
    assert "DROP" in _run("tail", "--config", config)


def test_no_such_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such ledger"):
        RUNNER.invoke(app, ["tail", "-d", str(tmp_path / "nothing")], catch_exceptions=False)


def test_no_key_to_verify_with(directory: Path) -> None:
    (directory / "ledger.pub").unlink()
    with pytest.raises(ConfigError, match="no such public key"):
        RUNNER.invoke(app, ["verify", "-d", str(directory)], catch_exceptions=False)
