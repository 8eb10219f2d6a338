"""A policy's own classes, words, column patterns and values."""

from __future__ import annotations

import pytest

from govproxy.masking.classify import Correction, classify
from govproxy.masking.patterns import compiled
from govproxy.masking.values import ColumnClass, Masker, OwnTaxonomy, Recognition, SensitiveClass
from govproxy.sql.catalog import ColumnRef, RelationKind

from .building import catalog, column, table

LOYALTY = SensitiveClass(
    name="loyalty_number", tags=frozenset({"PII", "PII.loyalty_number"}), level=3, masker=Masker.PARTIAL
)


def found(
    name: str,
    rule: Recognition,
    *,
    kind: str = "text",
    values: list[str] | None = None,
    owner: str = "members",
    corrections: list[Correction] | None = None,
    **more: object,
) -> ColumnClass | None:
    relation = table(20_000, owner, [column(name, kind, **more)])
    snapshot = catalog(relation, values={(20_000, 1): values} if values else None)
    own = OwnTaxonomy(classes=(LOYALTY,), recognitions=(rule,))
    return classify(snapshot, corrections or [], own).columns.get(ColumnRef(20_000, 1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loyalty_number", True),
        ("LoyaltyNumber", True),
        ("customer_loyalty_no", True),
        ("loyalty_number_count", False),
        ("has_loyalty_number", False),
        ("loyalty_points", False),
        ("number", False),
    ],
)
def test_words_stand_in_names(name: str, expected: bool) -> None:
    verdict = found(name, Recognition(name="loyalty_number", words=("loyalty number",)))
    assert (verdict is not None) == expected
    if verdict is not None:
        assert verdict.sensitive == LOYALTY
        assert "policy's words 'loyalty number'" in verdict.reason


def test_a_key_is_no_name_unless_the_column_is_named_whole() -> None:
    assert (
        found("loyalty_number", Recognition(name="loyalty_number", words=("loyalty number",)), kind="int8", is_key=True)
        is None
    )
    rule = Recognition(name="loyalty_number", columns=("public.members.*_number",))
    assert found("loyalty_number", rule, kind="int8", is_key=True) is not None
    assert found("loyalty_number", rule, owner="others") is None


def test_values_vote_by_a_pattern() -> None:
    rule = Recognition(name="loyalty_number", values="LC-[0-9]{8}", share=0.9)
    good = [f"LC-{number:08}" for number in range(18)]
    verdict = found("c1", rule, values=[*good, "none", "x"])
    assert verdict is not None
    assert verdict.sensitive == LOYALTY
    assert "90% of 20 values" in verdict.reason
    assert "LC-" not in verdict.reason
    assert found("c1", rule, values=[*good, "none", "x", "y"]) is None
    assert found("c1", rule, values=good[:4]) is None
    assert found("c1", rule, values=["LC-00000001x"] * 20) is None


def test_a_built_in_class_can_be_recognised_by_new_words() -> None:
    verdict = found("zorgpas", Recognition(name="health_insurance", words=("zorgpas",)))
    assert verdict is not None
    assert verdict.sensitive.name == "health_insurance"


def test_an_own_rule_never_lowers_a_level() -> None:
    by_words = Recognition(name="loyalty_number", words=("ssn",))
    verdict = found("ssn", by_words)
    assert verdict is not None
    assert verdict.sensitive.name == "ssn"
    verdict = found("email", Recognition(name="loyalty_number", words=("email",)))
    assert verdict is not None
    assert verdict.sensitive == LOYALTY


def test_corrections_know_own_classes_and_still_have_the_last_word() -> None:
    rule = Recognition(name="loyalty_number", words=("loyalty number",))
    correction = [Correction(pattern="public.members.loyalty_number", tag="none")]
    assert found("loyalty_number", rule, corrections=correction) is None
    for tag in ("loyalty_number", "PII.loyalty_number"):
        verdict = found("c1", rule, corrections=[Correction(pattern="public.members.c1", tag=tag)])
        assert verdict is not None
        assert verdict.sensitive == LOYALTY


def test_views_are_left_to_lineage_and_catalogs_to_themselves() -> None:
    own = OwnTaxonomy(classes=(LOYALTY,), recognitions=(Recognition(name="loyalty_number", words=("loyalty number",)),))
    view = table(1, "v", [column("loyalty_number", "text")], kind=RelationKind.VIEW, definition="SELECT 1")
    system = table(2, "pg_x", [column("loyalty_number", "text")], schema="pg_catalog")
    assert not classify(catalog(view, system), (), own).columns


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        (r"(a)\1", "backreferences are not supported"),
        (r"(?=a)b", "look-around"),
        (r"(a{1000}){1000}", "size limit"),
        ("(", "unclosed group"),
        ("a)|(b", "unopened group"),
        (".*", "empty text"),
        ("x" * 501, "longer than"),
    ],
)
def test_patterns_that_are_refused(pattern: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        compiled(pattern)


def test_a_pattern_matches_whole_values_and_cannot_hang() -> None:
    assert compiled("a|b")("a")
    assert not compiled("a|b")("ab")
    assert not compiled("a")("a\n")
    assert not compiled("(?:a+)+b")("a" * 1000)
    assert not compiled("a+")("a" * 1001)
