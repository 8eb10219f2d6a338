"""What analysis found in a text, compared with how the database itself understands it.

The database's own rewritten tree may add sources to columns and to what is stored, comparisons, relations
to what is read, and doubt;
it takes nothing away. Which queries of a text it is asked about is `sql.asked`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from govproxy.sql import system
from govproxy.sql.catalog import Catalog, ColumnRef, RelationKind
from govproxy.sql.deciding import Deciders
from govproxy.sql.lineage import results_of
from govproxy.sql.nodetext import TreeNode, UnreadableTree, read_tree
from govproxy.sql.origins import SELECT, Level, Sources, relations, shown
from govproxy.sql.treecalls import UNKNOWN, Source, TreeCalls, users
from govproxy.sql.types import FIRST_USER_OID
from govproxy.sql.values import (
    UNTRACED,
    Action,
    Analysis,
    Comparison,
    Derivation,
    Effect,
    Flow,
    OutputColumn,
    StatementFacts,
    Use,
)

_WRITING = frozenset({Action.INSERT, Action.UPDATE, Action.DELETE, Action.MERGE})


def agreed(analysis: Analysis, asked: Sequence[str | None], trees: Sequence[bytes], catalog: Catalog) -> Analysis:
    """``analysis`` with what the database's trees add, one for each query that was asked; see ``Analysis.added``."""
    if len(trees) != sum(query is not None for query in asked) or len(asked) != len(analysis.statements):
        return uncertain(replace(analysis, statements=tuple(map(_doubted, analysis.statements))))
    answers = iter(trees)
    statements: list[StatementFacts] = []
    added: list[str] = []
    certain = True
    for facts, query in zip(analysis.statements, asked, strict=True):
        if query is None:
            statements.append(facts)
            continue
        try:
            statements.append(_asked_about(facts, next(answers), catalog, added))
        except UnreadableTree:
            statements.append(_doubted(facts))
            certain = False
    found = replace(analysis, statements=tuple(statements), added=tuple(dict.fromkeys(added)))
    return found if certain else uncertain(found)


def uncertain(analysis: Analysis) -> Analysis:
    """The same where the database did not answer: what it shows is not known, and it is asked again."""
    return replace(analysis, certain=False, cacheable=False)


