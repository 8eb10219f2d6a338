"""Gathering what one statement does: effects, session changes, and what lineage says.

`Collector` is the notebook that the families of statements write into (``effects_query``,
``effects_schema``, ``effects_session``). It turns names into relations, calls into effects and a
walked tree into all of that. Which statement does what stands in the families.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from govproxy.sql import functions, lineage, system
from govproxy.sql.catalog import Catalog, ColumnRef, Function, Relation, RelationKind, is_temporary_schema
from govproxy.sql.tree import Node, Walk, alias_of, field_names
from govproxy.sql.values import Action, Effect, Flow, OutputColumn, SessionChange, StatementFacts, Use

Fact = str | int | bool
Facts = Mapping[str, Fact]

KINDS: Mapping[RelationKind, str] = {
    RelationKind.TABLE: "table",
    RelationKind.PARTITIONED: "table",
    RelationKind.VIEW: "view",
    RelationKind.MATERIALISED_VIEW: "materialized_view",
    RelationKind.FOREIGN_TABLE: "foreign_table",
    RelationKind.SEQUENCE: "sequence",
    RelationKind.COMPOSITE: "type",
    RelationKind.TOAST: "table",
    RelationKind.INDEX: "index",
}

NO_FACTS: Facts = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What the session made at SQL level: every candidate for a name, since a rollback may undo the last."""

    prepared: Mapping[str, tuple[StatementFacts, ...]] = field(default_factory=dict)
    cursors: Mapping[str, tuple[StatementFacts, ...]] = field(default_factory=dict)


Describe = Callable[[Node], StatementFacts]


