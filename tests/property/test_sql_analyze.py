"""Analysis of anything at all: one clean refusal or facts, never another exception, never a literal in the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from govproxy.sql.analyze import analyze
from govproxy.sql.parse import UnparsableStatement, scan
from govproxy.sql.values import Action, Analysis, Equality, StatementFacts, Stored, Written
from tests.unit.sql.world import CATALOG

ROOT = Path(__file__).parents[1]
CORPUS = [
    line.split(" || ", 1)[1]
    for line in (ROOT / "security" / "data" / "evasion.txt").read_text().splitlines()
    if " || " in line
] + [
    line
    for line in (ROOT / "unit" / "sql" / "data" / "effects.txt").read_text().splitlines()
    if line and not line.startswith((" ", "#"))
]
WORDS = sorted({word for text in CORPUS for word in text.replace("(", " ( ").replace(")", " ) ").split()})


def judged(sql: str) -> Analysis | None:
    try:
        return analyze(sql, CATALOG, ("public",))
    except UnparsableStatement:
        return None


def placeless(facts: StatementFacts) -> StatementFacts:
    """The same without what says where in the text it stands."""
    return replace(
        facts,
        equalities=tuple(replace(one, starts_at=0, operator_at=0, values=_nowhere(one)) for one in facts.equalities),
        stored=tuple(replace(one, values=_nowhere(one)) for one in facts.stored),
        inner=None if facts.inner is None else placeless(facts.inner),
    )


def _nowhere(place: Equality | Stored) -> tuple[Written, ...]:
    return tuple(replace(value, at=0) for value in place.values)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text(sql: str) -> None:
    judged(sql)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25))
def test_any_words_in_any_order(words: list[str]) -> None:
    judged(" ".join(words))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(CORPUS), st.data())
def test_statements_with_a_token_lost_or_doubled(sql: str, data: st.DataObject) -> None:
    try:
        tokens = scan(sql)
    except UnparsableStatement:
        return
    if not tokens:
        return
    token = data.draw(st.sampled_from(tokens))
    kept = data.draw(st.booleans())
    middle = sql[token.start : token.end + 1] * 2 if kept else ""
    judged(f"{sql[: token.start]} {middle} {sql[token.end + 1 :]}")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(CORPUS), min_size=1, max_size=4))
def test_every_statement_of_a_text_is_judged(texts: list[str]) -> None:
    """The facts of a text are those of its statements one after another."""
    apart = [judged(text) for text in texts]
    together = judged(";\n".join(texts))
    if any(found is None for found in apart) or not all(found.cacheable for found in apart if found):
        return  # what one statement prepares or hides, the next one sees
    if any(facts.session.settings for found in apart if found for facts in found.statements):
        return  # with a setting in it, a text is judged by names as they may be afterwards
    assert together is not None
    alone = [placeless(facts) for found in apart if found for facts in found.statements]
    assert [placeless(facts) for facts in together.statements] == alone


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CORPUS))
def test_a_statement_inside_a_cte_has_its_effects_too(sql: str) -> None:
    """Whatever a write does on top, it does in a CTE."""
    alone = judged(sql)
    inside = judged(f"WITH hidden AS ({sql}) SELECT 1")
    if alone is None or inside is None or len(alone.statements) != 1:
        return
    # Columns are what lineage saw flow out; of a CTE that nobody reads, nothing does.
    effects = {
        (effect.action, effect.object, str(effect.facts)) for effect in alone.statements[0].effects if effect.name
    }
    found = inside.statements[0].effects
    if Action.UNKNOWN not in {effect.action for effect in found}:
        assert effects <= {(effect.action, effect.object, str(effect.facts)) for effect in found}


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=8, max_size=40))
def test_no_literal_survives_redaction(secret: str) -> None:
    quoted = "'" + secret.replace("'", "''") + "'"
    for skeleton in ("SELECT ", "ALTER ROLE x PASSWORD ", "COMMENT ON TABLE t IS "):
        if secret in skeleton:
            continue  # words of the statement itself, which stay
        found = judged(skeleton + quoted)
        assert found is not None
        assert secret not in found.redacted_sql


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CORPUS))
def test_an_unknown_path_only_adds(sql: str) -> None:
    """With the search path unknown, everything that was found is found still."""
    known = judged(sql)
    if known is None:
        return
    unknown = analyze(sql, CATALOG, None)
    for before, after in zip(known.statements, unknown.statements, strict=True):
        assert before.reads <= after.reads
        relations = {effect.relation for effect in after.effects}
        assert {effect.relation for effect in before.effects} <= relations
        assert {effect.action for effect in before.effects} - {Action.UNKNOWN} <= {
            effect.action for effect in after.effects
        }
