"""What a policy comes to for one identity in one place: worked out once, read for every statement.

Nothing of a statement is in here and no clock: who an identity is, where it is and what the policy says
decide all of it, so it holds until one of them is another. Two layers: `Standing` knows the policy,
`Rights` the columns of one picture of the database.

Security: everything is found by the very values it was made from, never by a name or a version of
them. Policies, classifications and catalogs are compared as objects.
"""

from __future__ import annotations

from functools import cached_property

from govproxy.identity.identity import Identity
from govproxy.masking.values import Classification, ColumnClass
from govproxy.policy.columns import column_right, sees_everything
from govproxy.policy.limits import SessionLimits, limits_for
from govproxy.policy.matching import Reading, place_matches, views, who_matches
from govproxy.policy.rules import Policy, Rule
from govproxy.policy.touched import Ground
from govproxy.policy.values import ColumnRight, See, Verb
from govproxy.sql.catalog import Catalog, ColumnRef, PerSnapshot
from govproxy.sql.values import Action

MAX_STANDINGS = 512
MAX_RIGHTS = 20_000


class Standing:
    """One identity under one policy on one database."""

    def __init__(self, identity: Identity, database: str, environment: str, policy: Policy) -> None:
        self.identity = identity
        self.database = database
        self.environment = environment
        self.policy = policy
        self.views = views(identity)
        self._rules: dict[tuple[Action, int, bool], tuple[Rule, ...]] = {}
        self._rights: Rights | None = None

    @cached_property
    def clear(self) -> bool:
        """True when nothing is masked for this identity."""
        return sees_everything(self.identity, self.database, self.environment, self.policy)

    @cached_property
    def limits(self) -> SessionLimits:
        """What this identity may use."""
        return limits_for(self.identity, self.database, self.environment, self.policy)

    def rules(self, action: Action, view: int, *, anything: bool = False) -> tuple[Rule, ...]:
        """The rules about an action that fit in person and place, for one of ``views``, in the policy's order.

        Security: what cannot be read may do ``anything``, so restrictions on objects speak of it whatever the
        action.
        """
        key = (action, view, anything)
        found = self._rules.get(key)
        if found is None:
            found = self._rules[key] = tuple(
                rule
                for rule in self.policy.rules
                if (action in rule.does or (anything and _restricts_objects(rule)))
                and place_matches(rule.on, self.environment, self.database)
                and who_matches(rule.who, self.views[view], reading_of(rule))
            )
        return found

    def rights(self, classification: Classification, catalog: Catalog) -> Rights:
        """The rights to the columns of one picture. The last one asked for is remembered."""
        known = self._rights
        if known is None or known.ground.classification is not classification or known.ground.catalog is not catalog:
            known = self._rights = Rights(self, Ground(catalog, classification))
        return known


class Rights:
    """What one identity may do with each column of one database; each worked out when first asked for."""

    def __init__(self, standing: Standing, ground: Ground) -> None:
        self.standing = standing
        self.ground = ground
        self._known: dict[ColumnRef, tuple[ColumnClass, ColumnRight] | None] = {}
        self._others: dict[tuple[ColumnRef, int], tuple[ColumnClass, ColumnRight]] = {}
        self._clear: dict[int, bool] = {}

    def of(self, column: ColumnRef) -> tuple[ColumnClass, ColumnRight] | None:
        """Class and right of one column; None when it is clean."""
        try:
            return self._known[column]
        except KeyError:
            found = self.ground.class_of(column)
            right = None if found is None else (found, self._worked_out(column, found))
            if len(self._known) >= MAX_RIGHTS:
                self._known.clear()
            self._known[column] = right
            return right

    def is_clean(self, column: ColumnRef) -> bool:
        """True for one column, not a whole row, that is known to hold nothing sensitive."""
        return column.attnum != 0 and self.of(column) is None

    def sees_all_of(self, relation: int) -> bool:
        """True when every sensitive column of a relation is shown as it is, or there is none."""
        known = self._clear.get(relation)
        if known is None:
            if len(self._clear) >= MAX_RIGHTS:
                self._clear.clear()
            sensitive = _SENSITIVE.of(self.ground.classification).get(relation, ())
            known = self._clear[relation] = all(self.to(*column).see is See.CLEAR for column in sensitive)
        return known

    def to(self, column: ColumnRef, found: ColumnClass) -> ColumnRight:
        """The right to a column that is of class ``found``, whatever the classification says of it."""
        key = (column, id(found))
        known = self._others.get(key)
        if known is None:
            # The class is kept beside its right: while it is, nothing else can have its id.
            known = (found, self._worked_out(column, found))
            if len(self._others) >= MAX_RIGHTS:
                self._others.clear()
            self._others[key] = known
        return known[1]

    def _worked_out(self, column: ColumnRef, found: ColumnClass) -> ColumnRight:
        standing, ground = self.standing, self.ground
        return column_right(
            standing.identity,
            standing.database,
            standing.environment,
            found,
            ground.relation(column.relation),
            ground.column_name(column),
            standing.policy,
        )


def _by_relation(classification: Classification) -> dict[int, list[tuple[ColumnRef, ColumnClass]]]:
    found: dict[int, list[tuple[ColumnRef, ColumnClass]]] = {}
    for column, known in classification.columns.items():
        found.setdefault(column.relation, []).append((column, known))
    return found


_SENSITIVE = PerSnapshot(_by_relation)


def reading_of(rule: Rule) -> Reading:
    """How doubt about a rule is read: it must not grant by mistake."""
    return Reading.GRANT if rule.effect is Verb.ALLOW else Reading.RESTRICT


_known: dict[tuple[Identity, str, str, int], Standing] = {}


def standing_of(identity: Identity, database: str, environment: str, policy: Policy) -> Standing:
    """The standing of one identity, remembered for the few hundred asked for last."""
    key = (identity, database, environment, id(policy))
    found = _known.get(key)
    if found is None or found.policy is not policy:
        if len(_known) >= MAX_STANDINGS:
            _known.clear()
        found = _known[key] = Standing(identity, database, environment, policy)
    return found


def forget() -> None:
    """Let go of every standing, and with them of the policies and pictures they were worked out from."""
    _known.clear()


def _restricts_objects(rule: Rule) -> bool:
    return rule.effect is not Verb.ALLOW and bool(rule.on.tables or rule.on.schemas)
