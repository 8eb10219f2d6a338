"""``govproxy check``: all mistakes at once, each with its place."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from govproxy.cli import check
from govproxy.identity.keys import generate_signing_key

GOOD = """\
databases:
  shop: {upstream: "postgresql://login@127.0.0.1:5432/shop?sslmode=disable", environment: production}
identity:
  tokens:
    - {issuer: "https://idp.example", audience: govproxy, signing_key: {file: dev.pem}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dev.pem").write_bytes(generate_signing_key())
    return tmp_path


def test_a_good_configuration_has_no_mistakes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = folder / "govproxy.yaml"
    config.write_text(GOOD)
    check.run(config, as_json=False)
    assert "no mistakes" in capsys.readouterr().out


def test_mistakes_of_both_files_are_found_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = folder / "govproxy.yaml"
    config.write_text("lisen: 127.0.0.1:1\n" + GOOD + "policy: policy.yaml\n")
    (folder / "policy.yaml").write_text("rules:\n  - name: x\n    does: [dorp]\n    effect: deny\n")
    with pytest.raises(SystemExit) as ended:
        check.run(config, as_json=True)
    assert ended.value.code == 1
    printed = orjson.loads(capsys.readouterr().out)
    places = {(Path(error["file"]).name, error["line"]) for error in printed["errors"]}
    assert {("govproxy.yaml", 1), ("policy.yaml", 3)} <= places
    assert printed["ok"] is False


def test_a_missing_file_is_a_mistake(folder: Path) -> None:
    mistakes = check.find_mistakes(folder / "absent.yaml")
    assert len(mistakes) == 1
    assert "cannot be read" in mistakes[0].message


def test_a_file_that_is_no_yaml_is_a_mistake(folder: Path) -> None:
    config = folder / "govproxy.yaml"
    config.write_text("a: [\n")
    assert [mistake.file for mistake in check.find_mistakes(config)] == [config]
