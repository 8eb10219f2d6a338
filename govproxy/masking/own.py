"""What a policy itself says about recognising columns: its own words, column patterns and values.

Applied beside the built-in evidence. An own rule wins over what was found without it, unless that is
of a higher level: a policy adds knowledge and takes none away (``classify`` does that, by name).
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from govproxy.masking import taxonomy, vocabulary
from govproxy.masking.names import words_of
from govproxy.masking.patterns import compiled
from govproxy.masking.taxonomy import Family
from govproxy.masking.values import ColumnClass, OwnTaxonomy, Recognition
from govproxy.sql.catalog import Column, Relation

FEWEST_VALUES = 5
_BY_COLUMN, _BY_WORDS, _BY_VALUES = 0.99, 0.95, 0.95


def own_verdict(
    relation: Relation, column: Column, family: Family, values: Sequence[str], own: OwnTaxonomy
) -> ColumnClass | None:
    """The class that the policy's own rules see in a column: of several the highest level, then the surest."""
    best: ColumnClass | None = None
    for rule in own.recognitions:
        found = _by_rule(rule, relation, column, family, values)
        if found is None:
            continue
        sensitive = taxonomy.class_for(rule.name, own.classes)
        if sensitive is None:
            raise ValueError(f"unknown class {rule.name!r}")
        verdict = ColumnClass(sensitive=sensitive, confidence=found[0], reason=f"the policy's {found[1]}")
        if best is None or _order(verdict) > _order(best):
            best = verdict
    return best


def stronger(own: ColumnClass | None, found: ColumnClass | None) -> ColumnClass | None:
    """Which of the two counts."""
    if own is None or found is None:
        return own or found
    return found if found.sensitive.level > own.sensitive.level and found.confidence > 0.5 else own


def _order(verdict: ColumnClass) -> tuple[int, float, str]:
    return verdict.sensitive.level, verdict.confidence, verdict.sensitive.name


def _by_rule(
    rule: Recognition, relation: Relation, column: Column, family: Family, values: Sequence[str]
) -> tuple[float, str] | None:
    names = (relation.schema, relation.name, column.name)
    for pattern in rule.columns:
        if all(fnmatchcase(name, part) for name, part in zip(names, pattern.split("."), strict=True)):
            return _BY_COLUMN, f"column rule '{pattern}'"
    # A number that is a key says which row, not what; whoever means it anyway names the column.
    if column.is_key and family in {Family.INTEGER, Family.NUMBER, Family.UUID}:
        return None
    for phrase in rule.words:
        if _named(phrase, column.name):
            return _BY_WORDS, f"words '{phrase}'"
    texts = [value.strip() for value in values if value and value.strip()]
    if rule.values and len(texts) >= FEWEST_VALUES:
        share = sum(map(compiled(rule.values), texts)) / len(texts)
        if share >= rule.share:
            return _BY_VALUES, f"value pattern matches {share:.0%} of {len(texts)} values"
    return None


def _named(phrase: str, column: str) -> bool:
    """Whether the words stand in a name one after the other, and nothing beside them takes them away."""
    wanted, words = words_of(phrase), words_of(column)
    for start in range(len(words) - len(wanted) + 1):
        end = start + len(wanted)
        if words[start:end] == wanted:
            taken = any(word in vocabulary.CANCEL_AFTER for word in words[end:])
            return not taken and not any(word in vocabulary.CANCEL_BEFORE for word in words[:start])
    return False