def _doubted(facts: StatementFacts) -> StatementFacts:
    """Nothing of what it shows is certain."""
    inner = None if facts.inner is None else _doubted(facts.inner)
    return replace(facts, opaque=True, inner=inner, outputs=None if facts.outputs != () else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What one tree says."""

    columns: tuple[frozenset[Source], ...]
    reads: frozenset[int]
    named: frozenset[int]  # without what only row security reads
    plain: frozenset[Source]  # decides something as it is
    computed: frozenset[Source]  # decides something by what is made of it, by its order, or by what it groups
    stored: frozenset[Source]
    calls: frozenset[int]  # functions of the users'
    shown: frozenset[int]  # those of them that not only row security calls

    @classmethod
    def read(cls, text: bytes, catalog: Catalog, *, on_view: bool, given: frozenset[int]) -> _Answer:
        """Raises `UnreadableTree`. ``on_view``: what is written to is a view. ``given``: functions that its defaults
        call, of which whoever made it decided that what they give is stored."""
        trees = read_tree(text)
        queries = [tree for tree in (trees if isinstance(trees, list) else [trees]) if tree is not None]
        if not all(isinstance(tree, TreeNode) and tree.tag == "QUERY" for tree in queries):
            raise UnreadableTree("no query")
        showing = [tree for tree in queries if shown(tree) or tree["commandType"] == SELECT]
        if len(showing) > 1 or any(tree["commandType"] not in ("1", "2", "3", "4", "5") for tree in queries):
            raise UnreadableTree("queries of which it is not known which shows what")
        attnums = {
            oid: tuple(column.attnum for column in catalog.relations[oid].columns)
            for oid in relations(queries)
            if oid in catalog.relations
        }
        columns: tuple[frozenset[Source], ...] = ()
        calls = TreeCalls(catalog, results_of(catalog))
        all_calls, shown_calls = users(queries, catalog)
        shown_calls -= given
        try:
            for tree in showing:
                sources = Sources(attnums, calls)
                level = Level(tree)
                columns = tuple(frozenset(sources.of_output(level, entry.integer("resno"))) for entry in shown(tree))
            # Several queries of one come of rules, which are judged by what the catalog says of them.
            written = calls.without(given)
            deciders = [Deciders(tree, attnums, on_view=on_view, calls=written) for tree in queries[:1]]
            deciders = deciders if len(queries) == 1 else []
        except RecursionError:
            raise UnreadableTree("too deep") from None
        return cls(
            columns=columns,
            reads=frozenset(relations(queries)).union(*map(calls.reads, shown_calls)),
            named=frozenset(relations(queries, policies=False)).union(*map(calls.reads, shown_calls)),
            plain=frozenset(source for one in deciders for source in one.plain),
            computed=frozenset(source for one in deciders for source in one.computed),
            stored=frozenset(source for one in deciders for source in one.stored),
            calls=all_calls,
            shown=shown_calls,
        )


def _asked_about(facts: StatementFacts, tree: bytes, catalog: Catalog, added: list[str]) -> StatementFacts:
    effects = [e for one in _nested(facts) for e in one.effects if e.action in _WRITING]
    written = [catalog.relations[e.relation] for e in effects if e.relation in catalog.relations]
    on_view = any(relation.kind is RelationKind.VIEW for relation in written)
    given = frozenset(function for relation in written for what, function in relation.runs if what == "default")
    answer = _Answer.read(tree, catalog, on_view=on_view, given=given)
    return _called(_confirmed(facts, answer, catalog, added), answer, catalog, added)


def _called(facts: StatementFacts, answer: _Answer, catalog: Catalog, added: list[str]) -> StatementFacts:
    """Functions that the server sees called, against those that analysis knows of.

    Security: what the code does that only the server knows of has not been judged, and what it gives may be
    anything. What it knows of and cannot follow leaves the statement opaque in any case.
    """
    calls = TreeCalls(catalog, results_of(catalog))
    known = _known_routines(facts, catalog)
    missing = sorted(oid for oid in answer.calls - known if not calls.is_known(oid))
    if missing:
        names = [_routine(oid, catalog) for oid in missing]
        added.extend(f"calls {name}" for name in names)
        return _with_unknown_code(_doubted(facts), names)
    if not all(map(calls.is_followed, answer.shown)):
        return _opaque(facts)
    return facts


def _known_routines(facts: StatementFacts, catalog: Catalog) -> set[int]:
    """What analysis reckoned with: what a text calls, and what the definitions of all that it reaches do."""
    known: set[int] = set()
    for one in _nested(facts):
        known |= one.routines
        for oid in one.reads | {effect.relation for effect in one.effects if effect.relation is not None}:
            relation = catalog.relations.get(oid)
            known.update(function for _, function in (relation.runs if relation is not None else ()))
    return known


def _nested(facts: StatementFacts) -> list[StatementFacts]:
    return [facts] if facts.inner is None else [facts, *_nested(facts.inner)]


def _with_unknown_code(facts: StatementFacts, names: Iterable[str]) -> StatementFacts:
    inner = None if facts.inner is None else _with_unknown_code(facts.inner, names)
    code = tuple(
        Effect(
            action=Action.SELECT,
            kind="function",
            name=name,
            facts={"via": "database", "by": "database", "body": "unreadable", "function": name},
        )
        for name in names
    )
    return replace(
        facts,
        effects=(*facts.effects, *code),
        uses=(*facts.uses, Use(column=UNTRACED, comparison=Comparison.OTHER)),
        flows=tuple(replace(flow, opaque=True) for flow in facts.flows),
        inner=inner,
    )


def _opaque(facts: StatementFacts) -> StatementFacts:
    return replace(facts, opaque=True, inner=None if facts.inner is None else _opaque(facts.inner))


def _confirmed(facts: StatementFacts, answer: _Answer, catalog: Catalog, added: list[str]) -> StatementFacts:
    inner = facts.inner
    if inner is not None:
        inner = _confirmed(inner, answer, catalog, added)
    outputs, opaque = facts.outputs, facts.opaque
    flows = _flows(facts, answer, catalog, added)
    # Of what only holds a query the rows are not its own, those of EXPLAIN among them.
    if outputs is not None and not _stores_rows(facts) and (outputs or inner is None) and facts.tag != "EXPLAIN":
        if len(outputs) != len(answer.columns):
            added.append(f"{len(answer.columns)} columns instead of {len(outputs)}")
            outputs, opaque = None, True
        else:
            outputs = tuple(
                _with(column, found, facts, catalog, added)
                for column, found in zip(outputs, answer.columns, strict=True)
            )
    written = {effect.relation for effect in facts.effects}
    more = {oid for oid in answer.reads - facts.reads - written if not _is_unlisted(oid, facts, catalog)}
    effects = tuple(_reading(oid, catalog) for oid in sorted(more & answer.named))
    added.extend(effect.object or str(effect.relation) for effect in effects)
    return replace(
        facts,
        outputs=outputs,
        opaque=opaque,
        inner=inner,
        reads=facts.reads | more,
        effects=(*facts.effects, *effects),
        uses=(*facts.uses, *_uses(facts, answer, catalog, added)),
        flows=(*facts.flows, *flows),
    )


def _uses(facts: StatementFacts, answer: _Answer, catalog: Catalog, added: list[str]) -> list[Use]:
    """Comparisons that the server sees, of columns of which analysis knows none, or only that they equal something.

    Security: of a column that analysis did not see it is not known how it is compared either.
    """
    known = {use.column for use in facts.uses}
    beyond = {use.column for use in facts.uses if use.comparison is not Comparison.EQUALITY}
    computed, plain = _refs(answer.computed, facts, catalog), _refs(answer.plain, facts, catalog)
    found = sorted((computed - beyond) | (plain - known), key=_order)
    if UNKNOWN in answer.computed | answer.plain and UNTRACED not in known:
        # Its effects are those of the code that analysis found.
        found.append(UNTRACED)
    added.extend(f"compares {_name(ref, catalog)}" for ref in found)
    return [Use(column=ref, comparison=Comparison.OTHER) for ref in found]


def _flows(facts: StatementFacts, answer: _Answer, catalog: Catalog, added: list[str]) -> list[Flow]:
    """What the server sees stored and analysis does not."""
    inner = facts.inner
    found = set(answer.stored)
    if _stores_rows(facts) or (facts.tag == "EXPLAIN" and inner is not None and _stores_rows(inner)):
        found.update(source for column in answer.columns for source in column)
    known = frozenset[ColumnRef]().union(*(flow.sources for flow in (*facts.flows, *(inner.flows if inner else ()))))
    more = _refs(found, facts, catalog) - known
    untraced = UNKNOWN in found and not any(flow.opaque for flow in (*facts.flows, *(inner.flows if inner else ())))
    if not more and not untraced:
        return []
    made = next((e.object for e in facts.effects if e.action in _WRITING or e.action is Action.CREATE), "")
    added.extend(f"stores {_name(ref, catalog)}" for ref in sorted(more, key=_order))
    return [Flow(sources=frozenset(more), target=made, opaque=untraced)]


def _stores_rows(facts: StatementFacts) -> bool:
    """Whether it is a query whose rows become a relation."""
    return facts.inner is None and any(e.action is Action.CREATE and e.facts.get("as") for e in facts.effects)


def _refs(sources: Iterable[Source], facts: StatementFacts, catalog: Catalog) -> set[ColumnRef]:
    return {ColumnRef(oid, attnum) for oid, attnum in sources if not _is_unlisted(oid, facts, catalog)}


def _with(
    column: OutputColumn, found: frozenset[Source], facts: StatementFacts, catalog: Catalog, added: list[str]
) -> OutputColumn:
    """The column with what the server says feeds it."""
    sources = _refs(found, facts, catalog)
    more = sources - column.sources
    untraced = UNKNOWN in found
    if not more and (not untraced or column.derivation is Derivation.OPAQUE):
        return column
    if untraced and column.derivation is not Derivation.OPAQUE:
        added.append(f"{column.name} from code that cannot be followed")
    added.extend(f"{column.name} from {_name(ref, catalog)}" for ref in sorted(more, key=_order))
    unknown = any(ref.relation not in catalog.relations for ref in more)
    doubt = column.derivation is Derivation.OPAQUE or unknown or untraced
    return replace(
        column,
        sources=column.sources | more,
        derivation=Derivation.OPAQUE if doubt else Derivation.EXPRESSION,
    )


def _is_unlisted(oid: int, facts: StatementFacts, catalog: Catalog) -> bool:
    """Whether it is no wonder that the catalog does not know a relation: one of the system's own, or a
    temporary table where analysis says that one is read."""
    return oid not in catalog.relations and (oid < FIRST_USER_OID or facts.own)


def _reading(oid: int, catalog: Catalog) -> Effect:
    relation = catalog.relations.get(oid)
    facts: dict[str, str | int | bool] = {"via": "database"}
    if relation is not None and relation.schema in system.SYSTEM_SCHEMAS:
        mark = system.sensitivity(relation.schema, relation.name, system.EVERY_COLUMN)
        facts |= {"catalog": mark} if mark else {}
    return Effect(
        action=Action.SELECT,
        kind="table",
        schema=relation.schema if relation else "",
        name=relation.name if relation else "",
        relation=oid,
        facts=facts,
    )


def _routine(oid: int, catalog: Catalog) -> str:
    function = catalog.functions.get(oid)
    return f"{function.schema}.{function.name}" if function is not None else f"a function that is not known ({oid})"


def _name(ref: ColumnRef, catalog: Catalog) -> str:
    if ref == UNTRACED:
        return "what cannot be traced"
    relation = catalog.relations.get(ref.relation)
    if relation is None:
        return f"{ref.relation}.{ref.attnum}"
    names = {column.attnum: column.name for column in relation.columns}
    return f"{relation.schema}.{relation.name}.{names.get(ref.attnum, ref.attnum)}"


def _order(ref: ColumnRef) -> tuple[int, int]:
    return ref.relation, ref.attnum
