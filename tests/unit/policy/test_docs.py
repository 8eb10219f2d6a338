"""docs/policy.md says what the code does: its tables are held against the code's."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from govproxy.cli.policies.cases import run_file
from govproxy.policy import automatic, rules, schema
from govproxy.policy.expressions import TABLE
from govproxy.policy.loader import load_policy

TEXT = (Path(__file__).parents[3] / "docs" / "policy.md").read_text()


ATTRIBUTE = r"^\| `((?:statement|effect|request|session|time|hold)\.\w+)` \| ([\w ]+) \| (.*) \|$"


def _below(heading: str) -> str:
    """What stands below a line that starts so, up to the next heading."""
    return re.split(r"^## ", TEXT[TEXT.index(f"\n{heading}") :], flags=re.MULTILINE)[0]


def test_every_attribute_is_documented_as_it_is() -> None:
    rows = re.findall(ATTRIBUTE, _below("| attribute | type"), re.MULTILINE)
    expected = [(a.name, a.kind.value, a.meaning + (" (varies)" if a.varies else "")) for a in TABLE]
    assert rows == expected


def test_every_attribute_of_a_held_statement_is_documented_as_it_is() -> None:
    rows = re.findall(ATTRIBUTE, _below("| attribute of a held statement | type"), re.MULTILINE)
    assert rows == [(a.name, a.kind.value, a.meaning) for a in automatic.TABLE]


def test_every_key_of_an_approval_is_documented() -> None:
    for name, field in schema.ApprovalEntry.model_fields.items():
        assert re.search(rf"^\| `approvals\..*`{name}`|^\| `approvals\.{name}`", TEXT, re.MULTILINE), field


def test_every_key_of_a_rule_is_documented() -> None:
    for key in schema.RuleEntry.model_fields:
        assert f"| `{key}` |" in TEXT, key
    for key in ("see", "compare", "mask"):
        assert f"`{key}`" in TEXT


def test_the_examples_load(tmp_path: Path) -> None:
    """Every whole policy shown is one."""
    shown = [text for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if text.startswith("extends:")]
    assert len(shown) >= 2
    for number, text in enumerate(shown):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text)
        assert load_policy(file).rules


def test_every_key_of_an_own_class_is_documented() -> None:
    for section, entry in (("classes", schema.ClassEntry), ("recognise", schema.RecogniseEntry)):
        for name, field in entry.model_fields.items():
            assert re.search(
                rf"^\| .*`{section}\.{field.alias or name}|^\| `{section}\..*`{field.alias or name}`",
                TEXT,
                re.MULTILINE,
            ), name


def test_every_guard_is_documented() -> None:
    for name in rules.RESERVED_NAMES - {rules.ANY}:
        assert f"| `{name}` |" in TEXT, name


BLOCKS = [textwrap.dedent(block) for block in re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n", 1)[0])
def test_every_example_is_loaded(block: str, tmp_path: Path) -> None:
    """As a policy, as part of one, or as a file of cases, which is run."""
    policy = tmp_path / "policy.yaml"
    if "cases:" in block:
        # The policy of a file of cases is the block after it, where that says so.
        after = BLOCKS[(BLOCKS.index(block) + 1) % len(BLOCKS)]
        policy.write_text(after if after.startswith("# policy.yaml") else "rules: []\n")
        cases = tmp_path / "cases.yaml"
        cases.write_text(block)
        result = run_file(cases, None)
        assert result.count
        assert not result.failures, [(case.sql, problems) for case, _, problems in result.failures]
        return
    policy.write_text(f"columns:\n{textwrap.indent(block, '  ')}" if block.startswith("- ") else block)
    assert load_policy(policy).version


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 7
