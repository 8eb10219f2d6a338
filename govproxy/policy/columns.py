"""What an identity may do with one sensitive column: see it, compare by it.

Pure. Narrowest wins: without a matching rule a sensitive column is masked and compared by
equality; matching rules replace that default, and among several the narrowest stays, part by part,
unless one's ``overrides`` lifts the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from govproxy.identity.identity import Identity
from govproxy.masking.values import ColumnClass, Masker, SensitiveClass
from govproxy.policy.matching import Reading, place_matches, relation_matches, tags_match, views, who_matches
from govproxy.policy.rules import ANY, ColumnRule, Mode, Policy
from govproxy.policy.values import ColumnRight, Compare, See
from govproxy.sql.catalog import Relation

SEE_RANK = {See.NONE: 0, See.MASKED: 1, See.CLEAR: 2}
COMPARE_RANK = {Compare.NONE: 0, Compare.EQUALITY: 1, Compare.ANY: 2}
_DEFAULT = ColumnRight(see=See.MASKED, compare=Compare.EQUALITY)
_IMPLIED = {See.CLEAR: Compare.ANY, See.NONE: Compare.NONE}

# Of several maskers the one that shows least is taken.
_MASK_RANK = {
    Masker.NULL: 0,
    Masker.REDACT: 1,
    Masker.HASH: 2,
    Masker.PSEUDONYM: 3,
    Masker.FPE: 4,
    Masker.GENERALISE: 5,
    Masker.SHIFT: 6,
    Masker.PARTIAL: 7,
    Masker.SCAN: 8,
}

# A column no classification has looked at: treated as sensitive, never as clean.
UNKNOWN_CLASS = ColumnClass(
    sensitive=SensitiveClass(name="unknown", tags=frozenset({"unknown"}), level=4, masker=Masker.REDACT),
    confidence=0.0,
    reason="not classified yet",
)


@dataclass(frozen=True, slots=True)
class _Opinion:
    """What one matching rule says; None: nothing on that part.

    One that is not certain can only narrow: it lifts no other and brings no weaker masker.
    """

    rule: ColumnRule
    certain: bool
    see: See | None
    compare: Compare | None


def column_right(
    identity: Identity,
    database: str,
    environment: str,
    column: ColumnClass,
    relation: Relation | None,
    column_name: str,
    policy: Policy,
) -> ColumnRight:
    """The right to one sensitive column. ``relation`` None: only its class is known.

    For an agent it is the narrower of its own right and its human's.
    """

    def reach(rule: ColumnRule) -> bool | None:
        if not tags_match(rule.on.tags, [column.sensitive.tags], Reading.RESTRICT):
            return False
        return relation_matches(rule.on, relation, column_name)

    rights = [
        _settle(_opinions(view, database, environment, reach, policy), column.sensitive.masker)
        for view in views(identity)
    ]
    return rights[0] if len(rights) == 1 else _narrower(rights[0], rights[1], column.sensitive.masker)


def sees_everything(identity: Identity, database: str, environment: str, policy: Policy) -> bool:
    """True when nothing is to be masked for this identity: ``see: clear`` on ``tags: [any]``,
    limited to no table, and no narrower rule about anything that it does not lift.
    """
    return all(_sees_everything(view, database, environment, policy) for view in views(identity))


def _sees_everything(identity: Identity, database: str, environment: str, policy: Policy) -> bool:
    def reach(rule: ColumnRule) -> bool | None:
        limited = rule.on.schemas or rule.on.tables or rule.on.columns or rule.on.relations or ANY not in rule.on.tags
        return None if limited and rule.see is not See.CLEAR else not limited

    # Rules about some columns only count as far as they narrow: `reach` says "perhaps" for them.
    opinions = _opinions(identity, database, environment, reach, policy)
    return any(o.see is See.CLEAR for o in opinions) and _settle(opinions, Masker.REDACT).see is See.CLEAR


def _narrower(one: ColumnRight, other: ColumnRight, default_masker: Masker) -> ColumnRight:
    """The narrower of two rights, part by part."""
    low, high = (one, other) if SEE_RANK[one.see] <= SEE_RANK[other.see] else (other, one)
    if low.see is high.see is See.MASKED and _rank(high.masker, default_masker) < _rank(low.masker, default_masker):
        low = high
    compare = min(one.compare, other.compare, key=COMPARE_RANK.__getitem__)
    return ColumnRight(see=low.see, compare=compare, masker=low.masker, rule=low.rule)


def _opinions(
    identity: Identity,
    database: str,
    environment: str,
    reach: Callable[[ColumnRule], bool | None],
    policy: Policy,
) -> list[_Opinion]:
    """What the rules that fit say, lifted ones taken out."""
    found: list[_Opinion] = []
    for rule in policy.columns:
        if rule.mode is Mode.SHADOW or not place_matches(rule.on, environment, database):
            continue
        reached = reach(rule)
        if reached is False:
            continue
        compare = rule.compare if rule.compare is not None or rule.see is None else _IMPLIED.get(rule.see)
        if reached and who_matches(rule.who, identity, Reading.GRANT):
            found.append(_Opinion(rule, True, rule.see, compare))
        elif who_matches(rule.who, identity, Reading.RESTRICT):
            # Security: a doubtful match (an agent the rule does not name, an unknown relation)
            # counts as far as it takes away and not as far as it gives.
            see = None if rule.see is See.CLEAR else rule.see
            found.append(_Opinion(rule, False, see, None if compare is Compare.ANY else compare))
    return _without_lifted(found)


def _without_lifted(found: list[_Opinion]) -> list[_Opinion]:
    def overrides(one: _Opinion, other: _Opinion) -> bool:
        if one is other or not one.certain:
            return False
        return ANY in one.rule.overrides or other.rule.name in one.rule.overrides

    kept = [
        opinion
        for opinion in found
        if not any(overrides(lifter, opinion) and not overrides(opinion, lifter) for lifter in found)
    ]
    # Rules that lift each other in a circle lift nothing.
    return kept or found


def _settle(opinions: list[_Opinion], default_masker: Masker) -> ColumnRight:
    sees = [o.see for o in opinions if o.see is not None]
    compares = [o.compare for o in opinions if o.compare is not None]
    see = min(sees, key=SEE_RANK.__getitem__, default=_DEFAULT.see)
    compare = min(compares, key=COMPARE_RANK.__getitem__, default=_DEFAULT.compare)
    decisive = sorted((o for o in opinions if o.see is see), key=lambda o: o.rule.name)
    if see is See.MASKED:
        decisive = [o for o in decisive if o.certain or _rank(o.rule.mask, default_masker) < _MASK_RANK[default_masker]]
        decisive.sort(key=lambda o: _rank(o.rule.mask, default_masker))
    if not decisive:
        return ColumnRight(see=see, compare=compare)
    return ColumnRight(
        see=see,
        compare=compare,
        masker=decisive[0].rule.mask if see is See.MASKED else None,
        rule=decisive[0].rule.name,
    )


def _rank(masker: Masker | None, default_masker: Masker) -> int:
    return _MASK_RANK[masker or default_masker]
