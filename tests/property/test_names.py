"""Whatever a column is called and holds, judging it ends, does not raise, and says the same again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from govproxy.masking.detect_samples import array_elements, judge_documents, vote
from govproxy.masking.names import judge_comment, judge_name, words_of
from govproxy.masking.taxonomy import ENTRIES, Family

NAMES = st.text(max_size=80) | st.from_regex(r"[a-zA-Z_0-9]{0,60}", fullmatch=True)
# A value may be anything a database can send as text.
VALUES = st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=60), max_size=40)


@given(NAMES, NAMES)
def test_names_are_judged_alike_every_time(column: str, table: str) -> None:
    first = judge_name(column, table)
    assert first == judge_name(column, table)
    assert all(0.5 <= evidence.confidence <= 1.0 and evidence.name in ENTRIES for evidence in first)


@given(NAMES)
def test_words_hold_no_separators_and_no_capitals(name: str) -> None:
    assert all(word and word == word.lower() and "_" not in word for word in words_of(name))


@given(st.text(max_size=600))
def test_comments_of_any_kind(comment: str) -> None:
    assert all(evidence.name in ENTRIES for evidence in judge_comment(comment))


@given(VALUES, st.sampled_from(Family))
def test_votes_of_any_values(values: list[str], family: Family) -> None:
    found = vote(values, family)
    assert found is None or (found.name in ENTRIES and 0 < found.share <= 1)


@given(VALUES, st.sampled_from((Family.JSON, Family.KEYED)))
def test_documents_of_any_kind(values: list[str], family: Family) -> None:
    judge_documents(values, family)


@given(st.lists(st.text(st.characters(exclude_characters='"\\{},', exclude_categories=("Cs", "Zs", "Cc")), min_size=1)))
def test_arrays_are_taken_apart(elements: list[str]) -> None:
    wanted = [element for element in elements if element.strip() and element.strip() != "NULL"]
    assert array_elements("{" + ",".join(f'"{element}"' for element in wanted) + "}") == wanted
