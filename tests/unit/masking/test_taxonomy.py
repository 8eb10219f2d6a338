"""The table of classes keeps its promises."""

from __future__ import annotations

import pytest

from govproxy.masking import taxonomy
from govproxy.masking.system_columns import EXTENSION_COLUMNS, SYSTEM_COLUMNS
from govproxy.masking.values import Masker

GROUPS = {"PII", "SPII", "PCI", "PHI", "SECRET", "ONLINE", "TEXT", "unknown"}


def test_names_are_unique() -> None:
    assert len(taxonomy.ENTRIES) == len(taxonomy.TABLE)


@pytest.mark.parametrize("entry", taxonomy.TABLE, ids=lambda entry: entry.sensitive.name)
def test_a_class_has_one_group_and_its_own_dotted_tag(entry: taxonomy.Entry) -> None:
    groups = {tag for tag in entry.sensitive.tags if "." not in tag}
    assert len(groups) == 1
    assert groups <= GROUPS
    group = groups.pop()
    assert f"{group}.{entry.sensitive.name}" in entry.sensitive.tags
    assert all(tag == group or tag.startswith(f"{group}.") for tag in entry.sensitive.tags)
    assert 1 <= entry.sensitive.level <= 4
    assert entry.families


@pytest.mark.parametrize(
    "entry", [e for e in taxonomy.TABLE if "SECRET" in e.sensitive.tags], ids=lambda e: e.sensitive.name
)
def test_secrets_are_redacted_whole(entry: taxonomy.Entry) -> None:
    assert entry.sensitive.level == 4
    assert entry.sensitive.masker is Masker.REDACT


@pytest.mark.parametrize("tag", sorted(taxonomy.TAGS))
def test_every_tag_can_be_given_to_a_column(tag: str) -> None:
    found = taxonomy.class_for(tag)
    assert found is not None
    assert tag in found.tags


def test_lookups() -> None:
    assert taxonomy.by_name("email").tags >= {"PII", "PII.email"}
    assert {c.name for c in taxonomy.by_tag("PII.name")} == {"person_name", "given_name", "family_name"}
    assert taxonomy.by_tag("PII.nonsense") == ()
    assert taxonomy.class_for("nonsense") is None
    with pytest.raises(KeyError):
        taxonomy.by_name("nonsense")


def test_system_columns_name_classes() -> None:
    for columns in (*SYSTEM_COLUMNS.values(), *EXTENSION_COLUMNS.values()):
        assert set(columns.values()) <= taxonomy.ENTRIES.keys()
