"""Refusals that follow from column rights, not from statement rules.

A masked column must not be found out by comparing, ordering or storing it: the mask on the way out
would then be for show. Each guard gives a Refusal or None and knows nothing of rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from govproxy.errors import Reason
from govproxy.masking.values import ColumnClass
from govproxy.policy.columns import UNKNOWN_CLASS
from govproxy.policy.matching import SYSTEM_SCHEMAS
from govproxy.policy.rules import (
    COMPARE_RIGHT,
    HIDDEN_COLUMN,
    MASKED_COPY,
    MASKED_WRITE,
    SENSITIVE_CATALOG,
)
from govproxy.policy.standing import Rights
from govproxy.policy.touched import Ground, effect_columns, touched_columns
from govproxy.policy.values import ColumnRight, Compare, Refusal, See
from govproxy.sql.catalog import ColumnRef
from govproxy.sql.values import UNTRACED, Action, Analysis, Comparison, Derivation, Effect, StatementFacts, Use

_USES = {
    Comparison.EQUALITY: "comparing",
    Comparison.RANGE: "a range over",
    Comparison.PATTERN: "matching a pattern on",
    Comparison.ORDER: "ordering by",
    Comparison.GROUP: "grouping by, or keeping distinct rows of,",
    Comparison.JOIN: "joining on",
    Comparison.OTHER: "a condition on, or a computation that may fail by,",
}


_SIDE_CHANNELS = frozenset({"advisory", "wait"})
_RELATIONS = frozenset({"table", "view"})


@dataclass(slots=True, kw_only=True)
class Guard:
    """All guards for one identity and one database."""

    rights: Rights
    clear: bool
    ground: Ground = field(init=False)  # what is known about columns

    def __post_init__(self) -> None:
        self.ground = self.rights.ground

    def right(self, column: ColumnRef) -> tuple[ColumnClass, ColumnRight] | None:
        """Class and right of one column; None when it is clean."""
        return self.rights.of(column)

    def refusal(self, statement: StatementFacts) -> Refusal | None:
        """The first reason to refuse one statement (not its inner ones)."""
        return (
            self._sensitive_catalog(statement)
            or self._masked_copy(statement)
            or self._hidden(statement)
            or self._compared(statement)
            or self._told_aside(statement)
            or self._stored(statement)
            or self._viewed(statement)
        )

    def copy_refusal(self, analysis: Analysis) -> Refusal | None:
        """The reason to refuse a text whose copied rows could not be read, and so not be masked."""
        if self.clear or analysis.copy_out is not None:
            return None
        for effect in (effect for statement in analysis.statements for effect in statement.effects):
            if effect.action is Action.COPY_OUT and "by" not in effect.facts:
                return Refusal(
                    rule=MASKED_COPY,
                    reason=Reason(MASKED_COPY),
                    object=effect.object,
                    message=f"this COPY of {effect.object or 'a query'} cannot be masked (rule {MASKED_COPY})",
                    hint="Send COPY ... TO STDOUT as a statement of its own, in format text, csv or binary.",
                )
        return None

    def _sensitive_catalog(self, statement: StatementFacts) -> Refusal | None:
        if self.clear:
            return None
        for effect in statement.effects:
            if effect.facts.get("catalog") == "sensitive" and not effect.beside:
                return Refusal(
                    rule=SENSITIVE_CATALOG,
                    reason=Reason(SENSITIVE_CATALOG),
                    object=effect.object,
                    message=f"reading {effect.object} is not allowed (rule {SENSITIVE_CATALOG})",
                    hint="It holds row values or secrets of others; only who sees everything clear may read it.",
                )
        return None

    def _masked_copy(self, statement: StatementFacts) -> Refusal | None:
        if self.clear:
            return None
        for effect in statement.effects:
            if effect.action is Action.COPY_OUT and effect.facts.get("target") != "wire":
                what = effect.object or "a query"
                return Refusal(
                    rule=MASKED_COPY,
                    reason=Reason(MASKED_COPY),
                    object=effect.object,
                    message=f"COPY of {what} to the server's files is not allowed to who sees masked values "
                    f"(rule {MASKED_COPY})",
                    hint="COPY ... TO STDOUT is masked on the way.",
                )
        return None

    def _hidden(self, statement: StatementFacts) -> Refusal | None:
        columns: set[ColumnRef] = set()
        if statement.outputs is None:
            columns.update(ref for oid in statement.reads for ref, _ in self.ground.sensitive_columns(oid))
        for output in statement.outputs or ():
            if output.derivation is not Derivation.AGGREGATE_SAFE:
                columns |= output.sources
        found = [ref for ref in self._expanded(columns) if self._sees(ref) is See.NONE]
        if not found:
            return None
        hidden = sorted({self.ground.name(ref) for ref in found})
        return Refusal(
            rule=HIDDEN_COLUMN,
            reason=Reason(HIDDEN_COLUMN),
            object=hidden[0],
            message=f"{hidden[0]} is hidden from you (rule {HIDDEN_COLUMN})",
            hint=f"Leave out of the select list: {', '.join(hidden)}.",
        )

    def _compared(self, statement: StatementFacts) -> Refusal | None:
        rights = self.rights
        for use in statement.uses:
            if use.column == UNTRACED:
                asked = self._untraced(statement)
                if asked is not None:
                    return asked
                continue
            if rights.is_clean(use.column) and (use.partner is None or rights.is_clean(use.partner)):
                continue
            for column, partner in self._pairs(use):
                found = rights.of(column)
                if found is None or self._may_compare(found, use.comparison, partner):
                    continue
                name = self.ground.name(column)
                return Refusal(
                    rule=COMPARE_RIGHT,
                    reason=Reason(COMPARE_RIGHT),
                    object=name,
                    message=f"{_USES[use.comparison]} {name} is not allowed (rule {COMPARE_RIGHT})",
                    hint=_compare_hint(found[1], name, found[0]),
                )
        return None

    def _untraced(self, statement: StatementFacts) -> Refusal | None:
        """Security: a condition over what nobody can trace asks about all that the code behind it may read."""
        if self.clear:
            return None
        for effect in statement.effects:
            if effect.beside or effect.facts.get("by") == "policy":
                continue
            asked = self._asked_first(self._read_by_code(effect))
            if asked is not None:
                name = self.ground.name(asked)
                code = effect.facts.get("function") or effect.facts.get("via") or effect.object or "this code"
                return Refusal(
                    rule=COMPARE_RIGHT,
                    reason=Reason(COMPARE_RIGHT),
                    object=name,
                    message=f"asking {code} is not allowed, for it may read {name} (rule {COMPARE_RIGHT})",
                    hint="It is masked for you, and what the code makes of it cannot be traced: not its result, nor "
                    "whether it fails. Works: functions in SQL or PL/pgSQL without dynamic SQL whose result can be "
                    "followed, code that reads nothing masked, and the right to compare the column (compare: any).",
                )
        return None

    def _read_by_code(self, effect: Effect) -> Iterable[ColumnRef]:
        """What code that a statement runs may read by an effect; any sensitive column where that cannot be told."""
        by_code = "by" in effect.facts
        unknown = by_code and effect.action is Action.SELECT and effect.relation is None
        if effect.anything or (unknown and effect.schema not in SYSTEM_SCHEMAS and effect.kind in _RELATIONS):
            return self.ground.classification.columns
        if not by_code or effect.action is not Action.SELECT or effect.relation is None:
            return ()
        return effect_columns(effect, self.ground) or self.ground.expanded(ColumnRef(effect.relation, 0))

    def _asked_first(self, columns: Iterable[ColumnRef]) -> ColumnRef | None:
        """One that the identity may not ask about: if there is, one that people know."""
        first = None
        for column in columns:
            if not self._may_ask(column):
                relation = self.ground.relation(column.relation)
                if relation is None or relation.schema not in SYSTEM_SCHEMAS:
                    return column
                first = first or column
        return first

    def _may_ask(self, column: ColumnRef) -> bool:
        found = self.right(column)
        return found is None or found[1].compare is Compare.ANY

    def _told_aside(self, statement: StatementFacts) -> Refusal | None:
        """Security: pg_sleep(ssn) tells by time, pg_advisory_lock(ssn) in pg_locks, whatever is masked."""
        for effect in statement.effects:
            if effect.beside:
                continue
            if effect.action is Action.LOCK and effect.kind in _SIDE_CHANNELS and (masked := self._touched(statement)):
                return Refusal(
                    rule=COMPARE_RIGHT,
                    reason=Reason(COMPARE_RIGHT),
                    object=masked[0],
                    message=f"{effect.name} in a statement over {masked[0]} is not allowed (rule {COMPARE_RIGHT})",
                    hint=f"Call {effect.name} in a statement of its own.",
                )
        return None

    def _viewed(self, statement: StatementFacts) -> Refusal | None:
        """Security: a temporary view is in no catalog snapshot, so what it shows could be compared freely."""
        for effect in statement.effects:
            creates_view = effect.action is Action.CREATE and effect.kind == "view" and not effect.beside
            if creates_view and not effect.temporary and (asked := self._computed(statement)):
                return Refusal(
                    rule=MASKED_WRITE,
                    reason=Reason(MASKED_WRITE),
                    object=asked[0],
                    message=f"a view that computes with {asked[0]} is not allowed (rule {MASKED_WRITE})",
                    hint="It is masked for you, and what a view computes may be compared. Show the column as it is.",
                )
            if creates_view and effect.temporary and (masked := self._touched(statement)):
                return Refusal(
                    rule=MASKED_WRITE,
                    reason=Reason(MASKED_WRITE),
                    object=masked[0],
                    message=f"a temporary view over {masked[0]} is not allowed (rule {MASKED_WRITE})",
                    hint="It is masked for you. Use a WITH query in the statement that needs it.",
                )
        return None

    def _computed(self, statement: StatementFacts) -> list[str]:
        """Masked columns that the query of a new view makes something else of."""
        outputs = statement.inner.outputs if statement.inner is not None else None
        if outputs is None:
            return self._touched(statement)
        made = {Derivation.EXPRESSION, Derivation.OPAQUE}
        columns = {ref for output in outputs if output.derivation in made for ref in output.sources}
        return sorted(self.ground.name(ref) for ref in self._expanded(columns) if self._is_masked(ref))

    def _touched(self, statement: StatementFacts) -> list[str]:
        """Names of the masked columns that a statement touches in any way."""
        columns = touched_columns(statement, self.ground)
        return sorted(self.ground.name(ref) for ref in columns if self._is_masked(ref))

    def _pairs(self, use: Use) -> Iterator[tuple[ColumnRef, ColumnRef | None]]:
        """Each compared column with what it is compared to, from both sides."""
        for column in self.ground.expanded(use.column):
            yield column, use.partner
        if use.partner is not None:
            for partner in self.ground.expanded(use.partner):
                yield partner, use.column

    def _may_compare(
        self, found: tuple[ColumnClass, ColumnRight], comparison: Comparison, partner: ColumnRef | None
    ) -> bool:
        column_class, right = found
        match right.compare:
            case Compare.ANY:
                return True
            case Compare.NONE:
                return False
            case Compare.EQUALITY:
                pass
            case _:
                raise AssertionError(right.compare)
        match comparison:
            case Comparison.EQUALITY:
                return partner is None or self._same_class(column_class, partner)
            case Comparison.JOIN:
                return partner is not None and self._same_class(column_class, partner)
            case Comparison.GROUP:
                # Security: groups may come in the order of the values themselves, and tell how often each one is
                # there, which a mask may hide.
                return False
            case Comparison.RANGE | Comparison.PATTERN | Comparison.ORDER | Comparison.OTHER:
                return False
            case _:
                raise AssertionError(comparison)

    def _same_class(self, column_class: ColumnClass, partner: ColumnRef) -> bool:
        """Security: joined against a clean column, a masked one would be read off the other side."""
        other = self.right(partner)
        if other is None or other[0] is UNKNOWN_CLASS or column_class is UNKNOWN_CLASS:
            return False
        return other[0].sensitive.name == column_class.sensitive.name and other[1].compare is not Compare.NONE

    def _stored(self, statement: StatementFacts) -> Refusal | None:
        if self.clear:
            return None
        for flow in statement.flows:
            masked = sorted(self.ground.name(ref) for ref in self._expanded(flow.sources) if self._is_masked(ref))
            if not masked and flow.opaque:
                masked = self._masked_reads(statement)
            if not masked and flow.opaque:
                # Security: a function may read what it likes, and what it gives has no lineage once stored.
                return Refusal(
                    rule=MASKED_WRITE,
                    reason=Reason(MASKED_WRITE),
                    object=flow.target,
                    message=f"storing in {flow.target or 'a table'} what somebody's own code, or something else that "
                    f"cannot be traced, gives is not allowed (rule {MASKED_WRITE})",
                    hint="It may hold what is masked for you. Store plain columns, built-in expressions and literals.",
                )
            if masked:
                return Refusal(
                    rule=MASKED_WRITE,
                    reason=Reason(MASKED_WRITE),
                    object=masked[0],
                    message=f"storing {masked[0]} in {flow.target or 'a table'} is not allowed (rule {MASKED_WRITE})",
                    hint="It is masked for you, and a copy would not be. Leave it out, or write a literal value.",
                )
        return None

    def _masked_reads(self, statement: StatementFacts) -> list[str]:
        """What an opaque flow may carry: any masked column of anything that is read."""
        columns = {ref for oid in statement.reads for ref, _ in self.ground.sensitive_columns(oid)}
        found = sorted(self.ground.name(ref) for ref in columns if self._is_masked(ref))
        if not found and statement.unresolved:
            return [statement.unresolved[0]]
        return found

    def _expanded(self, columns: frozenset[ColumnRef] | set[ColumnRef]) -> Iterator[ColumnRef]:
        for column in columns:
            if column.attnum != 0:
                yield column
            else:
                yield from self.ground.expanded(column)

    def _sees(self, column: ColumnRef) -> See:
        found = self.right(column)
        return See.CLEAR if found is None else found[1].see

    def _is_masked(self, column: ColumnRef) -> bool:
        return self._sees(column) is not See.CLEAR


def _compare_hint(right: ColumnRight, name: str, column_class: ColumnClass) -> str:
    if right.compare is Compare.NONE:
        return f"{name} may not be used in conditions, joins or ordering by you."
    column = name.rsplit(".", 1)[-1]
    return (
        f"Works: {column} = 'value', {column} IN (...), {column} IS NULL, count(DISTINCT {column}), and joining two "
        f"columns of class {column_class.sensitive.name}."
    )
