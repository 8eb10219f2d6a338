"""What a judged statement still owes: which columns of its rows are masked, and how.

The seam between policy (rights), classification (classes) and masking (plans). One value per
verdict; plans are made from it when a RowDescription arrives. Knows no wire traffic.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from govproxy._fastpath.rows import MaskPlan
from govproxy.identity.identity import Identity
from govproxy.masking.plan import Field, MaskKey, Right, Sight, build_plan, masked_form, redact_all
from govproxy.masking.roundtrip import MaskedForm
from govproxy.masking.values import ColumnClass, Masker
from govproxy.policy.grants import Grant
from govproxy.policy.rules import Policy
from govproxy.policy.standing import Rights, standing_of
from govproxy.policy.values import ColumnRight, Compare, See
from govproxy.session.bound import Guard
from govproxy.session.snapshot import DatabaseSnapshot
from govproxy.sql.catalog import Column, ColumnRef, Relation
from govproxy.sql.lineage import behind
from govproxy.sql.types import FIRST_USER_OID
from govproxy.sql.values import Action, Analysis, Derivation, OutputColumn, StatementFacts

_SIGHTS = {See.CLEAR: Sight.CLEAR, See.MASKED: Sight.MASKED, See.NONE: Sight.NONE}


@dataclass(frozen=True, kw_only=True)
class Obligations:
    """``distrusted``: the catalog may have changed under this transaction, so nothing is known."""

    snapshot: DatabaseSnapshot
    policy: Policy
    identity: Identity
    analysis: Analysis
    mask_key: bytes
    former_keys: tuple[bytes, ...] = ()
    distrusted: bool = False

    # ------------------------------------------------------------------ rows

    def plan(self, fields: tuple[Field, ...]) -> MaskPlan:
        """The plan for rows of this shape. Several statements in one text share one: what is
        sensitive in any of them is masked in all."""
        if self.distrusted:
            return redact_all(fields)
        facts = list(self._facts)
        alone = len(self.analysis.statements) == 1
        outputs = facts[0].outputs if alone and facts else self._any_outputs(len(fields))
        return build_plan(
            fields,
            outputs,
            self.snapshot.classification,
            lambda column: behind(column, self.snapshot.catalog),
            self.right,
            opaque=self.opaque,
            # Only where nothing else is unknown can an unknown origin be the session's own.
            own=alone and not self.opaque and facts[0].own,
            reads_sensitive=self.reads_sensitive,
            key=MaskKey(self.mask_key),
            catalog=self.snapshot.catalog,
        )

    def _any_outputs(self, count: int) -> tuple[OutputColumn, ...] | None:
        """Of several statements whichever returns that many columns: the sources of all of them."""
        statements = self.analysis.statements
        if any(statement.outputs is None or statement.opaque for statement in statements):
            return None
        fitting = [s.outputs for s in statements if s.outputs is not None and len(s.outputs) == count]
        return tuple(_either(columns) for columns in zip(*fitting, strict=True)) if fitting else None

    def right(self, column: ColumnRef, found: ColumnClass) -> Right:
        """What this identity may see of a sensitive column."""
        right = self._column_right(column, found)
        return Right(see=_SIGHTS[right.see], masker=right.masker)

    def _column_right(self, column: ColumnRef, found: ColumnClass) -> ColumnRight:
        return self._rights.to(column, found)

    @cached_property
    def _rights(self) -> Rights:
        snapshot = self.snapshot
        standing = standing_of(self.identity, snapshot.name, snapshot.environment, self.policy)
        return standing.rights(snapshot.classification, snapshot.catalog)

    @cached_property
    def opaque(self) -> bool:
        """True when something within reach is not understood."""
        return any(f.opaque or (f.outputs is None and not f.own) or f.unresolved for f in self._facts)

    @cached_property
    def _facts(self) -> tuple[StatementFacts, ...]:
        def unfold(facts: StatementFacts) -> Iterator[StatementFacts]:
            yield facts
            if facts.inner is not None:
                yield from unfold(facts.inner)

        return tuple(found for statement in self.analysis.statements for found in unfold(statement))

    @cached_property
    def reads(self) -> frozenset[int]:
        """All relations within reach, those written included."""
        effects = (effect for facts in self._facts for effect in facts.effects if not effect.beside)
        written = {effect.relation for effect in effects if effect.relation}
        return frozenset(written).union(*(facts.reads for facts in self._facts))

    def concerned(self, grants: tuple[Grant, ...]) -> tuple[Grant, ...]:
        """Those of ``grants`` that may have had a say. An answer they had a say in must not outlive them."""
        return tuple(grant for grant in grants if self.opaque or grant.oids & self.reads)

    @cached_property
    def reads_sensitive(self) -> bool:
        """True when a relation within reach has a column that this identity may not see clear, or is
        not known well enough to say."""
        classification = self.snapshot.classification
        for relation in self.reads:
            if relation >= FIRST_USER_OID and relation not in classification.known:
                return True
        return not all(self._rights.sees_all_of(relation) for relation in self.reads)

    @cached_property
    def tainted(self) -> bool:
        """True when errors and notices may quote what this identity may not see."""
        return self.distrusted or self.reads_sensitive or any(facts.opaque for facts in self._facts)

    # ------------------------------------------------------------------ masked values that come back

    def comparable(self, columns: frozenset[ColumnRef]) -> MaskedForm | None:
        """How masked values look in what all of ``columns`` may be, where this identity may compare it."""
        forms: dict[int, MaskedForm] = {}
        for column in columns:
            form = self._form(column, comparing=True)
            if form is not None:
                forms[id(form)] = form
            elif not self._is_in_view(column, columns):
                # Security: what may be a clear column would show the real value that it was compared with.
                return None
        return next(iter(forms.values())) if len(forms) == 1 else None

    def guarded(self) -> dict[tuple[int, str], Guard]:
        """The columns written that take no masked values back, by relation and name."""
        guards: dict[tuple[int, str], Guard] = {}
        for relation in self.written:
            for column in relation.columns:
                for ref in (ColumnRef(relation.oid, column.attnum), *self._behind(relation, column)):
                    form = self._form(ref, comparing=False)
                    if form is not None and form.is_guarded:
                        label = f"{relation.schema}.{relation.name}.{column.name}"
                        guards[relation.oid, column.name] = Guard(form, label)
                        break
        return guards

    @property
    def written(self) -> tuple[Relation, ...]:
        """Relations in which values of the text are stored, and those that COPY fills."""
        oids = {stored.relation for facts in self._facts for stored in facts.stored}
        oids |= {
            e.relation for facts in self._facts for e in facts.effects if e.action is Action.COPY_IN and not e.beside
        }
        relations = self.snapshot.catalog.relations
        return tuple(relations[oid] for oid in sorted(oid for oid in oids if oid is not None) if oid in relations)

    def _behind(self, relation: Relation, column: Column) -> frozenset[ColumnRef]:
        if relation.definition is None:
            return frozenset()
        return behind(ColumnRef(relation.oid, column.attnum), self.snapshot.catalog)

    def _is_in_view(self, column: ColumnRef, columns: frozenset[ColumnRef]) -> bool:
        """Whether a column is a view's, and all that it shows is among ``columns``."""
        relation = self.snapshot.catalog.relations.get(column.relation)
        if relation is None or relation.definition is None or column in self.snapshot.classification.columns:
            return False
        bases = behind(column, self.snapshot.catalog) - {column}
        return bool(bases) and bases <= columns

    def _form(self, ref: ColumnRef, *, comparing: bool) -> MaskedForm | None:
        """How the column's values are shown masked; None where they are not."""
        found = self.snapshot.classification.columns.get(ref)
        relation = self.snapshot.catalog.relations.get(ref.relation)
        column = next((c for c in relation.columns if c.attnum == ref.attnum), None) if relation else None
        if found is None or column is None or self.distrusted:
            return None
        right = self._column_right(ref, found)
        if right.see is See.CLEAR or (comparing and (right.see is See.NONE or right.compare is Compare.NONE)):
            return None
        masker = right.masker or found.sensitive.masker
        kind = (found.sensitive.name, masker, column.base_type_oid, column.typmod)
        if kind not in self._forms:
            shown = Field(name=column.name, type_oid=column.base_type_oid, typmod=column.typmod)
            self._forms[kind] = masked_form(
                shown,
                found,
                masker,
                MaskKey(self.mask_key),
                tuple(MaskKey(key) for key in self.former_keys),
                not_null=column.not_null,
                catalog=self.snapshot.catalog,
            )
        return self._forms[kind]

    @cached_property
    def _forms(self) -> dict[tuple[str, Masker, int, int], MaskedForm]:
        return {}

    # ------------------------------------------------------------------ for the ledger

    @property
    def tables(self) -> list[str]:
        """Relations within reach, ``schema.name``, sorted."""
        beside = {e.relation for facts in self._facts for e in facts.effects if e.beside and e.relation}
        relations = (self.snapshot.catalog.relations.get(oid) for oid in self.reads | beside)
        return sorted(f"{relation.schema}.{relation.name}" for relation in relations if relation is not None)

    @property
    def columns(self) -> list[str]:
        """Sensitive columns that the statement shows, compares or stores, sorted."""
        return sorted(self._full_name(column) for column in self._touched)

    @property
    def masks(self) -> list[dict[str, object]]:
        """Column, class and masker of what will be masked, as far as it is known before the rows."""
        notes: list[dict[str, object]] = []
        shown = frozenset(
            source for facts in self._facts for output in facts.outputs or () for source in output.sources
        )
        for column in sorted(shown & self._touched, key=lambda c: (c.relation, c.attnum)):
            found = self.snapshot.classification.columns[column]
            right = self._column_right(column, found)
            if right.see is not See.CLEAR:
                masker = right.masker or found.sensitive.masker
                notes.append(
                    {
                        "column": self._full_name(column),
                        "class": found.sensitive.name,
                        "mask": "hidden" if right.see is See.NONE else masker.value,
                    }
                )
        return notes

    @cached_property
    def _touched(self) -> frozenset[ColumnRef]:
        named: set[ColumnRef] = set()
        for facts in self._facts:
            for output in facts.outputs or ():
                named |= output.sources
            named |= {use.column for use in facts.uses}
            for flow in facts.flows:
                named |= flow.sources
        return frozenset(named & self.snapshot.classification.columns.keys())

    def _full_name(self, column: ColumnRef) -> str:
        relation = self.snapshot.catalog.relations.get(column.relation)
        where = f"{relation.schema}.{relation.name}" if relation else str(column.relation)
        return f"{where}.{self._column_name(column)}"

    def _column_name(self, column: ColumnRef) -> str:
        relation = self.snapshot.catalog.relations.get(column.relation)
        for known in relation.columns if relation else ():
            if known.attnum == column.attnum:
                return known.name
        return str(column.attnum)


def _either(columns: tuple[OutputColumn, ...]) -> OutputColumn:
    """One of these columns, not known which."""
    first = columns[0]
    if all((c.sources, c.derivation) == (first.sources, first.derivation) for c in columns):
        return first
    sources = frozenset[ColumnRef]().union(*(column.sources for column in columns))
    unclear = any(column.derivation is Derivation.OPAQUE for column in columns)
    return OutputColumn(
        name=first.name, sources=sources, derivation=Derivation.OPAQUE if unclear else Derivation.EXPRESSION
    )