class Collector:
    """The notebook of one statement. ``describe`` gives the facts of a statement inside it."""

    __slots__ = (
        "_effects",
        "_named",
        "catalog",
        "change",
        "copies_in",
        "describe",
        "flows",
        "inner",
        "opaque",
        "outputs",
        "reads",
        "search_path",
        "shadow",
        "tag",
        "unresolved",
        "uses",
    )

    def __init__(
        self, catalog: Catalog, search_path: tuple[str, ...] | None, shadow: Shadow, describe: Describe
    ) -> None:
        self.catalog = catalog
        self.search_path = search_path
        self.shadow = shadow
        self.describe = describe
        self.tag = ""
        self.outputs: tuple[OutputColumn, ...] | None = ()
        self.reads: set[int] = set()
        self.unresolved: dict[str, None] = {}
        self.opaque = False
        self.uses: list[Use] = []
        self.flows: list[Flow] = []
        self.change: dict[str, bool | tuple[str, ...]] = {}
        self.copies_in = False
        self.inner: StatementFacts | None = None
        self._effects: dict[object, Effect] = {}
        self._named: dict[int, str] = {}  # relations that the text names, with the kind of each

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What was found so far, each once, in order."""
        return tuple(self._effects.values())

    def facts(self) -> StatementFacts:
        """Everything as a value."""
        return StatementFacts(
            tag=self.tag,
            effects=self.effects,
            outputs=self.outputs,
            reads=frozenset(self.reads),
            unresolved=tuple(self.unresolved),
            opaque=self.opaque,
            uses=tuple(self.uses),
            flows=tuple(self.flows),
            session=SessionChange(**self.change),  # type: ignore[arg-type]
            copies_in=self.copies_in,
            inner=self.inner,
        )

    # Writing down

    def add(
        self, action: Action, kind: str = "", schema: str = "", name: str = "", facts: Facts = NO_FACTS, **other: Fact
    ) -> None:
        """An effect on something that is no relation."""
        self.take(Effect(action=action, kind=kind, schema=schema, name=name, facts={**facts, **other}))

    def take(self, effect: Effect) -> None:
        """An effect that is already made."""
        key = (
            effect.action,
            effect.kind,
            effect.schema,
            effect.name,
            effect.columns,
            effect.temporary,
            tuple(effect.facts.items()),
        )
        self._effects.setdefault(key, effect)

    def unknown(self, node: str) -> None:
        """Something not understood."""
        self.opaque = True
        self.add(Action.UNKNOWN, "node", node=node)

    def absorb(self, inner: StatementFacts, *, outputs: bool = False) -> None:
        """Take over what a statement inside does and reaches."""
        for effect in inner.effects:
            self.take(effect)
        self.reads |= inner.reads
        self.unresolved.update(dict.fromkeys(inner.unresolved))
        self.opaque = self.opaque or inner.opaque
        self.uses.extend(inner.uses)
        self.flows.extend(inner.flows)
        self.changes(inner.session)
        if outputs:
            self.outputs = inner.outputs

    def changes(self, change: SessionChange) -> None:
        """Add to what the session loses or gains."""
        for flag in ("settings", "creates_temporary", "catalog"):
            if getattr(change, flag):
                self.change[flag] = True
        for names in ("prepares", "cursors"):
            added = getattr(change, names)
            if added:
                self.change[names] = (*self.change.get(names, ()), *added)  # type: ignore[misc]

    def changed_catalog(self, temporary: bool = False) -> None:
        """DDL: of the session's own schema, or of everybody's."""
        self.change["creates_temporary" if temporary else "catalog"] = True

    # Relations

    def resolve(self, relation: Node) -> tuple[Relation, ...]:
        """The relations a RangeVar may mean."""
        return self.catalog.resolve(relation.get("schemaname"), relation["relname"], self.search_path)

    def relation(
        self,
        action: Action,
        relation: Node,
        *,
        columns: tuple[str, ...] = (),
        facts: Facts = NO_FACTS,
        kind: str = "table",
        catalog: str | None = None,
    ) -> None:
        """An effect on a named relation, on each that the name may mean, and on what those are part of."""
        schema, name = relation.get("schemaname"), relation["relname"]
        found = self.resolve(relation)
        home = system.system_schema(schema, name, self.search_path)
        if home is not None and not any(candidate.schema == home for candidate in found):
            said = {**facts, "catalog": catalog or system.sensitivity(home, name, [], frozenset(), False) or "system"}
            self.take(Effect(action=action, kind=kind, schema=home, name=name, columns=columns, facts=said))
            if self.search_path is not None or schema is not None:
                return
        elif not found:
            temporary = schema is not None and is_temporary_schema(schema)
            self.take(
                Effect(
                    action=action,
                    kind=kind,
                    schema=schema or "",
                    name=name,
                    columns=columns,
                    temporary=temporary,
                    facts={**facts, "unresolved": True},
                )
            )
            return
        for candidate in found:
            said = {**facts, "ambiguous": True} if len(found) > 1 else dict(facts)
            self.on(action, candidate, columns=columns, facts=said, catalog=catalog)

    def on(
        self,
        action: Action,
        relation: Relation,
        *,
        columns: tuple[str, ...] = (),
        facts: Facts = NO_FACTS,
        catalog: str | None = None,
    ) -> None:
        """An effect on a relation of the snapshot, and (fact ``via``) on those whose rows its rows are."""
        said = dict(facts)
        marked = catalog or system.sensitivity(relation.schema, relation.name, [], frozenset(), False)
        if marked is not None:
            said["catalog"] = marked
        if "via" not in said:
            self._named.setdefault(relation.oid, KINDS[relation.kind])
        self.take(
            Effect(
                action=action,
                kind=KINDS[relation.kind],
                schema=relation.schema,
                name=relation.name,
                relation=relation.oid,
                columns=columns,
                facts=said,
            )
        )
        if "via" not in said:
            for parent in self._ancestors(relation):
                # A partition's rows are its parent's: a rule on the parent must see this.
                via = f"{relation.schema}.{relation.name}"
                self.on(action, parent, columns=columns, facts={**said, "via": via})

    def _ancestors(self, relation: Relation) -> Iterable[Relation]:
        seen: dict[int, Relation] = {}
        todo = list(relation.parents)
        while todo:
            parent = self.catalog.relations.get(todo.pop())
            if parent is not None and parent.oid not in seen:
                seen[parent.oid] = parent
                todo.extend(parent.parents)
        return seen.values()

    # Trees

    def trace(self, node: Node) -> lineage.Lineage:
        """Lineage of a query or a write inside, noted. Outputs are the caller's to take."""
        found = lineage.trace(node, self.catalog, self.search_path)
        self.reads |= found.reads
        self.opaque = self.opaque or found.opaque
        self.uses.extend(found.uses)
        self.flows.extend(found.flows)
        for name in found.unresolved:
            schema, _, bare = name.rpartition(".")
            if system.system_schema(schema or None, bare, self.search_path) is None:
                self.unresolved[name] = None
        return found

    def reach(self, walk: Walk, found: lineage.Lineage | None = None) -> None:
        """The effects of everything a walk met, apart from its writes and creations."""
        columns = _columns_read(found, self.catalog) if found is not None else {}
        aliases = frozenset(alias_of(read) for read in walk.reads)
        for read in walk.reads:
            self._read(read, walk, aliases, columns)
        for lock in walk.locks:
            self.relation(Action.LOCK, lock.relation, facts={"strength": lock.strength})
        self.calls(walk, found)
        for schema, operator in walk.operators:
            if schema != "pg_catalog":
                self.opaque = True
                self.add(Action.CALL, "operator", schema, operator)
        for node in walk.unknown:
            self.unknown(node)

    def reach_fields(self, kind: str, body: Node, skip: tuple[str, ...] = ()) -> None:
        """The effects of expressions inside a definition or a utility statement."""
        walk = Walk()
        walk.visit_fields(kind, body, skip)
        self.reach(walk)
        for write in walk.writes:
            self.absorb(self.describe({write.kind: write.body}))

    def reached_through(self, found: lineage.Lineage) -> None:
        """Relations that lineage reached and the text does not name: those behind views."""
        views = [oid for oid, kind in self._named.items() if kind in ("view", "materialized_view")]
        via = self.catalog.relations[views[0]] if len(views) == 1 else None
        for oid in sorted(found.reads):
            relation = self.catalog.relations.get(oid)
            if relation is None or oid in self._named or relation.kind is RelationKind.TOAST:
                continue
            facts = {"via": f"{via.schema}.{via.name}" if via is not None else "view"}
            if relation.schema not in system.SYSTEM_SCHEMAS:
                self.on(Action.SELECT, relation, columns=_columns_read(found, self.catalog).get(oid, ()), facts=facts)

    def _read(self, read: Node, walk: Walk, aliases: frozenset[str], columns: Mapping[int, tuple[str, ...]]) -> None:
        home = system.system_schema(read.get("schemaname"), read["relname"], self.search_path)
        found = self.resolve(read)
        schemas = {candidate.schema for candidate in found} or ({home} if home else set())
        renamed = bool(read.get("alias", {}).get("colnames"))
        marks = {
            system.sensitivity(schema, read["relname"], walk.columns, aliases, renamed) for schema in schemas if schema
        }
        mark = "sensitive" if "sensitive" in marks else None
        seen = columns.get(found[0].oid, ()) if len(found) == 1 else ()
        if "system" in marks and mark is None and len(marks) == 1:
            mark = "system"
        self.relation(Action.SELECT, read, columns=seen, catalog=mark)

    def calls(self, walk: Walk, found: lineage.Lineage | None) -> None:
        """The effects of calls, as written and as lineage recognised them."""
        judged = set()
        for call in walk.calls:
            *qualifier, name = field_names(call["funcname"])
            schema = qualifier[-1] if qualifier else None
            judged.add((schema or "", name))
            candidates = self.catalog.resolve_function(schema, name, self.search_path)
            self._judge(schema, name, call.get("args", []), candidates)
        for use in found.functions if found is not None else ():
            if (use.schema, use.name) not in judged and use.candidates:
                self._judge(use.schema or None, use.name, list(use.args), use.candidates)

    def _judge(self, schema: str | None, name: str, arguments: list[Node], candidates: tuple[Function, ...]) -> None:
        judgement = functions.judge(schema or "", name, arguments, candidates, qualified=schema is not None)
        for effect in judgement.effects:
            self.take(effect)
        self.opaque = self.opaque or judgement.opaque
        if judgement.settings:
            self.change["settings"] = True


def _columns_read(found: lineage.Lineage, catalog: Catalog) -> dict[int, tuple[str, ...]]:
    """Names of the columns that a query shows, compares or stores, by relation."""
    seen: set[ColumnRef] = set()
    for output in found.outputs or ():
        seen |= output.sources
    for use in found.uses:
        seen.add(use.column)
        if use.partner is not None:
            seen.add(use.partner)
    for flow in found.flows:
        seen |= flow.sources
    names: dict[int, dict[str, None]] = {}
    for reference in sorted(seen, key=lambda item: (item.relation, item.attnum)):
        relation = catalog.relations.get(reference.relation)
        for column in relation.columns if relation is not None else ():
            if reference.attnum in (0, column.attnum):
                names.setdefault(reference.relation, {})[column.name] = None
    return {oid: tuple(columns) for oid, columns in names.items()}
