"""The policies in docs/policies, each with its own cases run as ``govproxy policy test`` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from govproxy.cli.policies.cases import run_file

FOLDER = Path(__file__).parents[2] / "docs" / "policies"
POLICIES = sorted(path for path in FOLDER.glob("*.yaml") if not path.name.endswith(".test.yaml"))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_policy(policy: Path) -> None:
    result = run_file(policy.with_name(f"{policy.stem}.test.yaml"), None)
    assert not result.failures, [(case.line, case.sql, problems) for case, _, problems in result.failures]
    assert not result.unused, "no case meets these"
    assert result.count >= 12
